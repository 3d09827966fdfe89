"""The venue's side of encrypted connections: who it says it is."""

import ssl
from pathlib import Path

import msgspec

from genesis.errors import ConfigError


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Where certificate (with those it needs above it) and private key are, both PEM."""

    certificate: Path
    key: Path


def server_tls(files: TlsFiles) -> ssl.SSLContext:
    """Return what a server needs to be that of the certificate.

    Raises:
        ConfigError: The files cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key)
    except OSError as error:  # ssl.SSLError is one too
        raise ConfigError(
            f"venue.tls_certificate: {files.certificate} and the key {files.key} cannot be used: "
            f"{error}; they must be PEM, and one pair"
        ) from None
    return context
