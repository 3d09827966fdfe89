"""A strategy worker of an engine under attack: it has a fuse, and strategies that trade much."""

from collections.abc import Sequence
from typing import Final

from genesis.config import Tier
from genesis.domain.instruments import InstrumentCatalogue
from genesis.strategies.base import BaseStrategy, StrategyContext, StrategySpec
from scripts.campaign.churn import Churn
from scripts.campaign.fuses import Point, set_fuse
from scripts.campaign.plan import plan_of_this_process
from workers import strategy
from workers.process import ChildContext, run_child

POINTS: Final = (
    Point("wished, not published", strategy.StrategyWorker, "_publish", passages_max=400),
    Point("published", strategy.StrategyWorker, "_publish", is_after=True, passages_max=400),
)


def _create_strategies(
    specs: Sequence[StrategySpec],
    tier: Tier,
    catalogue: InstrumentCatalogue,
    context: StrategyContext,
) -> list[BaseStrategy]:
    del tier
    made: list[BaseStrategy] = []
    for spec in specs:
        instrument = catalogue.by_symbol(spec.symbol)
        assert instrument is not None, "the roster was made of this catalogue"
        made.append(Churn(spec, instrument, context))
    return made


async def run(context: ChildContext) -> None:
    """Be the worker, for as long as the fuse allows."""
    vars(strategy)["create_strategies"] = _create_strategies
    set_fuse(plan_of_this_process(), POINTS, context.spec, context.settings.state_dir)
    await strategy.main(context)


if __name__ == "__main__":
    run_child(run)
