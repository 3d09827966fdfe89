"""What a request to the venue costs, and what it is for. Pure.

The venue counts three things (`binance-spot.md` section 8.3): the weight of requests and their bare
number, for an address, and orders, for an account.
"""

import enum
from typing import Final

import msgspec


class LimitKind(enum.StrEnum):
    """What is counted; the values are the venue's `rateLimitType`."""

    REQUEST_WEIGHT = "REQUEST_WEIGHT"
    RAW_REQUESTS = "RAW_REQUESTS"
    ORDERS = "ORDERS"


class Purpose(enum.Enum):
    """What a request is for, which decides how much of a limit it may use."""

    READ = "reads"
    """Can wait: listings, snapshots of the market."""

    ENTRY = "entries"
    """A new order that may enlarge a position."""

    EXIT = "exits"
    """A new order that only shrinks one."""

    SESSION = "sessions"
    """A connection, logging on by it, the venue's clock: without them nothing else can be sent."""

    RECONCILE = "reconciliation"
    """Queries of orders, comparisons with the venue."""

    CANCEL = "cancels"
    """The end of an order."""


class Pool(enum.IntEnum):
    """Which part of a process's share a request is taken from. The values count from 0."""

    ORDINARY = 0
    KEPT = 1
    """For reconciliation, so that neither reads nor entries can starve it, nor it them."""

    FREE = 2
    """No part: what ends an order or shrinks a position, and the session that it is sent by, is
    bounded by the limit alone."""


_POOLS: Final = {
    Purpose.READ: Pool.ORDINARY,
    Purpose.ENTRY: Pool.ORDINARY,
    Purpose.EXIT: Pool.FREE,
    Purpose.SESSION: Pool.FREE,
    Purpose.RECONCILE: Pool.KEPT,
    Purpose.CANCEL: Pool.FREE,
}
assert _POOLS.keys() == set(Purpose), "every purpose has its pool"


class RequestCost(msgspec.Struct, frozen=True):
    """What one request costs: its weight (section 6.4), and how many orders it adds (7.5).

    `is_refunded`: it costs no weight if it succeeds, as trading requests do.
    """

    purpose: Purpose
    weight: int = 1
    orders: int = 0
    is_refunded: bool = False

    @property
    def pool(self) -> Pool:
        """The part of a process's share that it is taken from."""
        return _POOLS[self.purpose]

    def amount(self, kind: LimitKind) -> int:
        """Return what the request adds to the counts of one kind."""
        if kind is LimitKind.REQUEST_WEIGHT:
            return self.weight
        return self.orders if kind is LimitKind.ORDERS else 1


ENTRY_COST: Final = RequestCost(Purpose.ENTRY, orders=1, is_refunded=True)
EXIT_COST: Final = RequestCost(Purpose.EXIT, orders=1, is_refunded=True)
EXIT_PAIR_COST: Final = RequestCost(Purpose.EXIT, orders=2, is_refunded=True)
