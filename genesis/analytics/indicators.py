"""Streaming indicators: constant time a step, floats inside, exact snapshots.

Every indicator is fed one observation at a time by `update`, is `ready` once it has seen as many as
its definition needs, and says nothing meaningful before. `snapshot` returns numbers that JSON
carries without loss; an indicator of the same parameters that `restore`s them continues bit for
bit. Inputs are finite: the feed passes nothing else on.
"""

from typing import Final, Protocol, TypeAlias

from genesis.analytics.rolling import RollingExtreme, RollingMoments

NEUTRAL_RSI: Final = 50.0

NumberState: TypeAlias = list[float]
"""An indicator's state: plain numbers, in an order that only the indicator knows."""


class Indicator(Protocol):
    """What every indicator offers beside its own `update` and its values."""

    @property
    def ready(self) -> bool:
        """Tell whether enough observations have been seen."""
        ...

    def snapshot(self) -> NumberState:
        """Return the whole state."""
        ...

    def restore(self, state: NumberState) -> None:
        """Continue from a snapshot of an indicator with the same parameters."""
        ...


def checked_period(period: int, minimum: int = 1) -> int:
    """Return the period, or raise ValueError if there is no indicator of so few observations."""
    if period < minimum:
        raise ValueError(f"a period of {period} is below {minimum}")
    return period


def ema_alpha(period: int) -> float:
    """Return the weight that an exponential average of `period` gives to the newest observation."""
    return 2.0 / (period + 1.0)


class Ema:
    """Exponential moving average: `ema += alpha * (x - ema)`, `alpha = 2 / (period + 1)`.

    The first observation is the seed; ready after `period` of them. Source: S. W. Roberts, Control
    Chart Tests Based on Geometric Moving Averages, Technometrics 1 (1959); the relation of alpha to
    a period is the one of technical analysis (same center of mass as a simple average).
    """

    __slots__ = ("_seen", "alpha", "period", "value")

    def __init__(self, period: int) -> None:
        self.period = checked_period(period)
        self.alpha = ema_alpha(period)
        self.value = 0.0
        self._seen = 0

    @property
    def ready(self) -> bool:
        """Tell whether `period` observations have been seen."""
        return self._seen == self.period

    def update(self, observation: float) -> float:
        """Take one observation; return the new average."""
        if self._seen == 0:
            self.value = observation
        if self._seen < self.period:
            self._seen += 1
        self.value += self.alpha * (observation - self.value)
        return self.value

    def snapshot(self) -> NumberState:
        """Return the average and how many observations it had while it warmed up."""
        return [self.value, self._seen]

    def restore(self, state: NumberState) -> None:
        """Continue from a snapshot."""
        self.value, seen = state
        self._seen = int(seen)


class WilderAverage:
    """Wilder's smoothing: a simple mean of the first `period`, then `w += (x - w) / period`.

    Source: J. Welles Wilder, New Concepts in Technical Trading Systems (1978), sections on RSI and
    ATR.
    """

    __slots__ = ("count", "period", "value")

    def __init__(self, period: int) -> None:
        self.period = checked_period(period)
        self.value = 0.0
        self.count = 0

    @property
    def ready(self) -> bool:
        """Tell whether `period` observations have been seen."""
        return self.count == self.period

    def update(self, observation: float) -> float:
        """Take one observation; return the new average."""
        if self.count < self.period:
            self.count += 1
        self.value += (observation - self.value) / self.count
        return self.value

    def snapshot(self) -> NumberState:
        """Return the average and its count."""
        return [self.value, self.count]

    def restore(self, state: NumberState) -> None:
        """Continue from a snapshot."""
        self.value, count = state
        self.count = int(count)


class Rsi:
    """Relative strength index: `100 * gain / (gain + loss)`, both smoothed as Wilder does.

    `gain` and `loss` average the rises and the falls between neighboring observations over `period`
    changes; equal to Wilder's `100 - 100 / (1 + gain / loss)`, without its division by zero. A
    market that has not moved at all reads 50. Source: Wilder (1978), section VI.
    """

    __slots__ = ("_gain", "_last", "_loss", "_started", "period")

    def __init__(self, period: int) -> None:
        self.period = checked_period(period)
        self._gain = WilderAverage(period)
        self._loss = WilderAverage(period)
        self._last = 0.0
        self._started = False

    @property
    def ready(self) -> bool:
        """Tell whether `period` changes have been seen."""
        return self._gain.ready

    @property
    def value(self) -> float:
        """The index, 0 to 100."""
        gain = self._gain.value
        total = gain + self._loss.value
        return 100.0 * gain / total if total > 0.0 else NEUTRAL_RSI

    def update(self, observation: float) -> float:
        """Take one observation; return the new index."""
        if self._started:
            change = observation - self._last
            self._gain.update(change if change > 0.0 else 0.0)
            self._loss.update(-change if change < 0.0 else 0.0)
        self._started = True
        self._last = observation
        return self.value

    def snapshot(self) -> NumberState:
        """Return both averages and the last observation."""
        return [*self._gain.snapshot(), *self._loss.snapshot(), self._last, int(self._started)]

    def restore(self, state: NumberState) -> None:
        """Continue from a snapshot."""
        *averages, self._last, started = state
        self._gain.restore(averages[:2])
        self._loss.restore(averages[2:])
        self._started = bool(started)


class Bollinger:
    """Bollinger bands: the mean of the last `period` observations, `width` deviations around it.

    `middle = mean`, `upper, lower = mean ± width * sigma` with sigma the population's standard
    deviation over the window, kept by a sliding Welford update that is recomputed once a window
    (see `RollingMoments`). Source: J. Bollinger, Bollinger on Bollinger Bands (2001), chapter 7.
    """

    __slots__ = ("_moments", "width")

    def __init__(self, period: int, width: float) -> None:
        if not width > 0.0:
            raise ValueError(f"a width of {width} is not positive")
        self._moments = RollingMoments(checked_period(period, 2))
        self.width = width

    @property
    def ready(self) -> bool:
        """Tell whether the window is full."""
        return self._moments.full

    @property
    def middle(self) -> float:
        """The mean of the window."""
        return self._moments.mean

    @property
    def upper(self) -> float:
        """The band above."""
        return self._moments.mean + self.width * self._moments.deviation

    @property
    def lower(self) -> float:
        """The band below."""
        return self._moments.mean - self.width * self._moments.deviation

    def update(self, observation: float) -> float:
        """Take one observation; return the new middle."""
        self._moments.update(observation)
        return self._moments.mean

    def snapshot(self) -> NumberState:
        """Return the window and its moments."""
        return self._moments.snapshot()

    def restore(self, state: NumberState) -> None:
        """Continue from a snapshot."""
        self._moments.restore(state)


class Channel:
    """Donchian channel: the highest high and the lowest low of the last `period` samples.

    Two monotonic deques (`RollingExtreme`), amortized constant time. Source: R. Donchian's
    four-week rule, as in C. Faith, Way of the Turtle (2007), chapter 5.
    """

    __slots__ = ("_highs", "_lows", "period")

    def __init__(self, period: int) -> None:
        self.period = checked_period(period)
        self._highs = RollingExtreme.highest(period)
        self._lows = RollingExtreme.lowest(period)

    @property
    def ready(self) -> bool:
        """Tell whether `period` samples have been seen."""
        return self._highs.full

    @property
    def high(self) -> float:
        """The highest high of the window."""
        return self._highs.value

    @property
    def low(self) -> float:
        """The lowest low of the window."""
        return self._lows.value

    def update(self, high: float, low: float) -> None:
        """Take one sample's extremes."""
        self._highs.update(high)
        self._lows.update(low)

    def snapshot(self) -> NumberState:
        """Return both windows, the length of the first in front."""
        highs = self._highs.snapshot()
        return [len(highs), *highs, *self._lows.snapshot()]

    def restore(self, state: NumberState) -> None:
        """Continue from a snapshot."""
        split = 1 + int(state[0])
        self._highs.restore(state[1:split])
        self._lows.restore(state[split:])


class Atr:
    """Average true range: Wilder's average of `max(high, last close) - min(low, last close)`.

    The first sample has no last close; its range is `high - low`. Source: Wilder (1978), section
    III.
    """

    __slots__ = ("_last_close", "_range", "_started")

    def __init__(self, period: int) -> None:
        self._range = WilderAverage(period)
        self._last_close = 0.0
        self._started = False

    @property
    def ready(self) -> bool:
        """Tell whether `period` samples have been seen."""
        return self._range.ready

    @property
    def value(self) -> float:
        """The average range, in the price's own units."""
        return self._range.value

    def update(self, high: float, low: float, close: float) -> float:
        """Take one sample; return the new average."""
        if self._started:
            last = self._last_close
            true_range = (high if high > last else last) - (low if low < last else last)
        else:
            true_range = high - low
            self._started = True
        self._last_close = close
        return self._range.update(true_range)

    def snapshot(self) -> NumberState:
        """Return the average and the last close."""
        return [*self._range.snapshot(), self._last_close, int(self._started)]

    def restore(self, state: NumberState) -> None:
        """Continue from a snapshot."""
        *average, self._last_close, started = state
        self._range.restore(average)
        self._started = bool(started)


def book_imbalance(bid_quantity: float, ask_quantity: float) -> float:
    """Return `(bid - ask) / (bid + ask)`: 1 when only buyers wait, -1 when only sellers do.

    An empty book reads 0. Source: Á. Cartea, S. Jaimungal, J. Penalva, Algorithmic and
    High-Frequency Trading (2015), section 12.2.
    """
    total = bid_quantity + ask_quantity
    return (bid_quantity - ask_quantity) / total if total > 0.0 else 0.0
