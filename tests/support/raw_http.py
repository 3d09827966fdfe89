"""An HTTP client by hand: what a library does by itself must be seen, or left undone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from tests.support.venue import DEADLINE_SECONDS


class RawResponse(NamedTuple):
    """Status, headers by name in lower case, and the body as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """Sends bytes as they are, and reads one response at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        """Send without waiting."""
        self._writer.write(data)

    async def response(self, *, has_body: bool = True) -> RawResponse:
        """Return the next response."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
            headers = {}
            for line in lines:
                name, _, value = line.partition(": ")
                headers[name.lower()] = value
            length = int(headers.get("content-length", "0")) if has_body else 0
            body = await self._reader.readexactly(length)
        return RawResponse(int(first.split()[1]), headers, body)

    async def ask(self, head: str, body: bytes = b"", **headers: str) -> RawResponse:
        """Send a request, and return the response to it."""
        lines = [f"{head} HTTP/1.1", "Host: x"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + body)
        return await self.response()

    async def arrived(self) -> bytes:
        """Return what has come and is unread, without waiting for more."""
        try:
            async with asyncio.timeout(0):
                return await self._reader.read(1 << 20)
        except TimeoutError:
            return b""

    async def exactly(self, count: int) -> bytes:
        """Return so many bytes of what comes."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._reader.readexactly(count)

    async def rest(self) -> bytes:
        """Return what still comes until the venue closes."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._reader.read()


@contextlib.asynccontextmanager
async def raw_client(address: str) -> AsyncIterator[RawClient]:
    """Connect to a venue."""
    host, port = address.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
