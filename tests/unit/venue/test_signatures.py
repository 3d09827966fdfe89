"""`genesis.venue.signatures`: against the check values of `binance-spot.md` section 5."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from genesis.errors import ConfigError
from genesis.venue.signatures import KeyVerifier, RegisteredKey, signed_payloads
from tests.support.venue import PRIVATE_KEY, REGISTERED

REST = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
    "&timestamp=1499827319559"
)
MIXED = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=0.1&recvWindow=5000"
    "&timestamp=1499827319559"
)
FULL_WIDTH = (
    "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT"
    "&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
WS_PARAMETERS = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01000000",
    "price": "52000.00",
    "recvWindow": "100",
    "timestamp": "1645423376532",
    "apiKey": "k" * 64,
    "signature": "left out",
}


def hmac_key() -> RegisteredKey:
    """Return the sheet's HMAC key."""
    return RegisteredKey(api_key="k" * 64, account_id=1, algorithm="hmac", secret="s" * 64)


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (REST, "51f0fbe2ad4340827112dfd2d629f4ce918547c91b2f9929c6f4efbbad02fb15"),
        (MIXED, "4cd0f116a83ef0df05986ce138d7c7d985f690b39f8ce296f87543db84bda0f8"),
        (FULL_WIDTH, "f3579d4ed4fbdd2d2089efc10bbcea04939c770e17caf6ee9caee7cfea94c509"),
    ],
    ids=["query", "query and body", "percent-encoded"],
)
def test_hmac_signatures_of_the_sheet_verify(payload: str, signature: str) -> None:
    """In either case of the hex digits, and for no other payload."""
    verifier = KeyVerifier(hmac_key())

    assert verifier.verifies(signature, payload.encode())
    assert verifier.verifies(signature.upper(), payload.encode())
    assert not verifier.verifies(signature, payload.encode() + b"0")
    assert not verifier.may_log_on


def test_websocket_payload_is_sorted_by_name_without_the_signature() -> None:
    """The sheet's WebSocket API value verifies over the text that is made of the parameters."""
    (payload,) = signed_payloads(WS_PARAMETERS)

    assert KeyVerifier(hmac_key()).verifies(
        "eca80d4c4dbfe06e762c4c90785fc504bb022dc6f344046dfa21c4319fb64512", payload
    )


def test_a_client_that_percent_encodes_first_is_understood() -> None:
    """For values that encoding changes there are two texts; either may be signed."""
    plain, encoded = signed_payloads({"symbols": '["A"]', "timestamp": "1"})

    assert plain == b'symbols=["A"]&timestamp=1'
    assert encoded == b"symbols=%5B%22A%22%5D&timestamp=1"


def test_ed25519_signature_of_the_sheet_verifies() -> None:
    """The sheet's public key, payload and signature fit; a key registered as PEM is the same."""
    raw = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
    pem = PRIVATE_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = (
        "UlTT9mxYlv64znGv5AQiynRz4ZG1XQgmQ6aVtMzRfuk8NrpT2BrFxwWeLBt5dA2RnZ6ofVRicFUXMBTt585jBw=="
    )
    for secret in (base64.b64encode(raw).decode(), pem.decode()):
        verifier = KeyVerifier(
            RegisteredKey(api_key="TESTKEY", account_id=1, algorithm="ed25519", secret=secret)
        )
        assert verifier.verifies(signature, b"apiKey=TESTKEY&timestamp=1700000000000")
        assert not verifier.verifies(signature, b"apiKey=TESTKEY&timestamp=1700000000001")
        assert not verifier.verifies("no base64!", b"apiKey=TESTKEY&timestamp=1700000000000")
        assert verifier.may_log_on


@pytest.mark.parametrize(
    "secret",
    ["", "not base64", "c2hvcnQ=", "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"],
)
def test_an_unreadable_public_key_is_a_fault_of_configuration(secret: str) -> None:
    """The message does not show the text."""
    key = RegisteredKey(api_key="k", account_id=1, algorithm="ed25519", secret=secret)
    with pytest.raises(ConfigError, match="venue key"):
        KeyVerifier(key)


def test_an_rsa_key_verifies_by_pkcs1() -> None:
    """It signs requests, and cannot log on."""
    key = generate_private_key(65_537, 2_048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    payload = REST.encode()
    signature = base64.b64encode(key.sign(payload, PKCS1v15(), SHA256())).decode()
    verifier = KeyVerifier(RegisteredKey(api_key="k", account_id=1, algorithm="rsa", secret=pem))

    assert verifier.verifies(signature, payload)
    assert not verifier.verifies(signature, payload + b"0")
    assert not verifier.verifies("no base64!", payload)
    assert not verifier.may_log_on
    with pytest.raises(ConfigError, match="not of the algorithm ed25519"):
        KeyVerifier(RegisteredKey(api_key="k", account_id=1, algorithm="ed25519", secret=pem))


def test_a_key_does_not_print_its_secret() -> None:
    """An HMAC secret stands in no log line."""
    assert "s" * 64 not in repr(hmac_key())
    assert repr(REGISTERED) == "RegisteredKey(algorithm='ed25519', account_id=1)"
