"""The life of one WebSocket: connect, watch for silence, back off, connect again.

`ConnectionLife` decides and knows no clock; `WebSocketManager` is the shell around it. What is said
over a connection is its session's affair: one call of `serve` for one connection, holding all state
of that connection, so that a successor may be opened while its predecessor still drains.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import msgspec
from structlog.typing import FilteringBoundLogger
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from genesis.clock import EngineClock
from genesis.errors import VenueError
from genesis.limits import (
    CONNECTION_SILENCE_MAX,
    CONNECTION_STABLE_AFTER,
    RECONNECT_DELAY_MAX,
    RECONNECT_DELAY_MIN,
    WATCHDOG_CHECKS,
)
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


class ConnectionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When to give a connection up and how long to wait before the next one."""

    delay_min: Nanos = RECONNECT_DELAY_MIN
    delay_max: Nanos = RECONNECT_DELAY_MAX
    stable_after: Nanos = CONNECTION_STABLE_AFTER
    silence_max: Nanos = CONNECTION_SILENCE_MAX


class ConnectionLife:
    """Decides when silence means death and how long to stay away. Pure: `now` is passed in.

    A connection has to hold for `stable_after` before the delays begin anew: a venue that accepts
    and drops at once is approached ever more slowly, which keeps the venue's limit of connection
    attempts (`binance-spot.md` section 2) out of reach.
    """

    __slots__ = ("_opened_at", "_policy", "_setbacks")

    def __init__(self, policy: ConnectionPolicy) -> None:
        self._policy = policy
        self._setbacks = 0
        self._opened_at: Nanos | None = None

    def opened(self, now: Nanos) -> None:
        """Note that a connection was made."""
        assert self._opened_at is None, "one connection at a time"
        self._opened_at = now

    def is_silent(self, last_read_at: Nanos, now: Nanos) -> bool:
        """Tell whether nothing at all, not even a ping, has come for too long."""
        return now - last_read_at > self._policy.silence_max

    def ended(self, now: Nanos, chance: float) -> Nanos:
        """Note that the connection ended or could not be made; return how long to wait.

        `chance` is uniform in [0, 1): the delay lies between half and all of the longest one at
        this stage, so that clients cut off together do not come back together.
        """
        assert 0 <= chance < 1
        if self._opened_at is not None and now - self._opened_at >= self._policy.stable_after:
            self._setbacks = 0
        self._opened_at = None
        longest = min(2 * self._policy.delay_min << self._setbacks, self._policy.delay_max)
        if longest < self._policy.delay_max:
            self._setbacks += 1
        return longest // 2 + int(longest // 2 * chance)


class WebSocketManager(Generic[_Connection]):
    """Keeps one WebSocket alive for as long as `run` runs; cancel it to close the socket.

    `connect` opens a connection. `serve` is called with every new one and says why it came back; it
    returns, or raises ConnectionClosed or a VenueError, when the connection is of no more use. Any
    other exception is a bug and ends `run`.
    """

    def __init__(
        self,
        *,
        connect: Callable[[], Awaitable[_Connection]],
        serve: Callable[[_Connection], Awaitable[str]],
        clock: EngineClock,
        log: FilteringBoundLogger,
        policy: ConnectionPolicy | None = None,
    ) -> None:
        self._connect = connect
        self._serve = serve
        self._clock = clock
        self._log = log
        self._policy = policy or ConnectionPolicy()
        self._life = ConnectionLife(self._policy)
        self._chance = random.SystemRandom().random
        self.connections = 0

    async def run(self) -> None:
        """Connect, serve and come back, until cancelled."""
        while True:
            why = await self._live_once()
            delay = self._life.ended(self._clock.now(), self._chance())
            self._log.warning("connection_ended", why=why, retry_in_ms=delay // NANOS_PER_MS)
            await asyncio.sleep(delay / NANOS_PER_SECOND)

    async def _live_once(self) -> str:
        try:
            connection = await self._connect()
        except (OSError, InvalidHandshake) as error:
            return f"not connected: {str(error) or type(error).__name__}"
        self.connections += 1
        self._life.opened(self._clock.now())
        self._log.info("connection_opened", connections=self.connections)
        watchdog = asyncio.create_task(self._watch(connection))
        try:
            return await self._serve(connection)
        except (ConnectionClosed, VenueError) as error:
            return str(error)
        finally:
            watchdog.cancel()
            await connection.close()

    async def _watch(self, connection: _Connection) -> None:
        """Drop the connection once it is silent: a dead peer answers no closing handshake."""
        pause = self._policy.silence_max / WATCHDOG_CHECKS / NANOS_PER_SECOND
        while True:
            await asyncio.sleep(pause)
            if self._life.is_silent(connection.last_read_at, self._clock.now()):
                break
        silence_max_ms = self._policy.silence_max // NANOS_PER_MS
        self._log.warning("connection_silent", silence_max_ms=silence_max_ms)
        connection.transport.abort()
