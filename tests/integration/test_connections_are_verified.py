"""Whom the engine talks to: certificates, names, redirects and dead ends, on every transport."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response

from genesis.clock import EngineClock
from genesis.errors import VenueUnreachable
from genesis.exchange.binance.listing_fetch import fetch_instruments
from genesis.exchange.endpoints import Endpoints
from genesis.exchange.gateway import NoAnswer
from genesis.exchange.reachability import why_unreachable
from genesis.exchange.request_connection import connect_requests
from genesis.exchange.stream_connection import connect_stream
from genesis.exchange.tls import tls_for
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from tests.support.gateways import EventLog, make_gateway, running
from tests.support.rest_paths import path_to
from tests.support.scripted_rest import ScriptedRest

HOST: Final = "127.0.0.1"
YEAR: Final = timedelta(days=365)
WITHIN: Final = 10 * NANOS_PER_SECOND
CLOCK: Final = EngineClock.start()


class Authority:
    """A certificate authority, its file, and servers that it vouches for."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self._authority.cert_pem.write_to_path(self.ca_file)

    def server(self, *, is_expired: bool = False) -> ssl.SSLContext:
        """Return the TLS of a server at `HOST`."""
        expiry = datetime.now(UTC) - YEAR if is_expired else None
        certificate = self._authority.issue_cert(HOST, not_after=expiry)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return an authority that clients are told to believe."""
    return Authority(tmp_path)


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    """Return another authority."""
    folder = tmp_path / "stranger"
    folder.mkdir()
    return Authority(folder)


async def stay(connection: ServerConnection) -> None:
    """Keep a connection open, and answer nothing."""
    await connection.wait_closed()


async def reason_of_socket(url: str, ca_file: str) -> str:
    """Connect for requests; return why it failed, "" if it did not."""
    try:
        connection = await connect_requests(url, CLOCK.now, tls=tls_for(url, ca_file))
    except (OSError, InvalidStatus) as error:
        return why_unreachable(error)
    await connection.close()
    return ""


async def reason_of_stream(url: str, ca_file: str) -> str:
    """Connect for a stream; return why it failed, "" if it did not."""
    try:
        connection = await connect_stream(
            url, lambda _messages, _at: None, CLOCK.now, tls=tls_for(url, ca_file)
        )
    except (OSError, InvalidStatus) as error:
        return why_unreachable(error)
    await connection.close()
    return ""


async def reason_of_rest(url: str, ca_file: str) -> str:
    """Ask over REST; return why it failed, "" if it did not."""
    async with path_to(url, ca_file=ca_file) as path:
        answer = await path.venue_time_ms()
    return answer.reason.removeprefix(f"{url}: ") if isinstance(answer, NoAnswer) else ""


class Reasons(NamedTuple):
    """Why each kind of connection failed; "" for one that did not."""

    socket: str
    stream: str
    rest: str


async def connect_all(
    tls: ssl.SSLContext | None, ca_file: str, *, host: str = HOST, is_secure: bool = True
) -> Reasons:
    """Connect in every way to servers that have this TLS, and look for them under a name."""
    async with (
        serve(stay, HOST, 0, ssl=tls, compression=None) as server,
        ScriptedRest(tls) as rest,
    ):
        port = next(iter(server.sockets)).getsockname()[1]
        secure = "s" if is_secure else ""
        url = f"ws{secure}://{host}:{port}/"
        rest_url = f"http{secure}://{host}:{rest.port}/api/v3"
        return Reasons(
            await reason_of_socket(url, ca_file),
            await reason_of_stream(url, ca_file),
            await reason_of_rest(rest_url, ca_file),
        )


async def test_a_venue_that_proves_itself_is_talked_to(authority: Authority) -> None:
    """Its authority is the one in the file, the name is its own, the time is right."""
    assert await connect_all(authority.server(), authority.ca_file) == ("", "", "")


async def test_an_unknown_authority_is_no_authority(
    authority: Authority, stranger: Authority
) -> None:
    """Whoever vouches for itself is refused, and the operator reads where to name it."""
    for ca_file in (stranger.ca_file, ""):
        for reason in await connect_all(authority.server(), ca_file):
            assert reason.startswith("certificate refused: "), reason
            assert reason.endswith("name it in exchange.ca_file"), reason


async def test_a_certificate_holds_for_its_own_host(authority: Authority) -> None:
    """A venue reached under another name is another venue."""
    for reason in await connect_all(authority.server(), authority.ca_file, host="localhost"):
        assert reason.startswith("certificate refused: Hostname mismatch"), reason


async def test_an_expired_certificate_is_none(authority: Authority) -> None:
    """Not for a day."""
    tls = authority.server(is_expired=True)
    for reason in await connect_all(tls, authority.ca_file):
        assert reason == "certificate refused: certificate has expired"


async def test_a_venue_that_speaks_no_tls_is_not_talked_to(authority: Authority) -> None:
    """A plain server behind a secure address sees a handshake, and nothing of the account."""
    for reason in await connect_all(None, authority.ca_file):
        assert reason.startswith(("connection reset", "TLS handshake failed")), reason


async def test_nobody_listens() -> None:
    """A refused connection is told from one that was refused a certificate."""
    with socket.socket() as closed:
        closed.bind((HOST, 0))
        port = closed.getsockname()[1]
        reasons = (
            await reason_of_socket(f"wss://{HOST}:{port}/", ""),
            await reason_of_stream(f"ws://{HOST}:{port}/", ""),
            await reason_of_rest(f"https://{HOST}:{port}/api/v3", ""),
        )
    assert all("connection refused" in reason for reason in reasons), reasons


async def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS may fail at any time; here the resolver itself stands for it."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    reasons = (
        await reason_of_socket("wss://venue.example.com/", ""),
        await reason_of_stream("wss://venue.example.com/", ""),
        await reason_of_rest("https://venue.example.com/api/v3", ""),
    )
    assert all("host name not resolved: Temporary failure" in reason for reason in reasons), reasons


async def test_a_redirect_leads_nowhere() -> None:
    """What is sent to the venue is not sent to where somebody points."""
    arrived = asyncio.Event()

    async def take(connection: ServerConnection) -> None:
        arrived.set()
        await connection.wait_closed()

    async with serve(take, HOST, 0, compression=None) as target:
        port = next(iter(target.sockets)).getsockname()[1]

        def redirect(_connection: ServerConnection, _request: Request) -> Response:
            return Response(302, "Found", Headers(Location=f"ws://{HOST}:{port}/"))

        async with serve(stay, HOST, 0, process_request=redirect) as server:
            url = f"ws://{HOST}:{next(iter(server.sockets)).getsockname()[1]}/"
            reasons = (await reason_of_socket(url, ""), await reason_of_stream(url, ""))
    assert all("302" in reason for reason in reasons), reasons
    assert not arrived.is_set()


async def test_a_gateway_keeps_trying_and_says_why(
    authority: Authority, stranger: Authority
) -> None:
    """A refused certificate is no crash: it is the reason of the last try, between back-offs."""
    async with serve(stay, HOST, 0, ssl=authority.server(), compression=None) as server:
        url = f"wss://{HOST}:{next(iter(server.sockets)).getsockname()[1]}/ws-api/v3"
        gateway = make_gateway(url, EventLog(), tls=tls_for(url, stranger.ca_file))
        async with running(gateway):
            with pytest.raises(VenueUnreachable, match=f"{url}: certificate refused: "):
                await gateway.wait_ready(500 * NANOS_PER_MS)
            assert not gateway.is_ready
            assert gateway.connections == 0


async def test_a_parent_does_not_list_what_a_stranger_says(
    authority: Authority, stranger: Authority
) -> None:
    """Neither way is good enough; the reasons of both are told."""
    async with (
        serve(stay, HOST, 0, ssl=authority.server(), compression=None) as server,
        ScriptedRest(authority.server()) as rest,
    ):
        port = next(iter(server.sockets)).getsockname()[1]
        endpoints = Endpoints(
            streams_url="",
            ws_api_url=f"wss://{HOST}:{port}/ws-api/v3",
            rest_url=rest.url,
            ca_file=stranger.ca_file,
        )
        fetching = partial(fetch_instruments, endpoints, None, WITHIN)
        with pytest.raises(VenueUnreachable) as refused:
            await asyncio.get_running_loop().run_in_executor(None, fetching)
        assert not rest.calls
    assert str(refused.value).count("certificate refused: ") == 2
