"""What a reply says of the venue itself, rather than of the request that it answers. Pure."""

import enum

import msgspec

from genesis.exchange.rate_window import RateCount


class ReplyVerdict(enum.Enum):
    """What a reply says of the venue itself."""

    ANSWERED = "answered"
    """It works, whatever it said of the request."""

    FAILED = "failed"
    """It did not manage: 5xx, an unknown outcome, an overload."""

    THROTTLED = "throttled"
    """The address asks too much."""

    ORDERS_THROTTLED = "orders_throttled"
    """The account places too many orders."""

    BANNED = "banned"
    """The address has asked too much for too long."""


class ReplyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply teaches. `retry_at_ms` is venue time, 0 where none is given.

    `told_at_ms` is the venue's time when it said so, 0 where it does not say.
    """

    verdict: ReplyVerdict
    has_succeeded: bool
    reason: str = ""
    retry_at_ms: int = 0
    told_at_ms: int = 0
    counts: tuple[RateCount, ...] = ()
