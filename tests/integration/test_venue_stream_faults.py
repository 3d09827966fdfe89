"""Faults that a test asks for befall user events and market messages, on real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from genesis.venue.fault_terms import Fault
from genesis.venue.stream_faults import (
    EventDelayed,
    EventDoubled,
    EventHeld,
    EventLost,
    FrameCrossed,
    FrameDelayed,
    FrameDoubled,
    FrameGarbled,
    FrameLost,
    StreamSilenced,
)
from genesis.venue.tape import diff_of
from genesis.venue.venue_acts import SnapshotStale, UserStreamsTerminated
from tests.support.faults import LocalFaults
from tests.support.venue import (
    DEADLINE_SECONDS,
    ApiClient,
    api_client,
    at,
    model_config,
    open_venue,
)
from tests.support.venue_orders import order

QUOTES = "btcusdt@bookTicker"
DEPTH = "btcusdt@depth@100ms"


async def traded_kinds(client: ApiClient, count: int) -> list[object]:
    """Place a market order, and return of so many events their execution type or else type."""
    client.events.clear()
    await client.result("order.place", **order())
    kinds = []
    for _ in range(count):
        event = await client.event(lambda _: True)
        kinds.append(event.get("x", event["e"]))
    return kinds


@asynccontextmanager
async def subscriber(*faults: Fault) -> AsyncIterator[ApiClient]:
    """Log on to a venue, subscribed, while faults are in force; each must strike."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.log_on()
        async with LocalFaults(server).during(*faults):
            yield client


async def test_an_event_is_lost() -> None:
    """The fill is not told, what comes behind it is."""
    async with subscriber(EventLost(execution="TRADE")) as client:
        assert await traded_kinds(client, 2) == ["NEW", "outboundAccountPosition"]


async def test_an_event_comes_late() -> None:
    """Behind those that followed it."""
    async with subscriber(EventDelayed(execution="NEW", delay_ms=40)) as client:
        assert await traded_kinds(client, 3) == ["TRADE", "outboundAccountPosition", "NEW"]


async def test_an_event_comes_twice() -> None:
    """The same fill, under the same trade id."""
    async with subscriber(EventDoubled(execution="TRADE", delay_ms=10)) as client:
        kinds = await traded_kinds(client, 4)
    assert kinds == ["NEW", "TRADE", "outboundAccountPosition", "TRADE"]


async def test_two_events_change_places() -> None:
    """The held one comes right behind the next."""
    async with subscriber(EventHeld(execution="NEW")) as client:
        assert await traded_kinds(client, 3) == ["TRADE", "NEW", "outboundAccountPosition"]


async def test_a_user_stream_falls_silent() -> None:
    """The connection answers on, but has no events; a new one has."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.log_on()
        async with LocalFaults(server).during(StreamSilenced(execution="TRADE")):
            assert await traded_kinds(client, 1) == ["NEW"]
        await client.result("order.place", **order("other"))
        await client.result("ping")
        assert client.events == []
        async with api_client(address) as successor:
            await successor.log_on()
            assert (await traded_kinds(successor, 1)) == ["NEW"]


async def test_a_user_stream_is_terminated() -> None:
    """EventStreamTerminated names the subscription; the connection stays and can subscribe anew."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.log_on()
        await LocalFaults(server).strike(UserStreamsTerminated())
        async with asyncio.timeout(DEADLINE_SECONDS):
            ended = msgspec.json.decode(await client.connection.recv())
        assert (at(ended, "event", "e"), ended["subscriptionId"]) == ("eventStreamTerminated", 0)
        await client.result("order.place", **order("unseen"))
        assert client.events == []
        assert (await client.result("userDataStream.subscribe"))["subscriptionId"] == 1
        assert (await traded_kinds(client, 1)) == ["NEW"]


async def receive(connection: ClientConnection) -> bytes:
    """Return the next message, under the deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await connection.recv(decode=False)


@asynccontextmanager
async def listener(stream: str, *faults: Fault) -> AsyncIterator[ClientConnection]:
    """Listen to a stream while faults are in force."""
    async with (
        open_venue(model_config()) as (server, address),
        connect(f"{address}/stream?streams={stream}") as connection,
    ):
        await receive(connection)
        async with LocalFaults(server).during(*faults):
            yield connection


async def test_a_depth_event_is_missing() -> None:
    """The sequence has a gap of one event, and goes on behind it."""
    async with listener(DEPTH, FrameLost(stream=DEPTH, after=1)) as stream:
        diffs = [diff_of(await receive(stream)) for _ in range(4)]
    gaps = [later.first_update_id - earlier.last_update_id for earlier, later in pairwise(diffs)]
    assert gaps[0] > 1
    assert gaps[1:] == [1, 1]


async def test_a_message_comes_late() -> None:
    """Behind messages that were made after it."""
    async with listener(QUOTES, FrameDelayed(symbol="BTCUSDT", delay_ms=60)) as stream:
        ids = [msgspec.json.decode(await receive(stream))["data"]["u"] for _ in range(60)]
    assert ids != sorted(ids)
    assert len(set(ids)) == len(ids)


async def test_a_message_comes_twice() -> None:
    """Word for word."""
    async with listener(QUOTES, FrameDoubled()) as stream:
        assert await receive(stream) == await receive(stream)


@pytest.mark.parametrize("form", ["/stream?streams=", "/ws/"])
async def test_a_message_cannot_be_read(form: str) -> None:
    """It breaks off in its middle, and the next one is whole."""
    async with (
        open_venue(model_config()) as (server, address),
        connect(f"{address}{form}{QUOTES}") as stream,
    ):
        await receive(stream)
        async with LocalFaults(server).during(FrameGarbled()):
            with pytest.raises(msgspec.DecodeError):
                msgspec.json.decode(await receive(stream))
            msgspec.json.decode(await receive(stream))


async def test_a_quote_is_crossed() -> None:
    """Its bid is above its ask."""
    async with listener(QUOTES, FrameCrossed(stream=QUOTES)) as stream:
        quote = msgspec.json.decode(await receive(stream))["data"]
        assert float(quote["b"]) > float(quote["a"])
        honest = msgspec.json.decode(await receive(stream))["data"]
        assert float(honest["b"]) < float(honest["a"])


async def test_a_depth_event_is_crossed() -> None:
    """Bids stand where asks belong: a book that takes it in is crossed."""
    async with listener(DEPTH, FrameCrossed(times=0)) as stream:
        bids: list[float] = []
        asks: list[float] = []
        while not bids or not asks:
            event = msgspec.json.decode(await receive(stream))["data"]
            bids += [float(price) for price, quantity in event["b"] if float(quantity)]
            asks += [float(price) for price, quantity in event["a"] if float(quantity)]
        assert max(bids) > min(asks)


async def test_a_stream_says_nothing_while_its_connection_lives() -> None:
    """Pings come, other streams speak: only this one is silent, until the fault is cleared."""
    async with (
        open_venue(model_config()) as (server, address),
        connect(f"{address}/stream?streams={QUOTES}/ethusdt@bookTicker") as stream,
    ):
        async with LocalFaults(server).during(FrameLost(stream=QUOTES, times=0)):
            await asyncio.wait_for(stream.ping(), DEADLINE_SECONDS)
            heard = [msgspec.json.decode(await receive(stream))["stream"] for _ in range(40)]
        assert set(heard[20:]) == {"ethusdt@bookTicker"}
        while msgspec.json.decode(await receive(stream))["stream"] != QUOTES:
            pass


async def test_a_snapshot_is_older_than_the_stream() -> None:
    """The book of an earlier moment, as often as was asked for; then the book of the present."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await LocalFaults(server).strike(SnapshotStale(symbol="BTCUSDT", times=2))
        async with connect(f"{address}/stream?streams={DEPTH}") as stream:
            first = diff_of(await receive(stream))
            while diff_of(await receive(stream)).last_update_id < first.last_update_id + 50:
                pass
        asked = [await client.result("depth", symbol="BTCUSDT", limit=5) for _ in range(3)]
        ids = [int(str(snapshot["lastUpdateId"])) for snapshot in asked]
        assert ids[0] == ids[1] < first.first_update_id < ids[2]
        bids = asked[0]["bids"]
        assert isinstance(bids, list)
        assert len(bids) == 5


@pytest.mark.parametrize("is_flat", [False, True], ids=["nested", "flat"])
async def test_a_control_message_is_refused_in_either_shape(is_flat: bool) -> None:  # noqa: FBT001
    """In an object of its own, as captures show it, or flat, as the documents print it."""
    async with (
        open_venue(model_config(flat_control_errors=is_flat)) as (_, address),
        connect(f"{address}/ws") as stream,
    ):
        await stream.send('{"method":"GET_PROPERTY","params":["none"],"id":5}')
        error = {"code": 0, "msg": "Unknown property"}
        expected = {**error, "id": 5} if is_flat else {"error": error, "id": 5}
        assert msgspec.json.decode(await receive(stream)) == expected
