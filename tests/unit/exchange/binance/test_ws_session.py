"""Requests on one connection: matched by number, given up one by one, never two fates."""

import asyncio
from typing import Final, cast

import pytest

from genesis.domain.orders import ExecutionReport
from genesis.exchange.binance.outcomes import Fate, Lost, Reply, Unwritten
from genesis.exchange.binance.requests import Request
from genesis.exchange.binance.ws_session import SessionContent, SessionCounters, WsSession
from genesis.exchange.circuit_breaker import BreakerState
from genesis.exchange.request_connection import RequestConnection
from genesis.exchange.request_cost import ENTRY_COST, Purpose, RequestCost
from genesis.exchange.request_gate import Admission
from genesis.limits import REQUESTS_IN_FLIGHT_MAX
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from tests.support.exchange_builders import (
    MAKER_FILL,
    Json,
    failure,
    quiet_log,
    report_event,
    success,
    user_event,
)
from tests.support.gateways import GateKit

LONG: Final = 60 * NANOS_PER_SECOND
SHORT: Final = 5 * NANOS_PER_MS
DEADLINE_S: Final = 20
QUERY: Final = RequestCost(Purpose.RECONCILE, 4)


class Wire:
    """Stands for the connection: keeps what was written, or takes nothing."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_open = True

    def write_text(self, payload: bytes) -> bool:
        """Keep one frame."""
        if self.is_open:
            self.written.append(payload)
        return self.is_open


class Scene:
    """A session on a wire, and what it told its gateway."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.events: list[SessionContent] = []
        self.unreadable: list[str] = []
        self.successors_wanted: list[str] = []
        self.counters = SessionCounters()
        self.kit = GateKit(failures_max=2, cool_down=LONG, frozen_ms=1_780_000_000_000)
        self.session = WsSession(
            cast("RequestConnection", self.wire),
            on_event=self.events.append,
            on_unreadable_event=self.unreadable.append,
            on_successor_wanted=self.successors_wanted.append,
            gate=self.kit.gate,
            clock=self.kit.clock,
            log=quiet_log(),
            counters=self.counters,
        )

    @property
    def weight_used(self) -> int:
        """What the gate believes to be used."""
        return self.kit.gate.usage()[0].used

    def ask(
        self, request_id: int, timeout_after: int = LONG, cost: RequestCost = QUERY
    ) -> "asyncio.Future[Fate]":
        """Send a request whose outcome is its bare fate."""
        request = Request(request_id, "order.status", b"frame", cost)
        return self.session.request(request, lambda fate: fate, timeout_after)


def reply_number(future: "asyncio.Future[Fate]") -> object:
    """Return which reply a request got."""
    fate = future.result()
    assert isinstance(fate, Reply)
    return fate.envelope.id


async def test_replies_find_their_requests_in_any_order() -> None:
    """The number decides, not the sequence."""
    scene = Scene()
    futures = {request_id: scene.ask(request_id) for request_id in (1, 2, 3)}
    for request_id in (3, 1, 2):
        scene.session.receive(success(request_id, {}))
    assert {request_id: reply_number(future) for request_id, future in futures.items()} == {
        1: 1,
        2: 2,
        3: 3,
    }
    assert scene.session.in_flight == 0


async def test_a_lost_reply_costs_its_own_request_only() -> None:
    """The others stay in flight, and the connection stays in use."""
    scene = Scene()
    lost, other = scene.ask(1, SHORT), scene.ask(2)
    async with asyncio.timeout(DEADLINE_S):
        assert await lost == Lost("no reply within 5 ms")
    assert not scene.successors_wanted
    assert not other.done()
    scene.session.receive(success(2, {}))
    assert reply_number(other) == 2
    assert scene.counters.lost_replies == 1


async def test_a_late_or_second_reply_changes_nothing() -> None:
    """Once a request has its fate, what comes under its number is counted and dropped."""
    scene = Scene()
    future = scene.ask(1)
    scene.session.receive(success(1, {}))
    scene.session.receive(failure(1, -1013, "late"))
    scene.session.receive(success(99, {}))
    assert reply_number(future) == 1
    assert scene.counters.late_replies == 2


async def test_the_end_of_the_connection_is_the_fate_of_all() -> None:
    """Whatever was in flight is lost, with the reason; nothing more is written."""
    scene = Scene()
    futures = [scene.ask(1), scene.ask(2)]
    scene.session.abandon("cut")
    assert [future.result() for future in futures] == [Lost("connection lost: cut")] * 2
    assert isinstance(scene.ask(3).result(), Unwritten)
    assert len(scene.wire.written) == 2


async def test_a_connection_that_takes_nothing_was_not_written_to() -> None:
    """No byte left, so the request is not in flight."""
    scene = Scene()
    scene.wire.is_open = False
    assert scene.ask(1).result() == Unwritten("the connection takes nothing")
    assert scene.session.in_flight == 0


async def test_requests_in_flight_are_bounded() -> None:
    """Beyond the limit a request is refused here, before it is written."""
    scene = Scene()
    for request_id in range(REQUESTS_IN_FLIGHT_MAX):
        scene.ask(request_id, cost=RequestCost(Purpose.CANCEL))
    assert scene.ask(REQUESTS_IN_FLIGHT_MAX).result() == Unwritten("too many requests in flight")
    assert len(scene.wire.written) == REQUESTS_IN_FLIGHT_MAX


async def test_a_canceled_waiter_leaves_no_trap() -> None:
    """The reply to a request that nobody awaits any more is taken and dropped."""
    scene = Scene()
    scene.ask(1).cancel()
    scene.session.receive(success(1, {}))
    assert scene.session.in_flight == 0


async def test_events_and_replies_share_the_connection() -> None:
    """An event before its own order's reply goes to the gateway, and the reply to its request."""
    scene = Scene()
    future = scene.ask(1)
    scene.session.receive(user_event(report_event(**MAKER_FILL)))
    scene.session.receive(success(1, {}))
    assert reply_number(future) == 1
    (event,) = scene.events
    assert isinstance(event, ExecutionReport)
    assert event.fill is not None


@pytest.mark.parametrize(
    "message", [b"", b"<html>", b"\xff\xfe", b"[1]", b'{"id":{}}', b'{"id":1,"status":"ok"}']
)
async def test_garbage_is_counted_and_left(message: bytes) -> None:
    """A frame that cannot be read costs nothing but a counter."""
    scene = Scene()
    future = scene.ask(1)
    scene.session.receive(message)
    assert scene.counters.unreadable_messages == 1
    assert not future.done()
    assert not scene.successors_wanted


async def test_an_unreadable_event_is_reported() -> None:
    """It may have been a fill: the gateway must hear that something is missing."""
    scene = Scene()
    scene.session.receive(user_event({"e": "executionReport"}))
    assert len(scene.unreadable) == 1
    assert not scene.events


async def test_an_event_without_news_is_passed_over() -> None:
    """Kinds that the sheet calls informational reach nobody."""
    scene = Scene()
    scene.session.receive(user_event({"e": "balanceUpdate", "E": 1}))
    assert not scene.events
    assert scene.counters.events == 1


@pytest.mark.parametrize(
    ("message", "takes_requests", "brings_events"),
    [
        pytest.param(user_event({"e": "serverShutdown", "E": 1}), True, True, id="shutdown"),
        pytest.param(
            user_event({"e": "eventStreamTerminated", "E": 1}), True, False, id="stream ended"
        ),
        pytest.param(
            failure(None, -2015, "Invalid API-key.", status=401), False, False, id="key revoked"
        ),
    ],
)
async def test_a_notice_asks_for_a_successor(
    message: bytes,
    takes_requests: bool,  # noqa: FBT001, a case of the table
    brings_events: bool,  # noqa: FBT001
) -> None:
    """Once; what is in flight may still be answered, and what still works is used meanwhile."""
    scene = Scene()
    scene.session.brings_events = True
    future = scene.ask(1)
    scene.session.receive(message)
    scene.session.receive(message)
    assert len(scene.successors_wanted) == 1
    assert scene.session.takes_requests is takes_requests
    assert scene.session.brings_events is brings_events
    assert isinstance(scene.ask(2), asyncio.Future)
    assert len(scene.wire.written) == 1 + takes_requests
    scene.session.receive(success(1, {}))
    assert reply_number(future) == 1


async def test_a_retired_session_takes_no_request() -> None:
    """It is about to be closed: what is in flight is answered, nothing is added to it."""
    scene = Scene()
    scene.session.brings_events = True
    future = scene.ask(1)
    scene.session.retire()
    assert not scene.session.takes_requests
    assert scene.ask(2).result() == Unwritten("session ended: succeeded")
    assert scene.session.brings_events
    scene.session.receive(success(1, {}))
    assert reply_number(future) == 1


async def test_draining_waits_for_every_reply() -> None:
    """A succeeded connection is closed when nothing is in flight on it any more."""
    scene = Scene()
    scene.ask(1)
    draining = asyncio.create_task(scene.session.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    scene.session.receive(success(1, {}))
    async with asyncio.timeout(DEADLINE_S):
        await draining


async def test_an_error_that_names_no_request_is_left() -> None:
    """The venue could not read one of our frames: its request will time out by itself."""
    scene = Scene()
    future = scene.ask(1)
    scene.session.receive(failure(None, -1135, "Invalid JSON Request"))
    scene.session.receive(b'{"id":null,"status":200,"result":{}}')
    assert not future.done()
    assert not scene.successors_wanted


async def test_a_refused_timestamp_casts_doubt_on_the_clock() -> None:
    """It does not wait for the next regular look."""
    scene = Scene()
    scene.ask(1)
    waiting = asyncio.create_task(scene.session.clock_doubted(LONG))
    await asyncio.sleep(0)
    scene.session.receive(
        failure(1, -1021, "Timestamp for this request is outside of the recvWindow.")
    )
    async with asyncio.timeout(DEADLINE_S):
        await waiting


async def test_the_clock_is_looked_at_now_and_then() -> None:
    """Without a cause too: clocks drift."""
    async with asyncio.timeout(DEADLINE_S):
        await Scene().session.clock_doubted(SHORT)


async def test_what_the_gate_holds_is_not_written() -> None:
    """The fate says from when on it may be tried again; nothing is kept for then."""
    scene = Scene()
    retry_at_ms = scene.kit.venue_ms() + 60_000
    scene.kit.limits.throttle(retry_at_ms, scene.kit.venue_ms())
    fate = scene.ask(1).result()

    assert isinstance(fate, Unwritten)
    assert fate.retry_at_ms == retry_at_ms
    assert fate.reason.startswith("rate_limit: throttled by the venue")
    assert scene.wire.written == []
    assert scene.session.in_flight == 0


async def test_every_fate_is_told_to_the_gate() -> None:
    """An unwritten request costs nothing, an answered one what the reply says, a lost one all."""
    scene = Scene()
    scene.wire.is_open = False
    scene.ask(1)
    assert scene.weight_used == 0

    scene.wire.is_open = True
    scene.ask(2)
    assert scene.weight_used == QUERY.weight
    count: Json = {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": 6_000,
        "count": 70,
    }
    scene.session.receive(success(2, {}, [count]))
    assert scene.weight_used == 70

    async with asyncio.timeout(DEADLINE_S):
        await scene.ask(3, SHORT)
    assert scene.weight_used == 70 + QUERY.weight


async def test_a_refusal_for_rate_says_when_the_gate_opens_again() -> None:
    """Also where the venue names no time: the reply then bears the end of the window."""
    scene = Scene()
    refused = scene.ask(1)
    scene.session.receive(failure(1, -1003, "Too much request weight used.", status=429))
    fate = refused.result()
    held = scene.ask(2).result()

    assert isinstance(fate, Reply)
    assert isinstance(held, Unwritten)
    assert fate.retry_at_ms == held.retry_at_ms > scene.kit.venue_ms()


@pytest.mark.parametrize("request_id", [99, None], ids=["late", "unaddressed"])
async def test_a_ban_counts_whatever_it_answers(request_id: int | None) -> None:
    """A reply that nobody waits for any more may be the one that says so."""
    scene = Scene()
    until = scene.kit.venue_ms() + 60_000
    banned = failure(request_id, -1003, "IP banned.", status=418, retry_at_ms=until)
    scene.session.receive(banned)
    fate = scene.ask(1).result()

    assert isinstance(fate, Unwritten)
    assert fate.retry_at_ms == until


async def test_a_wait_is_as_long_as_the_venue_says_though_the_clocks_differ() -> None:
    """Ours is ahead of the venue's by a second: by our own reckoning the wait would be over."""
    scene = Scene()
    now_ms = scene.kit.venue_ms()
    refused = scene.ask(1)
    frame = failure(
        1, -1003, "Too much.", status=429, retry_at_ms=now_ms - 500, told_at_ms=now_ms - 1_000
    )
    scene.session.receive(frame)
    fate = refused.result()
    held = scene.ask(2).result()

    assert isinstance(fate, Reply)
    assert isinstance(held, Unwritten)
    assert held.retry_at_ms == fate.retry_at_ms >= now_ms + 500


async def test_a_connection_that_ends_counts_once_for_all_it_carried() -> None:
    """One more failure and the breaker opens; an idle connection may end as it likes."""
    scene = Scene()
    scene.session.abandon("idle")
    scene.session.abandon("idle")
    assert scene.kit.gate.breaker_state is BreakerState.CLOSED

    scene = Scene()
    scene.ask(1)
    scene.ask(2)
    scene.ask(3)
    scene.session.abandon("cut")
    assert isinstance(scene.kit.gate.admit(ENTRY_COST), Admission)
    scene.kit.gate.fail_connection("refused")
    assert scene.kit.gate.breaker_state is BreakerState.OPEN
