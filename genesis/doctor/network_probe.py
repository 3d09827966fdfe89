"""Going the way to an endpoint step by step, as far as it goes (I/O)."""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from genesis.clock import EngineClock
from genesis.doctor.venue_facts import EndpointFacts, Step
from genesis.errors import VenueUnreachable
from genesis.exchange.reachability import why_unreachable
from genesis.limits import CLOSE_TIMEOUT, PROBE_TIMEOUT
from genesis.units import NANOS_PER_SECOND, Nanos

Speak: TypeAlias = Callable[[], Awaitable[Nanos]]
"""Says something that is answered, and returns how long that took; raises `VenueUnreachable`."""

_PORTS: Final = {"https": 443, "wss": 443, "http": 80, "ws": 80}
_SECONDS_PER_DAY: Final = 86_400


async def probe_endpoint(
    name: str,
    url: str,
    tls: ssl.SSLContext | None,
    clock: EngineClock,
    speak: Speak,
    *,
    within: Nanos = PROBE_TIMEOUT,
) -> EndpointFacts:
    """Resolve the name, connect, agree on encryption, and say something that is answered.

    The way there may take `within`; how long the answer may take is up to `speak`.
    """
    facts = EndpointFacts(name=name, url=url)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    step = Step.RESOLVE
    try:
        async with asyncio.timeout(within / NANOS_PER_SECOND):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            facts = msgspec.structs.replace(facts, addresses=len(found))
            step = Step.CONNECT
            facts = await _connect(facts, host, port, tls, clock)
        step = Step.ANSWER
        return msgspec.structs.replace(facts, round_trip=await speak())
    except TimeoutError:
        fault = _too_long(within)
    except (OSError, UnicodeError, VenueUnreachable) as error:  # a name may be none
        fault = why_unreachable(error)
    return msgspec.structs.replace(facts, failed_at=step, fault=fault)


async def socket_round_trip(
    url: str, tls: ssl.SSLContext | None, clock: EngineClock, *, within: Nanos = PROBE_TIMEOUT
) -> Nanos:
    """Open a WebSocket, and return how long a ping takes.

    Raises:
        VenueUnreachable: There is no such socket, or no answer on it.
    """
    try:
        async with (
            asyncio.timeout(within / NANOS_PER_SECOND),
            connect(
                url,
                ssl=tls,
                proxy=None,
                compression=None,
                ping_interval=None,
                close_timeout=CLOSE_TIMEOUT / NANOS_PER_SECOND,
            ) as connection,
        ):
            begun = clock.now()
            await (await connection.ping())
            return clock.now() - begun
    except TimeoutError:
        raise VenueUnreachable(_too_long(within)) from None
    except (OSError, InvalidHandshake, ConnectionClosed) as error:
        raise VenueUnreachable(why_unreachable(error)) from None


async def _connect(
    facts: EndpointFacts, host: str, port: int, tls: ssl.SSLContext | None, clock: EngineClock
) -> EndpointFacts:
    begun = clock.now()
    _reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    connected_in = clock.now() - begun
    secured = writer.get_extra_info("ssl_object")
    writer.close()
    facts = msgspec.structs.replace(facts, connected_in=connected_in)
    if not isinstance(secured, ssl.SSLObject):
        return facts
    certificate = secured.getpeercert() or {}
    ends_at = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return msgspec.structs.replace(
        facts,
        encryption=secured.version() or "encrypted",
        certificate_days=int((ends_at - time.time()) // _SECONDS_PER_DAY),
    )


def _too_long(within: Nanos) -> str:
    return f"no answer within {within / NANOS_PER_SECOND:g} s"
