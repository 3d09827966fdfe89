"""The streams that become records of the market ring: quotes, trades, bars."""

from genesis.data.counts import DropReason, FeedCounts
from genesis.data.events import FeedEvent
from genesis.data.frames import (
    BAR_INTERVAL_MS,
    BookTickerPayload,
    KlineEventPayload,
    KlinePayload,
    StreamKind,
    TradePayload,
    fixed_from_frame,
    stream_name,
)
from genesis.data.validation import EventAge, PriceBand, SequenceDoubt
from genesis.domain.instruments import Instrument
from genesis.domain.market import Bar, MarketGap, Quote, TradeTick
from genesis.units import (
    MICROSECONDS_FROM,
    NANOS_PER_MS,
    NANOS_PER_US,
    Nanos,
    Price,
    nanos_from_stamp,
)


class QuoteStream:
    """`<symbol>@bookTicker`: every change of best bid and ask.

    Its frames carry no event time, so none of them is ever stale; `EventAge` watches the streams
    beside it on the same connection. `quote` is the last one accepted; its prices are 0 before the
    first.
    """

    __slots__ = (
        "_band",
        "_counts",
        "_doubt",
        "_instrument_id",
        "_last_id",
        "_overlap_until",
        "_payload",
        "name",
        "quote",
        "received_at",
    )

    def __init__(self, instrument: Instrument, counts: FeedCounts) -> None:
        self.name = stream_name(instrument.symbol, StreamKind.BOOK_TICKER)
        self.received_at: Nanos = 0
        self.quote = Quote(instrument.instrument_id, 0, 0, 0, 0, 0, 0, 0)
        self._payload = BookTickerPayload(0, "", "", "", "")  # the text of `quote`
        self._instrument_id = instrument.instrument_id
        self._counts = counts
        self._band = PriceBand()
        self._doubt = SequenceDoubt()
        self._last_id = 0
        self._overlap_until: Nanos = 0

    def receive(
        self, payload: BookTickerPayload, received_at: Nanos, events: list[FeedEvent]
    ) -> DropReason | None:
        """Judge one payload; see `MarketStream`."""
        update_id = payload.update_id
        if update_id <= self._last_id:
            reason = self._judge_repeated(update_id, received_at)
            if reason is not None:
                return reason
        # Nine frames in ten change one quantity; equal texts need no conversion and no check.
        last, quote = self._payload, self.quote
        bid_price, ask_price = quote.bid_price, quote.ask_price
        if payload.bid_price != last.bid_price or payload.ask_price != last.ask_price:
            bid_price = fixed_from_frame(payload.bid_price)
            ask_price = fixed_from_frame(payload.ask_price)
            reason = self._judge_prices(bid_price, ask_price)
            if reason is not None:
                return reason
        text = payload.bid_quantity
        bid_quantity = quote.bid_quantity if text == last.bid_quantity else fixed_from_frame(text)
        text = payload.ask_quantity
        ask_quantity = quote.ask_quantity if text == last.ask_quantity else fixed_from_frame(text)
        if not (bid_quantity and ask_quantity):
            return DropReason.NEGATIVE
        self._last_id = update_id
        self._payload = payload
        self.received_at = received_at
        self.quote = quote = Quote(
            self._instrument_id,
            bid_price,
            bid_quantity,
            ask_price,
            ask_quantity,
            update_id,
            0,
            received_at,
        )
        events.append(quote)
        return None

    def interrupt(self) -> None:
        """Let the next frame begin a new count."""
        self._last_id = 0

    def expect_overlap(self, until: Nanos) -> None:
        """Take what comes again up to `until` for an overlap."""
        self._overlap_until = until

    def _judge_prices(self, bid_price: Price, ask_price: Price) -> DropReason | None:
        if not bid_price:
            return DropReason.NEGATIVE
        if bid_price >= ask_price:
            return DropReason.CROSSED
        band = self._band
        mid_price = (bid_price + ask_price) // 2
        if not band.low <= mid_price <= band.high and not band.admits(mid_price, self._last_id):
            return DropReason.PRICE_BAND
        return None

    def _judge_repeated(self, update_id: int, received_at: Nanos) -> DropReason | None:
        if received_at <= self._overlap_until:
            return DropReason.OVERLAPPED
        if update_id == self._last_id:
            return DropReason.DUPLICATE
        if self._doubt.refuses(self._last_id):
            return DropReason.OUT_OF_ORDER
        self._counts.sequences_restarted += 1
        return None


class TradeStream:
    """`<symbol>@trade`: every public trade, its number one above the last."""

    __slots__ = (
        "_age",
        "_band",
        "_counts",
        "_doubt",
        "_instrument_id",
        "_next_id",
        "_overlap_until",
        "_price",
        "_price_text",
        "name",
        "received_at",
    )

    def __init__(self, instrument: Instrument, age: EventAge, counts: FeedCounts) -> None:
        self.name = stream_name(instrument.symbol, StreamKind.TRADE)
        self.received_at: Nanos = 0
        self._instrument_id = instrument.instrument_id
        self._age = age
        self._counts = counts
        self._band = PriceBand()
        self._doubt = SequenceDoubt()
        self._next_id = 0  # before the first trade
        self._overlap_until: Nanos = 0
        self._price_text = ""
        self._price: Price = 0

    def receive(
        self, payload: TradePayload, received_at: Nanos, events: list[FeedEvent]
    ) -> DropReason | None:
        """Judge one payload; see `MarketStream`. Missing numbers before it become a MarketGap."""
        # Trades come in rows at one price; an equal text needs no conversion.
        text = payload.price
        price = self._price if text == self._price_text else fixed_from_frame(text)
        quantity = fixed_from_frame(payload.quantity)
        if not (price and quantity):
            return DropReason.NEGATIVE
        # `nanos_from_stamp` without its call, for what comes in floods.
        stamp = payload.event_stamp
        event_at = stamp * (NANOS_PER_MS if stamp < MICROSECONDS_FROM else NANOS_PER_US)
        untimely = self._age.judge(event_at, received_at)
        if untimely is not None:
            return untimely
        trade_id = payload.trade_id
        missed = 0
        if trade_id != self._next_id:
            if trade_id < self._next_id:
                reason = self._judge_repeated(trade_id, received_at)
                if reason is not None:
                    return reason
            missed = max(0, trade_id - self._next_id) if self._next_id else 0
        band = self._band
        if not band.low <= price <= band.high and not band.admits(price, self._next_id):
            return DropReason.PRICE_BAND
        if missed:
            self._counts.trades_missed += missed
            events.append(MarketGap(self._instrument_id, missed, event_at, received_at))
        self._next_id = trade_id + 1
        self._price_text, self._price = text, price
        self.received_at = received_at
        events.append(
            TradeTick(
                self._instrument_id,
                price,
                quantity,
                trade_id,
                payload.buyer_is_maker,
                event_at,
                received_at,
            )
        )
        return None

    def interrupt(self) -> None:
        """Do nothing: trade numbers outlive a connection, and tell exactly what was missed."""

    def expect_overlap(self, until: Nanos) -> None:
        """Take what comes again up to `until` for an overlap."""
        self._overlap_until = until

    def _judge_repeated(self, trade_id: int, received_at: Nanos) -> DropReason | None:
        if received_at <= self._overlap_until:
            return DropReason.OVERLAPPED
        if trade_id == self._next_id - 1:
            return DropReason.DUPLICATE
        if self._doubt.refuses(self._next_id):
            return DropReason.OUT_OF_ORDER
        self._counts.sequences_restarted += 1
        return None


class BarStream:
    """`<symbol>@kline_<interval>`: bars, each published once, when it is closed."""

    __slots__ = (
        "_age",
        "_counts",
        "_instrument_id",
        "_interval",
        "_last_open_at",
        "_overlap_until",
        "name",
        "received_at",
    )

    def __init__(
        self,
        instrument: Instrument,
        kind: StreamKind,
        age: EventAge,
        counts: FeedCounts,
    ) -> None:
        self.name = stream_name(instrument.symbol, kind)
        self.received_at: Nanos = 0
        self._instrument_id = instrument.instrument_id
        self._interval: Nanos = BAR_INTERVAL_MS[kind] * NANOS_PER_MS
        self._age = age
        self._counts = counts
        self._last_open_at: Nanos | None = None
        self._overlap_until: Nanos = 0

    def receive(
        self, payload: KlineEventPayload, received_at: Nanos, events: list[FeedEvent]
    ) -> DropReason | None:
        """Judge one payload; see `MarketStream`. Missing bars before it become a MarketGap."""
        kline = payload.kline
        event_at = nanos_from_stamp(payload.event_stamp)
        untimely = self._age.judge(event_at, received_at)
        if untimely is not None:
            return untimely
        if not kline.is_closed:
            self.received_at = received_at
            return None
        open_at = nanos_from_stamp(kline.open_stamp)
        bar = self._bar(kline, open_at, event_at, received_at)
        if not (bar.low_price and bar.high_price):
            return DropReason.NEGATIVE
        is_whole = open_at % self._interval == 0
        if not is_whole or not _is_coherent(bar):
            return DropReason.MALFORMED
        last_open_at = self._last_open_at
        if last_open_at is None:
            last_open_at = open_at - self._interval
        if open_at <= last_open_at:
            return self._judge_repeated(open_at, received_at)
        missed = (open_at - last_open_at) // self._interval - 1
        if missed:
            self._counts.bars_missed += missed
            events.append(MarketGap(self._instrument_id, missed, event_at, received_at))
        self._last_open_at = open_at
        self.received_at = received_at
        events.append(bar)
        return None

    def interrupt(self) -> None:
        """Do nothing: a bar's opening time tells exactly what was missed."""

    def expect_overlap(self, until: Nanos) -> None:
        """Take what comes again up to `until` for an overlap."""
        self._overlap_until = until

    def _judge_repeated(self, open_at: Nanos, received_at: Nanos) -> DropReason:
        if received_at <= self._overlap_until:
            return DropReason.OVERLAPPED
        is_last = open_at == self._last_open_at
        return DropReason.DUPLICATE if is_last else DropReason.OUT_OF_ORDER

    def _bar(self, kline: KlinePayload, open_at: Nanos, event_at: Nanos, received_at: Nanos) -> Bar:
        return Bar(
            instrument_id=self._instrument_id,
            interval_ms=self._interval // NANOS_PER_MS,
            open_price=fixed_from_frame(kline.open_price),
            high_price=fixed_from_frame(kline.high_price),
            low_price=fixed_from_frame(kline.low_price),
            close_price=fixed_from_frame(kline.close_price),
            volume=fixed_from_frame(kline.volume),
            trade_count=kline.trade_count,
            open_at=open_at,
            event_at=event_at,
            received_at=received_at,
        )


def _is_coherent(bar: Bar) -> bool:
    """Tell whether open and close lie between low and high."""
    return (
        bar.low_price <= bar.open_price <= bar.high_price
        and bar.low_price <= bar.close_price <= bar.high_price
    )
