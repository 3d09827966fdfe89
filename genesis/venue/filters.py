"""The symbol filters an order must pass, tested in the order the venue lists them (section 9).

Only the first failure is reported, as on the live venue. All remainders are of scaled integers.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from genesis.domain.orders import OrderType
from genesis.units import SCALE, Price, notional
from genesis.venue.listing import (
    MAX_NOTIONAL,
    MAX_NUM_ALGO_ORDERS,
    MAX_NUM_ORDER_LISTS,
    MAX_NUM_ORDERS,
    MULTIPLIER_DOWN,
    MULTIPLIER_UP,
    Listing,
)
from genesis.venue.orders import NewOrder
from genesis.venue.refusals import filter_failure


class FilterContext(msgspec.Struct, frozen=True):
    """What filters look at beside the order.

    `reference_price` is the average price of the last minutes, 0 when nothing traded yet: then the
    percent filter has nothing to compare with and passes. `algo_orders` are the conditional ones of
    the open orders. `open_lists` counts for a leg of a new list, and is None for any other order.
    """

    reference_price: Price
    open_orders: int
    algo_orders: int = 0
    open_lists: int | None = None


def check_filters(order: NewOrder, listing: Listing, context: FilterContext) -> None:
    """Refuse an order that breaks a filter.

    A market order by quote amount has no quantity yet; its lot filters are met by construction.

    Raises:
        Refused: With code -1013 and the first failing filter's name.
    """
    for name, passes in _FILTERS:
        if not passes(order, listing, context):
            raise filter_failure(name)


def _price_fits(order: NewOrder, listing: Listing, _: FilterContext) -> bool:
    prices = [] if order.order_type.trades_at_market else [order.price]
    prices += [order.stop_price] if order.order_type.is_conditional else []
    tick_size = listing.tick_size
    return all(
        tick_size <= price <= listing.max_price and price % tick_size == 0 for price in prices
    )


def _quantity_fits(order: NewOrder, listing: Listing, _: FilterContext) -> bool:
    if order.quote_quantity:
        return True
    quantity, step_size = order.quantity, listing.step_size
    return step_size <= quantity <= listing.max_quantity and quantity % step_size == 0


def _market_quantity_fits(order: NewOrder, listing: Listing, _: FilterContext) -> bool:
    is_market = order.order_type.trades_at_market
    return not is_market or order.quantity <= listing.market_max_quantity


def _price_is_near(order: NewOrder, _: Listing, context: FilterContext) -> bool:
    """Tell whether a limit price lies within the multipliers, which are the same for both sides."""
    if order.order_type.trades_at_market or context.reference_price == 0:
        return True
    scaled, reference = order.price * SCALE, context.reference_price
    return reference * MULTIPLIER_DOWN <= scaled <= reference * MULTIPLIER_UP


def _notional_fits(order: NewOrder, listing: Listing, context: FilterContext) -> bool:
    """Tell whether an order is worth enough, and a limit order not too much.

    A stop that will trade at the market is worth what its stop price makes it. The maximum does not
    hold for market orders (applyMaxToMarket false).
    """
    if order.order_type is not OrderType.MARKET:
        worth = notional(order.price or order.stop_price, order.quantity)
        return listing.min_notional <= worth <= MAX_NOTIONAL
    if order.quote_quantity:
        return order.quote_quantity >= listing.min_notional
    if context.reference_price == 0:
        return True
    return notional(context.reference_price, order.quantity) >= listing.min_notional


def _has_room(_: NewOrder, _listing: Listing, context: FilterContext) -> bool:
    return context.open_orders < MAX_NUM_ORDERS


def _has_room_for_list(_: NewOrder, _listing: Listing, context: FilterContext) -> bool:
    return context.open_lists is None or context.open_lists < MAX_NUM_ORDER_LISTS


def _has_algo_room(order: NewOrder, _listing: Listing, context: FilterContext) -> bool:
    return not order.order_type.is_conditional or context.algo_orders < MAX_NUM_ALGO_ORDERS


_FILTERS: Final[tuple[tuple[str, Callable[[NewOrder, Listing, FilterContext], bool]], ...]] = (
    ("PRICE_FILTER", _price_fits),
    ("LOT_SIZE", _quantity_fits),
    ("MARKET_LOT_SIZE", _market_quantity_fits),
    ("PERCENT_PRICE_BY_SIDE", _price_is_near),
    ("NOTIONAL", _notional_fits),
    ("MAX_NUM_ORDERS", _has_room),
    ("MAX_NUM_ORDER_LISTS", _has_room_for_list),
    ("MAX_NUM_ALGO_ORDERS", _has_algo_room),
)
