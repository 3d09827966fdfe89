"""One end of the socket pair between the parent and a child (I/O).

SOCK_SEQPACKET keeps message borders and reports the peer's death as an empty read. The kernel's
socket buffer is the only queue for what is sent; what was received and not yet asked for is
bounded too.
"""

import asyncio
import errno
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from genesis.engine.control import Stop, ToChild, ToParent, encode
from genesis.errors import LinkError
from genesis.limits import (
    CONTROL_INBOX_MESSAGES_MAX,
    CONTROL_MESSAGE_BYTES_MAX,
    CONTROL_SOCKET_BUFFER_BYTES,
)

M = TypeVar("M")

_PEER_GONE = (errno.EPIPE, errno.ECONNRESET, errno.ECONNREFUSED, errno.ENOTCONN)


def control_pair() -> tuple[socket.socket, socket.socket]:
    """Make the parent's end and the child's end; both close on exec unless passed on."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CONTROL_SOCKET_BUFFER_BYTES)
        end.settimeout(0)
    return pair


class ControlChannel(Generic[M]):
    """Sends messages, and receives messages of one direction (`M`) once `watch` was called."""

    def __init__(self, end: socket.socket, decode: Callable[[bytes], M]) -> None:
        end.settimeout(0)
        self._socket = end
        self._decode = decode
        self._loop: asyncio.AbstractEventLoop | None = None

    def send(self, message: ToChild | ToParent) -> bool:
        """Hand a message to the kernel; False when the peer is gone or has long stopped reading.

        Nothing is kept to be sent later: what is said regularly is said again, and the sender of an
        order that was not taken sees that the child does not obey it.
        """
        try:
            self._socket.send(encode(message))
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _PEER_GONE:
                return False
            raise
        return True

    def watch(
        self, on_message: Callable[[M], None], on_end: Callable[[LinkError | None], None]
    ) -> None:
        """Call `on_message` for each message, then `on_end` once: the peer is gone, or not sane."""
        assert self._loop is None, "a channel is watched once"
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._receive, on_message, on_end)

    def read_rest(self) -> list[M]:
        """Take what a peer that has ended had still to say. Call it before `close`."""
        rest: list[M] = []
        while len(rest) < CONTROL_INBOX_MESSAGES_MAX:
            try:
                datagram = self._socket.recv(CONTROL_MESSAGE_BYTES_MAX)
                if not datagram:
                    break
                rest.append(self._decode(datagram))
            except (OSError, LinkError):
                break
        return rest

    def close(self) -> None:
        """Stop watching, then close: a closed descriptor that uvloop still watches aborts it."""
        self.unwatch()
        self._socket.close()

    def unwatch(self) -> None:
        """Stop watching; `send` and `read_rest` still work."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
            self._loop = None

    def _receive(
        self, on_message: Callable[[M], None], on_end: Callable[[LinkError | None], None]
    ) -> None:
        """Read one message; the loop calls again while there are more."""
        try:
            datagram = self._socket.recv(CONTROL_MESSAGE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in _PEER_GONE:
                raise
            datagram = b""
        if not datagram:
            self.unwatch()
            on_end(None)
            return
        try:
            message = self._decode(datagram)
        except LinkError as error:
            self.unwatch()
            on_end(error)
            return
        on_message(message)


class ChildControl:
    """The child's end: `send`, the parent's messages in order, and the event that ends the child.

    `stopping` is set by `Stop` and by the parent's death; `orphaned` tells the second. Messages
    that nobody takes are bounded: past the bound the oldest is dropped and counted in `dropped`.
    """

    def __init__(self, channel: ControlChannel[ToChild]) -> None:
        self._channel = channel
        self._inbox: deque[ToChild] = deque()
        self._arrived = asyncio.Event()
        self.stopping = asyncio.Event()
        self.orphaned = False
        self.dropped = 0

    def listen(self, on_orphaned: Callable[[], None]) -> None:
        """Start to listen; `on_orphaned` is called once, when the parent is gone."""

        def end(error: LinkError | None) -> None:
            del error  # a parent that talks nonsense is as good as gone
            self.orphaned = True
            self.stopping.set()
            self._arrived.set()
            on_orphaned()

        self._channel.watch(self._take, end)

    def send(self, message: ToParent) -> bool:
        """Say something to the parent; False when it is gone or has long stopped reading."""
        return self._channel.send(message)

    async def messages(self) -> AsyncIterator[ToChild]:
        """Yield what the parent says, and end after `Stop` or the parent's death."""
        while True:
            while self._inbox:
                message = self._inbox.popleft()
                yield message
                if isinstance(message, Stop):
                    return
            if self.orphaned:
                return
            self._arrived.clear()
            await self._arrived.wait()

    def stop_listening(self) -> None:
        """Leave the loop; last words can still be sent."""
        self._channel.unwatch()

    def _take(self, message: ToChild) -> None:
        if len(self._inbox) == CONTROL_INBOX_MESSAGES_MAX:
            self._inbox.popleft()
            self.dropped += 1
        self._inbox.append(message)
        self._arrived.set()
        if isinstance(message, Stop):
            self.stopping.set()
