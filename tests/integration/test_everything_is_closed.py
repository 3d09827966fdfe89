"""Everything of ours closed in a falling market, on a person's word, and nothing else touched.

Whole engines on a tape that falls all the time, beside an owner who trades by hand on the same
account. What is checked afterwards is the journal, and the venue's own books.
"""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from genesis.cli import main
from genesis.domain.orders import OrderType, Side
from genesis.engine.entries import (
    Entry,
    EpochStarted,
    LiquidationEnded,
    OrderPrepared,
    TradingHalted,
    TradingResumed,
)
from genesis.engine.ledger import Ledger
from genesis.storage.journal import Journal
from genesis.units import SCALE
from scripts.slice_orders import OWNER, engine_words
from scripts.slices.engine import OperatedEngine
from tests.support.tapes import depth, snapshot, ticker, write_tape
from tests.support.venue import API_KEY, PRIVATE_KEY, api_client
from tests.support.venue_orders import order

START: Final = 60_000
FALL_A_STEP: Final = 6  # 1 basis point, ten times a second
SECONDS: Final = 60
WAIT_S: Final = 15.0
BY_HAND: Final = "web_"
OTHERS: Final = (
    {"side": "BUY", "quantity": "0.01"},
    {"side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.004", "price": "65000"},
    {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.002", "price": "50000"},
)


def falling_tape(path: Path) -> Path:
    """Write a minute in which the bid falls by a basis point every 100 ms, and never rises."""
    bids, asks = '["59999.00","5.0"]', '["60001.00","5.0"]'
    lines = [depth(0, (101, 102), bids, asks), snapshot(0, 102, bids, asks)]
    for step in range(SECONDS * 10):
        price, update = START - step * FALL_A_STEP, 200 + 10 * step
        bid, ask = f"{price - 1}.00", f"{price + 1}.00"
        lines.append(depth(100 * step + 1, (update, update + 1), f'["{bid}","5.0"]', ""))
        lines.append(ticker(100 * step + 2, update + 2, bid, ask))
    return write_tape(path, lines)


class Scene:
    """One engine on the falling tape, which holds lots of ours behind a live stop."""

    def __init__(self, state: Path, engine: OperatedEngine) -> None:
        self.state = state
        self.engine = engine
        self._hung: list[int] = []  # pidfds, so that no stranger is meant

    def buy(self) -> None:
        """Have a strategy buy, and wait until what it holds is protected at the venue."""
        wish = {"strategy": OWNER, "side": "buy", "notional": "3000", "algo": "twap"}
        self.engine.ask("execute", **wish, over_s="1", slices="1")
        self.engine.wait_until(
            lambda status: status.protection.covered == 1 and not status.liquidation, WAIT_S
        )

    async def trade_by_hand(self) -> None:
        """Buy some, and leave two orders in the book: what is not ours."""
        async with api_client(f"ws://127.0.0.1:{self._port()}") as owner:
            for row, words in enumerate(OTHERS):
                await owner.result("order.place", **order(f"{BY_HAND}{row}", **words))
        self.engine.wait_until(lambda status: status.external.fills > 0, WAIT_S)

    def hang(self, child: str) -> int:
        """Stop a child as if it hung, and return its pid."""
        status = self.engine.status()
        assert status is not None
        (pid,) = [process.pid for process in status.processes if process.name == child]
        self._hung.append(os.pidfd_open(pid))
        signal.pidfd_send_signal(self._hung[-1], signal.SIGSTOP)
        return pid

    def wake(self) -> None:
        """Let those that hang go on, if they live."""
        while self._hung:
            pidfd = self._hung.pop()
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGCONT)
            os.close(pidfd)

    def kill(self) -> None:
        """Have everything closed, as a person does, and see that the command waits for it."""
        assert main(["kill", "--yes", "--wait", "15", "--state", str(self.state)]) == 0
        status = self.engine.status()
        assert status is not None
        assert status.liquidation is not None
        assert status.liquidation.is_over
        assert status.open_orders == 0

    def resume(self) -> None:
        """Let it trade again."""
        assert main(["resume", "--yes", "--state", str(self.state)]) == 0

    def _port(self) -> int:
        for line in (self.state / "genesis.jsonl").read_bytes().splitlines():
            said = msgspec.json.decode(line)
            if said["event"] == "child_ready" and said["child"] == "venue":
                return int(said["port"])
        raise AssertionError("the venue says where it listens")


@contextmanager
def falling(tmp_path: Path) -> Iterator[Scene]:
    """Run an engine whose own supervision is patient: what hangs is not found by its heartbeat."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    key = state / "sim_key.toml"
    key.touch(mode=0o600)
    pem = PRIVATE_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    key.write_text(f'api_key = "{API_KEY}"\nprivate_key = """\n{pem}"""\n')
    words = [
        *engine_words(falling_tape(tmp_path / "falling.ndjson"), "BTCUSDT", 1),
        *("--set", "supervision.heartbeat_stale_ms=60000"),
        *("--set", "orders.recv_window_ms=500"),
        *("--set", "orders.fence_margin_ms=500"),
    ]
    with OperatedEngine(state, words) as engine:
        scene = Scene(state, engine)
        try:
            yield scene
        finally:
            scene.wake()


def read_journal(state: Path) -> list[Entry]:
    (path,) = state.glob("*.journal.db")
    journal = Journal(path, "full")
    try:
        return list(journal.read())
    finally:
        journal.close()


def check_order_of_things(entries: list[Entry]) -> list[OrderPrepared]:
    """Demand the halt first, then sales alone until its end, and nothing left at it."""
    sales: list[OrderPrepared] = []
    ledger, is_closing = Ledger(), False
    for entry in entries:
        ledger.apply(entry)
        match entry:
            case TradingHalted(must_liquidate=True):
                is_closing = True
            case OrderPrepared() if is_closing:
                assert entry.intent.side is Side.SELL
                assert not entry.intent.order_type.is_conditional
                sales.append(entry)
            case LiquidationEnded():
                assert not list(ledger.unsettled())
                held = [p for each in ledger.state.positions.values() for p in each.values()]
                assert all(position.quantity == 0 for position in held)
            case TradingResumed():
                is_closing = False
    assert sales
    return sales


def check_the_rest_is_untouched(state: Path, entries: list[Entry]) -> None:
    """Demand that the owner's orders stand as placed, and that the BTC left is the owner's."""
    ledger = Ledger()
    for entry in entries:
        ledger.apply(entry)
    with closing(sqlite3.connect(state / "venue.db")) as books:
        resting = books.execute(
            "SELECT client_order_id, status, executed_quantity FROM orders"
            " WHERE status IN ('NEW', 'PARTIALLY_FILLED') ORDER BY 1"
        ).fetchall()
        bought = books.execute(
            "SELECT sum(trades.side * trades.quantity"
            " - (commission_asset = 'BTC') * commission) FROM trades"
            " JOIN orders USING (order_id) WHERE client_order_id LIKE 'web_%'"
        ).fetchone()[0]
        held = books.execute("SELECT free + locked FROM balances WHERE asset = 'BTC'").fetchone()[0]
    assert resting == [(f"{BY_HAND}1", "NEW", 0), (f"{BY_HAND}2", "NEW", 0)]
    dust = sum(
        position.lots for each in ledger.state.positions.values() for position in each.values()
    )
    assert 0 <= dust < SCALE // 100_000
    assert held == ledger.state.opening_balances.get("BTC", 0) + bought + dust
    assert held == ledger.expected_balance("BTC")


async def test_a_hung_executor_is_replaced_and_everything_closed(tmp_path: Path) -> None:
    """SIGSTOP: it neither takes the order nor dies of it; its successor, a new epoch, closes all.

    A later stop that flattens closes what was bought since.
    """
    with falling(tmp_path) as scene:
        scene.buy()
        await scene.trade_by_hand()
        hung = scene.hang("executor")
        scene.kill()
        with pytest.raises(ProcessLookupError):
            os.kill(hung, 0)
        scene.resume()
        scene.buy()
        assert main(["stop", "--flatten", "--state", str(scene.state)]) == 0
        assert scene.engine.stop() == 0

    entries = read_journal(scene.state)
    sales = check_order_of_things(entries)
    epochs = [entry.epoch for entry in entries if isinstance(entry, EpochStarted)]
    assert len(epochs) == 2
    assert {sale.signal.epoch for sale in sales} == {epochs[1]}
    assert sum(isinstance(entry, LiquidationEnded) for entry in entries) == 2
    resumed = [entry for entry in entries if isinstance(entry, TradingHalted | TradingResumed)]
    assert isinstance(resumed[-1], TradingResumed)  # its halt was for the stop alone
    check_the_rest_is_untouched(scene.state, entries)


async def test_stale_market_data_holds_nothing_up(tmp_path: Path) -> None:
    """With the feed heard it is sold at a price; with the feed hung, at the market."""
    with falling(tmp_path) as scene:
        scene.buy()
        await scene.trade_by_hand()
        scene.kill()
        scene.resume()
        scene.buy()
        scene.hang("feed")
        before = scene.engine.status()
        assert before is not None
        scene.engine.wait_until(lambda status: status.uptime_s > before.uptime_s + 3, WAIT_S)
        scene.kill()
        scene.wake()
        assert scene.engine.stop() == 0

    entries = read_journal(scene.state)
    sales = check_order_of_things(entries)
    assert sales[0].intent.order_type is OrderType.LIMIT
    assert sales[-1].intent.order_type is OrderType.MARKET
    check_the_rest_is_untouched(scene.state, entries)
