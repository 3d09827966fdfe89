"""What the parent reaches outside of itself: programs, the listing, the strategies (I/O)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from genesis.config import Settings
from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.engine.roles import Role
from genesis.engine.spawn import CHILD_MODULES
from genesis.engine.strategy_registry import deal_shards
from genesis.exchange.binance.listing_fetch import fetch_instruments
from genesis.exchange.endpoints import Endpoints
from genesis.strategies.base import StrategySpec
from genesis.strategies.loader import load_roster, specs_of
from genesis.units import Nanos

Shards: TypeAlias = tuple[tuple[StrategySpec, ...], ...]
"""The roster, dealt to the workers."""

NumberStrategies: TypeAlias = Callable[[Iterable[str]], Mapping[str, int]]


def plan_shards(
    settings: Settings, catalogue: InstrumentCatalogue, number: NumberStrategies
) -> Shards:
    """Load the roster over what the venue lists, and deal it to the workers.

    No cost has been measured before the first run, so every strategy counts the same.

    Raises:
        ConfigError: The roster names what does not exist; each fault with its place and remedy.
    """
    roster = load_roster(settings.strategies, settings.tier, catalogue)
    specs = specs_of(roster, number(entry.strategy_id for entry in roster))
    return tuple(deal_shards(specs, settings.strategies.workers, costs={}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The real ones by default.

    `modules` are the children's programs; `fetch_instruments(endpoints, symbols, timeout)` blocks
    until the venue has answered; `plan_shards(settings, catalogue, number)` returns one shard for
    each worker.
    """

    modules: Mapping[Role, str] = field(default_factory=lambda: CHILD_MODULES)
    fetch_instruments: Callable[
        [Endpoints, Sequence[str] | None, Nanos], tuple[Instrument, ...]
    ] = fetch_instruments
    plan_shards: Callable[[Settings, InstrumentCatalogue, NumberStrategies], Shards] = plan_shards
