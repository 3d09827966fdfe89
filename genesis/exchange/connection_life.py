"""When a socket is opened, replaced and given up. Pure: `now` and chance are passed in.

A socket outlives its connections. At any time one of them is the incumbent, one more may be opening
to succeed it, and those that were succeeded are retired: they take nothing new and end when they
have said what they had to say. A connection is replaced before it ends wherever that can be had
(`binance-spot.md` sections 2 and 12.1): because of its age, or because its server asked for it.
"""

import enum

import msgspec

from genesis.limits import (
    CONNECTION_DRAIN_MAX,
    CONNECTION_READY_WITHIN,
    CONNECTION_SILENCE_MAX,
    CONNECTION_STABLE_AFTER,
    EVENT_SILENCE_MAX,
    RECONNECT_DELAY_MAX,
    RECONNECT_DELAY_MIN,
    ROTATION_AGE,
    ROTATION_SPREAD,
)
from genesis.units import Nanos


class ConnectionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When to give a connection up, when to replace it, and how long to wait for the next one.

    A connection is replaced at an age between `rotate_after` and a `ROTATION_SPREAD`th less.
    `event_silence_max` is how long the first user event behind an accepted order may be late.
    """

    delay_min: Nanos = RECONNECT_DELAY_MIN
    delay_max: Nanos = RECONNECT_DELAY_MAX
    stable_after: Nanos = CONNECTION_STABLE_AFTER
    silence_max: Nanos = CONNECTION_SILENCE_MAX
    rotate_after: Nanos = ROTATION_AGE
    ready_within: Nanos = CONNECTION_READY_WITHIN
    drain_max: Nanos = CONNECTION_DRAIN_MAX
    event_silence_max: Nanos = EVENT_SILENCE_MAX

    @property
    def shortest_patience(self) -> Nanos:
        """The shortest of the times after which a connection is given up."""
        return min(self.silence_max, self.ready_within, self.drain_max)


class Verdict(enum.StrEnum):
    """Why a connection must be cut off; the value is for the log."""

    SILENT = "nothing was read for too long, not even a ping"
    NOT_READY = "it did not become ready to succeed in time"
    NOT_DRAINED = "it was succeeded, and did not end by itself in time"


class _Connection(msgspec.Struct):
    """What is known of one connection; times are 0 until their event."""

    rotate_at: Nanos
    tried_at: Nanos
    opened_at: Nanos = 0
    is_ready: bool = False
    retired_at: Nanos = 0
    wants_successor: bool = False


class ConnectionLife:
    """Decides over one socket's connections, which it knows by numbers from 1 on.

    Tell it what happens: `tried`, `opened`, `became_ready`, `wants_successor`, `ended`. Ask it what
    is due: `next_try_at`, and `verdict` on each connection now and then.

    A connection has to hold for `stable_after` before the delays begin anew: a venue that accepts
    and drops at once, or announces its end at once, is approached ever more slowly.
    """

    __slots__ = (
        "_connections",
        "_incumbent",
        "_last_number",
        "_not_before",
        "_opening",
        "_policy",
        "_setbacks",
    )

    def __init__(self, policy: ConnectionPolicy) -> None:
        self._policy = policy
        self._connections: dict[int, _Connection] = {}
        self._last_number = 0
        self._incumbent: int | None = None
        self._opening: int | None = None
        self._not_before: Nanos = 0
        self._setbacks = 0

    @property
    def next_try_at(self) -> Nanos | None:
        """When to open a connection: in the past if now, None as long as one is being opened."""
        if self._opening is not None:
            return None
        if self._incumbent is None:
            return self._not_before
        incumbent = self._connections[self._incumbent]
        if incumbent.wants_successor:
            return self._not_before
        return max(incumbent.rotate_at, self._not_before)

    @property
    def can_wait(self) -> bool:
        """Whether there is a connection in use, so that the next one is no emergency."""
        return self._incumbent is not None

    def tried(self, now: Nanos, chance: float) -> int:
        """Note that a connection is being opened; return its number.

        `chance` is uniform in [0, 1), here and elsewhere: sockets opened together rotate apart.
        """
        assert self._opening is None, "one attempt at a time"
        assert 0 <= chance < 1
        spread = int(self._policy.rotate_after // ROTATION_SPREAD * chance)
        rotate_at = now + self._policy.rotate_after - spread
        self._last_number = self._opening = number = self._last_number + 1
        self._connections[number] = _Connection(rotate_at=rotate_at, tried_at=now)
        return number

    def opened(self, number: int, now: Nanos) -> None:
        """Note that the handshake is done."""
        self._connections[number].opened_at = now

    def became_ready(self, number: int, now: Nanos) -> int | None:
        """Note that a connection does its duty; return the one that it succeeds, if there is one.

        That one is retired by it.
        """
        assert number == self._opening, "a connection becomes ready once"
        predecessor, self._incumbent, self._opening = self._incumbent, number, None
        self._connections[number].is_ready = True
        if predecessor is not None:
            self._connections[predecessor].retired_at = now
        return predecessor

    def wants_successor(self, number: int, now: Nanos, chance: float) -> None:
        """Note that a connection will not last, by the word of its server or of whoever serves it.

        It stays in use until it is succeeded.
        """
        connection = self._connections[number]
        if connection.wants_successor or connection.retired_at:
            return
        connection.wants_successor = True
        self._not_before = now + self._delay(connection, now, chance)

    def ended(self, number: int, now: Nanos, chance: float) -> Nanos | None:
        """Note that a connection ended or could not be made; return how long to wait for the next.

        The delay lies between half and all of the longest one at this stage, so that clients cut
        off together do not come back together. It is 0 if a successor is on its way, and None if
        one is there.
        """
        connection = self._connections.pop(number)
        if connection.retired_at:
            return None
        if number == self._incumbent:
            self._incumbent = None
        if number == self._opening:
            self._opening = None
        delay = self._delay(connection, now, chance)
        self._not_before = now + delay
        return delay if self._opening is None else 0

    def verdict(self, number: int, last_read_at: Nanos, now: Nanos) -> Verdict | None:
        """Tell why an open connection must be cut off now, if it must."""
        connection, policy = self._connections[number], self._policy
        if now - last_read_at > policy.silence_max:
            return Verdict.SILENT
        if connection.retired_at:
            overdue = now - connection.retired_at > policy.drain_max
            return Verdict.NOT_DRAINED if overdue else None
        # Without an incumbent there is nothing better to be had than a slow one.
        if not connection.is_ready and self._incumbent is not None:
            overdue = now - connection.tried_at > policy.ready_within
            return Verdict.NOT_READY if overdue else None
        return None

    def _delay(self, connection: _Connection, now: Nanos, chance: float) -> Nanos:
        assert 0 <= chance < 1
        policy = self._policy
        if connection.is_ready and now - connection.opened_at >= policy.stable_after:
            self._setbacks = 0
        longest = min(2 * policy.delay_min << self._setbacks, policy.delay_max)
        if longest < policy.delay_max:
            self._setbacks += 1
        return longest // 2 + int(longest // 2 * chance)
