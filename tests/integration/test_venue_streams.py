"""The simulated venue's streams on real sockets: subscriptions, books, tapes, back-pressure."""

import asyncio
import gzip
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage

from genesis.venue.connection import VenueConnection
from genesis.venue.depth_feed import DepthSnapshot, PublishedBook
from genesis.venue.replay_market import ReplayOptions
from genesis.venue.stream_payloads import DepthDiff
from genesis.venue.tape import diff_of, snapshot_of
from tests.support import tapes
from tests.support.venue import DEADLINE_SECONDS, api_client, each, model_config, open_venue

SHARED_TAPES = Path(__file__).parents[3] / "shared" / "data"
TAPE_STREAMS = "btcusdt@bookTicker/btcusdt@trade/btcusdt@depth@100ms"


async def receive(connection: ClientConnection) -> bytes:
    """Return the next message, under the deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        message = await connection.recv(decode=False)
    assert isinstance(message, bytes)
    return message


async def control(connection: ClientConnection, request: str) -> object:
    """Send a control message, and return the reply among what else comes."""
    await connection.send(request)
    while True:
        message = msgspec.json.decode(await receive(connection))
        if "id" in message:
            return message


async def test_combined_and_raw_connections() -> None:
    """Streams of the path come at once, in the form that the path says."""
    async with (
        open_venue(model_config()) as (_, address),
        connect(f"{address}/stream?streams=btcusdt@bookTicker") as combined,
        connect(f"{address}/ws/btcusdt@bookTicker") as raw,
    ):
        wrapped = msgspec.json.decode(await receive(combined))
        assert wrapped["stream"] == "btcusdt@bookTicker"
        assert msgspec.json.decode(await receive(raw)).keys() == wrapped["data"].keys()


async def test_control_messages() -> None:
    """Subscribe, list, change the form, unsubscribe: each answered by its id."""
    async with open_venue(model_config()) as (_, address), connect(f"{address}/ws") as connection:
        request = '{"method":"SUBSCRIBE","params":["ethusdt@bookTicker"],"id":1}'
        assert await control(connection, request) == {"result": None, "id": 1}
        request = '{"method":"SET_PROPERTY","params":["combined",true],"id":2}'
        assert await control(connection, request) == {"result": None, "id": 2}
        while "stream" not in msgspec.json.decode(await receive(connection)):
            pass
        reply = await control(connection, '{"method":"LIST_SUBSCRIPTIONS","id":"x"}')
        assert reply == {"result": ["ethusdt@bookTicker"], "id": "x"}


async def test_too_many_control_messages_close_the_connection() -> None:
    """The sixth within a second, pings among them, is one too many: 1008."""
    async with (
        open_venue(model_config()) as (_, address),
        connect(f"{address}/ws", ping_interval=None) as connection,
    ):
        for number in range(3):
            await connection.ping()
            await connection.send(f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}')
        await connection.wait_closed()
        with pytest.raises(ConnectionClosed) as caught:
            await connection.send("too late")
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1008, "Too many requests")


async def test_a_book_is_kept_by_the_venues_rule() -> None:
    """Events buffered from before the snapshot fit it, and those after follow without a gap."""
    async with (
        open_venue(model_config()) as (_, address),
        connect(f"{address}/stream?streams=btcusdt@depth@100ms") as stream,
        api_client(address) as client,
    ):
        buffered: list[DepthDiff] = []
        snapshot = DepthSnapshot(0, [], [])
        while not buffered or snapshot.last_update_id < buffered[0].first_update_id:
            buffered.append(diff_of(await receive(stream)))
            result = await client.result("depth", symbol="BTCUSDT", limit=1_000)
            snapshot = snapshot_of(msgspec.json.encode(result))
        book = PublishedBook(0)
        book.replace(snapshot)
        for diff in [*buffered, *[diff_of(await receive(stream)) for _ in range(10)]]:
            if diff.last_update_id > book.last_update_id:
                assert diff.first_update_id <= book.last_update_id + 1
                book.apply(diff)
        top = book.snapshot(1)

        assert top.bids[0][0] < top.asks[0][0]


async def test_klines_come_every_second() -> None:
    """Of the trades so far, for those who want them."""
    async with (
        open_venue(model_config()) as (_, address),
        connect(f"{address}/stream?streams=btcusdt@kline_1s") as stream,
    ):
        event = msgspec.json.decode(await receive(stream))["data"]
        assert (event["e"], event["k"]["i"]) == ("kline", "1s")


async def test_a_raw_tape_is_served_byte_for_byte(tmp_path: Path) -> None:
    """As fast as it is taken, from its first frame, whole."""
    path = tapes.write_tape(tmp_path / "tape.ndjson.gz", tapes.short_tape())
    options = ReplayOptions(speed=0, loop=False, is_raw=True)
    config = model_config(tape_path=path, replay=options)
    async with (
        open_venue(config) as (server, address),
        connect(f"{address}/stream?streams={TAPE_STREAMS}") as stream,
    ):
        recorded = tapes.payloads(tapes.short_tape())
        assert [await receive(stream) for _ in recorded] == recorded
        assert server.frames_sent == len(recorded)


@pytest.mark.skipif(not SHARED_TAPES.is_dir(), reason="the shared recordings are not on this host")
async def test_real_frames_are_served_byte_for_byte(tmp_path: Path) -> None:
    """Thousands of them, through a client that reads slowly enough to hold the tape back."""
    with gzip.open(SHARED_TAPES / "binance-spot-ethusdt-20240808.ndjson.gz") as file:
        lines = [file.readline() for _ in range(3_000)]
    path = tapes.write_tape(tmp_path / "tape.ndjson", lines)
    recorded = tapes.payloads(lines)
    options = ReplayOptions(speed=0, loop=False, is_raw=True)
    streams = TAPE_STREAMS.replace("btc", "eth")
    async with (
        open_venue(model_config(tape_path=path, replay=options)) as (_, address),
        connect(f"{address}/stream?streams={streams}", max_queue=4) as stream,
    ):
        for payload in recorded:
            assert await receive(stream) == payload


async def test_a_tape_plays_on_the_present_clock(tmp_path: Path) -> None:
    """Orders match against it, and it goes on as recorded."""
    path = tapes.write_tape(tmp_path / "tape.ndjson", tapes.short_tape())
    config = model_config(tape_path=path, replay=ReplayOptions(speed=20.0, loop=True))
    async with (
        open_venue(config) as (_, address),
        connect(f"{address}/stream?streams=btcusdt@depth@100ms") as stream,
        api_client(address) as client,
    ):
        info = await client.result("exchangeInfo")
        assert each(info["symbols"], "symbol") == ["BTCUSDT"]
        await client.log_on()
        sent = msgspec.json.decode(await receive(stream))["data"]["E"]
        clock = await client.result("time")
        server_time = clock["serverTime"]
        assert isinstance(server_time, int)
        assert sent <= server_time
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
        placed = await client.result("order.place", **order, timestamp=server_time)
        assert placed["status"] == "FILLED"


async def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it is bounded; others go on."""
    monkeypatch.setattr("genesis.venue.connection.VENUE_SEND_BUFFER_BYTES_MAX", 1_000)
    async with open_venue(model_config()) as (_, address):
        host, port = address.removeprefix("ws://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        streams = "/".join(
            f"{symbol}@{kind}"
            for symbol in ("btcusdt", "ethusdt", "bnbusdt")
            for kind in ("bookTicker", "trade", "depth@100ms")
        )
        writer.write(
            f"GET /stream?streams={streams} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        async with connect(f"{address}/ws/btcusdt@bookTicker") as other:
            await receive(other)
        writer.close()


async def test_there_is_room_for_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is closed at once."""
    monkeypatch.setattr("genesis.venue.server.VENUE_CONNECTIONS_MAX", 1)
    async with open_venue(model_config()) as (_, address), connect(f"{address}/ws"):
        with pytest.raises((InvalidMessage, OSError)):
            await connect(f"{address}/ws")


async def test_a_tape_waits_for_whoever_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As fast as taken means no faster: while a client does not read, the tape stands still."""
    levels = ",".join(f'["{price}.00","1.0"]' for price in range(1, 200))
    lines = [tapes.depth(row, (row, row), levels, "") for row in range(1, 20)]
    path = tapes.write_tape(tmp_path / "tape.ndjson", lines)
    config = model_config(tape_path=path, replay=ReplayOptions(speed=0, loop=True, is_raw=True))
    async with open_venue(config) as (server, address):
        held = asyncio.Event()
        take_note = server.paused

        def watch(connection: VenueConnection, *, is_paused: bool) -> None:
            take_note(connection, is_paused=is_paused)
            if is_paused:
                held.set()

        monkeypatch.setattr(server, "paused", watch)
        async with connect(f"{address}/stream?streams={TAPE_STREAMS}", max_queue=1) as stream:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await held.wait()
            sent = server.frames_sent
            for _ in range(50):
                await asyncio.sleep(0)
            assert server.frames_sent == sent
            for _ in range(sent + 1):
                await receive(stream)
            assert server.frames_sent > sent
            stream.transport.abort()  # a closing handshake would wait behind what is unread
