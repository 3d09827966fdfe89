"""Proof, before the first connection, that `StreamConnection` fits the installed `websockets`.

The class lets most frames pass the library by, and so leans on internals that a new release may
change. Each scene below is a conversation on an in-memory transport against the library's own
server side: cheap enough (some milliseconds) to run at every start.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import parse_uri
from websockets.version import version as installed

from genesis.exchange.stream_connection import (
    LibraryStreamConnection,
    MessageReceiver,
    StreamConnection,
    StreamConnectionType,
)
from genesis.units import Nanos

VERIFIED_MAJOR: Final = "17"
"""The release line of `websockets` whose internals `StreamConnection` was written against."""

_SIZE_MAX: Final = 100_000
_SHORT: Final = b'{"short":1}'
_MEDIUM: Final = b"m" * 300  # 16 bits of length
_LONG: Final = b"l" * 70_000  # 64 bits of length
_PING_DATA: Final = b"are you there"
_URI: Final = "ws://127.0.0.1/stream"


def _frame(opcode: Opcode, data: bytes, *, fin: bool = True, mask: bool = False) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=mask)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the server sends, and what must come of it."""

    name: str
    wire: bytes
    delivered: tuple[bytes, ...]
    pongs: tuple[bytes, ...] = ()
    close_code: int | None = None


_SCENES: Final = (
    _Scene(
        "whole texts of every length",
        b"".join(_frame(Opcode.TEXT, text) for text in (_SHORT, _MEDIUM, _LONG, b"", _SHORT)),
        (_SHORT, _MEDIUM, _LONG, b"", _SHORT),
    ),
    _Scene(
        "fragments with a ping between them",
        _frame(Opcode.TEXT, _SHORT)
        + _frame(Opcode.TEXT, b"one", fin=False)
        + _frame(Opcode.PING, _PING_DATA)
        + _frame(Opcode.CONT, b"two", fin=False)
        + _frame(Opcode.CONT, b"three")
        + _frame(Opcode.TEXT, _MEDIUM),
        (_SHORT, b"onetwothree", _MEDIUM),
        pongs=(_PING_DATA,),
    ),
    _Scene(
        "control frames between texts",
        _frame(Opcode.PING, b"")
        + _frame(Opcode.TEXT, _SHORT)
        + _frame(Opcode.PONG, b"unasked")
        + _frame(Opcode.PING, _PING_DATA)
        + _frame(Opcode.TEXT, _SHORT),
        (_SHORT, _SHORT),
        pongs=(b"", _PING_DATA),
    ),
    _Scene(
        "a masked frame fails the connection",
        _frame(Opcode.TEXT, _SHORT)
        + _frame(Opcode.TEXT, _SHORT, mask=True)
        + _frame(Opcode.TEXT, _SHORT),
        (_SHORT,),
        close_code=CloseCode.PROTOCOL_ERROR,
    ),
    _Scene(
        "reserved bits fail the connection",
        _frame(Opcode.TEXT, _SHORT) + b"\xc1\x01x" + _frame(Opcode.TEXT, _SHORT),
        (_SHORT,),
        close_code=CloseCode.PROTOCOL_ERROR,
    ),
    _Scene(
        "a text inside a fragmented text fails the connection",
        _frame(Opcode.TEXT, b"one", fin=False) + _frame(Opcode.TEXT, _SHORT),
        (),
        close_code=CloseCode.PROTOCOL_ERROR,
    ),
    _Scene(
        "an oversize frame fails the connection",
        _frame(Opcode.TEXT, _SHORT) + _frame(Opcode.TEXT, b"o" * (_SIZE_MAX + 1)),
        (_SHORT,),
        close_code=CloseCode.MESSAGE_TOO_BIG,
    ),
    _Scene(
        "oversize fragments fail the connection",
        _frame(Opcode.TEXT, _LONG, fin=False) + _frame(Opcode.CONT, _LONG),
        (),
        close_code=CloseCode.MESSAGE_TOO_BIG,
    ),
    _Scene(
        "a close is answered and ends delivery",
        _frame(Opcode.TEXT, _SHORT)
        + _frame(Opcode.CLOSE, CloseCode.GOING_AWAY.to_bytes(2, "big"))
        + _frame(Opcode.TEXT, _SHORT),
        (_SHORT,),
        close_code=CloseCode.GOING_AWAY,
    ),
)

# Reads of one byte, of sizes that cut headers and bodies, and one read for everything.
_READ_SIZES: Final = (1, 3, 4_096, 1 << 20)
_ONE_BYTE_READS_MAX: Final = 2_000  # a long scene is not fed byte by byte


def choose_connection_type(version: str = installed) -> tuple[StreamConnectionType, str]:
    """Return the fastest sound connection, and why it is not a faster one.

    The second value is empty when the fast path is sound; else it is for a warning. Call it once,
    in a running loop, before the first connection.
    """
    fault = self_test(StreamConnection, version)
    return (LibraryStreamConnection, fault) if fault else (StreamConnection, "")


def self_test(connection_type: type[StreamConnection], version: str = installed) -> str:
    """Play every scene, cut at many places; return the first fault found, or nothing."""
    if version.split(".", 1)[0] != VERIFIED_MAJOR:
        return f"websockets {version} is not of the verified release line {VERIFIED_MAJOR}"
    for scene in _SCENES:
        for read_size in _READ_SIZES:
            if len(scene.wire) // read_size > _ONE_BYTE_READS_MAX:
                continue
            try:
                fault = _play(connection_type, scene, read_size)
            except (AttributeError, TypeError, AssertionError) as error:
                fault = f"{type(error).__name__}: {error}"
            if fault:
                return f"websockets {version}: {scene.name}, reads of {read_size} bytes: {fault}"
    return ""


def _play(connection_type: type[StreamConnection], scene: _Scene, read_size: int) -> str:
    delivered: list[bytes] = []
    connection, transport, wire = _open(connection_type, _receiver_into(delivered))
    wire += scene.wire
    for start in range(0, len(wire), read_size):
        connection.data_received(wire[start : start + read_size])
    pongs, close_code = transport.said()
    if tuple(delivered) != scene.delivered:
        return f"{len(delivered)} messages delivered, {len(scene.delivered)} expected, or others"
    if pongs != scene.pongs:
        return f"pongs {pongs} sent, {scene.pongs} expected"
    if close_code != scene.close_code:
        return f"close code {close_code} sent, {scene.close_code} expected"
    return ""


def _receiver_into(delivered: list[bytes]) -> MessageReceiver:
    def receive(messages: list[bytes], received_at: Nanos) -> None:
        del received_at
        delivered.extend(messages)

    return receive


def _open(
    connection_type: type[StreamConnection], receiver: MessageReceiver
) -> tuple[StreamConnection, "_MemoryTransport", bytes]:
    """Return a connection that has asked, its transport, and the response it has yet to read."""
    protocol = ClientProtocol(parse_uri(_URI), max_size=_SIZE_MAX)
    connection = connection_type(protocol, receiver=receiver, now=_no_clock)
    server = ServerProtocol()
    transport = _MemoryTransport(server)
    connection.connection_made(transport)
    protocol.send_request(protocol.connect())
    connection.send_data()
    (request,) = server.events_received()
    assert isinstance(request, Request), "the opening handshake begins with a request"
    server.send_response(server.accept(request))
    return connection, transport, b"".join(server.data_to_send())


def _no_clock() -> Nanos:
    return 0


class _MemoryTransport(asyncio.Transport):
    """A transport whose other end is the library's server side, in memory."""

    def __init__(self, server: ServerProtocol) -> None:
        super().__init__()
        self._server = server

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Let the server read what the client wrote."""
        self._server.receive_data(bytes(data))

    def said(self) -> tuple[tuple[bytes, ...], int | None]:
        """Return the data of all pongs the client sent, and the code of its close."""
        frames = [event for event in self._server.events_received() if isinstance(event, Frame)]
        pongs = tuple(bytes(frame.data) for frame in frames if frame.opcode is Opcode.PONG)
        closes = [bytes(frame.data) for frame in frames if frame.opcode is Opcode.CLOSE]
        return pongs, int.from_bytes(closes[0][:2], "big") if closes else None

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Accept any limits: nothing is ever buffered."""

    def can_write_eof(self) -> bool:
        """Tell that the sending side can be closed alone."""
        return True

    def write_eof(self) -> None:
        """Take the end of the client's bytes."""
        self._server.receive_eof()

    def pause_reading(self) -> None:
        """Fail: a queue of the library is filling up, which must never happen."""
        raise AssertionError("the library paused reading")

    def resume_reading(self) -> None:
        """Fail, as nothing was paused."""
        raise AssertionError("the library resumed reading")
