"""What requests cost and what they are for, against the protocol's own table."""

import pytest

from genesis.exchange.binance.request_costs import cost_of
from genesis.exchange.binance.signing import ParamValue
from genesis.exchange.request_cost import LimitKind, Purpose, RequestCost
from genesis.venue.api_methods import METHODS
from genesis.venue.parameters import Parameters


@pytest.mark.parametrize(
    ("method", "params", "weight"),
    [
        ("depth", {"symbol": "BTCUSDT"}, 5),
        ("depth", {"symbol": "BTCUSDT", "limit": 101}, 25),
        ("depth", {"symbol": "BTCUSDT", "limit": 1_000}, 50),
        ("depth", {"symbol": "BTCUSDT", "limit": 5_000}, 250),
        ("depth", {"symbol": "BTCUSDT", "limit": 9_000}, 250),
        ("openOrders.status", {}, 80),
        ("openOrders.status", {"symbol": "BTCUSDT"}, 6),
        ("myTrades", {"symbol": "BTCUSDT", "fromId": 1}, 20),
        ("myTrades", {"symbol": "BTCUSDT", "orderId": 1}, 5),
        ("order.status", {"symbol": "BTCUSDT"}, 4),
        ("order.cancel", {"symbol": "BTCUSDT"}, 1),
        ("orderList.place.oco", {"symbol": "BTCUSDT"}, 1),
        ("orderList.cancel", {"symbol": "BTCUSDT"}, 1),
        ("orderList.status", {}, 4),
        ("openOrderLists.status", {}, 6),
        ("account.status", {}, 20),
        ("allOrders", {"symbol": "BTCUSDT"}, 20),
        ("exchangeInfo", {}, 20),
        ("time", {}, 1),
    ],
)
def test_weights_are_the_protocols(method: str, params: dict[str, ParamValue], weight: int) -> None:
    """Section 6.4; the simulated venue, written from the same table by itself, agrees."""
    texts = {name: str(value) for name, value in params.items()}

    assert cost_of(method, params).weight == weight
    assert METHODS[method].weigh(Parameters(texts)) == weight


def test_a_session_is_opened_at_the_protocols_weight() -> None:
    """Section 6.2 and 6.3: two for each step."""
    for method in (
        "session.logon",
        "userDataStream.subscribe",
        "userDataStream.subscribe.signature",
    ):
        assert cost_of(method, {}) == RequestCost(Purpose.SESSION, 2)


@pytest.mark.parametrize(
    ("method", "purpose"),
    [
        ("order.cancel", Purpose.CANCEL),
        ("order.status", Purpose.RECONCILE),
        ("time", Purpose.SESSION),
        ("depth", Purpose.READ),
        ("exchangeInfo", Purpose.RECONCILE),
    ],
)
def test_purposes_follow_the_method(method: str, purpose: Purpose) -> None:
    """What can wait, what settles doubts, and what ends orders."""
    assert cost_of(method, {}).purpose is purpose


def test_no_method_but_an_order_adds_to_the_order_count() -> None:
    """And cancels give their weight back when they succeed."""
    cancel = cost_of("order.cancel", {})

    assert cancel.amount(LimitKind.ORDERS) == 0
    assert cancel.amount(LimitKind.RAW_REQUESTS) == 1
    assert cancel.is_refunded
