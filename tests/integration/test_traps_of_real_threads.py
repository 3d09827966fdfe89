"""Traps that other clients fell into (`binance-spot.md` section 13), met by a trading engine.

Engine, gateway and venue are the real ones. After each scene both books are held against each
other: no order was executed twice, none is lost, each fill is booked once.
"""

from typing import Final

import pytest

from genesis.domain.orders import ExecutionReport, OrderState, Side
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.gateway import StreamGap
from genesis.limits import RECONCILE_ORDER_AGE, RECONCILE_PERIOD
from genesis.units import NANOS_PER_SECOND, SCALE
from genesis.venue.config import ModelOptions
from genesis.venue.connection_faults import ConnectionCut
from genesis.venue.exchange import ExchangeRules
from genesis.venue.fault_terms import Fault
from genesis.venue.request_faults import (
    CancelOvertaken,
    EventFirst,
    ReplyDelayed,
    ReplyDoubled,
)
from genesis.venue.stream_faults import EventDoubled, EventHeld, EventLost, StreamSilenced
from genesis.venue.venue_acts import (
    ClockStepped,
    FundsMoved,
    PriceRangeSet,
    UserStreamsTerminated,
)
from tests.support.builders import LOT
from tests.support.exchange_builders import (
    ED25519_PEM,
    HMAC_SECRET,
    Json,
    approved,
    order_reply,
    report_event,
    symbol_entry,
)
from tests.support.faults import LocalFaults
from tests.support.gateways import EventLog, gateway_to
from tests.support.scripted_venue import ScriptedVenue, replies
from tests.support.trader import Trader, trading_at_a_venue
from tests.support.venue import API_KEY, api_client, endpoints_of, model_config, open_venue
from tests.support.venue_books import SYMBOL, books_agree
from tests.support.venue_orders import naming

PLACEMENT: Final = "order.place"
STILL: Final = ModelOptions(instruments=3, rate=0.1)
"""A market that leaves an order alone for as long as a test takes."""
FULL_WIDTH: Final = "".join(chr(0xFF11 + digit) for digit in range(6))


async def bought(trader: Trader) -> None:
    """Buy, and wait until the fills are booked."""
    before = trader.position()
    await trader.buy()
    await trader.until(lambda: trader.state() is OrderState.FILLED)
    await trader.until(lambda: trader.position() > before)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([EventFirst(method=PLACEMENT)], id="events first"),
        pytest.param([ReplyDelayed(method=PLACEMENT, delay_ms=100.0)], id="reply late"),
        pytest.param([ReplyDoubled(method=PLACEMENT, delay_ms=20.0)], id="reply twice"),
        pytest.param([EventDoubled(times=0, delay_ms=20.0)], id="every event twice"),
        pytest.param([EventHeld(times=0)], id="events reordered"),
        pytest.param([EventLost(execution="NEW")], id="no event of the acceptance"),
        pytest.param([EventLost(execution="TRADE", times=0)], id="no event of any fill"),
    ],
)
async def test_reply_and_events_in_any_order_are_one_order(faults: list[Fault]) -> None:
    """The reply, the events and the trade list tell of the same fills: each is booked once."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        async with LocalFaults(server).during(*faults):
            await bought(trader)
        await bought(trader)
        assert len(await books_agree(trader, server)) == 2


async def test_an_end_that_no_event_told_of_is_found_in_time() -> None:
    """The closing event is lost, the stream goes on: the regular look at the account finds it."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, address):
        await trader.rest()
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        async with LocalFaults(server).during(EventLost(times=0)), api_client(address) as owner:
            await owner.result("order.cancel", **naming("G00-7-1-1-10"))
        assert trader.state() is OrderState.ACCEPTED
        trader.leap(RECONCILE_PERIOD)
        await trader.until(lambda: trader.state() is OrderState.CANCELED)
        assert len(await books_agree(trader, server)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(ConnectionCut(kind="api"), id="connection cut"),
        pytest.param(UserStreamsTerminated(), id="eventStreamTerminated"),
    ],
)
async def test_a_stream_that_comes_back_is_subscribed_and_what_it_missed_is_booked(
    fault: Fault,
) -> None:
    """Nothing is replayed: the gap is told, and the books are compared for what fell into it."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, address):
        await trader.rest()
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        faults = LocalFaults(server)
        async with faults.during(EventLost(times=0)), api_client(address) as owner:
            await owner.result("order.cancel", **naming("G00-7-1-1-10"))
        await faults.strike(fault)
        await trader.events.first(StreamGap)
        await trader.engine.compare()  # a young order may be missing from a list
        assert trader.state() is OrderState.ACCEPTED
        trader.leap(RECONCILE_ORDER_AGE)
        await trader.until(lambda: trader.state() is OrderState.CANCELED)
        await trader.until(lambda: trader.gateway.is_ready)
        await bought(trader)
        assert len(await books_agree(trader, server)) == 2


async def test_a_stream_that_falls_silent_hides_no_fill() -> None:
    """The connection lives and says no more: what replies and queries tell is booked."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        async with LocalFaults(server).during(StreamSilenced()):
            await bought(trader)
        await bought(trader)
        assert len(await books_agree(trader, server)) == 2


async def test_a_cancel_that_comes_too_late_books_the_fill() -> None:
    """-2011 says that the order is not open any more; that it has filled, the query says."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await trader.rest()
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        async with LocalFaults(server).during(
            CancelOvertaken(method="order.cancel"), EventLost(times=0)
        ):
            await trader.engine.begin_stop()
            await trader.until(lambda: trader.state() is OrderState.FILLED)
            await trader.until(lambda: trader.position() > 0)
        assert len(await books_agree(trader, server)) == 1


async def test_an_order_that_ends_half_filled_is_a_partial_fill() -> None:
    """CANCELED with an executed quantity is not nothing: the fills stay, the rest is free again."""
    config = model_config(model=STILL)
    async with trading_at_a_venue(SYMBOL, config=config) as (trader, server, _):
        book = server.exchange.market.book(SYMBOL)
        best, _ = next(iter(book.public_side(Side.SELL).levels()))
        trader.middle = best - trader.catalogue[0].tick_size
        book.set_public(Side.SELL, trader.middle, LOT)
        await trader.rest(trader.middle, 3 * LOT)
        await trader.until(lambda: trader.state() is OrderState.PARTIALLY_FILLED)
        await trader.until(lambda: trader.position() > 0)
        trader.leap(60 * NANOS_PER_SECOND)
        await trader.until(lambda: trader.state() is OrderState.CANCELED)
        (order,) = (await books_agree(trader, server)).values()
        assert order.executed_quantity == LOT
        assert trader.core.ledger.state.live_orders == {}


async def test_an_order_beyond_the_price_range_expires() -> None:
    """The venue lets nothing trade above its limit: the order ended without a fill, for good."""
    config = model_config(model=STILL)
    async with trading_at_a_venue(SYMBOL, config=config) as (trader, server, _):
        await bought(trader)
        narrow = PriceRangeSet(symbol=SYMBOL, up="0.9", down="0.8")
        await LocalFaults(server).strike(narrow)
        await trader.buy()
        await trader.until(lambda: trader.state() is OrderState.EXPIRED)
        assert len(await books_agree(trader, server)) == 2
        assert not trader.core.ledger.state.live_orders


async def test_the_asset_of_the_fee_may_change_from_fill_to_fill() -> None:
    """BNB runs out: the fee is booked as each fill names it, and the position is what is left."""
    config = model_config(rules=ExchangeRules(fees_in_bnb=True))
    async with trading_at_a_venue(SYMBOL, config=config) as (trader, server, _):
        faults = LocalFaults(server)
        await faults.strike(FundsMoved(asset="BNB", amount="1"))
        await bought(trader)
        assert trader.position() == LOT, "the fee was paid in another asset"
        await faults.strike(FundsMoved(asset="BNB", amount="-1"))
        await bought(trader)
        assert LOT < trader.position() < 2 * LOT, "the fee came out of what was bought"
        assert len(await books_agree(trader, server)) == 2


@pytest.mark.parametrize("step_ms", [30_000, -30_000], ids=["forward", "back"])
async def test_a_clock_that_steps_costs_a_refusal_and_no_order(step_ms: int) -> None:
    """-1021: the clock is measured anew, and a new order, stamped by it, is filled."""
    async with trading_at_a_venue(SYMBOL) as (trader, server, _):
        await LocalFaults(server).strike(ClockStepped(step_ms=step_ms))
        await trader.buy()
        await trader.until(lambda: trader.state(attempt=2) is OrderState.FILLED)
        refused = trader.order()
        assert refused is not None
        assert refused.reason.startswith("-1021: ")
        assert len(await books_agree(trader, server)) == 1


async def test_each_consumer_has_a_subscription_of_its_own() -> None:
    """Two clients of one key share no stream: each is told of every order, whoever placed it."""
    signer = make_signer(API_KEY, ED25519_PEM)
    first, second = EventLog(), EventLog()
    async with open_venue(model_config()) as (_, address):
        url = endpoints_of(address).ws_api_url
        async with (
            gateway_to(url, log=first, signer=signer) as gateway,
            gateway_to(url, log=second, signer=signer),
        ):
            order = approved(limit_price=40_000 * SCALE)
            await gateway.submit(order, timestamp_ms=gateway.timestamp_ms())
            for log in (first, second):
                told = await log.first(ExecutionReport)
                assert told.client_order_id == order.intent.client_order_id
                assert not [event for event in log.events if isinstance(event, StreamGap)]


async def test_a_symbol_that_is_not_ascii_breaks_nothing() -> None:
    """It is signed as it is, unencoded; its listing, orders and events are read as any other's."""
    log, signer = EventLog(), make_signer(API_KEY, HMAC_SECRET)
    listing: Json = {"symbols": [symbol_entry(FULL_WIDTH)]}
    async with (
        ScriptedVenue() as venue,
        gateway_to(venue.url, log=log, signer=signer) as gateway,
    ):
        venue.on("openOrders.status", replies([order_reply(symbol=FULL_WIDTH)]))
        venue.on("exchangeInfo", replies(listing))
        orders = await gateway.open_orders(FULL_WIDTH)
        assert isinstance(orders, tuple)
        assert [order.symbol for order in orders] == [FULL_WIDTH]
        (request,) = await venue.received("openOrders.status")
        params = request.params
        names = sorted(params.keys() - {"signature"})
        signed = "&".join(f"{name}={params[name]}" for name in names)
        assert params["signature"] == signer.sign(signed.encode())
        instruments = await gateway.instruments((FULL_WIDTH,))
        assert isinstance(instruments, tuple)
        assert [instrument.symbol for instrument in instruments] == [FULL_WIDTH]
        await venue.push(report_event(s=FULL_WIDTH))
        assert (await log.first(ExecutionReport)).symbol == FULL_WIDTH
