"""The roster, loaded and dealt out as a real run does."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from genesis.config import RosterEntry, Settings, StrategySettings
from genesis.domain.instruments import InstrumentCatalogue
from genesis.engine.spawn import CHILD_MODULES
from genesis.engine.surroundings import Surroundings, plan_shards
from genesis.errors import ConfigError
from genesis.exchange.endpoints import Endpoints
from tests.support.stand_in_engine import surroundings

ENDPOINTS = Endpoints(
    streams_url="ws://x/stream", ws_api_url="ws://x/ws-api/v3", rest_url="http://x/api/v3"
)
CATALOGUE = InstrumentCatalogue(surroundings().fetch_instruments(ENDPOINTS, None, 1))


def number(strategy_ids: Iterable[str]) -> Mapping[str, int]:
    """Return a number for each strategy, in their order."""
    return {strategy_id: row for row, strategy_id in enumerate(strategy_ids, 1)}


def test_the_default_roster_fills_every_worker(tmp_path: Path) -> None:
    """As many strategies as the settings say, each once and with its number, no worker idle."""
    settings = Settings(state_dir=tmp_path, strategies=StrategySettings(count=10, workers=3))
    shards = plan_shards(settings, CATALOGUE, number)
    assert len(shards) == 3
    assert all(shards)
    assert sorted(spec.number for shard in shards for spec in shard) == list(range(1, 11))


def test_a_roster_of_nothing_known_is_refused(tmp_path: Path) -> None:
    """The operator is told before any strategy process starts."""
    roster = (RosterEntry(strategy_id="a", kind="nonsense", symbol="BTCUSDT"),)
    settings = Settings(state_dir=tmp_path, strategies=StrategySettings(roster=roster, workers=1))
    with pytest.raises(ConfigError, match="nonsense"):
        plan_shards(settings, CATALOGUE, number)


def test_a_run_is_surrounded_by_what_is_real() -> None:
    """Nothing of a test is there by default."""
    real = Surroundings()
    assert real.modules == CHILD_MODULES
    assert real.plan_shards is plan_shards
