"""Signatures against the vectors of the protocol sheet (section 5)."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from genesis.errors import ConfigError
from genesis.exchange.binance.signing import (
    Ed25519Signer,
    HmacSigner,
    Params,
    make_signer,
    query_string,
    signed_query,
    websocket_payload,
)
from tests.support.exchange_builders import API_KEY, ED25519_KEY, ED25519_PEM, HMAC_SECRET

ORDER: Params = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01000000",
    "price": "52000.00",
    "recvWindow": 100,
    "timestamp": 1645423376532,
    "apiKey": API_KEY,
}


def test_the_payload_is_sorted_by_name() -> None:
    """The signed text is the parameters in ASCII order, whatever the order they were given in."""
    assert (
        websocket_payload(ORDER)
        == (
            f"apiKey={API_KEY}&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL"
            "&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"
        ).encode()
    )


def test_the_payload_is_raw_utf8() -> None:
    """Nothing is percent-encoded on this transport, and values read as their JSON text."""
    payload = websocket_payload({"symbols": ["A", "B"], "omitZeroBalances": True, "symbol": "Ωλ"})
    assert payload == 'omitZeroBalances=true&symbol=Ωλ&symbols=["A","B"]'.encode()


def test_hmac_vector() -> None:
    """The WebSocket API vector of the sheet, made with 64 times `s`."""
    signature = HmacSigner(API_KEY, HMAC_SECRET).sign(websocket_payload(ORDER))
    assert signature == "eca80d4c4dbfe06e762c4c90785fc504bb022dc6f344046dfa21c4319fb64512"


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        pytest.param(
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
            "&recvWindow=5000&timestamp=1499827319559",
            "51f0fbe2ad4340827112dfd2d629f4ce918547c91b2f9929c6f4efbbad02fb15",
            id="query",
        ),
        pytest.param(
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=0.1"
            "&recvWindow=5000&timestamp=1499827319559",
            "4cd0f116a83ef0df05986ce138d7c7d985f690b39f8ce296f87543db84bda0f8",
            id="query and body",
        ),
        pytest.param(
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT"
            "&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "f3579d4ed4fbdd2d2089efc10bbcea04939c770e17caf6ee9caee7cfea94c509",
            id="percent-encoded symbol",
        ),
    ],
)
def test_hmac_signs_the_bytes_it_is_given(payload: str, signature: str) -> None:
    """The REST vectors of the sheet hold for the same key: the signer adds nothing of its own."""
    assert HmacSigner(API_KEY, HMAC_SECRET).sign(payload.encode()) == signature


@pytest.mark.parametrize(
    ("symbol", "signature"),
    [
        pytest.param(
            "LTCBTC",
            "51f0fbe2ad4340827112dfd2d629f4ce918547c91b2f9929c6f4efbbad02fb15",
            id="plain",
        ),
        pytest.param(
            "\uff11\uff12\uff13\uff14\uff15\uff16",
            "f3579d4ed4fbdd2d2089efc10bbcea04939c770e17caf6ee9caee7cfea94c509",
            id="full-width digits",
        ),
    ],
)
def test_hmac_vectors_of_rest(symbol: str, signature: str) -> None:
    """From parameters to the signature of the sheet: encoded first, in the order given."""
    order: Params = {
        "symbol": symbol,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "0.1",
        "recvWindow": 5000,
        "timestamp": 1499827319559,
    }
    query = query_string(order)
    assert signed_query(order, HmacSigner(API_KEY, HMAC_SECRET)) == f"{query}&signature={signature}"


def test_ed25519_vector_of_rest() -> None:
    """The sheet's signature again, its base64 made fit for a query."""
    params: Params = {"apiKey": "TESTKEY", "timestamp": 1700000000000}
    assert signed_query(params, Ed25519Signer("TESTKEY", ED25519_KEY)) == (
        "apiKey=TESTKEY&timestamp=1700000000000&signature="
        "UlTT9mxYlv64znGv5AQiynRz4ZG1XQgmQ6aVtMzRfuk8NrpT2BrFxwWeLBt5dA2RnZ6ofVRicFUXMBTt585jBw%3D%3D"
    )


def test_a_query_encodes_what_is_not_plain() -> None:
    """Lists and booleans read as their JSON text, and no value can end its parameter."""
    query = query_string({"symbols": ["A", "Ω"], "on": True, "text": "a&b=c d/+~-_.", "n": 5})
    assert query == (
        "symbols=%5B%22A%22%2C%22%CE%A9%22%5D&on=true&text=a%26b%3Dc%20d%2F%2B~-_.&n=5"
    )


def test_ed25519_vector() -> None:
    """The Ed25519 vector of the sheet, made with the seed 00 01 02 ... 1f."""
    signature = Ed25519Signer("TESTKEY", ED25519_KEY).sign(
        websocket_payload({"timestamp": 1700000000000, "apiKey": "TESTKEY"})
    )
    assert signature == (
        "UlTT9mxYlv64znGv5AQiynRz4ZG1XQgmQ6aVtMzRfuk8NrpT2BrFxwWeLBt5dA2RnZ6ofVRicFUXMBTt585jBw=="
    )


def test_the_secret_decides_the_kind_of_key() -> None:
    """A PEM private key logs a session on; a shared secret signs each request."""
    ed25519, hmac = make_signer(API_KEY, ED25519_PEM), make_signer(API_KEY, HMAC_SECRET)
    assert isinstance(ed25519, Ed25519Signer)
    assert ed25519.can_log_on
    assert isinstance(hmac, HmacSigner)
    assert not hmac.can_log_on


RSA_PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
ENCRYPTED_PEM = ED25519_KEY.private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
).decode()


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(RSA_PEM, id="RSA"),
        pytest.param(ENCRYPTED_PEM, id="encrypted"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", id="broken"),
    ],
)
def test_another_private_key_is_a_configuration_error(secret: str) -> None:
    """A key that cannot log on is refused at start, and its text is not repeated."""
    with pytest.raises(ConfigError) as refused:
        make_signer(API_KEY, secret)
    assert secret not in str(refused.value)
    assert "private key" in str(refused.value)
