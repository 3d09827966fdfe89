"""The engine of the comparison as a program: all of it real, but for the venue's stopwatch.

Arguments: seconds, report, configuration file, settings as `genesis run --set` takes them.
"""

import sys
from pathlib import Path
from typing import Final

from genesis.config import Settings
from genesis.config_loading import load_settings
from genesis.domain.instruments import InstrumentCatalogue
from genesis.engine.orchestrator import run_engine
from genesis.engine.spawn import CHILD_MODULES
from genesis.engine.strategy_registry import deal_shards
from genesis.engine.surroundings import NumberStrategies, Shards, Surroundings
from genesis.errors import GenesisError
from genesis.status import StatusDocument
from genesis.strategies.base import StrategySpec
from genesis.strategies.loader import load_roster, specs_of
from scripts.pipeline.marks import SYMBOL
from scripts.pipeline.worker import KIND

MODULES: Final = {
    **CHILD_MODULES,
    "strategy": "scripts.pipeline.worker",
    "venue": "scripts.pipeline.venue",
}


def main(seconds: str, report: str, config: str, *overrides: str) -> int:
    """Run for a while; tell a failure as the command line does."""
    try:
        return run_engine(
            load_settings(Path(config), overrides),
            on_status=_ignore,
            duration_s=float(seconds),
            report_path=Path(report),
            surroundings=Surroundings(modules=MODULES, plan_shards=_plan_shards),
        )
    except GenesisError as error:
        sys.stderr.write(f"genesis: {error}\n")
        return error.exit_code


def _plan_shards(
    settings: Settings, catalogue: InstrumentCatalogue, number: NumberStrategies
) -> Shards:
    """Deal the roster of the settings, and the strategy that answers marked quotes."""
    roster = load_roster(settings.strategies, settings.tier, catalogue)
    numbers = number([KIND, *(entry.strategy_id for entry in roster)])
    specs = [
        StrategySpec(KIND, numbers[KIND], KIND, SYMBOL, {}),
        *specs_of(roster, numbers),
    ]
    return tuple(deal_shards(specs, settings.strategies.workers, costs={}))


def _ignore(status: StatusDocument) -> None:
    del status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
