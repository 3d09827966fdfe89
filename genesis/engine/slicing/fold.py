"""Parent orders as a fold over the journal: opened, traded by their children, ended. Pure."""

from genesis.domain.child_names import place_of
from genesis.domain.orders import Fill
from genesis.engine.entries import ParentEnded, ParentOpened
from genesis.engine.ledger_state import LedgerState
from genesis.engine.order import Order
from genesis.engine.slicing.parent import ParentOrder
from genesis.limits import PARENTS_KEPT
from genesis.units import Nanos, Quantity


def apply_parent(state: LedgerState, entry: ParentOpened | ParentEnded) -> None:
    """Fold in that a parent was opened or has ended."""
    if isinstance(entry, ParentOpened):
        state.parents_opened = max(state.parents_opened, entry.number)
        state.parents[entry.number] = ParentOrder(
            number=entry.number,
            strategy_number=entry.strategy_number,
            strategy_id=entry.strategy_id,
            symbol=entry.symbol,
            side=entry.side,
            quantity=entry.quantity,
            plan=entry.plan,
            arrival_price=entry.arrival_price,
            price_cap=entry.price_cap,
            opened_at=entry.at,
            signal=entry.signal,
            stop_price=entry.stop_price,
            target_price=entry.target_price,
        )
        return
    parent = state.parents.pop(entry.number)
    parent.end = entry.reason
    parent.ended_at = entry.at
    state.ended_parents[entry.number] = parent
    while len(state.ended_parents) > PARENTS_KEPT:
        del state.ended_parents[next(iter(state.ended_parents))]


def note_child(state: LedgerState, order: Order) -> None:
    """Take note that a child was prepared: the next one takes the place behind it."""
    parent = state.parents.get(order.parent)
    if parent is not None:
        parent.children = max(parent.children, place_of(order.signal.sequence))


def book_child_fill(state: LedgerState, order: Order, fill: Fill, at: Nanos) -> None:
    """Book a fill to the parent of its order, ended or not; one long forgotten is left alone."""
    parent = find_parent(state, order.parent)
    if parent is not None:
        parent.book(fill, at)


def find_parent(state: LedgerState, number: int) -> ParentOrder | None:
    """Return a parent that is worked, or ended not long ago."""
    return state.parents.get(number) or state.ended_parents.get(number)


def working_of_parent(state: LedgerState, number: int) -> Quantity:
    """Return what a parent's live children may still fill; one in doubt counts whole."""
    return sum(
        order.working_quantity for order in state.live_orders.values() if order.parent == number
    )
