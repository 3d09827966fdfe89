"""Real money needs a word on the command line, and a person."""

import io
import sys
from pathlib import Path

import pytest

from genesis.cli import main
from genesis.cli.live import ask_for_confirmation
from genesis.config import Settings
from genesis.errors import UsageError

LIVE = Settings.model_validate(
    {
        "mode": "live",
        "capital_quote": "700.50",
        "strategies": {"symbols": [f"A{row}USDT" for row in range(13)], "count": 40},
    }
)
WORDS = "700.50 USDT"


@pytest.fixture
def live(tmp_path: Path) -> list[str]:
    """Return the words of a command line whose configuration says live."""
    key_file = tmp_path / "key.toml"
    key_file.touch(mode=0o600)
    overrides = (
        "mode=live",
        'strategies.symbols=["BTCUSDT"]',
        f"credentials.key_file={key_file}",
        f"state_dir={tmp_path / 'state'}",
    )
    return [word for override in overrides for word in ("--set", override)]


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command line is refused with, which is wrong as it stands: exit 64."""
    assert main(["run", *arguments]) == 64
    return capsys.readouterr().err


def test_a_configuration_alone_does_not_trade_with_real_money(
    live: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever starts the engine says so too; nothing was started or made."""
    assert "`genesis run --live`" in refusal(live, capsys)
    assert not (tmp_path / "state").exists()


def test_without_a_terminal_it_must_be_confirmed_before(
    live: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service file that forgot `--yes` does not hang at a question."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert "no terminal to confirm at; add --yes" in refusal([*live, "--live"], capsys)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--live"], "the configuration says mode sim"),
        (["--live", "--yes"], "the configuration says mode sim"),
        (["--yes"], "goes with it"),
    ],
)
def test_options_of_live_trading_mean_nothing_elsewhere(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who says live and gets a simulation must not take it for real, nor the other way round."""
    assert says in refusal(options, capsys)


def test_the_amount_at_risk_is_shown_and_typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the one word that nobody types by habit."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{WORDS}\n"))
    ask_for_confirmation(LIVE)
    shown = capsys.readouterr().out
    assert f"REAL MONEY: {WORDS} of your account, by 40 strategies on A0USDT, " in shown
    assert "A11USDT and 1 more." in shown
    assert "may cost 25 USDT" in shown
    assert "entries up to 20 USDT, for 1800 s" in shown


@pytest.mark.parametrize("answer", ["yes", "", "700 USDT"])
def test_any_other_answer_is_a_no(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reflex starts nothing."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))
    with pytest.raises(UsageError, match="not confirmed"):
        ask_for_confirmation(LIVE)
