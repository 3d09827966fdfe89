"""Replies and user events of order lists, and of the orders that are their legs."""

import pytest

from genesis.domain.order_lists import OrderListLeg, OrderListReport, OrderListState
from genesis.domain.orders import ExecutionReport, OrderState, OrderType
from genesis.errors import MalformedMessage
from genesis.exchange.binance.messages import (
    decode_cancel,
    decode_event,
    decode_list,
    decode_list_placement,
    decode_lists,
)
from genesis.units import NANOS_PER_MS, SCALE
from tests.support.exchange_builders import (
    FILLED_NOW,
    LIST_ID,
    ORDER_ID,
    STOP_ID,
    TARGET_ID,
    Json,
    leg_replies,
    list_reply,
    raw,
    report_event,
)

NOW = 1_780_000_000_007 * NANOS_PER_MS


def report_of(event: Json) -> ExecutionReport:
    """Decode an execution report that must be one."""
    content = decode_event(raw(event), NOW)
    assert isinstance(content, ExecutionReport)
    return content


def test_a_list_that_was_placed_tells_of_both_legs() -> None:
    """In the order of its legs, however its reports came; the stop waits, the target works."""
    accepted = decode_list_placement(raw(list_reply(*leg_replies())), LIST_ID, NOW)
    report = accepted.report
    assert accepted.fills == ()
    assert (report.venue_list_id, report.state) == (0, OrderListState.WORKING)
    assert report.legs == (OrderListLeg(TARGET_ID, 102), OrderListLeg(STOP_ID, 103))
    target, stop = report.reports
    assert (target.client_order_id, target.order_type) == (TARGET_ID, OrderType.LIMIT_MAKER)
    assert (target.is_waiting, target.trigger_price) == (False, 0)
    assert (stop.order_type, stop.is_waiting) == (OrderType.STOP_LOSS, True)
    assert (stop.trigger_price, stop.limit_price) == (59_000 * SCALE, 0)
    assert (stop.venue_list_id, stop.state) == (0, OrderState.ACCEPTED)


def test_a_list_that_traded_at_once_lists_its_fills() -> None:
    """Under the leg's own id, as those of an order."""
    stop, target = leg_replies()
    reply = list_reply(stop, target | FILLED_NOW)
    accepted = decode_list_placement(raw(reply), LIST_ID, NOW)
    assert [(fill.client_order_id, fill.trade_id) for fill in accepted.fills] == [
        (TARGET_ID, 56),
        (TARGET_ID, 57),
    ]


def test_a_canceled_list_names_the_legs_by_their_own_ids() -> None:
    """The cancel's id stands in `clientOrderId`, as on an order; a leg's cancel is read alike."""
    legs = [
        leg | {"origClientOrderId": leg["clientOrderId"], "clientOrderId": "cancel-1"}
        for leg in leg_replies(status="CANCELED")
    ]
    done = raw(list_reply(*legs, listStatusType="ALL_DONE", listOrderStatus="ALL_DONE"))
    report = decode_list(done, LIST_ID, NOW)
    assert report.state is OrderListState.DONE
    assert [leg.client_order_id for leg in report.reports] == [TARGET_ID, STOP_ID]
    canceled = decode_cancel(done, STOP_ID, NOW)
    assert (canceled.client_order_id, canceled.state) == (STOP_ID, OrderState.CANCELED)
    assert not canceled.is_waiting
    with pytest.raises(MalformedMessage, match="has no leg"):
        decode_cancel(done, ORDER_ID, NOW)


def test_a_query_of_a_list_names_its_legs_alone() -> None:
    """What became of them is asked of each."""
    assert decode_list(raw(list_reply()), LIST_ID, NOW).reports == ()
    assert decode_lists(raw([list_reply()]), NOW) == (decode_list(raw(list_reply()), LIST_ID, NOW),)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (list_reply(listClientOrderId="another"), "about list 'another'"),
        (list_reply(leg_replies()[0]), "reports other legs"),
        (list_reply(listOrderStatus="MAYBE"), "'MAYBE' is no order list status"),
        (list_reply(orders=None), "ListReply"),
    ],
)
def test_a_list_that_is_none_is_malformed(reply: Json, words: str) -> None:
    """A reply about anything else proves nothing of ours."""
    with pytest.raises(MalformedMessage, match=words):
        decode_list(raw(reply), LIST_ID, NOW)


def test_what_becomes_of_a_list_is_a_user_event() -> None:
    """Its legs are named; its times are the venue's (section 10.2)."""
    event: Json = {
        "e": "listStatus",
        "E": 1_780_000_000_006,
        "s": "BTCUSDT",
        "g": 0,
        "c": "OCO",
        "l": "ALL_DONE",
        "L": "ALL_DONE",
        "r": "NONE",
        "C": LIST_ID,
        "T": 1_780_000_000_005,
        "O": [{"s": "BTCUSDT", "i": 102, "c": TARGET_ID}, {"s": "BTCUSDT", "i": 103, "c": STOP_ID}],
    }
    assert decode_event(raw(event), NOW) == OrderListReport(
        list_client_order_id=LIST_ID,
        venue_list_id=0,
        symbol="BTCUSDT",
        state=OrderListState.DONE,
        legs=(OrderListLeg(TARGET_ID, 102), OrderListLeg(STOP_ID, 103)),
        event_at=1_780_000_000_006 * NANOS_PER_MS,
        received_at=NOW,
    )


def test_a_stop_says_when_it_is_triggered() -> None:
    """Until then it has no working time; then it is a NEW order that works."""
    stop: dict[str, Json] = {"o": "STOP_LOSS", "P": "59000.00000000", "g": 0, "w": False}
    waiting = {key: value for key, value in report_event(**stop).items() if key != "W"}
    assert report_of(waiting).is_waiting
    assert not report_of(waiting | {"w": True, "W": 1_780_000_000_006}).is_waiting
    expired = report_of(waiting | {"x": "EXPIRED", "X": "EXPIRED", "eR": "OCO_TRIGGER"})
    assert (expired.state, expired.reason) == (OrderState.EXPIRED, "OCO_TRIGGER")
    assert not expired.is_waiting
    assert report_of(waiting | {"o": "TRAILING_STOP_OF_TOMORROW"}).order_type is None
