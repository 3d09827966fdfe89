"""Mode live from the command line, on the simulated venue: doctor, consent, canary, trading."""

import asyncio
import contextlib
import json
import os
import pty
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import msgspec

from genesis.config import Settings
from genesis.config_simulation import MarketSettings
from genesis.control_socket import ControlClient
from genesis.errors import EngineNotRunning
from genesis.status import StatusDocument
from tests.support.engine_program import eager_roster
from tests.support.live_venue import DEADLINE_S, ended, live_overrides, start_genesis
from tests.support.venue_run import VenueRun

_POLL_S: Final = 0.1

TRADING: Final = (
    eager_roster(16),
    "risk.orders_per_second=100",
    "canary.duration_s=3",
    "capital_quote=20000",
)


@contextlib.asynccontextmanager
async def venue_there(tmp_path: Path) -> AsyncIterator[str]:
    """Have a venue run that no engine of ours has started; yield its address."""
    folder = tmp_path / "venue"
    folder.mkdir()
    market = MarketSettings(instruments=2, rate=200)
    async with VenueRun(Settings(state_dir=folder, market=market), folder) as venue:
        venue.start()
        yield await venue.address()


def ask_status(state_dir: Path) -> StatusDocument | None:
    """Ask the engine how it is; None while there is none."""
    try:
        with ControlClient(state_dir / "control.sock") as client:
            return msgspec.convert(client.ask("status"), StatusDocument)
    except EngineNotRunning:
        return None


async def wait_for(state_dir: Path, is_so: Callable[[StatusDocument], bool]) -> StatusDocument:
    """Return the first status of which this is so."""
    async with asyncio.timeout(DEADLINE_S):
        status = None
        while status is None or not is_so(status):
            await asyncio.sleep(_POLL_S)
            status = await asyncio.to_thread(ask_status, state_dir)
    return status


def has_passed(status: StatusDocument) -> bool:
    return status.canary is not None and status.canary.phase == "passed"


async def test_it_trades_live_after_doctor_and_canary(tmp_path: Path) -> None:
    """The whole way, and the way out: books equal the venue's, whose process was never ours."""
    state = tmp_path / "state"
    report_path = tmp_path / "report.json"
    async with venue_there(tmp_path) as address:
        overrides = (*live_overrides(address, tmp_path), *TRADING)
        engine = await start_genesis(
            *("run", "--live", "--yes", "--report", str(report_path)), overrides=overrides
        )
        try:
            passed = await wait_for(state, has_passed)
            traded = await wait_for(state, lambda status: status.fills > passed.fills)
        finally:
            if engine.returncode is None:
                engine.terminate()
            end = await ended(engine)
    assert (end.exit_code, end.errors) == (0, "")
    text = end.output
    assert text.index("fit to trade") < text.index("on Binance, LIVE")
    assert traded.mode == "live"
    assert {row.name for row in traded.processes} == {
        "parent",
        "executor",
        "feed",
        "worker-0",
        "worker-1",
        "recorder",
    }
    report = json.loads(report_path.read_text())
    assert report["ledger_equal"] is True
    assert report["halt_reason"] == ""
    assert sorted(path.name for path in (tmp_path / "locks").iterdir()) == ["live-1.lock"]


async def test_a_person_who_does_not_confirm_starts_nothing(tmp_path: Path) -> None:
    """At a terminal the doctor's report comes first, then the question; the default is no."""
    async with venue_there(tmp_path) as address:
        overrides = (*live_overrides(address, tmp_path), *TRADING)
        ours, its = pty.openpty()
        try:
            asked = await start_genesis("run", "--live", overrides=overrides, stdin=its)
            os.write(ours, b"yes\n")
            end = await ended(asked)
        finally:
            os.close(ours)
            os.close(its)
    assert end.exit_code == 64
    text = end.output
    assert text.index("fit to trade") < text.index("REAL MONEY: 20000 USDT")
    assert "not confirmed, so nothing was started" in end.errors
    assert not (tmp_path / "state").exists()


async def test_a_fault_that_the_doctor_finds_starts_nothing(tmp_path: Path) -> None:
    """Its exit code is the start's, so that a supervisor knows whether to try again."""
    async with venue_there(tmp_path) as address:
        overrides = (*live_overrides(address, tmp_path), *TRADING, "capital_quote=100001")
        refused = await ended(await start_genesis("run", "--live", "--yes", overrides=overrides))
    assert refused.exit_code == 78
    assert "fail  capital" in refused.output
    assert "live trading was not begun" in refused.errors
    assert not (tmp_path / "state").exists()
