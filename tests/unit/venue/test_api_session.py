"""`genesis.venue.api_session`: form, key, signature, age, rate; logon and replies."""

import hashlib
import hmac

import pytest

from genesis.venue.exchange import ExchangeRules
from genesis.venue.request_limits import MINUTE_MS, RateLimit, RateLimits
from tests.support.venue import API_KEY, Floor, sign, signed
from tests.support.venue_session import (
    HMAC_SECRET,
    NOW_MS,
    SessionClient,
    client_at_a_market,
    refusal,
)


@pytest.fixture
def client() -> SessionClient:
    """Return a client whose account has 100 000 USDT."""
    return client_at_a_market()


# Malformed messages.


@pytest.mark.parametrize(
    "message", [b"{", b"[]", b'"x"', b"{}", b'{"id":1,"method":"ping","params":[1]}', b"\xff"]
)
def test_what_is_no_request_is_refused(client: SessionClient, message: bytes) -> None:
    """-1135, with a null id."""
    reply = client.send(message)

    assert reply["id"] is None
    assert refusal(reply) == (400, -1135, "Invalid JSON Request")


def test_an_unknown_method_is_refused(client: SessionClient) -> None:
    """Its id comes back."""
    reply = client.call("order.dance")

    assert reply["id"] == "1"
    assert refusal(reply) == (400, -1020, "This operation is not supported.")


# Signed requests.


def test_a_signed_request_needs_no_logon(client: SessionClient) -> None:
    """Key and signature of its own will do, for HMAC too."""
    reply = client.call("account.status", signed({"timestamp": NOW_MS}))
    assert reply["status"] == 200


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"apiKey": "no key!"}, (401, -2014, "API-key format invalid.")),
        (
            {"apiKey": "unknown"},
            (401, -2015, "Invalid API-key, IP, or permissions for action."),
        ),
        (
            {"signature": ""},
            (
                400,
                -1102,
                "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
            ),
        ),
        (
            {"timestamp": NOW_MS - 5_001},
            (400, -1021, "Timestamp for this request is outside of the recvWindow."),
        ),
        (
            {"timestamp": NOW_MS + 1_000},
            (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
        ),
        ({"signature": "AAAA"}, (400, -1022, "Signature for this request is not valid.")),
        (
            {"apiKey": None, "signature": None},
            (
                400,
                -1102,
                "Mandatory parameter 'apiKey' was not sent, was empty/null, or malformed.",
            ),
        ),
    ],
)
def test_what_is_wrong_with_a_signed_request(
    client: SessionClient, changes: dict[str, object], wanted: tuple[int, int, str]
) -> None:
    """Key, parameters, timing, signature: tested in this order, told in these words."""
    parameters = {**signed({"timestamp": NOW_MS}), **changes}

    assert refusal(client.call("account.status", parameters)) == wanted


def test_after_logon_only_the_timestamp_is_needed(client: SessionClient) -> None:
    """And it is still mandatory."""
    client.log_on()

    assert client.ask("account.status")["status"] == 200
    assert refusal(client.call("account.status"))[2] == (
        "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."
    )


def test_a_logon_is_shown_and_undone(client: SessionClient) -> None:
    """session.status tells who is logged on since when, and whether events are subscribed."""
    client.log_on()
    state = client.call("session.status")["result"]
    assert state == {
        "apiKey": API_KEY,
        "authorizedSince": NOW_MS,
        "connectedSince": NOW_MS,
        "returnRateLimits": True,
        "serverTime": NOW_MS,
        "userDataStream": False,
    }
    result = client.call("session.logout")["result"]
    assert isinstance(result, dict)
    assert result["apiKey"] is None
    assert client.ask("account.status")["status"] == 400


def test_only_ed25519_keys_log_on(client: SessionClient) -> None:
    """An HMAC key signs each request instead."""
    payload = f"apiKey=hmac-key&timestamp={NOW_MS}"
    signature = hmac.new(HMAC_SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    parameters = {"apiKey": "hmac-key", "timestamp": NOW_MS, "signature": signature}

    assert client.call("account.status", parameters)["status"] == 200
    assert refusal(client.call("session.logon", parameters))[:2] == (401, -1002)


def test_rate_limits_may_be_left_out(client: SessionClient) -> None:
    """For one request, or for the session from its logon on."""
    assert "rateLimits" not in client.call("ping", {"returnRateLimits": False})
    assert "rateLimits" in client.call("ping", {"returnRateLimits": "perhaps"})
    client.call(
        "session.logon",
        {
            "apiKey": API_KEY,
            "returnRateLimits": False,
            "timestamp": NOW_MS,
            "signature": sign(f"apiKey={API_KEY}&returnRateLimits=false&timestamp={NOW_MS}"),
        },
    )
    assert "rateLimits" not in client.call("ping")


def test_weight_is_limited(client: SessionClient) -> None:
    """429 says when the window ends; what was refused still counts."""
    rules = ExchangeRules(limits=RateLimits(weight=RateLimit(25, MINUTE_MS)))
    client = SessionClient(floor=Floor(rules=rules))
    assert client.call("exchangeInfo")["status"] == 200
    reply = client.call("exchangeInfo")

    assert refusal(reply)[:2] == (429, -1003)
    error = reply["error"]
    assert isinstance(error, dict)
    assert error["data"] == {
        "serverTime": NOW_MS,
        "retryAfter": NOW_MS - NOW_MS % 60_000 + 60_000,
    }


def test_a_dead_key_costs_the_session_its_logon() -> None:
    """The next request is answered 401 under no id; its subscription ends, the other stays."""
    client = SessionClient()
    client.log_on()
    client.ask("userDataStream.subscribe")
    client.desk.revoke_key("sim-key")
    client.told.clear()

    answer = client.ask("order.status", symbol="BTCUSDT", orderId=1)
    assert answer["id"] is None
    assert refusal(answer)[:2] == (401, -2015)
    assert client.told[1]["event"] == {"e": "eventStreamTerminated", "E": NOW_MS}
    assert client.ask("session.status")["status"] == 200
    assert refusal(client.ask("order.status", symbol="BTCUSDT", orderId=1))[1] != -2015

    client.desk.restore_key("")
    client.log_on()
    assert client.ask("account.status")["status"] == 200
