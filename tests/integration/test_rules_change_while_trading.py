"""The venue changes its rules, or a symbol's status, under a trading engine: no restart needed.

Engine, gateway and venue are the real ones; only the engine's time is leapt over.
"""

from typing import Final

from genesis.domain.instruments import UNLISTED
from genesis.domain.orders import OrderState
from genesis.limits import LISTING_REFRESH, LISTING_REFRESH_SUSPENDED, LISTING_SPACING
from genesis.units import SCALE
from genesis.venue.ledger import HistoryRange
from genesis.venue.orders import VenueOrder
from genesis.venue.server import VenueServer
from genesis.venue.venue_acts import RulesChanged, SymbolDelisted, SymbolHalted
from tests.support.faults import LocalFaults
from tests.support.trader import FAR_BELOW, Trader, trading_at_a_venue

SYMBOL: Final = "BTCUSDT"
OTHER: Final = "ETHUSDT"
COARSE: Final = RulesChanged(symbol=SYMBOL, tick_size="10", step_size="0.0001", min_notional="5")


def status_of(trader: Trader) -> str:
    return trader.catalogue[0].status


def orders_at(server: VenueServer) -> list[VenueOrder]:
    """Return all orders that the account ever had on the symbol."""
    return list(server.exchange.orders(HistoryRange(account_id=1, symbol=SYMBOL, limit=1_000)))


async def test_a_coarser_tick_costs_one_refusal() -> None:
    """-1013 has the listing read anew, and the next order keeps to it: no restart, no third try."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await LocalFaults(server).strike(COARSE)
        await trader.rest(FAR_BELOW + SCALE)
        await trader.until(lambda: trader.state() is OrderState.REJECTED)
        refused = trader.order()
        assert refused is not None
        assert refused.reason == "-1013: Filter failure: PRICE_FILTER"
        trader.leap(LISTING_SPACING)
        await trader.until(lambda: trader.catalogue[0].tick_size == 10 * SCALE)
        await trader.rest(FAR_BELOW + SCALE)
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        (order,) = orders_at(server)
        assert order.price == FAR_BELOW
        assert trader.catalogue[0].instrument_id == 0


async def test_a_rule_that_nobody_met_is_learned_in_time() -> None:
    """Every ten minutes, without an order having been refused."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await LocalFaults(server).strike(COARSE)
        trader.leap(LISTING_REFRESH)
        await trader.until(lambda: trader.catalogue[0].step_size == SCALE // 10_000)
        await trader.buy()
        await trader.until(lambda: trader.state() is OrderState.FILLED)


async def test_a_halted_symbol_is_suspended_and_resumed() -> None:
    """One order is refused by the venue, the next by us, unsent; then it trades again."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        faults = LocalFaults(server)
        (halt,) = await faults.strike(SymbolHalted(symbol=SYMBOL))
        await trader.buy()
        await trader.until(lambda: trader.state() is OrderState.REJECTED)
        trader.leap(LISTING_SPACING)
        await trader.until(lambda: status_of(trader) == "HALT")
        await trader.buy()
        assert trader.core.ledger.state.refusals == {"suspended": 1}
        assert trader.order() is None
        assert orders_at(server) == []
        await faults.clear(halt)
        trader.leap(LISTING_REFRESH_SUSPENDED)
        await trader.until(lambda: status_of(trader) == "TRADING")
        await trader.buy()
        await trader.until(lambda: trader.state() is OrderState.FILLED)
        await trader.engine.compare()
        assert trader.core.comparison.equal is True


async def test_a_resting_order_outlives_a_halt_and_is_canceled_behind_it() -> None:
    """The venue takes no cancel meanwhile: it is asked for again until the order has ended."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await trader.rest()
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        faults = LocalFaults(server)
        (halt,) = await faults.strike(SymbolHalted(symbol=SYMBOL))
        trader.leap(LISTING_REFRESH)  # the order's time is over, too
        await trader.until(lambda: status_of(trader) == "HALT")
        await trader.until(lambda: trader.state() is OrderState.PENDING_CANCEL)
        await faults.clear(halt)
        trader.leap(LISTING_REFRESH_SUSPENDED)
        await trader.until(lambda: trader.state() is OrderState.CANCELED)


async def test_a_resting_order_is_canceled_where_only_cancels_are_taken() -> None:
    """CANCEL_ONLY suspends the symbol for new orders, and no more than that."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await trader.rest()
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        halt = SymbolHalted(symbol=SYMBOL, status="CANCEL_ONLY")
        await LocalFaults(server).strike(halt)
        trader.leap(LISTING_REFRESH)
        await trader.until(lambda: status_of(trader) == "CANCEL_ONLY")
        await trader.until(lambda: trader.state() is OrderState.CANCELED)


async def test_a_delisted_symbol_stops_nothing_else() -> None:
    """It is found out, the books are compared as ever, and nothing is sent to it any more."""
    async with trading_at_a_venue(SYMBOL, OTHER) as (trader, server, _):
        await trader.buy()
        await trader.until(lambda: trader.state() is OrderState.FILLED)
        await LocalFaults(server).strike(SymbolDelisted(symbol=SYMBOL))
        await trader.engine.compare()
        assert trader.core.comparison.equal is True
        trader.leap(LISTING_SPACING)
        await trader.until(lambda: status_of(trader) == UNLISTED)
        assert trader.catalogue[1].is_trading
        await trader.buy()
        assert trader.core.ledger.state.refusals == {"suspended": 1}
