"""From the feed's events to the market ring, the latest-value tables and the board."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from genesis.data.events import ConnectionNotice, FeedEvent, ShutdownNotice, SubscriptionReply
from genesis.domain.market import Bar, Depth, MarketGap, Quote, TradedVolume, TradeTick
from genesis.exchange.request_connection import Now
from genesis.ipc.board import BoardPageWriter, Counter
from genesis.ipc.codec import encode_bar, encode_market_gap, encode_quote, encode_trade_tick
from genesis.ipc.histogram import Stage
from genesis.ipc.links import RingPublisher
from genesis.ipc.tables import DepthTable, QuoteTable, VolumeTable
from genesis.limits import INTAKE_BURST_MAX
from genesis.units import Nanos

_Encode: TypeAlias = Callable[..., bytes]

# By the event's class: what packs it, and what counts it.
_RECORDS: Final[dict[type[object], tuple[_Encode, Counter]]] = {
    Quote: (encode_quote, Counter.QUOTES_PUBLISHED),
    TradeTick: (encode_trade_tick, Counter.TRADES_PUBLISHED),
    Bar: (encode_bar, Counter.BARS_PUBLISHED),
    MarketGap: (encode_market_gap, Counter.GAPS_PUBLISHED),
}
_ENCODERS: Final = {kind: encode for kind, (encode, _) in _RECORDS.items()}


class MarketPublisher:
    """Writes what the feed says where the other processes read it; the one writer of it all.

    A burst, the events of one socket read, becomes visible at once, and of several quotes of one
    instrument in it only the last goes to the quote table. `venue_offset` is the venue's clock less
    ours, for the first hop's latency. What the public trades is added up here and shown by `count`.
    """

    def __init__(
        self,
        ring: RingPublisher,
        quotes: QuoteTable,
        depths: DepthTable,
        board: BoardPageWriter,
        now: Now,
        *,
        volumes: VolumeTable,
    ) -> None:
        self.venue_offset: Nanos = 0
        self._ring = ring
        self._quotes = quotes
        self._depths = depths
        self._volumes = volumes
        self._traded: dict[int, TradedVolume] = {}
        self._traded_lately: set[int] = set()
        self._board = board
        self._now = now
        self._burst_max = min(2 * INTAKE_BURST_MAX, ring.spec.slots)
        self._published = dict.fromkeys(_RECORDS, 0)  # of all kinds but quotes, which are the rest
        self._records_published = 0

    def publish(self, events: Sequence[FeedEvent], received_at: Nanos) -> list[ConnectionNotice]:
        """Publish the market events of one read; return the rest, which is for the connection."""
        if not events:
            return []
        now = self._now()
        notices: list[ConnectionNotice] = []
        latest: dict[int, int] = {}  # by instrument, its last quote's place in the burst
        payloads: list[bytes] = []
        event_at = 0
        for event in events:
            # Three events in four are quotes, so what can be left out of their way is.
            if isinstance(event, Quote):
                event.published_at = now
                latest[event.instrument_id] = len(payloads)
                payloads.append(encode_quote(event))
            elif isinstance(event, (SubscriptionReply, ShutdownNotice)):
                notices.append(event)
            else:
                event.published_at = now
                event_at = event.event_at or event_at
                self._published[type(event)] += 1
                if isinstance(event, TradeTick):
                    self._add_trade(event)
                payloads.append(_ENCODERS[type(event)](event))
        if payloads:
            self._publish_payloads(payloads, latest, received_at)
        if event_at:
            latency = received_at - event_at + self.venue_offset
            self._board.histograms.record(Stage.VENUE_TO_SOCKET, latency)
        return notices

    def put_depths(self, depths: Sequence[Depth]) -> None:
        """Make these the latest depths of their instruments."""
        for depth in depths:
            self._depths.put(depth)
        self._board.add(Counter.DEPTHS_PUBLISHED, len(depths))

    def count(self) -> None:
        """Show what was published since the last call, and what was traded so far."""
        for instrument_id in self._traded_lately:
            self._volumes.put(self._traded[instrument_id])
        self._traded_lately.clear()
        published = self._published
        published[Quote] = self._records_published - sum(published.values())
        for kind, (_, counter) in _RECORDS.items():
            self._board.add(counter, published[kind])
            published[kind] = 0
        self._records_published = 0

    def _add_trade(self, tick: TradeTick) -> None:
        """Count a trade in; the first of an instrument goes on from where a dead feed stopped."""
        instrument_id = tick.instrument_id
        traded = self._traded.get(instrument_id)
        if traded is None:
            traded = self._volumes.get(instrument_id) or TradedVolume(instrument_id, 0, 0)
            self._traded[instrument_id] = traded
        traded.quantity += tick.quantity
        traded.trades += 1
        self._traded_lately.add(instrument_id)

    def _publish_payloads(
        self, payloads: list[bytes], latest: dict[int, int], received_at: Nanos
    ) -> None:
        ring, size = self._ring, self._burst_max
        first = ring.cursor + 1
        if len(payloads) == 1:
            ring.publish(payloads[0])  # a burst of one costs three times as much
        else:
            for start in range(0, len(payloads), size):
                ring.publish_burst(payloads[start : start + size])
        for instrument_id, place in latest.items():
            self._quotes.put_payload(instrument_id, payloads[place], first + place)
        self._records_published += len(payloads)
        elapsed = self._now() - received_at
        self._board.histograms.record(Stage.SOCKET_TO_PUBLISHED, elapsed, len(payloads))
