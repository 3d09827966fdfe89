"""A venue's streams that say what a test tells them to, down to the single byte."""

import asyncio
from collections.abc import Callable
from typing import Final, Self

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from tests.support.exchange_builders import Json

DEADLINE_S: Final = 20.0
_READ_BYTES: Final = 1 << 16


def text_frame(text: bytes) -> bytes:
    """Return a whole text frame."""
    return Frame(Opcode.TEXT, text).serialize(mask=False)


class StreamPeer:
    """One connection as the venue has it: a protocol of its own over bare bytes."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        changed: asyncio.Condition,
        refusal: Response | None = None,
        hasty: tuple[bytes, ...] = (),
    ) -> None:
        self._refusal = refusal
        self._hasty = hasty
        self.received: list[Frame] = []
        self.requests: list[dict[str, Json]] = []
        self.answers = True
        self.streams: list[str] = []
        self.is_open = False
        self.closed = asyncio.Event()
        self._reader = reader
        self._writer = writer
        self._changed = changed
        self._protocol = ServerProtocol()

    async def live(self) -> None:
        """Shake hands, acknowledge subscriptions, and note all that comes, until the end."""
        try:
            while not self._is_closing() and (data := await self._reader.read(_READ_BYTES)):
                self._protocol.receive_data(data)
                for event in self._protocol.events_received():
                    self._take(event)
                self.write(b"".join(self._protocol.data_to_send()))
                self.is_open = self._protocol.state is State.OPEN
                await self._note_change()
        except (ConnectionClosed, OSError):
            pass  # the feed's end is what the test is about
        finally:
            self._writer.close()
            self.closed.set()
            await self._note_change()

    def write(self, data: bytes) -> None:
        """Put bytes on the wire, whatever they are."""
        if not self._writer.is_closing():
            self._writer.write(data)

    async def write_slowly(self, data: bytes, size: int) -> None:
        """Put bytes on the wire in pieces, each of which is read before the next is sent."""
        for start in range(0, len(data), size):
            self.write(data[start : start + size])
            await self._writer.drain()
            await asyncio.sleep(0)

    def send(self, *texts: bytes) -> None:
        """Send whole texts."""
        self.write(b"".join(map(text_frame, texts)))

    async def heard(self, opcode: Opcode, count: int) -> None:
        """Wait for so many frames of a kind."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(
                lambda: sum(frame.opcode is opcode for frame in self.received) >= count
            )

    def drop(self) -> None:
        """End the connection without a word."""
        self._writer.transport.abort()

    def _is_closing(self) -> bool:
        """Tell whether the other side sent its close: then the server ends the connection."""
        return any(frame.opcode is Opcode.CLOSE for frame in self.received)

    async def _note_change(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _take(self, event: object) -> None:
        if isinstance(event, Request):
            self._protocol.send_response(self._refusal or self._protocol.accept(event))
        elif isinstance(event, Frame):
            self.received.append(event)
            if event.opcode is Opcode.TEXT:
                self._answer(msgspec.json.decode(bytes(event.data)))

    def _answer(self, request: dict[str, Json]) -> None:
        """Acknowledge a request as the venue does, if this peer answers at all."""
        self.requests.append(request)
        result: Json = None
        if request["method"] == "SUBSCRIBE":
            names = request["params"]
            assert isinstance(names, list)
            self.streams += [name for name in names if isinstance(name, str)]
            self.send(*self._hasty)
            self._hasty = ()
        else:
            result = list(self.streams)
        if self.answers:
            self.send(msgspec.json.encode({"result": result, "id": request["id"]}))


class StreamVenue:
    """A server on a free port of the loopback; use it as an asynchronous context manager."""

    def __init__(self) -> None:
        self.peers: list[StreamPeer] = []
        self.refusals: list[Response] = []  # of the next handshakes, the last first
        self.hasty: tuple[bytes, ...] = ()  # what each connection says before its first answer
        self._port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for peer in self.peers:
            peer.drop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ws://127.0.0.1:{self._port}/stream"

    async def peer(self, number: int = 0, streams: int = 0) -> StreamPeer:
        """Wait for connection `number` to be open and to have asked for so many streams."""

        def is_there() -> bool:
            if len(self.peers) <= number:
                return False
            peer = self.peers[number]
            return peer.is_open and len(peer.streams) >= streams

        await self.until(is_there)
        return self.peers[number]

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something that a connection brings about is so."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(is_so)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refusal = self.refusals.pop() if self.refusals else None
        peer = StreamPeer(reader, writer, self._changed, refusal, self.hasty)
        self.peers.append(peer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        await peer.live()
