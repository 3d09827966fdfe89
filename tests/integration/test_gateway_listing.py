"""Reading the venue's listing: blocking for the parent, through the gateway for the executor."""

import asyncio
from functools import partial
from typing import Final

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection

from genesis.domain.instruments import Instrument
from genesis.errors import ConfigError, VenueRejected, VenueThrottled, VenueUnreachable
from genesis.exchange.binance.listing_fetch import fetch_instruments
from genesis.exchange.endpoints import Endpoints
from genesis.exchange.gateway import NoAnswer, NotListed
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from tests.support.exchange_builders import Json, failure, symbol_entry
from tests.support.gateways import gateway_to
from tests.support.scripted_rest import ScriptedRest, answers
from tests.support.scripted_venue import (
    Request,
    ScriptedVenue,
    cuts_the_connection,
    replies,
    stays_silent,
)

LONG: Final = 20 * NANOS_PER_SECOND
SHORT: Final = 100 * NANOS_PER_MS
SYMBOLS: Final = ("ETHUSDT", "BTCUSDT")
LISTING: Final[Json] = {"symbols": [symbol_entry("BTCUSDT"), symbol_entry("ETHUSDT")]}


async def says_nonsense(connection: ServerConnection, _request: Request) -> None:
    """Answer with what is no message of the protocol."""
    await connection.send(b"<html>502</html>", text=True)


async def fetch(endpoints: Endpoints, timeout_after: int = LONG) -> tuple[Instrument, ...]:
    """Fetch as the parent does, on a thread of its own so that the venue can answer."""
    fetching = partial(fetch_instruments, endpoints, SYMBOLS, timeout_after)
    return await asyncio.get_running_loop().run_in_executor(None, fetching)


async def test_the_parent_learns_the_instruments_it_asks_for() -> None:
    """Rows follow the parent's order, and the listing needs no key."""
    async with ScriptedVenue() as venue:
        venue.on("exchangeInfo", replies(LISTING))
        instruments = await fetch(venue.endpoints)
        (request,) = await venue.received("exchangeInfo")
    assert [entry.symbol for entry in instruments] == list(SYMBOLS)
    assert [entry.instrument_id for entry in instruments] == [0, 1]
    assert request.params == {"symbols": list(SYMBOLS), "showPermissionSets": False}


async def test_the_executor_reads_the_same_listing() -> None:
    """The gateway gives the same instruments; a missing one is no answer."""
    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("exchangeInfo", replies(LISTING))
        assert await gateway.instruments(SYMBOLS) == await fetch(venue.endpoints)
        assert isinstance(await gateway.instruments(("SOLUSDT",)), NoAnswer)


async def test_the_executor_tells_an_unlisted_symbol_from_no_answer() -> None:
    """A symbol may leave the listing while the engine runs: that is an answer, not a fault."""

    async def refuse(connection: ServerConnection, request: Request) -> None:
        await connection.send(failure(request.id, -1121, "Invalid symbol."), text=True)

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        for method in ("exchangeInfo", "myTrades"):
            venue.on(method, refuse)
        assert await gateway.instruments(SYMBOLS) == NotListed()
        assert await gateway.trades_made_since("GONEUSDT", 0) == NotListed()


async def test_an_unknown_symbol_is_named() -> None:
    """The venue does not say which one it was, so the question is repeated to the user."""

    async def refuse(connection: ServerConnection, request: Request) -> None:
        await connection.send(failure(request.id, -1121, "Invalid symbol."), text=True)

    async with ScriptedVenue() as venue:
        venue.on("exchangeInfo", refuse)
        with pytest.raises(VenueRejected, match=r"Invalid symbol.*ETHUSDT, BTCUSDT"):
            await fetch(venue.endpoints)


@pytest.mark.parametrize(
    ("code", "error"),
    [(-1003, VenueThrottled), (-1000, VenueUnreachable), (-1130, VenueRejected)],
)
async def test_a_refusal_is_for_now_or_for_good(code: int, error: type[Exception]) -> None:
    """Whoever is throttled may come back; whoever asked wrongly need not."""

    async def refuse(connection: ServerConnection, request: Request) -> None:
        await connection.send(failure(request.id, code, "No."), text=True)

    async with ScriptedVenue() as venue:
        venue.on("exchangeInfo", refuse)
        with pytest.raises(error, match="No"):
            await fetch(venue.endpoints)


async def test_an_unreadable_listing_is_no_listing() -> None:
    """Half a listing starts no engine."""
    async with ScriptedVenue() as venue:
        venue.on("exchangeInfo", replies({"symbols": [symbol_entry("BTCUSDT")]}))
        with pytest.raises(VenueUnreachable, match="lacks ETHUSDT"):
            await fetch(venue.endpoints)


async def test_a_silent_venue_is_given_up() -> None:
    """Neither a cut nor silence holds the parent longer than it said."""
    async with ScriptedVenue() as venue:
        venue.on("exchangeInfo", cuts_the_connection)
        with pytest.raises(VenueUnreachable, match="no listing"):
            await fetch(venue.endpoints)
        venue.on("exchangeInfo", stays_silent)
        with pytest.raises(VenueUnreachable, match="no listing"):
            await fetch(venue.endpoints, SHORT)


async def test_a_venue_that_is_not_there_is_unreachable() -> None:
    """A refused connection is a venue error with the address in it."""
    async with ScriptedVenue() as venue:
        endpoints = venue.endpoints
    with pytest.raises(VenueUnreachable, match=endpoints.ws_api_url):
        await fetch(endpoints)


async def test_the_parent_asks_over_rest_where_the_websocket_api_is_silent() -> None:
    """An engine starts on whichever way answers; a second way is not tried before it is needed."""
    async with ScriptedVenue() as venue, ScriptedRest() as rest:
        rest.on("GET", "/exchangeInfo", answers(LISTING))
        endpoints = msgspec.structs.replace(venue.endpoints, rest_url=rest.url)
        venue.on("exchangeInfo", replies(LISTING))
        expected = await fetch(endpoints)
        assert not rest.calls
        for silence in (cuts_the_connection, replies("<html>"), says_nonsense):
            venue.on("exchangeInfo", silence)
            assert await fetch(endpoints) == expected
        await venue.stop()
        assert await fetch(endpoints) == expected
        assert len(await rest.received("/exchangeInfo")) == 4
        await venue.start()


async def test_a_throttled_parent_does_not_ask_twice() -> None:
    """The venue counts the address, whichever way is taken."""
    retry_at_ms = 1_780_000_060_000

    async def refuse(connection: ServerConnection, request: Request) -> None:
        frame = failure(request.id, -1003, "Too much.", status=429, retry_at_ms=retry_at_ms)
        await connection.send(frame, text=True)

    async with ScriptedVenue() as venue, ScriptedRest() as rest:
        venue.on("exchangeInfo", refuse)
        with pytest.raises(VenueThrottled, match=r"-1003: Too much\.") as caught:
            await fetch(msgspec.structs.replace(venue.endpoints, rest_url=rest.url))
        assert caught.value.retry_at == retry_at_ms * NANOS_PER_MS
        assert not rest.calls


async def test_an_address_that_would_go_unencrypted_is_not_even_tried() -> None:
    """The parent says so before anything is sent, and before any child starts."""
    endpoints = Endpoints(streams_url="", ws_api_url="ws://192.0.2.1/ws-api/v3", rest_url="")
    with pytest.raises(ConfigError, match="use wss://"):
        await fetch(endpoints)
