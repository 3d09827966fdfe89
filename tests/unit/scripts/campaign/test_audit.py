"""`scripts.campaign.audit`: every difference between journal and venue is found and named."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from genesis.domain.order_ids import LEG_STOP
from genesis.domain.orders import OrderState, OrderType, Side, TimeInForce
from genesis.engine.entries import (
    BalanceOpened,
    Entry,
    EpochStarted,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    SignalId,
    TradingHalted,
)
from genesis.storage.journal import Journal
from genesis.units import SCALE
from genesis.venue.ledger import BalanceRow, LedgerChanges
from genesis.venue.orders import OrderStatus, SelfTradePrevention, VenueOrder, VenueTrade
from genesis.venue.sqlite_ledger import SqliteLedger
from scripts.campaign.audit import Audit, audit_books
from tests.support.builders import LOT, NOW, PRICE, SECOND, fill, intent

CASH = 100_000 * SCALE
PAID = PRICE * LOT // SCALE
NAME = "G00-7-1-1-10"
RETRY = "G00-7-1-1-20"
STOP_NAME = "G00-7-2-1-11"
STOP_PRICE = PRICE * 98 // 100


def prepared(name: str = NAME, attempt: int = 1) -> OrderPrepared:
    return OrderPrepared(
        signal=SignalId(7, 1, 1),
        attempt=attempt,
        intent=intent(name),
        base_asset="BTC",
        quote_asset="USDT",
        timestamp_ms=0,
        receive_window_ms=0,
        signal_at=NOW,
        at=NOW,
    )


def prepared_stop() -> OrderPrepared:
    """Return the stop over the lot that was bought."""
    sale = intent(STOP_NAME, side=Side.SELL, order_type=OrderType.STOP_LOSS)
    return msgspec.structs.replace(
        prepared(STOP_NAME),
        signal=SignalId(7, 2, 1),
        intent=msgspec.structs.replace(sale, trigger_price=STOP_PRICE),
        leg=LEG_STOP,
    )


def venue_stop(quantity: int = LOT) -> VenueOrder:
    """Return the stop as it waits at the venue."""
    plain = venue_order(STOP_NAME, 200, OrderStatus.NEW)
    return msgspec.structs.replace(
        plain,
        side=Side.SELL,
        order_type=OrderType.STOP_LOSS,
        quantity=quantity,
        stop_price=STOP_PRICE,
    )


def moved(state: OrderState, name: str = NAME, at: int = NOW, filled: int = 0) -> OrderMoved:
    return OrderMoved(
        client_order_id=name,
        state=state,
        venue_order_id=100,
        filled_quantity=filled,
        reason="",
        at=at,
    )


def venue_order(
    name: str = NAME, order_id: int = 100, status: OrderStatus = OrderStatus.FILLED
) -> VenueOrder:
    return VenueOrder(
        order_id=order_id,
        account_id=1,
        symbol="BTCUSDT",
        client_order_id=name,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        price=0,
        quantity=LOT,
        quote_quantity=0,
        stp_mode=SelfTradePrevention.NONE,
        created_at=0,
        updated_at=0,
        status=status,
        executed_quantity=LOT if status is OrderStatus.FILLED else 0,
    )


def venue_trade(trade_id: int = 1, order_id: int = 100) -> VenueTrade:
    return VenueTrade(
        symbol="BTCUSDT",
        trade_id=trade_id,
        order_id=order_id,
        account_id=1,
        side=Side.BUY,
        price=PRICE,
        quantity=LOT,
        quote_quantity=PAID,
        commission=0,
        commission_asset="USDT",
        is_maker=False,
        traded_at=0,
    )


@dataclass
class Books:
    """Both books after one order that filled; a test spoils one of them."""

    entries: list[Entry] = field(
        default_factory=lambda: [
            EpochStarted(1, "", NOW),
            BalanceOpened("USDT", CASH, NOW),
            prepared(),
            FillBooked(fill(), NOW),
            moved(OrderState.FILLED, filled=LOT),
            prepared_stop(),
            msgspec.structs.replace(
                moved(OrderState.ACCEPTED, STOP_NAME, at=NOW + SECOND), venue_order_id=200
            ),
        ]
    )
    orders: list[VenueOrder] = field(default_factory=lambda: [venue_order(), venue_stop()])
    trades: list[VenueTrade] = field(default_factory=lambda: [venue_trade()])
    cash: int = CASH - PAID

    def audit(self, directory: Path) -> Audit:
        """Write both books and compare them."""
        journal = Journal(directory / "00.journal.db", "full")
        journal.append(self.entries)
        journal.close()
        venue = SqliteLedger(directory / "venue.db")
        held = [BalanceRow(1, "USDT", self.cash, 0), BalanceRow(1, "BTC", LOT, 0)]
        venue.commit(LedgerChanges(self.orders, self.trades, held))
        venue.close()
        return audit_books(directory)


def told_of(lines: Sequence[str], *words: str) -> bool:
    """Tell whether a line holds all of these words."""
    return any(all(word in line for word in words) for line in lines)


def test_books_that_agree_pass(tmp_path: Path) -> None:
    """And are counted."""
    audit = Books().audit(tmp_path)

    assert audit.violations == []
    assert (audit.signals, audit.orders, audit.fills) == (1, 2, 1)


def test_a_client_order_id_twice_is_a_duplicate(tmp_path: Path) -> None:
    """The venue took the same order two times."""
    books = Books()
    books.orders.append(venue_order(order_id=101))

    assert told_of(books.audit(tmp_path).duplicates, NAME, "twice")


def test_a_signal_executed_by_two_attempts_is_a_duplicate(tmp_path: Path) -> None:
    """However right the sums are."""
    books = Books(cash=CASH - 2 * PAID)
    second = msgspec.structs.replace(fill(2, venue_order_id=101), client_order_id=RETRY)
    books.entries += [
        prepared(RETRY, attempt=2),
        FillBooked(second, NOW),
        msgspec.structs.replace(moved(OrderState.FILLED, RETRY, filled=LOT), venue_order_id=101),
    ]
    books.orders.append(venue_order(RETRY, 101))
    books.trades.append(venue_trade(2, 101))

    assert told_of(books.audit(tmp_path).duplicates, "executed 2 times")


def test_an_order_of_the_venue_alone_is_a_loss(tmp_path: Path) -> None:
    """Whatever it did there."""
    books = Books()
    books.orders.append(venue_order("G00-7-1-9-10", 101, OrderStatus.CANCELED))

    assert told_of(books.audit(tmp_path).losses, "G00-7-1-9-10", "alone")


def test_an_order_left_open_is_a_loss(tmp_path: Path) -> None:
    """Every prepared order has an end, and the same one in both books."""
    books = Books()
    del books.entries[4]

    assert told_of(books.audit(tmp_path).losses, NAME, "PREPARED", "FILLED")


def test_an_order_that_only_we_filled_is_a_loss(tmp_path: Path) -> None:
    """The venue never had it."""
    audit = Books(orders=[], trades=[]).audit(tmp_path)

    assert told_of(audit.losses, NAME, "never had it")
    assert told_of(audit.duplicates, "booked beside the venue")


def test_a_fill_that_was_not_booked_is_found_in_every_book(tmp_path: Path) -> None:
    """As an execution, a position and a balance."""
    books = Books()
    del books.entries[3]

    audit = books.audit(tmp_path)
    assert told_of(audit.losses, "not booked")
    assert told_of(audit.differences, "position", "ema_cross-1")
    assert told_of(audit.differences, "balance of BTC")


def test_one_unit_is_a_difference(tmp_path: Path) -> None:
    """Amounts are compared as integers."""
    audit = Books(cash=CASH - PAID + 1).audit(tmp_path)

    assert audit.differences == [
        f"balance of USDT: ours {CASH - PAID}, the venue's {CASH - PAID + 1}"
    ]


def test_a_dead_order_that_rises_is_a_loss(tmp_path: Path) -> None:
    """The fence said never, and it was."""
    books = Books()
    books.entries.insert(3, moved(OrderState.NOT_EXECUTED))

    assert told_of(books.audit(tmp_path).losses, "NOT_EXECUTED and became FILLED")


def test_a_halt_is_a_difference(tmp_path: Path) -> None:
    """The engine itself found that something does not agree."""
    books = Books()
    books.entries.append(TradingHalted(reason="balances differ", strategy_id=None, at=NOW))

    assert told_of(books.audit(tmp_path).differences, "balances differ")


def test_doubts_are_measured_from_preparation_to_settlement(tmp_path: Path) -> None:
    """With how many executors died on them."""
    books = Books()
    books.entries[3:3] = [moved(OrderState.OUTCOME_UNKNOWN), EpochStarted(2, "", NOW)]
    books.entries[6] = moved(OrderState.FILLED, at=NOW + 2 * SECOND, filled=LOT)

    (doubt,) = books.audit(tmp_path).doubts
    assert (doubt.ended_at - doubt.began_at, doubt.deaths) == (2 * SECOND, 1)


def test_sub_ledgers_must_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fold that moves a position by other amounts than the balance is found."""
    whole, spoiled = tmp_path / "whole", tmp_path / "spoiled"
    whole.mkdir()
    spoiled.mkdir()
    assert not Books().audit(whole).differences
    monkeypatch.setattr(
        "genesis.domain.positions.Position._buy",
        lambda position, trade: setattr(position, "quantity", trade.lots),
    )
    assert told_of(Books().audit(spoiled).differences, "sub-ledgers", "USDT", str(PAID))


def test_a_position_without_a_stop_is_a_difference(tmp_path: Path) -> None:
    """Its stop has gone, and nothing of the rest of the books says so."""
    books = Books()
    books.entries.append(
        msgspec.structs.replace(moved(OrderState.CANCELED, STOP_NAME), venue_order_id=200)
    )
    books.orders[1] = msgspec.structs.replace(books.orders[1], status=OrderStatus.CANCELED)

    assert books.audit(tmp_path).violations == [f"ema_cross-1 BTCUSDT: {LOT} without a live stop"]


def test_more_for_sale_than_is_held_is_a_difference(tmp_path: Path) -> None:
    """A stop over two lots, of which there is one."""
    books = Books()
    books.orders[1] = venue_stop(2 * LOT)

    assert told_of(books.audit(tmp_path).differences, "more is for sale than is held")


def test_the_time_without_a_stop_is_measured_within_a_life(tmp_path: Path) -> None:
    """From the fill to the venue's word on the stop, or from the start of the next life."""
    (spell,) = Books().audit(tmp_path).bare_spells
    assert (spell.ended_at - spell.began_at, spell.strategy_id) == (SECOND, "ema_cross-1")
