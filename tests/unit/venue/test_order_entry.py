"""`genesis.venue.order_entry`: which parameters make an order, and which do not."""

import pytest

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.venue.order_entry import read_cancel, read_new_order, read_order_ids
from genesis.venue.orders import ResponseType, SelfTradePrevention
from genesis.venue.parameters import Parameters
from genesis.venue.refusals import Refused

LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "60000",
    "quantity": "0.1",
}
MARKET = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.1"}
MAKER = {name: text for name, text in LIMIT.items() if name != "timeInForce"} | {
    "type": "LIMIT_MAKER"
}


def test_a_limit_order_is_read_whole() -> None:
    """Every parameter finds its place, and what was not sent has its default."""
    order = read_new_order(Parameters(LIMIT), "made-up")

    assert (order.symbol, order.side, order.order_type) == ("BTCUSDT", Side.BUY, OrderType.LIMIT)
    assert (order.time_in_force, order.price, order.quantity) == (
        TimeInForce.GTC,
        6_000_000_000_000,
        10_000_000,
    )
    assert order.client_order_id == "made-up"
    assert order.stp_mode is SelfTradePrevention.EXPIRE_MAKER
    assert order.response_type is ResponseType.FULL


def test_other_types_have_their_own_defaults() -> None:
    """A LIMIT_MAKER is acknowledged only; a market order may be worth an amount."""
    assert read_new_order(Parameters(MAKER), "x").response_type is ResponseType.ACK
    assert read_new_order(Parameters(MARKET), "x").price == 0
    by_amount = {**MARKET, "quoteOrderQty": "50"}
    del by_amount["quantity"]
    order = read_new_order(Parameters(by_amount), "x")
    assert (order.quantity, order.quote_quantity) == (0, 5_000_000_000)


def test_what_the_client_says_overrules_the_defaults() -> None:
    """Its own id, reply level and self-trade prevention."""
    order = read_new_order(
        Parameters(
            {
                **LIMIT,
                "newClientOrderId": "mine",
                "newOrderRespType": "ACK",
                "selfTradePreventionMode": "NONE",
            }
        ),
        "made-up",
    )

    assert order.client_order_id == "mine"
    assert order.response_type is ResponseType.ACK
    assert order.stp_mode is SelfTradePrevention.NONE


@pytest.mark.parametrize(
    ("base", "changes", "code", "text"),
    [
        (LIMIT, {"side": "LONG"}, -1117, "Invalid side."),
        (LIMIT, {"type": "ICEBERG"}, -1116, "Invalid orderType."),
        (LIMIT, {"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        (
            LIMIT,
            {"type": "STOP_LOSS"},
            -1106,
            "Parameter 'timeInForce' sent when not required.",
        ),
        (
            LIMIT,
            {"type": "TAKE_PROFIT_LIMIT"},
            -1102,
            "Mandatory parameter 'stopPrice' was not sent, was empty/null, or malformed.",
        ),
        (MARKET, {"price": "1"}, -1106, "Parameter 'price' sent when not required."),
        (MARKET, {"timeInForce": "GTC"}, -1106, "Parameter 'timeInForce' sent when not required."),
        (
            MARKET,
            {"quoteOrderQty": "5"},
            -1106,
            "Parameter 'quoteOrderQty' sent when not required.",
        ),
        (MAKER, {"timeInForce": "GTC"}, -1106, "Parameter 'timeInForce' sent when not required."),
        (LIMIT, {"icebergQty": "1"}, -1106, "Parameter 'icebergQty' sent when not required."),
        (
            LIMIT,
            {"price": ""},
            -1102,
            "Mandatory parameter 'price' was not sent, was empty/null, or malformed.",
        ),
        (LIMIT, {"quantity": "0"}, -2010, "Price * QTY is zero or less."),
        (
            LIMIT,
            {"selfTradePreventionMode": "DECREMENT"},
            -1013,
            "This symbol does not allow the specified self-trade prevention mode.",
        ),
        (
            LIMIT,
            {"selfTradePreventionMode": "MAYBE"},
            -1130,
            "Data sent for parameter 'selfTradePreventionMode' is not valid.",
        ),
        (
            LIMIT,
            {"newOrderRespType": "LONG"},
            -1130,
            "Data sent for parameter 'newOrderRespType' is not valid.",
        ),
    ],
)
def test_what_is_no_order_is_refused(
    base: dict[str, str], changes: dict[str, str], code: int, text: str
) -> None:
    """Each fault has its code and wording."""
    with pytest.raises(Refused) as caught:
        read_new_order(Parameters({**base, **changes}), "x")
    assert (caught.value.code, caught.value.text) == (code, text)


def test_a_cancel_names_its_order_and_itself() -> None:
    """Either id will do; the cancel's own id is made up unless it was sent."""
    request = read_cancel(
        Parameters({"symbol": "BTCUSDT", "orderId": "7", "cancelRestrictions": "ONLY_NEW"}),
        "made-up",
    )

    assert (request.order_id, request.client_order_id) == (7, "")
    assert (request.cancel_id, request.only_status) == ("made-up", "NEW")


def test_an_order_that_is_not_named_is_refused() -> None:
    """-1102 names both parameters."""
    with pytest.raises(Refused) as caught:
        read_order_ids(Parameters({}))
    assert caught.value.text == (
        "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
    )


def test_an_unknown_restriction_is_refused() -> None:
    """-1145."""
    with pytest.raises(Refused, match="Invalid cancelRestrictions") as caught:
        read_cancel(
            Parameters({"symbol": "BTCUSDT", "orderId": "7", "cancelRestrictions": "X"}), "x"
        )
    assert caught.value.code == -1145
