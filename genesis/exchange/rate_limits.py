"""How much may be asked of the venue now: its rate limits, and our share of each. Pure.

The venue counts requests of an address and orders of an account in fixed windows
(`binance-spot.md` section 8.3). `RateLimits` answers each request at once, with a ticket or with a
hold that says from when on; nothing waits in here. Four things keep the counts under the limits:

- **Shares.** Feed and executor are processes of one address and do not hear of each other between
  two replies, so each has a fixed share of what is usable, and the shares add up to all of it.
  However both hurry, the venue counts no more than the usable part.
- **Learned counts.** Every reply says what the venue has counted. So whatever else uses the address
  or the account (another program, the process before this one) is found out with the next reply.
- **A reserve** that entries and reads never touch. It is for what is not found out yet, for
  cancels, and for orders that shrink a position: a limit must never lock us into what it exists to
  prevent. The session that they are sent by may use half of it, too. Reconciliation has a share of
  its own, and may reach into half of the reserve where others have used up the rest.
- **Borders in doubt.** What is under way while a window ends counts on both sides
  (`rate_window.py`).

What the venue refuses for rate outweighs all counts: `throttle`, `throttle_orders`, `ban`. Times
are the venue's, in milliseconds.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from genesis.domain.orders import Hold, Refusal, RefusalRule
from genesis.exchange.rate_window import Bound, RateCount, RateLimit, RateWindow, Ticket
from genesis.exchange.request_cost import LimitKind, Purpose, RequestCost
from genesis.limits import (
    BAN_MS,
    BAN_MS_MAX,
    RATE_EXECUTOR_KEPT_SHARE,
    RATE_EXECUTOR_SHARE,
    RATE_FEED_KEPT_SHARE,
    RATE_FEED_SHARE,
    RATE_HALVED_MS,
)
from genesis.units import NANOS_PER_MS, Nanos

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
DAY_MS: Final = 24 * 60 * MINUTE_MS

_WHOLE: Final = 100  # shares are hundredths
_BASIS_POINTS: Final = 10_000
_UNBOUNDED: Final = 1 << 62

DOCUMENTED_LIMITS: Final = (
    RateLimit(LimitKind.REQUEST_WEIGHT, MINUTE_MS, 6_000),
    RateLimit(LimitKind.RAW_REQUESTS, 5 * MINUTE_MS, 61_000),
    RateLimit(LimitKind.ORDERS, 10 * SECOND_MS, 50),
    RateLimit(LimitKind.ORDERS, DAY_MS, 160_000),
)
"""The lowest that the venue documents (section 8.3): in force until it has stated its own."""


class RateShares(msgspec.Struct, frozen=True):
    """One process's part of what is usable of its address's limits, in hundredths.

    `ordinary` is for reads and entries, `kept` for reconciliation; neither is used for the other.
    """

    ordinary: int
    kept: int


FEED_SHARES: Final = RateShares(RATE_FEED_SHARE, RATE_FEED_KEPT_SHARE)
EXECUTOR_SHARES: Final = RateShares(RATE_EXECUTOR_SHARE, RATE_EXECUTOR_KEPT_SHARE)


class RateUsage(msgspec.Struct, frozen=True):
    """What is used of one limit now, to the best of our knowledge."""

    kind: LimitKind
    interval_ms: int
    used: int
    limit: int


class RateLimits:
    """The limits of one address and one account, as one process sees and uses them.

    Ask `admit` before each request. A ticket is given back by exactly one of `answer` (the venue
    answered), `lose` (no answer came) and `take_back` (not a byte was written).
    """

    def __init__(self, shares: RateShares, *, reserve_bps: int) -> None:
        """Keep `reserve_bps` of each limit, in 0.01 %, out of ordinary reach."""
        assert 0 <= reserve_bps < _BASIS_POINTS, "something is usable"
        self._shares = shares
        self._reserve_bps = reserve_bps
        self._order = 0
        self._windows: dict[tuple[LimitKind, int], RateWindow] = {}
        self._requests_held_ms = 0
        self._orders_held_ms = 0
        self._banned_ms = 0
        self._halved_ms = 0
        self._is_halved = False
        self.state_limits(DOCUMENTED_LIMITS)

    def state_limits(self, limits: Sequence[RateLimit]) -> bool:
        """Take the limits that `exchangeInfo` states, in place of those known of the same kinds.

        Return whether any of them is new.
        """
        before = self._stated()
        stated = {(limit.kind, limit.interval_ms) for limit in limits}
        kinds = {limit.kind for limit in limits}
        for key in [key for key in self._windows if key[0] in kinds and key not in stated]:
            del self._windows[key]
        for limit in limits:
            key = (limit.kind, limit.interval_ms)
            if key not in self._windows:
                self._windows[key] = RateWindow(limit.kind, limit.interval_ms, self._order)
            self._restrict(self._windows[key], limit.limit)
        return self._stated() != before

    def admit(self, cost: RequestCost, now_ms: int) -> Ticket | Hold:
        """Give leave to send one request now, or say why not and from when on."""
        hold = self.hold(cost, now_ms)
        if hold is not None:
            return hold
        self._order += 1
        for window in self._windows.values():
            window.issue(cost)
        return Ticket(self._order, cost)

    def hold(self, cost: RequestCost, now_ms: int) -> Hold | None:
        """Tell why a request would not be admitted now; None if it would."""
        held_ms = self._requests_held_ms
        if cost.orders and self._orders_held_ms > held_ms:
            held_ms = self._orders_held_ms
        if now_ms < held_ms:
            return self._held_by_venue(held_ms, now_ms)
        if self._is_halved and now_ms >= self._halved_ms:
            self._set_halved(is_halved=False)
        worst: Hold | None = None
        for window in self._windows.values():
            amount = cost.amount(window.kind)
            if not amount:
                continue
            window.roll(now_ms, self._order)
            room = window.room(cost)
            if amount > room and (worst is None or worst.retry_at_ms < window.ends_ms):
                worst = _full(window, room, amount, cost.purpose)
        return worst

    def take_back(self, ticket: Ticket) -> None:
        """Take a ticket back unused: not one byte of the request was written."""
        self._order += 1
        for window in self._windows.values():
            window.take_back(ticket)

    def lose(self, ticket: Ticket, now_ms: int) -> None:
        """Take a ticket back whose request was not answered: the venue may have counted it."""
        self._order += 1
        for window in self._windows.values():
            window.roll(now_ms, self._order)
            window.lose(ticket, now_ms)

    def answer(
        self, ticket: Ticket, counts: Iterable[RateCount], now_ms: int, *, has_succeeded: bool
    ) -> None:
        """Take a ticket back whose request was answered, and learn the counts of the reply."""
        self._order += 1
        cost = ticket.cost
        shown = {(count.kind, count.interval_ms): count for count in counts}
        for key, window in self._windows.items():
            amount = cost.amount(window.kind)
            if cost.is_refunded and has_succeeded and window.kind is LimitKind.REQUEST_WEIGHT:
                amount = 0
            count = shown.get(key)
            window.roll(now_ms, self._order)
            window.answer(ticket, amount, count, now_ms, self._order)
            if count is not None and count.limit not in (0, window.limit):
                self._restrict(window, count.limit)

    def throttle(self, retry_at_ms: int, now_ms: int) -> int:
        """Hold every request until the venue allows them again (429, -1003); return when that is.

        Cancels wait too: who goes on asking is banned, and then nothing can be canceled for longer.
        From then on the rate is halved for `RATE_HALVED_MS` (section 11), but for cancels and
        exits. A `retry_at_ms` of 0 is not known: then it is the end of the window.
        """
        retry_at_ms = min(retry_at_ms, now_ms + BAN_MS_MAX)
        if not retry_at_ms:
            retry_at_ms = self._next_end(LimitKind.REQUEST_WEIGHT, now_ms)
        self._requests_held_ms = max(self._requests_held_ms, retry_at_ms)
        self._halved_ms = max(self._halved_ms, self._requests_held_ms + RATE_HALVED_MS)
        self._set_halved(is_halved=True)
        return self._requests_held_ms

    def throttle_orders(self, retry_at_ms: int, now_ms: int) -> int:
        """Hold new orders until the venue allows them again (-1015); return when that is.

        A `retry_at_ms` of 0 is not known: then it is the end of the shortest window.
        """
        retry_at_ms = min(retry_at_ms, now_ms + BAN_MS_MAX)
        if not retry_at_ms:
            retry_at_ms = self._next_end(LimitKind.ORDERS, now_ms)
        self._orders_held_ms = max(self._orders_held_ms, retry_at_ms)
        return self._orders_held_ms

    def ban(self, retry_at_ms: int, now_ms: int) -> int:
        """Hold every request until a ban (418) is lifted; return when that is.

        A `retry_at_ms` of 0 is not known: then it is `BAN_MS` from now, the shortest that there is.
        """
        until_ms = self.throttle(retry_at_ms or now_ms + BAN_MS, now_ms)
        self._banned_ms = max(self._banned_ms, until_ms)
        return until_ms

    def is_banned(self, now_ms: int) -> bool:
        """Tell whether the venue has banned the address, as far as this process was told."""
        return now_ms < self._banned_ms

    def follow_clock(self, moved: Nanos) -> None:
        """Take note that our estimate of the venue's clock was set forward, or back.

        What is held is held for a span of time: set forward, the estimate must not end it sooner.
        Set back, it may end later than it need to, which does no harm.
        """
        if moved <= 0:
            return
        moved_ms = -(-moved // NANOS_PER_MS)
        if self._requests_held_ms:
            self._requests_held_ms += moved_ms
        if self._orders_held_ms:
            self._orders_held_ms += moved_ms
        if self._banned_ms:
            self._banned_ms += moved_ms

    @property
    def held_until_ms(self) -> int:
        """Until when the venue holds orders, or everything; in the past if it does not."""
        return max(self._requests_held_ms, self._orders_held_ms)

    def usage(self, now_ms: int) -> tuple[RateUsage, ...]:
        """Return what is used of each limit."""
        for window in self._windows.values():
            window.roll(now_ms, self._order)
        return tuple(
            RateUsage(window.kind, window.interval_ms, window.used, window.limit)
            for window in self._windows.values()
        )

    def _stated(self) -> dict[tuple[LimitKind, int], int]:
        return {key: window.limit for key, window in self._windows.items()}

    def _held_by_venue(self, held_ms: int, now_ms: int) -> Hold:
        observed = "banned by the venue" if now_ms < self._banned_ms else "throttled by the venue"
        limit = f"allowed from {held_ms} (venue time, ms)"
        return Hold(Refusal(rule=RefusalRule.RATE_LIMIT, limit=limit, observed=observed), held_ms)

    def _set_halved(self, *, is_halved: bool) -> None:
        if is_halved is not self._is_halved:
            self._is_halved = is_halved
            for window in self._windows.values():
                self._restrict(window, window.limit)

    def _restrict(self, window: RateWindow, limit: int) -> None:
        """Put a limit in force, dealt over the purposes.

        Orders are sent by the executor alone, so their limits know no shares.
        """
        rate = 2 if self._is_halved else 1
        usable = limit * (_BASIS_POINTS - self._reserve_bps) // _BASIS_POINTS
        if window.kind is LimitKind.ORDERS:
            bounds = dict.fromkeys(Purpose, Bound(limit, _UNBOUNDED))
            bounds[Purpose.ENTRY] = Bound(usable // rate, _UNBOUNDED)
            window.restrict(limit, 0, bounds)
            return
        kept = usable * self._shares.kept // _WHOLE // rate
        ordinary = Bound(usable, usable * self._shares.ordinary // _WHOLE // rate)
        into_reserve = (usable + limit) // 2
        bounds = {
            Purpose.READ: ordinary,
            Purpose.ENTRY: ordinary,
            Purpose.RECONCILE: Bound(into_reserve, kept),
            Purpose.EXIT: Bound(into_reserve, _UNBOUNDED),
            Purpose.SESSION: Bound(into_reserve, _UNBOUNDED),
            Purpose.CANCEL: Bound(limit, _UNBOUNDED),
        }
        window.restrict(limit, kept, bounds)

    def _next_end(self, kind: LimitKind, now_ms: int) -> int:
        ends = [now_ms + MINUTE_MS]
        for window in self._windows.values():
            if window.kind is kind:
                window.roll(now_ms, self._order)
                ends.append(window.ends_ms)
        return min(ends)


def _full(window: RateWindow, room: int, amount: int, purpose: Purpose) -> Hold:
    """Say that a window has no room; the limit is shown as the count at which it is full."""
    full_at = max(0, window.used + room)
    seconds = window.interval_ms // SECOND_MS
    refusal = Refusal(
        rule=RefusalRule.RATE_LIMIT,
        limit=f"{full_at} of {window.limit} {window.kind} in {seconds} s for {purpose.value}",
        observed=f"{window.used} used, {amount} more wanted",
    )
    return Hold(refusal, window.ends_ms)
