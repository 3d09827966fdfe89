"""`genesis.venue.operations`: what the venue's own people do, and that the books agree with it."""

import msgspec
import pytest

from genesis.domain.orders import Side, TimeInForce
from genesis.units import SCALE
from genesis.venue.ledger import OrderKey
from genesis.venue.listing import PriceRange, SymbolStatus
from genesis.venue.orders import OrderStatus
from genesis.venue.refusals import Refused
from tests.support.venue import NOW, Floor, cancel_of, fixed, wish

BUY, SELL = Side.BUY, Side.SELL
KEY = OrderKey(account_id=1, symbol="BTCUSDT", client_order_id="mine")


@pytest.fixture
def floor() -> Floor:
    """Return an exchange with a public that offers one bitcoin at each of two prices."""
    floor = Floor()
    floor.market.offer("BTCUSDT", BUY, "60000", "1")
    floor.market.offer("BTCUSDT", SELL, "60010", "1")
    floor.market.offer("BTCUSDT", SELL, "60100", "1")
    return floor


def relist(floor: Floor, **changes: object) -> None:
    """Change the listing of BTCUSDT."""
    listing = floor.exchange.listing("BTCUSDT")
    floor.exchange.operations.relist(msgspec.structs.replace(listing, **changes))


def test_a_symbol_that_does_not_trade_takes_no_order(floor: Floor) -> None:
    """Open ones stay; they are canceled with CANCEL_ONLY alone."""
    order_id = floor.place(wish(BUY, "0.1", "59000"))
    relist(floor, status=SymbolStatus.HALT)

    with pytest.raises(Refused, match="Market is closed"):
        floor.place(wish(BUY, "0.1"))
    with pytest.raises(Refused, match="Market is closed"):
        floor.exchange.cancel(1, cancel_of(order_id), NOW)
    with pytest.raises(Refused, match="Market is closed"):
        floor.exchange.cancel_all(1, "BTCUSDT", NOW)
    relist(floor, status=SymbolStatus.CANCEL_ONLY)
    with pytest.raises(Refused, match="Market is closed"):
        floor.place(wish(BUY, "0.1"))
    assert floor.exchange.cancel(1, cancel_of(order_id), NOW).status is OrderStatus.CANCELED


def test_delisting_expires_everybodys_orders(floor: Floor) -> None:
    """Their funds are free again; a symbol that is gone is not delisted twice."""
    floor.place(wish(BUY, "0.1", "59000"), account_id=1)
    floor.place(wish(SELL, "0.1", "70000"), account_id=2)
    floor.exchange.operations.delist("BTCUSDT", NOW)
    floor.exchange.operations.delist("BTCUSDT", NOW)

    assert floor.exchange.open_orders(1, None) == floor.exchange.open_orders(2, None) == []
    assert floor.balance("USDT") == (fixed("100000"), 0)
    assert floor.balance("BTC", 2) == (fixed("2"), 0)
    with pytest.raises(Refused, match="Invalid symbol"):
        floor.exchange.listing("BTCUSDT")


def test_a_transfer_is_on_record(floor: Floor) -> None:
    """Out goes no more than is free; what orders hold back stays."""
    floor.place(wish(BUY, "1", "59000"))
    floor.exchange.operations.transfer("USDT", -fixed("90000"), NOW)

    assert floor.balance("USDT") == (0, fixed("59000"))
    assert floor.balance("USDT", 2) == (fixed("10000"), 0)
    recorded = {(row.account_id, row.asset): row for row in floor.ledger.balances()}
    assert recorded[1, "USDT"].free == 0
    assert recorded[2, "USDT"].free == fixed("10000")


def test_an_order_is_filled_out_of_turn(floor: Floor) -> None:
    """Its rest trades at its own price, whatever stands before it; once."""
    floor.place(wish(BUY, "0.5", "60000", client_order_id="mine"))
    floor.exchange.operations.fill(KEY, NOW)
    floor.exchange.operations.fill(KEY, NOW)

    order = floor.exchange.query(KEY)
    assert (order.status, order.executed_quote) == (OrderStatus.FILLED, fixed("30000"))
    assert floor.balance("USDT") == (fixed("70000"), 0)


def test_a_snapshot_is_held_so_often(floor: Floor) -> None:
    """Cut to the levels that are asked for; then the book of the present is shown."""
    floor.exchange.operations.hold_snapshot("BTCUSDT", 2)
    floor.market.offer("BTCUSDT", SELL, "60005", "1")

    first, second, third = (floor.exchange.depth("BTCUSDT", 1) for _ in range(3))
    assert first.asks == second.asks == [(fixed("60010"), SCALE)]
    assert third.asks == [(fixed("60005"), SCALE)]


def test_a_taker_stops_at_the_price_range(floor: Floor) -> None:
    """What it could have had beyond it expires, whatever it was to do with its rest."""
    floor.market.average["BTCUSDT"] = fixed("60010")
    relist(floor, price_range=PriceRange(SCALE, SCALE))

    market = floor.place(wish(BUY, "1.5"))
    floor.market.offer("BTCUSDT", SELL, "60010", "1")
    limit = floor.place(wish(BUY, "1.5", "60100"), account_id=2)

    for account_id, order_id in ((1, market), (2, limit)):
        key = OrderKey(account_id=account_id, symbol="BTCUSDT", order_id=order_id)
        order = floor.exchange.query(key)
        assert (order.status, order.executed_quantity) == (OrderStatus.EXPIRED, SCALE)
        assert order.expiry_reason == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"


def test_the_price_range_leaves_the_rest_alone(floor: Floor) -> None:
    """An order within it waits or ends as ever; without an average there is no range."""
    floor.market.average["BTCUSDT"] = fixed("60010")
    relist(floor, price_range=PriceRange(SCALE, SCALE))
    waiting = floor.place(wish(BUY, "0.1", "59000"))
    ended = floor.place(wish(BUY, "1.5", "60010", time_in_force=TimeInForce.IOC))
    floor.market.average.clear()
    free = floor.place(wish(BUY, "1"), account_id=2)

    orders = [
        floor.exchange.query(OrderKey(account_id=account_id, symbol="BTCUSDT", order_id=order_id))
        for account_id, order_id in ((1, waiting), (1, ended), (2, free))
    ]
    assert orders[0].status is OrderStatus.NEW
    assert orders[1].expiry_reason == "UNFILLED_IOC_QUANTITY_EXPIRED"
    assert orders[2].status is OrderStatus.FILLED


def test_a_sale_is_bounded_below(floor: Floor) -> None:
    """A FOK that reaches its whole only beyond the range does not begin."""
    floor.market.offer("BTCUSDT", BUY, "59900", "1")
    floor.market.average["BTCUSDT"] = fixed("60000")
    relist(floor, price_range=PriceRange(SCALE, SCALE))
    sold = floor.place(wish(SELL, "1.5", "59000", time_in_force=TimeInForce.FOK))
    order = floor.exchange.query(OrderKey(account_id=1, symbol="BTCUSDT", order_id=sold))

    assert (order.executed_quantity, order.expiry_reason) == (0, "UNFILLED_FOK_ORDER_EXPIRED")
