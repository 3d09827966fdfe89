"""The engine under attack as a program: the real parent over children that may be victims.

Its arguments are the state directory and settings as `genesis run --set` takes them; it prints each
status as a line of JSON.
"""

import sys
from typing import Final

import msgspec

from genesis.config import Settings
from genesis.config_loading import load_settings
from genesis.domain.instruments import InstrumentCatalogue
from genesis.engine.orchestrator import run_engine
from genesis.engine.spawn import CHILD_MODULES
from genesis.engine.strategy_registry import deal_shards
from genesis.engine.surroundings import NumberStrategies, Shards, Surroundings
from genesis.errors import GenesisError
from genesis.status import StatusDocument
from scripts.campaign.churn import churn_roster, churn_specs

SPACING_MS: Final = 150
VICTIMS: Final = {
    **CHILD_MODULES,
    "executor": "scripts.campaign.victim_executor",
    "feed": "scripts.campaign.victim_feed",
    "strategy": "scripts.campaign.victim_worker",
    "venue": "scripts.campaign.victim_venue",
}


def main(state_dir: str, *overrides: str) -> int:
    """Run until told to stop; tell a failure as the command line does."""
    try:
        settings = load_settings(None, [f"state_dir={state_dir}", *overrides])
        return run_engine(
            settings,
            on_status=_print_status,
            surroundings=Surroundings(modules=VICTIMS, plan_shards=_plan_shards),
        )
    except GenesisError as error:
        sys.stderr.write(f"genesis: {error}\n")
        return error.exit_code


def _plan_shards(
    settings: Settings, catalogue: InstrumentCatalogue, number: NumberStrategies
) -> Shards:
    count, workers = settings.strategies.count, settings.strategies.workers
    names = [name for name, _symbol, _parameters in churn_roster(catalogue, count, SPACING_MS)]
    specs = churn_specs(catalogue, count, SPACING_MS, dict(number(names)))
    return tuple(deal_shards(specs, workers, costs={}))


def _print_status(status: StatusDocument) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(status) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
