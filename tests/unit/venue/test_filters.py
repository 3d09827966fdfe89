"""`genesis.venue.filters`: what passes, what fails, and which failure is told."""

import pytest

from genesis.domain.orders import Side
from genesis.venue.filters import FilterContext, check_filters
from genesis.venue.listing import LISTINGS
from genesis.venue.orders import NewOrder
from genesis.venue.refusals import Refused
from tests.support.venue import fixed, wish, wish_by_amount

LISTING = LISTINGS["BTCUSDT"]
REFERENCE = fixed("60000")


@pytest.mark.parametrize(
    "order",
    [
        wish(Side.BUY, "0.00009", "60000"),
        wish(Side.BUY, "1", "300000"),
        wish(Side.SELL, "1", "12000"),
        wish(Side.BUY, "141.67845"),
        wish(Side.SELL, "0.0001"),
        wish_by_amount(Side.BUY, "5"),
        wish_by_amount(Side.BUY, "5.00000001"),
    ],
)
def test_orders_within_every_filter_pass(order: NewOrder) -> None:
    """The bounds themselves are inside."""
    check_filters(order, LISTING, FilterContext(REFERENCE, 199))


@pytest.mark.parametrize(
    ("order", "name"),
    [
        (wish(Side.BUY, "1", "60000.005"), "PRICE_FILTER"),
        (wish(Side.BUY, "1", "1000000.01"), "PRICE_FILTER"),
        (wish(Side.BUY, "1", "0"), "PRICE_FILTER"),
        (wish(Side.BUY, "0.000011", "60000"), "LOT_SIZE"),
        (wish(Side.BUY, "9000.00001", "60000"), "LOT_SIZE"),
        (wish(Side.SELL, "141.67846"), "MARKET_LOT_SIZE"),
        (wish(Side.BUY, "1", "300000.01"), "PERCENT_PRICE_BY_SIDE"),
        (wish(Side.SELL, "1", "11999.99"), "PERCENT_PRICE_BY_SIDE"),
        (wish(Side.BUY, "0.00008", "60000"), "NOTIONAL"),
        (wish(Side.BUY, "151", "60000"), "NOTIONAL"),
        (wish(Side.SELL, "0.00008"), "NOTIONAL"),
        (wish_by_amount(Side.BUY, "4.99"), "NOTIONAL"),
    ],
)
def test_the_failing_filter_is_named(order: NewOrder, name: str) -> None:
    """-1013 with the filter's name."""
    with pytest.raises(Refused) as caught:
        check_filters(order, LISTING, FilterContext(REFERENCE, 0))
    assert (caught.value.code, caught.value.text) == (-1013, f"Filter failure: {name}")


def test_the_first_failure_in_listing_order_is_told() -> None:
    """An order both far from the market and too small fails by its price, as on the live venue."""
    with pytest.raises(Refused, match="PERCENT_PRICE_BY_SIDE"):
        check_filters(wish(Side.BUY, "0.00001", "0.01"), LISTING, FilterContext(REFERENCE, 0))


def test_without_a_reference_price_nothing_is_compared_with_it() -> None:
    """Before the first trade, market orders and far prices pass."""
    context = FilterContext(0, 0)
    check_filters(wish(Side.BUY, "0.00001"), LISTING, context)
    check_filters(wish(Side.BUY, "9000", "1"), LISTING, context)


def test_too_many_open_orders() -> None:
    """MAX_NUM_ORDERS comes last."""
    with pytest.raises(Refused, match="MAX_NUM_ORDERS"):
        check_filters(wish(Side.BUY, "1", "60000"), LISTING, FilterContext(REFERENCE, 200))
