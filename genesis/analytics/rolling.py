"""Windows over the last n observations, in constant time a step.

States are lists of plain numbers, so that they travel through JSON without loss.
"""

from collections import deque
from collections.abc import Callable
from math import fsum, sqrt
from operator import ge, le
from typing import Self


class RollingMoments:
    """Mean and population variance of the last `period` observations.

    While the window fills, this is Welford's update; then the sliding form
    `mean += (x - x_old) / n`, `m2 += (x - x_old) * (x - mean + x_old - mean_old)`. Neither
    subtracts large squares, so a price of 60 000 that moves by cents keeps its digits; what
    rounding is left cannot add up, because both moments are computed anew (by exact sums) each time
    the window has turned over once. Source: B. P. Welford, Technometrics 4 (1962); the sliding form
    follows from it by adding one and removing one observation.
    """

    __slots__ = ("_m2", "_next", "_window", "mean", "period")

    def __init__(self, period: int) -> None:
        assert period >= 1
        self.period = period
        self.mean = 0.0
        self._m2 = 0.0
        self._window: list[float] = []
        self._next = 0  # the slot of the oldest observation, once the window is full

    @property
    def full(self) -> bool:
        """Tell whether `period` observations have been seen."""
        return len(self._window) == self.period

    @property
    def variance(self) -> float:
        """The population variance of the window; 0 while it is empty."""
        return self._m2 / len(self._window) if self._window and self._m2 > 0.0 else 0.0

    @property
    def deviation(self) -> float:
        """The population standard deviation of the window."""
        return sqrt(self.variance)

    def update(self, observation: float) -> None:
        """Take one observation; the oldest leaves a full window."""
        window = self._window
        if len(window) < self.period:
            window.append(observation)
            delta = observation - self.mean
            self.mean += delta / len(window)
            self._m2 += delta * (observation - self.mean)
            return
        leaving = window[self._next]
        window[self._next] = observation
        self._next += 1
        if self._next == self.period:
            self._next = 0
            self._recompute()
            return
        delta = observation - leaving
        mean = self.mean + delta / self.period
        self._m2 += delta * (observation - mean + leaving - self.mean)
        self.mean = mean

    def _recompute(self) -> None:
        mean = fsum(self._window) / self.period
        self._m2 = fsum((observation - mean) ** 2 for observation in self._window)
        self.mean = mean

    def snapshot(self) -> list[float]:
        """Return the moments, the place of the oldest observation and the window."""
        return [self.mean, self._m2, self._next, *self._window]

    def restore(self, state: list[float]) -> None:
        """Continue from a snapshot of a window of the same period."""
        self.mean, self._m2, oldest, *self._window = state
        assert len(self._window) <= self.period, "the snapshot is of the same period"
        self._next = int(oldest)


class RollingExtreme:
    """The highest (or lowest) of the last `period` observations.

    A deque holds, oldest first, the observations that can still become the extreme: each newcomer
    removes from the end all that it beats. Every observation enters and leaves once, so a step
    costs constant time on average. Source: D. Lemire, Streaming Maximum-Minimum Filter Using No
    More than Three Comparisons per Element, Nordic Journal of Computing 13 (2006).
    """

    __slots__ = ("_beats", "_candidates", "_count", "period")

    def __init__(self, period: int, beats: Callable[[float, float], bool]) -> None:
        assert period >= 1
        self.period = period
        self._beats = beats
        self._candidates: deque[tuple[int, float]] = deque(maxlen=period)
        self._count = 0

    @classmethod
    def highest(cls, period: int) -> Self:
        """Make a window that knows its maximum."""
        return cls(period, ge)

    @classmethod
    def lowest(cls, period: int) -> Self:
        """Make a window that knows its minimum."""
        return cls(period, le)

    @property
    def full(self) -> bool:
        """Tell whether `period` observations have been seen."""
        return self._count >= self.period

    @property
    def value(self) -> float:
        """The extreme of the window; 0 before the first observation."""
        return self._candidates[0][1] if self._candidates else 0.0

    def update(self, observation: float) -> None:
        """Take one observation; the oldest leaves a full window."""
        candidates = self._candidates
        beats = self._beats
        while candidates and beats(observation, candidates[-1][1]):
            candidates.pop()
        if candidates and candidates[0][0] <= self._count - self.period:
            candidates.popleft()
        candidates.append((self._count, observation))
        self._count += 1

    def snapshot(self) -> list[float]:
        """Return the count, then age and value of each candidate."""
        state: list[float] = [self._count]
        for number, observation in self._candidates:
            state += (number, observation)
        return state

    def restore(self, state: list[float]) -> None:
        """Continue from a snapshot of a window of the same period."""
        count, *flat = state
        self._count = int(count)
        self._candidates.clear()
        self._candidates.extend(
            (int(number), observation)
            for number, observation in zip(flat[::2], flat[1::2], strict=True)
        )
