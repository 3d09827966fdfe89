"""Checking what clients sign: HMAC-SHA256 and Ed25519 (`binance-spot.md` section 5). Pure."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote_plus

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from genesis.errors import ConfigError

SIGNATURE_PARAMETER: Final = "signature"
_PEM_MARK: Final = "-----BEGIN"


class RegisteredKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key that the venue knows, and the account it belongs to.

    `secret` is the shared secret of an HMAC key, or the public key of an Ed25519 one: PEM as
    clients register it, or base64 of the 32 bytes.
    """

    api_key: str
    account_id: int
    algorithm: Literal["ed25519", "hmac"]
    secret: str

    def __repr__(self) -> str:
        return f"RegisteredKey(algorithm={self.algorithm!r}, account_id={self.account_id})"


class KeyVerifier:
    """Verifies the signatures of one registered key.

    Raises:
        ConfigError: The public key cannot be read.
    """

    __slots__ = ("_public_key", "_secret", "key")

    def __init__(self, key: RegisteredKey) -> None:
        self.key = key
        self._secret = key.secret.encode()
        self._public_key = _load_public_key(key.secret) if key.algorithm == "ed25519" else None

    @property
    def may_log_on(self) -> bool:
        """Whether sessions may be authenticated by this key: Ed25519 only."""
        return self._public_key is not None

    def verifies(self, signature: str, payload: bytes) -> bool:
        """Tell whether the signature is of this payload by this key."""
        if self._public_key is None:
            expected = hmac.new(self._secret, payload, hashlib.sha256).hexdigest()
            # Hex digits may come in either case.
            return hmac.compare_digest(expected.encode(), signature.lower().encode())
        try:
            raw = base64.b64decode(signature, validate=True)
            self._public_key.verify(raw, payload)
        except (binascii.Error, InvalidSignature, ValueError):
            return False
        return True


def signed_payloads(parameters: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the texts a WebSocket API signature may be of.

    The documented one is `name=value` joined by `&` in the order of names. Some clients
    percent-encode it first; for plain values both are the same, and one is returned.
    """
    names = sorted(name for name in parameters if name != SIGNATURE_PARAMETER)
    raw = "&".join(f"{name}={parameters[name]}" for name in names)
    encoded = "&".join(f"{name}={quote_plus(parameters[name])}" for name in names)
    if raw == encoded:
        return (raw.encode(),)
    return raw.encode(), encoded.encode()


def _load_public_key(text: str) -> Ed25519PublicKey:
    try:
        if not text.startswith(_PEM_MARK):
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"venue key: the public key is neither PEM nor base64 of 32 bytes ({error})"
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError("venue key: the public key is not Ed25519")
    return key
