"""`genesis.venue.list_methods`: what order lists answer, as documents."""

import pytest

from tests.support.venue import at, each
from tests.support.venue_session import SessionClient, client_at_a_market, refusal

PAIR = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "quantity": "0.5",
    "listClientOrderId": "pair",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "61000.00",
    "aboveClientOrderId": "target",
    "belowType": "STOP_LOSS_LIMIT",
    "belowStopPrice": "59000.00",
    "belowPrice": "58000.00",
    "belowTimeInForce": "GTC",
    "belowClientOrderId": "stop",
}


@pytest.fixture
def client() -> SessionClient:
    """Return a client that is logged on, and owns bitcoin."""
    client = client_at_a_market()
    client.floor.market.print_trade("BTCUSDT", "60005")
    client.log_on()
    return client


def test_a_list_is_placed_found_and_canceled(client: SessionClient) -> None:
    """Each reply shows it as it is; reports of the legs come with what changes them."""
    placed = client.ask("orderList.place.oco", **PAIR)
    assert [at(row, "count") for row in placed["rateLimits"][:2]] == [2, 2]  # type: ignore[index]
    result = placed["result"]
    assert (at(result, "listStatusType"), at(result, "listOrderStatus")) == (
        "EXEC_STARTED",
        "EXECUTING",
    )
    assert each(at(result, "orders"), "clientOrderId") == ["target", "stop"]
    assert each(at(result, "orderReports"), "status") == ["NEW", "NEW"]
    assert at(result, "orderReports", 1, "stopPrice") == "59000.00000000"
    assert at(result, "orderReports", 1, "workingTime") == -1
    list_id = at(result, "orderListId")
    assert each(at(result, "orderReports"), "orderListId") == [list_id, list_id]

    found = client.ask("orderList.status", origClientOrderId="pair")["result"]
    assert isinstance(found, dict)
    assert "orderReports" not in found
    assert client.ask("orderList.status", orderListId=list_id)["result"] == found
    assert client.ask("openOrderLists.status")["result"] == [found]
    assert client.ask("allOrderLists", fromId=list_id)["result"] == [found]
    waiting = client.ask("order.status", symbol="BTCUSDT", origClientOrderId="stop")["result"]
    assert (at(waiting, "isWorking"), at(waiting, "workingTime")) == (False, -1)
    assert at(waiting, "orderListId") == list_id

    canceled = client.ask("orderList.cancel", symbol="BTCUSDT", listClientOrderId="pair")["result"]
    assert (at(canceled, "listStatusType"), at(canceled, "listOrderStatus")) == (
        "ALL_DONE",
        "ALL_DONE",
    )
    assert each(at(canceled, "orderReports"), "status") == ["CANCELED", "CANCELED"]
    assert each(at(canceled, "orderReports"), "origClientOrderId") == ["target", "stop"]
    assert client.ask("openOrderLists.status")["result"] == []
    again = client.ask("orderList.cancel", symbol="BTCUSDT", listClientOrderId="pair")
    assert refusal(again) == (400, -2011, "Unknown order sent.")


def test_a_cancel_of_a_leg_answers_with_the_list(client: SessionClient) -> None:
    """Section 7.4; cancelAll mixes both kinds of replies."""
    client.ask("orderList.place.oco", **PAIR)
    reply = client.ask("order.cancel", symbol="BTCUSDT", origClientOrderId="target")["result"]
    assert at(reply, "listOrderStatus") == "ALL_DONE"
    client.ask("orderList.place.oco", **PAIR)
    alone = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC"}
    client.ask("order.place", **alone, quantity="0.1", price="62000")
    replies = client.ask("openOrders.cancelAll", symbol="BTCUSDT")["result"]
    assert isinstance(replies, list)
    assert [sorted(reply.keys() & {"orderReports", "side"}) for reply in replies] == [
        ["side"],
        ["orderReports"],
    ]


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"aboveType": "STOP_LOSS", "abovePrice": None}, -1102, "aboveStopPrice"),
        (
            {"aboveTimeInForce": "GTC"},
            -1106,
            "Parameter 'aboveTimeInForce' sent when not required.",
        ),
        ({"abovePrice": "1e5"}, -1100, "'abovePrice'"),
        ({"aboveType": "NOPE"}, -1116, "Invalid orderType."),
        ({"aboveType": "MARKET", "abovePrice": None}, -1158, "not supported"),
        ({"belowType": None}, -1102, "'belowType'"),
        ({"belowClientOrderId": "a b"}, -1100, "'belowClientOrderId'"),
        (
            {"belowType": "LIMIT_MAKER", "belowStopPrice": None, "belowTimeInForce": None},
            -1168,
            "At least one OCO order must be contingent.",
        ),
        ({"side": "BUY"}, -1165, "A limit order in a buy OCO must be below."),
        (
            {
                "aboveType": "STOP_LOSS",
                "abovePrice": None,
                "aboveStopPrice": "61000",
                "belowType": "LIMIT_MAKER",
                "belowStopPrice": None,
                "belowTimeInForce": None,
            },
            -1166,
            "A limit order in a sell OCO must be above.",
        ),
        (
            {"aboveType": "STOP_LOSS", "abovePrice": None, "aboveStopPrice": "61000"},
            -2010,
            "The relationship of the prices for the orders is not correct.",
        ),
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
    ],
)
def test_what_is_no_list_is_refused(
    client: SessionClient, changes: dict[str, object], code: int, text: str
) -> None:
    """By the parameter's own name, in the venue's words."""
    parameters = {name: value for name, value in (PAIR | changes).items() if value is not None}
    _, refused, words = refusal(client.ask("orderList.place.oco", **parameters))
    assert refused == code
    assert text in str(words)


def test_a_list_must_be_named(client: SessionClient) -> None:
    """By either id; one that nobody has is not found."""
    for method in ("orderList.status", "orderList.cancel"):
        assert refusal(client.ask(method, symbol="BTCUSDT"))[1] == -1102
    assert refusal(client.ask("orderList.status", orderListId=7))[1] == -2013
    bad = client.ask("allOrderLists", fromId=1, startTime=1)
    assert refusal(bad)[1] == -1128
