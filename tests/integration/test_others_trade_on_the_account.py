"""The account's owner trades by hand beside the engine: seen, in the books, and never ours.

Engine, gateway and venue are the real ones, and the owner is a second client with the same key.
"""

import asyncio
from typing import Final

from genesis.domain.orders import OrderState
from genesis.engine.account_summary import summarize
from genesis.engine.state_machine import EngineState
from genesis.limits import RECONCILE_CONFIRM
from genesis.status import ExternalSummary
from genesis.venue.stream_faults import EventLost
from tests.support.faults import LocalFaults
from tests.support.gateways import DEADLINE_S
from tests.support.trader import Trader, trading_at_a_venue
from tests.support.venue import api_client
from tests.support.venue_orders import naming, order, resting_order

SYMBOL: Final = "BTCUSDT"
OTHER: Final = "ETHUSDT"  # the venue lists it, the engine does not trade it


def seen(trader: Trader) -> ExternalSummary:
    return summarize(trader.core, trader.clock.now()).external


async def agree(trader: Trader) -> None:
    """Compare the books with the venue's until they agree; they must before anything halts."""
    async with asyncio.timeout(DEADLINE_S):
        await trader.engine.compare()
        while trader.core.comparison.equal is not True:
            trader.clock.offset += RECONCILE_CONFIRM
            await trader.engine.compare()
            assert trader.core.ledger.state.halt_reason == ""


async def test_a_trade_by_hand_is_shown_and_the_books_stay_equal() -> None:
    """Where we trade and where we do not, filled and resting; our position is what we bought."""
    async with (
        trading_at_a_venue(SYMBOL) as (trader, _, address),
        api_client(address) as owner,
    ):
        await trader.buy()
        await trader.until(lambda: trader.position() > 0)
        held = trader.position()
        await owner.result("order.place", **order("web_1"))
        await owner.result("order.place", **order("web_2", symbol=OTHER, quantity="0.1"))
        await owner.result("order.place", **resting_order("web_3"))
        await trader.until(lambda: seen(trader).orders == 3 and not trader.core.external.waits)
        await agree(trader)
        shown = seen(trader)
        assert shown.symbols == {SYMBOL: 2, OTHER: 1}
        assert shown.open_orders == 1
        assert shown.fills >= 2
        assert shown.last_orders[0].client_order_id == "web_3"
        assert trader.position() == held
        await owner.result("order.cancel", **naming("web_3"))
        await trader.until(lambda: seen(trader).open_orders == 0)
        await agree(trader)


async def test_a_trade_by_hand_that_no_event_told_of_is_found() -> None:
    """The venue's own trades explain the difference, where we trade and where we do not."""
    async with (
        trading_at_a_venue(SYMBOL) as (trader, server, address),
        api_client(address) as owner,
    ):
        async with LocalFaults(server).during(EventLost(times=0)):
            await owner.result("order.place", **order("web_1"))
            await owner.result("order.place", **order("web_2", symbol=OTHER, quantity="0.1"))
        assert seen(trader).orders == 0
        await agree(trader)
        assert seen(trader).symbols == {SYMBOL: 1, OTHER: 1}
        assert trader.engine.state is EngineState.RUNNING
        assert trader.position() == 0


async def test_an_order_of_ours_that_its_owner_cancels_is_ours_still() -> None:
    """The cancel has an id of its own; the order's end is booked to the order."""
    async with (
        trading_at_a_venue(SYMBOL) as (trader, _, address),
        api_client(address) as owner,
    ):
        await trader.rest()
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        resting = trader.order()
        assert resting is not None
        name = resting.intent.client_order_id
        await owner.result("order.cancel", **naming(name, newClientOrderId="web_cancel"))
        await trader.until(lambda: trader.state() is OrderState.CANCELED)
        assert seen(trader).orders == 0
