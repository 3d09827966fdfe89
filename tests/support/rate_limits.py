"""Rate limits that a test can fill, at round numbers."""

from typing import Final

from genesis.domain.orders import Hold
from genesis.exchange.rate_limits import EXECUTOR_SHARES, RateLimits, RateShares
from genesis.exchange.rate_window import RateCount, RateLimit, Ticket
from genesis.exchange.request_cost import LimitKind, Purpose, RequestCost
from genesis.limits import RATE_WINDOW_MARGIN_MS

MINUTE: Final = 60_000
SHORT: Final = 10_000
START: Final = 1_780_000_000_000 // MINUTE * MINUTE + RATE_WINDOW_MARGIN_MS
"""The first moment at which a minute has begun for certain."""

WEIGHT: Final = 1_000
ORDERS: Final = 50
USABLE_WEIGHT: Final = 800
USABLE_ORDERS: Final = 40

READ: Final = RequestCost(Purpose.READ, 10)
RECONCILE: Final = RequestCost(Purpose.RECONCILE, 10)
SESSION: Final = RequestCost(Purpose.SESSION, 2)
CANCEL: Final = RequestCost(Purpose.CANCEL, 1, is_refunded=True)


def make_limits(shares: RateShares = EXECUTOR_SHARES) -> RateLimits:
    """Return limits of 1 000 weight a minute and 50 orders in 10 s, a fifth of each reserved."""
    limits = RateLimits(shares, reserve_bps=2_000)
    limits.state_limits(
        [
            RateLimit(LimitKind.REQUEST_WEIGHT, MINUTE, WEIGHT),
            RateLimit(LimitKind.ORDERS, SHORT, ORDERS),
        ]
    )
    return limits


def admitted(limits: RateLimits, cost: RequestCost, now_ms: int = START) -> Ticket:
    """Return the ticket of a request that is admitted."""
    ticket = limits.admit(cost, now_ms)
    assert isinstance(ticket, Ticket)
    return ticket


def held(limits: RateLimits, cost: RequestCost, now_ms: int = START) -> Hold:
    """Return why a request is not admitted."""
    hold = limits.admit(cost, now_ms)
    assert isinstance(hold, Hold)
    return hold


def fill(limits: RateLimits, cost: RequestCost, now_ms: int = START) -> int:
    """Send as many requests as are admitted, none of them answered; return how many."""
    for sent in range(10_000):
        if isinstance(limits.admit(cost, now_ms), Hold):
            return sent
    raise AssertionError("nothing is ever held")


def weight(count: int, limit: int = WEIGHT) -> RateCount:
    """Return a count of weight, as a reply shows it."""
    return RateCount(LimitKind.REQUEST_WEIGHT, MINUTE, count, limit)


def orders(count: int) -> RateCount:
    """Return a count of orders in 10 s, as a reply shows it."""
    return RateCount(LimitKind.ORDERS, SHORT, count, ORDERS)


def used(limits: RateLimits, kind: LimitKind, now_ms: int = START) -> int:
    """Return what is used of a kind, in its shortest window."""
    return next(usage.used for usage in limits.usage(now_ms) if usage.kind is kind)
