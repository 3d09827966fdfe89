"""Faults that befall a share of the simulated venue's requests and events, on real sockets."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from genesis.config_simulation import VenueFaultSettings
from genesis.units import NANOS_PER_MS
from genesis.venue.faults import FaultOptions
from tests.support.venue import (
    DEADLINE_SECONDS,
    api_client,
    model_config,
    now_ms,
    open_venue,
    signed,
)
from tests.support.venue_orders import (
    MARKET_BUY,
    send_order,
    status_of,
    trades_in_books,
    until_known,
)
from workers.venue import fault_options


def faulty(**options: float) -> FaultOptions:
    """Return faults that orders alone suffer."""
    return FaultOptions(other_share=0.0, **options)  # type: ignore[arg-type]


async def test_a_lost_request_leaves_no_trace() -> None:
    """No reply comes, and the order is not in the books."""
    config = model_config(faults=faulty(request_lost=1.0))
    async with open_venue(config) as (_, address), api_client(address) as client:
        await send_order(client)
        error = (await status_of(client))["error"]

    assert isinstance(error, dict)
    assert error["code"] == -2013
    assert client.events == []


async def test_a_lost_reply_is_of_an_executed_order() -> None:
    """The order fills; only a query tells."""
    config = model_config(faults=faulty(reply_lost=1.0))
    async with open_venue(config) as (server, address), api_client(address) as client:
        await send_order(client)
        await until_known(client)
        assert trades_in_books(server) >= 1

    assert client.events == []


async def test_a_delayed_request_is_tested_for_its_age_again() -> None:
    """What waited longer than its window is refused where it would have been matched."""
    faults = faulty(request_delayed=1.0, request_delay_max=1_000 * NANOS_PER_MS)
    async with open_venue(model_config(faults=faults)) as (server, address):
        async with api_client(address) as client:
            order = {**MARKET_BUY, "timestamp": now_ms(), "recvWindow": 1}
            reply = await client.call("order.place", **signed(order))
        assert trades_in_books(server) == 0

    error = reply["error"]
    assert isinstance(error, dict)
    assert error["code"] == -1021


async def test_a_queued_request_is_not_tested_again() -> None:
    """Behind the second test a request may still wait: the margin of the time fence is for it."""
    faults = faulty(queue_delayed=1.0, queue_delay_max=400 * NANOS_PER_MS)
    config = model_config(faults=faults)
    async with open_venue(config) as (_, address), api_client(address) as client:
        order = {**MARKET_BUY, "timestamp": now_ms(), "recvWindow": 60}
        reply = await client.call("order.place", **signed(order))

    assert reply["status"] == 200


async def test_an_answer_of_unknown_status_may_precede_the_execution() -> None:
    """-1007 comes at once; some of those orders are carried out behind it."""
    faults = faulty(status_unknown=1.0, queue_delayed=1.0, queue_delay_max=900 * NANOS_PER_MS)
    config = model_config(faults=faults)
    async with open_venue(config) as (_, address), api_client(address) as client:
        for number in range(12):
            order = {**MARKET_BUY, "newClientOrderId": f"n-{number}", "timestamp": now_ms()}
            reply = await client.call("order.place", **signed(order))
            assert reply["status"] in (500, 504)
        await client.log_on()
        filled = await client.event(lambda event: event.get("X") == "FILLED")
        assert str(filled["c"]).startswith("n-")


async def test_a_connection_is_cut_in_mid_order() -> None:
    """The client sees its socket end without a word."""
    config = model_config(faults=faulty(connection_cut=1.0))
    async with open_venue(config) as (_, address), api_client(address) as client:
        await send_order(client)
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(DEADLINE_SECONDS):
                await client.connection.recv()


async def test_a_reply_comes_twice() -> None:
    """Word for word."""
    config = model_config(faults=faulty(reply_doubled=1.0))
    async with open_venue(config) as (_, address), api_client(address) as client:
        await send_order(client)
        async with asyncio.timeout(DEADLINE_SECONDS):
            first = await client.connection.recv()
            assert await client.connection.recv() == first


async def test_queries_are_blind_to_a_new_order_for_a_while() -> None:
    """-2013 about an order that has filled, and then the truth."""
    faults = faulty(query_lags=1.0, query_lag_max=900 * NANOS_PER_MS)
    config = model_config(faults=faults)
    async with open_venue(config) as (_, address), api_client(address) as client:
        order = {**MARKET_BUY, "newClientOrderId": "mine", "timestamp": now_ms()}
        assert (await client.call("order.place", **signed(order)))["status"] == 200
        assert (await status_of(client))["status"] == 400
        await until_known(client)


async def test_events_come_twice_or_not_at_all() -> None:
    """Each event of an order is doubled; on a silenced stream there is none until a new one."""
    config = model_config(faults=faulty(event_doubled=1.0))
    async with open_venue(config) as (_, address), api_client(address) as client:
        await client.log_on()
        await client.call("order.place", **signed({**MARKET_BUY, "timestamp": now_ms()}))
        reports = [await client.event(lambda event: event.get("x") == "NEW") for _ in range(2)]
        assert reports[0] == reports[1]

    config = model_config(faults=faulty(stream_silenced=1.0))
    async with open_venue(config) as (_, address), api_client(address) as client:
        await client.log_on()
        await client.call("order.place", **signed({**MARKET_BUY, "timestamp": now_ms()}))
        await client.call("ping")
        assert client.events == []


def test_settings_become_options() -> None:
    """Every setting has its option; times are ns there."""
    settings = VenueFaultSettings(seed=7, query_lags=0.25, query_lag_max_ms=1.5)

    options = fault_options(settings)

    assert (options.seed, options.query_lags) == (7, 0.25)
    assert options.query_lag_max == 1_500_000
    assert {name.removesuffix("_ms") for name in VenueFaultSettings.model_fields} == set(
        FaultOptions.__struct_fields__
    )
