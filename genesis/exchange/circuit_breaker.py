"""Whether the venue is to be trusted with new orders, judged by how its last answers came. Pure.

An order sent to a venue that does not answer is an order in doubt: its risk stays reserved until a
query settles it, 13 seconds later at worst. So after some failures on end (time-outs, connections
that fail, 5xx) the breaker opens, and new orders are refused before anything is written down.
Cancels, queries and orders that only shrink a position go on: they make nothing worse, and some of
them may get through.

A cool-down later the breaker is half open: one harmless read is sent as a probe. If it is answered,
the breaker closes; if not, it opens for twice as long, up to a bound. The cool-down begins anew
only after the breaker has been closed for as long as that bound, so that a venue which tells the
time and fails every order is trusted ever more rarely.
"""

import enum

import msgspec

from genesis.units import Nanos


class BreakerState(enum.IntEnum):
    """Where the breaker stands."""

    CLOSED = 0
    """The venue answers."""

    HALF_OPEN = 1
    """A probe is under way."""

    OPEN = 2
    """The venue does not answer."""


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How many failures on end open the breaker, and for how long it stays so."""

    failures_max: int
    cool_down: Nanos
    cool_down_max: Nanos


class BreakerChange(msgspec.Struct, frozen=True, kw_only=True):
    """One transition. `cool_down` is how long it stays open, 0 where it does not."""

    state: BreakerState
    reason: str
    failures: int
    cool_down: Nanos = 0


class CircuitBreaker:
    """Opens on failures, probes, closes on success; each method returns the transition it made.

    `period` counts the transitions. A request is judged by the period it was sent in: a time-out
    that was under way when the breaker opened says nothing of the probe that came later.
    """

    def __init__(self, policy: BreakerPolicy) -> None:
        assert policy.failures_max > 0, "a venue that never failed is trusted"
        self._policy = policy
        self._failures = 0
        self._openings = 0
        self._closed_at: Nanos = 0
        self.state = BreakerState.CLOSED
        self.period = 0
        self.reason = ""
        self.probe_due_at: Nanos | None = None
        """When the next probe is due, while the breaker is open."""

    def succeed(self, period: int, now: Nanos) -> BreakerChange | None:
        """Note that a request sent in `period` was answered, whatever the answer."""
        if self.state is BreakerState.CLOSED:
            self._failures = 0
            return None
        if self.state is BreakerState.HALF_OPEN and period == self.period:
            return self._close("the probe was answered", now)
        return None

    def fail(self, reason: str, period: int, now: Nanos, chance: float) -> BreakerChange | None:
        """Note that a request sent in `period` failed, or that no connection was to be had.

        `chance` is uniform in [0, 1): the cool-down lies between half and all of what is due, so
        that clients which failed together do not probe together.
        """
        assert 0 <= chance < 1
        if period != self.period or self.state is BreakerState.OPEN:
            return None
        self._failures += 1
        if self.state is BreakerState.CLOSED and self._failures < self._policy.failures_max:
            return None
        return self._open(reason, now, chance)

    def begin_probe(self, now: Nanos) -> BreakerChange | None:
        """Be half open if the cool-down is over: the caller sends one harmless read."""
        if self.probe_due_at is None or now < self.probe_due_at:
            return None
        self.probe_due_at = None
        return self._enter(BreakerState.HALF_OPEN, "the cool-down is over")

    def reconnect(self, now: Nanos) -> BreakerChange | None:
        """Note that a new session was opened, every step of it answered: better than a probe."""
        if self.state is BreakerState.CLOSED:
            return None
        return self._close("a new session was opened", now)

    def _open(self, reason: str, now: Nanos, chance: float) -> BreakerChange:
        policy = self._policy
        if self.state is BreakerState.CLOSED and now - self._closed_at >= policy.cool_down_max:
            self._openings = 0
        longest = min(policy.cool_down << self._openings, policy.cool_down_max)
        if longest < policy.cool_down_max:
            self._openings += 1
        cool_down = longest // 2 + int(longest // 2 * chance)
        self.probe_due_at = now + cool_down
        return self._enter(BreakerState.OPEN, reason, cool_down)

    def _close(self, reason: str, now: Nanos) -> BreakerChange:
        self._closed_at = now
        self.probe_due_at = None
        change = self._enter(BreakerState.CLOSED, reason)
        self._failures = 0
        return change

    def _enter(self, state: BreakerState, reason: str, cool_down: Nanos = 0) -> BreakerChange:
        self.state = state
        self.reason = reason
        self.period += 1
        return BreakerChange(
            state=state, reason=reason, failures=self._failures, cool_down=cool_down
        )
