"""Every kind of order that a strategy may ask for, from its signal to the end it is told of.

Engine, gateway and venue are the real ones; only the engine's time is leapt over.
"""

from typing import Final, NamedTuple

import pytest

from genesis.domain.orders import OrderState, OrderType, ReportKind, Side, TimeInForce
from genesis.units import NANOS_PER_SECOND
from genesis.venue.ledger import HistoryRange
from genesis.venue.server import VenueServer
from tests.support.trader import Trader, trading_at_a_venue

SYMBOL: Final = "BTCUSDT"
MINUTE: Final = 60 * NANOS_PER_SECOND
PATIENT: Final = -50  # basis points from the market, for a buyer
EAGER: Final = 50


class Scene(NamedTuple):
    """What is asked for, and how it must end; `rests`: by waiting in the book until time is up.

    A market order has no price; any other is so many basis points above the market, or below it for
    a sale.
    """

    order_type: OrderType
    price_bps: int
    time_in_force: TimeInForce
    ends: OrderState
    told: ReportKind
    rests: bool = False


GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK
FILLED, CANCELED = OrderState.FILLED, OrderState.CANCELED
SCENES: Final = {
    "market": Scene(OrderType.MARKET, 0, GTC, FILLED, ReportKind.FILLED),
    "limit that takes": Scene(OrderType.LIMIT, EAGER, GTC, FILLED, ReportKind.FILLED),
    "limit that waits": Scene(
        OrderType.LIMIT, PATIENT, GTC, CANCELED, ReportKind.CANCELED, rests=True
    ),
    "post-only that waits": Scene(
        OrderType.LIMIT_MAKER, PATIENT, GTC, CANCELED, ReportKind.CANCELED, rests=True
    ),
    "post-only that would take": Scene(
        OrderType.LIMIT_MAKER, EAGER, GTC, OrderState.REJECTED, ReportKind.REJECTED
    ),
    "IOC that finds all": Scene(OrderType.LIMIT, EAGER, IOC, FILLED, ReportKind.FILLED),
    "IOC that finds nothing": Scene(
        OrderType.LIMIT, PATIENT, IOC, OrderState.EXPIRED, ReportKind.EXPIRED
    ),
    "FOK that finds all": Scene(OrderType.LIMIT, EAGER, FOK, FILLED, ReportKind.FILLED),
    "FOK that finds nothing": Scene(
        OrderType.LIMIT, PATIENT, FOK, OrderState.EXPIRED, ReportKind.EXPIRED
    ),
}


async def play(trader: Trader, server: VenueServer, scene: Scene, side: Side) -> None:
    """Ask for an order at the venue's present market, and see it through."""
    depth = server.exchange.depth(SYMBOL, 1)
    trader.middle = trader.catalogue[0].floor_price((depth.bids[0][0] + depth.asks[0][0]) // 2)
    price = trader.middle + side * trader.middle * scene.price_bps // 10_000
    await trader.wish(
        scene.order_type,
        price if scene.price_bps else 0,
        side=side,
        time_in_force=scene.time_in_force,
    )
    if scene.rests:
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        trader.leap(MINUTE)
    await trader.until(lambda: trader.state() is scene.ends)
    await trader.until(lambda: trader.told[-1].kind is scene.told)


@pytest.mark.parametrize("name", SCENES)
async def test_an_order_of_every_kind_ends_as_it_should(name: str) -> None:
    """As an entry, then as an exit: told, booked, and nothing of it left at the venue."""
    scene = SCENES[name]
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        step = trader.catalogue[0].step_size
        await play(trader, server, scene, Side.BUY)
        assert (trader.position() > step) is (scene.ends is FILLED)
        if scene.ends is not FILLED:
            await trader.buy()
            await trader.until(lambda: trader.position() > step)
        await play(trader, server, scene, Side.SELL)
        assert (trader.position() < step) is (scene.ends is FILLED)
        orders = list(
            server.exchange.orders(HistoryRange(account_id=1, symbol=SYMBOL, limit=1_000))
        )
        assert trader.core.is_drained
        assert not [order for order in orders if order.is_open]
        asked = [order for order in orders if order.order_type.name == scene.order_type.name]
        is_rejected = scene.ends is OrderState.REJECTED
        assert len(asked) == (0 if is_rejected else 2)
