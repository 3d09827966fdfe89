"""Requests and replies on one connection to the WebSocket API, matched by id in any order.

A reply that does not come costs its own request and nothing else: the connection stays, because
closing it would make every other request in flight unknown too.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias, TypeVar

import msgspec
from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.domain.order_lists import OrderListReport
from genesis.domain.orders import ExecutionReport, Hold
from genesis.errors import MalformedMessage
from genesis.exchange.binance.errors import TIMESTAMP_OUTSIDE_WINDOW
from genesis.exchange.binance.messages import (
    Envelope,
    SessionNotice,
    decode_envelope,
    decode_event,
)
from genesis.exchange.binance.outcomes import Fate, Lost, Reply, Unwritten
from genesis.exchange.binance.rate_replies import counts_from_entries, reply_facts
from genesis.exchange.binance.requests import Request
from genesis.exchange.gateway import BalanceUpdate, TransferReported
from genesis.exchange.request_connection import RequestConnection
from genesis.exchange.request_gate import Admission, RequestGate
from genesis.limits import REQUESTS_IN_FLIGHT_MAX
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

_T = TypeVar("_T")

_SESSION_REVOKED: Final = 401


SessionContent: TypeAlias = ExecutionReport | OrderListReport | BalanceUpdate | TransferReported
"""What the account's events tell beyond the session itself."""


class SessionCounters(msgspec.Struct):
    """What went by on the connections of one gateway, over its life."""

    requests: int = 0
    replies: int = 0
    late_replies: int = 0
    lost_replies: int = 0
    events: int = 0
    unreadable_messages: int = 0


class _Call(NamedTuple):
    """One request in flight: who takes its fate, the timer that gives it up, and its admission."""

    settle: Callable[[Fate], None]
    timer: asyncio.TimerHandle
    admission: Admission


class WsSession:
    """One connection's requests in flight and user events, from its opening to its end.

    `on_successor_wanted` is told, once, why the connection must be replaced. Requests are taken
    until the session's key dies, or `abandon` ends it. `brings_events` tells whether the session is
    subscribed to user events and nothing has been heard to the contrary.
    """

    def __init__(
        self,
        connection: RequestConnection,
        *,
        on_event: Callable[[SessionContent], None],
        on_unreadable_event: Callable[[str], None],
        on_successor_wanted: Callable[[str], None],
        gate: RequestGate,
        clock: EngineClock,
        log: FilteringBoundLogger,
        counters: SessionCounters,
    ) -> None:
        self._connection = connection
        self._on_event = on_event
        self._on_unreadable_event = on_unreadable_event
        self._on_successor_wanted = on_successor_wanted
        self._gate = gate
        self._clock = clock
        self._log = log
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, _Call] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._clock_doubted = asyncio.Event()
        self._is_replaceable = True
        self._end = ""  # why no more requests are taken; "" while they are
        self.brings_events = False

    @property
    def takes_requests(self) -> bool:
        """Whether a request would be written, for all that is known."""
        return not self._end

    @property
    def last_read_at(self) -> Nanos:
        """When the connection was last read."""
        return self._connection.last_read_at

    @property
    def in_flight(self) -> int:
        """How many requests wait for their reply."""
        return len(self._calls)

    def request(
        self, request: Request, read: Callable[[Fate], _T], timeout: Nanos
    ) -> "asyncio.Future[_T]":
        """Write a request now; the future resolves to what `read` makes of its fate.

        That is, at the latest, when `timeout` is over or the session ends. What the gate does not
        admit is not written, now or ever.
        """
        request_id = request.request_id
        assert request_id not in self._calls, "a request number is used once"
        future: asyncio.Future[_T] = self._loop.create_future()
        if self._end:
            future.set_result(read(Unwritten(f"session ended: {self._end}")))
            return future
        if len(self._calls) >= REQUESTS_IN_FLIGHT_MAX:
            future.set_result(read(Unwritten("too many requests in flight")))
            return future
        admission = self._gate.admit(request.cost)
        if isinstance(admission, Hold):
            future.set_result(read(Unwritten(admission.reason, admission.retry_at_ms)))
            return future
        if not self._connection.write_text(request.frame):
            self._gate.take_back(admission)
            future.set_result(read(Unwritten("the connection takes nothing")))
            return future

        def settle(fate: Fate) -> None:
            if not future.done():  # else whoever awaited it has been canceled
                future.set_result(read(fate))

        timer = self._loop.call_later(timeout / NANOS_PER_SECOND, self._expire, request_id, timeout)
        self._calls[request_id] = _Call(settle, timer, admission)
        self._counters.requests += 1
        self._idle.clear()
        return future

    def receive(self, message: bytes) -> None:
        """Take one message from the connection: a reply, or a user event."""
        received_at = self._clock.now()
        try:
            envelope = decode_envelope(message)
        except MalformedMessage as error:
            self._counters.unreadable_messages += 1
            self._log.warning("message_unreadable", reason=str(error), size=len(message))
            return
        if envelope.event:
            self._receive_event(envelope.event, received_at)
        else:
            self._receive_reply(envelope, received_at)

    def abandon(self, why: str) -> None:
        """End the session: whatever is in flight is lost."""
        self._end = self._end or why
        self.brings_events = False
        if self._calls:
            self._gate.fail_connection(why)
        for request_id in tuple(self._calls):
            self._lose(request_id, f"connection lost: {why}", is_failure=False)

    async def clock_doubted(self, longest: Nanos) -> None:
        """Wait until a request was refused for its timestamp, or `longest` is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest / NANOS_PER_SECOND):
                await self._clock_doubted.wait()
        self._clock_doubted.clear()

    def retire(self) -> None:
        """Take no more requests: a successor does. Replies and events still come in."""
        self._end = self._end or "succeeded"

    def want_successor(self, why: str) -> None:
        """Ask for a successor, unless one was asked for already."""
        if self._is_replaceable:
            self._is_replaceable = False
            self._on_successor_wanted(why)

    async def drain(self) -> None:
        """Wait until nothing is in flight. Every request ends by its own timeout at the latest."""
        await self._idle.wait()

    def _receive_reply(self, envelope: Envelope, received_at: Nanos) -> None:
        request_id = envelope.id
        fault = envelope.fault
        if fault is not None and fault.code == TIMESTAMP_OUTSIDE_WINDOW:
            self._clock_doubted.set()
        facts = reply_facts(envelope.status, fault, counts_from_entries(envelope.rateLimits))
        if not isinstance(request_id, int):
            self._gate.overhear(facts)
            self._receive_unaddressed(envelope)
            return
        call = self._calls.get(request_id)
        if call is None:
            self._gate.overhear(facts)
            self._counters.late_replies += 1
            self._log.warning("reply_late", request_id=request_id, status=envelope.status)
            return
        self._counters.replies += 1
        retry_at_ms = self._gate.answer(call.admission, facts)
        self._settle(request_id, Reply(envelope, received_at, retry_at_ms))

    def _receive_unaddressed(self, envelope: Envelope) -> None:
        """Take a reply that names no request: the session's key died, or the venue is puzzled."""
        code = envelope.fault.code if envelope.fault is not None else 0
        self._log.warning("reply_unaddressed", status=envelope.status, code=code)
        if envelope.status == _SESSION_REVOKED:
            why = f"session revoked: {code}"
            self._end = self._end or why
            self.brings_events = False
            self.want_successor(why)

    def _receive_event(self, event: msgspec.Raw, received_at: Nanos) -> None:
        self._counters.events += 1
        try:
            content = decode_event(event, received_at)
        except MalformedMessage as error:
            self._counters.unreadable_messages += 1
            self._log.error("event_unreadable", reason=str(error))
            self._on_unreadable_event(str(error))
            return
        if isinstance(content, SessionNotice):
            self._log.warning("session_notice", notice=content.value)
            if content is SessionNotice.STREAM_TERMINATED:
                self.brings_events = False
            self.want_successor(content.value)
        elif content is not None:
            self._on_event(content)

    def _expire(self, request_id: int, timeout: Nanos) -> None:
        self._counters.lost_replies += 1
        self._log.warning("reply_lost", request_id=request_id)
        self._lose(request_id, f"no reply within {timeout // NANOS_PER_MS} ms", is_failure=True)

    def _lose(self, request_id: int, why: str, *, is_failure: bool) -> None:
        self._gate.lose(self._calls[request_id].admission, why, is_failure=is_failure)
        self._settle(request_id, Lost(why))

    def _settle(self, request_id: int, fate: Fate) -> None:
        call = self._calls.pop(request_id)
        call.timer.cancel()
        call.settle(fate)
        if not self._calls:
            self._idle.set()
