"""Replies and user events, from the venue's text to the domain's integers."""

import re
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.orders import ExecutionReport, OrderState, OrderType, Side
from genesis.errors import MalformedMessage
from genesis.exchange.binance.messages import (
    SessionNotice,
    decode_account,
    decode_envelope,
    decode_event,
    decode_order,
    decode_orders,
    decode_placement,
    decode_time,
    decode_trades,
)
from genesis.exchange.gateway import Balance, BalanceUpdate, TransferReported
from genesis.units import NANOS_PER_MS, NANOS_PER_US, SCALE
from tests.support.exchange_builders import (
    FILLED_NOW,
    MAKER_FILL,
    ORDER_ID,
    Json,
    failure,
    order_reply,
    raw,
    report_event,
    success,
    trade_row,
    user_event,
)

NOW = 1_780_000_000_007 * NANOS_PER_MS


def report_of(event: Json) -> ExecutionReport:
    """Decode an execution report that must be one."""
    content = decode_event(raw(event), NOW)
    assert isinstance(content, ExecutionReport)
    return content


def test_a_success_leaves_its_result_to_who_asked() -> None:
    """The envelope knows the number and the status; the result keeps its bytes."""
    envelope = decode_envelope(success(7, {"serverTime": 5}))
    assert (envelope.id, envelope.status, envelope.fault) == (7, 200, None)
    assert decode_time(envelope.result) == 5 * NANOS_PER_MS


def test_an_error_says_when_to_come_back() -> None:
    """Code, words and the time of `retryAfter` survive; it is absent on ordinary errors."""
    banned = decode_envelope(failure(7, -1003, "Way too much.", status=418, retry_at_ms=1234)).fault
    assert banned is not None
    assert (banned.status, banned.code, banned.reason) == (418, -1003, "Way too much.")
    assert banned.retry_at_ms == 1234
    plain = decode_envelope(failure(7, -1013, "Filter failure: LOT_SIZE")).fault
    assert plain is not None
    assert plain.retry_at_ms == 0


STAMP = re.compile(rb"(?<=:)(17[0-9]{11})(?=[,}])")
"""A time in milliseconds, as a number in JSON."""

DECODERS: dict[str, tuple[Json, Callable[[msgspec.Raw], object]]] = {
    "report": (report_event(**MAKER_FILL), lambda raw: decode_event(raw, NOW)),
    "placement": (order_reply(**FILLED_NOW), lambda raw: decode_placement(raw, ORDER_ID, NOW)),
    "order": (order_reply(updateTime=1_780_000_000_009), lambda raw: decode_orders(raw, NOW)),
    "trades": ([trade_row(9001)], decode_trades),
    "account": (
        {"balances": [], "canTrade": True, "updateTime": 1_780_000_000_009},
        lambda raw: decode_account(raw, NOW),
    ),
    "position": (
        {"e": "outboundAccountPosition", "E": 1_780_000_000_006, "u": 1_780_000_000_005, "B": []},
        lambda raw: decode_event(raw, NOW),
    ),
    "transfer": (
        {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "1", "T": 1_780_000_000_005},
        lambda raw: decode_event(raw, NOW),
    ),
    "time": ({"serverTime": 1_780_000_000_005}, decode_time),
}


@pytest.mark.parametrize("kind", DECODERS)
def test_a_time_may_come_in_microseconds(kind: str) -> None:
    """Thirteen digits or sixteen name the same moment."""
    document, decode = DECODERS[kind]
    in_ms = msgspec.json.encode([document] if kind == "order" else document)
    in_us, count = STAMP.subn(rb"\g<1>000", in_ms)

    assert count > 0
    assert decode(msgspec.Raw(in_us)) == decode(msgspec.Raw(in_ms))


def test_no_digit_of_a_time_is_lost() -> None:
    """Of sixteen the last three are told, too."""
    report = report_of(report_event(**MAKER_FILL, E=1_780_000_000_006_001, T=1_780_000_000_005_002))
    assert report.event_at == 1_780_000_000_006_001 * NANOS_PER_US
    assert report.fill is not None
    assert report.fill.traded_at == 1_780_000_000_005_002 * NANOS_PER_US


def test_when_to_come_back_may_be_told_in_microseconds() -> None:
    """The first millisecond that is not before it: coming too early costs a ban."""
    frame = failure(
        7,
        -1003,
        "Way too much.",
        status=418,
        retry_at_ms=1_780_000_000_000_001,
        told_at_ms=1_779_999_999_999_999,
    )
    fault = decode_envelope(frame).fault
    assert fault is not None
    assert fault.retry_at_ms == 1_780_000_000_001
    assert fault.told_at_ms == 1_779_999_999_999


def test_an_error_with_other_data_is_still_an_error() -> None:
    """`data` of a cancel-replace holds no times; the code counts."""
    frame = msgspec.json.encode(
        {
            "id": 1,
            "status": 409,
            "error": {"code": -2021, "msg": "x", "data": {"cancelResult": "S"}},
        }
    )
    fault = decode_envelope(frame).fault
    assert fault is not None
    assert fault.code == -2021


@given(st.binary(max_size=200))
def test_garbage_is_malformed_and_nothing_else(message: bytes) -> None:
    """Whatever bytes come, the decoder answers with an envelope or one kind of error."""
    try:
        decode_envelope(message)
    except MalformedMessage:
        return
    assert message.strip()[:1] == b"{"


def test_a_placement_that_rests_is_accepted() -> None:
    """Text becomes scaled integers, milliseconds become nanoseconds, key for key."""
    accepted = decode_placement(raw(order_reply()), ORDER_ID, NOW)
    assert accepted.fills == ()
    assert accepted.report == ExecutionReport(
        client_order_id=ORDER_ID,
        venue_order_id=101,
        symbol="BTCUSDT",
        state=OrderState.ACCEPTED,
        side=Side.BUY,
        quantity=SCALE // 1000,
        filled_quantity=0,
        filled_amount=0,
        limit_price=60_000 * SCALE,
        reason="",
        event_at=1_780_000_000_005 * NANOS_PER_MS,
        received_at=NOW,
        order_type=OrderType.LIMIT,
    )


def test_a_placement_that_trades_lists_its_fills() -> None:
    """The reply alone can book what was traded, with ids and fees; a new order is the taker."""
    accepted = decode_placement(raw(order_reply(**FILLED_NOW)), ORDER_ID, NOW)
    assert accepted.report.state is OrderState.FILLED
    assert [fill.trade_id for fill in accepted.fills] == [56, 57]
    assert sum(fill.quantity for fill in accepted.fills) == accepted.report.filled_quantity
    assert sum(fill.quote_amount for fill in accepted.fills) == accepted.report.filled_amount
    first = accepted.fills[0]
    assert (first.client_order_id, first.venue_order_id) == (ORDER_ID, 101)
    assert (first.side, first.is_maker) == (Side.BUY, False)
    assert (first.fee, first.fee_asset) == (40, "BTC")


def test_a_reply_about_another_order_is_refused() -> None:
    """A reply under the right number with another client order id proves nothing of ours."""
    with pytest.raises(MalformedMessage, match="another-id"):
        decode_placement(raw(order_reply(clientOrderId="another-id")), ORDER_ID, NOW)


def test_a_cancel_reply_keeps_the_id_of_the_order() -> None:
    """`clientOrderId` of a cancel reply is the cancel's own; a partial fill stays counted."""
    reply = order_reply(
        clientOrderId="web_cancel_1",
        origClientOrderId=ORDER_ID,
        status="CANCELED",
        executedQty="0.00040000",
        cummulativeQuoteQty="24.00000000",
    )
    report = decode_order(raw(reply), ORDER_ID, NOW)
    assert report.client_order_id == ORDER_ID
    assert report.state is OrderState.CANCELED
    assert report.filled_quantity == 40_000


def test_an_unknown_amount_is_none() -> None:
    """For very old orders the venue sends a negative sum: it no longer knows."""
    report = decode_order(raw(order_reply(cummulativeQuoteQty="-1.00000000")), ORDER_ID, NOW)
    assert report.filled_amount == 0


def test_open_orders_keep_their_own_ids() -> None:
    """Foreign orders are listed beside ours, and told apart by id."""
    del (queried := order_reply(clientOrderId="x-OTHER", updateTime=8))["transactTime"]
    reports = decode_orders(raw([order_reply(), queried]), NOW)
    assert [report.client_order_id for report in reports] == [ORDER_ID, "x-OTHER"]
    assert reports[1].event_at == 8 * NANOS_PER_MS


@pytest.mark.parametrize(
    ("status", "executed", "state"),
    [
        ("NEW", "0", OrderState.ACCEPTED),
        ("PENDING_NEW", "0", OrderState.ACCEPTED),
        ("PENDING_CANCEL", "0", OrderState.ACCEPTED),
        ("PENDING_CANCEL", "0.0001", OrderState.PARTIALLY_FILLED),
        ("PARTIALLY_FILLED", "0.0001", OrderState.PARTIALLY_FILLED),
        ("FILLED", "0.001", OrderState.FILLED),
        ("CANCELED", "0", OrderState.CANCELED),
        ("REJECTED", "0", OrderState.REJECTED),
        ("EXPIRED", "0", OrderState.EXPIRED),
        ("EXPIRED_IN_MATCH", "0", OrderState.EXPIRED),
    ],
)
def test_every_status_has_a_state(status: str, executed: str, state: OrderState) -> None:
    """All statuses of the sheet (section 7.1) are known."""
    report = decode_order(raw(order_reply(status=status, executedQty=executed)), ORDER_ID, NOW)
    assert report.state is state


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"status": "MELTED"}, id="unknown status"),
        pytest.param({"side": "HOLD"}, id="unknown side"),
        pytest.param({"origQty": "-1"}, id="negative quantity"),
        pytest.param({"executedQty": "-1"}, id="negative fill"),
        pytest.param({"price": "6e4"}, id="exponent"),
        pytest.param({"price": 60000}, id="number instead of text"),
        pytest.param({"orderId": "101"}, id="text instead of number"),
    ],
)
def test_nonsense_in_a_reply_is_malformed(changes: dict[str, Json]) -> None:
    """A reply that breaks the protocol decides nothing about an order."""
    with pytest.raises(MalformedMessage):
        decode_placement(raw(order_reply(**changes)), ORDER_ID, NOW)


def test_an_accepted_event_is_a_report_without_a_fill() -> None:
    """x=NEW only says that the order works."""
    report = report_of(report_event())
    assert (report.client_order_id, report.state, report.fill) == (
        ORDER_ID,
        OrderState.ACCEPTED,
        None,
    )
    assert report.event_at == 1_780_000_000_006 * NANOS_PER_MS
    assert report.received_at == NOW


def test_a_trade_event_is_a_fill() -> None:
    """x=TRADE carries one execution with the venue's trade id and its fee."""
    report = report_of(report_event(**MAKER_FILL))
    assert (report.state, report.filled_quantity) == (OrderState.FILLED, SCALE // 1000)
    fill = report.fill
    assert fill is not None
    assert (fill.trade_id, fill.price, fill.quantity) == (9001, 60_000 * SCALE, SCALE // 1000)
    assert (fill.quote_amount, fill.fee, fill.fee_asset) == (60 * SCALE, 100, "BTC")
    assert (fill.is_maker, fill.client_order_id) == (True, ORDER_ID)
    assert fill.traded_at == 1_780_000_000_005 * NANOS_PER_MS


def test_a_trade_without_a_fee_has_none() -> None:
    """`N` may be null where nothing was charged."""
    report = report_of(report_event(**MAKER_FILL | {"n": None, "N": None}))
    assert report.fill is not None
    assert (report.fill.fee, report.fill.fee_asset) == (0, "")


def test_a_trade_without_an_id_only_shows_in_the_filled_quantity() -> None:
    """Smart order routing makes such: there is nothing to book by, and something to ask about."""
    report = decode_event(raw(report_event(**MAKER_FILL | {"t": -1})), NOW)
    assert isinstance(report, ExecutionReport)
    assert report.fill is None
    assert (report.filled_quantity, report.state) == (SCALE // 1000, OrderState.FILLED)


def test_an_order_by_amount_has_no_quantity_of_its_own() -> None:
    """The account's owner may place one by hand, and it must not make a whole list unreadable."""
    event = decode_event(raw(report_event(q="0.00000000", Q="50.00000000")), NOW)
    (listed,) = decode_orders(raw([order_reply(origQty="0.00000000")]), NOW)
    assert isinstance(event, ExecutionReport)
    assert (event.quantity, listed.quantity) == (0, 0)


def test_events_of_one_moment_are_ranked_by_execution_id() -> None:
    """`E` is in milliseconds; within one, `I` rises. A reply has none."""
    event = decode_event(raw(report_event(I=501)), NOW)
    assert isinstance(event, ExecutionReport)
    assert event.execution_id == 501
    assert decode_order(raw(order_reply()), ORDER_ID, NOW).execution_id == 0


def test_a_cancel_event_names_the_order_by_its_previous_id() -> None:
    """`c` is the id of the cancel request, `C` that of the order (trap of section 13)."""
    event = report_event(c="web_abc123cancel", C=ORDER_ID, x="CANCELED", X="CANCELED")
    assert report_of(event).client_order_id == ORDER_ID


def test_the_reason_of_an_end_is_kept() -> None:
    """`eR` says why an order expired, `r` why it was refused."""
    expired = report_event(x="EXPIRED", X="EXPIRED", eR="UNFILLED_IOC_QUANTITY_EXPIRED")
    assert report_of(expired).reason == "UNFILLED_IOC_QUANTITY_EXPIRED"
    refused = report_event(x="REJECTED", X="REJECTED", r="INSUFFICIENT_BALANCES")
    assert report_of(refused).reason == "INSUFFICIENT_BALANCES"
    prevented = report_event(x="TRADE_PREVENTION", X="EXPIRED_IN_MATCH")
    assert report_of(prevented).reason == "EXPIRED_IN_MATCH"


def test_positions_are_absolute_balances() -> None:
    """OutboundAccountPosition lists the assets that were touched, free and locked."""
    event: Json = {
        "e": "outboundAccountPosition",
        "E": 1780000000006,
        "u": 1780000000005,
        "B": [{"a": "BTC", "f": "0.00099900", "l": "0.00000000"}],
    }
    assert decode_event(raw(event), NOW) == BalanceUpdate(
        balances=(Balance("BTC", 99_900, 0),),
        updated_at=1_780_000_000_005 * NANOS_PER_MS,
        event_at=1_780_000_000_006 * NANOS_PER_MS,
        received_at=NOW,
    )


@pytest.mark.parametrize(("delta", "amount"), [("100.0", 100 * SCALE), ("-0.00000001", -1)])
def test_transfers_are_deltas_of_one_asset(delta: str, amount: int) -> None:
    """A deposit adds, a withdrawal takes; the time of clearing names it."""
    event: Json = {"e": "balanceUpdate", "E": 1780000000006, "a": "BTC", "d": delta, "T": 5}
    assert decode_event(raw(event), NOW) == TransferReported(
        asset="BTC", amount=amount, cleared_at=5 * NANOS_PER_MS, received_at=NOW
    )


@pytest.mark.parametrize("kind", ["eventStreamTerminated", "serverShutdown"])
def test_notices_are_about_the_connection(kind: str) -> None:
    """Neither an order nor a balance: the connection has to be replaced."""
    assert decode_event(raw({"e": kind, "E": 1}), NOW) is SessionNotice(kind)


@pytest.mark.parametrize("kind", ["externalLockUpdate", "newer"])
def test_other_events_say_nothing_new(kind: str) -> None:
    """What the position and order events repeat, or what is not known yet, is passed over."""
    assert decode_event(raw({"e": kind, "E": 1, "a": "BTC", "d": "1.0", "T": 1}), NOW) is None


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"E": 1}, id="no kind"),
        pytest.param(report_event(**MAKER_FILL | {"l": "0"}), id="trade of nothing"),
        pytest.param({"e": "executionReport", "E": 1}, id="keys missing"),
        pytest.param({"e": "outboundAccountPosition", "E": 1, "u": 1, "B": 3}, id="no list"),
    ],
)
def test_an_unreadable_event_is_malformed(event: Json) -> None:
    """A fact may be lost, so the caller must hear of it."""
    with pytest.raises(MalformedMessage):
        decode_event(raw(event), NOW)


def test_an_event_frame_is_told_from_a_reply() -> None:
    """Events share the socket: they have an `event` and no number."""
    envelope = decode_envelope(user_event(report_event()))
    assert envelope.id is None
    assert not envelope.result
    assert isinstance(decode_event(envelope.event, NOW), ExecutionReport)


def test_trades_are_fills_without_client_order_id() -> None:
    """MyTrades names the venue's order id only; fee and sums are the venue's own."""
    (fill,) = decode_trades(raw([trade_row(9001)]))
    assert (fill.trade_id, fill.venue_order_id, fill.client_order_id) == (9001, 101, "")
    assert (fill.side, fill.is_maker) == (Side.SELL, True)
    assert (fill.quote_amount, fill.fee, fill.fee_asset) == (60 * SCALE, 6_000_000, "USDT")


def test_an_account_is_its_balances() -> None:
    """Balances are exact; whether the key may trade is said."""
    account = decode_account(
        raw(
            {
                "canTrade": True,
                "updateTime": 5,
                "balances": [{"asset": "USDT", "free": "940.00000000", "locked": "60.00000000"}],
            }
        ),
        NOW,
    )
    assert account.balances == (Balance("USDT", 940 * SCALE, 60 * SCALE),)
    assert (account.can_trade, account.updated_at) == (True, 5 * NANOS_PER_MS)
