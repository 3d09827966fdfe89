"""`genesis.venue.sqlite_ledger`: the books, and what they refuse."""

import contextlib
import sqlite3
from pathlib import Path

import msgspec
import pytest

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.errors import StorageError
from genesis.units import NANOS_PER_MS
from genesis.venue.ledger import BalanceRow, HistoryRange, LedgerChanges, OrderKey
from genesis.venue.orders import (
    ExpiryReason,
    OrderStatus,
    SelfTradePrevention,
    VenueOrder,
    VenueTrade,
)
from genesis.venue.sqlite_ledger import SqliteLedger

ORDER = VenueOrder(
    order_id=7,
    account_id=1,
    symbol="BTCUSDT",
    client_order_id="mine",
    side=Side.SELL,
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    price=6_000_000,
    quantity=500,
    quote_quantity=0,
    stp_mode=SelfTradePrevention.EXPIRE_MAKER,
    created_at=1_000 * NANOS_PER_MS,
    updated_at=2_000 * NANOS_PER_MS,
    status=OrderStatus.PARTIALLY_FILLED,
    executed_quantity=200,
    executed_quote=12,
    locked=300,
    open_quantity=300,
)
TRADE = VenueTrade(
    symbol="BTCUSDT",
    trade_id=9,
    order_id=7,
    account_id=1,
    side=Side.SELL,
    price=6_000_000,
    quantity=200,
    quote_quantity=12,
    commission=1,
    commission_asset="USDT",
    is_maker=True,
    traded_at=2_000 * NANOS_PER_MS,
)
KEY = OrderKey(account_id=1, symbol="BTCUSDT", client_order_id="mine")
HISTORY = HistoryRange(account_id=1, symbol="BTCUSDT", limit=3)
FIRST_TIMES = (
    ("orders", "created"),
    ("orders", "updated"),
    ("trades", "traded"),
    ("deposits", "deposited"),
)


@pytest.fixture
def ledger() -> SqliteLedger:
    """Return books in memory."""
    return SqliteLedger(":memory:")


def ids(ledger: SqliteLedger, **wanted: int) -> list[int]:
    """Return the trade ids of a history."""
    return [trade.trade_id for trade in ledger.trades(msgspec.structs.replace(HISTORY, **wanted))]


def test_rows_come_back_as_they_went_in(ledger: SqliteLedger) -> None:
    """Orders, trades and balances, to the last field."""
    ledger.commit(LedgerChanges([ORDER], [TRADE], [BalanceRow(1, "BTC", 5, 300)]))

    assert ledger.open_orders() == [ORDER]
    assert ledger.find_order(KEY) == ORDER
    assert ledger.trades(HistoryRange(account_id=1, symbol="BTCUSDT", limit=5)) == [TRADE]
    assert ledger.orders(HistoryRange(account_id=1, symbol="BTCUSDT", limit=5)) == [ORDER]
    assert ledger.balances() == [BalanceRow(1, "BTC", 5, 300)]
    assert ledger.last_order_id() == 7
    assert ledger.last_trade_ids() == {"BTCUSDT": 9}


def test_an_order_is_updated_in_place(ledger: SqliteLedger) -> None:
    """A closed order is no open order, and has nothing left to trade."""
    ledger.commit(LedgerChanges([ORDER], [], []))
    closed = msgspec.structs.replace(
        ORDER, status=OrderStatus.EXPIRED, locked=0, expiry_reason=ExpiryReason.UNFILLED_IOC
    )
    ledger.commit(LedgerChanges([closed], [], []))

    assert ledger.open_orders() == []
    found = ledger.find_order(KEY)
    assert found is not None
    assert (found.status, found.open_quantity) == (OrderStatus.EXPIRED, 0)
    assert found.expiry_reason is ExpiryReason.UNFILLED_IOC


def test_the_newest_order_of_a_client_id_is_found(ledger: SqliteLedger) -> None:
    """A client id may have been used before."""
    newer = msgspec.structs.replace(ORDER, order_id=8)
    ledger.commit(LedgerChanges([ORDER, newer], [], []))

    found = ledger.find_order(KEY)
    assert found is not None
    assert found.order_id == 8
    assert ledger.find_order(msgspec.structs.replace(KEY, order_id=7)) == ORDER
    assert ledger.find_order(msgspec.structs.replace(KEY, order_id=99)) is None


def test_histories_are_newest_without_a_start_and_oldest_from_one(ledger: SqliteLedger) -> None:
    """Oldest first in either case, no more rows than wanted."""
    trades = [
        msgspec.structs.replace(TRADE, trade_id=number, traded_at=number * 10, order_id=number % 2)
        for number in range(1, 8)
    ]
    ledger.commit(LedgerChanges([], trades, []))

    assert ids(ledger) == [5, 6, 7]
    assert ids(ledger, from_id=2) == [2, 3, 4]
    assert ids(ledger, start_at=30) == [3, 4, 5]
    assert ids(ledger, end_at=30) == [1, 2, 3]
    assert ids(ledger, start_at=20, end_at=30) == [2, 3]
    assert ids(ledger, order_id=0) == [2, 4, 6]


def test_a_deposit_is_recorded_with_the_balance_it_leads_to(ledger: SqliteLedger) -> None:
    """Deposits plus the fold of the trades must give the balances."""
    ledger.deposit(BalanceRow(1, "USDT", 100, 0), 5)
    ledger.deposit(BalanceRow(1, "USDT", 130, 0), 6)

    rows = ledger._database.execute("SELECT amount, deposited_at FROM deposits").fetchall()
    assert rows == [(100, 5), (30, 6)]
    assert ledger.balances() == [BalanceRow(1, "USDT", 130, 0)]


def test_marks_are_replaced(ledger: SqliteLedger) -> None:
    """Only the last price counts."""
    ledger.save_marks([("A", 1), ("B", 2)])
    ledger.save_marks([("A", 3)])

    assert ledger.marks() == {"A": 3, "B": 2}


def test_a_step_is_recorded_whole_or_not_at_all(tmp_path: Path) -> None:
    """When a row is refused, nothing of its step is on record."""
    path = tmp_path / "venue.db"
    ledger = SqliteLedger(path)
    with pytest.raises(StorageError, match=r"venue\.db"):
        ledger.commit(LedgerChanges([ORDER], [TRADE], [BalanceRow(1, "BTC", -1, 0)]))
    ledger.close()

    reopened = SqliteLedger(path)
    assert reopened.open_orders() == []
    reopened.close()


def test_numbers_beyond_the_books_are_refused(ledger: SqliteLedger) -> None:
    """SQLite keeps 64 bits; more is a failure, not another number."""
    with pytest.raises(StorageError):
        ledger.deposit(BalanceRow(1, "USDT", 2**63, 0), 0)
    with pytest.raises(StorageError):
        ledger.save_marks([("A", 2**63)])


def test_a_ledger_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """Its times were in ms; open orders, trades and deposits are found as they were."""
    path = tmp_path / "venue.db"
    ledger = SqliteLedger(path)
    ledger.commit(LedgerChanges([ORDER], [TRADE], []))
    ledger.deposit(BalanceRow(1, "USDT", 100, 0), 5 * NANOS_PER_MS)
    ledger.close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        for table, name in FIRST_TIMES:
            database.execute(f"UPDATE {table} SET {name}_at = {name}_at / {NANOS_PER_MS}")  # noqa: S608
            database.execute(f"ALTER TABLE {table} RENAME COLUMN {name}_at TO {name}_ms")
        drop_what_came_with_lists(database)
        database.execute("PRAGMA user_version = 1")
        database.commit()

    working = msgspec.structs.replace(ORDER, working_at=ORDER.created_at)
    for _ in range(2):
        reopened = SqliteLedger(path)
        assert reopened.open_orders() == [working]
        assert reopened.trades(HISTORY) == [TRADE]
        rows = reopened._database.execute("SELECT deposited_at FROM deposits").fetchall()
        assert rows == [(5 * NANOS_PER_MS,)]
        reopened.close()


def drop_what_came_with_lists(database: sqlite3.Connection) -> None:
    """Take from a ledger what its third version added."""
    database.execute("DROP INDEX orders_of_list")
    database.execute("DROP TABLE order_lists")
    for name in ("stop_price", "order_list_id", "working_at"):
        database.execute(f"ALTER TABLE orders DROP COLUMN {name}")


def test_a_ledger_without_lists_is_brought_up_to_date(tmp_path: Path) -> None:
    """Its orders were working from the start, and there are no lists yet."""
    path = tmp_path / "venue.db"
    ledger = SqliteLedger(path)
    ledger.commit(LedgerChanges([ORDER]))
    ledger.close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        drop_what_came_with_lists(database)
        database.execute("PRAGMA user_version = 2")
        database.commit()

    reopened = SqliteLedger(path)
    working = msgspec.structs.replace(ORDER, working_at=ORDER.created_at)
    assert reopened.open_orders() == [working]
    assert (reopened.open_lists(), reopened.last_list_id()) == ([], 0)
    reopened.close()


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    """Whatever it is, it is named and left alone."""
    garbled = tmp_path / "garbled.db"
    garbled.write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match=r"garbled\.db"):
        SqliteLedger(garbled)
    with pytest.raises(StorageError, match="venue ledger"):
        SqliteLedger(tmp_path / "nowhere" / "venue.db")
    newer = tmp_path / "newer.db"
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StorageError, match="has version 99"):
        SqliteLedger(newer)


def test_a_ledger_that_breaks_says_so(ledger: SqliteLedger) -> None:
    """A read that fails is a StorageError like a write that does."""
    ledger._database.execute("DROP TABLE balances")
    with pytest.raises(StorageError, match="no such table"):
        ledger.balances()
