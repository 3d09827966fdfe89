"""How the gateway replaces a session that works: the new one first, nothing lost, nothing twice."""

import asyncio
import functools
import itertools
from typing import Final

import pytest
from websockets import http11
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers

from genesis.domain.orders import ExecutionReport, OrderState, OrderType
from genesis.errors import VenueUnreachable
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.binance.ws_gateway import WsGateway
from genesis.exchange.connection_life import ConnectionPolicy
from genesis.exchange.gateway import Accepted, NotSent, StreamGap
from genesis.limits import CLOCK_SAMPLES, EVENTS_LINGER
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, SCALE
from tests.support.exchange_builders import (
    ED25519_PEM,
    ORDER_ID,
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
from tests.support.venue import API_KEY as SIM_KEY
from tests.support.venue import model_config, open_venue

RESTLESS: Final = ConnectionPolicy(
    delay_min=NANOS_PER_MS, delay_max=20 * NANOS_PER_MS, rotate_after=20 * NANOS_PER_MS
)
HARDY: Final = ConnectionPolicy(
    delay_min=NANOS_PER_MS, delay_max=20 * NANOS_PER_MS, stable_after=NANOS_PER_MS
)
SUSPICIOUS: Final = ConnectionPolicy(
    delay_min=NANOS_PER_MS, delay_max=20 * NANOS_PER_MS, event_silence_max=50 * NANOS_PER_MS
)
SHUTDOWN: Final[Json] = {"e": "serverShutdown", "E": 1}
HEARD_OUT: Final = 2 * CLOCK_SAMPLES + 1
"""How often two sessions ask for the time when the second one has taken over from the first."""


SIGNER: Final = make_signer(SIM_KEY, ED25519_PEM)
FIRST_ID: Final = "G0a-1-1-1-00"


class Held:
    """Orders that the venue took and has not answered yet."""

    def __init__(self) -> None:
        self._waiting: list[tuple[ServerConnection, Request]] = []

    async def hold(self, connection: ServerConnection, request: Request) -> None:
        """Take an order without an answer."""
        self._waiting.append((connection, request))

    async def answer(self) -> None:
        """Answer the first order that waits, on the connection it came by."""
        connection, request = self._waiting.pop(0)
        await connection.send(success(request.id, order_reply()), text=True)


def is_canceled(client_order_id: str, report: ExecutionReport) -> bool:
    """Tell whether a report says that an order was canceled."""
    return report.client_order_id == client_order_id and report.state is OrderState.CANCELED


def place(gateway: WsGateway) -> "asyncio.Future[object]":
    """Send the plain order."""
    prepared = gateway.build_submit(approved(), timestamp_ms=gateway.timestamp_ms())
    return asyncio.ensure_future(gateway.submit_prepared(prepared))


async def half_the_price(gateway: WsGateway) -> int:
    """Buy a little to learn the price; return half of it, in whole ticks."""
    order = approved(
        client_order_id=FIRST_ID,
        quantity=SCALE // 100,
        order_type=OrderType.MARKET,
        limit_price=0,
    )
    outcome = await gateway.submit(order, timestamp_ms=gateway.timestamp_ms())
    assert isinstance(outcome, Accepted), outcome
    return outcome.fills[0].price // 2 // SCALE * SCALE


async def test_a_shutdown_notice_costs_nothing() -> None:
    """The old session works until the new one is ready, and answers what it was asked.

    Nobody is told of a gap, because there is none.
    """
    held, log = Held(), EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=log) as gateway:
        venue.on("order.place", held.hold)
        venue.on("session.logon", stays_silent)
        before = place(gateway)
        await venue.received("order.place")
        await venue.push(SHUTDOWN)
        await venue.received("session.logon", 2)  # the successor is being opened

        meanwhile = place(gateway)
        await venue.received("order.place", 2)
        assert gateway.is_ready
        (_, logon) = await venue.received("session.logon", 2)
        venue.on("session.logon", replies({"apiKey": "k"}))
        await venue.send(success(logon.id, {"apiKey": "k"}), connection=1)
        await venue.received("userDataStream.subscribe", 2)
        await venue.received("time", HEARD_OUT)

        after = place(gateway)
        orders = await venue.received("order.place", 3)
        assert [order.connection for order in orders] == [0, 0, 1]
        for _ in range(5):  # round trips, in which the old session learns that it was succeeded
            await gateway.venue_time_ms()
        for _ in orders:
            await held.answer()
        for outcome in (before, meanwhile, after):
            assert isinstance(await outcome, Accepted)
        async with asyncio.timeout(DEADLINE_S):
            await venue.closed(0)
        assert not [event for event in log.events if isinstance(event, StreamGap)]
        assert gateway.is_ready


RESTLESS_VENUE: Final = {
    "connection_life": 600 * NANOS_PER_MS,
    "shutdown_lead": 450 * NANOS_PER_MS,
}


@pytest.mark.parametrize(
    ("policy", "venue_changes"),
    [
        pytest.param(RESTLESS, {}, id="by age"),
        pytest.param(HARDY, RESTLESS_VENUE, id="by the venue's notice"),
    ],
)
async def test_a_change_amid_orders_loses_and_doubles_nothing(
    policy: ConnectionPolicy, venue_changes: dict[str, object]
) -> None:
    """Orders go on while sessions change; each is answered, each is told of, none comes twice."""
    log = EventLog()
    numbers = itertools.count(1)
    config = model_config(latency=10 * NANOS_PER_MS, **venue_changes)
    async with (
        open_venue(config) as (_, address),
        gateway_to(f"{address}/ws-api/v3", log=log, signer=SIGNER, policy=policy) as gateway,
    ):
        price = await half_the_price(gateway)

        async def trade() -> list[str]:
            placed = []
            async with asyncio.timeout(DEADLINE_S):
                while gateway.connections < 5:
                    order_id = f"G0a-1-2-{next(numbers)}-00"
                    order = approved(
                        client_order_id=order_id, quantity=SCALE // 100, limit_price=price
                    )
                    outcome = await gateway.submit(order, timestamp_ms=gateway.timestamp_ms())
                    assert isinstance(outcome, Accepted), outcome
                    placed.append(order_id)
                    canceled = await gateway.cancel("BTCUSDT", order_id)
                    assert isinstance(canceled, Accepted), canceled
                    await gateway.venue_time_ms()
            return placed

        batches = await asyncio.gather(trade(), trade())
        placed = [order_id for batch in batches for order_id in batch]
        for order_id in placed:
            await log.first(ExecutionReport, functools.partial(is_canceled, order_id))
        listed = await gateway.orders_since("BTCUSDT", 0)
    assert not [event for event in log.events if isinstance(event, StreamGap)]
    assert isinstance(listed, tuple)
    assert sorted(order.client_order_id for order in listed) == sorted([FIRST_ID, *placed])


async def test_events_of_both_sessions_are_handed_out() -> None:
    """While two sessions are subscribed an event may come by either of them, or by both."""
    log = EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=log):
        await venue.push(SHUTDOWN)
        await venue.received("time", HEARD_OUT)
        await venue.push(report_event(I=1), connection=0)
        await venue.push(report_event(I=1), connection=1)
        assert len(await log.several(ExecutionReport, 2)) == 2


async def test_an_ended_event_stream_is_a_gap() -> None:
    """Orders are taken on the old session all the same, until the new one is there."""
    log = EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=log) as gateway:
        venue.on("order.place", replies(order_reply()))
        venue.on("session.logon", stays_silent)
        await venue.push({"e": "eventStreamTerminated", "E": 1})
        (_, logon) = await venue.received("session.logon", 2)
        assert isinstance(await place(gateway), Accepted)
        await venue.send(success(logon.id, {"apiKey": "k"}), connection=1)
        gap = await log.first(StreamGap)
        assert gap.why == "eventStreamTerminated"
        assert gap.from_at < gap.to_at


async def test_a_stream_that_fell_silent_is_found_by_its_first_order() -> None:
    """A live connection may bring no events any more: an accepted order without one shows it."""
    log = EventLog()
    async with (
        ScriptedVenue() as venue,
        gateway_to(venue.url, log=log, policy=SUSPICIOUS) as gateway,
    ):
        venue.on("order.place", replies(order_reply()))
        assert isinstance(await place(gateway), Accepted)
        gap = await log.first(StreamGap)
        assert "no user event" in gap.why
        assert gap.to_at - gap.from_at >= SUSPICIOUS.event_silence_max
        await venue.push(report_event(), connection=1)
        await log.first(ExecutionReport)


async def test_an_event_before_its_reply_proves_that_the_stream_lives() -> None:
    """Nothing more need come behind the reply of an order whose event overtook it."""
    log = EventLog()

    async def tell_first(connection: ServerConnection, request: Request) -> None:
        await venue.push(report_event())
        await connection.send(success(request.id, order_reply()), text=True)

    async with (
        ScriptedVenue() as venue,
        gateway_to(venue.url, log=log, policy=SUSPICIOUS) as gateway,
    ):
        venue.on("order.place", tell_first)
        assert isinstance(await place(gateway), Accepted)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3 * SUSPICIOUS.event_silence_max / NANOS_PER_SECOND):
                await log.first(StreamGap)
        assert gateway.connections == 1


async def test_a_revoked_session_takes_no_order() -> None:
    """The frame of status 401 names no request: the whole session is opened anew."""
    log = EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=log) as gateway:
        venue.on("session.logon", stays_silent)
        await venue.send(failure(None, -2015, "Invalid API-key.", status=401))
        (_, logon) = await venue.received("session.logon", 2)
        assert not gateway.is_ready
        assert isinstance(await place(gateway), NotSent)
        await venue.send(success(logon.id, {"apiKey": "k"}), connection=1)
        gap = await log.first(StreamGap)
        assert "revoked" in gap.why
        assert gateway.is_ready


async def test_a_session_that_died_unnoticed_leaves_a_gap() -> None:
    """A successor bridges nothing when the old session no longer answers: events may be missing."""
    log = EventLog()
    async with (
        ScriptedVenue() as venue,
        gateway_to(venue.url, log=log, reply_timeout_ms=100) as gateway,
    ):
        await venue.push(SHUTDOWN)
        await venue.received("userDataStream.subscribe", 2)
        venue.on("time", stays_silent)
        gap = await log.first(StreamGap)
        assert "dead" in gap.why
        assert gateway.is_ready


async def test_a_successor_that_dies_leaves_the_old_session_at_work() -> None:
    """A connection cut while it takes over is followed by another one; the events never stopped."""
    log = EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=log) as gateway:
        venue.on("order.place", replies(order_reply()))

        async def die(connection: ServerConnection, _request: Request) -> None:
            venue.on("userDataStream.subscribe", replies({"subscriptionId": 0}))
            connection.transport.abort()

        venue.on("userDataStream.subscribe", die)
        await venue.push(SHUTDOWN)
        await venue.received("userDataStream.subscribe", 3)
        assert gateway.is_ready
        assert isinstance(await place(gateway), Accepted)
        async with asyncio.timeout(DEADLINE_S):
            await venue.closed(0)
    assert not [event for event in log.events if isinstance(event, StreamGap)]


async def test_a_venue_that_accepts_and_drops_is_not_hammered() -> None:
    """Each try waits longer than the one before; nothing is sent meanwhile."""
    async with ScriptedVenue() as venue:

        async def drop(connection: ServerConnection, _request: Request) -> None:
            connection.transport.abort()

        venue.on("time", drop)
        async with running(make_gateway(venue.url, EventLog())) as gateway:
            await venue.received("time", 4)
            assert not gateway.is_ready
            assert isinstance(await place(gateway), NotSent)
            venue.on("time", venue.tell_time)
            await gateway.wait_ready(READY_WITHIN)


async def test_a_refused_handshake_is_no_end() -> None:
    """A server without room, or out of service, is tried again by back-off."""
    async with ScriptedVenue() as venue:
        venue.refusals = [http11.Response(503, "", Headers()) for _ in range(3)]
        async with gateway_to(venue.url) as gateway:
            assert gateway.connections == 1
            assert not venue.refusals


@pytest.mark.parametrize("status", [418, 429])
async def test_a_forbidden_handshake_is_not_repeated(status: int) -> None:
    """The venue says for how long; back-off alone would be back in milliseconds."""
    async with ScriptedVenue() as venue:
        venue.refusals = [http11.Response(status, "", Headers({"Retry-After": "300"}))]
        async with running(make_gateway(venue.url, EventLog())) as gateway:
            with pytest.raises(VenueUnreachable, match=str(status)):
                await gateway.wait_ready(300 * NANOS_PER_MS)
            assert not venue.refusals
            assert gateway.connections == 0


@pytest.mark.parametrize(
    ("code", "connections"),
    [
        pytest.param(-2035, 1, id="subscribed already"),
        pytest.param(-2042, 2, id="subscriptions of this connection used up"),
    ],
)
async def test_a_refused_subscription_is_understood(code: int, connections: int) -> None:
    """What is subscribed already serves; what this connection cannot have, the next one can."""

    async def refuse(connection: ServerConnection, request: Request) -> None:
        venue.on("userDataStream.subscribe", replies({"subscriptionId": 0}))
        await connection.send(failure(request.id, code, "no"), text=True)

    async with ScriptedVenue() as venue:
        venue.on("userDataStream.subscribe", refuse)
        async with gateway_to(venue.url) as gateway:
            assert gateway.connections == connections


async def test_late_events_of_the_old_session_still_count() -> None:
    """It lingers when its replies are in: an event may take longer than a reply."""
    log = EventLog()
    assert EVENTS_LINGER >= 500 * NANOS_PER_MS
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=log):
        await venue.push(SHUTDOWN)
        await venue.received("time", HEARD_OUT)
        await venue.push(report_event(), connection=0)
        event = await log.first(ExecutionReport)
        assert event.client_order_id == ORDER_ID
