"""Frames as they go out: parameters by order type, stamps, signatures."""

import msgspec
import pytest

from genesis.domain.orders import OrderIntent, OrderType, Side, TimeInForce
from genesis.exchange.binance import requests
from genesis.exchange.binance.request_costs import cost_of
from genesis.exchange.binance.requests import RequestBuilder
from genesis.exchange.binance.signing import make_signer, websocket_payload
from genesis.exchange.request_cost import Purpose
from genesis.units import SCALE
from tests.support.exchange_builders import (
    API_KEY,
    ED25519_PEM,
    HMAC_SECRET,
    LIST_ID,
    ORDER_ID,
    STOP_ID,
    TARGET_ID,
    Json,
    approved_pair,
    intent,
    is_signed_by_test_key,
)

COMMON: dict[str, Json] = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "quantity": "0.00100000",
    "newClientOrderId": ORDER_ID,
    "newOrderRespType": "FULL",
}


@pytest.mark.parametrize(
    ("wish", "own"),
    [
        pytest.param(
            intent(),
            {"type": "LIMIT", "timeInForce": "GTC", "price": "60000.00000000"},
            id="limit",
        ),
        pytest.param(
            intent(time_in_force=TimeInForce.IOC, limit_price=1),
            {"type": "LIMIT", "timeInForce": "IOC", "price": "0.00000001"},
            id="immediate",
        ),
        pytest.param(
            intent(order_type=OrderType.LIMIT_MAKER),
            {"type": "LIMIT_MAKER", "price": "60000.00000000"},
            id="post-only",
        ),
        pytest.param(
            intent(order_type=OrderType.MARKET, limit_price=0), {"type": "MARKET"}, id="market"
        ),
        pytest.param(
            intent(order_type=OrderType.STOP_LOSS, limit_price=0, trigger_price=SCALE),
            {"type": "STOP_LOSS", "stopPrice": "1.00000000"},
            id="stop",
        ),
        pytest.param(
            intent(order_type=OrderType.STOP_LOSS_LIMIT, trigger_price=SCALE),
            {
                "type": "STOP_LOSS_LIMIT",
                "timeInForce": "GTC",
                "price": "60000.00000000",
                "stopPrice": "1.00000000",
            },
            id="stop with a limit",
        ),
    ],
)
def test_an_order_carries_what_its_type_uses_and_no_more(
    wish: OrderIntent, own: dict[str, Json]
) -> None:
    """The venue refuses parameters that are not required (-1106), and exponents (-1100)."""
    assert requests.place_params(wish) == COMMON | own


def test_a_sale_says_so() -> None:
    """Side and quantity are the intent's."""
    params = requests.place_params(intent(side=Side.SELL, quantity=3 * SCALE))
    assert (params["side"], params["quantity"]) == ("SELL", "3.00000000")


def test_a_key_that_logs_on_stamps_only() -> None:
    """After logon a request needs its timestamp and window, neither key nor signature."""
    builder = RequestBuilder(make_signer(API_KEY, ED25519_PEM), 2000)
    request = builder.private("order.status", {"symbol": "BTCUSDT"}, 1780000000000)
    assert request.method == "order.status"
    assert request.cost == cost_of("order.status", {})
    assert msgspec.json.decode(request.frame) == {
        "id": request.request_id,
        "method": "order.status",
        "params": {"symbol": "BTCUSDT", "recvWindow": 2000, "timestamp": 1780000000000},
    }


def test_another_key_signs_each_request() -> None:
    """The signature covers every other parameter, exactly as sent."""
    signer = make_signer(API_KEY, HMAC_SECRET)
    request = RequestBuilder(signer, 2000).private("order.status", {"symbol": "BTCUSDT"}, 17)
    params = msgspec.json.decode(request.frame)["params"]
    signature = params.pop("signature")
    assert params["apiKey"] == API_KEY
    assert signature == signer.sign(websocket_payload(params))


def test_a_logon_is_signed_by_the_private_key() -> None:
    """The one signature of a session proves possession of the key."""
    builder = RequestBuilder(make_signer(API_KEY, ED25519_PEM), 2000)
    request = builder.signed("session.logon", {}, 1780000000000)
    params = msgspec.json.decode(request.frame)["params"]
    assert is_signed_by_test_key(
        params, f"apiKey={API_KEY}&recvWindow=2000&timestamp=1780000000000".encode()
    )


def test_no_request_number_comes_twice() -> None:
    """A late reply can never be taken for that of another request."""
    builder = RequestBuilder(make_signer(API_KEY, ED25519_PEM), 2000)
    numbers = [builder.public("time", {}).request_id for _ in range(3)]
    numbers += [builder.private("myTrades", {}, 1).request_id for _ in range(3)]
    assert len(set(numbers)) == len(numbers)


def test_reads_name_what_they_want() -> None:
    """Parameters of the reading methods are those of the sheet (section 8)."""
    assert requests.order_params("BTCUSDT", "G1") == {
        "symbol": "BTCUSDT",
        "origClientOrderId": "G1",
    }
    assert requests.open_orders_params(None) == {}
    assert requests.open_orders_params("BTCUSDT") == {"symbol": "BTCUSDT"}
    assert requests.trades_from_params("BTCUSDT", 7) == {
        "symbol": "BTCUSDT",
        "fromId": 7,
        "limit": 1000,
    }
    assert requests.trades_of_order_params("BTCUSDT", 101, 0) == {
        "symbol": "BTCUSDT",
        "orderId": 101,
        "fromId": 0,
        "limit": 1000,
    }
    assert requests.trades_made_since_params("BTCUSDT", 7_000_001) == {
        "symbol": "BTCUSDT",
        "startTime": 7,
        "limit": 1000,
    }
    assert requests.orders_since_params("BTCUSDT", 7_000_001) == {
        "symbol": "BTCUSDT",
        "startTime": 7,
        "limit": 1000,
    }
    assert requests.orders_from_params("BTCUSDT", 101) == {
        "symbol": "BTCUSDT",
        "orderId": 101,
        "limit": 1000,
    }
    assert requests.instruments_params(("BTCUSDT",))["symbols"] == ["BTCUSDT"]
    assert requests.instruments_params(None)["symbolStatus"] == "TRADING"
    assert requests.account_params() == {"omitZeroBalances": True}


def test_a_pair_that_sells_has_its_target_above_and_its_stop_below() -> None:
    """Each leg carries what its type uses, under its prefix; the lots are named once (7.5)."""
    pair = approved_pair().intent
    assert requests.place_list_params(pair) == {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "0.00100000",
        "listClientOrderId": LIST_ID,
        "newOrderRespType": "FULL",
        "aboveType": "LIMIT_MAKER",
        "aboveClientOrderId": TARGET_ID,
        "abovePrice": "61000.00000000",
        "belowType": "STOP_LOSS",
        "belowClientOrderId": STOP_ID,
        "belowStopPrice": "59000.00000000",
    }


def test_a_pair_costs_two_orders_and_shrinks_a_position() -> None:
    """Section 8.3; no share of ours holds it back."""
    cost = cost_of("orderList.place.oco", {})
    assert (cost.purpose, cost.weight, cost.orders) == (Purpose.EXIT, 1, 2)
