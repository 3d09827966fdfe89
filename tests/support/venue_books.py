"""The venue's books held against an engine's: no order twice, none lost."""

import asyncio
from typing import Final

from genesis.domain.orders import OrderState
from genesis.venue.ledger import HistoryRange
from genesis.venue.orders import VenueOrder
from genesis.venue.server import VenueServer
from tests.support.gateways import DEADLINE_S
from tests.support.trader import Trader

SYMBOL: Final = "BTCUSDT"
_NEVER_WERE: Final = {OrderState.REJECTED, OrderState.NOT_EXECUTED}
_POLL_S: Final = 0.02


def orders_at(server: VenueServer) -> dict[str, VenueOrder]:
    """Return all orders that the account ever had on the symbol, each under its own id."""
    found: dict[str, VenueOrder] = {}
    for order in server.exchange.orders(HistoryRange(account_id=1, symbol=SYMBOL, limit=1_000)):
        assert order.client_order_id not in found, "an order was executed twice under its id"
        found[order.client_order_id] = order
    return found


async def books_agree(trader: Trader, server: VenueServer) -> dict[str, VenueOrder]:
    """Hold both books against each other to the last unit; return the venue's orders.

    What the venue has of us the engine knows, fill by fill; what the engine says never was, the
    venue never had; and the balances are what these fills make of the deposit.
    """
    async with asyncio.timeout(DEADLINE_S):
        await trader.engine.compare()
        while trader.core.comparison.equal is not True:
            await asyncio.sleep(_POLL_S)
            await trader.engine.compare()
    theirs, ledger = orders_at(server), trader.core.ledger
    ours = {
        order.intent.client_order_id: order
        for order in (*ledger.unsettled(), *ledger.state.settled_orders.values())
    }
    for name, order in theirs.items():
        assert name in ours, f"{name} is lost"
        assert ours[name].booked_quantity == order.executed_quantity, name
    for name, known in ours.items():
        assert (name in theirs) is (known.state not in _NEVER_WERE), f"{name} is {known.state!r}"
    return theirs
