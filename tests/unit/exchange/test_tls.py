"""Whom a connection trusts, and where it may go unencrypted."""

import ssl
from pathlib import Path

import pytest
import trustme

from genesis.errors import ConfigError
from genesis.exchange.tls import tls_for


@pytest.mark.parametrize("url", ["wss://127.0.0.1:1/stream", "https://api.example.com/api/v3"])
def test_an_encrypted_connection_verifies_its_venue(url: str) -> None:
    """Certificate and host name are proven, loopback or not, and old TLS is not spoken."""
    context = tls_for(url, "")
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_session_keys_are_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable for debuggers must not lay the trading session open."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = tls_for("wss://venue.example.com", "")
    assert context is not None
    assert context.keylog_filename is None


def test_the_extra_authority_is_believed_beside_the_systems(tmp_path: Path) -> None:
    """A company's root is added; it replaces nothing."""
    ca_file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca_file))
    alone, more = tls_for("wss://x", ""), tls_for("wss://x", str(ca_file))
    assert alone is not None
    assert more is not None
    assert more.cert_store_stats()["x509_ca"] == alone.cert_store_stats()["x509_ca"] + 1


def test_contexts_are_not_shared() -> None:
    """An HTTP client sets on its context which protocols it offers; a WebSocket offers none."""
    assert tls_for("wss://x", "") is not tls_for("wss://x", "")


@pytest.mark.parametrize(
    "url",
    ["ws://127.0.0.1:9000/stream", "ws://127.8.9.1", "http://[::1]:80/api/v3", "http://localhost"],
)
def test_this_machine_is_reached_unencrypted(url: str) -> None:
    """The simulated venue needs no certificate."""
    assert tls_for(url, "") is None


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("ws://venue.example.com/stream", "use wss://"),
        ("http://192.168.0.7/api/v3", "use https://"),
        ("http://localhost.example.com", "use https://"),
        ("ftp://127.0.0.1/", "wss:// or https://"),
        ("127.0.0.1:80", "wss:// or https://"),
        ("wss://", "wss:// or https://"),
        ("wss://venue:port/", "no address"),
        ("wss://[::1", "no address"),
        (f"wss://{'a' * 64}.example.com", "no address"),
    ],
)
def test_an_address_that_would_betray_or_mean_nothing_is_refused(url: str, remedy: str) -> None:
    """Nothing leaves this machine unencrypted, and the operator is told what to write instead."""
    with pytest.raises(ConfigError, match=remedy):
        tls_for(url, "")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_authorities_is_a_configuration_error(
    tmp_path: Path, content: str | None
) -> None:
    """The setting is named; the engine does not start without the trust it was told to have."""
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    with pytest.raises(ConfigError, match=r"exchange\.ca_file"):
        tls_for("wss://x", str(ca_file))
