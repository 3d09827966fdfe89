"""A parent whose children are stand-ins: in this process, or as a program of its own.

The program prints each status document as a line of JSON.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from genesis.config import Settings, StrategySettings, SupervisionSettings
from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.engine.orchestrator import run_engine
from genesis.engine.roles import ROLES
from genesis.engine.surroundings import NumberStrategies, Shards, Surroundings
from genesis.errors import GenesisError
from genesis.exchange.endpoints import Endpoints
from genesis.status import StatusDocument
from genesis.strategies.base import StrategySpec
from genesis.units import SCALE, Nanos

ROOT = Path(__file__).parents[2]
MODULE = "tests.support.stand_in"


def stand_in_settings(state_dir: Path, **supervision: int) -> Settings:
    """Return settings of a small engine that is quick to find a hang and to give up a stop."""
    limits = {"heartbeat_stale_ms": 1500, "stop_timeout_s": 10, **supervision}
    return Settings(
        state_dir=state_dir,
        strategies=StrategySettings(count=4, workers=2),
        supervision=SupervisionSettings.model_validate(limits),
    )


def surroundings() -> Surroundings:
    """Return an outside that is all stand-ins: one module, one instrument, four strategies."""
    return Surroundings(
        modules=dict.fromkeys(ROLES, MODULE),
        fetch_instruments=_fetch_instruments,
        plan_shards=_plan_shards,
    )


def _fetch_instruments(
    endpoints: Endpoints, symbols: Sequence[str] | None, timeout: Nanos
) -> tuple[Instrument, ...]:
    assert endpoints.ws_api_url.endswith("/ws-api/v3")
    assert endpoints.rest_url.endswith("/api/v3")
    assert timeout > 0
    del symbols
    return (
        Instrument(
            instrument_id=0,
            symbol="BTCUSDT",
            base_asset="BTC",
            quote_asset="USDT",
            tick_size=SCALE // 100,
            step_size=1000,
            min_price=SCALE // 100,
            max_price=10**6 * SCALE,
            min_quantity=1000,
            max_quantity=9000 * SCALE,
            market_max_quantity=100 * SCALE,
            min_notional=5 * SCALE,
            max_notional=9 * 10**6 * SCALE,
        ),
    )


def _plan_shards(
    settings: Settings, catalogue: InstrumentCatalogue, number: NumberStrategies
) -> Shards:
    names = [f"wait-{row}" for row in range(settings.strategies.count)]
    numbers = number(names)
    specs = [StrategySpec(name, numbers[name], "wait", catalogue[0].symbol, {}) for name in names]
    workers = settings.strategies.workers
    return tuple(tuple(specs[worker::workers]) for worker in range(workers))


@contextmanager
def environment(behaviors: Mapping[str, str]) -> Iterator[None]:
    """Let children find the stand-in module, and their behaviors."""
    added = {"PYTHONPATH": str(ROOT), "STAND_IN": msgspec.json.encode(behaviors).decode()}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def print_status(status: StatusDocument) -> None:
    """Print one document as a line."""
    sys.stdout.buffer.write(msgspec.json.encode(status) + b"\n")
    sys.stdout.flush()


def main(state_dir: str, *supervision: str) -> int:
    """Run until told to stop; tell a failure as the command line does."""
    limits = {name: int(value) for name, value in (limit.split("=") for limit in supervision)}
    try:
        return run_engine(
            stand_in_settings(Path(state_dir), **limits),
            on_status=print_status,
            surroundings=surroundings(),
        )
    except GenesisError as error:
        sys.stderr.write(f"genesis: {error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
