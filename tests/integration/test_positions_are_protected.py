"""An engine at a venue: every fill gets its stop there, and exits and deaths find it so."""

from collections.abc import Iterable

import pytest

from genesis.domain.orders import OrderState, OrderType, Side
from genesis.engine.order import Order
from genesis.engine.protection import ProtectionRules
from genesis.venue.config import SIM_ACCOUNT_ID
from genesis.venue.orders import OrderStatus, VenueOrder
from genesis.venue.request_faults import ReplyLost
from genesis.venue.server import VenueServer
from tests.support.builders import LOT
from tests.support.faults import LocalFaults
from tests.support.trader import Trader, trading_at_a_venue

SYMBOL = "BTCUSDT"


async def show_market(trader: Trader, server: VenueServer) -> None:
    """Let the engine see the price that the venue trades at."""
    depth = server.exchange.depth(SYMBOL, 1)
    trader.middle = trader.catalogue[0].floor_price((depth.bids[0][0] + depth.asks[0][0]) // 2)


def protective(trader: Trader) -> Iterable[Order]:
    return trader.core.ledger.state.protection.orders.values()


def covers(trader: Trader, bought: int) -> bool:
    """Tell whether a stop is live over what is held of so many lots, after fees in them."""
    orders = list(protective(trader))
    held = trader.position()
    quantity = trader.catalogue[0].floor_quantity(held)
    if held < bought * 99 // 100:
        return False
    return any(
        order.intent.order_type is OrderType.STOP_LOSS
        and order.state is OrderState.ACCEPTED
        and order.intent.quantity == quantity
        for order in orders
    ) and not any(order.is_in_flight for order in orders)


def open_stops(server: VenueServer) -> list[VenueOrder]:
    """Return the stops that lie at the venue."""
    return [
        order
        for order in server.exchange.open_orders(SIM_ACCOUNT_ID, SYMBOL)
        if order.stop_price and order.status is OrderStatus.NEW
    ]


@pytest.mark.parametrize("target", [0, 110], ids=["a stop alone", "a stop with a target"])
async def test_a_position_lives_and_ends_with_its_stop(target: int) -> None:
    """Placed with the fill, replaced as the position grows, gone when an exit has sold it."""
    async with trading_at_a_venue(SYMBOL, protection=ProtectionRules()) as (trader, server, _):
        await show_market(trader, server)
        goal = trader.catalogue[0].floor_price(trader.middle * target // 100)
        await trader.wish(OrderType.MARKET, target_price=goal)
        await trader.until(lambda: covers(trader, LOT))
        (stop,) = open_stops(server)
        assert stop.quantity == trader.catalogue[0].floor_quantity(trader.position())
        assert len(list(protective(trader))) == (2 if target else 1)
        await trader.wish(OrderType.MARKET, target_price=goal)
        await trader.until(lambda: covers(trader, 2 * LOT))
        lots = trader.catalogue[0].floor_quantity(trader.position())
        assert [order.quantity for order in open_stops(server)] == [lots]
        await trader.wish(OrderType.MARKET, side=Side.SELL, quantity=lots)
        await trader.until(lambda: trader.position() < LOT // 10 and trader.core.is_drained)
        assert open_stops(server) == []
        assert not trader.core.ledger.state.protection.exits


async def test_a_stop_whose_reply_is_lost_is_found() -> None:
    """It is asked about and never sent again: there is one at the venue."""
    async with trading_at_a_venue(SYMBOL, protection=ProtectionRules()) as (trader, server, _):
        await show_market(trader, server)
        await LocalFaults(server).strike(ReplyLost(method="orderList.place.oco"))
        goal = trader.catalogue[0].floor_price(trader.middle * 11 // 10)
        await trader.wish(OrderType.MARKET, target_price=goal)
        await trader.until(lambda: covers(trader, LOT))
        assert len(open_stops(server)) == 1
