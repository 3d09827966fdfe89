"""A parent order as the ledger remembers it: folded from its own entries and its children's."""

import msgspec

from genesis.domain.orders import Fill, Side
from genesis.engine.entries import SignalId
from genesis.engine.slicing.schedule import SlicePlan, due_quantity
from genesis.units import SCALE, Amount, Nanos, Price, Quantity

_BASIS_POINTS = 10_000


class ParentOrder(msgspec.Struct, gc=False, kw_only=True):
    """One parent order, from its approval to its last child's last fill.

    `arrival_price` is the middle of the market when it was opened, `price_cap` the worst price its
    children may pay (0: any). `filled_*` are what the booked fills of its children add up to.
    `schedule_error` is the largest distance between what had traded and what was due, seen at its
    fills, just before and just after each. `signal` is the wish behind it, None for a person's.
    `end` says why it ended; it is empty until then.
    """

    number: int
    strategy_number: int
    strategy_id: str
    symbol: str
    side: Side
    quantity: Quantity
    plan: SlicePlan
    arrival_price: Price
    price_cap: Price
    opened_at: Nanos
    signal: SignalId | None = None
    stop_price: Price = 0
    target_price: Price = 0
    children: int = 0
    filled_quantity: Quantity = 0
    filled_amount: Amount = 0
    schedule_error: Quantity = 0
    end: str = ""
    ended_at: Nanos = 0

    @property
    def reservation_price(self) -> Price:
        """Return the price at which what is not yet placed is reserved."""
        return self.price_cap or self.arrival_price

    @property
    def average_price(self) -> Price:
        """Return what a unit has cost so far, 0 before the first fill."""
        return self.filled_amount * SCALE // self.filled_quantity if self.filled_quantity else 0

    @property
    def slippage_bps(self) -> float:
        """Return how much worse than the arrival price the average is, in 0.01 %; a figure only."""
        if not self.filled_quantity:
            return 0.0
        worse = (self.average_price - self.arrival_price) * self.side
        return worse * _BASIS_POINTS / self.arrival_price

    def due(self, at: Nanos) -> Quantity:
        """Return how much ought to have traded by a time."""
        return due_quantity(self.plan, self.quantity, at - self.opened_at)

    def unplaced(self, working: Quantity) -> Quantity:
        """Return what no child has taken on yet, with this much in its working children.

        An ended parent places nothing more.
        """
        return 0 if self.end else max(0, self.quantity - self.filled_quantity - working)

    def is_beyond(self, price: Price, bps: int) -> bool:
        """Tell whether a price is worse than the arrival price by more than this."""
        worse = (price - self.arrival_price) * self.side
        return worse * _BASIS_POINTS > bps * self.arrival_price

    def book(self, fill: Fill, at: Nanos) -> None:
        """Fold in one fill of a child."""
        before = self.filled_quantity
        self.filled_quantity += fill.quantity
        self.filled_amount += fill.quote_amount
        if self.plan.has_schedule and not self.end:
            due = self.due(at)
            apart = max(abs(due - before), abs(due - self.filled_quantity))
            self.schedule_error = max(self.schedule_error, apart)
