"""A connection that pushes whole messages, against a real server on the loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest
from websockets.asyncio.server import ServerConnection, serve

from genesis.clock import EngineClock
from genesis.exchange.request_connection import RequestConnection, connect_requests
from genesis.limits import EARLY_MESSAGES_MAX, WRITE_BACKLOG_BYTES_MAX

DEADLINE_S: Final = 20
MORE_THAN_THE_KERNEL_TAKES: Final = 16 * 1024 * 1024
CLOCK: Final = EngineClock.start()


@asynccontextmanager
async def connected(
    handler: Callable[[ServerConnection], Awaitable[None]],
) -> AsyncIterator[RequestConnection]:
    """Connect to a server that runs `handler`; close both at the end."""
    async with (
        asyncio.timeout(DEADLINE_S),
        serve(
            handler, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=0.1
        ) as server,
    ):
        port = next(iter(server.sockets)).getsockname()[1]
        connection = await connect_requests(f"ws://127.0.0.1:{port}", CLOCK.now)
        try:
            yield connection
        finally:
            await connection.close()


class Inbox:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self._arrived = asyncio.Event()

    def take(self, message: bytes) -> None:
        """Keep one message."""
        self.messages.append(message)
        self._arrived.set()

    async def wait_for(self, count: int) -> list[bytes]:
        """Wait until so many have come."""
        while len(self.messages) < count:
            self._arrived.clear()
            await self._arrived.wait()
        return self.messages


async def test_messages_come_whole_and_in_order() -> None:
    """Fragments are put together, and early messages wait for the listener."""

    async def talk(peer: ServerConnection) -> None:
        await peer.send("first")
        await peer.send(["sec", "o", "nd"])
        await peer.ping()
        await peer.send("third")
        await peer.wait_closed()

    async with connected(talk) as connection:
        inbox = Inbox()
        connection.listen(inbox.take)
        assert await inbox.wait_for(3) == [b"first", b"second", b"third"]


async def test_a_ping_is_a_sign_of_life() -> None:
    """`last_read_at` moves with control frames too: silence means that nothing at all came."""

    async def ping(peer: ServerConnection) -> None:
        await peer.recv()
        await (await peer.ping())
        await peer.send("pinged")
        await peer.wait_closed()

    async with connected(ping) as connection:
        inbox = Inbox()
        connection.listen(inbox.take)
        before = connection.last_read_at
        assert connection.write_text(b"go")
        await inbox.wait_for(1)
        assert connection.last_read_at > before


async def test_the_end_has_a_reason() -> None:
    """A clean close gives the venue's words."""

    async def leave(peer: ServerConnection) -> None:
        await peer.close(reason="maintenance")

    async with connected(leave) as connection:
        connection.listen(Inbox().take)
        assert await connection.until_closed() == "maintenance"


@pytest.mark.parametrize("reason", ["", "sent 1000"])
async def test_a_close_without_words_still_has_a_reason(reason: str) -> None:
    """Nobody has to read an empty line in a log."""

    async def leave(peer: ServerConnection) -> None:
        await peer.close(reason=reason)

    async with connected(leave) as connection:
        connection.listen(Inbox().take)
        assert await connection.until_closed()


async def test_a_cut_has_a_reason() -> None:
    """A connection that just ends says so."""

    async def cut(peer: ServerConnection) -> None:
        peer.transport.abort()

    async with connected(cut) as connection:
        connection.listen(Inbox().take)
        assert await connection.until_closed()


async def test_nothing_is_written_after_the_end() -> None:
    """False is the proof that not one byte left."""

    async def leave(peer: ServerConnection) -> None:
        await peer.close()

    async with connected(leave) as connection:
        connection.listen(Inbox().take)
        await connection.until_closed()
        assert not connection.write_text(b"late")


async def test_nothing_is_written_behind_a_backlog() -> None:
    """A peer that stopped reading gets no more requests to be executed late."""

    async def never_read(peer: ServerConnection) -> None:
        peer.transport.pause_reading()
        await peer.wait_closed()

    async with connected(never_read) as connection:
        assert connection.write_text(b"x" * MORE_THAN_THE_KERNEL_TAKES)
        assert connection.transport.get_write_buffer_size() > WRITE_BACKLOG_BYTES_MAX
        assert not connection.write_text(b"late")
        connection.transport.abort()


async def test_a_fault_of_the_listener_is_not_swallowed() -> None:
    """It drops the connection, ends who waits for it, and hears nothing more."""
    heard = []

    def fail(message: bytes) -> None:
        heard.append(message)
        raise AssertionError("ours")

    async def talk(peer: ServerConnection) -> None:
        await peer.send("first")
        await peer.send("second")
        await peer.wait_closed()

    async with connected(talk) as connection:
        connection.listen(fail)
        with pytest.raises(AssertionError, match="ours"):
            await connection.until_closed()
    assert heard == [b"first"]


async def test_nobody_listening_is_bounded() -> None:
    """Messages without a listener are kept up to a limit, then the connection is dropped."""

    async def flood(peer: ServerConnection) -> None:
        for _ in range(EARLY_MESSAGES_MAX + 1):
            await peer.send("x")
        await peer.wait_closed()

    async with connected(flood) as connection:
        assert await connection.until_closed()
