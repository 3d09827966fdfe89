"""The simulated venue writes every time in the unit that a client asked for, on each transport."""

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from genesis.units import NANOS_PER_MS
from genesis.venue.config import VenueConfig
from genesis.venue.exchange import ExchangeRules
from genesis.venue.request_limits import MINUTE_MS, RateLimit, RateLimits
from tests.support.raw_http import raw_client
from tests.support.venue import (
    DEADLINE_SECONDS,
    api_client,
    at,
    model_config,
    now_ms,
    open_venue,
)

UNITS: Final = ("MILLISECOND", "MICROSECOND")
DIGITS: Final = {"MILLISECOND": 13, "MICROSECOND": 16}

TIME_KEYS: Final = {
    *("E", "T", "O", "W"),
    *("serverTime", "transactTime", "workingTime", "time", "updateTime", "closeTime", "openTime"),
    *("connectedSince", "authorizedSince", "retryAfter"),
}
"""Keys under which nothing but a time stands, in any reply or event of this venue."""

STREAMS: Final = ("btcusdt@trade", "btcusdt@depth@100ms", "btcusdt@kline_1s")
ORDER: Final = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "MARKET",
    "quantity": "0.01",
    "newOrderRespType": "FULL",
}


def lively() -> VenueConfig:
    """Return a venue on which one instrument does everything."""
    config = model_config()
    model = msgspec.structs.replace(config.model, instruments=1)
    return msgspec.structs.replace(config, model=model)


def times(document: object) -> Iterator[int]:
    """Return every time in a document."""
    if isinstance(document, list):
        for member in document:
            yield from times(member)
    elif isinstance(document, dict):
        for key, value in document.items():
            if key in TIME_KEYS and isinstance(value, int):
                yield value
            else:
                yield from times(value)


def digits(document: object) -> set[int]:
    """Return how many digits the times of a document have."""
    return {len(str(value)) for value in times(document)}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("path", ["/stream?streams={}&", "/ws/{}?"])
async def test_market_streams(unit: str, path: str) -> None:
    """Trades, depth and klines, with their stream's name or without."""
    target = path.format("/".join(STREAMS)) + f"timeUnit={unit}"
    seen: dict[str, set[int]] = {}
    async with open_venue(lively()) as (_, address), connect(f"{address}{target}") as connection:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(seen) < len(STREAMS):
                message = msgspec.json.decode(await connection.recv())
                data = message.get("data", message)
                seen[data["e"]] = digits(data) | {len(str(data.get("k", {}).get("t", data["E"])))}
                if data["e"] == "kline":
                    assert str(data["k"]["T"]).endswith("999" if unit == UNITS[0] else "999999")
    assert seen == {name: {DIGITS[unit]} for name in ("trade", "depthUpdate", "kline")}


@pytest.mark.parametrize("unit", UNITS)
async def test_the_websocket_api(unit: str) -> None:
    """Replies, errors and user events; requests may be stamped in the other unit all the same."""
    other = 1000 if unit == UNITS[0] else 1
    query = f"?timeUnit={unit.lower()}"
    async with open_venue(lively()) as (_, address), api_client(address, query) as client:
        await client.log_on()
        stamp = now_ms() * other
        placed = await client.result("order.place", timestamp=stamp, **ORDER)
        named = {"symbol": "BTCUSDT", "orderId": placed["orderId"], "timestamp": stamp}
        replies = [
            placed,
            await client.call("order.status", **named),
            await client.call("myTrades", **named),
            await client.call("account.status", timestamp=stamp),
            await client.call("exchangeInfo"),
            await client.call("time"),
            await client.call("session.status"),
            await client.call("avgPrice", symbol="BTCUSDT"),
            await client.call("ticker.24hr", symbol="BTCUSDT"),
            await client.call("trades.recent", symbol="BTCUSDT"),
        ]
        assert [digits(reply) for reply in replies] == [{DIGITS[unit]}] * len(replies)
        klines = at(await client.call("klines", symbol="BTCUSDT", interval="1m"), "result", 0)
        assert {len(str(at(klines, place))) for place in (0, 6)} == {DIGITS[unit]}
        report = await client.event(lambda event: event["e"] == "executionReport")
        position = await client.event(lambda event: event["e"] == "outboundAccountPosition")
        assert digits(report) | digits(position) == {DIGITS[unit]}
        assert len(str(position["u"])) == DIGITS[unit]
        await client.call("userDataStream.unsubscribe")
        ended = await client.event(lambda event: event["e"] == "eventStreamTerminated")
        assert digits(ended) == {DIGITS[unit]}


@pytest.mark.parametrize("unit", UNITS)
async def test_when_to_come_back(unit: str) -> None:
    """A refusal for rate names the time in that unit too."""
    limits = RateLimits(weight=RateLimit(3, MINUTE_MS))
    config = model_config(rules=ExchangeRules(limits=limits))
    async with (
        open_venue(config) as (_, address),
        api_client(address, f"?timeUnit={unit}") as client,
    ):
        reply = await client.call("exchangeInfo")
        assert reply["status"] == 429
        assert at(reply, "error", "data", "retryAfter")
        assert digits(reply) == {DIGITS[unit]}


@pytest.mark.parametrize("unit", UNITS)
async def test_shutdown_is_announced_in_it(unit: str) -> None:
    """On streams and on the WebSocket API."""
    config = model_config(connection_life=5 * NANOS_PER_MS, shutdown_lead=5 * NANOS_PER_MS)
    async with open_venue(config) as (_, address):
        for path in ("/ws", "/ws-api/v3"):
            async with (
                asyncio.timeout(DEADLINE_SECONDS),
                connect(f"{address}{path}?timeUnit={unit}") as connection,
            ):
                message = msgspec.json.decode(await connection.recv())
                assert message.get("event", message)["e"] == "serverShutdown"
                assert digits(message) == {DIGITS[unit]}


@pytest.mark.parametrize("unit", UNITS)
async def test_rest(unit: str) -> None:
    """By a header, request for request."""
    async with open_venue(lively()) as (_, address), raw_client(address) as client:
        for target in ("time", "exchangeInfo", "ticker/24hr?symbol=BTCUSDT"):
            reply = await client.ask(f"GET /api/v3/{target}", X_MBX_TIME_UNIT=unit)
            assert digits(msgspec.json.decode(reply.body)) == {DIGITS[unit]}
        plain = msgspec.json.decode((await client.ask("GET /api/v3/time")).body)
        assert digits(plain) == {DIGITS["MILLISECOND"]}


async def test_another_unit_is_refused() -> None:
    """-1194: over REST as any error, for a socket by its handshake."""
    async with open_venue(model_config()) as (_, address):
        async with raw_client(address) as client:
            reply = await client.ask("GET /api/v3/time", X_MBX_TIME_UNIT="NANOSECOND")
            assert (reply.status, msgspec.json.decode(reply.body)["code"]) == (400, -1194)
        for path in ("/stream", "/ws/btcusdt@trade", "/ws-api/v3"):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"{address}{path}?timeUnit=NANOSECOND"):
                    pass
            response = refused.value.response
            assert (response.status_code, msgspec.json.decode(response.body)["code"]) == (
                400,
                -1194,
            )
