"""The latest-quote and depth tables, through real segments."""

from collections.abc import Iterator

import pytest

from genesis.domain.market import Depth, DepthLevel, Quote, TradedVolume
from genesis.errors import SegmentMismatch
from genesis.ipc.codec import DEPTH_BYTES, VOLUME_BYTES
from genesis.ipc.rows import row_bytes
from genesis.ipc.tables import DepthTable, QuoteTable, VolumeTable
from genesis.limits import TABLE_ROWS_MAX


def a_quote(instrument_id: int, sequence: int) -> Quote:
    """Return a quote of an instrument."""
    return Quote(instrument_id, 100, 1, 101, 2, 55, 7, 8, 9, sequence)


def a_depth(instrument_id: int, levels: int = 3) -> Depth:
    """Return a depth of an instrument."""
    side = [DepthLevel(price, 1) for price in range(levels)]
    return Depth(instrument_id, side, side[:1], 55, 7)


@pytest.fixture
def quotes() -> Iterator[QuoteTable]:
    """Return a writable table of three instruments."""
    table = QuoteTable.create(3)
    yield table
    table.close()


@pytest.fixture
def depths() -> Iterator[DepthTable]:
    """Return a writable table of three instruments."""
    table = DepthTable.create(3)
    yield table
    table.close()


def test_a_reader_knows_the_latest_quote(quotes: QuoteTable) -> None:
    """Whoever attaches sees the newest quote of each instrument, ring sequence included."""
    quotes.put(a_quote(1, sequence=40))
    quotes.put(a_quote(1, sequence=41))
    reader = QuoteTable.attach(quotes.fd)
    assert reader.rows == 3
    assert reader.get(0) is None
    assert reader.get(1) == a_quote(1, sequence=41)
    assert (reader.version(0), reader.version(1), reader.torn) == (0, 2, 0)
    reader.close()


def test_a_reader_knows_the_latest_depth(depths: DepthTable) -> None:
    """Whoever attaches sees the newest levels of each book."""
    depths.put(a_depth(2))
    reader = DepthTable.attach(depths.fd)
    assert reader.get(2) == a_depth(2)
    assert reader.get(0) is None
    reader.close()


def test_a_volume_may_exceed_any_machine_word() -> None:
    """A coin worth nothing trades more units, scaled, than 64 bits hold."""
    volumes = VolumeTable.create(2)
    traded = TradedVolume(1, (3 << 64) + 5, 7)
    volumes.put(traded)
    reader = VolumeTable.attach(volumes.fd)
    assert reader.get(1) == traded
    assert reader.get(0) is None
    volumes._rows.write(0, bytes(VOLUME_BYTES))
    assert reader.get(0) is None
    reader.close()
    volumes.close()


def test_a_successor_writes_on(quotes: QuoteTable) -> None:
    """A restarted feed attaches for writing and goes on where the dead one stopped."""
    quotes.put(a_quote(0, sequence=1))
    successor = QuoteTable.attach(quotes.fd, writable=True)
    successor.put(a_quote(0, sequence=2))
    assert quotes.get(0) == a_quote(0, sequence=2)
    assert quotes.version(0) == 2
    successor.close()


def test_a_reader_cannot_write(quotes: QuoteTable) -> None:
    """A table attached for reading refuses to be written."""
    reader = QuoteTable.attach(quotes.fd)
    with pytest.raises(TypeError):
        reader.put(a_quote(0, sequence=1))
    reader.close()


def test_tables_are_not_taken_for_each_other(quotes: QuoteTable, depths: DepthTable) -> None:
    """A descriptor of another kind of table is refused."""
    with pytest.raises(SegmentMismatch):
        DepthTable.attach(quotes.fd)
    with pytest.raises(SegmentMismatch):
        QuoteTable.attach(depths.fd)


@pytest.mark.parametrize("rows", [0, TABLE_ROWS_MAX + 1])
def test_an_impossible_table_is_refused(rows: int) -> None:
    """A table has at least one row and at most the bound."""
    with pytest.raises(ValueError, match="rows"):
        QuoteTable.create(rows)


def test_a_row_of_another_version_is_nothing(quotes: QuoteTable, depths: DepthTable) -> None:
    """A whole row that this program cannot read is not guessed at."""
    quotes._rows.write(0, bytes(quotes.body_bytes))
    assert quotes.get(0) is None
    depths._rows.write(0, bytes(DEPTH_BYTES))
    assert depths.get(0) is None


def test_a_torn_row_is_counted(depths: DepthTable) -> None:
    """A row damaged in both copies is None and counted, not an error."""
    depths.put(a_depth(0))
    depths._segment.memory[8 : row_bytes(DEPTH_BYTES)] = b"\xff" * (row_bytes(DEPTH_BYTES) - 8)
    assert depths.get(0) is None
    assert depths.torn == 1
