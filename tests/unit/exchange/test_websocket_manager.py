"""A socket that always returns: what the manager opens, keeps, retires, closes and cuts off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from genesis.clock import EngineClock
from genesis.errors import VenueUnreachable
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.connection_life import ConnectionPolicy
from genesis.exchange.websocket_manager import Tenure, WebSocketManager
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from tests.support.exchange_builders import quiet_log
from tests.support.gateways import ample_budget

QUICK: Final = ConnectionPolicy(
    delay_min=NANOS_PER_MS,
    delay_max=4 * NANOS_PER_MS,
    silence_max=40 * NANOS_PER_MS,
)
ROTATING: Final = ConnectionPolicy(
    delay_min=NANOS_PER_MS, delay_max=4 * NANOS_PER_MS, rotate_after=5 * NANOS_PER_MS
)
DEADLINE_S: Final = 20


class FakeTransport:
    """A transport that can be aborted."""

    def __init__(self) -> None:
        self.aborted = asyncio.Event()

    def abort(self) -> None:
        """Note the end."""
        self.aborted.set()


class FakeConnection:
    """A connection to nowhere, and what became of it."""

    def __init__(self, read: Callable[[], Nanos]) -> None:
        self.transport = FakeTransport()
        self.closed = 0
        self.tenure: Tenure | None = None
        self._read = read

    @property
    def last_read_at(self) -> Nanos:
        """When something last came, as the test wants it."""
        return self._read()

    async def close(self) -> None:
        """Count the closings."""
        self.closed += 1


Serve = Callable[[FakeConnection, Tenure], Awaitable[str]]


class Scene:
    """A manager over fake connections: what it opened, served and closed."""

    def __init__(self, read: Callable[[], Nanos] | None = None) -> None:
        self.clock = EngineClock(0)
        self.opened: list[FakeConnection] = []
        self.served = 0
        self.has_ended = False
        self.refusals: list[Exception] = []
        self.read = read or self.clock.now
        self._changed = asyncio.Event()

    async def connect(self) -> FakeConnection:
        """Open a connection, or refuse with the next error of the scene."""
        if self.refusals:
            self._changed.set()
            raise self.refusals.pop()
        self.opened.append(FakeConnection(self.read))
        return self.opened[-1]

    async def run(
        self,
        serve: Serve,
        *,
        until: int,
        policy: ConnectionPolicy = QUICK,
        budget: ConnectionBudget | None = None,
    ) -> WebSocketManager[FakeConnection]:
        """Run a manager until it has served so many connections."""
        async with self.running(serve, policy=policy, budget=budget) as manager:
            await self.until(lambda: self.served >= until)
        return manager

    @asynccontextmanager
    async def running(
        self,
        serve: Serve,
        *,
        policy: ConnectionPolicy = QUICK,
        budget: ConnectionBudget | None = None,
    ) -> AsyncIterator[WebSocketManager[FakeConnection]]:
        """Run a manager; at the end it is cancelled, or its fault is raised."""

        async def serve_and_count(connection: FakeConnection, tenure: Tenure) -> str:
            connection.tenure = tenure
            self.served += 1
            self._changed.set()
            return await serve(connection, tenure)

        manager = WebSocketManager(
            connect=self.connect,
            serve=serve_and_count,
            clock=self.clock,
            log=quiet_log(),
            budget=budget or ample_budget(),
            policy=policy,
        )
        running = asyncio.create_task(manager.run())
        running.add_done_callback(self._note_end)
        try:
            yield manager
        finally:
            running.cancel()
            await asyncio.wait({running})
        if not running.cancelled():
            await running

    def _note_end(self, _running: asyncio.Task[None]) -> None:
        self.has_ended = True
        self._changed.set()

    async def until(self, is_so: Callable[[], bool], within: float = DEADLINE_S) -> None:
        """Wait for what a connection brings about."""
        async with asyncio.timeout(within):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()


async def ends_at_once(_: FakeConnection, tenure: Tenure) -> str:
    """Serve a connection that is over as soon as it is in use."""
    tenure.become_ready()
    return "closed by the venue"


async def lives_until_cut_off(connection: FakeConnection, tenure: Tenure) -> str:
    """Serve a connection that nobody succeeds."""
    tenure.become_ready()
    await connection.transport.aborted.wait()
    return "cut off"


async def lives_until_retired(_: FakeConnection, tenure: Tenure) -> str:
    """Serve a connection that takes over, and goes when the next one has."""
    tenure.become_ready()
    await tenure.retired.wait()
    return "succeeded"


async def test_a_lost_connection_is_replaced() -> None:
    """Each end is followed by a new connection, and every connection is closed."""
    scene = Scene()
    manager = await scene.run(ends_at_once, until=3)
    assert manager.connections == len(scene.opened) >= 3
    assert all(connection.closed == 1 for connection in scene.opened)


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError("slow"), OSError("gone")])
async def test_a_refused_connection_is_tried_again(error: Exception) -> None:
    """No failure to connect ends the manager."""
    scene = Scene()
    scene.refusals = [error, error]
    manager = await scene.run(ends_at_once, until=1)
    assert manager.connections >= 1
    assert not scene.refusals


async def test_a_venue_error_ends_the_connection_only() -> None:
    """A session that the venue refuses is tried again on a new connection."""

    async def refused(_connection: FakeConnection, _tenure: Tenure) -> str:
        raise VenueUnreachable("no logon")

    scene = Scene()
    await scene.run(refused, until=2)
    assert scene.opened[0].closed == 1


async def test_a_bug_ends_the_manager() -> None:
    """What is not the venue's doing is not retried: it ends the run, the connection closed."""

    async def broken(_connection: FakeConnection, _tenure: Tenure) -> str:
        raise AssertionError("ours")

    scene = Scene()
    with pytest.raises(AssertionError, match="ours"):
        async with scene.running(broken) as manager:
            await scene.until(lambda: scene.has_ended)
    assert manager.connections == 1
    assert [connection.closed for connection in scene.opened] == [1]


async def test_a_connection_is_made_before_the_old_one_breaks() -> None:
    """At its age a connection is retired, not before its successor is ready, and then closed."""
    overlaps: list[bool] = []

    async def serve(connection: FakeConnection, tenure: Tenure) -> str:
        before = scene.opened[: scene.opened.index(connection)]
        overlaps.extend(not earlier.closed for earlier in before[-1:])
        assert all(not earlier.tenure.retired.is_set() for earlier in before[-1:] if earlier.tenure)
        return await lives_until_retired(connection, tenure)

    scene = Scene()
    await scene.run(serve, until=4, policy=ROTATING)
    assert overlaps == [True] * 3
    assert [connection.closed for connection in scene.opened] == [1] * 4


async def test_a_wanted_successor_comes_and_the_old_one_goes() -> None:
    """Whoever serves a connection may ask for its replacement, and serves on meanwhile."""

    async def serve(connection: FakeConnection, tenure: Tenure) -> str:
        tenure.become_ready()
        if connection is scene.opened[0]:
            tenure.want_successor("serverShutdown")
        await tenure.retired.wait()
        return "succeeded"

    scene = Scene()
    await scene.run(serve, until=2)
    assert len(scene.opened) == 2


async def test_the_old_connection_stays_while_no_successor_can_be_had() -> None:
    """Refused, and opened but never ready: neither costs the connection that works."""
    old_lives: list[bool] = []

    async def serve(connection: FakeConnection, tenure: Tenure) -> str:
        if connection is scene.opened[0]:
            tenure.become_ready()
            scene.refusals = [OSError("full"), OSError("full")]
            tenure.want_successor("serverShutdown")
            await tenure.retired.wait()
            return "succeeded"
        old_lives.append(not scene.opened[0].closed)
        if len(scene.opened) < 4:
            raise VenueUnreachable("no logon")
        return await lives_until_retired(connection, tenure)

    scene = Scene()
    await scene.run(serve, until=4)
    assert old_lives == [True] * 3
    assert not scene.refusals


async def test_a_manager_knows_why_nothing_is_connected() -> None:
    """Nothing before a first failure, its reason then, and nothing again once there is one."""
    scene = Scene()
    troubles: list[str] = []

    async def serve(connection: FakeConnection, tenure: Tenure) -> str:
        troubles.append(manager.trouble)
        if scene.served == 1:
            raise VenueUnreachable("no logon")
        tenure.become_ready()
        troubles.append(manager.trouble)
        await connection.transport.aborted.wait()
        return "cut off"

    scene.refusals = [ConnectionRefusedError()]
    async with scene.running(serve) as manager:
        troubles.append(manager.trouble)
        await scene.until(lambda: scene.served >= 2)
    assert troubles == [
        "",
        "not connected: connection refused: nothing listens there",
        "no logon",
        "",
    ]


async def test_a_successor_in_vain_is_no_trouble() -> None:
    """The connection that works is the one that counts."""
    scene = Scene()

    async def serve(connection: FakeConnection, tenure: Tenure) -> str:
        if connection is scene.opened[0]:
            tenure.become_ready()
            tenure.want_successor("serverShutdown")
            await connection.transport.aborted.wait()
            return "cut off"
        raise VenueUnreachable("no logon")

    async with scene.running(serve) as manager:
        await scene.until(lambda: scene.served >= 3)
        assert manager.trouble == ""


async def test_a_successor_that_never_speaks_is_cut_off() -> None:
    """It has its time to become ready; then another one is tried, the old one untouched."""

    async def serve(connection: FakeConnection, tenure: Tenure) -> str:
        if connection is scene.opened[0]:
            return await lives_until_retired(connection, tenure)
        await connection.transport.aborted.wait()
        return "cut off"

    scene = Scene()
    policy = ConnectionPolicy(
        delay_min=NANOS_PER_MS,
        delay_max=4 * NANOS_PER_MS,
        rotate_after=5 * NANOS_PER_MS,
        ready_within=20 * NANOS_PER_MS,
    )
    await scene.run(serve, until=3, policy=policy)
    assert scene.opened[1].transport.aborted.is_set()
    assert not scene.opened[0].transport.aborted.is_set()


async def test_a_retired_connection_that_stays_is_cut_off() -> None:
    """A reply that never comes does not keep the old connection for ever."""

    async def serve(connection: FakeConnection, tenure: Tenure) -> str:
        tenure.become_ready()
        await connection.transport.aborted.wait()
        return "cut off"

    scene = Scene()
    policy = ConnectionPolicy(
        delay_min=NANOS_PER_MS,
        delay_max=4 * NANOS_PER_MS,
        rotate_after=30 * NANOS_PER_MS,
        drain_max=20 * NANOS_PER_MS,
    )
    await scene.run(serve, until=4, policy=policy)
    assert scene.opened[0].transport.aborted.is_set()


async def test_a_silent_connection_is_dropped() -> None:
    """A dead peer answers no closing handshake, so the watchdog aborts."""
    scene = Scene(read=lambda: 0)
    await scene.run(lives_until_cut_off, until=2)
    assert scene.opened[0].transport.aborted.is_set()


async def test_a_connection_that_pings_is_left_alone() -> None:
    """As long as bytes come, nothing is dropped, however long nothing is said."""

    async def outlive_the_watchdog(connection: FakeConnection, tenure: Tenure) -> str:
        tenure.become_ready()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(4 * QUICK.silence_max / NANOS_PER_SECOND):
                await connection.transport.aborted.wait()
        return "lived"

    scene = Scene()
    await scene.run(outlive_the_watchdog, until=2)
    assert not scene.opened[0].transport.aborted.is_set()


async def test_the_budget_is_waited_for() -> None:
    """A spent share stops connecting, whatever the back-off would allow."""
    scene = Scene()
    async with scene.running(ends_at_once, budget=ConnectionBudget([0] * 4, 3)):
        await scene.until(lambda: scene.served >= 3)
        with pytest.raises(TimeoutError):
            await scene.until(lambda: scene.served > 3, within=0.05)


async def test_a_rotation_spends_no_more_than_half() -> None:
    """A venue on which no successor comes to life must not cost what a lost connection needs."""

    async def serve(connection: FakeConnection, tenure: Tenure) -> str:
        if connection is scene.opened[0]:
            return await lives_until_retired(connection, tenure)
        return "no sign of life"

    scene = Scene()
    budget = ConnectionBudget([0] * 9, 8)
    async with scene.running(serve, policy=ROTATING, budget=budget):
        await scene.until(lambda: scene.served == 4)
        with pytest.raises(TimeoutError):
            await scene.until(lambda: scene.served > 4, within=0.05)
        assert budget.next_at <= scene.clock.now()


async def test_a_banned_address_stays_away() -> None:
    """The venue's Retry-After holds for every socket that shares the budget."""
    scene = Scene()
    budget = ample_budget()
    scene.refusals = [InvalidStatus(Response(418, "", Headers({"Retry-After": "300"})))]
    before = scene.clock.now()
    async with scene.running(ends_at_once, budget=budget):
        await scene.until(lambda: not scene.refusals)
        with pytest.raises(TimeoutError):
            await scene.until(lambda: scene.served > 0, within=0.05)
    assert budget.next_at >= before + 300 * NANOS_PER_SECOND
