"""The simulated venue behind a certificate: wss and https on its port, and nothing else."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage

from genesis.config import Settings
from genesis.config_simulation import MarketSettings, VenueSettings
from genesis.errors import ConfigError
from genesis.exchange.tls import tls_for
from genesis.venue.server import VenueServer
from genesis.venue.tls import TlsFiles
from tests.support.certificates import loopback_certificate
from tests.support.venue import DEADLINE_SECONDS, ApiClient, model_config, open_venue
from tests.support.venue_run import VenueRun


def trusting(address: str, ca_file: Path) -> ssl.SSLContext:
    """Return the TLS of a client that believes one more authority."""
    context = tls_for(address, str(ca_file))
    assert context is not None
    return context


async def test_a_venue_process_serves_wss_and_https(tmp_path: Path) -> None:
    """Streams, WebSocket API and REST, to those who believe its authority."""
    certificate = loopback_certificate(tmp_path)
    settings = Settings(
        state_dir=tmp_path,
        market=MarketSettings(instruments=2, rate=200),
        venue=VenueSettings(
            tls_certificate=certificate.files.certificate, tls_key=certificate.files.key
        ),
    )
    async with VenueRun(settings, tmp_path) as run, asyncio.timeout(DEADLINE_SECONDS):
        run.start()
        address = (await run.address()).replace("ws://", "wss://")
        tls = trusting(address, certificate.ca_file)
        async with connect(f"{address}/ws-api/v3", ssl=tls) as api:
            await ApiClient(api).log_on()
        async with connect(f"{address}/ws/btcusdt@bookTicker", ssl=tls) as stream:
            assert b'"s":"BTCUSDT"' in await stream.recv(decode=False)
        base = address.replace("wss://", "https://")
        async with httpx.AsyncClient(base_url=base, verify=tls, trust_env=False) as rest:
            info = await rest.get("/api/v3/exchangeInfo")
            assert [row["symbol"] for row in info.json()["symbols"]] == ["BTCUSDT", "ETHUSDT"]
        run.stop()
        assert (await run.end())[0] == 0


async def test_who_does_not_believe_it_does_not_talk_to_it(tmp_path: Path) -> None:
    """Another authority's word is none, nor is a connection without TLS answered."""
    certificate = loopback_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    other = loopback_certificate(tmp_path / "other")
    async with open_venue(model_config(tls=certificate.files)) as (_, address):
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(f"{address}/ws-api/v3", ssl=trusting(address, other.ca_file))
        with pytest.raises((InvalidMessage, OSError)):
            await connect(f"{address.replace('wss://', 'ws://')}/ws-api/v3")


@pytest.mark.parametrize("broken", ["certificate", "key", "pair"])
async def test_files_that_cannot_be_used_are_one_clear_error(tmp_path: Path, broken: str) -> None:
    """ConfigError names them; the venue leaves nothing open."""
    files = loopback_certificate(tmp_path).files
    if broken == "pair":
        (tmp_path / "other").mkdir()
        files = TlsFiles(
            certificate=files.certificate, key=loopback_certificate(tmp_path / "other").files.key
        )
    else:
        getattr(files, broken).write_text("nothing")
    server = VenueServer(model_config(tls=files), lambda: 10**18)
    with pytest.raises(ConfigError, match=r"venue\.tls_certificate: .* must be PEM, and one pair"):
        await server.start("127.0.0.1", 0)
    await server.close()
