"""Public trades and their summaries by interval: kline streams, and what the market is asked.

The latest trades are kept, and a summary of each minute with a bounded past; other intervals are
made from those when somebody wants them.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from genesis.limits import VENUE_KLINE_MINUTES_KEPT, VENUE_TRADES_KEPT
from genesis.units import NANOS_PER_MS, SCALE, Price, notional
from genesis.venue.stream_payloads import (
    KlineName,
    KlineState,
    PublicTrade,
    StreamMessage,
    kline_payload,
)
from genesis.venue.waiting_orders import PriceSpan

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
KLINE_PERIOD_MS: Final = 2_000  # how often an open interval is sent, but for those of one second
NO_TRADE_ID: Final = -1

_MONDAY_MS: Final = 4 * DAY_MS  # 1970-01-05
_MONTH: Final = "1M"
_MINUTE: Final = "1m"
_SECOND: Final = "1s"
INTERVALS: Final[dict[str, int]] = {
    _SECOND: SECOND_MS,
    _MINUTE: MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": WEEK_MS,
    _MONTH: 0,
}


def interval_bounds(interval: str, at_ms: int) -> tuple[int, int]:
    """Return the first and the last millisecond of the interval that holds `at_ms`, in UTC.

    Weeks begin on Monday, months are the calendar's.
    """
    if interval == _MONTH:
        day = datetime.fromtimestamp(at_ms // 1000, UTC)
        first = datetime(day.year, day.month, 1, tzinfo=UTC)
        following = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
        return int(first.timestamp()) * 1000, int(following.timestamp()) * 1000 - 1
    length = INTERVALS[interval]
    origin = _MONDAY_MS if length == WEEK_MS else 0
    open_ms = at_ms - (at_ms - origin) % length
    return open_ms, open_ms + length - 1


def kline_name(stream: str) -> KlineName | None:
    """Read the name of a kline stream, or return None if it is of another kind."""
    symbol, mark, interval = stream.partition("@kline_")
    if not mark or interval not in INTERVALS:
        return None
    return KlineName(stream, symbol.upper(), interval)


class KlineBuilder:
    """The current summary of one symbol and interval. A silent interval repeats the last close."""

    __slots__ = ("_finished", "_interval", "_state")

    def __init__(self, interval: str, at_ms: int, price: Price) -> None:
        self._interval = interval
        self._state = _silent(interval, at_ms, price)
        self._finished: list[KlineState] = []

    @property
    def state(self) -> KlineState:
        """The interval that is open."""
        return self._state

    @property
    def states(self) -> Iterator[KlineState]:
        """The intervals that were closed and not taken yet, then the open one."""
        yield from self._finished
        yield self._state

    def seed(self, minutes: Iterator[KlineState]) -> None:
        """Take in those known minutes that lie in the open interval."""
        for minute in minutes:
            if self._state.open_ms <= minute.open_ms and minute.trade_count:
                self._state = _merged(self._state, minute)

    def add(self, trade: PublicTrade) -> None:
        """Take in one trade, closing the interval first if it is over."""
        self.advance(trade.traded_ms)
        self._state = _merged(self._state, _of_one(trade))

    def advance(self, at_ms: int) -> None:
        """Close the interval if `at_ms` lies beyond it. Intervals skipped whole are not told."""
        if at_ms > self._state.close_ms:
            self._finished.append(self._state)
            self._state = _silent(self._interval, at_ms, self._state.close_price)

    def take_finished(self) -> list[KlineState]:
        """Return the intervals that were closed since the last call."""
        finished, self._finished = self._finished, []
        return finished


def _of_one(trade: PublicTrade) -> KlineState:
    """Return the summary of one trade, at its moment."""
    quote = notional(trade.price, trade.quantity)
    by_buyer = not trade.buyer_is_maker
    return KlineState(
        open_ms=trade.traded_ms,
        close_ms=trade.traded_ms,
        first_trade_id=trade.trade_id,
        last_trade_id=trade.trade_id,
        open_price=trade.price,
        close_price=trade.price,
        high_price=trade.price,
        low_price=trade.price,
        volume=trade.quantity,
        quote_volume=quote,
        taker_buy_volume=trade.quantity if by_buyer else 0,
        taker_buy_quote_volume=quote if by_buyer else 0,
        trade_count=1,
    )


def _silent(interval: str, at_ms: int, price: Price) -> KlineState:
    return _silent_between(*interval_bounds(interval, at_ms), price)


def _silent_between(open_ms: int, close_ms: int, price: Price) -> KlineState:
    return KlineState(
        open_ms=open_ms,
        close_ms=close_ms,
        first_trade_id=NO_TRADE_ID,
        last_trade_id=NO_TRADE_ID,
        open_price=price,
        close_price=price,
        high_price=price,
        low_price=price,
        volume=0,
        quote_volume=0,
        taker_buy_volume=0,
        taker_buy_quote_volume=0,
        trade_count=0,
    )


def _merged(state: KlineState, later: KlineState) -> KlineState:
    """Return the open interval with a later piece of it added; bounds stay its own."""
    if state.trade_count == 0:
        return later._replace(open_ms=state.open_ms, close_ms=state.close_ms)
    return KlineState(
        open_ms=state.open_ms,
        close_ms=state.close_ms,
        first_trade_id=state.first_trade_id,
        last_trade_id=later.last_trade_id,
        open_price=state.open_price,
        close_price=later.close_price,
        high_price=max(state.high_price, later.high_price),
        low_price=min(state.low_price, later.low_price),
        volume=state.volume + later.volume,
        quote_volume=state.quote_volume + later.quote_volume,
        taker_buy_volume=state.taker_buy_volume + later.taker_buy_volume,
        taker_buy_quote_volume=state.taker_buy_quote_volume + later.taker_buy_quote_volume,
        trade_count=state.trade_count + later.trade_count,
    )


def _folded(
    pieces: Iterable[KlineState], bounds_at: Callable[[int], tuple[int, int]]
) -> list[KlineState]:
    """Put pieces, oldest first, together into the intervals that they lie in."""
    whole: list[KlineState] = []
    for piece in pieces:
        open_ms, close_ms = bounds_at(piece.open_ms)
        if not whole or whole[-1].open_ms != open_ms:
            whole.append(piece._replace(open_ms=open_ms, close_ms=close_ms))
        elif piece.trade_count:
            whole[-1] = _merged(whole[-1], piece)
    return whole


@dataclass(slots=True)
class _SymbolKlines:
    """What is known of one symbol."""

    minute: KlineBuilder
    past: deque[KlineState] = field(default_factory=lambda: deque(maxlen=VENUE_KLINE_MINUTES_KEPT))
    trades: deque[PublicTrade] = field(default_factory=lambda: deque(maxlen=VENUE_TRADES_KEPT))
    others: dict[str, KlineBuilder] = field(default_factory=dict)

    @property
    def minutes(self) -> Iterator[KlineState]:
        yield from self.past
        yield from self.minute.states

    def add(self, trade: PublicTrade) -> None:
        self.trades.append(trade)
        self.minute.add(trade)
        for builder in self.others.values():
            builder.add(trade)

    def builder(self, interval: str, at_ms: int) -> KlineBuilder:
        if interval == _MINUTE:
            return self.minute
        builder = self.others.get(interval)
        if builder is None:
            state = self.minute.state
            builder = self.others[interval] = KlineBuilder(interval, at_ms, state.close_price)
            if interval != _SECOND:
                builder.seed(iter((*self.past, state)))
        return builder


class KlineDesk:
    """Summaries of every symbol that has traded."""

    def __init__(self) -> None:
        self._symbols: dict[str, _SymbolKlines] = {}
        self._spans: dict[str, PriceSpan] = {}

    @property
    def has_news(self) -> bool:
        """Whether anything has traded since the last call of `take_spans`."""
        return bool(self._spans)

    def take_spans(self) -> dict[str, PriceSpan]:
        """Return between which prices each symbol has traded since the last call."""
        spans, self._spans = self._spans, {}
        return spans

    def add(self, trade: PublicTrade) -> None:
        """Take in one public trade."""
        low, high = self._spans.get(trade.symbol, (trade.price, trade.price))
        self._spans[trade.symbol] = PriceSpan(min(low, trade.price), max(high, trade.price))
        klines = self._symbols.get(trade.symbol)
        if klines is None:
            minute = KlineBuilder(_MINUTE, trade.traded_ms, trade.price)
            klines = self._symbols[trade.symbol] = _SymbolKlines(minute)
        klines.add(trade)

    def last_price(self, symbol: str) -> Price:
        """Return the price of the last trade, or 0."""
        klines = self._symbols.get(symbol)
        return 0 if klines is None else klines.minute.state.close_price

    def average_price(self, symbol: str, minutes: int, now_ms: int) -> Price:
        """Return the volume-weighted price of the last minutes, the last price, or 0."""
        klines = self._symbols.get(symbol)
        if klines is None:
            return 0
        since_ms = now_ms - minutes * MINUTE_MS
        volume = quote_volume = 0
        for state in (klines.minute.state, *reversed(klines.past)):
            if state.open_ms < since_ms:
                break
            volume += state.volume
            quote_volume += state.quote_volume
        if volume == 0:
            return klines.minute.state.close_price
        return quote_volume * SCALE // volume

    def recent_trades(self, symbol: str) -> list[PublicTrade]:
        """Return the latest trades, as many as are kept, oldest first."""
        klines = self._symbols.get(symbol)
        return [] if klines is None else list(klines.trades)

    def intervals(self, symbol: str, interval: str, shift_ms: int = 0) -> list[KlineState]:
        """Return what is known of a symbol's intervals, oldest first; the last one is open.

        They begin `shift_ms` before those of UTC. Seconds go as far back as the latest trades do.
        """
        klines = self._symbols.get(symbol)
        if klines is None:
            return []

        def bounds_at(at_ms: int) -> tuple[int, int]:
            open_ms, close_ms = interval_bounds(interval, at_ms + shift_ms)
            return open_ms - shift_ms, close_ms - shift_ms

        pieces = map(_of_one, klines.trades) if interval == _SECOND else klines.minutes
        return _folded(pieces, bounds_at)

    def day(self, symbol: str, now_ms: int) -> KlineState:
        """Return the summary of the 24 hours before the present, to the minute."""
        klines = self._symbols.get(symbol)
        minutes = () if klines is None else klines.minutes
        since_ms = now_ms - DAY_MS
        known = (state for state in minutes if state.open_ms >= since_ms)
        whole = _folded(known, lambda _: (since_ms, now_ms))
        return whole[0] if whole else _silent_between(since_ms, now_ms, 0)

    def tick(self, now_ms: int, audience: Collection[str]) -> list[StreamMessage]:
        """Return the messages due at a whole second for the wanted kline streams.

        One-second klines are sent each second, others every two, and each when it closes.
        """
        messages: list[StreamMessage] = []
        for name in map(kline_name, tuple(audience)):
            klines = None if name is None else self._symbols.get(name.symbol)
            if name is None or klines is None:
                continue
            builder = klines.builder(name.interval, now_ms)
            builder.advance(now_ms)
            due = [builder.state]
            if name.interval != _SECOND and now_ms % KLINE_PERIOD_MS >= SECOND_MS:
                due = []
            for state in (*self._finished(klines, name.interval), *due):
                payload = kline_payload(name, state, now_ms * NANOS_PER_MS)
                messages.append(StreamMessage(name.stream, payload))
        self._keep_minutes(now_ms)
        return messages

    def _finished(self, klines: _SymbolKlines, interval: str) -> list[KlineState]:
        finished = klines.builder(interval, 0).take_finished()
        if interval == _MINUTE:
            klines.past.extend(finished)
        return finished

    def _keep_minutes(self, now_ms: int) -> None:
        """Move closed minutes to the past, and forget closed intervals nobody asked for."""
        for klines in self._symbols.values():
            klines.minute.advance(now_ms)
            klines.past.extend(klines.minute.take_finished())
            for builder in klines.others.values():
                builder.take_finished()
