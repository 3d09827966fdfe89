"""The auditor: the journal against the venue's own books, in integers, to the last unit.

It reads both files when every process has ended, shares no fold with the engine but the journal's
own reader, and reports every difference in words.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from genesis.domain.order_ids import decode_order_id
from genesis.domain.orders import TERMINAL_STATES, Fill, OrderState, Side
from genesis.engine.entries import (
    BalanceOpened,
    EntriesMissed,
    EpochStarted,
    ExitBegun,
    ExternalFillBooked,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    SignalId,
    SignalRefused,
    TradingHalted,
    TransferBooked,
)
from genesis.engine.ledger import Ledger
from genesis.engine.sub_ledgers import differences
from genesis.storage.journal import Journal
from genesis.units import Nanos
from scripts.campaign.cover import BareSpell, CoverRecord, is_worth_a_stop

_SHOWN_MAX: Final = 12
_NEVER_THERE: Final = frozenset({OrderState.REJECTED, OrderState.NOT_EXECUTED})
_STATES_OF: Final = {
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}

_Execution = tuple[str, int, int, int, int, int, int, str]
"""Symbol, trade id, venue order id, price, quantity, quote amount, fee, fee asset."""


class VenueRow(NamedTuple):
    """One order in the venue's books."""

    order_id: int
    symbol: str
    client_order_id: str
    status: str
    executed_quantity: int


class Doubt(NamedTuple):
    """One order that was in doubt, from its preparation to its settlement.

    `deaths` counts the executors that died meanwhile.
    """

    began_at: Nanos
    ended_at: Nanos
    deaths: int


@dataclass
class Audit:
    """What was found. `duplicates`, `losses` and `differences` must be empty."""

    signals: int = 0
    orders: int = 0
    fills: int = 0
    doubts: list[Doubt] = field(default_factory=list)
    bare_spells: list[BareSpell] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """Return everything that must never be, each kind cut to what can be read."""
        return [
            line
            for lines in (self.duplicates, self.losses, self.differences)
            for line in lines[:_SHOWN_MAX]
        ]


class _JournalView:
    """What the journal says, folded by hand beside the engine's own fold."""

    def __init__(self, path: Path, audit: Audit, *, has_lost_power: bool) -> None:
        self.prepared: dict[str, OrderPrepared] = {}
        self.state: dict[str, OrderState] = {}
        self.fills: list[Fill] = []
        self.opening: dict[str, int] = {}
        self.ledger = Ledger()
        self._audit = audit
        self._cover = CoverRecord(self.ledger)
        self._has_lost_power = has_lost_power
        self._verdicts: Counter[SignalId] = Counter()
        self._born_in: dict[str, int] = {}
        self._doubted: set[str] = set()
        self._begun: set[str] = set()
        self._epochs = 0
        journal = Journal(path, "full")
        try:
            for entry in journal.read():
                self._take(entry)
                self.ledger.apply(entry)
                self._cover.take(entry)
        finally:
            journal.close()
        audit.bare_spells = self._cover.spells
        audit.signals = len(self._verdicts)
        audit.orders = len(self.prepared)
        audit.fills = len(self.fills)
        audit.duplicates += [
            f"{signal} had {count} verdicts"
            for signal, count in self._verdicts.items()
            if count > 1
        ]

    def _take(self, entry: object) -> None:
        audit = self._audit
        match entry:
            case ExitBegun(intent=intent, signal=signal):
                self._begun.add(intent.client_order_id)
                self._verdicts[signal] += entry.attempt == 1
            case OrderPrepared(intent=intent, signal=signal):
                if intent.client_order_id in self.prepared:
                    audit.duplicates.append(f"{intent.client_order_id} was prepared twice")
                self.prepared[intent.client_order_id] = entry
                self.state[intent.client_order_id] = OrderState.PREPARED
                self._born_in[intent.client_order_id] = self._epochs
                is_judged = intent.client_order_id in self._begun
                if not (entry.leg or is_judged):  # protection is nobody's wish
                    self._verdicts[signal] += entry.attempt == 1
            case SignalRefused(signal=signal):
                self._verdicts[signal] += 1
            case OrderMoved():
                self._take_move(entry)
            case FillBooked(fill=fill):
                self.fills.append(fill)
            case BalanceOpened(asset=asset, amount=amount):
                self.opening[asset] = amount
            case EpochStarted():
                self._epochs += 1
            case _:
                self._take_surprise(entry)

    def _take_surprise(self, entry: object) -> None:
        """Take note of what the engine itself found not to agree."""
        differences = self._audit.differences
        match entry:
            case TradingHalted(reason=reason):
                differences.append(f"trading was halted: {reason}")
            case EntriesMissed() if not self._has_lost_power:
                differences.append("the engine missed entries in its journal")
            case TransferBooked():
                differences.append("the engine booked a transfer that nobody made")
            case ExternalFillBooked(fill=fill):
                differences.append(f"trade {fill.trade_id} was taken for somebody else's")

    def _take_move(self, move: OrderMoved) -> None:
        name = move.client_order_id
        before = self.state[name]
        if before in TERMINAL_STATES and move.state is not before:
            self._audit.losses.append(f"{name} was {before.name} and became {move.state.name}")
        self.state[name] = move.state
        if move.state is OrderState.OUTCOME_UNKNOWN:
            self._doubted.add(name)
        elif name in self._doubted:
            self._doubted.remove(name)
            deaths = self._epochs - self._born_in[name]
            self._audit.doubts.append(Doubt(self.prepared[name].at, move.at, deaths))


def audit_books(state_dir: Path, *, has_lost_power: bool = False) -> Audit:
    """Compare the journal of a stopped engine with the books of its venue.

    An engine whose machine died may say that entries were missed; any other may not.
    """
    audit = Audit()
    (path,) = state_dir.glob("*.journal.db")
    journal = _JournalView(path, audit, has_lost_power=has_lost_power)
    with closing(sqlite3.connect(f"file:{state_dir / 'venue.db'}?mode=ro", uri=True)) as venue:
        orders = [
            VenueRow(*row)
            for row in venue.execute(
                "SELECT order_id, symbol, client_order_id, status, executed_quantity FROM orders"
            )
        ]
        _compare_orders(journal, orders, audit)
        _compare_executions(journal, venue, audit)
        _compare_positions(journal, venue, audit)
        _compare_balances(journal, venue, audit)
        _compare_cover(journal, venue, audit)
    _add_up_sub_ledgers(journal, audit)
    return audit


def _compare_orders(journal: _JournalView, orders: list[VenueRow], audit: Audit) -> None:
    """Each order of ours stands once in both books, or in ours alone and was never executed."""
    by_name: dict[str, VenueRow] = {}
    executed: Counter[SignalId] = Counter()
    for row in orders:
        name = row.client_order_id
        if name in by_name:
            audit.duplicates.append(f"{name} is in the venue's books twice")
        by_name[name] = row
        parts = decode_order_id(name)
        if name not in journal.prepared or parts is None:
            audit.losses.append(f"{name} is in the venue's books alone ({row.status})")
        elif row.executed_quantity:
            executed[SignalId(parts.strategy_number, parts.epoch, parts.sequence)] += 1
    audit.duplicates += [
        f"{signal} was executed {count} times" for signal, count in executed.items() if count > 1
    ]
    for name, state in journal.state.items():
        row_or_none = by_name.get(name)
        if row_or_none is None:
            if state not in _NEVER_THERE:
                audit.losses.append(f"{name} is {state.name}, and the venue never had it")
        elif _state_of(row_or_none, journal.prepared[name]) is not state:
            audit.losses.append(f"{name} is {state.name}, at the venue {row_or_none.status}")


def _state_of(row: VenueRow, prepared: OrderPrepared) -> OrderState | None:
    """Return the state that an order must have; what protects a position may be open."""
    if row.status == "NEW" and prepared.leg:
        return OrderState.ACCEPTED
    return _STATES_OF.get(row.status)


def _compare_executions(journal: _JournalView, venue: sqlite3.Connection, audit: Audit) -> None:
    """Every execution in one book is in the other, once, with the same figures."""
    theirs: Counter[_Execution] = Counter(
        venue.execute(
            "SELECT symbol, trade_id, order_id, price, quantity, quote_quantity, commission, "
            "commission_asset FROM trades"
        )
    )
    ours: Counter[_Execution] = Counter(map(_execution_of, journal.fills))
    audit.losses += [f"not booked: {execution}" for execution in theirs - ours]
    audit.duplicates += [f"booked beside the venue: {execution}" for execution in ours - theirs]


def _execution_of(fill: Fill) -> _Execution:
    return (
        fill.symbol,
        fill.trade_id,
        fill.venue_order_id,
        fill.price,
        fill.quantity,
        fill.quote_amount,
        fill.fee,
        fill.fee_asset,
    )


def _compare_positions(journal: _JournalView, venue: sqlite3.Connection, audit: Audit) -> None:
    """Each strategy holds what the trades of its own orders at the venue add up to."""
    held: defaultdict[tuple[str, str], int] = defaultdict(int)
    for name, symbol, side, quantity, fee, fee_asset in venue.execute(
        "SELECT o.client_order_id, t.symbol, t.side, t.quantity, t.commission, t.commission_asset "
        "FROM trades t JOIN orders o ON o.order_id = t.order_id"
    ):
        prepared = journal.prepared.get(name)
        if prepared is None:
            continue  # told of as a loss
        base_fee = fee if fee_asset == prepared.base_asset else 0
        held[prepared.intent.strategy_id, symbol] += Side(side).value * quantity - base_fee
    ours = {
        (strategy_id, symbol): position.lots
        for strategy_id, positions in journal.ledger.state.positions.items()
        for symbol, position in positions.items()
    }
    for place in sorted(held.keys() | ours.keys()):
        if held.get(place, 0) != ours.get(place, 0):
            audit.differences.append(
                f"position {place}: ours {ours.get(place, 0)}, by the venue {held.get(place, 0)}"
            )


def _compare_cover(journal: _JournalView, venue: sqlite3.Connection, audit: Audit) -> None:
    """At the end each position has a stop at the venue, and never more is for sale than is held."""
    stops: defaultdict[tuple[str, str], int] = defaultdict(int)
    for name, symbol, left, stop_price in venue.execute(
        "SELECT client_order_id, symbol, quantity - executed_quantity, stop_price FROM orders "
        "WHERE status IN ('NEW', 'PARTIALLY_FILLED')"
    ):
        prepared = journal.prepared.get(name)
        if prepared is not None and stop_price:
            stops[prepared.intent.strategy_id, symbol] += left
    for strategy_id, positions in journal.ledger.state.positions.items():
        for symbol, position in positions.items():
            bare = position.quantity - stops[strategy_id, symbol]
            if bare < 0:
                audit.differences.append(f"{strategy_id} {symbol}: more is for sale than is held")
            elif is_worth_a_stop(position, bare):
                audit.differences.append(f"{strategy_id} {symbol}: {bare} without a live stop")


def _compare_balances(journal: _JournalView, venue: sqlite3.Connection, audit: Audit) -> None:
    """Hold opening balances, and what our fills did to them, against the balances of the venue."""
    changes = journal.ledger.state.balance_changes
    ours = {
        asset: journal.opening.get(asset, 0) + changes.get(asset, 0)
        for asset in journal.opening.keys() | changes.keys()
    }
    theirs = dict(_totals(venue))
    for asset in sorted(ours.keys() | theirs.keys()):
        if ours.get(asset, 0) != theirs.get(asset, 0):
            audit.differences.append(
                f"balance of {asset}: ours {ours.get(asset, 0)}, the venue's {theirs.get(asset, 0)}"
            )


def _add_up_sub_ledgers(journal: _JournalView, audit: Audit) -> None:
    """Hold what strategies and the house hold together against what the account must hold."""
    audit.differences += [
        f"sub-ledgers of {asset}: together {-amount} more than the account"
        for asset, amount in differences(journal.ledger.state).items()
    ]


def _totals(venue: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    yield from venue.execute("SELECT asset, SUM(free + locked) FROM balances GROUP BY asset")
