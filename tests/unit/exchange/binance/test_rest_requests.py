"""Requests over REST: which twin is asked, with what, signed or not."""

import pytest

from genesis.exchange.binance.rest_requests import TWINS, public_request, signed_request
from genesis.exchange.binance.signing import HmacSigner
from genesis.exchange.request_cost import Purpose
from tests.support.exchange_builders import API_KEY, HMAC_SECRET


def test_a_public_request_is_its_path_and_query() -> None:
    """Without parameters there is no query at all."""
    time = public_request("time", {})
    depth = public_request("depth", {"symbol": "BTCUSDT", "limit": 1000})
    assert (time.verb, time.target, time.api_key) == ("GET", "/time", "")
    assert (depth.verb, depth.target) == ("GET", "/depth?symbol=BTCUSDT&limit=1000")
    assert (time.cost.weight, depth.cost.weight) == (1, 50)


def test_a_signed_request_bears_window_time_and_key() -> None:
    """The signature comes last; the key goes in a header, never in the address."""
    signer = HmacSigner(API_KEY, HMAC_SECRET)
    request = signed_request(
        "order.cancel", {"symbol": "X"}, signer, recv_window_ms=2000, timestamp_ms=17
    )
    signature = signer.sign(b"symbol=X&recvWindow=2000&timestamp=17")
    assert request.verb == "DELETE"
    assert request.target == f"/order?symbol=X&recvWindow=2000&timestamp=17&signature={signature}"
    assert request.api_key == API_KEY
    assert API_KEY not in request.target
    assert request.cost.purpose is Purpose.CANCEL


@pytest.mark.parametrize("method", ["order.place", "order.cancelReplace", "orderList.place.oco"])
def test_nothing_can_place_an_order_over_rest(method: str) -> None:
    """An order goes over one path, once: here there is not even a way to write the request."""
    assert "POST" not in {verb for verb, _ in TWINS.values()}
    with pytest.raises(KeyError):
        public_request(method, {})
