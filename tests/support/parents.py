"""A large order on an execution core: opened, and the market that it is worked in."""

import msgspec

from genesis.domain.market import Depth, DepthLevel
from genesis.domain.orders import Side
from genesis.engine.slicing.desk import MarketFacts
from genesis.engine.slicing.schedule import Algorithm
from genesis.engine.slicing.wish import ParentWish
from genesis.units import SCALE, Nanos
from tests.support.builders import LOT, NOW, PRICE, SECOND, VENUE_MS, quote
from tests.support.desk import Desk

OWNER = "ema_cross-1"
WHOLE = 80 * LOT  # $4 800, below 5 % of equity
WISH = ParentWish(
    strategy_id=OWNER,
    side=Side.BUY,
    algorithm=Algorithm.TWAP,
    duration=60 * SECOND,
    quantity=WHOLE,
    slices=4,
)


def market(now: Nanos = NOW, price: int = PRICE, volume: int = 0) -> MarketFacts:
    """Return a present market with plenty to take at a dollar around a price."""
    levels = [DepthLevel(price + SCALE // 2, 10 * SCALE)]
    depth = Depth(0, levels, levels, 1, now)
    return MarketFacts({0: quote(middle=price, received_at=now)}, {0: depth}, {0: volume})


def opened(desk: Desk, **changes: object) -> Desk:
    wish = msgspec.structs.replace(WISH, **changes)
    return desk.take(desk.core.slicing.open(wish, market(), desk.venue_now(VENUE_MS), NOW))
