"""The whole engine on real processes: feed, signal, order, fill, faults, stop, and another day."""

import json
import os
import signal
from pathlib import Path

import pytest

from genesis.status import StatusDocument
from tests.support.engine_program import LiveProgram, all_run, eager_roster, process_of
from tests.support.tape import ABSENT, FOLDER

QUICK = (eager_roster(12), "risk.orders_per_second=100")


@pytest.fixture
def tape() -> str:
    """Return the market override for the real frames; skip plainly where they are not laid out."""
    if not FOLDER.is_dir():
        pytest.skip(ABSENT)
    return f"market={json.dumps({'source': 'replay', 'path': str(FOLDER)})}"


def report_of(path: Path) -> dict[str, object]:
    report = json.loads(path.read_text())
    assert isinstance(report, dict)
    return report


def kill(status: StatusDocument, *names: str) -> None:
    for name in names:
        os.kill(process_of(status, name).pid, signal.SIGKILL)


def are_back(status: StatusDocument, *names: str) -> bool:
    """Tell whether everything runs and each of the killed has a successor."""
    return all_run(status) and all(process_of(status, name).restarts for name in names)


def test_the_loop_trades_and_survives_the_death_of_each_child(tape: str, tmp_path: Path) -> None:
    """Kill -9 of worker, feed and executor: each is replaced, and the books still agree."""
    report_path = tmp_path / "report.json"
    with LiveProgram(tmp_path / "state", report_path, tape, *QUICK) as engine:
        engine.wait_until_running()
        engine.wait_for(lambda status: status.fills >= 3)
        kill(engine.wait_for(all_run), "worker-0", "feed")
        status = engine.wait_for(lambda status: are_back(status, "worker-0", "feed"))
        kill(status, "executor")
        status = engine.wait_for(lambda status: are_back(status, "executor"))
        before = status.fills
        engine.wait_for(lambda status: status.fills > before)
        assert engine.stop() == 0

    report = report_of(report_path)
    assert report["ledger_equal"] is True
    assert (report["torn"], report["in_doubt"]) == (0, 0)
    assert report["restarts"] == 3
    executed = [row for row in engine.log_events() if row["event"] == "trade_executed"]
    assert executed
    assert {"strategy", "symbol", "side", "quantity", "price", "latency_ms"} <= executed[0].keys()


def test_another_day_resumes_the_account(tape: str, tmp_path: Path) -> None:
    """Positions and PnL of the first run are those that the second begins with."""
    state = tmp_path / "state"
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    with LiveProgram(state, first, tape, *QUICK) as engine:
        engine.wait_until_running()
        engine.wait_for(lambda status: status.fills >= 3)
        assert engine.stop() == 0
    # A strategy that never signals leaves the account as it was.
    idle = 'strategies.roster=[{"strategy_id":"idle","kind":"ema_cross","symbol":"BTCUSDT"}]'
    with LiveProgram(state, second, tape, idle, "strategies.workers=1") as engine:
        engine.wait_until_running()
        assert engine.stop() == 0

    one, other = report_of(first), report_of(second)
    assert other["realized_pnl"] == one["realized_pnl"]
    assert [row[:4] for row in other["positions"]] == [row[:4] for row in one["positions"]]  # type: ignore[attr-defined]
    assert other["ledger_equal"] is True
