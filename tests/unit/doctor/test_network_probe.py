"""The way to an endpoint, step by step, on real sockets: how far one came, and why no further."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import pytest

from genesis.clock import EngineClock
from genesis.doctor.network_probe import probe_endpoint, socket_round_trip
from genesis.doctor.venue_facts import EndpointFacts, Step
from genesis.errors import VenueUnreachable
from genesis.units import NANOS_PER_MS

CLOCK: Final = EngineClock.start()
SHORT: Final = 50 * NANOS_PER_MS
NOT_A_SOCKET: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextlib.asynccontextmanager
async def server_that_says(answer: bytes | None) -> AsyncIterator[str]:
    """Have a server that says this to whoever speaks to it, or nothing; yield where it is."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            if answer is None:
                await done.wait()
            else:
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws-api/v3"
        done.set()


async def probe(url: str) -> EndpointFacts:
    return await probe_endpoint(
        "socket", url, None, CLOCK, lambda: socket_round_trip(url, None, CLOCK, within=SHORT)
    )


async def test_a_name_that_is_none_is_not_resolved() -> None:
    """The first step fails, whatever kind of error it is."""
    facts = await probe("ws://a..b/ws-api/v3")
    assert facts.failed_at is Step.RESOLVE
    assert facts.fault


async def test_a_server_of_another_kind_does_not_answer() -> None:
    """It is there, so the first two steps went well; it is not the venue."""
    async with server_that_says(NOT_A_SOCKET) as url:
        facts = await probe(url)
    assert facts.addresses == 1
    assert facts.connected_in > 0
    assert facts.failed_at is Step.ANSWER
    assert "404" in facts.fault


async def test_a_server_that_stays_silent_is_not_waited_for() -> None:
    """How long was waited is told."""
    async with server_that_says(None) as url:
        facts = await probe(url)
        with pytest.raises(VenueUnreachable, match=r"no answer within 0\.05 s"):
            await socket_round_trip(url, None, CLOCK, within=SHORT)
    assert (facts.failed_at, facts.fault) == (Step.ANSWER, "no answer within 0.05 s")


async def test_a_way_that_takes_too_long_is_given_up() -> None:
    """No time at all is too short for any way."""

    async def speak() -> int:
        raise AssertionError("nobody came this far")

    async with server_that_says(None) as url:
        facts = await probe_endpoint("socket", url, None, CLOCK, speak, within=0)
    assert facts.fault == "no answer within 0 s"
