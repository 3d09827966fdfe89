"""`genesis.venue.account_methods`: what each method of an account answers."""

import msgspec
import pytest

from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from genesis.venue.signatures import KeyPermissions, KeyVerifier
from tests.support.venue import NOW, REGISTERED, signed
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


def test_a_test_order_may_ask_what_it_would_pay(client: SessionClient) -> None:
    """Rates of both sides; that weighs 20 where the test alone weighs 1."""
    client.log_on()
    before = client.desk.weight.entry(NOW_MS).count
    client.ask("order.test", **LIMIT_BUY)
    assert client.desk.weight.entry(NOW_MS).count == before + 1
    result = client.ask("order.test", **LIMIT_BUY, computeCommissionRates=True)["result"]
    assert client.desk.weight.entry(NOW_MS).count == before + 21
    none = {"maker": "0.00000000", "taker": "0.00000000"}
    assert result == {
        "standardCommissionForOrder": {"maker": "0.00100000", "taker": "0.00100000"},
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": "0.00000000",
        },
    }


def test_commission_and_order_counts(client: SessionClient) -> None:
    """What the account pays on a symbol, and how many of its orders are unfilled."""
    client.log_on()
    client.ask("order.place", **LIMIT_BUY)
    commission = client.ask("account.commission", symbol="BTCUSDT")["result"]
    assert isinstance(commission, dict)
    assert commission["standardCommission"] == {
        "maker": "0.00100000",
        "taker": "0.00100000",
        "buyer": "0.00000000",
        "seller": "0.00000000",
    }
    counts = client.ask("account.rateLimits.orders")["result"]
    assert isinstance(counts, list)
    assert [(row["interval"], row["intervalNum"], row["count"]) for row in counts] == [
        ("SECOND", 10, 1),
        ("DAY", 1, 1),
    ]


# Order types, at a public that offers one bitcoin at 60 010.

CROSSING = {**LIMIT_BUY, "price": "60010.00", "quantity": "1.5"}


@pytest.mark.parametrize(
    ("time_in_force", "status", "executed", "reason"),
    [
        ("GTC", "PARTIALLY_FILLED", "1.00000000", None),
        ("IOC", "EXPIRED", "1.00000000", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("FOK", "EXPIRED", "0.00000000", "UNFILLED_FOK_ORDER_EXPIRED"),
    ],
)
def test_times_in_force(
    client: SessionClient, time_in_force: str, status: str, executed: str, reason: str | None
) -> None:
    """What is left of an order waits, expires, or keeps the whole of it from trading."""
    client.log_on()
    result = client.ask("order.place", **{**CROSSING, "timeInForce": time_in_force})["result"]

    assert isinstance(result, dict)
    assert (result["status"], result["executedQty"]) == (status, executed)
    assert result.get("expiryReason") == reason


def test_a_post_only_order_never_takes(client: SessionClient) -> None:
    """It is refused where it would; it has no time in force, and its reply is short."""
    client.log_on()
    maker = {**LIMIT_BUY, "type": "LIMIT_MAKER"}
    told = refusal(client.ask("order.place", **maker))
    assert told == (400, -1106, "Parameter 'timeInForce' sent when not required.")
    del maker["timeInForce"]
    placed = client.ask("order.place", **maker)["result"]
    assert isinstance(placed, dict)
    assert placed.keys() == {
        "symbol",
        "orderId",
        "orderListId",
        "clientOrderId",
        "transactTime",
    }
    told = refusal(client.ask("order.place", **{**maker, "price": "60010.00"}))
    assert told == (400, -2010, "Order would immediately match and take.")


# What a key may do.


@pytest.mark.parametrize(
    ("permissions", "method", "is_allowed"),
    [
        (KeyPermissions(), "order.test", True),
        (KeyPermissions(trading=False), "order.test", False),
        (KeyPermissions(trading=False), "openOrders.status", True),
        (KeyPermissions(reading=False), "openOrders.status", False),
        (KeyPermissions(reading=False), "order.test", True),
    ],
)
def test_a_key_does_what_it_may(
    client: SessionClient, permissions: KeyPermissions, method: str, *, is_allowed: bool
) -> None:
    """And is refused the rest, logged on or not."""
    key = msgspec.structs.replace(REGISTERED, permissions=permissions)
    client.desk.verifiers[key.api_key] = KeyVerifier(key)
    wanted = None if is_allowed else (401, -2015)
    parameters = {**LIMIT_BUY, "timestamp": NOW_MS}
    replies = [client.call(method, signed(parameters))]
    client.log_on()
    replies.append(client.call(method, parameters))

    for reply in replies:
        assert (refusal(reply)[:2] if "error" in reply else None) == wanted


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
