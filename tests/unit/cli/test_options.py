"""How words on a command line become settings."""

from pathlib import Path

import pytest

from genesis.cli.options import duration_in_seconds, settings_from_options
from genesis.errors import ConfigError, UsageError


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("5m", 300), ("24h", 86_400), ("1s", 1)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    """Seconds, minutes and hours are all a run is measured in."""
    assert duration_in_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "60", "s", "0s", "1.5h", "-1s", "1d", "1h30m", "1S"])
def test_what_is_no_duration_is_answered_with_one_that_is(text: str) -> None:
    """The message shows the form, so the next try is right."""
    with pytest.raises(UsageError, match="such as 60s, 5m or 24h"):
        duration_in_seconds(text)


def test_a_replay_is_named_with_its_tape(tmp_path: Path) -> None:
    """`--market replay:PATH` is two settings in one word."""
    tape = tmp_path / "tape.ndjson"
    tape.touch()

    settings = settings_from_options(None, None, (), f"replay:{tape}")

    assert settings.market.source == "replay"
    assert settings.market.path == tape


def test_the_model_takes_the_place_of_a_tape_in_the_file(tmp_path: Path) -> None:
    """`--market model` undoes what the file says, path included."""
    config_file = tmp_path / "genesis.toml"
    config_file.write_text('[market]\nsource = "replay"\npath = "tape"\n')

    assert settings_from_options(config_file, None, (), "model").market.path is None


@pytest.mark.parametrize("market", ["", "replay", "replay:", "real"])
def test_an_unknown_market_is_answered_with_those_known(market: str) -> None:
    """A misspelt market never silently becomes another one."""
    with pytest.raises(UsageError, match="use model, or replay:PATH"):
        settings_from_options(None, None, (), market)


def test_set_has_the_last_word(tmp_path: Path) -> None:
    """The most exact way of saying a setting wins over the shorter ones."""
    settings = settings_from_options(None, tmp_path / "a", (f"state_dir={tmp_path / 'b'}",))

    assert settings.state_dir == tmp_path / "b"


def test_a_wrong_word_is_a_fault_of_the_configuration() -> None:
    """A value from the command line is judged like any other."""
    with pytest.raises(ConfigError, match="did you mean 'market'"):
        settings_from_options(None, None, ("markets.rate=1",))
