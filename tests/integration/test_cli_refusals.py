"""`genesis refusals` over a real journal, beside its writer."""

import json
from pathlib import Path

import pytest

from genesis.cli import main
from genesis.domain.orders import Refusal, RefusalRule
from genesis.engine.entries import SignalId, SignalRefused
from genesis.engine.state_directory import StateDirectory
from genesis.errors import EXIT_STORAGE, EXIT_USAGE
from genesis.storage.journal import Journal
from tests.support.builders import NOW

HALF_A_SECOND = 500_000_000


def refused(number: int, sequence: int, rule: RefusalRule, wording: str = "") -> SignalRefused:
    return SignalRefused(
        signal=SignalId(number, 3, sequence),
        symbol="BTCUSDT",
        refusal=Refusal(rule=rule, limit="at most 1", observed="2", wording=wording),
        at=NOW + HALF_A_SECOND,
    )


@pytest.fixture
def written(state_dir: Path) -> Path:
    """Return a state directory on which three signals were refused."""
    state = StateDirectory(state_dir)
    numbers = state.number_strategies(["calm-1", "wild-1"])
    journal = Journal(state.journal_path("ab"), "venue")
    journal.append(
        [
            refused(numbers["wild-1"], 1, RefusalRule.CONFIDENCE),
            refused(numbers["wild-1"], 2, RefusalRule.LOT_SIZE, "Filter failure: LOT_SIZE"),
            refused(numbers["calm-1"], 1, RefusalRule.CONFIDENCE),
        ]
    )
    journal.close()
    return state_dir


def test_a_person_sees_counts_then_the_latest(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What refuses most and who is refused most first; each refusal with limit and observed."""
    assert main(["refusals", "--state", str(written), "--last", "2"]) == 0
    limit_and_observed = (
        "limit at most 1, observed 2; the venue would say 'Filter failure: LOT_SIZE'"
    )
    assert capsys.readouterr().out.splitlines() == [
        "refused     3: 2 confidence, 1 lot_size",
        "            wild-1: 1 confidence, 1 lot_size",
        "            calm-1: 1 confidence",
        "",
        "2026-05-28 20:26:40.500Z  calm-1  BTCUSDT  confidence: limit at most 1, observed 2",
        f"2026-05-28 20:26:40.500Z  wild-1  BTCUSDT  lot_size: {limit_and_observed}",
    ]


def test_a_program_gets_all_of_it(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Filtered, with names, times in nanoseconds and the signal's own name."""
    words = ["refusals", "--json", "--rule", "confidence", "--strategy", "wild-1"]
    assert main([*words, "--state", str(written)]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["total"], page["by_rule"]) == (1, {"confidence": 1})
    assert page["by_strategy"] == {"wild-1": {"confidence": 1}}
    (row,) = page["refusals"]
    assert (row["strategy"], row["epoch"], row["signal"]) == ("wild-1", 3, 1)
    assert row["at_ns"] == NOW + HALF_A_SECOND


def test_it_reads_beside_an_engine_that_writes(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is durable is shown, and the writer goes on."""
    journal = Journal(StateDirectory(written).journal_path("ab"), "full")
    list(journal.read())
    journal.append([refused(1, 9, RefusalRule.EXPOSURE)])
    assert main(["refusals", "--state", str(written), "--last", "0"]) == 0
    assert "refused     4: 2 confidence, 1 exposure, 1 lot_size" in capsys.readouterr().out
    journal.append([refused(1, 10, RefusalRule.EXPOSURE)])
    journal.close()


def test_what_is_not_there_is_told_in_a_line(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A strategy of another name, a rule of another name, a state without a journal."""
    where = ["--state", str(written)]
    assert main(["refusals", "--strategy", "who", *where]) == EXIT_USAGE
    assert "none of that name ever ran" in capsys.readouterr().err
    assert main(["refusals", "--rule", "what", *where]) == EXIT_USAGE
    assert "confidence" in capsys.readouterr().err
    assert main(["refusals", "--state", str(tmp_path / "none")]) == EXIT_STORAGE
    assert "no engine has traded on it yet" in capsys.readouterr().err
