"""What parents have yet to place: risk keeps it reserved as if it were working already. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from genesis.domain.child_names import parent_of
from genesis.domain.order_ids import decode_order_id
from genesis.domain.orders import OrderIntent, Side
from genesis.engine.ledger_state import LedgerState
from genesis.engine.slicing.fold import working_of_parent
from genesis.units import Amount, Quantity, notional


class Claim(NamedTuple):
    """One parent's rest: a quantity to buy or to sell, and what buying it may cost."""

    strategy_id: str
    symbol: str
    entry: Quantity
    exit: Quantity
    reserved: Amount

    def is_of(self, strategy_id: str, symbol: str) -> bool:
        """Tell whether it is a strategy's in an instrument."""
        return self.strategy_id == strategy_id and self.symbol == symbol


def claims(state: LedgerState, intent: OrderIntent | None = None) -> Iterator[Claim]:
    """Yield what each parent has yet to place, beside an intent that is being judged.

    An intent that is a child takes its part over from its parent, so that the two together are
    never more than was approved.
    """
    if not state.parents:
        return
    child_of = parent_of_intent(intent) if intent is not None else 0
    for parent in state.parents.values():
        rest = parent.unplaced(working_of_parent(state, parent.number))
        if intent is not None and parent.number == child_of:
            rest = max(0, rest - intent.quantity)
        entry, exit_ = (rest, 0) if parent.side is Side.BUY else (0, rest)
        cost = notional(parent.reservation_price, entry)
        yield Claim(parent.strategy_id, parent.symbol, entry, exit_, cost)


def parent_of_intent(intent: OrderIntent) -> int:
    """Return the parent that an intent is a child of, 0 if it is an order of its own."""
    name = decode_order_id(intent.client_order_id)
    return 0 if name is None else parent_of(name.strategy_number, name.sequence)
