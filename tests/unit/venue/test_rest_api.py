"""`genesis.venue.rest_api`: parameters, what is signed, and what is answered."""

from urllib.parse import quote, urlencode

import msgspec
import pytest

from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from genesis.venue.exchange import ExchangeRules
from genesis.venue.http_messages import HttpRequest, HttpResponse
from genesis.venue.refusals import Refused
from genesis.venue.request_limits import MINUTE_MS, RateLimit, RateLimits
from genesis.venue.rest_api import ENDPOINTS, RestApi, read_parameters, signed_payload
from genesis.venue.signatures import KeyVerifier, RegisteredKey
from tests.support.venue import API_KEY, NOW, Floor, sign
from tests.support.venue_session import LIMIT_BUY, NOW_MS, SessionClient, client_at_a_market

ORDER = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
SIZE = b"quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
OTHER_SYMBOL = ORDER.replace(b"LTCBTC", b"%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96")


def call(api: RestApi, method: str, request: HttpRequest, now: Nanos = NOW) -> HttpResponse:
    """Carry a request through at once."""
    admitted = api.admit(method, request, now)
    api.forward(admitted, now)
    return api.execute(admitted, now)


# Parameters.


def test_parameters_come_in_query_body_or_both() -> None:
    """One in both is the query's; plus signs and percent codes are read; order means nothing."""
    request = HttpRequest(
        verb="POST", path="/", query=b"a=1&b=x%20y&e=", body=b"a=2&c=x+y&d=%5B%22A%22%5D&"
    )

    assert read_parameters(request).texts == {
        "a": "1",
        "b": "x y",
        "c": "x y",
        "d": '["A"]',
        "e": "",
    }


def test_a_parameter_sent_twice_is_refused() -> None:
    """However its name is written."""
    with pytest.raises(Refused, match="Duplicate values for a parameter detected") as caught:
        read_parameters(HttpRequest(verb="GET", path="/", query=b"ab=1&a%62=1"))
    assert caught.value.code == -1101


# Signatures.


@pytest.mark.parametrize(
    ("query", "body", "signature"),
    [
        (
            ORDER + b"&" + SIZE,
            b"",
            "51f0fbe2ad4340827112dfd2d629f4ce918547c91b2f9929c6f4efbbad02fb15",
        ),
        (
            b"",
            ORDER + b"&" + SIZE,
            "51f0fbe2ad4340827112dfd2d629f4ce918547c91b2f9929c6f4efbbad02fb15",
        ),
        (ORDER, SIZE, "4cd0f116a83ef0df05986ce138d7c7d985f690b39f8ce296f87543db84bda0f8"),
        (
            OTHER_SYMBOL + b"&" + SIZE,
            b"",
            "f3579d4ed4fbdd2d2089efc10bbcea04939c770e17caf6ee9caee7cfea94c509",
        ),
    ],
    ids=["query", "body", "query and body", "percent-encoded"],
)
def test_signatures_of_the_sheet_verify(query: bytes, body: bytes, signature: str) -> None:
    """Over the bytes as sent, wherever the signature itself stands."""
    key = RegisteredKey(api_key="k" * 64, account_id=1, algorithm="hmac", secret="s" * 64)
    verifier = KeyVerifier(key)
    mark = f"signature={signature}".encode()
    for sent_query, sent_body in (
        (query + b"&" + mark, body),
        (mark + b"&" + query, body),
        (query, body + b"&" + mark),
    ):
        request = HttpRequest(verb="POST", path="/", query=sent_query, body=sent_body)
        assert verifier.verifies(signature, signed_payload(request))
        assert not verifier.verifies(signature, signed_payload(request) + b"0")


def rest(
    api: RestApi, verb: str, path: str, query: str = "", *, body: str = "", key: str = API_KEY
) -> HttpResponse:
    """Send a request to its endpoint."""
    request = HttpRequest(
        verb=verb,
        path=path,
        query=query.encode(),
        headers={"x-mbx-apikey": key} if key else {},
        body=body.encode(),
    )
    return call(api, ENDPOINTS[verb, path], request)


def signed_text(**parameters: object) -> str:
    """Return parameters with their signature, ready for a query or a form."""
    text = urlencode({"timestamp": NOW_MS, **parameters})
    return f"{text}&signature={quote(sign(text), safe='')}"


SIGNED = signed_text()


@pytest.mark.parametrize(
    ("key", "query", "status", "code", "text"),
    [
        ("", SIGNED, 401, -2014, "API-key format invalid."),
        ("no key!", SIGNED, 401, -2014, "API-key format invalid."),
        ("none", SIGNED, 401, -2015, "Invalid API-key, IP, or permissions for action."),
        (
            API_KEY,
            f"timestamp={NOW_MS - 9_000}",
            400,
            -1102,
            "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
        ),
        (
            API_KEY,
            "signature=x",
            400,
            -1102,
            "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
        ),
        (
            API_KEY,
            f"timestamp={NOW_MS - 5_001}&signature=x",
            400,
            -1021,
            "Timestamp for this request is outside of the recvWindow.",
        ),
        (
            API_KEY,
            f"timestamp={NOW_MS}&signature=x",
            400,
            -1022,
            "Signature for this request is not valid.",
        ),
        (
            API_KEY,
            f"timestamp={NOW_MS}&signature={sign(f'timestamp={NOW_MS}').replace('/', '+')}",
            400,
            -1022,
            "Signature for this request is not valid.",
        ),
    ],
)
def test_what_is_wrong_with_a_signed_request(
    key: str, query: str, status: int, code: int, text: str
) -> None:
    """Key, parameters, timing, signature: tested in this order, told in these words."""
    response = rest(RestApi(SessionClient().desk), "GET", "/api/v3/account", query, key=key)

    assert response.status == status
    assert msgspec.json.decode(response.body) == {"code": code, "msg": text}


def test_an_order_lives_and_dies_over_rest() -> None:
    """Form bodies or queries, for any verb; order counts are shown by what adds an order."""
    api = RestApi(client_at_a_market().desk)
    placed = rest(
        api, "POST", "/api/v3/order", body=signed_text(**LIMIT_BUY, newClientOrderId="mine")
    )
    document = msgspec.json.decode(placed.body)
    assert (placed.status, document["status"], document["fills"]) == (200, "NEW", [])
    assert dict(placed.headers) == {
        "X-MBX-USED-WEIGHT": "2",
        "X-MBX-USED-WEIGHT-1M": "2",
        "X-MBX-ORDER-COUNT-10S": "1",
        "X-MBX-ORDER-COUNT-1D": "1",
    }
    named = signed_text(symbol="BTCUSDT", origClientOrderId="mine")
    found = rest(api, "GET", "/api/v3/order", named)
    open_orders = rest(api, "GET", "/api/v3/openOrders", SIGNED)
    assert msgspec.json.decode(open_orders.body) == [msgspec.json.decode(found.body)]
    canceled = rest(api, "DELETE", "/api/v3/order", body=named)
    assert msgspec.json.decode(canceled.body)["status"] == "CANCELED"
    assert not any("ORDER-COUNT" in name for name, _ in canceled.headers)
    refused = rest(api, "POST", "/api/v3/order", signed_text(**{**LIMIT_BUY, "price": "1"}))
    assert refused.status == 400
    assert not any("ORDER-COUNT" in name for name, _ in refused.headers)


def test_every_endpoint_answers() -> None:
    """A read of each is understood as its method's twin."""
    api = RestApi(client_at_a_market().desk)
    parameters = signed_text(symbol="BTCUSDT", interval="1m")
    statuses = {
        (path, rest(api, verb, path, parameters).status)
        for verb, path in ENDPOINTS
        if verb == "GET" and path not in ("/api/v3/order", "/api/v3/orderList")
    }
    assert {status for _, status in statuses} == {200}


# Answers.


def test_success_is_the_result_alone() -> None:
    """The weight used so far stands in the headers."""
    response = call(RestApi(SessionClient().desk), "time", HttpRequest(verb="GET", path="/"))

    assert response.status == 200
    assert msgspec.json.decode(response.body) == {"serverTime": NOW_MS}
    # A session that connects weighs 2.
    assert dict(response.headers) == {"X-MBX-USED-WEIGHT": "3", "X-MBX-USED-WEIGHT-1M": "3"}


def test_a_refusal_is_code_and_wording() -> None:
    """With the status that goes with it."""
    request = HttpRequest(verb="GET", path="/", query=b"symbol=NOPE")
    response = call(RestApi(SessionClient().desk), "depth", request)

    assert response.status == 400
    assert response.body == b'{"code":-1121,"msg":"Invalid symbol."}'


def test_a_refusal_for_rate_says_when_to_come_back() -> None:
    """In whole seconds, none too few."""
    rules = ExchangeRules(limits=RateLimits(weight=RateLimit(3, MINUTE_MS)))
    api = RestApi(SessionClient(floor=Floor(rules=rules)).desk)
    request = HttpRequest(verb="GET", path="/")
    minute = NOW - NOW % (60 * NANOS_PER_SECOND)
    late = minute + 58_001 * NANOS_PER_MS
    responses = [call(api, "ping", request, at) for at in (minute, late)]

    assert [response.status for response in responses] == [200, 429]
    assert dict(responses[1].headers)["Retry-After"] == "2"
    assert msgspec.json.decode(responses[1].body)["code"] == -1003
