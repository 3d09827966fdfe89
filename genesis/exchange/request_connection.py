"""A WebSocket connection for requests and their replies: pushes whole messages, writes at once.

The library's own `recv()` hands a message over through a queue and a task switch, and its `send()`
may wait for the socket. An order needs neither: its reply is matched where it is read, and its
frame is either written now or not at all.
"""

import functools
import ssl
from collections.abc import Callable
from typing import Final, TypeAlias, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosedOK
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event, State

from genesis.limits import (
    CLOSE_TIMEOUT,
    CONNECT_TIMEOUT,
    EARLY_MESSAGES_MAX,
    MESSAGE_BYTES_MAX,
    WRITE_BACKLOG_BYTES_MAX,
)
from genesis.units import NANOS_PER_SECOND, Nanos

Now: TypeAlias = Callable[[], Nanos]

_NO_REASON: Final = "closed by the venue"


class RequestConnection(ClientConnection):
    """A connection whose messages go straight to a listener.

    Call `listen` once, then await `until_closed`. `recv()` never returns anything here.
    `last_read_at` moves with every read from the socket, pings included.
    """

    def __init__(
        self,
        protocol: ClientProtocol,
        *,
        now: Now,
        ping_interval: float | None = None,
        ping_timeout: float | None = None,
        close_timeout: float | None = None,
        max_queue: int | tuple[int | None, int | None] | None = None,
        write_limit: int | tuple[int, int | None] = 2**15,
    ) -> None:
        super().__init__(
            protocol,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
            write_limit=write_limit,
        )
        self.last_read_at: Nanos = now()
        self._now = now
        self._listener: Callable[[bytes], None] | None = None
        self._early: list[bytes] = []
        self._fragments: list[bytes] = []
        self._failure: Exception | None = None

    def listen(self, listener: Callable[[bytes], None]) -> None:
        """Hand every message to `listener`, those that came before this call first."""
        assert self._listener is None, "a connection has one listener"
        self._listener = listener
        early, self._early = self._early, []
        for message in early:
            self._deliver(message)

    async def until_closed(self) -> str:
        """Wait for the end of the connection and say why it ended.

        Raises:
            Exception: Whatever the listener raised; the connection was dropped for it.
        """
        await self.wait_closed()
        if self._failure is not None:
            raise self._failure
        closed = self.protocol.close_exc
        if isinstance(closed, ConnectionClosedOK) and closed.rcvd is not None:
            return closed.rcvd.reason or _NO_REASON
        return str(self.connection_exc or closed)

    def write_text(self, payload: bytes) -> bool:
        """Write one text message to the socket without waiting; tell whether it was written.

        False means that not one byte of it left: the connection is closing, or the socket has not
        taken what was written before, so the message would only grow old in a buffer.
        """
        if self.protocol.state is not State.OPEN or self.transport.is_closing():
            return False
        if self.transport.get_write_buffer_size() > WRITE_BACKLOG_BYTES_MAX:
            return False
        self.protocol.send_text(payload)
        self.send_data()
        return True

    def data_received(self, data: bytes) -> None:
        """Note that the peer lives, then let the library read."""
        self.last_read_at = self._now()
        super().data_received(data)

    def process_event(self, event: Event) -> None:
        """Take data frames for the listener; leave handshake and control frames to the library."""
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        # The protocol has checked the order of fragments and the size of the whole.
        self._fragments.append(bytes(event.data))
        if event.fin:
            message = b"".join(self._fragments)
            self._fragments.clear()
            self._deliver(message)

    def _deliver(self, message: bytes) -> None:
        if self._failure is not None:
            return  # the connection is being dropped
        if self._listener is None:
            self._early.append(message)
            if len(self._early) > EARLY_MESSAGES_MAX:
                self.transport.abort()
            return
        try:
            self._listener(message)
        except Exception as error:
            # The event loop would log a fault of our listener and carry on; it must end the task
            # that awaits `until_closed` instead.
            self._failure = error
            self.transport.abort()


class connect_directly(connect):  # noqa: N801, named as what it extends
    """Connects where it is told to and nowhere else: a redirect is a failed handshake."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Follow none."""
        return exc


async def connect_requests(
    url: str,
    now: Now,
    *,
    tls: ssl.SSLContext | None = None,
    open_timeout: Nanos = CONNECT_TIMEOUT,
    message_bytes_max: int = MESSAGE_BYTES_MAX,
) -> RequestConnection:
    """Open a connection, without compression, without a proxy from the environment.

    There is no keepalive ping either: the venue pings, and counts ours against its message limit.
    `tls` is what `tls_for` makes of the address: a `wss://` one is never opened without it.

    Raises:
        OSError: The TCP connection failed, or opening took longer than `open_timeout`.
        InvalidHandshake: The server did not speak WebSocket.
    """
    factory = functools.partial(RequestConnection, now=now)
    connection = await connect_directly(
        url,
        # It calls this like the class it declares; a partial of that class is as good.
        create_connection=cast("type[ClientConnection]", factory),
        ssl=tls,
        compression=None,
        proxy=None,
        open_timeout=open_timeout / NANOS_PER_SECOND,
        close_timeout=CLOSE_TIMEOUT / NANOS_PER_SECOND,
        ping_interval=None,
        max_size=message_bytes_max,
    )
    return cast("RequestConnection", connection)
