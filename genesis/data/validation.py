"""Checks that remember: event age, price band, order of sequence numbers.

Each of them may be wrong about the world (a clock is stepped, a price really jumps, a venue starts
to count anew), so each believes what it first refused once that was said often enough without a
word to the contrary.
"""

from typing import Final

from genesis.data.counts import DropReason
from genesis.limits import (
    CLOCK_CORROBORATIONS,
    CLOCK_STEP_MIN,
    EVENT_AHEAD_MAX,
    PRICE_BAND_PERCENT,
    PRICE_CORROBORATIONS,
    SEQUENCE_CORROBORATIONS,
)
from genesis.units import Nanos, Price

_NOT_LEARNED: Final = 1 << 62


class EventAge:
    """Tells how late an event came, though the venue's clock and ours do not agree.

    The least lag ever seen (receive time less event time) stands for the difference of the clocks
    and the shortest way together: an event's age is what its own lag has above it. Neither clock
    needs to be right; the recorder of the test tape was 1.27 s behind the exchange's.
    """

    __slots__ = ("_age_max", "_ahead_count", "_ahead_lag", "_floor", "_measured_offset")

    def __init__(self, age_max: Nanos) -> None:
        assert age_max > 0
        self._age_max = age_max
        self._floor: Nanos = _NOT_LEARNED
        self._measured_offset: Nanos | None = None
        self._ahead_lag: Nanos = 0
        self._ahead_count = 0

    def judge(self, event_at: Nanos, received_at: Nanos) -> DropReason | None:
        """Return why this event must be dropped for its time, if it must."""
        age = received_at - event_at - self._floor
        if 0 <= age <= self._age_max:
            self._ahead_count = 0
            return None
        if age > 0:
            return DropReason.STALE
        return self._judge_least_lag(received_at - event_at)

    def receive_offset(self, offset: Nanos) -> None:
        """Take a measurement of the venue's clock less ours, from a request for its time.

        The floor follows when the difference of the clocks has changed: one was stepped, this
        machine slept, or they drifted apart over hours. Less than `CLOCK_STEP_MIN` is noise.
        """
        if self._measured_offset is None:
            self._measured_offset = offset
            return
        change = offset - self._measured_offset
        if abs(change) >= CLOCK_STEP_MIN:
            self._measured_offset = offset
            if self._floor != _NOT_LEARNED:
                self._floor -= change

    def _judge_least_lag(self, lag: Nanos) -> DropReason | None:
        if self._floor != _NOT_LEARNED and self._floor - lag > EVENT_AHEAD_MAX:
            agrees = abs(lag - self._ahead_lag) <= EVENT_AHEAD_MAX
            self._ahead_count = self._ahead_count + 1 if agrees else 1
            self._ahead_lag = lag
            if self._ahead_count < CLOCK_CORROBORATIONS:
                return DropReason.AHEAD
        self._floor = lag
        self._ahead_count = 0
        return None


class PriceBand:
    """Refuses a price far from where the market was, until it is said often enough.

    Callers compare with `low` and `high` themselves, and ask `admits` only beyond them. Half the
    band is free; in the outer half the band moves along; a jump past it must be corroborated.
    """

    __slots__ = ("_anchor", "_mark", "_suspect", "_suspect_count", "high", "low")

    def __init__(self) -> None:
        self.low: Price = 1
        self.high: Price = 0
        self._anchor: Price = 0
        self._suspect: Price = 0
        self._suspect_count = 0
        self._mark = 0

    def admits(self, price: Price, mark: int) -> bool:
        """Tell whether to believe a price outside `low` to `high`.

        `mark` is the sequence number of the last frame accepted: while it stays the same, refusals
        come one after the other.
        """
        if self._anchor and not _is_near(price, self._anchor):
            if mark != self._mark or not _is_near(price, self._suspect):
                self._suspect_count = 0
            self._mark = mark
            self._suspect = price
            self._suspect_count += 1
            if self._suspect_count < PRICE_CORROBORATIONS:
                return False
        self._anchor = price
        self._suspect_count = 0
        margin = price * PRICE_BAND_PERCENT // 200
        self.low, self.high = price - margin, price + margin
        return True


def _is_near(price: Price, anchor: Price) -> bool:
    return abs(price - anchor) * 100 <= anchor * PRICE_BAND_PERCENT


class SequenceDoubt:
    """Notices that a venue counts anew, after a restart, say: then old numbers bind no longer."""

    __slots__ = ("_mark", "_refusals")

    def __init__(self) -> None:
        self._mark = 0
        self._refusals = 0

    def refuses(self, mark: int) -> bool:
        """Tell whether a number at or below `mark`, the last one accepted, stays refused.

        Duplicates after a change of connections are refused for good: new numbers come between.
        """
        if mark != self._mark:
            self._mark = mark
            self._refusals = 0
        self._refusals += 1
        return self._refusals < SEQUENCE_CORROBORATIONS
