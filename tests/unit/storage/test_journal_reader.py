"""Reading a journal beside its writer: complete, in order, and in nobody's way."""

import sqlite3
from pathlib import Path

import pytest

from genesis.engine.entries import EpochStarted, StoppedCleanly, TradingHalted, TradingResumed
from genesis.errors import StorageError
from genesis.storage.entry_chain import EntryChain
from genesis.storage.journal import Journal
from genesis.storage.journal_reader import JournalReader
from tests.support.builders import NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_what_is_committed_is_read_while_the_writer_goes_on(path: Path) -> None:
    """Each look sees every commit before it, and the chain goes on from look to look."""
    journal = Journal(path, "full")
    reader, place = JournalReader(path), EntryChain()
    for number in range(1, 6):
        journal.append([TradingResumed(NOW + number), StoppedCleanly(NOW + number)])
        assert reader.last_sequence() == 2 * number
        batch = reader.read(place, 10)
        assert [each.entry for each in batch] == [
            TradingResumed(NOW + number),
            StoppedCleanly(NOW + number),
        ]
        assert batch[-1].sequence == place.sequence == 2 * number
        assert batch[-1].checksum == place.checksum
        assert reader.has_place(place)
    assert reader.read(place, 10) == []
    reader.close()
    journal.close()


def test_no_more_is_read_than_asked_for(path: Path) -> None:
    """However long the journal is."""
    journal = Journal(path, "venue")
    journal.append([TradingResumed(NOW + number) for number in range(10)])
    reader, place = JournalReader(path), EntryChain()
    assert [len(reader.read(place, 4)) for _ in range(4)] == [4, 4, 2, 0]
    reader.close()
    journal.close()


def test_an_open_reader_keeps_no_log_from_beginning_anew(path: Path) -> None:
    """Between two looks it holds nothing, so the log does not grow for as long as it reads."""
    log = path.with_name(f"{path.name}-wal")
    journal = Journal(path, "venue")
    reader, place = JournalReader(path), EntryChain()
    entries = [TradingHalted("x" * 2_000, None, NOW)]
    for _ in range(100):
        journal.append(entries)
        reader.read(place, 10)
    grown = log.stat().st_size
    journal.checkpoint()
    for _ in range(50):
        journal.append(entries)
        reader.read(place, 10)
    assert log.stat().st_size == grown
    reader.close()
    journal.close()


def test_a_reader_in_the_middle_of_a_look_holds_no_commit_up(path: Path) -> None:
    """Neither a commit nor a checkpoint nor the end of the writer waits for it, or fails."""
    journal = Journal(path, "full")
    journal.append([EpochStarted(1, "", NOW)])
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    journal.append([TradingResumed(NOW)])
    journal.checkpoint()
    journal.append([StoppedCleanly(NOW)])
    journal.close()
    assert reader.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    reader.close()
    again = Journal(path, "full")
    assert len(list(again.read())) == 3
    again.close()


def test_a_journal_that_is_not_made_yet_is_empty(path: Path) -> None:
    """Its writer may come later; the reader makes no file."""
    reader = JournalReader(path)
    assert reader.last_sequence() == 0
    assert reader.read(EntryChain(), 10) == []
    assert not path.exists()
    sqlite3.connect(path).close()
    assert reader.last_sequence() == 0
    journal = Journal(path, "full")
    journal.append([StoppedCleanly(NOW)])
    assert reader.last_sequence() == 1
    reader.close()
    journal.close()


def test_a_place_of_another_journal_is_told_from_its_own(path: Path) -> None:
    """The chain's checksum at a place is that of all entries up to it."""
    journal = Journal(path, "full")
    journal.append([StoppedCleanly(NOW), StoppedCleanly(NOW + 1)])
    reader, place = JournalReader(path), EntryChain()
    reader.read(place, 1)
    assert reader.has_place(EntryChain())
    assert reader.has_place(place)
    assert not reader.has_place(EntryChain(place.sequence, place.checksum + 1))
    assert not reader.has_place(EntryChain(3, 0))
    reader.close()
    journal.close()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE entries SET payload = x'7b7d' WHERE sequence = 2", "is damaged at entry 2"),
        (
            'UPDATE entries SET payload = cast(\'{"type":"x"}\' AS blob), checksum = 1588291291',
            "cannot read, number 1",
        ),
        ("DROP TABLE entries", "no such table"),
        ("PRAGMA user_version = 99", "is not a Genesis journal"),
    ],
    ids=["changed", "a later kind", "no table", "another format"],
)
def test_what_is_no_journal_of_ours_is_named(path: Path, damage: str, words: str) -> None:
    """The message names the file, and the place within it."""
    journal = Journal(path, "full")
    journal.append([StoppedCleanly(NOW)])
    if "number 1" not in words:
        journal.append([StoppedCleanly(NOW)])
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    connection.close()
    reader = JournalReader(path)
    with pytest.raises(StorageError, match=words) as caught:
        reader.read(EntryChain(), 10)
    assert str(path) in str(caught.value)
    reader.close()


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    """It is not taken for an empty journal."""
    path.write_text("rubbish, and long enough to have a header\n" * 100)
    reader = JournalReader(path)
    with pytest.raises(StorageError, match=f"cannot read the journal {path}"):
        reader.last_sequence()
    reader.close()
