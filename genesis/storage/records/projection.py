"""From journal entries to rows: which rows a batch of entries adds and changes. Pure.

Rows are dictionaries by column name, money as scaled integers and times as nanoseconds
(`columns.py` turns them into what an engine holds).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

import msgspec
from sqlalchemy import Table

from genesis.domain.child_names import parent_of
from genesis.domain.orders import Fill
from genesis.domain.positions import Position
from genesis.engine.entries import (
    BalanceOpened,
    BooksAgreed,
    Entry,
    EquityMarked,
    ExternalFillBooked,
    FeesValued,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    ParentEnded,
    ParentOpened,
    SignalRefused,
    TradingHalted,
    TradingResumed,
    TransferBooked,
)
from genesis.engine.ledger_state import FOLD_VERSION
from genesis.storage.journal_reader import JournaledEntry
from genesis.storage.records import schema
from genesis.units import Nanos

_ROWS_VERSION: Final = 3
"""To be raised with every change of what rows the same entries give."""

PROJECTION_VERSION: Final = 1_000 * _ROWS_VERSION + FOLD_VERSION
"""Rows of another version are made anew, and so are they when entries add up to something else."""

Row: TypeAlias = dict[str, object]

_FIRST_DAY: Final = date(1970, 1, 1)


class PositionKey(NamedTuple):
    """Whose position in what."""

    strategy_id: str
    symbol: str


class HeldOrder(msgspec.Struct, kw_only=True):
    """What of an order's row is needed to go on with it; `is_stored` if the row is there already.

    Until it is, `row` is the rest of it.
    """

    strategy_id: str
    base_asset: str
    quote_asset: str
    state: str
    reason: str
    venue_order_id: int | None
    filled_quantity: int
    booked_quantity: int
    booked_amount: int
    moved_at: Nanos
    sequence: int
    step_size: int
    stop_price: int
    is_stored: bool
    row: Row = {}


class HeldPosition(msgspec.Struct):
    """A position as the executor holds it; `moved_at` and `sequence` are its last change's."""

    position: Position
    base_asset: str
    quote_asset: str
    is_stored: bool
    moved_at: Nanos = 0
    sequence: int = 0


@dataclass(slots=True)
class Held:
    """The rows that a batch goes on with, by their keys."""

    orders: dict[str, HeldOrder] = field(default_factory=dict)
    positions: dict[PositionKey, HeldPosition] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """What a batch does to the tables: rows to add, orders and positions to change, and what ends.

    `resumptions` lift, in order, every halt before their own entry; `endings` end parent orders.
    """

    added: dict[Table, list[Row]] = field(default_factory=dict)
    orders: list[Row] = field(default_factory=list)
    positions: list[Row] = field(default_factory=list)
    resumptions: list[Row] = field(default_factory=list)
    endings: list[Row] = field(default_factory=list)

    def add(self, table: Table, **row: object) -> None:
        """Add one row."""
        self.added.setdefault(table, []).append(row)


def orders_needed(entries: Iterable[Entry]) -> set[str]:
    """Return which orders' rows these entries go on with: moved or filled, and prepared before."""
    prepared: set[str] = set()
    needed: set[str] = set()
    for entry in entries:
        match entry:
            case OrderPrepared(intent=intent):
                prepared.add(intent.client_order_id)
            case OrderMoved(client_order_id=client_order_id):
                needed.add(client_order_id)
            case FillBooked(fill=fill):
                needed.add(fill.client_order_id)
    return needed - prepared


def positions_needed(entries: Sequence[Entry], held: Held) -> set[PositionKey]:
    """Return which positions these entries go on with; `held` has the orders that they need."""
    strategy_of = {name: order.strategy_id for name, order in held.orders.items()}
    for entry in entries:
        if isinstance(entry, OrderPrepared):
            strategy_of[entry.intent.client_order_id] = entry.intent.strategy_id
    return {
        PositionKey(strategy_of[entry.fill.client_order_id], entry.fill.symbol)
        for entry in entries
        if isinstance(entry, FillBooked)
    } | {
        PositionKey(entry.strategy_id, entry.symbol)
        for entry in entries
        if isinstance(entry, FeesValued)
    }


def project(batch: Sequence[JournaledEntry], held: Held) -> Changes:
    """Return what a batch does to the tables. `held` is gone on with, and changed."""
    changes = Changes()
    for journaled in batch:
        _project_one(journaled, held, changes)
    for client_order_id, order in held.orders.items():
        mutable = _order_values(order)
        if order.is_stored:
            changes.orders.append({"key": client_order_id, **mutable})
        else:
            changes.add(schema.orders, client_order_id=client_order_id, **order.row, **mutable)
    for key, position in held.positions.items():
        row = _position_values(position)
        if position.is_stored:
            changes.positions.append({"key": key.strategy_id, "key_symbol": key.symbol, **row})
        else:
            assets = {"base_asset": position.base_asset, "quote_asset": position.quote_asset}
            changes.add(schema.positions, **key._asdict(), **assets, **row)
    return changes


def entry_row(journaled: JournaledEntry) -> Row:
    """Return an entry as it is kept itself."""
    return {
        "sequence": journaled.sequence,
        "kind": kind_of(journaled.entry),
        "at": journaled.entry.at,
        "payload": journaled.payload,
        "checksum": journaled.checksum,
    }


def kind_of(entry: Entry) -> str:
    """Return what the journal calls this kind of entry."""
    return str(entry.__struct_config__.tag)


def _project_one(journaled: JournaledEntry, held: Held, changes: Changes) -> None:
    sequence, entry = journaled.sequence, journaled.entry
    match entry:
        case OrderPrepared():
            held.orders[entry.intent.client_order_id] = _new_order(sequence, entry)
        case OrderMoved():
            _move_order(sequence, entry, held, changes)
        case FillBooked():
            _book_fill(sequence, entry, held, changes)
        case ExternalFillBooked(fill=fill):
            changes.add(
                schema.external_fills,
                sequence=sequence,
                base_asset=entry.base_asset,
                quote_asset=entry.quote_asset,
                booked_at=entry.at,
                **_fill_values(fill),
            )
        case SignalRefused():
            _add_refusal(sequence, entry, changes)
        case BalanceOpened() | TransferBooked() | BooksAgreed() | EquityMarked():
            _add_to_account(sequence, entry, changes)
        case ParentOpened() | ParentEnded():
            _project_parent(sequence, entry, changes)
        case TradingHalted():
            changes.add(
                schema.halts,
                sequence=sequence,
                strategy_id=entry.strategy_id,
                reason=entry.reason,
                halted_at=entry.at,
                resumed_at=None,
            )
        case _:
            if isinstance(entry, FeesValued):
                valued = held.positions[PositionKey(entry.strategy_id, entry.symbol)]
                valued.position.charge_later(entry.value)
                valued.moved_at, valued.sequence = entry.at, sequence
            _add_transition(journaled, changes)


def _add_transition(journaled: JournaledEntry, changes: Changes) -> None:
    """Add an entry of a kind that has no table of its own, with all that is in it."""
    sequence, entry = journaled.sequence, journaled.entry
    if isinstance(entry, TradingResumed):
        changes.resumptions.append({"before": sequence, "resumed_at": entry.at})
    detail: Mapping[str, object] = msgspec.json.decode(journaled.payload)
    changes.add(
        schema.transitions,
        sequence=sequence,
        kind=kind_of(entry),
        at=entry.at,
        detail={name: value for name, value in detail.items() if name != "type"},
    )


def _new_order(sequence: int, entry: OrderPrepared) -> HeldOrder:
    intent, signal = entry.intent, entry.signal
    return HeldOrder(
        strategy_id=intent.strategy_id,
        base_asset=entry.base_asset,
        quote_asset=entry.quote_asset,
        state="PREPARED",
        reason="",
        venue_order_id=None,
        filled_quantity=0,
        booked_quantity=0,
        booked_amount=0,
        moved_at=entry.at,
        sequence=sequence,
        step_size=entry.step_size,
        stop_price=intent.stop_price,
        is_stored=False,
        row={
            "strategy_id": intent.strategy_id,
            "strategy_number": signal.strategy_number,
            "epoch": signal.epoch,
            "signal_sequence": signal.sequence,
            "attempt": entry.attempt,
            "symbol": intent.symbol,
            "base_asset": entry.base_asset,
            "quote_asset": entry.quote_asset,
            "side": intent.side.name,
            "action": intent.action.name,
            "order_type": intent.order_type.name,
            "time_in_force": intent.time_in_force.name,
            "quantity": intent.quantity,
            "limit_price": intent.limit_price or None,
            "reference_price": intent.reference_price,
            "stop_price": intent.stop_price or None,
            "target_price": intent.target_price or None,
            "trigger_price": intent.trigger_price or None,
            "confidence_bps": intent.confidence_bps or None,
            "leg": entry.leg or None,
            "order_list": entry.order_list or None,
            "step_size": entry.step_size or None,
            "parent_number": parent_of(signal.strategy_number, signal.sequence) or None,
            "signal_at": entry.signal_at,
            "prepared_at": entry.at,
        },
    )


def _project_parent(sequence: int, entry: ParentOpened | ParentEnded, changes: Changes) -> None:
    if isinstance(entry, ParentEnded):
        changes.endings.append(
            {
                "key": entry.number,
                "ended_at": entry.at,
                "end_reason": entry.reason,
                "sequence": sequence,
            }
        )
        return
    changes.add(
        schema.parent_orders,
        number=entry.number,
        strategy_number=entry.strategy_number,
        strategy_id=entry.strategy_id,
        symbol=entry.symbol,
        side=entry.side.name,
        quantity=entry.quantity,
        algorithm=entry.plan.algorithm.value,
        plan=msgspec.to_builtins(entry.plan),
        arrival_price=entry.arrival_price,
        price_cap=entry.price_cap or None,
        opened_at=entry.at,
        ended_at=None,
        end_reason=None,
        sequence=sequence,
    )


def _move_order(sequence: int, entry: OrderMoved, held: Held, changes: Changes) -> None:
    order = held.orders[entry.client_order_id]
    order.state = entry.state.name
    order.reason = entry.reason
    order.venue_order_id = entry.venue_order_id or order.venue_order_id
    order.filled_quantity = max(order.filled_quantity, entry.filled_quantity)
    order.moved_at = entry.at
    order.sequence = sequence
    changes.add(
        schema.order_moves,
        sequence=sequence,
        client_order_id=entry.client_order_id,
        state=entry.state.name,
        venue_order_id=entry.venue_order_id or None,
        filled_quantity=entry.filled_quantity,
        reason=entry.reason,
        moved_at=entry.at,
    )


def _book_fill(sequence: int, entry: FillBooked, held: Held, changes: Changes) -> None:
    fill = entry.fill
    order = held.orders[fill.client_order_id]
    order.booked_quantity += fill.quantity
    order.booked_amount += fill.quote_amount
    order.filled_quantity = max(order.filled_quantity, order.booked_quantity)
    order.sequence = sequence
    key = PositionKey(order.strategy_id, fill.symbol)
    held_position = held.positions.get(key)
    if held_position is None:
        held_position = HeldPosition(
            Position(), order.base_asset, order.quote_asset, is_stored=False
        )
        held.positions[key] = held_position
    position = held_position.position
    realized = position.realized
    position.apply(fill, order, entry.fee_value or 0)
    held_position.moved_at = entry.at
    held_position.sequence = sequence
    changes.add(
        schema.fills,
        sequence=sequence,
        strategy_id=order.strategy_id,
        realized=position.realized - realized,
        fee_value=entry.fee_value,
        booked_at=entry.at,
        **_fill_values(fill),
    )


def _add_refusal(sequence: int, entry: SignalRefused, changes: Changes) -> None:
    signal, refusal = entry.signal, entry.refusal
    changes.add(
        schema.refusals,
        sequence=sequence,
        strategy_number=signal.strategy_number,
        epoch=signal.epoch,
        signal_sequence=signal.sequence,
        symbol=entry.symbol,
        rule=refusal.rule.value,
        limit_value=refusal.limit,
        observed=refusal.observed,
        wording=refusal.wording,
        refused_at=entry.at,
    )


def _add_to_account(
    sequence: int,
    entry: BalanceOpened | TransferBooked | BooksAgreed | EquityMarked,
    changes: Changes,
) -> None:
    match entry:
        case BalanceOpened(asset=asset, amount=amount, at=at):
            changes.add(
                schema.opening_balances,
                asset=asset,
                amount=amount,
                opened_at=at,
                sequence=sequence,
            )
        case TransferBooked(asset=asset, amount=amount, at=at, cleared_at=cleared_at):
            changes.add(
                schema.transfers,
                sequence=sequence,
                asset=asset,
                amount=amount,
                booked_at=at,
                cleared_at=cleared_at or None,
            )
        case BooksAgreed(balances_at=balances_at, at=at):
            changes.add(schema.agreements, sequence=sequence, balances_at=balances_at, agreed_at=at)
        case EquityMarked():
            changes.add(
                schema.equity,
                sequence=sequence,
                equity=entry.equity,
                peak_equity=entry.peak_equity,
                day=_FIRST_DAY + timedelta(days=entry.day),
                day_opening_equity=entry.day_opening_equity,
                marked_at=entry.at,
            )


def _fill_values(fill: Fill) -> Row:
    return {
        "symbol": fill.symbol,
        "trade_id": fill.trade_id,
        "client_order_id": fill.client_order_id,
        "venue_order_id": fill.venue_order_id,
        "side": fill.side.name,
        "price": fill.price,
        "quantity": fill.quantity,
        "quote_amount": fill.quote_amount,
        "fee": fill.fee,
        "fee_asset": fill.fee_asset,
        "is_maker": fill.is_maker,
        "traded_at": fill.traded_at,
    }


def _order_values(order: HeldOrder) -> Row:
    """Return what of an order's row may change."""
    return {
        "state": order.state,
        "reason": order.reason,
        "venue_order_id": order.venue_order_id,
        "filled_quantity": order.filled_quantity,
        "booked_quantity": order.booked_quantity,
        "booked_amount": order.booked_amount,
        "moved_at": order.moved_at,
        "sequence": order.sequence,
    }


def _position_values(held: HeldPosition) -> Row:
    """Return what of a position's row may change."""
    position = held.position
    return {
        "quantity": position.quantity,
        "cost": position.cost,
        "realized": position.realized,
        "fills": position.fills,
        "charged": position.charged,
        "dust": position.dust,
        "dust_cost": position.dust_cost,
        "fold": msgspec.json.encode(position),
        "moved_at": held.moved_at,
        "sequence": held.sequence,
    }


def nanos_from_utc(moment: datetime) -> Nanos:
    """Return nanoseconds since 1970 of a time that a row holds."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
