"""One client's socket: handshake, frames, pings, and whose business the messages are.

The protocol is the sans-I/O server of `websockets`. Frames of data that are built already go past
it, each one whole, so that they never break into one of its own.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol, cast

import msgspec
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from genesis.limits import (
    VENUE_CLOSE_TIMEOUT,
    VENUE_MESSAGE_BYTES_MAX,
    VENUE_PINGS_UNANSWERED_MAX,
    VENUE_SEND_BUFFER_BYTES_MAX,
)
from genesis.units import NANOS_PER_SECOND, Nanos

Clock = Callable[[], Nanos]

_CONTROL: Final = frozenset({Opcode.PING, Opcode.PONG})
_MESSAGE: Final = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
_SEND_EOF: Final = b""


class PingRules(msgspec.Struct, frozen=True, kw_only=True):
    """How often the venue pings, and for how long it waits for the pong (section 2)."""

    interval: Nanos = 20 * NANOS_PER_SECOND
    pong_timeout: Nanos = 60 * NANOS_PER_SECOND


class HandshakeRefusal(NamedTuple):
    """Why a handshake is refused; with `retry_after_s` the client is told when to come again.

    `text` is what stands in the response's body, the status in words if it is "".
    """

    status: HTTPStatus
    retry_after_s: int = 0
    text: str = ""


class Conversation(Protocol):
    """What a connection's path leads to: it takes messages, and writes by the connection."""

    def receive(self, message: bytes) -> None:
        """Take one whole message."""

    def receive_control(self) -> None:
        """Take note of a ping or pong."""

    def announce_shutdown(self, now: Nanos) -> None:
        """Say that the venue ends this connection soon."""

    def close(self) -> None:
        """End: the connection is gone."""


class ConnectionKeeper(Protocol):
    """The server, as its connections see it."""

    def converse(
        self, connection: "VenueConnection", target: str
    ) -> Conversation | HandshakeRefusal:
        """Return the conversation that a request target opens, or why there is none."""

    def connected(self, connection: "VenueConnection") -> bool:
        """Take note of a new connection; False if there is no room for it."""

    def disconnected(self, connection: "VenueConnection") -> None:
        """Take note that a connection is gone."""

    def paused(self, connection: "VenueConnection", *, is_paused: bool) -> None:
        """Take note that a client reads more slowly than it is sent to, or has caught up."""

    def failed(self, error: Exception) -> None:
        """Take note that the venue itself broke while it served this connection."""


class VenueConnection(asyncio.Protocol):
    """One client's connection, from its handshake to its end."""

    def __init__(self, keeper: ConnectionKeeper, clock: Clock, pings: PingRules) -> None:
        self._keeper = keeper
        self._clock = clock
        self._ping_rules = pings
        self._protocol = ServerProtocol(max_size=VENUE_MESSAGE_BYTES_MAX)
        self._transport: asyncio.Transport | None = None
        self._conversation: Conversation | None = None
        self._fragments: list[bytes] = []
        self._pings: dict[bytes, Nanos] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_mute = False
        self.address = ""
        """The client's, without its port."""

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are such by behavior, not by class.
        self._transport = cast(asyncio.Transport, transport)
        self.address = client_address(transport)
        if not self._keeper.connected(self):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, whoever ended it."""
        del exc
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        if self._conversation is not None:
            self._conversation.close()
            self._conversation = None
        self._keeper.disconnected(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and act on every frame they complete."""
        self._protocol.receive_data(data)
        self._act()

    def eof_received(self) -> None:
        """Take the client's end of sending; the transport closes itself."""
        self._protocol.receive_eof()
        self._act()

    def pause_writing(self) -> None:
        """Take note that the client falls behind."""
        self._keeper.paused(self, is_paused=True)

    def resume_writing(self) -> None:
        """Take note that the client has caught up."""
        self._keeper.paused(self, is_paused=False)

    # The conversation's side.

    def write_frames(self, frames: bytes) -> None:
        """Send whole frames; a client that is too far behind is cut off instead."""
        transport = self._transport
        if transport is None or self._is_mute or self._protocol.state is not State.OPEN:
            return
        if transport.get_write_buffer_size() > VENUE_SEND_BUFFER_BYTES_MAX:
            transport.abort()
            return
        transport.write(frames)

    def fail(self, code: int, reason: str) -> None:
        """Close the connection, with the reason the client is told."""
        self._protocol.fail(code, reason)
        self._flush()

    def close(self) -> None:
        """Close the connection because the venue does; cut it off if the client does not answer."""
        if self._transport is None:
            return
        if self._protocol.state is State.OPEN and not self._is_mute:
            self._protocol.send_close(CloseCode.GOING_AWAY)
            self._flush()
        else:
            self._transport.abort()

    def abort(self) -> None:
        """Cut the connection off, without a word."""
        if self._transport is not None:
            self._transport.abort()

    def fall_silent(self) -> None:
        """Send nothing more, no pings either; what comes in is taken."""
        self._is_mute = True

    def go_dark(self) -> None:
        """Send nothing more and take nothing in; the connection stays open."""
        self._is_mute = True
        if self._transport is not None:
            self._transport.pause_reading()

    def _act(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._open(event)
            elif isinstance(event, Frame):
                self._take(event)
        self._flush()

    def _open(self, request: Request) -> None:
        """Answer the handshake."""
        opened = self._keeper.converse(self, request.path)
        if isinstance(opened, HandshakeRefusal):
            response = self._protocol.reject(
                opened.status, opened.text or f"{opened.status.phrase}\n"
            )
            if opened.retry_after_s:
                response.headers["Retry-After"] = str(opened.retry_after_s)
        else:
            response = self._protocol.accept(request)
        self._protocol.send_response(response)
        if isinstance(opened, HandshakeRefusal):
            return
        if self._protocol.state is State.OPEN:
            self._conversation = opened
            self._schedule_ping()
        else:
            opened.close()

    def _take(self, frame: Frame) -> None:
        conversation = self._conversation
        if conversation is None:
            return
        if frame.opcode in _CONTROL:
            if frame.opcode is Opcode.PONG:
                self._take_pong(bytes(frame.data))
            conversation.receive_control()
        elif frame.opcode in _MESSAGE:
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._fragments)
                self._fragments.clear()
                # A reply may go past the protocol, so what it has to say comes first.
                self._flush()
                self._receive(conversation, message)

    def _receive(self, conversation: Conversation, message: bytes) -> None:
        try:
            conversation.receive(message)
        except Exception as error:
            self._keeper.failed(error)

    def _flush(self) -> None:
        """Send what the protocol has to say."""
        transport = None if self._is_mute else self._transport
        for data in self._protocol.data_to_send():
            if transport is None:
                continue
            if data == _SEND_EOF:
                transport.close()
            else:
                transport.write(data)
        if transport is not None and self._protocol.close_expected():
            self._expect_close(transport)

    def _expect_close(self, transport: asyncio.Transport) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = VENUE_CLOSE_TIMEOUT / NANOS_PER_SECOND
        self._timer = asyncio.get_running_loop().call_later(seconds, transport.abort)

    # Pings.

    def _schedule_ping(self) -> None:
        loop = asyncio.get_running_loop()
        seconds = self._ping_rules.interval / NANOS_PER_SECOND
        self._timer = loop.call_later(seconds, self._ping)

    def _ping(self) -> None:
        """Ping the client, or cut it off when it has left the oldest ping unanswered too long."""
        if self._is_mute:
            return
        now = self._clock()
        oldest = next(iter(self._pings.values()), now)
        is_late = now - oldest > self._ping_rules.pong_timeout
        if is_late or len(self._pings) >= VENUE_PINGS_UNANSWERED_MAX:
            self.fail(CloseCode.POLICY_VIOLATION, "Pong timeout")
            return
        payload = b"%d" % now
        self._pings[payload] = now
        self._protocol.send_ping(payload)
        self._flush()
        self._schedule_ping()

    def _take_pong(self, payload: bytes) -> None:
        """Count a pong only when it answers a ping; it answers the earlier ones too."""
        if payload in self._pings:
            self._pings.clear()


def client_address(transport: asyncio.BaseTransport) -> str:
    """Return the client's address without its port, or "" of one that has left already."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""
