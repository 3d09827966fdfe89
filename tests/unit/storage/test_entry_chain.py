"""Rows that check each other."""

import zlib

import pytest

from genesis.engine.entries import Entry, StoppedCleanly, TradingHalted, TradingResumed
from genesis.storage.entry_chain import BrokenChain, EntryChain, Row, UnreadableEntry
from tests.support.builders import NOW

ENTRIES: list[Entry] = [TradingHalted("why", None, NOW), TradingResumed(NOW), StoppedCleanly(NOW)]


@pytest.fixture
def rows() -> list[Row]:
    return EntryChain().link(ENTRIES)


def read_of(row: Row) -> tuple[int, bytes, int]:
    """Return what is read back of a row."""
    return row.sequence, row.payload, row.checksum


@pytest.mark.parametrize("at_a_time", [1, 2, 3])
def test_rows_read_back_in_order(rows: list[Row], at_a_time: int) -> None:
    """Each continues the one before it, however many are read at a time."""
    chain = EntryChain()
    read: list[Entry] = []
    for start in range(0, len(rows), at_a_time):
        read += chain.read([read_of(row) for row in rows[start : start + at_a_time]])
    assert read == ENTRIES
    assert (chain.sequence, chain.checksum) == (3, rows[-1].checksum)


def test_linking_leaves_the_place_until_the_rows_are_written(rows: list[Row]) -> None:
    """A group that could not be written must leave no hole."""
    chain = EntryChain()
    assert chain.link(ENTRIES[:1]) == chain.link(ENTRIES[:1]) == rows[:1]
    chain.move_to(rows[0])
    assert chain.link(ENTRIES[1:]) == rows[1:]


def test_a_row_out_of_place_breaks_the_chain(rows: list[Row]) -> None:
    """Left out, repeated or changed, wherever in a batch: the sequence or the checksum tells."""
    first, second, third = (read_of(row) for row in rows)
    with pytest.raises(BrokenChain, match="entry 2"):
        EntryChain().read([second])
    with pytest.raises(BrokenChain, match="entry 3"):
        EntryChain().read([first, third])
    with pytest.raises(BrokenChain, match="entry 1"):
        EntryChain().read([first, first])
    with pytest.raises(BrokenChain, match="entry 2"):
        EntryChain().read([first, (2, rows[1].payload + b" ", rows[1].checksum), third])
    with pytest.raises(BrokenChain, match="entry 2"):
        EntryChain().read([first, (2, rows[1].payload, rows[1].checksum + 1), third])


def test_reading_may_begin_anywhere_on_the_chain(rows: list[Row]) -> None:
    """A snapshot remembers sequence and checksum."""
    chain = EntryChain(1, rows[0].checksum)
    assert chain.read([read_of(rows[1])]) == [ENTRIES[1]]


@pytest.mark.parametrize(
    "payload",
    [b'{"type":"hologram"}', b'{"type":"resumed","at":1},{"type":"resumed","at":2}', b""],
    ids=["unknown", "two in one", "empty"],
)
def test_a_whole_row_of_another_version_is_told_apart(rows: list[Row], payload: bytes) -> None:
    """It is no damage, and its number is told, wherever in a batch it stands."""
    strange = (2, payload, zlib.crc32(payload, rows[0].checksum))
    with pytest.raises(UnreadableEntry, match="number 2"):
        EntryChain().read([read_of(rows[0]), strange])
