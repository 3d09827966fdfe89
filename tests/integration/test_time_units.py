"""What the client makes of the venue's times, whichever unit it asked for, on each way to it."""

import asyncio
import time
from typing import Final

import msgspec
import pytest

from genesis.config_exchange import TimeUnit
from genesis.domain.orders import ExecutionReport
from genesis.exchange.binance.listing_fetch import fetch_instruments
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.gateway import Account, BalanceUpdate, Found
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, SCALE, Nanos
from tests.support.exchange_builders import ED25519_PEM, ORDER_ID, approved, symbol_entry
from tests.support.gateways import DEADLINE_S, EventLog, gateway_to
from tests.support.rest_paths import path_to
from tests.support.scripted_rest import ScriptedRest, answers
from tests.support.venue import API_KEY, endpoints_of, model_config, open_venue

SYMBOL: Final = "BTCUSDT"
SURPLUS: Final[Nanos] = 123_456
DIGITS: Final[dict[TimeUnit, Nanos]] = {"millisecond": 0, "microsecond": 123_000}
"""What of the surplus is told in each unit."""


def telltale_clock() -> Nanos:
    """Return the time, with the same nanoseconds in every millisecond."""
    return time.time_ns() // NANOS_PER_MS * NANOS_PER_MS + SURPLUS


def is_recent(at: Nanos) -> bool:
    """Tell whether a time is of this test."""
    return abs(time.time_ns() - at) < DEADLINE_S * NANOS_PER_SECOND


@pytest.mark.parametrize("unit", DIGITS)
async def test_every_way_tells_the_same_times(unit: TimeUnit) -> None:
    """Events and queries over the socket, then queries over REST: one moment, in that unit."""
    log, signer = EventLog(), make_signer(API_KEY, ED25519_PEM)
    async with open_venue(model_config(), telltale_clock) as (_, address):
        endpoints = endpoints_of(address).asking_for(unit)
        async with (
            asyncio.timeout(DEADLINE_S),
            gateway_to(endpoints.ws_api_url, log=log, signer=signer) as gateway,
            path_to(endpoints.rest_url, signer=signer, time_unit=endpoints.time_unit) as rest,
        ):
            order = approved(quantity=SCALE // 100)
            await gateway.submit(order, timestamp_ms=gateway.timestamp_ms())
            event = await log.first(ExecutionReport)
            moved = await log.first(BalanceUpdate)
            moments = [event.event_at, moved.event_at, moved.updated_at]
            for path in (gateway, rest):
                found, account = await path.query(SYMBOL, ORDER_ID), await path.account()
                assert isinstance(found, Found)
                assert isinstance(account, Account)
                moments += [found.report.event_at, account.updated_at]
    assert {at % NANOS_PER_MS for at in moments} == {DIGITS[unit]}
    assert set(moments) == {event.event_at}
    assert is_recent(event.event_at)


@pytest.mark.parametrize("unit", DIGITS)
async def test_the_listing_is_asked_for_in_it(unit: TimeUnit) -> None:
    """By the socket's URL first, then by a header over REST."""
    async with ScriptedRest() as rest:
        rest.on("GET", "/exchangeInfo", answers({"symbols": [symbol_entry(SYMBOL)]}))
        endpoints = endpoints_of("ws://127.0.0.1:9").asking_for(unit)
        endpoints = msgspec.structs.replace(endpoints, rest_url=rest.url)
        listed = await asyncio.get_running_loop().run_in_executor(
            None, fetch_instruments, endpoints, (SYMBOL,), DEADLINE_S * NANOS_PER_SECOND
        )
        (call,) = await rest.received("/exchangeInfo")
    assert [instrument.symbol for instrument in listed] == [SYMBOL]
    assert call.headers["x-mbx-time-unit"] == unit.upper()
