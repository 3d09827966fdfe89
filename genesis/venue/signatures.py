"""Checking what clients sign, by any of three algorithms (`binance-spot.md` section 5). Pure."""

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
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from genesis.errors import ConfigError

SIGNATURE_PARAMETER: Final = "signature"
_PEM_MARK: Final = "-----BEGIN"


class KeyPermissions(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do, and whether it may from anywhere. Nothing here can be withdrawn."""

    reading: bool = True
    trading: bool = True
    withdrawals: bool = False
    is_ip_bound: bool = True


NO_PERMISSIONS: Final = KeyPermissions(reading=False, trading=False, is_ip_bound=False)
"""Of a request that nobody signed."""


class RegisteredKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key that the venue knows, and the account it belongs to.

    `secret` is the shared secret of an HMAC key, or the public key of another: PEM as clients
    register it, or for Ed25519 base64 of the 32 bytes.
    """

    api_key: str
    account_id: int
    algorithm: Literal["ed25519", "hmac", "rsa"]
    secret: str
    permissions: KeyPermissions = KeyPermissions()

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
        self._public_key = None if key.algorithm == "hmac" else _load_public_key(key)

    @property
    def may_log_on(self) -> bool:
        """Whether sessions may be authenticated by this key: Ed25519 only."""
        return isinstance(self._public_key, Ed25519PublicKey)

    def verifies(self, signature: str, payload: bytes) -> bool:
        """Tell whether the signature is of this payload by this key."""
        if self._public_key is None:
            expected = hmac.new(self._secret, payload, hashlib.sha256).hexdigest()
            # Hex digits may come in either case.
            return hmac.compare_digest(expected.encode(), signature.lower().encode())
        try:
            raw = base64.b64decode(signature, validate=True)
            if isinstance(self._public_key, Ed25519PublicKey):
                self._public_key.verify(raw, payload)
            else:
                self._public_key.verify(raw, payload, PKCS1v15(), SHA256())
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


def _load_public_key(key: RegisteredKey) -> Ed25519PublicKey | RSAPublicKey:
    text = key.secret
    try:
        if key.algorithm == "ed25519" and not text.startswith(_PEM_MARK):
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
        public_key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"venue key: the public key is neither PEM nor base64 of 32 bytes ({error})"
        ) from None
    wanted = Ed25519PublicKey if key.algorithm == "ed25519" else RSAPublicKey
    if not isinstance(public_key, wanted):
        raise ConfigError(f"venue key: the public key is not of the algorithm {key.algorithm}")
    return public_key
