"""Signatures of requests, and the texts that are signed (`binance-spot.md` section 5).

Over the WebSocket API that is every parameter except `signature`, sorted by name, as `name=value`
joined by `&`, in raw UTF-8: nothing is percent-encoded. Over REST it is the query string exactly as
it is sent: in the order given, percent-encoded first, since the venue signs the bytes it reads.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeAlias
from urllib.parse import quote

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from genesis.errors import ConfigError

ParamValue: TypeAlias = str | int | bool | Sequence[str]
Params: TypeAlias = Mapping[str, ParamValue]

_PEM_MARK: Final = "PRIVATE KEY"


class Signer(Protocol):
    """An API key and its secret."""

    @property
    def api_key(self) -> str:
        """The public half, sent along."""
        ...

    @property
    def can_log_on(self) -> bool:
        """Tell whether a session may be authenticated once instead of each request."""
        ...

    def sign(self, payload: bytes) -> str:
        """Return the signature of `payload` as it goes on the wire."""
        ...


class Ed25519Signer:
    """Signs with an Ed25519 private key; the only kind that `session.logon` takes."""

    can_log_on: Final = True

    def __init__(self, api_key: str, private_key: Ed25519PrivateKey) -> None:
        self.api_key: Final = api_key
        self._private_key = private_key

    def sign(self, payload: bytes) -> str:
        """Return the base64 of the raw signature."""
        return base64.b64encode(self._private_key.sign(payload)).decode()


class HmacSigner:
    """Signs with a shared secret, each request on its own."""

    can_log_on: Final = False

    def __init__(self, api_key: str, secret: str) -> None:
        self.api_key: Final = api_key
        self._secret = secret.encode()

    def sign(self, payload: bytes) -> str:
        """Return the HMAC-SHA256 in hex."""
        return hmac.new(self._secret, payload, hashlib.sha256).hexdigest()


def make_signer(api_key: str, secret: str) -> Signer:
    """Return the signer for a secret: Ed25519 for a PEM private key, else HMAC.

    Raises:
        ConfigError: The secret looks like a private key and is not an Ed25519 one. The message
            does not quote it.
    """
    if _PEM_MARK not in secret:
        return HmacSigner(api_key, secret)
    try:
        private_key = load_pem_private_key(secret.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("the private key cannot be read: it must be unencrypted PEM") from None
    if not isinstance(private_key, Ed25519PrivateKey):
        raise ConfigError("the private key is not Ed25519: make an Ed25519 key at the venue")
    return Ed25519Signer(api_key, private_key)


def websocket_payload(params: Params) -> bytes:
    """Return the text to sign for the parameters of one WebSocket API request."""
    pairs = (f"{name}={_value_text(params[name])}" for name in sorted(params))
    return "&".join(pairs).encode()


def query_string(params: Params) -> str:
    """Return parameters as the query string of a REST request."""
    return "&".join(
        f"{name}={quote(_value_text(value), safe='')}" for name, value in params.items()
    )


def signed_query(params: Params, signer: Signer) -> str:
    """Return parameters as a signed query string; base64 has letters that a query must encode."""
    query = query_string(params)
    return f"{query}&signature={quote(signer.sign(query.encode()), safe='')}"


def _value_text(value: ParamValue) -> str:
    """Render a value as its JSON text, strings without their quotes."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
