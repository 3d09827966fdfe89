"""How the gateway opens a session, loses it, and comes back: subscribed, and telling of the gap."""

import asyncio

import pytest
from websockets.asyncio.server import ServerConnection

from genesis.domain.orders import ExecutionReport
from genesis.errors import VenueRejected, VenueUnreachable
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.gateway import (
    BalanceUpdate,
    StreamGap,
    TransferReported,
    UserEvent,
)
from genesis.units import NANOS_PER_MS
from tests.support.exchange_builders import (
    API_KEY,
    HMAC_SECRET,
    Json,
    approved,
    failure,
    order_reply,
    report_event,
    success,
)
from tests.support.gateways import (
    DEADLINE_S,
    READY_WITHIN,
    EventLog,
    gateway_to,
    make_gateway,
    running,
)
from tests.support.scripted_venue import Request, ScriptedVenue, replies, stays_silent

POSITION: Json = {
    "e": "outboundAccountPosition",
    "E": 2,
    "u": 1,
    "B": [{"a": "USDT", "f": "940.00000000", "l": "60.00000000"}],
}


async def test_a_private_key_logs_on_once_and_subscribes() -> None:
    """Clock first, then the signed logon, then events; later requests need no signature."""
    async with ScriptedVenue() as venue, gateway_to(venue.url):
        methods = [request.method for request in venue.requests]
    assert methods == ["time"] * 5 + ["session.logon", "userDataStream.subscribe"]
    logon, subscription = venue.requests[-2:]
    assert logon.params["apiKey"] == API_KEY
    assert {"signature", "timestamp", "recvWindow"} <= logon.params.keys()
    assert subscription.params == {}


async def test_a_shared_secret_signs_each_request() -> None:
    """HMAC keys cannot log on: subscription and orders carry their own signatures."""
    signer = make_signer(API_KEY, HMAC_SECRET)
    async with ScriptedVenue() as venue, gateway_to(venue.url, signer=signer) as gateway:
        venue.on("order.place", replies(order_reply()))
        await gateway.submit(approved(), timestamp_ms=gateway.timestamp_ms())
        methods = [request.method for request in venue.requests]
    assert methods == ["time"] * 5 + ["userDataStream.subscribe.signature", "order.place"]
    assert all({"apiKey", "signature"} <= request.params.keys() for request in venue.requests[5:])


async def test_the_venue_clock_is_measured_before_the_first_stamp() -> None:
    """A venue two minutes ahead accepts the logon, because it is stamped in its own time."""
    async with ScriptedVenue() as venue:
        venue.clock_offset_ms = 120_000
        async with gateway_to(venue.url) as gateway:
            (logon,) = await venue.received("session.logon")
            venue_time = await gateway.venue_time_ms()
            assert isinstance(venue_time, int)
    stamp = logon.params["timestamp"]
    assert isinstance(stamp, int)
    assert abs(stamp - venue_time) < DEADLINE_S * 1000
    assert abs(gateway.clock_offset - 120_000 * NANOS_PER_MS) < 10_000 * NANOS_PER_MS


async def test_user_events_are_handed_out_in_order() -> None:
    """Reports, transfers and balances come as the venue sent them."""
    log = EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=log):
        await venue.push(report_event())
        await venue.push({"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "1.0", "T": 1})
        await venue.push(POSITION)
        await log.first(BalanceUpdate)
    assert [type(event) for event in log.events] == [
        ExecutionReport,
        TransferReported,
        BalanceUpdate,
    ]


async def test_a_lost_session_comes_back_subscribed() -> None:
    """After the return events flow again and the gap is told; the first session has none."""
    log = EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=log) as gateway:
        assert not log.events
        venue.cut()
        gap = await log.first(StreamGap)
        assert 0 < gap.from_at <= gap.to_at
        assert gap.why
        await venue.push(report_event())
        await log.first(ExecutionReport)
        assert len(await venue.received("userDataStream.subscribe", 2)) == 2
        assert gateway.connections == 2


async def test_a_venue_that_restarts_is_found_again() -> None:
    """Refused connections are retried with back-off until it listens again."""
    log = EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=log) as gateway:
        await venue.stop()
        await venue.start()
        await log.first(StreamGap)
        assert gateway.is_ready


async def test_an_unreadable_event_is_a_gap() -> None:
    """It may have been a fill, so the executor is told to look; the connection stays."""
    log = EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=log) as gateway:
        await venue.push({"e": "executionReport", "x": "TRADE"})
        gap = await log.first(StreamGap)
        assert "unreadable" in gap.why
        assert gateway.connections == 1


async def test_a_refused_key_is_named() -> None:
    """Waiting for readiness ends with the venue's own words."""

    async def refuse(connection: ServerConnection, request: Request) -> None:
        reason = "Invalid API-key, IP, or permissions for action."
        await connection.send(failure(request.id, -2015, reason, status=401), text=True)

    async with ScriptedVenue() as venue:
        venue.on("session.logon", refuse)
        async with running(make_gateway(venue.url, EventLog())) as gateway:
            await venue.received("session.logon", 2)
            with pytest.raises(VenueRejected, match="Invalid API-key") as refused:
                await gateway.wait_ready(20 * NANOS_PER_MS)
            assert refused.value.code == -2015
            assert not gateway.is_ready


@pytest.mark.parametrize("method", ["time", "session.logon", "userDataStream.subscribe"])
async def test_a_venue_that_does_not_answer_is_not_reached(method: str) -> None:
    """Each step of opening has its time; the next connection tries again."""
    async with ScriptedVenue() as venue:
        venue.on(method, stays_silent)
        gateway = make_gateway(venue.url, EventLog(), reply_timeout_ms=50)
        async with running(gateway):
            await venue.received(method, 2)
            with pytest.raises(VenueUnreachable):
                await gateway.wait_ready(20 * NANOS_PER_MS)


async def test_a_venue_that_is_not_there_is_named() -> None:
    """The message says where it was looked for."""
    async with ScriptedVenue() as venue:
        url = venue.url
    async with running(make_gateway(url, EventLog())) as gateway:
        with pytest.raises(VenueUnreachable, match=url):
            await gateway.wait_ready(100 * NANOS_PER_MS)


async def test_who_did_not_wait_for_the_first_session_is_told_of_a_gap() -> None:
    """What happened before it no event told, and nobody else would say that it is there now."""
    log = EventLog()
    async with ScriptedVenue() as venue:
        venue.on("session.logon", stays_silent)
        async with running(make_gateway(venue.url, log)) as gateway:
            (logon,) = await venue.received("session.logon")
            with pytest.raises(VenueUnreachable):
                await gateway.wait_ready(20 * NANOS_PER_MS)
            assert not log.events
            await venue.send(success(logon.id, {"apiKey": "k"}))
            gap = await log.first(StreamGap)
            assert gap.why == "there was no session yet"
            assert gateway.is_ready


async def test_a_fault_in_the_callback_ends_the_gateway() -> None:
    """An assertion of the engine is not lost in the event loop: `run` ends with it."""

    class Broken(EventLog):
        def take(self, event: UserEvent) -> None:
            raise AssertionError(f"ours: {type(event).__name__}")

    async with ScriptedVenue() as venue, asyncio.timeout(DEADLINE_S):
        gateway = make_gateway(venue.url, Broken())
        task = asyncio.create_task(gateway.run())
        await gateway.wait_ready(READY_WITHIN)
        await venue.push(report_event())
        with pytest.raises(AssertionError, match="ours: ExecutionReport"):
            await task
        assert not gateway.is_ready
