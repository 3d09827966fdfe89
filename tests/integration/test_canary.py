"""The canary on the whole engine: small orders, and a halt that stays when books differ."""

import contextlib
import json
import os
import signal
import sqlite3
from decimal import Decimal
from pathlib import Path

from genesis.status import StatusDocument
from tests.support.engine_program import EAGER_SYMBOLS, LiveProgram, eager_roster, process_of

OVERRIDES = (
    eager_roster(16),
    f"strategies.symbols={json.dumps(EAGER_SYMBOLS)}",
    "risk.orders_per_second=100",
    "canary.enabled=true",
    "canary.max_notional=20",
)
LONG = "canary.duration_s=3600"


def phase_of(status: StatusDocument) -> str:
    return "" if status.canary is None else status.canary.phase


def is_back(status: StatusDocument) -> bool:
    """Tell whether a killed executor has a successor that works."""
    return status.restarts == 1 and process_of(status, "executor").state == "running"


def entries_worth(engine: LiveProgram) -> tuple[list[Decimal], list[Decimal]]:
    """Return what the fills of entries were worth: before the canary had passed, and after."""
    events = engine.log_events()
    names = [row["event"] for row in events]
    passed_at = names.index("canary_passed") if "canary_passed" in names else len(names)

    def worth(rows: list[dict[str, object]]) -> list[Decimal]:
        return [
            Decimal(str(row["quantity"])) * Decimal(str(row["price"]))
            for row in rows
            if row["event"] == "trade_executed" and row["side"] == "BUY"
        ]

    return worth(events[:passed_at]), worth(events[passed_at:])


def test_it_trades_small_through_a_crash_until_its_time_is_over(tmp_path: Path) -> None:
    """Every order was tried before, none is above the cap; the executor's death skips nothing."""
    with LiveProgram(
        tmp_path / "state", tmp_path / "report.json", "canary.duration_s=8", *OVERRIDES
    ) as engine:
        engine.wait_until_running()
        status = engine.wait_for(lambda status: phase_of(status) == "capped" and status.fills > 1)
        assert status.canary is not None
        assert status.canary.untested == 0
        os.kill(process_of(status, "executor").pid, signal.SIGKILL)
        back = engine.wait_for(
            lambda status: (
                status.restarts == 1 and process_of(status, "executor").state == "running"
            )
        )
        assert phase_of(back) == "capped"
        engine.wait_for(lambda status: phase_of(status) == "passed")
        engine.wait_for(lambda _status: max(entries_worth(engine)[1], default=0) > 100)
        assert engine.stop() == 0
    before, _after = entries_worth(engine)
    assert before
    assert max(before) <= 20 * Decimal("1.001"), "at the market a price may slip"
    assert len([row for row in engine.log_events() if row["event"] == "order_test_passed"]) == 2


def test_books_that_differ_by_one_unit_halt_for_good(tmp_path: Path) -> None:
    """The reason names asset and amounts, and the executor's successor does not forget it."""
    state = tmp_path / "state"
    with LiveProgram(state, tmp_path / "first.json", LONG, *OVERRIDES) as engine:
        engine.wait_for(lambda status: phase_of(status) == "capped" and bool(status.ledger_equal))
        assert engine.stop() == 0
    with contextlib.closing(sqlite3.connect(state / "venue.db")) as venue:
        venue.execute("UPDATE balances SET free = free + 1 WHERE asset = 'USDT'")
        venue.commit()
    with LiveProgram(state, tmp_path / "second.json", LONG, *OVERRIDES) as engine:
        status = engine.wait_for(lambda status: bool(status.halt_reason))
        assert phase_of(status) == "failed"
        assert status.halt_reason.startswith("balances differ: USDT ours ")
        os.kill(process_of(status, "executor").pid, signal.SIGKILL)
        back = engine.wait_for(is_back)
        assert (phase_of(back), back.halt_reason) == ("failed", status.halt_reason)
        assert engine.stop() == 0
