"""What one position needs next, so that it always has a live stop at the venue. Pure.

The wanted state is one stop (and a target, where the entry named one) over all lots that are held.
The venue locks the lots of an open sale, so what is live is let go of before anything else may sell
them. Steps are taken one at a time, each from what the ledger holds:

1. *cancel* what is live, if it no longer fits: it stays live, and the position covered, until the
   venue has said how it ended;
2. with nothing live and nothing in flight, *place* what is wanted, or, where an exit waits, *sell*.

A crash between any two of them is harmless. Before the cancel is heard of, the old orders stand at
the venue and in the journal. Behind it the journal holds no live order, so the next life places
what is wanted. A placement is in the journal before it is sent: what became of it is asked behind
the time fence, and nothing else is placed before that is known. So there never are two that could
sell the same lots, and no step depends on the memory of a process.
"""

import enum
from collections.abc import Collection
from typing import Final, TypeAlias

import msgspec

from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.order_ids import LEG_STOP, LEG_TARGET
from genesis.domain.positions import Position
from genesis.engine.ledger_state import ProtectionPlan
from genesis.engine.order import Order
from genesis.limits import PRICED_SALES_MAX
from genesis.units import NANOS_PER_SECOND, Nanos, Price, Quantity

BASIS_POINTS: Final = 10_000
ORDERS_PER_PAIR: Final = 2
"""As the venue counts a stop and its target."""
EVERYTHING_SOLD: Final = "everything is sold"


class ProtectionRules(msgspec.Struct, frozen=True, kw_only=True):
    """How positions are protected where the strategy does not say.

    `stop_bps` is how far a default stop is below what the lots have cost. With `trailing_bps` a
    stop follows the bid at that distance, in steps of `trailing_step_bps`, and never falls. With
    `hold_max` a position is sold that long after its last entry. 0 switches either off.
    When all is sold, a bid no older than `data_age_max` says at which price: no more than
    `sale_collar_bps` below it.
    """

    stop_bps: int = 200
    trailing_bps: int = 0
    trailing_step_bps: int = 10
    hold_max: Nanos = 0
    data_age_max: Nanos = 2 * NANOS_PER_SECOND
    sale_collar_bps: int = 500

    def lowest_price(self, bid_price: Price) -> Price:
        """Return for how little lots are sold when all are sold, at this bid."""
        return bid_price - bid_price * self.sale_collar_bps // BASIS_POINTS


class Goal(enum.Enum):
    """What is wanted of a position.

    STOPPED: a live stop over all its lots. BARE: nothing of ours at the venue. SOLD: all its lots
    sold, as far as the venue takes them.
    """

    STOPPED = "stopped"
    BARE = "bare"
    SOLD = "sold"

    @property
    def reason(self) -> str:
        """Return why an exit that a strategy wished for is not sent."""
        return f"every position is to be {self.value}"


class Cover(enum.Enum):
    """How a position stands.

    DUST: too little for the venue to sell, which no order can protect. EXITING: what could be
    protected is being sold, and lots that are for sale have no room for a stop.
    """

    FLAT = "flat"
    DUST = "dust"
    COVERED = "covered"
    EXITING = "exiting"
    UNCOVERED = "uncovered"


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """One position and all that is known of it.

    `protective` are its unsettled orders of protection. `is_filling`: an entry that cannot rest is
    about to end, so that its fills are all but complete. `selling` are the lots of its strategy's
    working exits. `exit_waits`: one waits for the lots. `was_refused`: the venue refused the last
    pair. `sales_in_vain` are the last sales that sold nothing.
    """

    instrument: Instrument
    position: Position
    plan: ProtectionPlan | None
    quote: Quote | None
    protective: Collection[Order]
    is_filling: bool = False
    selling: Quantity = 0
    exit_waits: bool = False
    was_refused: bool = False
    goal: Goal = Goal.STOPPED
    sales_in_vain: int = 0

    @property
    def lots(self) -> Quantity:
        """Return what no exit sells already, in whole steps."""
        return self.instrument.floor_quantity(max(0, self.position.quantity - self.selling))


class Keep(msgspec.Struct, frozen=True):
    """All is as wanted, or an answer is due that will tell more."""


class CancelProtection(msgspec.Struct, frozen=True):
    """Have the venue let go of the lots."""


class PlaceProtection(msgspec.Struct, frozen=True):
    """Place a stop over these lots, and a target if it is not 0."""

    quantity: Quantity
    stop_price: Price
    target_price: Price


class SellNow(msgspec.Struct, frozen=True):
    """Sell these lots at once: an end of the position has been reached already.

    For no less than `limit_price`; 0 for whatever the market gives.
    """

    quantity: Quantity
    reason: str
    limit_price: Price = 0


class SendExit(msgspec.Struct, frozen=True):
    """The lots are free: send the exit that waits for them."""


Step: TypeAlias = Keep | CancelProtection | PlaceProtection | SellNow | SendExit


def next_step(holding: Holding, rules: ProtectionRules, now: Nanos) -> Step:
    """Return what to do for a position now."""
    protective = holding.protective
    if any(order.is_in_flight or order.is_terminal for order in protective):
        return Keep()  # of those that have ended, fills are missing
    if any(not _is_conditional_or_target(order) for order in protective):
        return Keep()  # it is being sold
    if protective:
        return Keep() if _fits(holding, rules, now) else CancelProtection()
    if holding.goal is not Goal.STOPPED:
        return _closing_step(holding, rules, now)
    if holding.exit_waits:
        return SendExit()
    is_ready = not (holding.is_filling or is_dust(holding, rules))
    return _open_step(holding, rules, now) if is_ready else Keep()


def cover_of(holding: Holding, rules: ProtectionRules) -> Cover:
    """Tell how a position stands at the venue, as far as we know."""
    if holding.position.quantity <= 0:
        return Cover.FLAT
    if is_dust(holding, rules):
        return Cover.EXITING if holding.selling else Cover.DUST
    if _covered_quantity(holding) >= _coverable(holding):
        return Cover.COVERED
    is_sold = any(not _is_conditional_or_target(order) for order in holding.protective)
    return Cover.EXITING if is_sold else Cover.UNCOVERED


def is_dust(holding: Holding, rules: ProtectionRules) -> bool:
    """Tell whether a position is too small for a stop: at its price the venue would not take it.

    One that is to be sold is valued at the market, as `is_unsellable` says.
    """
    if holding.goal is Goal.SOLD:
        return is_unsellable(holding.instrument, holding.position, holding.lots, holding.quote)
    return not holding.instrument.is_sellable(stop_of(holding, rules), holding.lots)


def is_unsellable(
    instrument: Instrument, position: Position, lots: Quantity, quote: Quote | None
) -> bool:
    """Tell whether the venue takes no sale of these lots, valued at the last bid that was heard.

    Where none was heard, they are valued at what they have cost.
    """
    price = position.average_entry_price if quote is None else quote.bid_price
    return not instrument.is_sellable(price, lots)


def stop_of(holding: Holding, rules: ProtectionRules) -> Price:
    """Return where the position's stop belongs."""
    plan, instrument = holding.plan, holding.instrument
    stop = plan.stop_price if plan is not None else 0
    if not stop:
        cost = holding.position.average_entry_price
        stop = cost - cost * rules.stop_bps // BASIS_POINTS
    if rules.trailing_bps and holding.quote is not None:
        bid = holding.quote.bid_price
        trailed = bid - bid * rules.trailing_bps // BASIS_POINTS
        if (trailed - stop) * BASIS_POINTS >= stop * rules.trailing_step_bps:
            stop = trailed
    return max(instrument.tick_size, instrument.floor_price(stop))


def _fits(holding: Holding, rules: ProtectionRules, now: Nanos) -> bool:
    """Tell whether what is live is what is wanted."""
    is_wanted = holding.goal is Goal.STOPPED and not holding.exit_waits
    if not is_wanted or _is_held_too_long(holding, rules, now):
        return False
    stop = next((order for order in holding.protective if order.leg == LEG_STOP), None)
    if stop is None:
        return False  # a target that has traded in part, and taken its stop away
    if stop.booked_quantity:
        return True  # it was triggered: what it leaves, if anything, is seen when it has ended
    if holding.is_filling and stop.working_quantity < holding.lots:
        return True  # the rest of the entry is a moment away
    if stop.working_quantity != _coverable(holding):
        return False
    return stop.intent.trigger_price >= stop_of(holding, rules)


def _closing_step(holding: Holding, rules: ProtectionRules, now: Nanos) -> Step:
    """Return what to do for a position without live protection that is not to be held on to.

    Only lots that no other order may sell are for sale: one that works, or is in doubt, has its
    end first. What they are sold for is bounded, so that an empty book does not give them away, as
    long as the market is heard and has lately taken something at such a price.
    """
    if holding.goal is Goal.BARE:
        return Keep()
    if is_unsellable(holding.instrument, holding.position, holding.lots, holding.quote):
        return Keep()
    quote, limit_price = holding.quote, 0
    if quote is not None and now - quote.received_at <= rules.data_age_max:
        limit_price = holding.instrument.floor_price(rules.lowest_price(quote.bid_price))
    if holding.sales_in_vain >= PRICED_SALES_MAX:
        limit_price = 0
    return SellNow(_coverable(holding), EVERYTHING_SOLD, limit_price)


def _open_step(holding: Holding, rules: ProtectionRules, now: Nanos) -> Step:
    """Return how to protect a position of which nothing is on its way."""
    quantity = _coverable(holding)
    stop = stop_of(holding, rules)
    target = holding.plan.target_price if holding.plan is not None else 0
    target = holding.instrument.ceil_price(target)
    if _is_held_too_long(holding, rules, now):
        return SellNow(quantity, "held for its longest time")
    if holding.quote is not None:
        if holding.quote.bid_price <= stop:
            return SellNow(quantity, "the market is at the stop")
        if target and holding.quote.bid_price >= target:
            return SellNow(quantity, "the market is at the target")
    has_target = target > stop and not holding.was_refused
    return PlaceProtection(quantity, stop, target if has_target else 0)


def _is_held_too_long(holding: Holding, rules: ProtectionRules, now: Nanos) -> bool:
    plan = holding.plan
    return bool(rules.hold_max) and plan is not None and now - plan.opened_at >= rules.hold_max


def _coverable(holding: Holding) -> Quantity:
    """Return the lots that one stop may sell: all of them, but no more than the venue takes."""
    return min(holding.lots, holding.instrument.largest_quantity(is_market=True))


def _covered_quantity(holding: Holding) -> Quantity:
    """Return the lots behind stops that the venue has taken, and that nobody has begun to cancel.

    One whose cancel is under way counts until it has ended: it is still there.
    """
    return sum(
        order.working_quantity
        for order in holding.protective
        if order.leg == LEG_STOP
        and order.venue_order_id
        and order.intent.order_type.is_conditional
        and not order.is_terminal
    )


def _is_conditional_or_target(order: Order) -> bool:
    return order.leg == LEG_TARGET or order.intent.order_type.is_conditional
