"""The sessions of one gateway with the WebSocket API, for as long as it runs.

There may be two at once: a session that must be replaced works on until its successor is ready, and
is then left to bring in the replies under way. Requests go to the newest session that takes any; a
request that finds none was not sent. Nothing is ever sent twice on the caller's behalf.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import NoReturn, TypeVar

import msgspec
from structlog.typing import FilteringBoundLogger
from websockets.exceptions import InvalidHandshake, InvalidStatus

from genesis.clock import EngineClock
from genesis.errors import VenueError, VenueUnreachable
from genesis.exchange.binance.outcomes import Fate, Unwritten
from genesis.exchange.binance.rate_replies import handshake_facts
from genesis.exchange.binance.requests import Request
from genesis.exchange.binance.session_opening import SessionOpener
from genesis.exchange.binance.ws_session import SessionCounters, WsSession
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.connection_life import ConnectionPolicy
from genesis.exchange.gateway import StreamGap, UserEvent
from genesis.exchange.reachability import why_unreachable
from genesis.exchange.reply_facts import ReplyFacts
from genesis.exchange.request_connection import RequestConnection, connect_requests
from genesis.exchange.request_gate import RequestGate
from genesis.exchange.websocket_manager import Tenure, WebSocketManager
from genesis.limits import CLOCK_REFRESH, EVENTS_LINGER
from genesis.units import NANOS_PER_SECOND, Nanos

_T = TypeVar("_T")


class _Hole(msgspec.Struct, frozen=True):
    """No session brought user events since `from_at`; whoever reads them was not told yet."""

    why: str
    from_at: Nanos


class WsSessions:
    """Keeps a session: opens one on every new connection, and gives it up when it is of no use.

    Run `run()` as a task, await `wait_ready`, and cancel the task to close. `on_event` is called in
    the order of the wire, from inside the read; it must not block, and what it raises ends `run`.

    While two sessions are subscribed the same event comes by both, not always in order; events name
    what they are about, so that it does no harm. A `StreamGap` says that events may be missing. It
    is not told of a change of sessions that left no hole: then the old one still answered when the
    new one was subscribed already.
    """

    def __init__(
        self,
        url: str,
        opener: SessionOpener,
        on_event: Callable[[UserEvent], None],
        *,
        gate: RequestGate,
        clock: EngineClock,
        log: FilteringBoundLogger,
        tls: ssl.SSLContext | None = None,
        budget: ConnectionBudget,
        policy: ConnectionPolicy | None = None,
    ) -> None:
        self._url = url
        self._tls = tls
        self._opener = opener
        self._on_event = on_event
        self._gate = gate
        self._clock = clock
        self._log = log
        self._ready = asyncio.Event()
        self._sessions: list[WsSession] = []  # those that are open for use, the newest last
        self._current: WsSession | None = None
        self._hole: _Hole | None = None
        self._event_silence_max = (policy or ConnectionPolicy()).event_silence_max
        self._event_expected_after = -1  # how many events there had been; -1: none is expected
        self._event_timer: asyncio.TimerHandle | None = None
        self._failure: VenueError = VenueUnreachable("no connection was tried yet")
        self.counters = SessionCounters()
        self._manager: WebSocketManager[RequestConnection] = WebSocketManager(
            connect=self._connect,
            serve=self._serve,
            clock=clock,
            log=self._log,
            budget=budget,
            policy=policy,
        )

    async def run(self) -> None:
        """Keep a session with the venue until cancelled."""
        try:
            await self._manager.run()
        finally:
            self._expect_no_event()

    async def wait_ready(self, timeout: Nanos) -> None:  # noqa: ASYNC109, an error with its reason
        """Return once requests can be sent and user events flow.

        Who has stopped waiting goes on without events: the first session is a gap's end to him.

        Raises:
            VenueRejected: The last try ended with the venue refusing the key.
            VenueUnreachable: Time is up for any other reason.
        """
        try:
            async with asyncio.timeout(timeout / NANOS_PER_SECOND):
                await self._ready.wait()
        except TimeoutError:
            self._note_hole("there was no session yet", self._clock.now())
            raise self._failure from None

    @property
    def trouble(self) -> str:
        """Why there is no session; "" while there is one."""
        return self._manager.trouble

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
        """Write a request to the newest session that takes any; see `WsSession.request`."""
        if self._current is None:
            future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
            future.set_result(read(Unwritten("not connected")))
            return future
        return self._current.request(request, read, timeout)

    def expect_event(self, seen: int) -> None:
        """Take note that an order was accepted: an event must follow, if there were but `seen`.

        A stream may fall silent though its connection lives (`binance-spot.md` section 13). Events
        name what they are about, but any of them proves that the stream is alive.
        """
        if self.counters.events != seen or self._event_expected_after == seen:
            return
        self._expect_no_event()
        self._event_expected_after = seen
        loop, seconds = asyncio.get_running_loop(), self._event_silence_max / NANOS_PER_SECOND
        self._event_timer = loop.call_later(seconds, self._miss_event, seen)

    def _expect_no_event(self) -> None:
        self._event_expected_after = -1
        if self._event_timer is not None:
            self._event_timer.cancel()

    def _miss_event(self, seen: int) -> None:
        self._event_expected_after = -1
        silent = [session for session in self._sessions if session.brings_events]
        if self.counters.events != seen or not silent:
            return
        why = "no user event came behind an order that was accepted"
        for session in silent:
            session.brings_events = False
        self._note_hole(why, self._clock.now() - self._event_silence_max)
        for session in silent:
            session.want_successor(why)

    async def _connect(self) -> RequestConnection:
        hold = self._gate.admit_connection()
        if hold is not None:
            self._failure = VenueUnreachable(f"{self._url}: {hold.reason}")
            raise self._failure
        try:
            return await connect_requests(self._url, self._clock.now, tls=self._tls)
        except (OSError, InvalidHandshake) as error:
            reason = why_unreachable(error)
            self._failure = VenueUnreachable(f"{self._url}: {reason}")
            self._gate.fail_connection(reason)
            if isinstance(error, InvalidStatus):
                self._gate.overhear(_refused(error, self._opener.timestamp_ms()))
            raise

    async def _serve(self, connection: RequestConnection, tenure: Tenure) -> str:
        """Live on one connection until it ends or was succeeded."""
        session = WsSession(
            connection,
            on_event=self._on_event,
            on_unreadable_event=self._report_unreadable,
            on_successor_wanted=lambda why: self._want_successor(session, tenure, why),
            gate=self._gate,
            clock=self._clock,
            log=self._log,
            counters=self.counters,
        )
        connection.listen(session.receive)
        # In this order: a fault of a listener outweighs what it did to the session.
        tasks = [
            asyncio.create_task(connection.until_closed()),
            asyncio.create_task(self._live(session, tenure)),
            asyncio.create_task(self._drain(session, tenure)),
        ]
        why = "cancelled"
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            why = await next(task for task in tasks if task.done())
        except VenueError as error:
            self._failure = error
            why = str(error)
        finally:
            self._end_session(session, why)
            for task in tasks:
                await _cancel(task)
        return why

    async def _live(self, session: WsSession, tenure: Tenure) -> NoReturn:
        """Open a session, take it into use, and keep the venue's clock measured by it."""
        await self._opener.open(session)
        await self._begin_session(session)
        tenure.become_ready()
        while True:
            await session.clock_doubted(CLOCK_REFRESH)
            await self._opener.measure_clock(session)

    async def _drain(self, session: WsSession, tenure: Tenure) -> str:
        """Stay, once succeeded, for the replies under way and for events that are late."""
        await tenure.retired.wait()
        session.retire()
        await session.drain()
        await asyncio.sleep(EVENTS_LINGER / NANOS_PER_SECOND)
        return "succeeded"

    async def _begin_session(self, session: WsSession) -> None:
        """Send requests by this session from now on; tell of a hole in the events before it."""
        predecessor = next((old for old in reversed(self._sessions) if old.brings_events), None)
        self._sessions.append(session)
        self._choose()
        self._log.info("session_ready")
        self._gate.open_session()
        if predecessor is not None:
            if not await self._opener.is_answering(predecessor):
                why = "the session before was dead before its successor was there"
                self._report_gap(why, predecessor.last_read_at)
        elif self._hole is not None:
            hole, self._hole = self._hole, None
            self._expect_no_event()  # whoever hears of the gap looks at every order
            self._report_gap(hole.why, hole.from_at)

    def _end_session(self, session: WsSession, why: str) -> None:
        was_open = session in self._sessions
        session.abandon(why)
        if was_open:
            self._sessions.remove(session)
            self._choose()
            self._note_hole(why, session.last_read_at)

    def _want_successor(self, session: WsSession, tenure: Tenure, why: str) -> None:
        if session in self._sessions:
            self._choose()
            self._note_hole(why, self._clock.now())
        tenure.want_successor(why)

    def _choose(self) -> None:
        """Find the session for requests, and tell whether there is one."""
        takers = (session for session in reversed(self._sessions) if session.takes_requests)
        self._current = next(takers, None)
        if self._current is None:
            self._ready.clear()
        else:
            self._ready.set()

    def _note_hole(self, why: str, from_at: Nanos) -> None:
        """Keep in mind that events are missed from here on, unless some session brings them."""
        is_covered = any(session.brings_events for session in self._sessions)
        if self._hole is None and not is_covered:
            self._hole = _Hole(why, from_at)

    def _report_unreadable(self, why: str) -> None:
        self._report_gap(f"unreadable event: {why}", self._clock.now())

    def _report_gap(self, why: str, from_at: Nanos) -> None:
        self._on_event(StreamGap(why=why, from_at=from_at, to_at=self._clock.now()))


def _refused(error: InvalidStatus, now_ms: int) -> ReplyFacts:
    """Read the answer to a handshake: who asks too much is refused a connection too."""
    response = error.response
    return handshake_facts(response.status_code, dict(response.headers.raw_items()), now_ms)


async def _cancel(task: "asyncio.Task[_T]") -> None:
    """End a task of ours and take what it leaves; its failure was taken already, or is moot."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
