"""The life of every WebSocket: connect, replace before it breaks, come back when it did.

`ConnectionLife` decides when and `ConnectionBudget` how often; `WebSocketManager` is the shell
around them. What is said over a connection is its session's affair: one call of `serve` for one
connection, holding all state of that connection, so that a successor can be made while its
predecessor still works.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from structlog.typing import FilteringBoundLogger
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from genesis.clock import EngineClock
from genesis.errors import VenueError
from genesis.exchange.connection_budget import ConnectionBudget, refused_until
from genesis.exchange.connection_life import ConnectionLife, ConnectionPolicy
from genesis.exchange.reachability import why_unreachable
from genesis.limits import WATCHDOG_CHECKS
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos


class _Transport(Protocol):
    def abort(self) -> None: ...


class WatchedConnection(Protocol):
    """What the manager needs of a connection: that of `websockets`, and a sign of life."""

    @property
    def last_read_at(self) -> Nanos:
        """When the socket was last read: moves with pings and fragments too."""
        ...

    @property
    def transport(self) -> _Transport:
        """The way to end the connection without the closing handshake."""
        ...

    async def close(self) -> None:
        """End the connection with the closing handshake."""
        ...


_Connection = TypeVar("_Connection", bound=WatchedConnection)


class Tenure:
    """One connection's time in use, between who manages it and who serves it.

    `retired` is set once a successor has taken over: what is in flight may still be awaited, then
    `serve` returns.
    """

    def __init__(
        self, on_ready: Callable[[], None], on_successor_wanted: Callable[[str], None]
    ) -> None:
        self.retired = asyncio.Event()
        self._on_ready = on_ready
        self._on_successor_wanted = on_successor_wanted
        self._is_ready = False

    def become_ready(self) -> None:
        """Say that this connection does its duty; a predecessor is retired by it."""
        assert not self._is_ready, "a connection becomes ready once"
        self._is_ready = True
        self._on_ready()

    def want_successor(self, why: str) -> None:
        """Say that this connection will not last, or is worth little; it stays in use meanwhile."""
        self._on_successor_wanted(why)


class WebSocketManager(Generic[_Connection]):
    """Keeps one WebSocket alive for as long as `run` runs; cancel it to close the socket.

    `connect` opens a connection, or raises a VenueError where none may be opened now. `serve` is
    called with every new one and says why it came back; it returns, or raises ConnectionClosed or a
    VenueError, when the connection is of no more use. Any other exception is a bug and ends `run`.

    A connection that must be replaced is replaced make-before-break: its successor is opened and
    served beside it, and only when that one is ready is the old one retired. Where no successor can
    be had, the old connection stays in use while it lives.
    """

    def __init__(
        self,
        *,
        connect: Callable[[], Awaitable[_Connection]],
        serve: Callable[[_Connection, Tenure], Awaitable[str]],
        clock: EngineClock,
        log: FilteringBoundLogger,
        budget: ConnectionBudget,
        policy: ConnectionPolicy | None = None,
    ) -> None:
        self._connect = connect
        self._serve = serve
        self._clock = clock
        self._log = log
        self._budget = budget
        self._policy = policy or ConnectionPolicy()
        self._life = ConnectionLife(self._policy)
        self._chance = random.SystemRandom().random
        self._tenures: dict[int, Tenure] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._news = asyncio.Event()
        self.connections = 0
        self._in_use: int | None = None
        self._why = ""

    @property
    def trouble(self) -> str:
        """Why there is no connection that does its duty; "" while there is one, or a first try."""
        return "" if self._in_use in self._tenures else self._why

    async def run(self) -> None:
        """Connect, serve, replace and come back, until cancelled."""
        try:
            while self._fault is None:
                self._news.clear()
                due_at = self._due_at()
                if due_at is not None and due_at <= self._clock.now():
                    self._try()
                else:
                    await self._wait(due_at)
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
        raise self._fault

    def _due_at(self) -> Nanos | None:
        next_try_at = self._life.next_try_at
        return None if next_try_at is None else max(next_try_at, self._allowed_at)

    @property
    def _allowed_at(self) -> Nanos:
        return self._budget.next_spare_at if self._life.can_wait else self._budget.next_at

    async def _wait(self, until: Nanos | None) -> None:
        """Wait for news of a connection, or until another one is due."""
        seconds = None if until is None else (until - self._clock.now()) / NANOS_PER_SECOND
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def _try(self) -> None:
        now = self._clock.now()
        self._budget.take(now)
        number = self._life.tried(now, self._chance())
        task = asyncio.create_task(self._hold(number))
        self._tasks.add(task)
        task.add_done_callback(self._take_end)

    def _take_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._fault = self._fault or task.exception()
        self._news.set()

    async def _hold(self, number: int) -> None:
        """Open one connection and have it served to its end."""
        try:
            connection = await self._connect()
        except (OSError, InvalidHandshake, VenueError) as error:
            self._heed_refusal(error)
            self._note_end(number, f"not connected: {why_unreachable(error)}")
            return
        self.connections += 1
        self._life.opened(number, self._clock.now())
        self._log.info("connection_opened", number=number)
        watchdog = asyncio.create_task(self._watch(number, connection))
        try:
            why = await self._serve_to_its_end(number, connection)
            # Told before the closing handshake: a successor need not wait for a dead peer.
            self._note_end(number, why)
        finally:
            watchdog.cancel()
            await connection.close()

    async def _serve_to_its_end(self, number: int, connection: _Connection) -> str:
        tenure = self._tenures[number] = Tenure(
            lambda: self._take_readiness(number), lambda why: self._want_successor(number, why)
        )
        try:
            return await self._serve(connection, tenure)
        except (ConnectionClosed, VenueError) as error:
            return str(error)
        finally:
            del self._tenures[number]

    def _note_end(self, number: int, why: str) -> None:
        now = self._clock.now()
        delay = self._life.ended(number, now, self._chance())
        if delay is None:
            self._log.info("connection_succeeded", number=number, why=why)
        else:
            self._why = why
            retry_in_ms = max(delay, self._allowed_at - now) // NANOS_PER_MS
            self._log.warning("connection_ended", number=number, why=why, retry_in_ms=retry_in_ms)
        self._news.set()

    def _take_readiness(self, number: int) -> None:
        self._in_use = number
        predecessor = self._life.became_ready(number, self._clock.now())
        if predecessor is not None:
            self._tenures[predecessor].retired.set()
        self._news.set()

    def _want_successor(self, number: int, why: str) -> None:
        self._log.warning("successor_wanted", number=number, why=why)
        self._life.wants_successor(number, self._clock.now(), self._chance())
        self._news.set()

    def _heed_refusal(self, error: Exception) -> None:
        """Keep every socket of this process away for as long as a refused handshake says."""
        if not isinstance(error, InvalidStatus):
            return
        response, now = error.response, self._clock.now()
        until = refused_until(response.status_code, response.headers.get("Retry-After"), now)
        if until:
            self._log.error("connections_forbidden", for_ms=(until - now) // NANOS_PER_MS)
            self._budget.postpone(until)

    async def _watch(self, number: int, connection: _Connection) -> None:
        """Cut the connection off once that is due: a dead peer answers no closing handshake."""
        pause = self._policy.shortest_patience / WATCHDOG_CHECKS / NANOS_PER_SECOND
        verdict = None
        while verdict is None:
            await asyncio.sleep(pause)
            verdict = self._life.verdict(number, connection.last_read_at, self._clock.now())
        self._log.warning("connection_cut_off", number=number, why=verdict.value)
        connection.transport.abort()
