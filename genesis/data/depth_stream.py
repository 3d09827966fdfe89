"""The depth streams and the local books they keep."""

import msgspec

from genesis.data.book_sync import BookDelta, BookOutcome, BookSnapshot, BookSync
from genesis.data.counts import DropReason, FeedCounts
from genesis.data.events import FeedEvent
from genesis.data.frames import (
    SnapshotPayload,
    StreamKind,
    decode_depth,
    levels_from_text,
    spare_digits,
    stream_name,
)
from genesis.data.streams import QuoteStream
from genesis.data.validation import EventAge
from genesis.domain.instruments import Instrument
from genesis.domain.market import Depth, DepthLevel, MarketGap
from genesis.domain.order_book import OrderBook
from genesis.limits import DEPTH_LEVELS
from genesis.units import Nanos, nanos_from_stamp


class DepthStream:
    """`<symbol>@depth@100ms` and the book made of it.

    The book goes to the depth table, not on the ring: the stream enters itself in `changed`, and
    whoever empties that reads `depth`, and `wants_snapshot` to learn that the venue must be asked.
    """

    __slots__ = (
        "_age",
        "_changed",
        "_counts",
        "_instrument_id",
        "_overlap_until",
        "_quotes",
        "_spare_digits",
        "_sync",
        "name",
        "received_at",
    )

    def __init__(
        self,
        instrument: Instrument,
        age: EventAge,
        counts: FeedCounts,
        quotes: QuoteStream,
        changed: "dict[DepthStream, None]",
    ) -> None:
        self.name = stream_name(instrument.symbol, StreamKind.DEPTH)
        self.received_at: Nanos = 0
        self._instrument_id = instrument.instrument_id
        self._age = age
        self._counts = counts
        self._quotes = quotes
        self._spare_digits = spare_digits(instrument)
        self._sync = BookSync()
        self._changed = changed
        self._overlap_until: Nanos = 0

    @property
    def instrument_id(self) -> int:
        """The instrument whose book this is."""
        return self._instrument_id

    @property
    def book(self) -> OrderBook:
        """The local book; empty while there is none that is complete."""
        return self._sync.book

    @property
    def is_synced(self) -> bool:
        """Whether `book` is the venue's."""
        return self._sync.is_synced

    @property
    def wants_snapshot(self) -> bool:
        """Whether deltas come in and there is no book to apply them to."""
        return not self._sync.is_synced and self.received_at > 0

    def receive(
        self, payload: msgspec.Raw, received_at: Nanos, events: list[FeedEvent]
    ) -> DropReason | None:
        """Judge one payload; see `MarketStream`. A hole in the numbers becomes a MarketGap."""
        depth = decode_depth(payload, self._spare_digits)
        if depth.first_id > depth.last_id:
            return DropReason.MALFORMED
        event_at = nanos_from_stamp(depth.event_stamp)
        untimely = self._age.judge(event_at, received_at)
        if untimely is not None:
            return untimely
        missing_from = self._sync.missing_from
        delta = BookDelta(depth.first_id, depth.last_id, depth.bids, depth.asks, event_at)
        outcome = self._sync.receive_delta(delta)
        if outcome is BookOutcome.IGNORED:
            is_overlap = received_at <= self._overlap_until
            return DropReason.OVERLAPPED if is_overlap else DropReason.DUPLICATE
        self.received_at = received_at
        self._changed[self] = None
        if outcome is BookOutcome.GAP:
            self._counts.book_gaps += 1
            missed = depth.first_id - missing_from
            events.append(MarketGap(self._instrument_id, missed, event_at, received_at))
        elif outcome is BookOutcome.CROSSED or self._contradicts_quote(depth.last_id):
            self._counts.book_mismatches += 1
            self._sync.restart()
        return None

    def receive_snapshot(self, payload: SnapshotPayload) -> bool:
        """Judge the reply to a request for depth; tell whether there is a book now.

        Raises:
            ValueError: A number in it is none.
        """
        bids, asks = levels_from_text(payload.bids), levels_from_text(payload.asks)
        outcome = self._sync.receive_snapshot(BookSnapshot(payload.last_update_id, bids, asks))
        if outcome is BookOutcome.SYNCED:
            self._counts.books_synced += 1
            self._changed[self] = None
        return self._sync.is_synced

    def interrupt(self) -> None:
        """Discard the book: what was missed cannot be had again (4.3), only a new one can."""
        self._changed[self] = None
        self._sync.restart()
        self.received_at = 0

    def expect_overlap(self, until: Nanos) -> None:
        """Take what comes again up to `until` for an overlap."""
        self._overlap_until = until

    def depth(self) -> Depth:
        """Return the best levels; there are none while there is no complete book."""
        sync = self._sync
        return Depth(
            self._instrument_id,
            [DepthLevel(price, quantity) for price, quantity in sync.book.top_bids(DEPTH_LEVELS)],
            [DepthLevel(price, quantity) for price, quantity in sync.book.top_asks(DEPTH_LEVELS)],
            sync.last_id,
            sync.event_at,
        )

    def _contradicts_quote(self, last_id: int) -> bool:
        """Compare the book's top with the quote, when both are as of the same update."""
        quote = self._quotes.quote
        if quote.update_id != last_id or not self._sync.is_synced:
            return False
        book = self._sync.book
        return book.best_bid() != (quote.bid_price, quote.bid_quantity) or book.best_ask() != (
            quote.ask_price,
            quote.ask_quantity,
        )
