"""The state directory is lost with its host: PostgreSQL and the venue are what is left."""

import json
import shutil
from pathlib import Path

from genesis.cli.entry import main
from tests.support.engine_program import LiveProgram, eager_roster
from tests.support.postgres import PostgresServer

QUICK_FENCE = ("orders.recv_window_ms=500", "orders.fence_margin_ms=500")
IDLE = 'strategies.roster=[{"strategy_id":"idle","kind":"ema_cross","symbol":"BTCUSDT"}]'


def test_an_account_goes_on_from_postgres_and_the_venue(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """The books of the new host agree with the venue's, and hold what the old one held."""
    records = f"records.url={postgres.make_database()}"
    ledger = f"venue.ledger={tmp_path / 'venue.db'}"
    lost, fresh = tmp_path / "lost", tmp_path / "fresh"
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    with LiveProgram(lost, first, records, ledger, *QUICK_FENCE, eager_roster(12)) as engine:
        engine.wait_until_running()
        engine.wait_for(lambda status: status.fills >= 3)
        assert engine.stop() == 0
    shutil.rmtree(lost)

    assert main(["db", "restore", "--state", str(fresh), "--set", records]) == 0
    words = (records, ledger, *QUICK_FENCE, IDLE, "strategies.workers=1")
    with LiveProgram(fresh, second, *words) as engine:
        engine.wait_until_running()
        assert engine.stop() == 0

    one, other = json.loads(first.read_text()), json.loads(second.read_text())
    assert other["ledger_equal"] is True
    assert other["realized_pnl"] == one["realized_pnl"]
    assert [row[:4] for row in other["positions"]] == [row[:4] for row in one["positions"]]
