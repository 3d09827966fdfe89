"""What a journal tells of refusals."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genesis.domain.orders import Refusal, RefusalRule
from genesis.engine.entries import Entry, SignalId, SignalRefused, StoppedCleanly
from genesis.errors import StorageError
from genesis.storage.journal import Journal
from genesis.storage.journal_reader import JournalReader
from genesis.storage.refusal_history import RefusalHistory, read_refusals
from tests.support.builders import NOW


def refused(number: int, sequence: int, rule: RefusalRule = RefusalRule.FORM) -> SignalRefused:
    return SignalRefused(
        signal=SignalId(number, 1, sequence),
        symbol="BTCUSDT",
        refusal=Refusal(rule=rule, limit="limit", observed="observed"),
        at=NOW + sequence,
    )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Yield a journal whose writer is at work while it is read."""
    journal = Journal(tmp_path / "a.journal.db", "venue")
    yield journal
    journal.close()


def history_of(
    journal: Journal,
    *,
    rule: str | None = None,
    strategy_number: int | None = None,
    last: int = 10,
) -> RefusalHistory:
    with closing(JournalReader(journal.path)) as reader:
        return read_refusals(reader, rule=rule, strategy_number=strategy_number, last=last)


def test_all_are_counted_and_the_latest_are_shown_first(journal: Journal) -> None:
    """Among entries of every other kind, however many there are between two refusals."""
    filler: list[Entry] = [StoppedCleanly(NOW)] * 25_000
    journal.append([refused(7, 1), *filler, refused(8, 2, RefusalRule.SIZE), refused(7, 3)])

    history = history_of(journal, last=2)

    assert history.counts == {(7, "form"): 2, (8, "size"): 1}
    assert [entry.signal.sequence for entry in history.latest] == [3, 2]


def test_one_rule_or_one_strategy_is_asked_for(journal: Journal) -> None:
    """What was not asked for is neither counted nor shown."""
    journal.append([refused(7, 1), refused(8, 2, RefusalRule.SIZE), refused(8, 3)])

    assert history_of(journal, rule="form").counts == {(7, "form"): 1, (8, "form"): 1}
    of_one = history_of(journal, strategy_number=8)
    assert of_one.counts == {(8, "size"): 1, (8, "form"): 1}
    assert [entry.signal.sequence for entry in of_one.latest] == [3, 2]
    assert history_of(journal, rule="size", strategy_number=7).counts == {}


def test_a_journal_without_refusals_has_none(journal: Journal) -> None:
    """Nor has one that nobody has written yet."""
    assert history_of(journal).latest == []
    journal.append([StoppedCleanly(NOW)])
    assert not history_of(journal).counts


def test_an_entry_of_another_version_is_named(journal: Journal) -> None:
    """It is not guessed at."""
    journal.append([StoppedCleanly(NOW)])
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
        other.execute("UPDATE entries SET payload = ?", (b'{"type":"refused","signal":1}',))
    with pytest.raises(StorageError, match="cannot be read"):
        history_of(journal)
