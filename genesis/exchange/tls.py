"""How every connection to a venue is encrypted, and whom it trusts: one place for all of them.

Certificate and host name are verified, always; there is no setting that turns it off. The system's
authorities are believed, and those of one extra file: a company's own, or a test's.
"""

import ssl
from typing import Final
from urllib.parse import urlsplit

from genesis.config_fields import is_loopback
from genesis.errors import ConfigError

_ENCRYPTED: Final = frozenset({"https", "wss"})
_PLAIN: Final = frozenset({"http", "ws"})


def tls_for(url: str, ca_file: str) -> ssl.SSLContext | None:
    """Return the TLS that a connection to `url` needs; None for a plain one within this machine.

    Each call makes a context of its own: a client that changes it (the protocols it offers, for
    one) changes no other's. `ca_file` is as in `Endpoints`.

    Raises:
        ConfigError: The address is none, would go unencrypted over a network, or `ca_file` holds
            no certificates.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
        (host or "").encode("idna")  # what cannot be a name would fail far from here
    except ValueError as error:  # UnicodeError is one too
        raise ConfigError(f"{url!r} is no address of a venue: {error}") from None
    if not host or parts.scheme not in _ENCRYPTED | _PLAIN:
        raise ConfigError(f"{url!r} is no address of a venue: it begins with wss:// or https://")
    if parts.scheme in _ENCRYPTED:
        return _context(ca_file)
    if not is_loopback(host):
        raise ConfigError(
            f"{url}: anybody on the way could read and change an unencrypted connection to another "
            f"machine; use {parts.scheme}s://"
        )
    return None


def _context(ca_file: str) -> ssl.SSLContext:
    # Not `create_default_context`: it writes session keys to the file that SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one too
            raise ConfigError(
                f"exchange.ca_file: {ca_file} cannot be used: {error}; it must be PEM certificates"
            ) from None
    assert context.verify_mode is ssl.CERT_REQUIRED, "a venue proves who it is"
    assert context.check_hostname, "a certificate of another host proves nothing"
    return context
