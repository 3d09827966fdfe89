"""The parent's one question to the venue, before any child runs: what it lists.

Asked over the WebSocket API, and over REST where that stays silent.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog
from websockets.exceptions import InvalidHandshake

from genesis.clock import EngineClock
from genesis.domain.instruments import Instrument
from genesis.errors import MalformedMessage, VenueRejected, VenueThrottled, VenueUnreachable
from genesis.exchange.binance.catalogue import decode_instruments
from genesis.exchange.binance.errors import TOO_MANY_REQUESTS, UNKNOWN_SYMBOL
from genesis.exchange.binance.messages import decode_envelope
from genesis.exchange.binance.outcomes import Fate, Lost, Reply, Unwritten, read_outcome
from genesis.exchange.binance.requests import instruments_params
from genesis.exchange.binance.rest_client import RestClient
from genesis.exchange.binance.rest_requests import public_request
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.endpoints import Endpoints
from genesis.exchange.gateway import NoAnswer
from genesis.exchange.rate_limits import FEED_SHARES, RateLimits
from genesis.exchange.reachability import why_unreachable
from genesis.exchange.request_connection import RequestConnection, connect_requests
from genesis.exchange.request_gate import RequestGate
from genesis.exchange.tls import tls_for
from genesis.limits import CATALOGUE_BYTES_MAX, THROTTLED_WAIT
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

_METHOD: Final = "exchangeInfo"
_REQUEST_ID: Final = 1


def fetch_instruments(
    endpoints: Endpoints, symbols: Sequence[str] | None, timeout: Nanos
) -> tuple[Instrument, ...]:
    """Ask the venue for its trading rules; block, for at most `timeout` at each step of it.

    Steps are a connection and its answer, over the WebSocket API and then over REST. Rows are
    numbered as in `decode_instruments`.

    Raises:
        VenueUnreachable: There was no connection or no readable answer; trying again is right.
        VenueThrottled: The address has asked too much, or is banned; who asks before its time makes
            it longer.
        VenueRejected: The venue knows no such symbol, or refuses otherwise for good.
        ConfigError: The address would be reached unencrypted, or `ca_file` holds no certificates.
    """
    return asyncio.run(_fetch(endpoints, symbols, timeout))


async def _fetch(
    endpoints: Endpoints, symbols: Sequence[str] | None, within: Nanos
) -> tuple[Instrument, ...]:
    def read(fate: Fate) -> tuple[Instrument, ...] | NoAnswer:
        return read_outcome(fate, lambda reply: decode_instruments(reply.envelope.result, symbols))

    clock = EngineClock.start()
    answer = read(await _ask_over_socket(endpoints, symbols, clock, within))
    if isinstance(answer, NoAnswer) and answer.is_silence:
        reason = answer.reason
        answer = read(await _ask_over_rest(endpoints, symbols, clock, within))
        if isinstance(answer, NoAnswer) and answer.is_silence:
            raise VenueUnreachable(f"no listing: {reason}; then {answer.reason}")
    if not isinstance(answer, NoAnswer):
        return answer
    if answer.code == TOO_MANY_REQUESTS or answer.retry_at_ms:
        retry_at = answer.retry_at_ms * NANOS_PER_MS or clock.now() + THROTTLED_WAIT
        raise VenueThrottled(f"{answer.code}: {answer.reason}", retry_at)
    if answer.retryable:
        raise VenueUnreachable(f"the venue does not list now: {answer.code}: {answer.reason}")
    if answer.code == UNKNOWN_SYMBOL:
        asked = ", ".join(symbols or ())
        raise VenueRejected(answer.code, f"{answer.reason} Asked for: {asked}")
    raise VenueRejected(answer.code, answer.reason)


async def _ask_over_rest(
    endpoints: Endpoints, symbols: Sequence[str] | None, clock: EngineClock, within: Nanos
) -> Fate:
    log = structlog.get_logger()

    def venue_ms() -> int:
        return clock.now() // NANOS_PER_MS

    client = RestClient(
        endpoints.rest_url,
        tls=tls_for(endpoints.rest_url, endpoints.ca_file),
        gate=RequestGate(
            RateLimits(FEED_SHARES, reserve_bps=0),  # one question: nothing to save for another
            venue_ms=venue_ms,
            budget=ConnectionBudget([0, 0], 1),
            clock=clock,
            log=log,
        ),
        clock=clock,
        log=log,
        venue_ms=venue_ms,
        time_unit=endpoints.time_unit,
        body_bytes_max=CATALOGUE_BYTES_MAX,
    )
    async with client:
        return await client.send(public_request(_METHOD, instruments_params(symbols)), within)


async def _ask_over_socket(
    endpoints: Endpoints, symbols: Sequence[str] | None, clock: EngineClock, within: Nanos
) -> Fate:
    url = endpoints.ws_api_url
    request = msgspec.json.encode(
        {"id": _REQUEST_ID, "method": _METHOD, "params": instruments_params(symbols)}
    )
    try:
        connection = await connect_requests(
            url,
            clock.now,
            tls=tls_for(url, endpoints.ca_file),
            open_timeout=within,
            message_bytes_max=CATALOGUE_BYTES_MAX,
        )
    except (OSError, InvalidHandshake) as error:
        return Unwritten(f"{url}: {why_unreachable(error)}")
    try:
        reply = await _first_message(connection, request, within)
        return Reply(decode_envelope(reply), clock.now())
    except (VenueUnreachable, MalformedMessage) as error:
        return Lost(f"{url}: {error}")
    finally:
        await connection.close()


async def _first_message(connection: RequestConnection, request: bytes, within: Nanos) -> bytes:
    """Write a request and return the first message that comes.

    Raises:
        VenueUnreachable: None came.
    """
    message: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def take(received: bytes) -> None:
        if not message.done():
            message.set_result(received)

    connection.listen(take)
    if not connection.write_text(request):
        raise VenueUnreachable("the connection takes nothing")
    closing = asyncio.ensure_future(connection.until_closed())
    try:
        seconds = within / NANOS_PER_SECOND
        either: set[asyncio.Future[bytes] | asyncio.Future[str]] = {message, closing}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if message.done():
            return message.result()
        if closing.done():
            raise VenueUnreachable(closing.result())
        raise VenueUnreachable(f"no reply within {within // NANOS_PER_MS} ms")
    finally:
        message.cancel()
        closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
