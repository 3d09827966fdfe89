"""The present window of one of the venue's rate limits: what is counted in it, and how far. Pure.

Windows are fixed and aligned on the venue's clock, and counts fall to zero at their ends
(`binance-spot.md` section 8.3). Our estimate of that clock may be off, so a window is taken to end
`RATE_WINDOW_MARGIN_MS` late, and what was under way around its end counts on both sides. Times are
the venue's, in milliseconds.
"""

from collections.abc import Mapping

import msgspec

from genesis.exchange.request_cost import LimitKind, Pool, Purpose, RequestCost
from genesis.limits import RATE_WINDOW_MARGIN_MS


class RateLimit(msgspec.Struct, frozen=True):
    """One limit, as the venue states it."""

    kind: LimitKind
    interval_ms: int
    limit: int


class RateCount(msgspec.Struct, frozen=True):
    """What the venue has counted in the present window, as a reply shows it.

    `limit` is 0 where the reply does not state it.
    """

    kind: LimitKind
    interval_ms: int
    count: int
    limit: int = 0


class Ticket(msgspec.Struct, frozen=True):
    """Leave to send one request; `order` is its place among all that was issued and given back."""

    order: int
    cost: RequestCost


class Bound(msgspec.Struct, frozen=True):
    """How far requests of one purpose may fill a window.

    `total` is what everybody may use together; an `ordinary` request leaves out of that what this
    process has not used yet of its kept share. `own` is this process's share in the request's pool.
    """

    total: int
    own: int


class RateWindow:
    """What is known to be counted in one window, at most, and what may be.

    The count of the latest reply is learned. What no reply has shown is added to it: requests in
    flight, lost ones, and those answered without a count. Replies come in any order, so a lower
    count is believed only from a request that was sent after the higher one had come in: of two
    that were under way together, either may be the newer. `order` below is the place of the event
    in the order of all tickets; it tells what came after what, where the clock's steps would not.
    """

    __slots__ = (
        "_answered",
        "_answered_order",
        "_bounds",
        "_in_flight",
        "_kept",
        "_late_answered",
        "_late_lost",
        "_late_own",
        "_learned",
        "_learned_order",
        "_lost",
        "_made_order",
        "_own",
        "_rolled_order",
        "_start_ms",
        "interval_ms",
        "kind",
        "limit",
    )

    def __init__(self, kind: LimitKind, interval_ms: int, order: int) -> None:
        self.kind = kind
        self.interval_ms = interval_ms
        self.limit = 0
        self._kept = 0
        self._bounds: Mapping[Purpose, Bound] = {}
        self._made_order = order
        self._start_ms = 0
        self._rolled_order = order
        # By pool: what this process has settled in the window, and what it has in flight.
        self._own = [0] * len(Pool)
        self._late_own = [0] * len(Pool)
        self._in_flight = [0] * len(Pool)
        self._learned = 0
        self._learned_order = order
        self._answered = 0
        self._answered_order = order
        self._lost = 0
        self._late_answered = 0
        self._late_lost = 0

    def restrict(self, limit: int, kept: int, bounds: Mapping[Purpose, Bound]) -> None:
        """Take the limit that is in force from now on, and what may be used of it.

        `kept` is this process's share for reconciliation.
        """
        self.limit = limit
        self._kept = kept
        self._bounds = bounds

    @property
    def ends_ms(self) -> int:
        """Return when this window is over for certain."""
        return self._start_ms + self.interval_ms + RATE_WINDOW_MARGIN_MS

    @property
    def used(self) -> int:
        """Return the most that the venue may have counted, as far as our replies tell."""
        return self._learned + self._answered + self._lost + sum(self._in_flight)

    def room(self, cost: RequestCost) -> int:
        """Return how much more requests of this purpose may add; below 0 if it is too much now."""
        bound, pool = self._bounds[cost.purpose], cost.pool
        own, in_flight = self._own, self._in_flight
        total = bound.total - self.used
        if pool is Pool.ORDINARY:
            total -= max(0, self._kept - own[Pool.KEPT] - in_flight[Pool.KEPT])
        return min(total, bound.own - own[pool] - in_flight[pool])

    def roll(self, now_ms: int, order: int) -> None:
        """Begin the window that holds `now_ms`, if it is a later one.

        A clock that was set back makes the window earlier, and forgets nothing.
        """
        reached_ms = now_ms - RATE_WINDOW_MARGIN_MS
        if 0 <= reached_ms - self._start_ms < self.interval_ms:
            return
        start_ms = reached_ms - reached_ms % self.interval_ms
        if start_ms > self._start_ms:
            is_next = start_ms == self._start_ms + self.interval_ms
            self._answered = self._late_answered if is_next else 0
            self._lost = self._late_lost if is_next else 0
            self._own = self._late_own if is_next else [0] * len(Pool)
            self._late_own = [0] * len(Pool)
            self._learned = self._late_answered = self._late_lost = 0
            self._answered_order = self._learned_order = self._rolled_order = order
        self._start_ms = start_ms

    def issue(self, cost: RequestCost) -> None:
        """Count a request that is about to be sent."""
        self._in_flight[cost.pool] += cost.amount(self.kind)

    def take_back(self, ticket: Ticket) -> None:
        """Count a request no more that was not sent."""
        if self._has_issued(ticket):
            self._in_flight[ticket.cost.pool] -= ticket.cost.amount(self.kind)

    def lose(self, ticket: Ticket, now_ms: int) -> None:
        """Count a request for the rest of the window: no reply will show whether the venue has."""
        if not self._has_issued(ticket):
            return
        amount = ticket.cost.amount(self.kind)
        self._settle(ticket, amount, now_ms)
        self._lost += amount
        if self._is_ending(now_ms):
            self._late_lost += amount

    def answer(
        self, ticket: Ticket, amount: int, count: RateCount | None, now_ms: int, order: int
    ) -> None:
        """Count a request that was answered: by the reply's count, if it is of this window.

        `amount` is what it has cost in the end.
        """
        if not self._has_issued(ticket):
            return
        self._settle(ticket, amount, now_ms)
        if self._is_ending(now_ms):
            self._late_answered += amount
        if count is not None and ticket.order > self._rolled_order:
            self._learn(ticket, count.count, order)
        elif amount:
            self._answered += amount
            self._answered_order = order

    def _settle(self, ticket: Ticket, amount: int, now_ms: int) -> None:
        pool = ticket.cost.pool
        self._in_flight[pool] -= ticket.cost.amount(self.kind)
        self._own[pool] += amount
        if self._is_ending(now_ms):
            self._late_own[pool] += amount

    def _learn(self, ticket: Ticket, count: int, order: int) -> None:
        is_newer = ticket.order > self._learned_order
        self._learned = count if is_newer else max(self._learned, count)
        self._learned_order = order
        if ticket.order > self._answered_order:
            self._answered = 0  # all of it was counted before this request was sent

    def _has_issued(self, ticket: Ticket) -> bool:
        """Tell whether the ticket is not older than this window's limit."""
        return ticket.order > self._made_order

    def _is_ending(self, now_ms: int) -> bool:
        """Tell whether what is counted now may belong to the next window."""
        return now_ms >= self._start_ms + self.interval_ms - RATE_WINDOW_MARGIN_MS
