"""`genesis.venue.rest_api`: parameters, what is signed, and what is answered."""

import msgspec
import pytest

from genesis.venue.exchange import ExchangeRules
from genesis.venue.http_messages import HttpRequest, HttpResponse
from genesis.venue.refusals import Refused
from genesis.venue.request_limits import RateLimits
from genesis.venue.rest_api import RestApi, read_parameters, signed_payload
from genesis.venue.signatures import KeyVerifier, RegisteredKey
from tests.support.venue import NOW, Floor
from tests.support.venue_session import NOW_MS, SessionClient

ORDER = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
SIZE = b"quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
OTHER_SYMBOL = ORDER.replace(b"LTCBTC", b"%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96")


def call(api: RestApi, method: str, request: HttpRequest) -> HttpResponse:
    """Carry a request through at once."""
    admitted = api.admit(method, request, NOW)
    api.forward(admitted, NOW)
    return api.execute(admitted, NOW)


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
    rules = ExchangeRules(limits=RateLimits(weight_per_minute=3))
    api = RestApi(SessionClient(floor=Floor(rules=rules)).desk)
    request = HttpRequest(verb="GET", path="/")
    responses = [call(api, "ping", request) for _ in range(2)]

    assert [response.status for response in responses] == [200, 429]
    ends_ms = NOW_MS - NOW_MS % 60_000 + 60_000
    assert dict(responses[1].headers)["Retry-After"] == str(-(-(ends_ms - NOW_MS) // 1_000))
    assert msgspec.json.decode(responses[1].body)["code"] == -1003
