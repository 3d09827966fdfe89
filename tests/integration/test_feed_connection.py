"""Stream connections over real sockets: messages come whole and in order, come what may."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from websockets.frames import CloseCode, Frame, Opcode

from genesis.clock import EngineClock
from genesis.exchange.stream_connection import (
    AnyStreamConnection,
    LibraryStreamConnection,
    StreamConnection,
    StreamConnectionType,
    connect_stream,
)
from genesis.limits import STREAM_BYTES_MAX
from genesis.units import Nanos
from tests.support.stream_venue import DEADLINE_S, StreamPeer, StreamVenue, text_frame

TYPES: Final[tuple[StreamConnectionType, ...]] = (StreamConnection, LibraryStreamConnection)

Conversation = Callable[[StreamPeer], Awaitable[None]]


class Inbox:
    """Collects messages, and tells when there are enough."""

    def __init__(self, expected: int) -> None:
        self.messages: list[bytes] = []
        self.reads = 0
        self.is_full = asyncio.Event()
        self._expected = expected

    def receive(self, messages: list[bytes], received_at: Nanos) -> None:
        """Take the messages of one read."""
        assert received_at > 0
        self.messages += messages
        self.reads += 1
        if len(self.messages) >= self._expected:
            self.is_full.set()


async def converse(
    connection_type: StreamConnectionType, expected: int, conversation: Conversation
) -> tuple[list[bytes], AnyStreamConnection, str]:
    """Let the venue say something; return what was delivered, and how the connection ended."""
    clock = EngineClock.start()
    inbox = Inbox(expected)
    async with StreamVenue() as venue, asyncio.timeout(DEADLINE_S):
        connection = await connect_stream(
            venue.url, inbox.receive, clock.now, connection_type=connection_type
        )
        peer = await venue.peer()
        await conversation(peer)
        if expected:
            await inbox.is_full.wait()
        peer.write(Frame(Opcode.CLOSE, b"").serialize(mask=False))
        why = await connection.until_closed()
    return inbox.messages, connection, why


@pytest.mark.parametrize("connection_type", TYPES)
async def test_every_kind_of_text_arrives(connection_type: StreamConnectionType) -> None:
    """Short, long, very long, empty and fragmented texts come in order, pings between them."""
    texts = [b"short", b"m" * 300, b"l" * 70_000, b"", b"last"]

    async def talk(peer: StreamPeer) -> None:
        peer.send(*texts[:2])
        peer.write(Frame(Opcode.TEXT, texts[2][:30_000], fin=False).serialize(mask=False))
        peer.write(Frame(Opcode.PING, b"there?").serialize(mask=False))
        peer.write(Frame(Opcode.CONT, texts[2][30_000:]).serialize(mask=False))
        peer.send(*texts[3:])

    messages, _, _ = await converse(connection_type, len(texts), talk)

    assert messages == texts


@pytest.mark.parametrize("connection_type", TYPES)
async def test_pings_are_answered(connection_type: StreamConnectionType) -> None:
    """The venue ends a connection that does not echo its ping (section 2 of the protocol)."""
    pongs: list[bytes] = []

    async def talk(peer: StreamPeer) -> None:
        for data in (b"", b"1800000000000"):
            peer.write(Frame(Opcode.PING, data).serialize(mask=False))
        while len(pongs) < 2:
            await asyncio.sleep(0)
            pongs[:] = [bytes(frame.data) for frame in peer.received if frame.opcode is Opcode.PONG]
        peer.send(b"alive")

    messages, connection, _ = await converse(connection_type, 1, talk)

    assert pongs == [b"", b"1800000000000"]
    assert messages == [b"alive"]
    assert connection.last_read_at > 0


@pytest.mark.parametrize("seed", range(5))
async def test_messages_survive_any_cutting_of_the_wire(seed: int) -> None:
    """However reads fall, the messages are those that were sent: the seed names the cutting."""
    chance = random.Random(seed)
    texts = [
        bytes([97 + n % 26]) * chance.choice([0, 1, 3, 125, 126, 400, 66_000]) for n in range(60)
    ]
    wire = b"".join(
        Frame(Opcode.PING, b"p").serialize(mask=False) + text_frame(text)
        if chance.random() < 0.2
        else text_frame(text)
        for text in texts
    )

    async def talk(peer: StreamPeer) -> None:
        await peer.write_slowly(wire, chance.choice([997, 4_099, 65_537]))

    messages, _, _ = await converse(StreamConnection, len(texts), talk)

    assert messages == texts


@pytest.mark.parametrize("connection_type", TYPES)
@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (text_frame(b"o" * (STREAM_BYTES_MAX + 1)), CloseCode.MESSAGE_TOO_BIG),
        (Frame(Opcode.TEXT, b"masked").serialize(mask=True), CloseCode.PROTOCOL_ERROR),
        (b"\xf1\x00", CloseCode.PROTOCOL_ERROR),
    ],
    ids=["oversize", "masked", "reserved bits"],
)
async def test_broken_frame_ends_the_connection(
    connection_type: StreamConnectionType, wire: bytes, code: CloseCode
) -> None:
    """What came before it is delivered; the venue is told why the connection ends."""

    async def talk(peer: StreamPeer) -> None:
        peer.send(b"before")
        peer.write(wire)
        peer.send(b"after")

    messages, connection, _ = await converse(connection_type, 1, talk)

    assert messages == [b"before"]
    assert connection.protocol.close_sent is not None
    assert connection.protocol.close_sent.code == code


@pytest.mark.parametrize("connection_type", TYPES)
async def test_fault_of_the_receiver_reaches_whoever_waits(
    connection_type: StreamConnectionType,
) -> None:
    """A bug in the receiver must not be logged and forgotten by the event loop."""

    def receive(messages: list[bytes], received_at: Nanos) -> None:
        raise ZeroDivisionError(f"{messages} {received_at}")

    async with StreamVenue() as venue, asyncio.timeout(DEADLINE_S):
        connection = await connect_stream(
            venue.url, receive, EngineClock.start().now, connection_type=connection_type
        )
        (await venue.peer()).send(b"one", b"two")

        with pytest.raises(ZeroDivisionError):
            await connection.until_closed()


async def test_messages_of_one_read_come_together() -> None:
    """A burst costs one call: that is what the fast path is for."""
    inbox = Inbox(expected=200)
    async with StreamVenue() as venue, asyncio.timeout(DEADLINE_S):
        connection = await connect_stream(venue.url, inbox.receive, EngineClock.start().now)
        (await venue.peer()).send(*[b"burst"] * 200)
        await inbox.is_full.wait()
        await connection.close()

    assert inbox.messages == [b"burst"] * 200
    assert inbox.reads < 20


async def test_server_that_is_no_websocket_is_refused() -> None:
    """A page instead of a handshake is an error of the handshake, with all of it read."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 410 Gone\r\nContent-Length: 5\r\n\r\ngone\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(Exception, match="410"):
            await connect_stream(
                f"ws://127.0.0.1:{port}/", Inbox(0).receive, EngineClock.start().now
            )
