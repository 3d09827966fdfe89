"""Faults that a test asks for befall connections, open ones and new ones; and how each one ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from genesis.venue.connection import PingRules
from genesis.venue.connection_faults import (
    ConnectionClosed as ClosedByVenue,
)
from genesis.venue.connection_faults import (
    ConnectionCut,
    ConnectionDarkened,
    ConnectionSilenced,
    HandshakeRefused,
)
from genesis.venue.exchange import ExchangeRules
from genesis.venue.request_limits import RateLimit, RateLimits
from genesis.venue.venue_acts import AddressBanned, ServerShutdown
from tests.support.faults import LocalFaults
from tests.support.raw_http import raw_client
from tests.support.venue import DEADLINE_SECONDS, api_client, at, model_config, open_venue
from tests.support.venue_orders import order, trades_in_books

PING_BYTES = 2 + 19
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
QUOTES = "/stream?streams=btcusdt@bookTicker"


async def receive(connection: ClientConnection) -> bytes:
    """Return the next message, under the deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await connection.recv(decode=False)


async def closing_of(connection: ClientConnection) -> tuple[int, str] | None:
    """Read until the connection ends; return code and reason, or None if it was cut."""
    try:
        while True:
            await receive(connection)
    except ConnectionClosed as closed:
        close = closed.rcvd
        return None if close is None else (close.code, close.reason)


async def assert_silent(
    connection: ClientConnection, moves: Callable[[], Awaitable[object]]
) -> None:
    """Let the venue have something to say for a while; nothing of it comes."""
    for _ in range(20):
        await moves()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await connection.recv()
    connection.transport.abort()


async def test_open_connections_are_cut() -> None:
    """Those of the kind that is named, without a close frame; others stay."""
    async with (
        open_venue(model_config()) as (server, address),
        connect(address + QUOTES) as stream,
        api_client(address) as client,
    ):
        await LocalFaults(server).strike(ConnectionCut(kind="streams"))
        assert await closing_of(stream) is None
        await client.result("ping")


async def test_one_of_the_open_connections_is_cut() -> None:
    """The oldest or the newest of those that are subscribed to a stream."""
    async with (
        open_venue(model_config()) as (server, address),
        connect(f"{address}/ws/ethusdt@bookTicker") as other,
        connect(address + QUOTES) as first,
        connect(address + QUOTES) as second,
        connect(address + QUOTES) as third,
    ):
        faults = LocalFaults(server)
        await faults.strike(ConnectionCut(stream="btcusdt@bookTicker", which="oldest"))
        assert await closing_of(first) is None
        await faults.strike(ConnectionCut(stream="btcusdt@bookTicker", which="newest"))
        assert await closing_of(third) is None
        await receive(second)
        await receive(other)


async def test_a_connection_is_closed_for_too_many_requests() -> None:
    """1008 with the venue's words."""
    async with (
        open_venue(model_config()) as (server, address),
        connect(address + QUOTES) as stream,
    ):
        await LocalFaults(server).strike(ClosedByVenue())
        assert await closing_of(stream) == (1008, "Too many requests")


async def test_a_connection_falls_silent() -> None:
    """Nothing comes, and what the client sends is carried out."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.log_on()
        await LocalFaults(server).strike(ConnectionSilenced(kind="api"))
        await client.send("order.place", **order())
        async with api_client(address) as other:
            while trades_in_books(server) == 0:
                await other.result("ping")
            await assert_silent(client.connection, lambda: other.result("ping"))


async def test_a_silent_connection_is_served_on() -> None:
    """It is not closed for the pongs that it cannot send, as another one is by then."""
    pings = PingRules(interval=2 * NANOS_PER_MS, pong_timeout=10 * NANOS_PER_MS)
    async with (
        open_venue(model_config(pings=pings)) as (server, address),
        api_client(address) as silent,
        api_client(address) as other,
        raw_client(address) as mute,
    ):
        await LocalFaults(server).strike(ConnectionSilenced(which="oldest"))
        assert (await mute.ask("GET /ws", b"", **UPGRADE)).status == 101
        assert (await mute.rest()).endswith(b"Pong timeout")
        await silent.send("order.place", **order())
        while trades_in_books(server) == 0:
            await other.result("ping")
        silent.connection.transport.abort()


async def test_a_silent_connection_is_not_pinged() -> None:
    """Its client hears nothing at all, while others are pinged."""
    config = model_config(
        pings=PingRules(interval=2 * NANOS_PER_MS, pong_timeout=60 * NANOS_PER_SECOND)
    )
    async with (
        open_venue(config) as (server, address),
        raw_client(address) as silent,
        raw_client(address) as other,
    ):
        for client in (silent, other):
            assert (await client.ask("GET /ws", b"", **UPGRADE)).status == 101
            await client.exactly(PING_BYTES)
        await LocalFaults(server).strike(ConnectionSilenced(which="oldest"))
        await other.exactly(PING_BYTES)
        await silent.arrived()  # what was on its way has come by now
        await other.exactly(5 * PING_BYTES)
        assert await silent.arrived() == b""


async def test_a_connection_becomes_a_black_hole() -> None:
    """Nothing comes and nothing is carried out, and still it is open."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await LocalFaults(server).strike(ConnectionDarkened(kind="api"))
        await client.send("order.place", **order())
        async with api_client(address) as other:
            await assert_silent(client.connection, lambda: other.result("ping"))
        assert trades_in_books(server) == 0


async def test_a_new_connection_is_refused() -> None:
    """With status and time to come again; the one after it is let in."""
    fault = HandshakeRefused(kind="streams", status=503, retry_after_ms=1_500)
    async with open_venue(model_config()) as (server, address), LocalFaults(server).during(fault):
        async with api_client(address) as client:
            await client.result("ping")
        with pytest.raises(InvalidStatus) as caught:
            await connect(address + QUOTES)
        response = caught.value.response
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        async with connect(address + QUOTES) as stream:
            await receive(stream)


async def test_a_new_connection_is_cut_in_its_handshake() -> None:
    """No answer, an end."""
    async with (
        open_venue(model_config()) as (server, address),
        LocalFaults(server).during(ConnectionCut(on="new")),
    ):
        with pytest.raises((InvalidMessage, ConnectionError)):
            await connect(address + QUOTES)


async def test_a_new_connection_is_never_answered() -> None:
    """The socket opens, and the handshake waits for ever."""
    async with (
        open_venue(model_config()) as (server, address),
        LocalFaults(server).during(ConnectionDarkened(on="new")) as (number,),
    ):
        waiting = asyncio.create_task(connect(address + QUOTES, open_timeout=None).__aenter__())
        await LocalFaults(server).until_struck(number)
        async with connect(address + QUOTES) as stream:
            for _ in range(20):
                await receive(stream)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait({waiting})


async def test_a_new_connection_is_silent_from_the_start() -> None:
    """Its handshake is answered, and that is all."""
    async with (
        open_venue(model_config()) as (server, address),
        LocalFaults(server).during(ConnectionSilenced(on="new", kind="streams")),
        connect(address + QUOTES) as stream,
        api_client(address) as other,
    ):
        await assert_silent(stream, lambda: other.result("ping"))


async def test_a_shutdown_is_announced() -> None:
    """Each kind of connection is told in its own form, and closed when the time is over."""
    async with (
        open_venue(model_config()) as (server, address),
        connect(f"{address}/stream?streams=none@trade") as combined,
        connect(f"{address}/ws/none@trade") as raw,
        api_client(address) as client,
    ):
        await LocalFaults(server).strike(ServerShutdown(lead_ms=30))
        told = [
            msgspec.json.decode(await receive(connection))
            for connection in (combined, raw, client.connection)
        ]
        assert told[0]["stream"] == "!serverShutdown"
        assert told[0]["data"].keys() == told[1].keys() == told[2]["event"].keys() == {"e", "E"}
        assert told[1]["e"] == at(told[2], "event", "e") == "serverShutdown"
        for connection in (combined, raw, client.connection):
            assert await closing_of(connection) == (1001, "")


async def test_a_connection_has_a_life() -> None:
    """Told of its end some time before it, whatever it was used for."""
    config = model_config(connection_life=120 * NANOS_PER_MS, shutdown_lead=60 * NANOS_PER_MS)
    async with open_venue(config) as (_, address), connect(f"{address}/ws") as stream:
        opened = time.monotonic_ns()
        assert msgspec.json.decode(await receive(stream))["e"] == "serverShutdown"
        assert await closing_of(stream) == (1001, "")
        assert time.monotonic_ns() - opened > 100 * NANOS_PER_MS


async def test_an_address_connects_so_often() -> None:
    """The attempt beyond the limit is refused until the window ends; REST goes on."""
    limits = RateLimits(connections=RateLimit(3, 3_600_000))
    config = model_config(rules=ExchangeRules(limits=limits))
    async with open_venue(config) as (_, address), raw_client(address) as http:
        for _ in range(3):
            async with connect(address + QUOTES):
                pass
        with pytest.raises(InvalidStatus) as caught:
            await connect(address + QUOTES)
        assert caught.value.response.status_code == 429
        assert 0 < int(caught.value.response.headers["Retry-After"]) <= 3_600
        info = msgspec.json.decode((await http.ask("GET /api/v3/exchangeInfo")).body)
        assert {
            "rateLimitType": "CONNECTIONS",
            "interval": "HOUR",
            "intervalNum": 1,
            "limit": 3,
        } in info["rateLimits"]


async def test_an_address_is_banned() -> None:
    """418 to every request and handshake, with its end; open streams go on; it can be lifted."""
    async with (
        open_venue(model_config()) as (server, address),
        connect(address + QUOTES) as stream,
        api_client(address) as client,
        raw_client(address) as http,
    ):
        faults = LocalFaults(server)
        (number,) = await faults.strike(AddressBanned(for_ms=120_000))
        assert (await client.call("time"))["status"] == 418
        reply = await client.call("ping")
        assert reply["status"] == 418
        assert "IP banned until" in str(at(reply, "error", "msg"))
        until, now = (at(reply, "error", "data", name) for name in ("retryAfter", "serverTime"))
        assert isinstance(until, int)
        assert isinstance(now, int)
        assert 0 < until - now <= 120 * NANOS_PER_SECOND // NANOS_PER_MS
        banned = await http.ask("GET /api/v3/time")
        assert (banned.status, msgspec.json.decode(banned.body)["code"]) == (418, -1003)
        assert int(banned.headers["retry-after"]) > 0
        with pytest.raises(InvalidStatus) as caught:
            await connect(address + QUOTES)
        assert caught.value.response.status_code == 418
        await receive(stream)

        await faults.clear(number)
        assert (await client.call("ping"))["status"] == 200


async def test_another_address_is_not_banned() -> None:
    """The ban names one; this one goes on."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await LocalFaults(server).strike(AddressBanned(address="127.0.0.9", for_ms=120_000))
        await client.result("ping")
