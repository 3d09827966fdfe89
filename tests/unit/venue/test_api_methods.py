"""`genesis.venue.api_methods`: what each method answers."""

import msgspec
import pytest

from genesis.domain.orders import Side
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from tests.support.venue import NOW
from tests.support.venue_session import (
    LIMIT_BUY,
    NOW_MS,
    SessionClient,
    client_at_a_market,
    refusal,
)


@pytest.fixture
def client() -> SessionClient:
    """Return a client whose account has 100 000 USDT."""
    return client_at_a_market()


# Open methods.


def test_ping_and_time(client: SessionClient) -> None:
    """Anybody may ask; the id comes back as it was sent."""
    assert client.send(b'{"id":null,"method":"ping"}') == {
        "id": None,
        "status": 200,
        "result": {},
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 6000,
                "count": 3,
            }
        ],
    }
    assert client.call("v3/time")["result"] == {"serverTime": NOW_MS}


@pytest.mark.parametrize(
    ("parameters", "symbols"),
    [
        ({}, ["BTCUSDT", "ETHUSDT"]),
        ({"symbol": "ETHUSDT"}, ["ETHUSDT"]),
        ({"symbols": ["ETHUSDT", "BTCUSDT"]}, ["ETHUSDT", "BTCUSDT"]),
        ({"symbols": '["BTCUSDT"]'}, ["BTCUSDT"]),
    ],
)
def test_exchange_info_of_some_or_all(
    client: SessionClient, parameters: dict[str, object], symbols: list[str]
) -> None:
    """Arrays may come as arrays or as their text."""
    result = client.call("exchangeInfo", parameters)["result"]

    assert isinstance(result, dict)
    assert [row["symbol"] for row in result["symbols"]] == symbols


@pytest.mark.parametrize(
    ("parameters", "code", "text"),
    [
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        (
            {"symbol": "A", "symbols": ["B"]},
            -1128,
            "Combination of optional parameters invalid.",
        ),
    ],
)
def test_exchange_info_refusals(
    client: SessionClient, parameters: dict[str, object], code: int, text: str
) -> None:
    """Unknown symbols and double wishes."""
    assert refusal(client.call("exchangeInfo", parameters)) == (400, code, text)


def test_depth_is_cut_to_its_limit(client: SessionClient) -> None:
    """Best levels first, prices and quantities as text of eight decimals."""
    client.floor.market.offer("BTCUSDT", Side.BUY, "59999", "2")

    assert client.call("depth", {"symbol": "BTCUSDT", "limit": 1})["result"] == {
        "lastUpdateId": 7,
        "bids": [["60000.00000000", "1.00000000"]],
        "asks": [["60010.00000000", "1.00000000"]],
    }
    assert refusal(client.call("depth", {"symbol": "BTCUSDT", "limit": 0}))[1] == -1130


@pytest.mark.parametrize(
    ("limit", "weight"), [(100, 5), (101, 25), (501, 50), (1_001, 250), (9_999, 250)]
)
def test_depth_weighs_by_its_limit(client: SessionClient, limit: int, weight: int) -> None:
    """As documented: 5, 25, 50 or 250."""
    reply = client.call("depth", {"symbol": "BTCUSDT", "limit": limit})
    entries = reply["rateLimits"]
    assert isinstance(entries, list)

    assert entries[-1]["count"] == 2 + weight


# Trading.


def test_an_order_lives_and_dies(client: SessionClient) -> None:
    """Place, query, list, cancel: each reply shows the order as it is."""
    client.log_on()
    placed = client.ask("order.place", **LIMIT_BUY, newClientOrderId="mine")
    result = placed["result"]
    assert isinstance(result, dict)
    assert result["status"] == "NEW"
    assert result["fills"] == []
    entries = placed["rateLimits"]
    assert isinstance(entries, list)
    assert [(row["rateLimitType"], row["count"]) for row in entries[:2]] == [
        ("ORDERS", 1),
        ("ORDERS", 1),
    ]
    found = client.ask("order.status", symbol="BTCUSDT", origClientOrderId="mine")["result"]
    assert client.ask("openOrders.status", symbol="BTCUSDT")["result"] == [found]
    assert client.ask("openOrders.status")["result"] == [found]
    assert client.ask("allOrders", symbol="BTCUSDT")["result"] == [found]

    canceled = client.ask("order.cancel", symbol="BTCUSDT", orderId=result["orderId"])["result"]
    assert isinstance(canceled, dict)
    assert (canceled["status"], canceled["origClientOrderId"]) == ("CANCELED", "mine")
    reply = client.ask("order.cancel", symbol="BTCUSDT", orderId=result["orderId"])
    assert refusal(reply) == (400, -2011, "Unknown order sent.")


def test_reply_levels(client: SessionClient) -> None:
    """ACK has ids only, RESULT the order, FULL its fills too."""
    client.log_on()
    market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    replies = [
        client.ask("order.place", **market, newOrderRespType=level)["result"]
        for level in ("ACK", "RESULT", "FULL")
    ]
    assert all(isinstance(reply, dict) for reply in replies)
    keys = [set(reply) for reply in replies if isinstance(reply, dict)]
    assert keys[0] < keys[1] < keys[2]
    full = replies[2]
    assert isinstance(full, dict)
    assert full["fills"][0]["commission"] == "0.00010000"


def test_expired_orders_say_why(client: SessionClient) -> None:
    """The reason is in the reply, the query and the event."""
    client.log_on()
    ioc = {**LIMIT_BUY, "timeInForce": "IOC"}
    placed = client.ask("order.place", **ioc, newClientOrderId="x")["result"]
    assert isinstance(placed, dict)
    assert placed["expiryReason"] == "UNFILLED_IOC_QUANTITY_EXPIRED"
    found = client.ask("order.status", symbol="BTCUSDT", origClientOrderId="x")["result"]
    assert isinstance(found, dict)
    assert found["expiryReason"] == "UNFILLED_IOC_QUANTITY_EXPIRED"


def test_trades_and_account(client: SessionClient) -> None:
    """MyTrades and account.status agree with what was reported."""
    client.log_on()
    client.ask("order.place", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")
    trades = client.ask("myTrades", symbol="BTCUSDT")["result"]
    assert isinstance(trades, list)
    assert [(t["price"], t["qty"], t["isBuyer"], t["isMaker"]) for t in trades] == [
        ("60010.00000000", "0.10000000", True, False)
    ]
    assert client.ask("myTrades", symbol="BTCUSDT", orderId=99)["result"] == []
    account = client.ask("account.status", omitZeroBalances=True)["result"]
    assert isinstance(account, dict)
    assert account["makerCommission"] == 10
    assert {row["asset"]: row["free"] for row in account["balances"]} == {
        "BTC": "2.09990000",
        "ETH": "10.00000000",
        "USDT": "93999.00000000",
    }


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"fromId": 1, "startTime": 1}, -1128),
        ({"startTime": 0, "endTime": 86_400_001}, -1127),
        ({"symbol": "NOPE"}, -1121),
    ],
)
def test_history_refusals(client: SessionClient, parameters: dict[str, object], code: int) -> None:
    """Ids and times do not go together; a day is the longest range."""
    client.log_on()
    reply = client.ask("myTrades", **{"symbol": "BTCUSDT", **parameters})

    assert refusal(reply)[1] == code


def test_a_test_order_changes_nothing(client: SessionClient) -> None:
    """order.test judges form and filters, and places nothing."""
    client.log_on()
    assert client.ask("order.test", **LIMIT_BUY)["result"] == {}
    assert refusal(client.ask("order.test", **{**LIMIT_BUY, "price": "0.001"}))[1] == -1013
    assert client.ask("openOrders.status")["result"] == []


def test_cancel_all(client: SessionClient) -> None:
    """Each order that ended is told; with none open it is an error, not an empty list."""
    client.log_on()
    client.ask("order.place", **LIMIT_BUY)
    canceled = client.ask("openOrders.cancelAll", symbol="BTCUSDT")["result"]
    assert isinstance(canceled, list)
    assert len(canceled) == 1
    assert refusal(client.ask("openOrders.cancelAll", symbol="BTCUSDT"))[1] == -2011


def test_the_receive_window_is_tested_again_before_matching(client: SessionClient) -> None:
    """A request that waited too long inside is refused, and counts as an order all the same."""
    client.log_on()
    request = {"timestamp": NOW_MS, "recvWindow": 1_000, **LIMIT_BUY}
    message = msgspec.json.encode({"id": 1, "method": "order.place", "params": request})
    admitted = client.session.admit(message, NOW)
    assert admitted.refusal is None
    client.carry_out(admitted, NOW + NANOS_PER_SECOND + NANOS_PER_MS)

    reply = client.told[-1]
    assert refusal(reply)[1:] == (
        -1021,
        "Timestamp for this request is outside of the recvWindow.",
    )
    entries = reply["rateLimits"]
    assert isinstance(entries, list)
    assert entries[0]["count"] == 1
    assert client.floor.exchange.open_orders(1, None) == []


def test_a_late_cancel_is_refused_too(client: SessionClient) -> None:
    """But it is no order."""
    client.log_on()
    request = {"timestamp": NOW_MS, "recvWindow": 1_000, "symbol": "BTCUSDT", "orderId": 1}
    message = msgspec.json.encode({"id": 1, "method": "order.cancel", "params": request})
    admitted = client.session.admit(message, NOW)
    client.carry_out(admitted, NOW + 2 * NANOS_PER_SECOND)

    assert refusal(client.told[-1])[1] == -1021
    assert client.floor.exchange.order_counts(1, NOW + 2 * NANOS_PER_SECOND)[0].count == 0
