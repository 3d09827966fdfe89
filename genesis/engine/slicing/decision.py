"""What a parent order does next: place a child, wait, or end. Pure.

Every quantity comes from booked fills and from what working children may still fill, an order in
doubt counting whole. So a decision made again after a crash never adds up to more than the parent.
"""

from typing import Final, NamedTuple, TypeAlias

from genesis.domain.instruments import Instrument
from genesis.domain.market import DepthLevel, Quote
from genesis.domain.orders import Side, TimeInForce
from genesis.engine.slicing.parent import ParentOrder
from genesis.engine.slicing.schedule import Algorithm
from genesis.units import SCALE, Amount, Nanos, Price, Quantity, text_from_fixed


class Sight(NamedTuple):
    """What is known of the market and of the parent's children at a decision.

    `levels` is the far side of the book, best first, empty if it is not known. `working` is what
    live children may still fill. `allowance` is what the participation limit still permits (None:
    no such limit), `child_max` the largest notional of one order.
    """

    instrument: Instrument
    quote: Quote
    levels: list[DepthLevel]
    working: Quantity
    allowance: Quantity | None
    child_max: Amount


class Child(NamedTuple):
    """Place a child of this quantity."""

    quantity: Quantity
    price: Price
    time_in_force: TimeInForce


class Wait(NamedTuple):
    """Do nothing now; `why` is a limit that holds the parent back, or empty."""

    why: str = ""


class End(NamedTuple):
    """Place nothing more, and let go of what still works."""

    why: str


Decision: TypeAlias = Child | Wait | End

FILLED = "filled"
_BASIS_POINTS: Final = 10_000
_ROOM_BPS: Final = 10


def decide(parent: ParentOrder, sight: Sight, now: Nanos) -> Decision:
    """Say what a parent does next. Total: any sight of the market gives a decision."""
    end = _reason_to_end(parent, sight, now)
    if end:
        return End(end)
    if parent.plan.algorithm is Algorithm.ICEBERG:
        return _show_clip(parent, sight)
    return _take(parent, sight, now)


def smallest_child(instrument: Instrument, price: Price) -> Quantity:
    """Return the smallest quantity that the venue takes at a price."""
    step = max(1, instrument.step_size)
    least = max(instrument.min_quantity, -(-instrument.min_notional * SCALE // price), 1)
    return least + -least % step


def _reason_to_end(parent: ParentOrder, sight: Sight, now: Nanos) -> str:
    if parent.filled_quantity >= parent.quantity:
        return FILLED
    plan, touch = parent.plan, _touch(parent.side, sight.quote)
    if plan.slippage_bps:
        average = parent.average_price
        for name, price in (("average", average), ("market", touch)):
            if price and parent.is_beyond(price, plan.slippage_bps):
                return (
                    f"slippage: {name} {text_from_fixed(price)} is more than {plan.slippage_bps} "
                    f"bps from arrival {text_from_fixed(parent.arrival_price)}"
                )
    missing = text_from_fixed(parent.quantity - parent.filled_quantity)
    if now >= parent.opened_at + plan.duration + plan.patience:
        return f"timed out, {missing} missing"
    rest = parent.unplaced(sight.working)
    if not sight.working and rest < smallest_child(sight.instrument, touch):
        return f"filled but for {missing}, less than the venue takes"
    return ""


def _show_clip(parent: ParentOrder, sight: Sight) -> Decision:
    """Rest one visible clip at the near touch, or at the limit price, and refresh it when it fills.

    A clip that was not filled in time is canceled by its own expiry; the next one joins the touch
    of its time.
    """
    if sight.working:
        return Wait()
    near = sight.quote.bid_price if parent.side is Side.BUY else sight.quote.ask_price
    price = parent.plan.limit_price or near
    if parent.price_cap:
        better = min if parent.side is Side.BUY else max
        price = better(price, parent.price_cap)
    smallest = smallest_child(sight.instrument, price)
    wanted = max(parent.plan.visible, smallest)
    return _child(parent, sight, wanted, price, TimeInForce.GTC)


def _take(parent: ParentOrder, sight: Sight, now: Nanos) -> Decision:
    """Take what is due from the far side of the book, no deeper than the price cap."""
    behind = parent.due(now) - parent.filled_quantity - sight.working
    if behind <= 0:
        return Wait()
    touch = _touch(parent.side, sight.quote)
    cap = parent.price_cap
    if cap and (touch - cap) * parent.side > 0:
        return Wait(f"impact limit: the market is at {text_from_fixed(touch)}, beyond {cap}")
    price, available = _reach(parent, sight, behind)
    limit = _limit_price(parent, sight, price)
    child = _child(parent, sight, min(behind, available), limit, TimeInForce.IOC)
    if isinstance(child, Wait) and not child.why and available < behind:
        return Wait("impact limit: too little depth within it")
    return child


def _child(
    parent: ParentOrder,
    sight: Sight,
    wanted: Quantity,
    price: Price,
    time_in_force: TimeInForce,
) -> Child | Wait:
    """Cut a quantity to every limit; wait where what is left is less than the venue takes.

    A rest too small to be placed is never left behind: the child before it leaves enough.
    """
    instrument, rest = sight.instrument, parent.unplaced(sight.working)
    allowed = rest if sight.allowance is None else min(rest, sight.allowance)
    most = min(
        allowed, sight.child_max * SCALE // price, instrument.largest_quantity(is_market=False)
    )
    smallest = smallest_child(instrument, price)
    quantity = instrument.floor_quantity(min(wanted, most))
    if 0 < rest - quantity < smallest:
        whole = instrument.floor_quantity(rest)
        quantity = whole if whole <= most else instrument.floor_quantity(rest - smallest)
    if quantity >= smallest:
        return Child(quantity, price, time_in_force)
    is_held = sight.allowance is not None and sight.allowance < min(wanted, rest)
    return Wait("participation limit" if is_held else "")


def _reach(parent: ParentOrder, sight: Sight, wanted: Quantity) -> tuple[Price, Quantity]:
    """Return the price that fetches `wanted` within the cap, and how much there is up to it.

    A book that is not known, or stands behind the quote, is taken at the touch.
    """
    touch, side, cap = _touch(parent.side, sight.quote), parent.side, parent.price_cap
    price, available = touch, 0
    for level in sight.levels:
        if cap and (level.price - cap) * side > 0:
            break
        available += level.quantity
        if (level.price - price) * side > 0:
            price = level.price
        if available >= wanted:
            break
    touch_quantity = sight.quote.ask_quantity if side is Side.BUY else sight.quote.bid_quantity
    return price, max(available, touch_quantity)


def _limit_price(parent: ParentOrder, sight: Sight, reach: Price) -> Price:
    """Return what a child may pay: some room beyond what it needs now, and never past the cap.

    A book that moves under it is taken all the same.
    """
    touch, side, cap = _touch(parent.side, sight.quote), parent.side, parent.price_cap
    limit = touch + side * touch * _ROOM_BPS // _BASIS_POINTS
    limit = (
        max(reach, sight.instrument.floor_price(limit))
        if side is Side.BUY
        else min(reach, sight.instrument.ceil_price(limit))
    )
    if not cap:
        return limit
    return min(limit, cap) if side is Side.BUY else max(limit, cap)


def _touch(side: Side, quote: Quote) -> Price:
    return quote.ask_price if side is Side.BUY else quote.bid_price
