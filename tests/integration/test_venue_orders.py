"""The simulated venue's WebSocket API on real sockets: orders, events, and books that last."""

import asyncio
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from genesis.errors import ConfigError, ResourceError, StorageError
from genesis.units import NANOS_PER_MS
from genesis.venue.config import ModelOptions
from genesis.venue.connection import PingRules
from genesis.venue.server import VenueServer
from genesis.venue.sqlite_ledger import SqliteLedger
from tests.support.venue import (
    DEADLINE_SECONDS,
    api_client,
    at,
    each,
    model_config,
    now_ms,
    open_venue,
    signed,
)

CLOSE, PING, PONG = 0x8, 0x9, 0xA
BUY = {"symbol": "BTCUSDT", "side": "BUY"}


def is_report(execution_type: str, status: str) -> Callable[[dict[str, object]], bool]:
    """Return a test for an execution report of that kind."""
    return lambda event: (event.get("x"), event.get("X")) == (execution_type, status)


async def test_an_order_is_placed_filled_and_reported() -> None:
    """A market order fills at once; reply, events, trades and account agree."""
    async with open_venue(model_config()) as (_, address), api_client(address) as client:
        await client.log_on()
        placed = await client.result(
            "order.place", **BUY, type="MARKET", quantity="0.01", timestamp=now_ms()
        )
        assert placed["status"] == "FILLED"
        new = await client.event(is_report("NEW", "NEW"))
        filled = await client.event(is_report("TRADE", "FILLED"))
        position = await client.event(lambda event: event["e"] == "outboundAccountPosition")
        account = await client.result("account.status", timestamp=now_ms())

        assert new["i"] == filled["i"] == placed["orderId"]
        fills = placed["fills"]
        assert isinstance(fills, list)
        assert [fill["tradeId"] for fill in fills][-1] == filled["t"]
        told = zip(each(position["B"], "a"), each(position["B"], "f"), strict=True)
        balances = account["balances"]
        held = dict(zip(each(balances, "asset"), each(balances, "free"), strict=True))
        assert dict(told) == held
        assert held["BTC"] == "0.00999000"


async def test_an_order_rests_and_is_canceled() -> None:
    """It is open in between, and its funds come back."""
    async with open_venue(model_config()) as (_, address), api_client(address) as client:
        await client.log_on()
        order = {**BUY, "type": "LIMIT", "timeInForce": "GTC", "price": "50000", "quantity": "0.1"}
        await client.result("order.place", **order, newClientOrderId="rest", timestamp=now_ms())
        status = await client.result(
            "order.status", symbol="BTCUSDT", origClientOrderId="rest", timestamp=now_ms()
        )
        assert status["status"] == "NEW"
        await client.result(
            "order.cancel", symbol="BTCUSDT", origClientOrderId="rest", timestamp=now_ms()
        )
        canceled = await client.event(is_report("CANCELED", "CANCELED"))
        assert canceled["C"] == "rest"
        account = await client.result("account.status", timestamp=now_ms())
        assert account["balances"] == [
            {"asset": "USDT", "free": "100000.00000000", "locked": "0.00000000"}
        ]


async def test_a_resting_order_is_filled_by_the_market() -> None:
    """Inside the spread, the model's takers come to it, and the fill is reported as a maker's."""
    config = model_config(model=ModelOptions(instruments=1, rate=2_000.0))
    async with open_venue(config) as (_, address), api_client(address) as client:
        await client.log_on()
        book = await client.result("depth", symbol="BTCUSDT", limit=5)
        best = Decimal(str(at(book, "bids", 0, 0))) + Decimal("0.01")
        order = {**BUY, "type": "LIMIT", "timeInForce": "GTC", "price": str(best)}
        await client.result("order.place", **order, quantity="0.001", timestamp=now_ms())
        filled = await client.event(is_report("TRADE", "FILLED"))

        assert filled["m"] is True
        assert filled["N"] == "BTC"


async def test_the_ledger_survives_the_venue(tmp_path: Path) -> None:
    """Balances, orders and histories are there again; its file can be audited meanwhile."""
    path = tmp_path / "venue.db"
    async with open_venue(model_config(ledger_path=path)) as (_, address):
        async with api_client(address) as client:
            await client.log_on()
            filled = await client.result(
                "order.place", **BUY, type="MARKET", quantity="0.01", timestamp=now_ms()
            )
            order = {**BUY, "type": "LIMIT", "timeInForce": "GTC", "price": "50000"}
            resting = await client.result(
                "order.place", **order, quantity="0.1", newClientOrderId="r", timestamp=now_ms()
            )
            before = await client.result("account.status", timestamp=now_ms())
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as audit:
            rows = audit.execute("SELECT asset, free + locked FROM balances").fetchall()
        audit.close()
        assert dict(rows)["BTC"] == 999_000

    async with (
        open_venue(model_config(ledger_path=path)) as (_, address),
        api_client(address) as client,
    ):
        await client.log_on()
        after = await client.result("account.status", timestamp=now_ms())
        assert after["balances"] == before["balances"]
        status = await client.result(
            "order.status", symbol="BTCUSDT", orderId=filled["orderId"], timestamp=now_ms()
        )
        assert status["status"] == "FILLED"
        canceled = await client.result(
            "order.cancel", symbol="BTCUSDT", origClientOrderId="r", timestamp=now_ms()
        )
        assert canceled["orderId"] == resting["orderId"]


async def test_latency_passes_between_request_and_matching() -> None:
    """With a window shorter than the latency, orders are refused just before they are matched."""
    config = model_config(latency=30 * NANOS_PER_MS)
    async with open_venue(config) as (_, address), api_client(address) as client:
        reply = await client.call(
            "order.place",
            **signed(
                {
                    **BUY,
                    "type": "MARKET",
                    "quantity": "0.01",
                    "timestamp": now_ms(),
                    "recvWindow": 10,
                }
            ),
        )
        assert reply["error"] == {
            "code": -1021,
            "msg": "Timestamp for this request is outside of the recvWindow.",
        }


async def test_a_fragmented_request_is_one_request() -> None:
    """A message may come in several frames."""
    async with (
        open_venue(model_config()) as (_, address),
        connect(f"{address}/ws-api/v3?returnRateLimits=false") as connection,
    ):
        await connection.send(['{"id":1,', '"method":', '"ping"}'])
        assert await connection.recv() == '{"id":1,"status":200,"result":{}}'


async def test_paths_that_lead_nowhere_are_refused() -> None:
    """404, and the venue goes on."""
    async with open_venue(model_config()) as (_, address):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"{address}/nowhere")
        assert caught.value.response.status_code == 404
        async with api_client(address) as client:
            await client.result("ping")


async def test_a_port_in_use_is_one_clear_error(tmp_path: Path) -> None:
    """ResourceError names the port and the remedy; the second venue leaves nothing open."""
    async with open_venue(model_config()) as (_, address):
        port = int(address.rpartition(":")[2])
        second = VenueServer(model_config(ledger_path=tmp_path / "v.db"), lambda: 10**18)
        with pytest.raises(ResourceError, match=f"port {port} on 127.0.0.1 cannot be had"):
            await second.start("127.0.0.1", port)
        await second.close()


async def test_a_missing_tape_is_one_clear_error(tmp_path: Path) -> None:
    """ConfigError names the path."""
    server = VenueServer(model_config(tape_path=tmp_path / "none"), lambda: 10**18)
    with pytest.raises(ConfigError, match="none"):
        await server.start("127.0.0.1", 0)
    await server.close()


async def test_a_broken_ledger_ends_the_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be recorded is not told: the venue stops serving and says why."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.log_on()

        def refuse(*_: object) -> None:
            raise StorageError("venue ledger: disk full")

        monkeypatch.setattr(SqliteLedger, "commit", refuse)
        await client.send("order.place", **BUY, type="MARKET", quantity="0.01", timestamp=now_ms())
        assert server.failure is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            with pytest.raises(StorageError, match="disk full"):
                await asyncio.shield(server.failure)
        with pytest.raises(InvalidStatus):
            await connect(f"{address}/ws-api/v3")


async def test_a_timer_that_breaks_ends_the_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only requests can meet a broken ledger."""

    def refuse(*_: object) -> None:
        raise StorageError("venue ledger: disk full")

    monkeypatch.setattr("genesis.venue.server.VENUE_MARKS_PERIOD", NANOS_PER_MS)
    with monkeypatch.context() as broken:
        broken.setattr(SqliteLedger, "save_marks", refuse)
        async with open_venue(model_config()) as (server, _):
            assert server.failure is not None
            async with asyncio.timeout(DEADLINE_SECONDS):
                with pytest.raises(StorageError, match="disk full"):
                    await asyncio.shield(server.failure)


async def handshake(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a WebSocket by hand: what the library does by itself must be seen, or left undone."""
    host, port = address.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET /ws-api/v3 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    return reader, writer


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return opcode and content of a short frame."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        first, length = await reader.readexactly(2)
        return first & 0x0F, await reader.readexactly(length)


async def test_pings_come_as_configured() -> None:
    """Each with a payload of its own, and a pong keeps the connection."""
    config = model_config(pings=PingRules(interval=20 * NANOS_PER_MS))
    async with open_venue(config) as (_, address):
        reader, writer = await handshake(address)
        payloads = set()
        for _ in range(3):
            opcode, payload = await read_frame(reader)
            assert opcode == PING
            payloads.add(payload)
            mask = bytes(4)
            writer.write(bytes((0x80 | PONG, 0x80 | len(payload))) + mask + payload)
        assert len(payloads) == 3
        writer.close()
        await writer.wait_closed()


async def test_a_client_that_leaves_pings_unanswered_is_cut_off() -> None:
    """1008 after the time for an answer has passed; a pong nobody asked for does not count."""
    pings = PingRules(interval=20 * NANOS_PER_MS, pong_timeout=50 * NANOS_PER_MS)
    config = model_config(pings=pings)
    async with open_venue(config) as (_, address):
        reader, writer = await handshake(address)
        writer.write(bytes((0x80 | PONG, 0x80)) + bytes(4))
        opcode, payload = await read_frame(reader)
        while opcode == PING:
            opcode, payload = await read_frame(reader)
        assert (opcode, payload) == (CLOSE, b"\x03\xf0Pong timeout")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
