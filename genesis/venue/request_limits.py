"""Counting requests and orders in fixed windows (`binance-spot.md` section 8.3)."""

from typing import Final, NamedTuple

import msgspec

from genesis.errors import ConfigError
from genesis.venue.refusals import too_many_orders, too_much_weight

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
ORDER_WINDOW_MS: Final = 10_000
CONNECTION_WINDOW_MS: Final = 300_000
DAY_MS: Final = 86_400_000
MAKER_FILL_RELIEF: Final = 5  # the docs' example of what a first fill as maker takes off
TAKER_FILL_RELIEF: Final = 1

_UNITS: Final = (
    (DAY_MS, "DAY"),
    (3_600_000, "HOUR"),
    (MINUTE_MS, "MINUTE"),
    (SECOND_MS, "SECOND"),
)


class RateLimit(NamedTuple):
    """How much is allowed within one window."""

    limit: int
    window_ms: int

    @property
    def interval(self) -> tuple[str, int]:
        """The window as the protocol spells it: a unit, and how many of them."""
        for unit_ms, unit in _UNITS:
            if self.window_ms % unit_ms == 0:
                return unit, self.window_ms // unit_ms
        raise AssertionError("windows are whole seconds")

    @property
    def window_text(self) -> str:
        """The window as refusals name it."""
        unit, number = self.interval
        return f"{number} {unit}"


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits in force; the defaults are the live venue's.

    Other windows, in whole seconds, let a day pass in minutes: clients are told of them.
    """

    weight: RateLimit = RateLimit(6_000, MINUTE_MS)
    orders: RateLimit = RateLimit(100, ORDER_WINDOW_MS)
    orders_a_day: RateLimit = RateLimit(200_000, DAY_MS)
    connections: RateLimit = RateLimit(300, CONNECTION_WINDOW_MS)

    def __post_init__(self) -> None:
        for limit in (self.weight, self.orders, self.orders_a_day, self.connections):
            if limit.window_ms <= 0 or limit.window_ms % SECOND_MS:
                raise ConfigError(
                    f"a rate limit's window of {limit.window_ms} ms: use whole seconds, for "
                    "clients are told of them"
                )


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
    """Request weight of all clients together.

    The live venue counts by address. Here every client is on the loopback, so that this counter is
    the same for those of one address and the stricter one for those of several.
    """

    __slots__ = ("_limit", "_window")

    def __init__(self, limits: RateLimits) -> None:
        self._limit = limits.weight
        self._window = Window(limits.weight.window_ms)

    def spend(self, weight: int, now_ms: int) -> None:
        """Count a request's weight.

        Raises:
            Refused: -1003, when the window's weight is used up.
        """
        self._window.add(weight, now_ms)
        if self._window.count(now_ms) > self._limit.limit:
            ends_ms = self._window.ends_ms(now_ms)
            raise too_much_weight(self._limit.limit, self._limit.window_text, ends_ms)

    def count(self, weight: int, now_ms: int) -> None:
        """Count a weight without refusing; a negative one is given back after a success."""
        self._window.add(weight, now_ms)

    def entry(self, now_ms: int) -> RateLimitCount:
        """Return the count as replies show it."""
        return _entry("REQUEST_WEIGHT", self._limit, self._window.count(now_ms))


class OrderLimit:
    """Unfilled orders of one account."""

    __slots__ = ("_day", "_limits", "_short")

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._short = Window(limits.orders.window_ms)
        self._day = Window(limits.orders_a_day.window_ms)

    def check(self, now_ms: int) -> None:
        """Refuse a further order when a window is full.

        Raises:
            Refused: -1015, with the window that is full.
        """
        for window, limit in (
            (self._day, self._limits.orders_a_day),
            (self._short, self._limits.orders),
        ):
            if window.count(now_ms) >= limit.limit:
                raise too_many_orders(limit.limit, limit.window_text, window.ends_ms(now_ms))

    def count_order(self, now_ms: int) -> None:
        """Count one order."""
        self._short.add(1, now_ms)
        self._day.add(1, now_ms)

    def relieve(self, now_ms: int, relief: int) -> None:
        """Take off what the first fill of an order earns."""
        self._short.add(-relief, now_ms)
        self._day.add(-relief, now_ms)

    def entries(self, now_ms: int) -> list[RateLimitCount]:
        """Return the counts as replies show them."""
        limits = self._limits
        return [
            _entry("ORDERS", limits.orders, self._short.count(now_ms)),
            _entry("ORDERS", limits.orders_a_day, self._day.count(now_ms)),
        ]


class ConnectionLimit:
    """New connections of each address."""

    __slots__ = ("_by_address", "_limit", "_window_start_ms")

    def __init__(self, limits: RateLimits) -> None:
        self._limit = limits.connections
        self._window_start_ms = 0
        self._by_address: dict[str, int] = {}

    def count_attempt(self, address: str, now_ms: int) -> int:
        """Count an attempt to connect; return the ms at which to try again, 0 if it may."""
        start_ms = now_ms - now_ms % self._limit.window_ms
        if start_ms != self._window_start_ms:
            self._window_start_ms = start_ms
            self._by_address.clear()
        attempts = self._by_address[address] = self._by_address.get(address, 0) + 1
        return start_ms + self._limit.window_ms if attempts > self._limit.limit else 0


def _entry(kind: str, limit: RateLimit, count: int) -> RateLimitCount:
    unit, number = limit.interval
    return RateLimitCount(kind, unit, number, limit.limit, count)
