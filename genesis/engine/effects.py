"""What the execution core asks its shell to do.

Effects are carried out in the order in which they were returned. `Commit` is a barrier: no later
effect starts before its entries are durable. The answer to an effect, if any, comes back as a call
of the core (`on_submit_outcome`, `on_query_outcome`, ...), whenever it comes.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from genesis.domain.orders import OrderReport
from genesis.engine.entries import Entry
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList
from genesis.exchange.gateway import (
    Accepted,
    CancelOutcome,
    Found,
    NoAnswer,
    NotFound,
    NotOpen,
    QueryOutcome,
)
from genesis.units import Nanos


class Commit(msgspec.Struct, frozen=True):
    """Make these entries durable."""

    entries: tuple[Entry, ...]


class SubmitOrder(msgspec.Struct, frozen=True):
    """Send an approved order, signed with the venue time that the journal holds.

    `send_before` (engine clock) is when the signature has grown too old to be sent: then nothing is
    sent, and the outcome says so.
    """

    order: ApprovedOrder
    timestamp_ms: int
    receive_window_ms: int
    send_before: Nanos


class SubmitOrderList(msgspec.Struct, frozen=True):
    """Send an approved stop and target as one list; else as `SubmitOrder`."""

    order_list: ApprovedOrderList
    timestamp_ms: int
    receive_window_ms: int
    send_before: Nanos


class CancelOrderList(msgspec.Struct, frozen=True):
    """Ask the venue to cancel a stop and its target; repeating it is harmless."""

    symbol: str
    list_client_order_id: str
    legs: tuple[str, ...]


class CancelOrder(msgspec.Struct, frozen=True):
    """Ask the venue to cancel; repeating it is harmless."""

    symbol: str
    client_order_id: str


class QueryOrder(msgspec.Struct, frozen=True):
    """Ask the venue's clock, and only then for the order: the order of the two reads is the proof.

    With `cancel_first`, cancel by client order id before the query: the cancel is answered by the
    matching engine itself, so nothing found after it is final.
    """

    symbol: str
    client_order_id: str
    cancel_first: bool


class FetchTrades(msgspec.Struct, frozen=True):
    """Fetch our trades of one order, to complete its fills."""

    symbol: str
    venue_order_id: int


class Reconcile(msgspec.Struct, frozen=True):
    """Fetch the venue's clock, then open orders, trades and last the balances.

    `trades_from` names the first trade id wanted of each symbol, `orders_from` the time from which
    all orders of a symbol are wanted, open or not. `movements` is what the ledger had booked when
    the question was put: balances prove nothing against a ledger that has moved on.
    """

    trades_from: tuple[tuple[str, int], ...]
    orders_from: tuple[tuple[str, Nanos], ...]
    movements: int


class FetchInstruments(msgspec.Struct, frozen=True):
    """Fetch the rules of these symbols, as the venue lists them now."""

    symbols: tuple[str, ...]


class TryOrder(msgspec.Struct, frozen=True):
    """Ask the venue whether it would take an order, which is not placed and not journaled."""

    order: ApprovedOrder


class SearchTrades(msgspec.Struct, frozen=True):
    """Fetch the account's trades of a symbol, ours or not, made since a time (the venue's)."""

    symbol: str
    since: Nanos


class Tell(msgspec.Struct, frozen=True):
    """Publish a report to the strategy's worker."""

    report: OrderReport


class Announce(msgspec.Struct, frozen=True):
    """Log one fact: `event` in snake_case past tense, with its fields."""

    event: str
    fields: dict[str, str | int | float]
    severity: Literal["info", "warning", "error"] = "info"


Question: TypeAlias = (
    CancelOrder
    | CancelOrderList
    | QueryOrder
    | FetchTrades
    | FetchInstruments
    | SearchTrades
    | TryOrder
)
"""What is asked as soon as it is wanted, several at once if need be; whole views take turns."""

Effect: TypeAlias = Commit | SubmitOrder | SubmitOrderList | Question | Reconcile | Tell | Announce


class EffectGroup:
    """Effects that are carried out together: all their entries first, then everything else.

    One commit for many effects is what makes durability affordable; that nothing of a group leaves
    the process before all of its entries are durable is what makes it safe.
    """

    __slots__ = ("actions", "entries")

    def __init__(self, effects: Iterable[Effect]) -> None:
        self.entries: list[Entry] = []
        self.actions: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Commit):
                self.entries.extend(effect.entries)
            else:
                self.actions.append(effect)


def answer_behind_cancel(canceled: CancelOutcome, found: QueryOutcome) -> QueryOutcome:
    """Return what a cancel and the query after it say of an order together.

    The cancel is the matching engine's word: if it ended the order, that is the answer, whatever a
    lagging query says. A cancel that was not answered proves nothing, and so neither does a "not
    found" behind it.
    """
    if isinstance(canceled, Accepted):
        return Found(canceled.report)
    if isinstance(found, NotFound) and not isinstance(canceled, NotOpen):
        return NoAnswer("the cancel before the query was not answered")
    return found
