"""The whole engine while the venue's WebSocket API is away, and afterwards."""

import asyncio
import json
import os
import signal
from pathlib import Path

from genesis.status import StatusDocument
from genesis.venue.connection_faults import ConnectionCut, HandshakeRefused
from genesis.venue.fault_terms import Fault
from genesis.venue.request_faults import ReplyLost
from genesis.venue.stream_faults import EventLost
from tests.support.engine_program import LiveProgram, all_run, eager_roster, process_of
from tests.support.faults import AdminFaults

OVERRIDES = (
    eager_roster(6),
    "strategies.workers=1",
    "market.instruments=2",
    "market.rate=1000",
    "venue.admin=true",
    "orders.recv_window_ms=500",
    "orders.fence_margin_ms=1500",
    "connections.retry_delay_max_ms=500",
)


def is_cut_off(status: StatusDocument) -> bool:
    """Tell whether the executor says that it has no way for orders."""
    return any(problem.startswith("executor: WebSocket API: ") for problem in status.problems)


def has_come_back(status: StatusDocument, killed: int) -> bool:
    """Tell whether a killed executor's successor works, without a way for orders."""
    return all_run(status) and is_cut_off(status) and process_of(status, "executor").pid != killed


def venue_address(engine: LiveProgram) -> str:
    """Return where the venue says that it listens."""
    rows = (row for row in engine.log_events() if row["event"] == "process_ready")
    port = next(row["port"] for row in rows if row["process"] == "venue")
    return f"http://127.0.0.1:{port}"


async def strike(address: str, *faults: Fault) -> list[int]:
    """Give the venue faults; return once the first of them has struck, if it waits for anything."""
    admin = AdminFaults(address)
    try:
        numbers = await admin.strike(*faults)
        await admin.until_struck(numbers[0])
    finally:
        await admin.close()
    return numbers


async def clear(address: str, *numbers: int) -> None:
    """End faults."""
    admin = AdminFaults(address)
    try:
        for number in numbers:
            await admin.clear(number)
    finally:
        await admin.close()


def test_doubts_end_and_books_agree_while_the_socket_is_away(tmp_path: Path) -> None:
    """Orders lose their answers, the socket with them, and then the executor dies: nothing is lost.

    Its successor finds out over REST what became of them, and waits with new ones for the socket.
    """
    report_path = tmp_path / "report.json"
    with LiveProgram(tmp_path / "state", report_path, *OVERRIDES) as engine:
        engine.wait_until_running()
        engine.wait_for(lambda status: status.fills >= 1)
        address = venue_address(engine)
        dark = (ReplyLost(method="order.place", times=0), EventLost(times=0))
        numbers = asyncio.run(strike(address, *dark))
        away = (HandshakeRefused(kind="api", times=0), ConnectionCut(kind="api"))
        refused, _ = asyncio.run(strike(address, *away))
        killed = process_of(engine.wait_for(is_cut_off), "executor").pid
        os.kill(killed, signal.SIGKILL)
        engine.wait_for(lambda later: has_come_back(later, killed))
        status = engine.wait_for(lambda later: later.in_doubt == 0)
        assert is_cut_off(status)

        asyncio.run(clear(address, refused, *numbers))
        engine.wait_for(lambda status: not is_cut_off(status))
        engine.wait_for(lambda later: later.fills > status.fills)
        assert engine.stop() == 0
        events = [str(row["event"]) for row in engine.log_events()]

    report = json.loads(report_path.read_text())
    assert report["ledger_equal"] is True
    assert (report["in_doubt"], report["restarts"]) == (0, 1)
    assert "order_outcome_unknown" in events
    assert "second_path_asked" in events
    assert events.count("session_not_waited_for") == 1
