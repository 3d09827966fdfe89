"""The life of a connection: delays that grow, silence that kills, a socket that always returns."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.clock import EngineClock
from genesis.errors import VenueUnreachable
from genesis.exchange.websocket_manager import (
    ConnectionLife,
    ConnectionPolicy,
    WebSocketManager,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from tests.support.exchange_builders import quiet_log

POLICY: Final = ConnectionPolicy()
QUICK: Final = ConnectionPolicy(
    delay_min=NANOS_PER_MS,
    delay_max=4 * NANOS_PER_MS,
    silence_max=40 * NANOS_PER_MS,
)
DEADLINE_S: Final = 20
CONNECTIONS_IN_5_MIN_MAX: Final = 300  # the venue's limit per address


def test_delays_double_up_to_the_longest() -> None:
    """From 100 ms to 30 s, and never above."""
    life = ConnectionLife(POLICY)
    delays = [life.ended(0, 0.0) for _ in range(12)]
    assert delays[:4] == [100 * NANOS_PER_MS << step for step in range(4)]
    assert delays[-1] == delays[-2] == 15 * NANOS_PER_SECOND
    assert life.ended(0, 1 - 2**-53) <= 30 * NANOS_PER_SECOND


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=40))
def test_every_delay_is_within_bounds(chances: list[float]) -> None:
    """Whatever the jitter, a delay is neither a hammering nor an absence."""
    life = ConnectionLife(POLICY)
    for chance in chances:
        delay = life.ended(0, chance)
        assert POLICY.delay_min <= delay <= POLICY.delay_max


def test_a_connection_that_held_begins_anew() -> None:
    """Only a connection that lasted makes the next delay short again."""
    life = ConnectionLife(POLICY)
    for _ in range(6):
        life.ended(0, 0.0)
    life.opened(0)
    assert life.ended(POLICY.stable_after, 0.0) == POLICY.delay_min


@given(st.lists(st.integers(0, POLICY.stable_after - 1), min_size=1, max_size=5))
def test_a_flapping_venue_keeps_the_connection_budget(lifetimes: list[Nanos]) -> None:
    """A venue that accepts and drops is approached far less than 300 times in 5 minutes."""
    life = ConnectionLife(POLICY)
    now = opened = 0
    for lifetime in itertools.cycle(lifetimes):
        life.opened(now)
        opened += 1
        now += lifetime
        now += life.ended(now, 0.0)
        if now > 300 * NANOS_PER_SECOND:
            break
    assert opened < CONNECTIONS_IN_5_MIN_MAX


def test_silence_counts_from_the_last_read() -> None:
    """The venue pings every 20 s, so 65 s without a byte mean a dead socket."""
    life = ConnectionLife(POLICY)
    read_at = 5 * NANOS_PER_SECOND
    assert not life.is_silent(read_at, read_at + 65 * NANOS_PER_SECOND)
    assert life.is_silent(read_at, read_at + 65 * NANOS_PER_SECOND + 1)


class FakeTransport:
    """A transport that can be aborted."""

    def __init__(self) -> None:
        self.aborted = asyncio.Event()

    def abort(self) -> None:
        """Note the end."""
        self.aborted.set()


class FakeConnection:
    """A connection to nowhere."""

    def __init__(self, read: Callable[[], Nanos]) -> None:
        self.transport = FakeTransport()
        self.closed = 0
        self._read = read

    @property
    def last_read_at(self) -> Nanos:
        """When something last came, as the test wants it."""
        return self._read()

    async def close(self) -> None:
        """Count the closings."""
        self.closed += 1


class Scene:
    """A manager over fake connections: what it opened, served and closed."""

    def __init__(self, read: Callable[[], Nanos] | None = None) -> None:
        self.clock = EngineClock(0)
        self.opened: list[FakeConnection] = []
        self.refusals: list[Exception] = []
        self.read = read or self.clock.now

    async def connect(self) -> FakeConnection:
        """Open a connection, or refuse with the next error of the scene."""
        if self.refusals:
            raise self.refusals.pop()
        self.opened.append(FakeConnection(self.read))
        return self.opened[-1]


async def run_until(
    scene: Scene, serve: Callable[[FakeConnection], "asyncio.Future[str]"], served: int
) -> WebSocketManager[FakeConnection]:
    """Run a manager until it has served so often, then cancel it."""
    enough = asyncio.Event()

    async def serve_and_count(connection: FakeConnection) -> str:
        if len(scene.opened) >= served:
            enough.set()
        return await serve(connection)

    manager = WebSocketManager(
        connect=scene.connect,
        serve=serve_and_count,
        clock=scene.clock,
        log=quiet_log(),
        policy=QUICK,
    )
    running = asyncio.create_task(manager.run())
    waiting = asyncio.create_task(enough.wait())
    try:
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
    finally:
        waiting.cancel()
        running.cancel()
        await asyncio.wait({running, waiting})
    return manager


def ends_at_once(_: FakeConnection) -> "asyncio.Future[str]":
    """Serve a connection that is over as soon as it is open."""
    done = asyncio.get_running_loop().create_future()
    done.set_result("closed by the venue")
    return done


async def test_a_lost_connection_is_replaced() -> None:
    """Each end is followed by a new connection, and every connection is closed."""
    scene = Scene()
    manager = await run_until(scene, ends_at_once, served=3)
    assert manager.connections == len(scene.opened) >= 3
    assert all(connection.closed == 1 for connection in scene.opened)


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError("slow"), OSError("gone")])
async def test_a_refused_connection_is_tried_again(error: Exception) -> None:
    """No failure to connect ends the manager."""
    scene = Scene()
    scene.refusals = [error, error]
    manager = await run_until(scene, ends_at_once, served=1)
    assert manager.connections >= 1
    assert not scene.refusals


async def test_a_venue_error_ends_the_connection_only() -> None:
    """A session that the venue refuses is tried again on a new connection."""

    def refused(_: FakeConnection) -> "asyncio.Future[str]":
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(VenueUnreachable("no logon"))
        return failed

    scene = Scene()
    await run_until(scene, refused, served=2)
    assert scene.opened[0].closed == 1


async def test_a_bug_ends_the_manager() -> None:
    """What is not the venue's doing is not retried: it ends the run, the connection closed."""

    def broken(_: FakeConnection) -> "asyncio.Future[str]":
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(AssertionError("ours"))
        return failed

    scene = Scene()
    with pytest.raises(AssertionError, match="ours"):
        await run_until(scene, broken, served=99)
    assert [connection.closed for connection in scene.opened] == [1]


async def test_a_silent_connection_is_dropped() -> None:
    """A dead peer answers no closing handshake, so the watchdog aborts."""

    async def until_aborted(connection: FakeConnection) -> str:
        await connection.transport.aborted.wait()
        return "aborted"

    scene = Scene(read=lambda: 0)
    await run_until(scene, lambda c: asyncio.ensure_future(until_aborted(c)), served=2)
    assert scene.opened[0].transport.aborted.is_set()


async def test_a_connection_that_pings_is_left_alone() -> None:
    """As long as bytes come, nothing is dropped, however long nothing is said."""

    async def until_aborted(connection: FakeConnection) -> str:
        async with asyncio.timeout(4 * QUICK.silence_max / NANOS_PER_SECOND):
            await connection.transport.aborted.wait()
        return "aborted"

    async def outlive_the_watchdog(connection: FakeConnection) -> str:
        with pytest.raises(TimeoutError):
            await until_aborted(connection)
        return "lived"

    scene = Scene()
    await run_until(scene, lambda c: asyncio.ensure_future(outlive_the_watchdog(c)), served=2)
    assert not scene.opened[0].transport.aborted.is_set()
