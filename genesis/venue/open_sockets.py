"""The WebSocket connections that are open, and how each ends: at its age, or all at once."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from genesis.units import Nanos
from genesis.venue.api_conversation import ApiConversation
from genesis.venue.connection import Conversation, VenueConnection
from genesis.venue.connection_faults import ConnectionFault
from genesis.venue.stream_conversation import StreamConversation
from genesis.venue.venue_acts import SocketKind


class Clocked(Protocol):
    """The venue's clock and its timers."""

    def now(self) -> Nanos:
        """Return the venue's time."""

    def schedule(self, delay: Nanos, act: Callable[[], None]) -> asyncio.TimerHandle:
        """Act when a delay is over."""


@dataclass(slots=True, eq=False)
class OpenSocket:
    """One open connection and what it leads to."""

    connection: VenueConnection
    conversation: Conversation
    kind: SocketKind
    address: str
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class OpenSockets:
    """The open connections, the oldest first.

    Each is told serverShutdown `lead` before it has lived for `life`, and is closed then.
    """

    def __init__(self, venue: Clocked, life: Nanos, lead: Nanos) -> None:
        self._venue = venue
        self._life = life
        self._lead = min(lead, life)
        self._open: dict[VenueConnection, OpenSocket] = {}

    def __iter__(self) -> Iterator[OpenSocket]:
        return iter(tuple(self._open.values()))

    def add(
        self, connection: VenueConnection, conversation: Conversation, kind: SocketKind
    ) -> None:
        """Take note of a connection that has opened; its life begins."""
        socket = OpenSocket(connection, conversation, kind, connection.address)
        self._open[connection] = socket
        socket.timers.append(
            self._venue.schedule(self._life - self._lead, lambda: self._end(socket, self._lead))
        )

    def remove(self, connection: VenueConnection) -> None:
        """Take note that a connection is gone, if it ever opened."""
        socket = self._open.pop(connection, None)
        if socket is not None:
            for timer in socket.timers:
                timer.cancel()

    def shut_down(self, kind: SocketKind, lead: Nanos) -> None:
        """Announce an end to the connections of a kind, and close them after `lead`."""
        for socket in self:
            if kind in ("", socket.kind):
                self._end(socket, lead)

    def strike(self, fault: ConnectionFault) -> None:
        """Let a fault strike those of the connections that it names."""
        struck = [socket for socket in self if _fits(socket, fault)]
        match fault.which:
            case "oldest":
                struck = struck[:1]
            case "newest":
                struck = struck[-1:]
        for socket in struck:
            fault.play(socket.connection)

    def terminate_user_streams(self) -> None:
        """End every user data subscription; the connections stay."""
        now = self._venue.now()
        for socket in self:
            if isinstance(socket.conversation, ApiConversation):
                socket.conversation.terminate_user_streams(now)

    def _end(self, socket: OpenSocket, lead: Nanos) -> None:
        socket.conversation.announce_shutdown(self._venue.now())
        socket.timers.append(self._venue.schedule(lead, socket.connection.close))


def _fits(socket: OpenSocket, fault: ConnectionFault) -> bool:
    if fault.kind not in ("", socket.kind) or fault.address not in ("", socket.address):
        return False
    conversation = socket.conversation
    return not fault.stream or (
        isinstance(conversation, StreamConversation) and fault.stream in conversation.streams
    )
