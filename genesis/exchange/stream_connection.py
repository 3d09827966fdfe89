"""A WebSocket connection whose common case costs a tenth of the library's.

A market stream is thousands of small, whole, unmasked text frames a second. `StreamConnection` cuts
those out of each read itself and hands all of one read to its receiver at once; every other frame
(control, fragment, masked, over 64 KiB, reserved bits) goes, whole, through the library, which
answers pings, assembles, checks and closes as it always does. Section numbers are of RFC 6455.

What the subclass relies on inside the library is checked by `stream_self_test.py` on the installed
version before the first connection; where it fails, `LibraryStreamConnection` takes its place.
"""

import functools
import ssl
import struct
from collections.abc import Callable
from typing import Final, TypeAlias, TypedDict, Unpack, cast

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.protocol import State

from genesis.exchange.request_connection import Now, RequestConnection, connect_directly
from genesis.limits import CLOSE_TIMEOUT, CONNECT_TIMEOUT, HANDSHAKE_BYTES_MAX, STREAM_BYTES_MAX
from genesis.units import NANOS_PER_SECOND, Nanos

MessageReceiver: TypeAlias = Callable[[list[bytes], Nanos], None]
"""Takes the messages of one socket read, in order, and the time of that read."""

# The first two bytes of a frame as one number (section 5.2): FIN, no reserved bit, opcode 1, no
# mask, and the length, or 126 for a length in the two bytes that follow.
_WHOLE_TEXT: Final = 0x8100
_LENGTH_IN_16_BITS: Final = 126
_WHOLE_TEXT_OF_16_BITS: Final = _WHOLE_TEXT + _LENGTH_IN_16_BITS
_LONG_HEAD: Final = struct.Struct(">HH").unpack_from
_MASK_BIT: Final = 0x80
_LONGEST_16_BIT_LENGTH: Final = 0xFFFF
_SHORT_HEADER: Final = 2
_LONG_HEADER: Final = 4
_LONGEST_HEADER: Final = 10
_END_OF_HEADERS: Final = b"\r\n\r\n"


class LibrarySettings(TypedDict, total=False):
    """What `connect` of the library passes on to a connection it makes."""

    ping_interval: float | None
    ping_timeout: float | None
    close_timeout: float | None
    max_queue: int | tuple[int | None, int | None] | None
    write_limit: int | tuple[int, int | None]


class StreamConnection(RequestConnection):
    """A connection that delivers messages to a receiver, all those of one read together.

    Whichever way a message came in, the receiver gets it in the order of the wire. Text is not
    checked to be UTF-8: the receiver's decoder does that. `listen` is taken; the receiver is given
    at construction, so that nothing can arrive before it.
    """

    def __init__(
        self,
        protocol: ClientProtocol,
        *,
        receiver: MessageReceiver,
        now: Now,
        **library: Unpack[LibrarySettings],
    ) -> None:
        super().__init__(protocol, now=now, **library)
        self._receiver = receiver
        self._size_max = protocol.max_message_size or STREAM_BYTES_MAX
        assert self._size_max >= _LONGEST_16_BIT_LENGTH, "what is cut out here is never too long"
        # Bytes of a frame whose end is not here yet; the library's own buffer is empty meanwhile.
        self._tail = b""
        self._messages: list[bytes] = []
        # True between the messages of an open connection: only then may frames pass the library by.
        self._between_messages = False
        self.listen(self._collect)

    def data_received(self, data: bytes) -> None:
        """Deliver the messages of one read, and let the library see every other frame."""
        self.last_read_at = received_at = self._now()
        if self._tail:
            data = self._tail + data
            self._tail = b""
        if self._between_messages and self.protocol.state is State.OPEN:
            self._cut_frames(data)
        elif self.protocol.state is State.CONNECTING:
            self._receive_response(data)
        else:
            self._receive_beside_fast_path(data)
        if self._messages:
            messages = self._messages
            self._messages = []
            self._pass_on(messages, received_at)

    def _pass_on(self, messages: list[bytes], received_at: Nanos) -> None:
        if self._failure is not None:
            return  # the connection is being dropped
        try:
            self._receiver(messages, received_at)
        except Exception as error:
            self._failure = error  # for `until_closed`, as with a listener
            self.transport.abort()

    def _collect(self, message: bytes) -> None:
        """Take a message that came through the library, in its place among the others."""
        self._messages.append(message)

    def _cut_frames(self, data: bytes) -> None:
        """Cut whole text frames out of `data`, up to its end or to a frame that ends this path."""
        start, size = 0, len(data)
        append = self._messages.append
        while size - start >= _LONG_HEADER:
            head, length = _LONG_HEAD(data, start)
            if head == _WHOLE_TEXT_OF_16_BITS:
                body = start + _LONG_HEADER
            else:
                body = start + _SHORT_HEADER
                length = head - _WHOLE_TEXT  # of a short whole text; out of range for any other
                if not 0 <= length < _LENGTH_IN_16_BITS:
                    taken = self._hand_over(data, start)
                    if not taken:
                        break
                    start += taken
                    if not self._between_messages:
                        self._receive_beside_fast_path(data[start:])
                        return
                    continue
            end = body + length
            if end > size:
                break
            append(data[body:end])
            start = end
        else:
            # Of the two or three bytes that may be left, a frame without a body is whole already.
            start += self._hand_over(data, start)
        self._tail = data[start:]

    def _hand_over(self, data: bytes, start: int) -> int:
        """Give the library the one frame that begins at `start`; return how much it took.

        0 means that the frame's end is not here yet. A frame that is too long, or masked, which a
        server's never is (section 5.1), is a fault by its header alone: the library gets all there
        is, fails the connection, and discards the rest.
        """
        header = data[start : start + _LONGEST_HEADER]
        frame_size = _frame_size(header)
        if frame_size is None:
            return 0
        is_fault = header[1] & _MASK_BIT or frame_size > self._size_max + _LONGEST_HEADER
        if not is_fault and start + frame_size > len(data):
            return 0
        frame = data[start:] if is_fault else data[start : start + frame_size]
        super().data_received(frame)
        self._update_between_messages()
        return len(frame)

    def _receive_response(self, data: bytes) -> None:
        """Give the library the opening handshake's response, and not a byte of the first frame.

        Its parser may hold half a frame with an empty buffer, so it must never begin one that this
        class is to finish.
        """
        end = data.find(_END_OF_HEADERS)
        if end < 0 and len(data) <= HANDSHAKE_BYTES_MAX:
            self._tail = data
            return
        head = len(data) if end < 0 else end + len(_END_OF_HEADERS)
        super().data_received(data[:head])
        self._update_between_messages()
        if self._between_messages:
            self._cut_frames(data[head:])
        elif head < len(data):
            super().data_received(data[head:])

    def _receive_beside_fast_path(self, data: bytes) -> None:
        """Follow a fragmented message frame by frame; give a closing connection everything."""
        while data and self.protocol.state is State.OPEN:
            taken = self._hand_over(data, 0)
            data = data[taken:]
            if self._between_messages:
                self._cut_frames(data)
                return
            if not taken:
                self._tail = data
                return
        if data:
            super().data_received(data)

    def _update_between_messages(self) -> None:
        protocol = self.protocol
        self._between_messages = protocol.state is State.OPEN and protocol.current_size is None


class LibraryStreamConnection(RequestConnection):
    """The same delivery with every frame through the library, and so free of its internals."""

    def __init__(
        self,
        protocol: ClientProtocol,
        *,
        receiver: MessageReceiver,
        now: Now,
        **library: Unpack[LibrarySettings],
    ) -> None:
        super().__init__(protocol, now=now, **library)
        self.listen(lambda message: receiver([message], self.last_read_at))


AnyStreamConnection: TypeAlias = StreamConnection | LibraryStreamConnection
StreamConnectionType: TypeAlias = type[StreamConnection] | type[LibraryStreamConnection]


async def connect_stream(
    url: str,
    receiver: MessageReceiver,
    now: Now,
    *,
    connection_type: StreamConnectionType = StreamConnection,
    tls: ssl.SSLContext | None = None,
    open_timeout: Nanos = CONNECT_TIMEOUT,
) -> AnyStreamConnection:
    """Open a stream and deliver its messages to `receiver` until it ends; await `until_closed()`.

    There is no compression (inflating costs more than the bytes it saves), no proxy from the
    environment, and no keepalive ping: the venue pings, and counts our pings against its five
    messages a second (`binance-spot.md` section 2). Watch `last_read_at` for silence.
    `tls` is as in `connect_requests`.

    Raises:
        OSError: The TCP connection failed, or opening took longer than `open_timeout`.
        InvalidHandshake: The server did not speak WebSocket.
    """
    factory = functools.partial(connection_type, receiver=receiver, now=now)
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
        max_size=STREAM_BYTES_MAX,
    )
    return cast("AnyStreamConnection", connection)


def _frame_size(header: bytes) -> int | None:
    """Return an unmasked frame's size on the wire, or None if its header is not complete."""
    if len(header) < _SHORT_HEADER:
        return None
    length = header[1] & ~_MASK_BIT
    if length < _LENGTH_IN_16_BITS:
        return _SHORT_HEADER + length
    header_size = _LONG_HEADER if length == _LENGTH_IN_16_BITS else _LONGEST_HEADER
    if len(header) < header_size:
        return None
    return header_size + int.from_bytes(header[_SHORT_HEADER:header_size], "big")
