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


def test_rows_read_back_in_order(rows: list[Row]) -> None:
    """Each continues the one before it."""
    chain = EntryChain()
    read = [chain.read(row.sequence, row.payload, row.checksum) for row in rows]
    assert read == ENTRIES
    assert (chain.sequence, chain.checksum) == (3, rows[-1].checksum)


def test_linking_leaves_the_place_until_the_rows_are_written(rows: list[Row]) -> None:
    """A group that could not be written must leave no hole."""
    chain = EntryChain()
    assert chain.link(ENTRIES[:1]) == chain.link(ENTRIES[:1]) == rows[:1]
    chain.move_to(rows[0])
    assert chain.link(ENTRIES[1:]) == rows[1:]


def test_a_row_out_of_place_breaks_the_chain(rows: list[Row]) -> None:
    """Left out, repeated or changed: the sequence or the checksum tells."""
    chain = EntryChain()
    with pytest.raises(BrokenChain, match="entry 2"):
        chain.read(rows[1].sequence, rows[1].payload, rows[1].checksum)
    with pytest.raises(BrokenChain, match="entry 1"):
        chain.read(1, rows[0].payload + b" ", rows[0].checksum)


def test_reading_may_begin_anywhere_on_the_chain(rows: list[Row]) -> None:
    """A snapshot remembers sequence and checksum."""
    chain = EntryChain(1, rows[0].checksum)
    assert chain.read(rows[1].sequence, rows[1].payload, rows[1].checksum) == ENTRIES[1]


def test_a_whole_row_of_another_version_is_told_apart() -> None:
    """It is no damage."""
    payload = b'{"type":"hologram"}'
    checksum = zlib.crc32(payload)
    with pytest.raises(UnreadableEntry, match="number 1"):
        EntryChain().read(1, payload, checksum)
