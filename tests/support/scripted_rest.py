"""A REST API that follows a script: statuses, bodies and silences that no honest venue plays."""

import asyncio
import contextlib
import functools
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeAlias
from urllib.parse import parse_qs

import h11
import msgspec

from tests.support.exchange_builders import Json

_READ_BYTES: Final = 1 << 16
_BASE: Final = "/api/v3"


@dataclass(frozen=True, slots=True)
class RestCall:
    """One request as it came in: `query` byte for byte, headers by name in lower case."""

    verb: str
    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def params(self) -> dict[str, str]:
        """Return the parameters, decoded."""
        return {name: values[0] for name, values in parse_qs(self.query).items()}


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """One response; `body` is sent as it is."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json;charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()


class Cut(Exception):
    """Raised by a script to drop the connection without a response."""


Script: TypeAlias = Callable[[RestCall], Awaitable[RestAnswer]]


def answers(document: Json, status: int = 200, **headers: str) -> Script:
    """Return a script that responds with JSON."""
    more = tuple((name.replace("_", "-"), value) for name, value in headers.items())

    async def respond(_call: RestCall) -> RestAnswer:
        return RestAnswer(status, msgspec.json.encode(document), headers=more)

    return respond


def shows_a_page(status: int, **headers: str) -> Script:
    """Return a script that responds with a page of HTML, as firewalls and gateways do."""
    more = tuple((name.replace("_", "-"), value) for name, value in headers.items())

    async def respond(_call: RestCall) -> RestAnswer:
        return RestAnswer(status, b"<html>no JSON</html>", "text/html", more)

    return respond


async def stays_mute(_call: RestCall) -> RestAnswer:
    """Never respond."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nothing ends this wait")


async def cuts(_call: RestCall) -> RestAnswer:
    """Take the request and drop the connection."""
    raise Cut


class ScriptedRest:
    """A server on a port of the loopback, a free one by default; use it by `async with`.

    It tells the time from the start; any other path is a page of status 404.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, port: int = 0) -> None:
        self.calls: list[RestCall] = []
        self.connections = 0
        self.clock_offset_ms = 0
        self._tls = tls
        self._scripts: dict[tuple[str, str], Script] = {("GET", "/time"): self._tell_time}
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{_BASE}"

    def on(self, verb: str, path: str, script: Script) -> None:
        """Answer a path below the base URL in another way from now on."""
        self._scripts[verb, path] = script

    async def received(self, path: str, count: int = 1) -> list[RestCall]:
        """Wait until a path was asked for `count` times; return those calls."""

        def asked() -> list[RestCall]:
            return [call for call in self.calls if call.path == path]

        async with self._changed:
            await self._changed.wait_for(functools.partial(_at_least, asked, count))
        return asked()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (Cut, ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = h11.Connection(h11.SERVER)
        while True:
            request = await _next_event(protocol, reader)
            if not isinstance(request, h11.Request):
                return
            while not isinstance(await _next_event(protocol, reader), h11.EndOfMessage):
                pass
            answer = await self._answer(_call_of(request))
            writer.write(_response(protocol, answer))
            await writer.drain()
            if protocol.our_state is not h11.DONE:
                return
            protocol.start_next_cycle()

    async def _answer(self, call: RestCall) -> RestAnswer:
        async with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
        script = self._scripts.get((call.verb, call.path), shows_a_page(404))
        return await script(call)

    async def _tell_time(self, _call: RestCall) -> RestAnswer:
        now_ms = time.time_ns() // 1_000_000 + self.clock_offset_ms
        return RestAnswer(body=msgspec.json.encode({"serverTime": now_ms}))


async def _next_event(protocol: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := protocol.next_event()) is h11.NEED_DATA:
        data = b""
        with contextlib.suppress(ssl.SSLError):
            data = await reader.read(_READ_BYTES)
        protocol.receive_data(data)
    return event


def _call_of(request: h11.Request) -> RestCall:
    path, _, query = request.target.decode().partition("?")
    headers = {name.decode(): value.decode() for name, value in request.headers}
    return RestCall(request.method.decode(), path.removeprefix(_BASE), query, headers)


def _response(protocol: h11.Connection, answer: RestAnswer) -> bytes:
    headers = [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        *answer.headers,
    ]
    parts = (
        protocol.send(h11.Response(status_code=answer.status, headers=headers)),
        protocol.send(h11.Data(data=answer.body)),
        protocol.send(h11.EndOfMessage()),
    )
    return b"".join(part or b"" for part in parts)


def _at_least(asked: Callable[[], list[RestCall]], count: int) -> bool:
    return len(asked()) >= count
