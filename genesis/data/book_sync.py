"""One instrument's local book, kept by the venue's procedure (`binance-spot.md` section 4.4).

The steps quoted in the comments are that section's.
"""

import enum
from collections import deque

import msgspec

from genesis.domain.order_book import OrderBook
from genesis.limits import BOOK_DELTAS_BUFFERED_MAX
from genesis.units import Nanos, Price, Quantity


class BookDelta(msgspec.Struct, gc=False):
    """The levels that changed from update `first_id` to `last_id`; quantities are absolute."""

    first_id: int
    last_id: int
    bids: list[tuple[Price, Quantity]]
    asks: list[tuple[Price, Quantity]]
    event_at: Nanos


class BookSnapshot(msgspec.Struct, gc=False):
    """The whole book, or its best levels, after update `last_id`."""

    last_id: int
    bids: list[tuple[Price, Quantity]]
    asks: list[tuple[Price, Quantity]]


class BookOutcome(enum.Enum):
    """What became of a delta or a snapshot."""

    BUFFERED = enum.auto()  # no book yet; a snapshot is wanted
    IGNORED = enum.auto()  # older than the book
    APPLIED = enum.auto()
    SYNCED = enum.auto()  # a snapshot made the book complete
    GAP = enum.auto()  # updates are missing: the book is gone, a snapshot is wanted
    CROSSED = enum.auto()  # the book cannot be right: it is gone, a snapshot is wanted
    SNAPSHOT_TOO_OLD = enum.auto()  # another one is wanted


class BookSync:
    """Joins deltas and snapshots to one gapless book, or has none.

    `book` is empty and `last_id` 0 until a snapshot fits. Deltas go in by `receive_delta` in the
    order of the wire, replies to requests for depth by `receive_snapshot`.
    """

    __slots__ = ("_buffer", "_is_synced", "book", "event_at", "last_id")

    def __init__(self) -> None:
        self.book = OrderBook()
        self.last_id = 0
        self.event_at: Nanos = 0
        self._is_synced = False
        self._buffer: deque[BookDelta] = deque(maxlen=BOOK_DELTAS_BUFFERED_MAX)

    @property
    def is_synced(self) -> bool:
        """Whether `book` is the venue's."""
        return self._is_synced

    @property
    def missing_from(self) -> int:
        """The first update that the next delta must not be beyond."""
        return self.last_id + 1

    def receive_delta(self, delta: BookDelta) -> BookOutcome:
        """Apply one delta, or keep it until there is a book to apply it to."""
        assert delta.first_id <= delta.last_id, "the feed refuses the rest"
        if not self._is_synced:
            return self._buffer_delta(delta)
        if delta.last_id <= self.last_id:
            return BookOutcome.IGNORED
        if delta.first_id > self.last_id + 1:
            self.restart()
            self._buffer.append(delta)
            return BookOutcome.GAP
        self._apply(delta)
        if self.book.is_crossed():
            self.restart()
            return BookOutcome.CROSSED
        return BookOutcome.APPLIED

    def receive_snapshot(self, snapshot: BookSnapshot) -> BookOutcome:
        """Build the book from a snapshot and the deltas since, if they fit together."""
        if self._is_synced:
            return BookOutcome.IGNORED
        buffer = self._buffer
        if buffer and snapshot.last_id < buffer[0].first_id:  # step 3
            return BookOutcome.SNAPSHOT_TOO_OLD
        while buffer and buffer[0].last_id <= snapshot.last_id:  # step 4
            buffer.popleft()
        # Step 5 holds now: the buffer is a chain that reaches from the snapshot or before it to the
        # last delta, so its first one spans the seam, or it is empty and the next delta will.
        assert not buffer or buffer[0].first_id <= snapshot.last_id + 1
        self.book.load(snapshot.bids, snapshot.asks)
        self.last_id = snapshot.last_id
        self._is_synced = True
        while buffer:
            self._apply(buffer.popleft())
        if self.book.is_crossed():
            self.restart()
            return BookOutcome.CROSSED
        return BookOutcome.SYNCED

    def restart(self) -> None:
        """Discard book and buffer: after a gap, or when the stream was interrupted."""
        self.book.clear()
        self.last_id = 0
        self._is_synced = False
        self._buffer.clear()

    def _buffer_delta(self, delta: BookDelta) -> BookOutcome:
        """Step 1. A hole inside the buffer makes all before it useless, whatever the snapshot."""
        buffer = self._buffer
        if buffer and delta.last_id <= buffer[-1].last_id:
            return BookOutcome.IGNORED
        if buffer and delta.first_id > buffer[-1].last_id + 1:
            buffer.clear()
        buffer.append(delta)  # when full, the oldest goes: a later snapshot will be needed
        return BookOutcome.BUFFERED

    def _apply(self, delta: BookDelta) -> None:
        self.book.apply(delta.bids, delta.asks)
        self.last_id = delta.last_id
        self.event_at = delta.event_at
