"""The sessions of one gateway with the WebSocket API, one after the other, for as long as it runs.

Requests go to the session that is ready; a request that finds none was not sent. Nothing is ever
sent twice on the caller's behalf.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

from structlog.typing import FilteringBoundLogger
from websockets.exceptions import InvalidHandshake

from genesis.clock import EngineClock
from genesis.errors import VenueError, VenueUnreachable
from genesis.exchange.binance.outcomes import Fate, Unwritten
from genesis.exchange.binance.requests import Request
from genesis.exchange.binance.session_opening import SessionOpener
from genesis.exchange.binance.ws_session import SessionCounters, WsSession
from genesis.exchange.gateway import StreamGap, UserEvent
from genesis.exchange.request_connection import RequestConnection, connect_requests
from genesis.exchange.websocket_manager import ConnectionPolicy, WebSocketManager
from genesis.limits import CLOCK_REFRESH
from genesis.units import NANOS_PER_SECOND, Nanos

_T = TypeVar("_T")


class WsSessions:
    """Keeps a session: opens one on every new connection, and gives it up when it is of no use.

    Run `run()` as a task, await `wait_ready`, and cancel the task to close. `on_event` is called in
    the order of the wire, from inside the read; it must not block, and what it raises ends `run`.
    """

    def __init__(
        self,
        url: str,
        opener: SessionOpener,
        on_event: Callable[[UserEvent], None],
        *,
        clock: EngineClock,
        log: FilteringBoundLogger,
        tls: ssl.SSLContext | None = None,
        policy: ConnectionPolicy | None = None,
    ) -> None:
        self._url = url
        self._tls = tls
        self._opener = opener
        self._on_event = on_event
        self._clock = clock
        self._log = log
        self._ready = asyncio.Event()
        self._session: WsSession | None = None
        self._failure: VenueError = VenueUnreachable("no connection was tried yet")
        # When the last stream of user events ended; None before there was one, and while it lives.
        self._stream_ended_at: Nanos | None = None
        self._stream_end = ""
        self.counters = SessionCounters()
        self._manager: WebSocketManager[RequestConnection] = WebSocketManager(
            connect=self._connect,
            serve=self._serve,
            clock=clock,
            log=self._log,
            policy=policy,
        )

    async def run(self) -> None:
        """Keep a session with the venue until cancelled."""
        await self._manager.run()

    async def wait_ready(self, timeout: Nanos) -> None:  # noqa: ASYNC109, an error with its reason
        """Return once requests can be sent and user events flow.

        Raises:
            VenueRejected: The last try ended with the venue refusing the key.
            VenueUnreachable: Time is up for any other reason.
        """
        try:
            async with asyncio.timeout(timeout / NANOS_PER_SECOND):
                await self._ready.wait()
        except TimeoutError:
            raise self._failure from None

    @property
    def is_ready(self) -> bool:
        """Tell whether requests can be sent and user events flow."""
        return self._ready.is_set()

    @property
    def connections(self) -> int:
        """How many connections were made so far."""
        return self._manager.connections

    def request(
        self, request: Request, read: Callable[[Fate], _T], timeout: Nanos
    ) -> "asyncio.Future[_T]":
        """Write a request to the session that is ready; see `WsSession.request`."""
        if self._session is None:
            future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
            future.set_result(read(Unwritten("not connected")))
            return future
        return self._session.request(request, read, timeout)

    async def _connect(self) -> RequestConnection:
        try:
            return await connect_requests(self._url, self._clock.now, tls=self._tls)
        except (OSError, InvalidHandshake) as error:
            self._failure = VenueUnreachable(f"{self._url}: {str(error) or type(error).__name__}")
            raise

    async def _serve(self, connection: RequestConnection) -> str:
        """Live on one connection until it ends or is due to be replaced."""
        session = WsSession(
            connection,
            on_event=self._on_event,
            on_unreadable_event=self._report_unreadable,
            clock=self._clock,
            log=self._log,
            counters=self.counters,
        )
        connection.listen(session.receive)
        closing = asyncio.create_task(connection.until_closed())
        living = asyncio.create_task(self._live(session))
        why = "cancelled"
        try:
            await asyncio.wait({closing, living}, return_when=asyncio.FIRST_COMPLETED)
            # A fault of a listener outweighs what it did to the session.
            why = await (closing if closing.done() else living)
        except VenueError as error:
            self._failure = error
            why = str(error)
        finally:
            self._end_session(session, why)
            await _cancel(closing)
            await _cancel(living)
        return why

    async def _live(self, session: WsSession) -> str:
        await self._opener.open(session)
        self._begin_session(session)
        while session.replacement is None:
            await session.attention(CLOCK_REFRESH)
            if session.replacement is None:
                await self._opener.measure_clock(session)
        self._ready.clear()
        await session.drain()
        return session.replacement

    def _begin_session(self, session: WsSession) -> None:
        self._session = session
        self._ready.set()
        self._log.info("session_ready")
        if self._stream_ended_at is not None:
            gap_from, self._stream_ended_at = self._stream_ended_at, None
            self._report_gap(self._stream_end, gap_from)

    def _end_session(self, session: WsSession, why: str) -> None:
        if self._session is session:
            self._session = None
            self._ready.clear()
            self._stream_ended_at = self._clock.now()
            self._stream_end = why
        session.abandon(why)

    def _report_unreadable(self, why: str) -> None:
        self._report_gap(f"unreadable event: {why}", self._clock.now())

    def _report_gap(self, why: str, from_at: Nanos) -> None:
        self._on_event(StreamGap(why=why, from_at=from_at, to_at=self._clock.now()))


async def _cancel(task: "asyncio.Task[_T]") -> None:
    """End a task of ours and take what it leaves; its failure was taken already, or is moot."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
