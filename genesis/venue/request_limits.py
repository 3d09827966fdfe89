"""Counting requests and orders in fixed windows (`binance-spot.md` section 8.3)."""

from typing import Final

import msgspec

from genesis.venue.refusals import too_many_orders, too_much_weight

MINUTE_MS: Final = 60_000
ORDER_WINDOW_MS: Final = 10_000
DAY_MS: Final = 86_400_000
MAKER_FILL_RELIEF: Final = 5  # the docs' example of what a first fill as maker takes off
TAKER_FILL_RELIEF: Final = 1


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits in force; the defaults are the live venue's."""

    weight_per_minute: int = 6_000
    orders_per_10s: int = 100
    orders_per_day: int = 200_000


class RateLimitCount(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of a reply's `rateLimits`."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int


class Window:
    """A counter that falls to 0 at each boundary of its aligned window."""

    __slots__ = ("_count", "_start_ms", "length_ms")

    def __init__(self, length_ms: int) -> None:
        self.length_ms = length_ms
        self._start_ms = 0
        self._count = 0

    def count(self, now_ms: int) -> int:
        """Return what was counted in the window that holds `now_ms`."""
        start_ms = now_ms - now_ms % self.length_ms
        if start_ms != self._start_ms:
            self._start_ms = start_ms
            self._count = 0
        return self._count

    def add(self, amount: int, now_ms: int) -> None:
        """Count more (or, with a negative amount, less; never below 0)."""
        self._count = max(0, self.count(now_ms) + amount)

    def ends_ms(self, now_ms: int) -> int:
        """Return when the window ends that holds `now_ms`."""
        return now_ms - now_ms % self.length_ms + self.length_ms


class WeightLimit:
    """Request weight of one address."""

    __slots__ = ("_limit", "_window")

    def __init__(self, limits: RateLimits) -> None:
        self._limit = limits.weight_per_minute
        self._window = Window(MINUTE_MS)

    def spend(self, weight: int, now_ms: int) -> None:
        """Count a request's weight.

        Raises:
            Refused: -1003, when the window's weight is used up.
        """
        self._window.add(weight, now_ms)
        if self._window.count(now_ms) > self._limit:
            raise too_much_weight(self._limit, self._window.ends_ms(now_ms))

    def count(self, weight: int, now_ms: int) -> None:
        """Count a weight without refusing; a negative one is given back after a success."""
        self._window.add(weight, now_ms)

    def entry(self, now_ms: int) -> RateLimitCount:
        """Return the count as replies show it."""
        count = self._window.count(now_ms)
        return RateLimitCount("REQUEST_WEIGHT", "MINUTE", 1, self._limit, count)


class OrderLimit:
    """Unfilled orders of one account."""

    __slots__ = ("_day", "_limits", "_ten_seconds")

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._ten_seconds = Window(ORDER_WINDOW_MS)
        self._day = Window(DAY_MS)

    def check(self, now_ms: int) -> None:
        """Refuse a further order when a window is full.

        Raises:
            Refused: -1015, with the window that is full.
        """
        if self._day.count(now_ms) >= self._limits.orders_per_day:
            raise too_many_orders(self._limits.orders_per_day, "1 DAY", self._day.ends_ms(now_ms))
        if self._ten_seconds.count(now_ms) >= self._limits.orders_per_10s:
            ends_ms = self._ten_seconds.ends_ms(now_ms)
            raise too_many_orders(self._limits.orders_per_10s, "10 SECOND", ends_ms)

    def count_order(self, now_ms: int) -> None:
        """Count one order."""
        self._ten_seconds.add(1, now_ms)
        self._day.add(1, now_ms)

    def relieve(self, now_ms: int, relief: int) -> None:
        """Take off what the first fill of an order earns."""
        self._ten_seconds.add(-relief, now_ms)
        self._day.add(-relief, now_ms)

    def entries(self, now_ms: int) -> list[RateLimitCount]:
        """Return the counts as replies show them."""
        limits = self._limits
        short, day = self._ten_seconds.count(now_ms), self._day.count(now_ms)
        return [
            RateLimitCount("ORDERS", "SECOND", 10, limits.orders_per_10s, short),
            RateLimitCount("ORDERS", "DAY", 1, limits.orders_per_day, day),
        ]
