"""Indicators on live quotes, shared: what several strategies ask for is computed once per worker.

A strategy asks for an indicator once and keeps the object; before its callback runs, the object is
up to date. Two kinds of input: every quote's mid price (`MarketIndicators.ema`), and samples of it
over equal intervals of event time (`Sampler`), for rules that mean seconds rather than quotes.

States travel as `{key: numbers}` and restore bit for bit. A state that differs from what already
runs in this worker is never mixed with it: the strategy then gets a set of its own
(`IndicatorPool.adopt`).
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import nan
from typing import Final, TypeAlias, TypeVar

from genesis.analytics.indicators import (
    Atr,
    Bollinger,
    Channel,
    Ema,
    Indicator,
    NumberState,
    Rsi,
    checked_period,
    ema_alpha,
)
from genesis.domain.market import Quote
from genesis.units import NANOS_PER_MS, SCALE, Nanos

IndicatorKey: TypeAlias = str
"""`quote/...` or `<interval in ms>/...`, then kind and parameters; `.../head` is the input's
own."""

IndicatorStates: TypeAlias = dict[IndicatorKey, NumberState]

_HEAD: Final = "head"
_ON_QUOTES: Final = "quote"
_UNSCALE: Final = 1.0 / SCALE

T = TypeVar("T", bound=Indicator)


class Sampler:
    """High, low and close of the mid price over intervals of event time, and indicators on them.

    Intervals are aligned to the engine's epoch, so that equal samplers agree wherever they started.
    A sample is complete when the first quote after its interval comes; intervals without a quote
    make no sample. `count` rises with each complete sample: a strategy compares it with the last
    one it has seen to know that there is something new.
    """

    __slots__ = (
        "_feeds",
        "_filling_high",
        "_filling_low",
        "_indicators",
        "_interval",
        "_last",
        "_slot",
        "close",
        "count",
        "high",
        "low",
    )

    def __init__(self, interval_ms: int) -> None:
        if interval_ms < 1:
            raise ValueError(f"a sampling interval of {interval_ms} ms is below 1 ms")
        self._interval: Nanos = interval_ms * NANOS_PER_MS
        self._slot = 0  # number of the interval being filled; 0 before the first quote
        self._filling_high = 0.0
        self._filling_low = 0.0
        self._last = 0.0
        self.high = 0.0
        self.low = 0.0
        self.close = 0.0
        self.count = 0
        self._indicators: dict[str, Indicator] = {}
        self._feeds: list[Callable[[], object]] = []

    def ema(self, period: int) -> Ema:
        """Return the average of the closes."""
        return self._shared(
            f"ema/{period}", Ema, lambda: Ema(period), lambda ema: ema.update(self.close)
        )

    def rsi(self, period: int) -> Rsi:
        """Return the relative strength index of the closes."""
        return self._shared(
            f"rsi/{period}", Rsi, lambda: Rsi(period), lambda rsi: rsi.update(self.close)
        )

    def bollinger(self, period: int, width: float) -> Bollinger:
        """Return the Bollinger bands of the closes."""
        return self._shared(
            f"bollinger/{period}/{width!r}",
            Bollinger,
            lambda: Bollinger(period, width),
            lambda bands: bands.update(self.close),
        )

    def atr(self, period: int) -> Atr:
        """Return the average true range of the samples."""
        return self._shared(
            f"atr/{period}",
            Atr,
            lambda: Atr(period),
            lambda atr: atr.update(self.high, self.low, self.close),
        )

    def channel(self, period: int) -> Channel:
        """Return the channel of the samples' highs and lows, the newest complete one included."""
        return self._shared(
            f"channel/{period}",
            Channel,
            lambda: Channel(period),
            lambda channel: channel.update(self.high, self.low),
        )

    def update(self, price: float, now: Nanos) -> None:
        """Take one price of event time `now`. Time that steps back stays in the open interval."""
        slot = now // self._interval
        if slot <= self._slot:
            if price > self._filling_high:
                self._filling_high = price
            elif price < self._filling_low:
                self._filling_low = price
            self._last = price
            return
        if self._slot:
            self._complete()
        self._slot = slot
        self._filling_high = self._filling_low = self._last = price

    def _complete(self) -> None:
        self.high = self._filling_high
        self.low = self._filling_low
        self.close = self._last
        self.count += 1
        for feed in self._feeds:
            feed()

    def states(self) -> IndicatorStates:
        """Return the state of the open interval and of every indicator."""
        states = {key: indicator.snapshot() for key, indicator in self._indicators.items()}
        states[_HEAD] = [
            self._slot,
            self._filling_high,
            self._filling_low,
            self._last,
            self.high,
            self.low,
            self.close,
            self.count,
        ]
        return states

    def load_head(self, state: NumberState) -> None:
        """Continue the open interval of a snapshot."""
        slot, self._filling_high, self._filling_low, self._last, *sample = state
        self.high, self.low, self.close, count = sample
        self._slot, self.count = int(slot), int(count)

    def load(self, name: str, state: NumberState) -> None:
        """Continue one indicator of a snapshot; it is made if nobody has asked for it yet.

        Raises:
            ValueError: `name` is no indicator of this program.
        """
        self._by_name(name).restore(state)

    def _by_name(self, name: str) -> Indicator:
        match name.split("/"):
            case ["ema", period]:
                return self.ema(int(period))
            case ["rsi", period]:
                return self.rsi(int(period))
            case ["bollinger", period, width]:
                return self.bollinger(int(period), float(width))
            case ["atr", period]:
                return self.atr(int(period))
            case ["channel", period]:
                return self.channel(int(period))
        raise ValueError(f"{name!r} is no sampled indicator")

    def _shared(
        self, name: str, kind: type[T], make: Callable[[], T], feed: Callable[[T], object]
    ) -> T:
        known = self._indicators.get(name)
        if known is None:
            known = made = make()
            self._indicators[name] = made
            self._feeds.append(partial(feed, made))
        assert isinstance(known, kind), "a name is of one kind"
        return known


class QuoteEma:
    """Exponential moving average of every quote's mid price (`Ema`), kept as its distance from it.

    `offset = average - mid`. When the mid moves by `move`, the formula of the average becomes
    `offset = (1 - alpha) * (offset - move)`: for each of the hundreds of averages that a quote may
    concern one operation less, and two less for the nine quotes in ten that do not move the price;
    and no digits are lost to the size of the price. Two averages of one market compare by `offset`
    as they do by `value`.

    Both are NaN until the average is ready. Every comparison with NaN is false, so a rule that
    compares needs no check of its own.
    """

    __slots__ = ("_market", "_seen", "_warming_offset", "decay", "offset", "period")

    def __init__(self, period: int, market: "MarketIndicators") -> None:
        self.period = checked_period(period)
        self.decay = 1.0 - ema_alpha(period)
        self.offset = nan
        self._warming_offset = 0.0
        self._seen = 0
        self._market = market

    @property
    def value(self) -> float:
        """The average itself."""
        return self._market.mid + self.offset

    @property
    def ready(self) -> bool:
        """Tell whether `period` quotes have been seen."""
        return self._seen == self.period

    def warm(self, move: float) -> None:
        """Take one quote while not ready; the first one is the seed."""
        if self._seen:
            self._warming_offset = self.decay * (self._warming_offset - move)
        self._seen += 1
        if self.ready:
            self.offset = self._warming_offset

    def snapshot(self) -> NumberState:
        """Return the offset and how many quotes the average had while it warmed up."""
        return [self.offset if self.ready else self._warming_offset, self._seen]

    def restore(self, state: NumberState) -> None:
        """Continue from a snapshot."""
        self._warming_offset, seen = state
        self._seen = int(seen)
        self.offset = self._warming_offset if self.ready else nan


class MarketIndicators:
    """One instrument's prices as floats, converted once a quote, and the indicators on them."""

    __slots__ = ("_emas", "_samplers", "_steady", "_warming", "ask", "bid", "instrument_id", "mid")

    def __init__(self, instrument_id: int) -> None:
        self.instrument_id = instrument_id
        self.bid = 0.0
        self.ask = 0.0
        self.mid = 0.0
        self._emas: dict[int, QuoteEma] = {}
        self._warming: list[QuoteEma] = []
        self._steady: list[QuoteEma] = []
        self._samplers: dict[int, Sampler] = {}

    def ema(self, period: int) -> QuoteEma:
        """Return the average of every quote's mid price."""
        known = self._emas.get(period)
        if known is None:
            known = self._emas[period] = QuoteEma(period, self)
            self._warming.append(known)
        return known

    def sampler(self, interval_ms: int) -> Sampler:
        """Return the samples of one interval."""
        known = self._samplers.get(interval_ms)
        if known is None:
            known = self._samplers[interval_ms] = Sampler(interval_ms)
        return known

    @property
    def spread_bps(self) -> float:
        """The spread in hundredths of a percent of the mid price."""
        return (self.ask - self.bid) / self.mid * 1e4 if self.mid > 0.0 else 0.0

    def update(self, quote: Quote) -> None:
        """Take one quote of this instrument; everything asked for is then up to date.

        The averages are written out: a call for each would cost as much as the arithmetic.
        """
        self.bid = bid = quote.bid_price * _UNSCALE
        self.ask = ask = quote.ask_price * _UNSCALE
        mid = 0.5 * (bid + ask)
        move = mid - self.mid
        self.mid = mid
        if move:
            for ema in self._steady:
                ema.offset = ema.decay * (ema.offset - move)
        else:
            for ema in self._steady:
                ema.offset *= ema.decay
        if self._warming:
            self._warm(move)
        for sampler in self._samplers.values():
            sampler.update(mid, quote.received_at)

    def _warm(self, move: float) -> None:
        for ema in self._warming:
            ema.warm(move)
        self._steady += (ema for ema in self._warming if ema.ready)
        self._warming = [ema for ema in self._warming if not ema.ready]

    def states(self) -> IndicatorStates:
        """Return the states of everything that was asked for, and the latest prices."""
        states = {f"{_ON_QUOTES}/ema/{n}": ema.snapshot() for n, ema in self._emas.items()}
        states[f"{_ON_QUOTES}/{_HEAD}"] = [self.bid, self.ask, self.mid]
        for interval_ms, sampler in self._samplers.items():
            states |= {f"{interval_ms}/{name}": s for name, s in sampler.states().items()}
        return states

    def load(self, states: Mapping[IndicatorKey, NumberState]) -> None:
        """Continue from the states of a snapshot; what is not named stays as it is.

        Raises:
            ValueError: A key is no indicator of this program.
        """
        for key, state in states.items():
            source, _, name = key.partition("/")
            if source != _ON_QUOTES:
                sampler = self.sampler(int(source))
                if name == _HEAD:
                    sampler.load_head(state)
                else:
                    sampler.load(name, state)
            elif name == _HEAD:
                self.bid, self.ask, self.mid = state
            else:
                self._load_ema(name, state)

    def _load_ema(self, name: str, state: NumberState) -> None:
        kind, _, period = name.partition("/")
        if kind != "ema":
            raise ValueError(f"{name!r} is no indicator on quotes")
        ema = self.ema(int(period))
        ema.restore(state)
        if ema.ready and ema in self._warming:
            self._warming.remove(ema)
            self._steady.append(ema)


class IndicatorPool:
    """All indicators of one worker, by instrument."""

    __slots__ = ("_sets",)

    def __init__(self) -> None:
        # The first set of an instrument is the shared one; the others belong to strategies that
        # were restored into a worker whose own indicators had seen something else.
        self._sets: dict[int, list[MarketIndicators]] = {}

    def market(self, instrument_id: int) -> MarketIndicators:
        """Return the shared indicators of an instrument."""
        return self.sets(instrument_id)[0]

    def sets(self, instrument_id: int) -> list[MarketIndicators]:
        """Return every set of an instrument: each must be given each quote."""
        known = self._sets.get(instrument_id)
        if known is None:
            known = self._sets[instrument_id] = [MarketIndicators(instrument_id)]
        return known

    def adopt(
        self, instrument_id: int, states: Mapping[IndicatorKey, NumberState]
    ) -> MarketIndicators:
        """Return indicators that stand exactly as `states` say.

        That is a set already running if it agrees in all that `states` name, or has seen nothing
        yet; else a new one.

        Raises:
            ValueError: A key is no indicator of this program.
        """
        sets = self.sets(instrument_id)
        for candidate in sets:
            if _agrees(candidate.states(), states):
                candidate.load(states)
                return candidate
        apart = MarketIndicators(instrument_id)
        apart.load(states)
        sets.append(apart)
        return apart


class IndicatorRequests:
    """One strategy's view of a market's indicators, which remembers what the strategy asked for.

    So a snapshot of the strategy holds the states it depends on, and no others.
    """

    __slots__ = ("_keys", "_sources", "market")

    def __init__(self, market: MarketIndicators) -> None:
        self.market = market
        self._keys = {f"{_ON_QUOTES}/{_HEAD}"}
        self._sources: set[str] = set()

    def ema(self, period: int) -> QuoteEma:
        """Return the average of every quote's mid price."""
        self._keys.add(f"{_ON_QUOTES}/ema/{period}")
        return self.market.ema(period)

    def sampler(self, interval_ms: int) -> Sampler:
        """Return the samples of one interval, with all indicators that are asked of it."""
        self._sources.add(str(interval_ms))
        return self.market.sampler(interval_ms)

    def snapshot(self) -> IndicatorStates:
        """Return the states of what this strategy asked for."""
        return {
            key: state
            for key, state in sorted(self.market.states().items())
            if key in self._keys or key.partition("/")[0] in self._sources
        }


def _agrees(
    running: Mapping[IndicatorKey, NumberState], wanted: Mapping[IndicatorKey, NumberState]
) -> bool:
    """Tell whether `wanted` can join `running`: nothing runs yet, or what both name is equal."""
    if not any(running[f"{_ON_QUOTES}/{_HEAD}"]):
        return True
    return all(running.get(key, state) == state for key, state in wanted.items())
