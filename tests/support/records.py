"""A journal with something of everything in it, and what records say of it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from sqlalchemy import select

from genesis.domain.child_names import child_number, child_sequence
from genesis.domain.orders import Fill, OrderState, OrderType, Refusal, RefusalRule, Side
from genesis.engine.entries import (
    AccountBound,
    BalanceOpened,
    BooksAgreed,
    CanaryBegun,
    CanaryPassed,
    CanaryServed,
    CapitalAllotted,
    EntriesCompleted,
    EntriesMissed,
    Entry,
    EpochStarted,
    EquityMarked,
    ExitBegun,
    ExitDropped,
    ExternalFillBooked,
    FeesValued,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    OrderTested,
    ParentEnded,
    ParentOpened,
    SignalId,
    SignalRefused,
    StoppedCleanly,
    TradingHalted,
    TradingResumed,
    TransferBooked,
)
from genesis.engine.slicing.schedule import Algorithm, SlicePlan
from genesis.storage.journal import Journal
from genesis.storage.journal_reader import JournalReader
from genesis.storage.records.database import RecordsDatabase, RecordsPlace
from genesis.storage.records.feed import RecordsFeed
from genesis.storage.records.schema import feed_position, metadata
from genesis.units import Nanos
from tests.support.builders import LOT, NOW, PRICE, SECOND, fill, intent

_DAY: Nanos = 86_400 * SECOND
ODD: Nanos = 123_456_789  # a time that has nanoseconds


def opening(epoch: int = 1) -> list[Entry]:
    """Return how an account begins."""
    at = NOW + epoch * SECOND + ODD
    first: list[Entry] = [
        EpochStarted(epoch, "boot", at),
        AccountBound(4711, at),
        BalanceOpened("USDT", 100_000 * 10**8 + 1, at, balances_at=NOW),
        BalanceOpened("BTC", 0, at),
    ]
    return first if epoch == 1 else first[:1]


def round_trip(number: int, at: Nanos) -> list[Entry]:
    """Return an entry in two fills and its exit, of one strategy, with fees in several assets.

    The two come in the wrong order, and the exit leaves dust.
    """
    bought, sold = f"G00-7-1-{number}-10", f"G00-7-1-{number}-20"
    trade = 10 * number
    entry = intent(bought, quantity=2 * LOT, order_type=OrderType.LIMIT, limit_price=PRICE)
    leave = intent(sold, side=Side.SELL)
    name = SignalId(7, 1, number)
    venue_id = 100 + number
    return [
        OrderPrepared(
            *(name, 1, entry, "BTC", "USDT", at // 10**6, 2_000, at - ODD, at), step_size=LOT
        ),
        OrderMoved(bought, OrderState.OUTCOME_UNKNOWN, 0, 0, "no reply", at + 1),
        OrderMoved(bought, OrderState.ACCEPTED, venue_id, 0, "", at + 2),
        FillBooked(_of(bought, fill(trade + 1, fee=LOT // 1_000, fee_asset="BTC")), at + 3),
        OrderMoved(bought, OrderState.PARTIALLY_FILLED, venue_id, LOT, "", at + 3),
        # The first trade, heard of second.
        FillBooked(
            _of(bought, fill(trade, fee=7, fee_asset="BNB", price=PRICE + 1)), at + 4, fee_value=9
        ),
        OrderMoved(bought, OrderState.FILLED, venue_id, 2 * LOT, "", at + 4),
        OrderPrepared(
            msgspec.structs.replace(name, sequence=number + 1_000_000),
            *(1, leave, "BTC", "USDT", at // 10**6, 2_000, at, at + 5),
            step_size=LOT,
        ),
        FillBooked(_of(sold, fill(trade + 2, side=Side.SELL, fee=59_999_999)), at + 6),
        OrderMoved(sold, OrderState.FILLED, venue_id + 1, LOT, "", at + 7),
    ]


def child_of_a_parent(parent: int, at: Nanos) -> OrderPrepared:
    """Return a conditional order that is a child of a parent."""
    name = SignalId(child_number(7), 1, child_sequence(parent, 1))
    wish = msgspec.structs.replace(
        intent(f"G00-child-{parent}", side=Side.SELL, order_type=OrderType.STOP_LOSS),
        trigger_price=PRICE - 1,
        confidence_bps=8_000,
    )
    return OrderPrepared(name, 1, wish, "BTC", "USDT", at // 10**6, 2_000, at, at)


def protective_leg(at: Nanos) -> OrderPrepared:
    """Return the stop of a stop and its target."""
    wish = intent("G00-stop", side=Side.SELL, order_type=OrderType.STOP_LOSS)
    name = SignalId(7, 1, 8)
    return OrderPrepared(
        *(name, 1, wish, "BTC", "USDT", at // 10**6, 2_000, at, at), leg=1, order_list="G00-list"
    )


def everything() -> list[Entry]:
    """Return entries of every kind, in an order in which an executor could write them."""
    at = NOW + _DAY + ODD
    refusal = Refusal(rule=RefusalRule.EXPOSURE, limit="60000.00", observed="60000.01")
    return [
        *opening(),
        EntriesMissed(NOW, at),
        EntriesCompleted(at),
        CanaryBegun("0.1", at),
        OrderTested("BTCUSDT", at),
        CanaryServed(SECOND, at),
        CanaryPassed(at),
        SignalRefused(SignalId(7, 1, 1), "BTCUSDT", refusal, at),
        *round_trip(2, at),
        EquityMarked(2_001 * 10**8, 2_002 * 10**8, at // _DAY, 2_000 * 10**8, at),
        BooksAgreed(at - 5, at),
        ParentOpened(
            *(1, 7, "ema_cross-1", "BTCUSDT", Side.BUY, 9 * LOT),
            SlicePlan(algorithm=Algorithm.TWAP, duration=_DAY, patience=0, slices=4),
            *(PRICE, PRICE + 1, at),
        ),
        child_of_a_parent(1, at),
        FeesValued("ema_cross-1", "BTCUSDT", "BNB", 7, 11, at),
        CapitalAllotted(50_000 * 10**8, at),
        ExitBegun(SignalId(7, 1, 9), 1, intent("G00-waits", side=Side.SELL), at, at),
        ExitDropped("G00-waits", "its strategy was halted", at),
        protective_leg(at),
        ParentEnded(1, "filled", at + 1),
        ParentOpened(
            *(2, 7, "ema_cross-1", "BTCUSDT", Side.SELL, LOT),
            SlicePlan(algorithm=Algorithm.ICEBERG, duration=_DAY, patience=0, visible=LOT),
            *(PRICE, 0, at),
        ),
        TradingHalted("ema_cross-1 lost", "ema_cross-1", at),
        TradingHalted("all of it", None, at),
        TransferBooked("USDT", -5, at, cleared_at=at - SECOND),
        TransferBooked("USDT", 7, at),
        ExternalFillBooked(fill(3, client_order_id="web_1"), "BTC", "USDT", at),
        TradingResumed(at + 1),
        *round_trip(3, at + SECOND),
        TradingHalted("again", None, at + SECOND),
        StoppedCleanly(at + 2 * SECOND),
    ]


def _of(client_order_id: str, trade: Fill) -> Fill:
    return msgspec.structs.replace(trade, client_order_id=client_order_id)


def journal_of(path: Path, entries: Sequence[Entry]) -> Path:
    """Write a journal and close it."""
    journal = Journal(path, "venue")
    list(journal.read())
    journal.append(entries)
    journal.close()
    return path


def record(journal: Path, place: RecordsPlace) -> RecordsDatabase:
    """Feed a whole journal into records, which the caller closes."""
    records = RecordsDatabase(place)
    reader = JournalReader(journal)
    feed = RecordsFeed(reader, records)
    while feed.step():
        pass
    reader.close()
    return records


def rows_of(records: RecordsDatabase) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table, in the order of its key."""
    with records.transaction() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in metadata.sorted_tables
            if table is not feed_position
        }
