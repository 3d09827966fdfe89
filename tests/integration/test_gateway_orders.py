"""Orders through the gateway on the simulated venue: replies, events and queries tell one story."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
import pytest

from genesis.domain.instruments import Instrument
from genesis.domain.orders import ExecutionReport, Fill, OrderState, OrderType, Side, TimeInForce
from genesis.errors import VenueRejected, VenueUnreachable
from genesis.exchange.binance.listing_fetch import fetch_instruments
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.binance.ws_gateway import WsGateway
from genesis.exchange.gateway import (
    Accepted,
    Account,
    BalanceUpdate,
    Found,
    NoAnswer,
    NotFound,
    NotOpen,
    Rejected,
    StreamGap,
    SubmitOutcome,
    Unknown,
    Valid,
)
from genesis.units import NANOS_PER_SECOND, SCALE
from genesis.venue.config import SIM_ACCOUNT_ID
from genesis.venue.server import VenueServer
from genesis.venue.signatures import RegisteredKey
from tests.support.exchange_builders import ED25519_PEM, HMAC_SECRET, ORDER_ID, approved
from tests.support.gateways import (
    DEADLINE_S,
    EventLog,
    gateway_to,
    make_gateway,
    running,
)
from tests.support.venue import API_KEY, endpoints_of, model_config, open_venue

SIGNER: Final = make_signer(API_KEY, ED25519_PEM)
HMAC_SIGNER: Final = make_signer("hmac-key", HMAC_SECRET)
HMAC_REGISTERED: Final = RegisteredKey(
    api_key="hmac-key", account_id=SIM_ACCOUNT_ID, algorithm="hmac", secret=HMAC_SECRET
)
SYMBOL: Final = "BTCUSDT"
DEPOSIT: Final = 100_000 * SCALE
TEN_SECONDS_MS: Final = 10_000


def api(address: str) -> str:
    """Return where a venue takes requests."""
    return f"{address}/ws-api/v3"


async def instrument_at(address: str) -> Instrument:
    """Return the rules of the symbol, fetched as the parent does."""
    loop = asyncio.get_running_loop()
    listed = await loop.run_in_executor(
        None, fetch_instruments, endpoints_of(address), (SYMBOL,), 20 * NANOS_PER_SECOND
    )
    return listed[0]


async def submit(gateway: WsGateway, **changes: object) -> SubmitOutcome:
    """Submit the plain order with `changes`, stamped now."""
    async with asyncio.timeout(DEADLINE_S):
        order = approved(**{"quantity": SCALE // 100} | changes)
        return await gateway.submit(order, timestamp_ms=gateway.timestamp_ms())


async def rest(gateway: WsGateway, address: str, **changes: object) -> ExecutionReport:
    """Leave a buy order at half the market's price and return its report."""
    instrument = await instrument_at(address)
    price = instrument.floor_price(await market_price(gateway) // 2)
    outcome = await submit(gateway, limit_price=price, **changes)
    assert isinstance(outcome, Accepted), outcome
    assert outcome.report.state is OrderState.ACCEPTED
    return outcome.report


async def market_price(gateway: WsGateway) -> int:
    """Buy a little at the market to learn its price."""
    bought = await buy(gateway, client_order_id="G0a-1-2-zz-00")
    return bought.fills[0].price


async def buy(gateway: WsGateway, **changes: object) -> Accepted:
    """Buy at the market."""
    outcome = await submit(gateway, order_type=OrderType.MARKET, limit_price=0, **changes)
    assert isinstance(outcome, Accepted), outcome
    assert outcome.report.state is OrderState.FILLED
    return outcome


def without_id(fill: Fill) -> Fill:
    """Return a fill as the trade list gives it, without our order id."""
    return msgspec.structs.replace(fill, client_order_id="")


async def test_a_resting_order_lives_and_is_canceled() -> None:
    """Reply, event, query and list agree on it at every stage, under our own id."""
    log = EventLog()
    async with (
        open_venue(model_config()) as (_, address),
        gateway_to(api(address), signer=SIGNER, log=log) as gateway,
    ):
        placed = await rest(gateway, address)
        event = await log.first(ExecutionReport, lambda report: report.client_order_id == ORDER_ID)
        assert (event.venue_order_id, event.state) == (placed.venue_order_id, OrderState.ACCEPTED)
        open_orders = await gateway.open_orders(SYMBOL)
        assert not isinstance(open_orders, NoAnswer)
        assert [report.client_order_id for report in open_orders] == [ORDER_ID]
        assert await gateway.open_orders(None) != ()
        canceled = await gateway.cancel(SYMBOL, ORDER_ID)
        assert isinstance(canceled, Accepted)
        assert canceled.report.state is OrderState.CANCELED
        ended = await log.first(ExecutionReport, lambda report: report.state is OrderState.CANCELED)
        assert ended.client_order_id == ORDER_ID
        found = await gateway.query(SYMBOL, ORDER_ID)
        assert isinstance(found, Found)
        assert found.report.state is OrderState.CANCELED
        assert isinstance(await gateway.cancel(SYMBOL, ORDER_ID), NotOpen)
        assert await gateway.open_orders(SYMBOL) == ()


async def test_reply_events_and_trade_lists_name_the_same_fills() -> None:
    """Whoever hears of a trade first, it has one id and one size, so it is booked once."""
    log = EventLog()
    async with (
        open_venue(model_config()) as (_, address),
        gateway_to(api(address), signer=SIGNER, log=log) as gateway,
    ):
        bought = await buy(gateway, quantity=2 * SCALE // 10)
        final = await log.first(ExecutionReport, lambda report: report.state is OrderState.FILLED)
        assert final.filled_quantity == bought.report.filled_quantity
        events = [
            event.fill
            for event in log.events
            if isinstance(event, ExecutionReport) and event.fill is not None
        ]
        assert tuple(events) == bought.fills
        assert sum(fill.quote_amount for fill in events) == bought.report.filled_amount
        listed = tuple(without_id(fill) for fill in bought.fills)
        venue_order_id = bought.report.venue_order_id
        assert await gateway.trades_of_order(SYMBOL, venue_order_id) == listed
        assert await gateway.trades_since(SYMBOL, listed[0].trade_id) == listed
        assert await gateway.trades_since(SYMBOL, listed[-1].trade_id + 1) == ()


async def test_all_orders_are_listed_open_or_ended() -> None:
    """What was made since a time, by whatever client: the journal's gaps are found in it."""
    async with (
        open_venue(model_config()) as (_, address),
        gateway_to(api(address), signer=SIGNER) as gateway,
    ):
        bought = await buy(gateway)
        since = bought.report.event_at
        (listed,) = await listed_orders(gateway, since)
        assert listed.client_order_id == ORDER_ID
        assert listed.venue_order_id == bought.report.venue_order_id
        assert (listed.state, listed.filled_quantity) == (
            OrderState.FILLED,
            bought.report.filled_quantity,
        )
        assert await listed_orders(gateway, since + 60 * NANOS_PER_SECOND) == ()


async def listed_orders(gateway: WsGateway, since: int) -> tuple[ExecutionReport, ...]:
    """List the orders since a time; the venue must answer."""
    listed = await gateway.orders_since(SYMBOL, since)
    assert isinstance(listed, tuple)
    return listed


async def test_balances_are_the_fold_over_the_fills() -> None:
    """To the last unit: deposit, amounts and fees make up what the account holds."""
    log = EventLog()
    async with (
        open_venue(model_config()) as (_, address),
        gateway_to(api(address), signer=SIGNER, log=log) as gateway,
    ):
        bought = await buy(gateway)
        instrument = await instrument_at(address)
        held = sum(fill.quantity - fill.fee for fill in bought.fills)
        sold = await submit(
            gateway,
            client_order_id="G0a-1-2-4-00",
            side=Side.SELL,
            order_type=OrderType.MARKET,
            limit_price=0,
            quantity=instrument.floor_quantity(held),
        )
        assert isinstance(sold, Accepted)
        expected = Counter({"USDT": DEPOSIT})
        for fill in bought.fills + sold.fills:
            base, quote = fill.side * fill.quantity, -fill.side * fill.quote_amount
            expected.update({"BTC": base, "USDT": quote})
            expected.subtract({fill.fee_asset: fill.fee})
        account = await gateway.account()
        assert isinstance(account, Account)
        assert account.can_trade
        totals = {entry.asset: entry.free + entry.locked for entry in account.balances}
        assert totals == {asset: total for asset, total in expected.items() if total}
        await log.first(
            BalanceUpdate,
            lambda event: all(
                entry.free + entry.locked == expected[entry.asset] for entry in event.balances
            ),
        )


async def test_an_immediate_order_that_finds_nothing_expires() -> None:
    """It was accepted and ended without a fill: an outcome, not a refusal."""
    async with (
        open_venue(model_config()) as (_, address),
        gateway_to(api(address), signer=SIGNER) as gateway,
    ):
        instrument = await instrument_at(address)
        price = instrument.floor_price(await market_price(gateway) // 2)
        outcome = await submit(gateway, limit_price=price, time_in_force=TimeInForce.IOC)
        assert isinstance(outcome, Accepted)
        assert (outcome.report.state, outcome.fills) == (OrderState.EXPIRED, ())


async def test_an_order_can_be_tried_without_placing_it() -> None:
    """The venue judges form and filters as it would of a real one, and its books stay as they were.

    The id of an order that was only tried is still free.
    """
    async with (
        open_venue(model_config()) as (_, address),
        gateway_to(api(address), signer=SIGNER) as gateway,
    ):
        order = approved(order_type=OrderType.MARKET, limit_price=0, quantity=SCALE // 100)
        assert await gateway.test_order(order) == Valid()
        refused = await gateway.test_order(approved(quantity=SCALE + 1))
        assert refused == Rejected(-1013, "Filter failure: LOT_SIZE", retryable=False)
        assert await gateway.query(SYMBOL, ORDER_ID) == NotFound()
        assert await gateway.trades_since(SYMBOL, 1) == ()
        await buy(gateway)


async def test_refusals_of_the_venue_are_typed() -> None:
    """Filters and funds are final, a stale stamp is retryable, a duplicate proves nothing."""
    async with (
        open_venue(model_config()) as (_, address),
        gateway_to(api(address), signer=SIGNER) as gateway,
    ):
        await rest(gateway, address)
        off_step = await submit(gateway, client_order_id="G0a-1-2-5-00", quantity=SCALE + 1)
        assert isinstance(off_step, Rejected)
        assert (off_step.code, off_step.retryable) == (-1013, False)
        rich = await submit(
            gateway,
            client_order_id="G0a-1-2-6-00",
            quantity=20 * SCALE,
            order_type=OrderType.MARKET,
            limit_price=0,
        )
        assert isinstance(rich, Rejected)
        assert rich == Rejected(
            -2010, "Account has insufficient balance for requested action.", retryable=False
        )
        stale = await gateway.submit(
            approved(client_order_id="G0a-1-2-7-00"),
            timestamp_ms=gateway.timestamp_ms() - TEN_SECONDS_MS,
        )
        assert isinstance(stale, Rejected)
        assert (stale.code, stale.retryable) == (-1021, True)
        found = await gateway.query(SYMBOL, ORDER_ID)
        assert isinstance(found, Found)
        again = await submit(gateway, limit_price=found.report.limit_price)
        assert isinstance(again, Unknown)
        assert "Duplicate" in again.reason


async def test_an_order_that_never_was_is_not_found() -> None:
    """The venue's clock is read before the query, as the time fence wants it."""
    async with (
        open_venue(model_config()) as (_, address),
        gateway_to(api(address), signer=SIGNER) as gateway,
    ):
        before = await gateway.venue_time_ms()
        assert await gateway.query(SYMBOL, ORDER_ID) == NotFound()
        assert isinstance(before, int)
        assert abs(before - gateway.timestamp_ms()) < TEN_SECONDS_MS
        nowhere = await gateway.query("NOSUCHUSDT", ORDER_ID)
        assert isinstance(nowhere, NoAnswer)
        assert not nowhere.retryable


async def test_a_shared_secret_trades_without_logon() -> None:
    """An HMAC key signs order, query, trade list and account read, booleans included."""
    config = model_config(keys=(HMAC_REGISTERED,))
    log = EventLog()
    async with (
        open_venue(config) as (_, address),
        gateway_to(api(address), signer=HMAC_SIGNER, log=log) as gateway,
    ):
        bought = await buy(gateway)
        await log.first(ExecutionReport, lambda report: report.state is OrderState.FILLED)
        assert isinstance(await gateway.query(SYMBOL, ORDER_ID), Found)
        fills = await gateway.trades_since(SYMBOL, 0)
        assert fills == tuple(without_id(fill) for fill in bought.fills)
        assert isinstance(await gateway.account(), Account)


async def test_a_key_the_venue_does_not_know_is_refused() -> None:
    """The refusal is final and names the code."""
    stranger = make_signer("another-key", ED25519_PEM)
    async with open_venue(model_config()) as (_, address):
        gateway = make_gateway(api(address), EventLog(), signer=stranger)
        async with running(gateway), asyncio.timeout(DEADLINE_S):
            assert await refusal_code(gateway) in (-2014, -2015)


async def refusal_code(gateway: WsGateway) -> int:
    """Wait until the venue refuses the key; return its code."""
    while True:
        try:
            await gateway.wait_ready(NANOS_PER_SECOND // 10)
        except VenueRejected as refused:
            return refused.code
        except VenueUnreachable:
            continue


async def test_orders_outlive_a_restart_of_the_venue(tmp_path: Path) -> None:
    """The gateway returns by itself, tells of the gap, and the order is still open and findable."""
    config = model_config(ledger_path=tmp_path / "venue.db")
    log = EventLog()
    first, second = VenueServer(config, time.time_ns), VenueServer(config, time.time_ns)
    port = await first.start("127.0.0.1", 0)
    address = f"ws://127.0.0.1:{port}"
    async with gateway_to(api(address), signer=SIGNER, log=log) as gateway:
        placed = await rest(gateway, address)
        await first.close()
        await second.start("127.0.0.1", port)
        try:
            await log.first(StreamGap)
            found = await gateway.query(SYMBOL, ORDER_ID)
        finally:
            await second.close()
    assert isinstance(found, Found)
    assert found.report.venue_order_id == placed.venue_order_id
    assert found.report.state is OrderState.ACCEPTED


async def test_the_listing_is_the_venues_own() -> None:
    """All that trade, or those asked for in the order asked; a stranger is refused by name."""
    loop = asyncio.get_running_loop()
    within = 20 * NANOS_PER_SECOND
    async with open_venue(model_config()) as (_, address):
        everything = await loop.run_in_executor(
            None, fetch_instruments, endpoints_of(address), None, within
        )
        symbols = tuple(entry.symbol for entry in reversed(everything))
        chosen = await loop.run_in_executor(
            None, fetch_instruments, endpoints_of(address), symbols, within
        )
        with pytest.raises(VenueRejected, match="NOSUCHUSDT"):
            await loop.run_in_executor(
                None, fetch_instruments, endpoints_of(address), ("NOSUCHUSDT",), within
            )
    assert len(everything) == 3
    assert tuple(entry.symbol for entry in chosen) == symbols
    assert [entry.instrument_id for entry in chosen] == [0, 1, 2]
    assert all(entry.tick_size > 0 and entry.step_size > 0 for entry in chosen)
