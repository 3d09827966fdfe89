"""The venue's books in SQLite: they survive its restart, and its user can audit them.

Every amount is an integer scaled by 10**8, every time is the venue's in ns. `deposits` plus the
fold of `trades` equals `balances`, to the last unit. Commits survive the death of the process;
after a power cut the last ones may be missing, the file stays whole (WAL, synchronous NORMAL).
"""

import sqlite3
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from genesis.errors import StorageError
from genesis.units import NANOS_PER_MS, Nanos, Price
from genesis.venue.ledger import BalanceRow, HistoryRange, LedgerChanges, OrderKey
from genesis.venue.order_lists import ListKey, VenueOrderList
from genesis.venue.orders import VenueOrder, VenueTrade

SCHEMA_VERSION: Final = 3
BUSY_TIMEOUT_SECONDS: Final = 5.0
CHECKPOINT_PAGES: Final = 8_000  # 32 MiB: a sync this rare is not seen in the order path

_SCHEMA: Final = """
CREATE TABLE orders (
  order_id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, symbol TEXT NOT NULL,
  client_order_id TEXT NOT NULL, side INTEGER NOT NULL, order_type INTEGER NOT NULL,
  time_in_force INTEGER NOT NULL, price INTEGER NOT NULL, quantity INTEGER NOT NULL,
  quote_quantity INTEGER NOT NULL, stp_mode TEXT NOT NULL, created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, status TEXT NOT NULL, executed_quantity INTEGER NOT NULL,
  executed_quote INTEGER NOT NULL, locked INTEGER NOT NULL, expiry_reason TEXT NOT NULL,
  stop_price INTEGER NOT NULL, order_list_id INTEGER NOT NULL, working_at INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_of_list ON orders (order_list_id) WHERE order_list_id >= 0;
CREATE TABLE order_lists (
  list_id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, symbol TEXT NOT NULL,
  list_client_id TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  status TEXT NOT NULL
) STRICT;
CREATE INDEX orders_by_client ON orders (account_id, symbol, client_order_id);
CREATE INDEX orders_open ON orders (status) WHERE status IN ('NEW', 'PARTIALLY_FILLED');
CREATE TABLE trades (
  symbol TEXT NOT NULL, trade_id INTEGER NOT NULL, order_id INTEGER NOT NULL,
  account_id INTEGER NOT NULL, side INTEGER NOT NULL, price INTEGER NOT NULL,
  quantity INTEGER NOT NULL, quote_quantity INTEGER NOT NULL, commission INTEGER NOT NULL,
  commission_asset TEXT NOT NULL, is_maker INTEGER NOT NULL, traded_at INTEGER NOT NULL,
  PRIMARY KEY (symbol, trade_id, order_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX trades_by_order ON trades (order_id);
CREATE TABLE balances (
  account_id INTEGER NOT NULL, asset TEXT NOT NULL, free INTEGER NOT NULL CHECK (free >= 0),
  locked INTEGER NOT NULL CHECK (locked >= 0), PRIMARY KEY (account_id, asset)
) STRICT, WITHOUT ROWID;
CREATE TABLE deposits (
  deposit_id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, asset TEXT NOT NULL,
  amount INTEGER NOT NULL, deposited_at INTEGER NOT NULL
) STRICT;
CREATE TABLE marks (symbol TEXT PRIMARY KEY, price INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

_VERSION_IN_MS: Final = 1
_FROM_MS: Final = f"""
ALTER TABLE orders RENAME COLUMN created_ms TO created_at;
ALTER TABLE orders RENAME COLUMN updated_ms TO updated_at;
ALTER TABLE trades RENAME COLUMN traded_ms TO traded_at;
ALTER TABLE deposits RENAME COLUMN deposited_ms TO deposited_at;
UPDATE orders SET
  created_at = created_at * {NANOS_PER_MS}, updated_at = updated_at * {NANOS_PER_MS};
UPDATE trades SET traded_at = traded_at * {NANOS_PER_MS};
UPDATE deposits SET deposited_at = deposited_at * {NANOS_PER_MS};
"""  # noqa: S608 - constants
_VERSION_WITHOUT_LISTS: Final = 2
_FROM_NO_LISTS: Final = """
ALTER TABLE orders ADD COLUMN stop_price INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN order_list_id INTEGER NOT NULL DEFAULT -1;
ALTER TABLE orders ADD COLUMN working_at INTEGER NOT NULL DEFAULT 0;
UPDATE orders SET working_at = created_at;
CREATE INDEX orders_of_list ON orders (order_list_id) WHERE order_list_id >= 0;
CREATE TABLE order_lists (
  list_id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, symbol TEXT NOT NULL,
  list_client_id TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  status TEXT NOT NULL
) STRICT;
"""
_STEPS: Final = {
    0: _SCHEMA,
    _VERSION_IN_MS: _FROM_MS + _FROM_NO_LISTS,
    _VERSION_WITHOUT_LISTS: _FROM_NO_LISTS,
}

_ORDER_FIELDS: Final = (
    "order_id",
    "account_id",
    "symbol",
    "client_order_id",
    "side",
    "order_type",
    "time_in_force",
    "price",
    "quantity",
    "quote_quantity",
    "stp_mode",
    "created_at",
    "updated_at",
    "status",
    "executed_quantity",
    "executed_quote",
    "locked",
    "expiry_reason",
    "stop_price",
    "order_list_id",
    "working_at",
)
_LIST_FIELDS: Final = (
    "list_id",
    "account_id",
    "symbol",
    "list_client_id",
    "created_at",
    "updated_at",
    "status",
)
_TRADE_FIELDS: Final = VenueTrade.__struct_fields__
_list_row: Final = attrgetter(*_LIST_FIELDS)
_order_row: Final = attrgetter(*_ORDER_FIELDS)
_trade_row: Final = attrgetter(*_TRADE_FIELDS)

_ORDER_COLUMNS: Final = ", ".join(_ORDER_FIELDS)
_LIST_COLUMNS: Final = ", ".join(_LIST_FIELDS)
_TRADE_COLUMNS: Final = ", ".join(_TRADE_FIELDS)

# Statements are put together from the constants above; values are always bound.
_PUT_ORDER: Final = (
    f"INSERT INTO orders ({_ORDER_COLUMNS}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_ORDER_FIELDS))}) "
    "ON CONFLICT (order_id) DO UPDATE SET updated_at = excluded.updated_at, "
    "status = excluded.status, executed_quantity = excluded.executed_quantity, "
    "executed_quote = excluded.executed_quote, locked = excluded.locked, "
    "expiry_reason = excluded.expiry_reason, working_at = excluded.working_at"
)
_PUT_LIST: Final = (
    f"INSERT INTO order_lists ({_LIST_COLUMNS}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_LIST_FIELDS))}) "
    "ON CONFLICT (list_id) DO UPDATE SET updated_at = excluded.updated_at, "
    "status = excluded.status"
)
_PUT_TRADE: Final = (
    f"INSERT INTO trades ({_TRADE_COLUMNS}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_TRADE_FIELDS))})"
)
_PUT_BALANCE: Final = (
    "INSERT INTO balances (account_id, asset, free, locked) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (account_id, asset) DO UPDATE SET free = excluded.free, locked = excluded.locked"
)

_SqlValue: TypeAlias = int | str


class SqliteLedger:
    """The books in one SQLite file, or in memory (":memory:") for a simulation.

    Raises:
        StorageError: The file cannot be opened, is not the venue's, or is damaged.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None
            )
        except sqlite3.Error as error:
            raise StorageError(f"venue ledger {path}: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._database.close()
            raise StorageError(f"venue ledger {path}: {error}") from error

    def _prepare(self) -> None:
        run = self._database.execute
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        (version,) = run("PRAGMA user_version").fetchone()
        steps = _STEPS.get(version)
        if steps is not None:
            self._database.executescript(
                f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
            )
        elif version != SCHEMA_VERSION:
            raise sqlite3.DatabaseError(
                f"has version {version}, this program writes {SCHEMA_VERSION}"
            )

    def close(self) -> None:
        """Close the file. The ledger must not be used afterwards."""
        self._database.close()

    def commit(self, changes: LedgerChanges) -> None:
        """Record a step whole, or raise StorageError. Survives the death of the process."""
        database = self._database
        try:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(_PUT_ORDER, map(_order_row, changes.orders))
            database.executemany(_PUT_LIST, map(_list_row, changes.lists))
            database.executemany(_PUT_TRADE, map(_trade_row, changes.trades))
            database.executemany(
                _PUT_BALANCE,
                ((row.account_id, row.asset, row.free, row.locked) for row in changes.balances),
            )
            database.execute("COMMIT")
        except (sqlite3.Error, OverflowError) as error:
            raise StorageError(f"venue ledger {self._path}: {error}") from error

    def deposit(self, row: BalanceRow, at: Nanos) -> None:
        """Record money that came from outside, together with the balance it leads to."""
        try:
            with self._database as database:
                database.execute("BEGIN IMMEDIATE")
                (previous,) = database.execute(
                    "SELECT COALESCE(SUM(free), 0) FROM balances "
                    "WHERE account_id = ? AND asset = ?",
                    (row.account_id, row.asset),
                ).fetchone()
                database.execute(
                    "INSERT INTO deposits (account_id, asset, amount, deposited_at) "
                    "VALUES (?, ?, ?, ?)",
                    (row.account_id, row.asset, row.free - previous, at),
                )
                database.execute(_PUT_BALANCE, (row.account_id, row.asset, row.free, row.locked))
        except (sqlite3.Error, OverflowError) as error:
            raise StorageError(f"venue ledger {self._path}: {error}") from error

    def balances(self) -> list[BalanceRow]:
        """Return every balance on record."""
        rows = self._rows("SELECT account_id, asset, free, locked FROM balances", ())
        return [msgspec.convert(row, BalanceRow) for row in rows]

    def open_orders(self) -> list[VenueOrder]:
        """Return the orders that were open when last recorded, oldest first."""
        rows = self._rows(
            f"SELECT {_ORDER_COLUMNS} FROM orders "  # noqa: S608
            "WHERE status IN ('NEW', 'PARTIALLY_FILLED') ORDER BY order_id",
            (),
        )
        return [_order_from_row(row) for row in rows]

    def find_order(self, key: OrderKey) -> VenueOrder | None:
        """Return the newest order that fits the key, or None."""
        clauses = "account_id = ? AND symbol = ?"
        values: list[_SqlValue] = [key.account_id, key.symbol]
        if key.order_id:
            clauses += " AND order_id = ?"
            values.append(key.order_id)
        if key.client_order_id:
            clauses += " AND client_order_id = ?"
            values.append(key.client_order_id)
        rows = self._rows(
            f"SELECT {_ORDER_COLUMNS} FROM orders WHERE {clauses} ORDER BY order_id DESC LIMIT 1",  # noqa: S608
            values,
        )
        return _order_from_row(rows[0]) if rows else None

    def orders(self, wanted: HistoryRange) -> list[VenueOrder]:
        """Return orders of an account and symbol; ids are order ids, times are of creation."""
        rows = self._history(_ORDER_COLUMNS, "orders", "order_id", "created_at", wanted)
        return [_order_from_row(row) for row in rows]

    def trades(self, wanted: HistoryRange) -> list[VenueTrade]:
        """Return trades of an account and symbol; ids are trade ids."""
        rows = self._history(_TRADE_COLUMNS, "trades", "trade_id", "traded_at", wanted)
        return [_trade_from_row(row) for row in rows]

    def open_lists(self) -> list[VenueOrderList]:
        """Return the lists that were open when last recorded, oldest first, without their legs."""
        rows = self._rows(
            f"SELECT {_LIST_COLUMNS} FROM order_lists "  # noqa: S608
            "WHERE status = 'EXECUTING' ORDER BY list_id",
            (),
        )
        return [_list_from_row(row) for row in rows]

    def find_list(self, key: ListKey) -> VenueOrderList | None:
        """Return the newest list that fits the key, or None."""
        clauses = "account_id = ?"
        values: list[_SqlValue] = [key.account_id]
        if key.list_id is not None:
            clauses += " AND list_id = ?"
            values.append(key.list_id)
        if key.list_client_id:
            clauses += " AND list_client_id = ?"
            values.append(key.list_client_id)
        rows = self._rows(
            f"SELECT {_LIST_COLUMNS} FROM order_lists WHERE {clauses} "  # noqa: S608
            "ORDER BY list_id DESC LIMIT 1",
            values,
        )
        return self._with_legs(rows[0]) if rows else None

    def order_lists(self, wanted: HistoryRange) -> list[VenueOrderList]:
        """Return lists of an account, of any symbol; ids are list ids, times are of creation."""
        rows = self._history(_LIST_COLUMNS, "order_lists", "list_id", "created_at", wanted)
        return [self._with_legs(row) for row in rows]

    def last_list_id(self) -> int:
        """Return the highest list id ever given, or 0."""
        ((last,),) = self._rows("SELECT COALESCE(MAX(list_id), 0) FROM order_lists", ())
        return int(last)

    def _with_legs(self, row: Sequence[_SqlValue]) -> VenueOrderList:
        order_list = _list_from_row(row)
        rows = self._rows(
            f"SELECT {_ORDER_COLUMNS} FROM orders "  # noqa: S608
            "WHERE order_list_id = ? ORDER BY order_id",
            (order_list.list_id,),
        )
        order_list.legs = tuple(map(_order_from_row, rows))
        return order_list

    def last_order_id(self) -> int:
        """Return the highest order id ever given, or 0."""
        ((last,),) = self._rows("SELECT COALESCE(MAX(order_id), 0) FROM orders", ())
        return int(last)

    def last_trade_ids(self) -> dict[str, int]:
        """Return the highest trade id of a client's trade, by symbol."""
        rows = self._rows("SELECT symbol, MAX(trade_id) FROM trades GROUP BY symbol", ())
        return {str(symbol): int(last) for symbol, last in rows}

    def marks(self) -> dict[str, Price]:
        """Return the last prices recorded, by symbol."""
        return {str(symbol): int(price) for symbol, price in self._rows("SELECT * FROM marks", ())}

    def save_marks(self, marks: Sequence[tuple[str, Price]]) -> None:
        """Record the last prices, so that a restarted model goes on from them."""
        try:
            with self._database as database:
                database.execute("BEGIN IMMEDIATE")
                database.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", marks)
        except (sqlite3.Error, OverflowError) as error:
            raise StorageError(f"venue ledger {self._path}: {error}") from error

    def _rows(self, statement: str, values: Sequence[_SqlValue]) -> list[tuple[_SqlValue, ...]]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"venue ledger {self._path}: {error}") from error

    def _history(
        self, columns: str, table: str, id_column: str, time_column: str, wanted: HistoryRange
    ) -> list[tuple[_SqlValue, ...]]:
        clauses = ["account_id = ?"]
        values: list[_SqlValue] = [wanted.account_id]
        for clause, value in (
            ("symbol = ?", wanted.symbol or None),
            (f"{id_column} >= ?", wanted.from_id),
            ("order_id = ?", wanted.order_id),
            (f"{time_column} >= ?", wanted.start_at),
            (f"{time_column} <= ?", wanted.end_at),
        ):
            if value is not None:
                clauses.append(clause)
                values.append(value)
        is_oldest_first = wanted.from_id is not None or wanted.start_at is not None
        rows = self._rows(
            f"SELECT {columns} FROM {table} WHERE {' AND '.join(clauses)} "  # noqa: S608
            f"ORDER BY {id_column} {'ASC' if is_oldest_first else 'DESC'} LIMIT ?",
            [*values, wanted.limit],
        )
        return rows if is_oldest_first else rows[::-1]


def _order_from_row(row: Sequence[_SqlValue]) -> VenueOrder:
    order = msgspec.convert(dict(zip(_ORDER_FIELDS, row, strict=True)), VenueOrder)
    if order.is_open:
        order.open_quantity = order.quantity - order.executed_quantity
    return order


def _list_from_row(row: Sequence[_SqlValue]) -> VenueOrderList:
    return msgspec.convert(dict(zip(_LIST_FIELDS, row, strict=True)), VenueOrderList)


def _trade_from_row(row: Sequence[_SqlValue]) -> VenueTrade:
    # Lax, because SQLite has no booleans.
    return msgspec.convert(dict(zip(_TRADE_FIELDS, row, strict=True)), VenueTrade, strict=False)
