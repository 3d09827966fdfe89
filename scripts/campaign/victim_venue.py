"""The venue of an engine under attack: it has a fuse, a clock of its own, and no limit of rate."""

from typing import Final

import msgspec

from genesis.clock import EngineClock
from genesis.config import Settings
from genesis.engine.boot import TradingKey
from genesis.units import NANOS_PER_MS
from genesis.venue.api_session import ApiSession
from genesis.venue.config import VenueConfig
from genesis.venue.exchange import ExchangeRules
from genesis.venue.request_limits import (
    CONNECTION_WINDOW_MS,
    DAY_MS,
    MINUTE_MS,
    ORDER_WINDOW_MS,
    RateLimit,
    RateLimits,
)
from genesis.venue.sqlite_ledger import SqliteLedger
from scripts.campaign.fuses import Point, set_fuse
from scripts.campaign.plan import plan_of_this_process
from workers import venue
from workers.process import ChildContext, run_child

POINTS: Final = (
    Point("traded, not on record", SqliteLedger, "commit", passages_max=80),
    Point("on record, nobody told", SqliteLedger, "commit", is_after=True, passages_max=80),
    Point("executed, not answered", ApiSession, "execute", is_after=True, passages_max=300),
)
_NO_LIMIT: Final = RateLimits(
    weight=RateLimit(10**9, MINUTE_MS),
    orders=RateLimit(10**9, ORDER_WINDOW_MS),
    orders_a_day=RateLimit(10**9, DAY_MS),
    connections=RateLimit(10**9, CONNECTION_WINDOW_MS),
)  # restarts and orders at this pace would use up the live venue's

_real_config = venue.venue_config


def _config_without_limits(settings: Settings, trading_key: TradingKey) -> VenueConfig:
    config = _real_config(settings, trading_key)
    rules: ExchangeRules = msgspec.structs.replace(config.rules, limits=_NO_LIMIT)
    return msgspec.structs.replace(config, rules=rules)


async def run(context: ChildContext) -> None:
    """Be the venue, for as long as the fuse allows."""
    plan = plan_of_this_process()
    spec = context.spec
    context.clock = EngineClock(context.clock.offset - plan.venue_behind_ms * NANOS_PER_MS)
    venue.venue_config = _config_without_limits
    set_fuse(plan, POINTS, spec, context.settings.state_dir)
    await venue.run(context)


if __name__ == "__main__":
    run_child(run)
