"""Requests on one connection: matched by number, given up one by one, never two fates."""

import asyncio
from typing import Final, cast

import pytest

from genesis.clock import EngineClock
from genesis.domain.orders import ExecutionReport
from genesis.exchange.binance.outcomes import Fate, Lost, Reply, Unwritten
from genesis.exchange.binance.requests import Request
from genesis.exchange.binance.ws_session import SessionCounters, WsSession
from genesis.exchange.gateway import BalanceUpdate, TransferReported
from genesis.exchange.request_connection import RequestConnection
from genesis.limits import REQUESTS_IN_FLIGHT_MAX
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from tests.support.exchange_builders import (
    MAKER_FILL,
    failure,
    quiet_log,
    report_event,
    success,
    user_event,
)

LONG: Final = 60 * NANOS_PER_SECOND
SHORT: Final = 5 * NANOS_PER_MS
DEADLINE_S: Final = 20


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
        self.events: list[ExecutionReport | BalanceUpdate | TransferReported] = []
        self.unreadable: list[str] = []
        self.successors_wanted: list[str] = []
        self.counters = SessionCounters()
        self.session = WsSession(
            cast("RequestConnection", self.wire),
            on_event=self.events.append,
            on_unreadable_event=self.unreadable.append,
            on_successor_wanted=self.successors_wanted.append,
            clock=EngineClock.start(),
            log=quiet_log(),
            counters=self.counters,
        )

    def ask(self, request_id: int, timeout_after: int = LONG) -> "asyncio.Future[Fate]":
        """Send a request whose outcome is its bare fate."""
        return self.session.request(
            Request(request_id, "time", b"frame"), lambda fate: fate, timeout_after
        )


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
        scene.ask(request_id)
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
