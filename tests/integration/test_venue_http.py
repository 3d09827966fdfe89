"""The simulated venue's port speaks HTTP beside WebSockets: requests, bounds, and who may wait."""

import asyncio
import contextlib
import gzip

import msgspec
import pytest
from websockets.asyncio.client import connect

from genesis.errors import StorageError
from genesis.units import NANOS_PER_MS
from genesis.venue.exchange import Exchange
from tests.support.raw_http import raw_client
from tests.support.venue import DEADLINE_SECONDS, api_client, model_config, open_venue

PING = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_connection_is_kept_alive_between_requests() -> None:
    """Each is answered as the live venue does: JSON, its type, the weight used so far."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        first = await client.ask("GET /api/v3/ping")
        second = await client.ask("GET /api/v3/time")
        assert (first.status, first.body) == (200, b"{}")
        assert first.headers["content-type"] == "application/json;charset=UTF-8"
        assert msgspec.json.decode(second.body).keys() == {"serverTime"}
        used = [
            (reply.headers["x-mbx-used-weight"], reply.headers["x-mbx-used-weight-1m"])
            for reply in (first, second)
        ]
        assert used == [("1", "1"), ("2", "2")]


async def test_weight_is_one_with_the_websocket_api() -> None:
    """An address has one counter, whatever it speaks."""
    async with (
        open_venue(model_config()) as (_, address),
        api_client(address) as api,
        raw_client(address) as client,
    ):
        await api.call("exchangeInfo")
        reply = await client.ask("GET /api/v3/ping")
        assert reply.headers["x-mbx-used-weight-1m"] == "23"


async def test_requests_sent_ahead_are_answered_in_their_turn() -> None:
    """However many come at once."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        client.send(PING * 1_000)
        assert {(await client.response()).status for _ in range(1_000)} == {200}


async def test_a_client_ahead_of_its_answers_is_not_read_on() -> None:
    """Until the one under way is answered; nothing of what it sent is lost."""
    async with (
        open_venue(model_config(latency=20 * NANOS_PER_MS)) as (_, address),
        raw_client(address) as client,
        raw_client(address) as other,
    ):
        for _ in range(3):
            client.send(PING * 2)
            # What another connection is told at once, it is told after this one was read.
            assert (await other.ask("GET /")).status == 404
        assert [(await client.response()).status for _ in range(6)] == [200] * 6


async def test_a_body_may_come_in_pieces_and_wait_to_be_asked_for() -> None:
    """A client that expects to be told to go on is told so."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        client.send(
            b"POST /api/v3/ping HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert (await client.response()).status == 100
        client.send(b"a=")
        client.send(b"1&" + PING)
        assert (await client.response()).status == 404
        assert (await client.response()).status == 200


async def test_what_is_long_is_compressed_when_asked() -> None:
    """And what is short, or not asked for, is not."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        path = "GET /api/v3/exchangeInfo"
        plain = await client.ask(path)
        packed = await client.ask(path, accept_encoding="deflate, gzip;q=0.9")
        short = await client.ask("GET /api/v3/ping", accept_encoding="gzip")
        assert "content-encoding" not in plain.headers
        assert "content-encoding" not in short.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert len(packed.body) < len(plain.body) / 4
        unpacked, document = map(msgspec.json.decode, (gzip.decompress(packed.body), plain.body))
        assert unpacked["symbols"] == document["symbols"]


async def test_who_asks_to_close_is_answered_and_closed() -> None:
    """So is a client of HTTP/1.0."""
    async with open_venue(model_config()) as (_, address):
        async with raw_client(address) as client:
            assert (await client.ask("GET /api/v3/ping", connection="close")).status == 200
            assert await client.rest() == b""
        async with raw_client(address) as client:
            client.send(b"GET /api/v3/ping HTTP/1.0\r\n\r\n")
            assert (await client.response()).status == 200
            assert await client.rest() == b""


async def test_a_head_request_gets_no_body() -> None:
    """The connection stays in step."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        client.send(b"HEAD /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.response(has_body=False)).status == 404
        assert (await client.ask("GET /api/v3/ping")).status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 404), ("/api/v3/nothing", 404), ("/ws-api/v3", 426), ("/ws/btcusdt@trade", 426)],
)
async def test_a_path_without_an_endpoint_is_html(path: str, status: int) -> None:
    """As before the live API; where a WebSocket belongs, the client is told so."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        reply = await client.ask(f"GET {path}")
        assert (reply.status, reply.headers["content-type"]) == (status, "text/html")
        assert reply.body.startswith(b"<html>")


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
async def test_listen_keys_are_gone(verb: str) -> None:
    """410 with a page, as since 2026-02-20: user events are subscribed by WebSocket."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        reply = await client.ask(f"{verb} /api/v3/userDataStream")
        assert (reply.status, reply.headers["content-type"]) == (410, "text/html")


async def test_the_market_is_asked_over_rest() -> None:
    """Trades, klines and tickers are of what the streams show."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        async with asyncio.timeout(DEADLINE_SECONDS), connect(f"{address}/ws/btcusdt@trade") as ws:
            trade = msgspec.json.decode(await ws.recv())
        told = await client.ask("GET /api/v3/trades?symbol=BTCUSDT")
        trades = {row["id"]: row for row in msgspec.json.decode(told.body)}
        assert trades[trade["t"]]["price"] == trade["p"]
        day = await client.ask("GET /api/v3/ticker/24hr?symbol=BTCUSDT")
        assert msgspec.json.decode(day.body)["lastId"] >= trade["t"]
        price = await client.ask("GET /api/v3/ticker/price?symbols=%5B%22BTCUSDT%22%5D")
        assert [row["symbol"] for row in msgspec.json.decode(price.body)] == ["BTCUSDT"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000, 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + b"a" * 70_000, 413),
    ],
    ids=["no HTTP", "no host", "a long head", "a long body"],
)
async def test_what_is_no_proper_request_ends_the_connection(data: bytes, status: int) -> None:
    """It is told why, and holds no more memory than a proper one."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        client.send(data)
        assert (await client.response()).status == status
        with contextlib.suppress(ConnectionResetError):  # over bytes that were never read
            assert await client.rest() == b""


async def test_a_client_that_sends_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once after its connection, or between two requests."""
    monkeypatch.setattr("genesis.venue.http_connection.VENUE_HTTP_IDLE_MAX", 50 * NANOS_PER_MS)
    async with open_venue(model_config()) as (_, address):
        async with raw_client(address) as client:
            assert await client.rest() == b""
        async with raw_client(address) as client:
            assert (await client.ask("GET /api/v3/ping")).status == 200
            assert await client.rest() == b""


async def test_a_websocket_may_begin_on_a_connection_that_was_http() -> None:
    """Frames that come with the handshake are not lost."""
    async with open_venue(model_config()) as (_, address), raw_client(address) as client:
        assert (await client.ask("GET /api/v3/ping")).status == 200
        text = b'{"id":1,"method":"ping"}'
        client.send(
            b"GET /ws-api/v3 HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            + bytes((0x81, 0x80 | len(text)))
            + bytes(4)
            + text
        )
        assert (await client.response()).status == 101
        head = await client.exactly(4)
        reply = await client.exactly(int.from_bytes(head[2:]))
        assert msgspec.json.decode(reply)["status"] == 200


async def test_a_venue_that_closes_does_not_wait_for_idle_clients() -> None:
    """Their connections end with it."""
    async with contextlib.AsyncExitStack() as clients:
        async with open_venue(model_config()) as (_, address):
            client = await clients.enter_async_context(raw_client(address))
            assert (await client.ask("GET /api/v3/ping")).status == 200
        with contextlib.suppress(ConnectionResetError):
            assert await client.rest() == b""


async def test_a_broken_venue_answers_503(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request that broke it stays without an answer: nobody knows what became of it."""

    def refuse(*_: object) -> None:
        raise StorageError("venue ledger: disk full")

    async with open_venue(model_config()) as (server, address):
        monkeypatch.setattr(Exchange, "listing", refuse)
        async with raw_client(address) as client, raw_client(address) as other:
            client.send(b"GET /api/v3/depth?symbol=BTCUSDT HTTP/1.1\r\nHost: x\r\n\r\n")
            assert server.failure is not None
            async with asyncio.timeout(DEADLINE_SECONDS):
                with pytest.raises(StorageError, match="disk full"):
                    await asyncio.shield(server.failure)
            assert (await other.ask("GET /api/v3/ping")).status == 503
