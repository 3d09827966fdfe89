"""A start reads the last snapshot and what followed; the entries alone say the same."""

import sqlite3
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from genesis.domain.orders import OrderState
from genesis.domain.positions import Position
from genesis.domain.strategy_record import StrategyRecord
from genesis.engine.entries import (
    BalanceOpened,
    Entry,
    EpochStarted,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    SignalId,
)
from genesis.engine.ledger import Ledger
from genesis.engine.ledger_state import FOLD_VERSION, LedgerState, encode_state
from genesis.engine.order import Order
from genesis.errors import StorageError
from genesis.storage.journal import Journal
from genesis.storage.recovery import recover_ledger
from tests.support.builders import LOT, NOW, fill, intent


def orders(first: int, past: int) -> list[Entry]:
    """Return three entries for each of some filled orders."""
    entries: list[Entry] = []
    for n in range(first, past):
        name = f"G00-7-1-{n}-10"
        entries += [
            OrderPrepared(SignalId(7, 1, n), 1, intent(name), "BTC", "USDT", 1, 2_000, NOW, NOW),
            OrderMoved(name, OrderState.FILLED, n, LOT, "", NOW),
            FillBooked(fill(n, client_order_id=name, venue_order_id=n), NOW),
        ]
    return entries


OPENED: list[Entry] = [EpochStarted(1, "boot", NOW), BalanceOpened("USDT", 5, NOW)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def fold(entries: Sequence[Entry]) -> LedgerState:
    ledger = Ledger()
    for entry in entries:
        ledger.apply(entry)
    return ledger.state


def write(path: Path, *parts: Sequence[Entry]) -> None:
    """Write parts of a journal, with a snapshot behind each but the last."""
    journal = Journal(path, "venue")
    ledger = recover_ledger(journal).ledger
    for place, part in enumerate(parts):
        if place:
            journal.save_snapshot(encode_state(ledger.state))
        journal.append(part)
        for entry in part:
            ledger.apply(entry)
    journal.close()


def recovered(path: Path) -> tuple[LedgerState, int, int]:
    journal = Journal(path, "venue")
    found = recover_ledger(journal)
    journal.append([EpochStarted(99, "boot", NOW)])
    journal.close()
    return found.ledger.state, found.snapshot_sequence, found.entries_read


def test_without_a_snapshot_everything_is_read(path: Path) -> None:
    """The entries are the truth."""
    write(path, OPENED + orders(1, 4))
    state, start, read = recovered(path)
    assert state == fold(OPENED + orders(1, 4))
    assert (start, read) == (0, 11)


def test_with_a_snapshot_only_the_tail_is_read(path: Path) -> None:
    """State, indexes and chain go on as if all had been read."""
    write(path, OPENED + orders(1, 4), orders(4, 6))
    state, start, read = recovered(path)
    assert state == fold(OPENED + orders(1, 6))
    assert (start, read) == (11, 6)
    journal = Journal(path, "venue")
    ledger = recover_ledger(journal).ledger
    journal.close()
    assert ledger.state.epoch == 99
    order = ledger.find_by_venue_id("BTCUSDT", 2)
    assert order is not None
    assert order.intent.client_order_id == "G00-7-1-2-10"


def test_the_snapshot_before_the_last_is_kept(path: Path) -> None:
    """And no older one."""
    write(path, OPENED, orders(1, 2), orders(2, 3), orders(3, 4))
    journal = Journal(path, "venue")
    assert [snapshot.sequence for snapshot in journal.snapshots()] == [8, 5]
    journal.close()


def _another_version(connection: sqlite3.Connection) -> None:
    (state,) = connection.execute("SELECT state FROM snapshots WHERE sequence = 5").fetchone()
    other = msgspec.json.decode(state) | {"fold_version": FOLD_VERSION + 1}
    encoded = msgspec.json.encode(other)
    connection.execute(
        "UPDATE snapshots SET state = ?, checksum = ? WHERE sequence = 5",
        (encoded, zlib.crc32(encoded)),
    )


def _no_state(connection: sqlite3.Connection) -> None:
    connection.execute(
        "UPDATE snapshots SET state = ?, checksum = ? WHERE sequence = 5",
        (b"[]", zlib.crc32(b"[]")),
    )


def _changed(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE snapshots SET checksum = checksum + 1 WHERE sequence = 5")


def _of_another_chain(connection: sqlite3.Connection) -> None:
    connection.execute(
        "UPDATE snapshots SET chain_checksum = chain_checksum + 1 WHERE sequence = 5"
    )


@pytest.mark.parametrize("damage", [_changed, _of_another_chain, _no_state, _another_version])
def test_a_snapshot_that_is_no_good_is_passed_over(
    path: Path, damage: Callable[[sqlite3.Connection], None]
) -> None:
    """The one before it serves, and the outcome is the same."""
    write(path, OPENED, orders(1, 2), orders(2, 3))
    with sqlite3.connect(path) as connection:
        damage(connection)
    connection.close()
    state, start, read = recovered(path)
    assert state == fold(OPENED + orders(1, 3))
    assert (start, read) == (2, 6)


def test_damage_behind_the_snapshot_is_found(path: Path) -> None:
    """The chain goes on from the snapshot's checksum."""
    write(path, OPENED, orders(1, 3))
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM entries WHERE sequence = 3")
    connection.close()
    journal = Journal(path, "venue")
    with pytest.raises(StorageError, match="is damaged at entry 4"):
        recover_ledger(journal)
    journal.close()


def test_a_snapshot_that_cannot_be_written_is_an_error(path: Path) -> None:
    """A disk that fails is not written to again."""
    journal = Journal(path, "full")
    journal.append(OPENED)
    journal._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="Check the disk"):
        journal.save_snapshot(b"{}")
    journal._connection.close()


def test_the_fold_has_a_version() -> None:
    """Whoever changes what is stored of the state raises it, and this list with it."""
    assert FOLD_VERSION == 9
    assert LedgerState.__struct_fields__ == (
        "fold_version",
        "written_at",
        "incomplete_since",
        "epoch",
        "boot_id",
        "account_id",
        "is_synced",
        "stopped_cleanly",
        "live_orders",
        "settled_orders",
        "protection",
        "positions",
        "opening_balances",
        "balance_changes",
        "fees",
        "fees_paid",
        "pairs",
        "house_changes",
        "unvalued_fees",
        "capital",
        "accounted_until",
        "external_trades",
        "external_fills",
        "recent_transfers",
        "high_water",
        "last_trade_ids",
        "halt_reason",
        "halted_strategies",
        "must_liquidate",
        "liquidated_at",
        "risk",
        "risk_cause",
        "pauses",
        "orders_prepared",
        "fills_booked",
        "transfers_booked",
        "refusals",
        "refusals_by_strategy",
        "peak_equity",
        "day",
        "day_opening_equity",
        "canary",
        "parents",
        "ended_parents",
        "parents_opened",
    )
    assert len(Order.__struct_fields__) == 20
    assert len(Position.__struct_fields__) == 17
    assert len(StrategyRecord.__struct_fields__) == 11
