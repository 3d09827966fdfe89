"""One order of ours, as the ledger holds it: what was asked, where it is, what has filled."""

from typing import Final

import msgspec

from genesis.domain.child_names import CHILD_NUMBERS_FROM, parent_of
from genesis.domain.orders import TERMINAL_STATES, OrderIntent, OrderState
from genesis.engine.entries import SignalId
from genesis.units import Amount, Nanos, Price, Quantity

_ENDED_FROM: Final = OrderState.FILLED
assert {state for state in OrderState if state >= _ENDED_FROM} == TERMINAL_STATES, (
    "terminal states have the highest numbers, which is quicker to tell than a set"
)

_IN_FLIGHT: Final = frozenset(
    {OrderState.PREPARED, OrderState.OUTCOME_UNKNOWN, OrderState.PENDING_CANCEL}
)


class Order(msgspec.Struct, gc=False, kw_only=True):
    """One order of ours, from PREPARED to the end of its fills.

    `filled_quantity` is what the venue says in total, `booked_quantity` and `booked_amount` what
    its trades with ids add up to. Until the two quantities agree, fills are missing. `leg` and
    `order_list` are those of `OrderPrepared`.
    """

    signal: SignalId
    attempt: int
    intent: OrderIntent
    base_asset: str
    quote_asset: str
    timestamp_ms: int
    receive_window_ms: int
    signal_at: Nanos
    prepared_at: Nanos
    moved_at: Nanos
    step_size: Quantity = 0
    state: OrderState = OrderState.PREPARED
    venue_order_id: int = 0
    filled_quantity: Quantity = 0
    booked_quantity: Quantity = 0
    booked_amount: Amount = 0
    booked_trades: set[int] = msgspec.field(default_factory=set)
    reason: str = ""
    leg: int = 0
    order_list: str = ""

    @property
    def is_protective(self) -> bool:
        """Tell whether the order is a part of a position's protection, and no strategy's wish."""
        return self.leg != 0

    @property
    def is_in_flight(self) -> bool:
        """Tell whether an answer is due that says what became of a request about this order."""
        return self.state in _IN_FLIGHT

    @property
    def is_child(self) -> bool:
        """Tell whether a parent is worked by it."""
        return self.signal.strategy_number >= CHILD_NUMBERS_FROM

    @property
    def parent(self) -> int:
        """Return the number of the parent that this is a child of, 0 for an order of its own."""
        return parent_of(self.signal.strategy_number, self.signal.sequence)

    @property
    def stop_price(self) -> Price:
        """Return the price at which its lots are to be sold at a loss, 0 for none."""
        return self.intent.stop_price

    @property
    def is_terminal(self) -> bool:
        """Tell whether the order can no longer fill."""
        return self.state >= _ENDED_FROM

    @property
    def misses_fills(self) -> bool:
        """Tell whether the venue has reported more filled than trades have been booked."""
        return self.booked_quantity < self.filled_quantity

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing more is to come of this order."""
        return self.state >= _ENDED_FROM and self.booked_quantity >= self.filled_quantity

    @property
    def working_quantity(self) -> Quantity:
        """Return what may still fill, which risk keeps reserved.

        An order in doubt counts whole; so do fills that are reported but not yet booked.
        """
        if self.is_terminal:
            return max(0, self.filled_quantity - self.booked_quantity)
        return self.intent.quantity - self.booked_quantity

    @property
    def is_in_doubt(self) -> bool:
        """Tell whether it is unknown if the order exists at the venue."""
        return self.state is OrderState.OUTCOME_UNKNOWN
