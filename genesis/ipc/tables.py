"""Latest quote, depth and traded volume of every instrument, for who starts or was lapped.

One row per instrument id, each with two copies (`genesis.ipc.rows`): a reader never waits for the
writer, and a writer that dies in mid-row leaves the copy before intact.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Final, Generic, Self, TypeVar

from genesis.domain.market import Depth, Quote, TradedVolume
from genesis.ipc.codec import (
    DEPTH_BYTES,
    DEPTH_VERSION,
    MARKET_SLOT_BYTES,
    QUOTE,
    VOLUME_BYTES,
    VOLUME_VERSION,
    decode_depth,
    decode_market,
    decode_volume,
    encode_depth,
    encode_quote,
    encode_volume,
)
from genesis.ipc.ring import CHECK_BYTES, SEQUENCE_BYTES
from genesis.ipc.rows import CheckedRows, row_bytes
from genesis.ipc.segment import Segment
from genesis.limits import TABLE_ROWS_MAX

E = TypeVar("E")

_LAYOUT_VERSION: Final = 1


class LatestTable(ABC, Generic[E]):
    """Rows of the latest event per instrument. One writer (the feed), any number of readers."""

    __slots__ = ("_rows", "_segment")

    kind: ClassVar[str]
    layout: ClassVar[str]
    body_bytes: ClassVar[int]

    def __init__(self, segment: Segment, rows: int) -> None:
        self._segment = segment
        self._rows = CheckedRows(segment.memory, rows, self.body_bytes)

    @classmethod
    def create(cls, rows: int) -> Self:
        """Make a table of `rows` instruments. The parent keeps it and passes `fd` on.

        Raises:
            ResourceError: The system refused the memory.
        """
        if not 1 <= rows <= TABLE_ROWS_MAX:
            raise ValueError(f"a table of {rows} rows is too small or too large")
        size = rows * row_bytes(cls.body_bytes)
        return cls(Segment.create(cls.kind, size, cls.layout), rows)

    @classmethod
    def attach(cls, fd: int, *, writable: bool = False) -> Self:
        """Map the table behind an inherited descriptor; only the feed does so for writing.

        Raises:
            SegmentMismatch: The descriptor is no such table of this program and version.
        """
        segment = Segment.attach(fd, cls.kind, cls.layout, writable=writable)
        return cls(segment, segment.size // row_bytes(cls.body_bytes))

    @property
    def fd(self) -> int:
        """Return the descriptor to pass to children."""
        return self._segment.fd

    @property
    def rows(self) -> int:
        """Return how many instruments have a row."""
        return self._rows.rows

    @property
    def torn(self) -> int:
        """Return how many reads did not find the newest copy whole."""
        return self._rows.torn

    @abstractmethod
    def put(self, event: E) -> None:
        """Make `event` the latest of its instrument."""

    def get(self, instrument_id: int) -> E | None:
        """Return the latest event; None if there never was one, or no copy of it is whole."""
        body = self._rows.read(instrument_id)
        return None if body is None else self._decode(body)

    def version(self, instrument_id: int) -> int:
        """Return how often the row was written: tells cheaply whether `get` has news."""
        return self._rows.version(instrument_id)

    def close(self) -> None:
        """Unmap the table, and close the descriptor if this object made it."""
        self._rows.release()
        self._segment.close()

    @abstractmethod
    def _decode(self, body: bytes) -> E | None:
        """Return the event in a body; None if this program cannot read it."""


class QuoteTable(LatestTable[Quote]):
    """The latest quote of every instrument; a quote's `sequence` is kept as it was put."""

    __slots__ = ()

    kind = "quote-table"
    layout = f"quotes v{_LAYOUT_VERSION}.{QUOTE.version}"
    body_bytes = MARKET_SLOT_BYTES - CHECK_BYTES  # a market slot but for its check word

    def put(self, event: Quote) -> None:
        """Make `event` the latest quote of its instrument."""
        self.put_payload(event.instrument_id, encode_quote(event), event.sequence)

    def put_payload(self, instrument_id: int, payload: bytes, sequence: int) -> None:
        """Make a quote the latest of its instrument, given as `encode_quote` made it for a ring."""
        self._rows.write(instrument_id, payload + sequence.to_bytes(SEQUENCE_BYTES, "little"))

    def _decode(self, body: bytes) -> Quote | None:
        events = decode_market(bytes(CHECK_BYTES) + body)
        return events[0] if events and isinstance(events[0], Quote) else None


class DepthTable(LatestTable[Depth]):
    """The best levels of every instrument's book, at most DEPTH_LEVELS a side."""

    __slots__ = ()

    kind = "depth-table"
    layout = f"depths v{_LAYOUT_VERSION}.{DEPTH_VERSION}"
    body_bytes = DEPTH_BYTES

    def put(self, event: Depth) -> None:
        """Make `event` the latest depth of its instrument; further levels are cut off."""
        self._rows.write(event.instrument_id, encode_depth(event))

    def _decode(self, body: bytes) -> Depth | None:
        return decode_depth(body)


class VolumeTable(LatestTable[TradedVolume]):
    """What the public has traded of every instrument so far; a restarted feed counts on."""

    __slots__ = ()

    kind = "volume-table"
    layout = f"volumes v{_LAYOUT_VERSION}.{VOLUME_VERSION}"
    body_bytes = VOLUME_BYTES

    def put(self, event: TradedVolume) -> None:
        """Make `event` the volume of its instrument."""
        self._rows.write(event.instrument_id, encode_volume(event))

    def _decode(self, body: bytes) -> TradedVolume | None:
        return decode_volume(body)
