"""A WebSocket API that follows a script: for faults that no honest venue plays on demand.

Sessions open as on the real one (time, logon, subscription). Any method may be given another
answer: a function that gets the request and does what it likes with the connection.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self, TypeAlias

import msgspec
from websockets import http11
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from genesis.exchange.endpoints import Endpoints
from tests.support.exchange_builders import Json, success, user_event


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in, and on which connection, by the order of opening from 0 on."""

    connection: int
    id: int
    method: str
    params: dict[str, Json]


Answer: TypeAlias = Callable[[ServerConnection, Request], Awaitable[None]]


def replies(result: Json) -> Answer:
    """Return an answer that succeeds with `result`."""

    async def answer(connection: ServerConnection, request: Request) -> None:
        await connection.send(success(request.id, result), text=True)

    return answer


async def stays_silent(_connection: ServerConnection, _request: Request) -> None:
    """Answer nothing."""


async def cuts_the_connection(connection: ServerConnection, _request: Request) -> None:
    """Take the request and drop the connection without a word."""
    connection.transport.abort()


class ScriptedVenue:
    """A server on a free port of the loopback; use it as an asynchronous context manager."""

    def __init__(self) -> None:
        self.clock_offset_ms = 0
        self.requests: list[Request] = []
        self.refusals: list[http11.Response] = []  # of the next handshakes, the last first
        self._answers: dict[str, Answer] = {
            "time": self.tell_time,
            "session.logon": replies({"apiKey": "k"}),
            "userDataStream.subscribe": replies({"subscriptionId": 0}),
            "userDataStream.subscribe.signature": replies({"subscriptionId": 0}),
        }
        self._changed = asyncio.Condition()
        self._connections: list[ServerConnection] = []
        self._server: Server | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where the venue listens, now or once started again."""
        return f"ws://127.0.0.1:{self._port}/ws-api/v3"

    @property
    def rest_url(self) -> str:
        """Where a client would look for REST: nothing is served there."""
        return f"http://127.0.0.1:{self._port}/api/v3"

    @property
    def endpoints(self) -> Endpoints:
        """The venue's addresses; there are no streams."""
        return Endpoints(streams_url=self.url, ws_api_url=self.url, rest_url=self.rest_url)

    async def start(self) -> None:
        """Listen, on the port of the last time if there was one."""
        self._server = await serve(
            self._handle,
            "127.0.0.1",
            self._port,
            compression=None,
            ping_interval=None,
            process_request=self._refuse,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def drop_all(self) -> None:
        """End every connection without a word."""
        for connection in self._connections:
            connection.transport.abort()

    def on(self, method: str, answer: Answer) -> None:
        """Answer `method` in another way from now on."""
        self._answers[method] = answer

    async def push(self, event: Json, connection: int = -1) -> None:
        """Send one user event, on the newest connection unless told otherwise."""
        await self.send(user_event(event), connection)

    async def send(self, frame: bytes, connection: int = -1) -> None:
        """Send any text, on the newest connection unless told otherwise."""
        await self._connections[connection].send(frame, text=True)

    def cut(self, connection: int = -1) -> None:
        """Drop a connection without a word, the newest unless told otherwise."""
        self._connections[connection].transport.abort()

    async def closed(self, connection: int) -> None:
        """Wait for the end of a connection."""
        await self._connections[connection].wait_closed()

    async def received(self, method: str, count: int = 1) -> list[Request]:
        """Wait until a method was asked for `count` times; return those requests."""

        def asked() -> list[Request]:
            return [request for request in self.requests if request.method == method]

        async with self._changed:
            await self._changed.wait_for(functools.partial(_at_least, asked, count))
        return asked()

    async def _handle(self, connection: ServerConnection) -> None:
        number = len(self._connections)
        self._connections.append(connection)
        try:
            async for message in connection:
                request = Request(connection=number, **msgspec.json.decode(message))
                async with self._changed:
                    self.requests.append(request)
                    self._changed.notify_all()
                answer = self._answers.get(request.method, stays_silent)
                await answer(connection, request)
        except ConnectionClosed:
            return

    def _refuse(
        self, _connection: ServerConnection, _request: http11.Request
    ) -> http11.Response | None:
        return self.refusals.pop() if self.refusals else None

    async def tell_time(self, connection: ServerConnection, request: Request) -> None:
        now_ms = time.time_ns() // 1_000_000 + self.clock_offset_ms
        await connection.send(success(request.id, {"serverTime": now_ms}), text=True)


def _at_least(asked: Callable[[], list[Request]], count: int) -> bool:
    return len(asked()) >= count
