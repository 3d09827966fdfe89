"""From the fate of a request to the outcome of the port: nothing doubtful becomes certain."""

import pytest

from genesis.domain.orders import OrderState
from genesis.exchange.binance.messages import decode_envelope, decode_time
from genesis.exchange.binance.outcomes import (
    Fate,
    Lost,
    Reply,
    Unwritten,
    cancel_list_outcome,
    cancel_outcome,
    order_test_outcome,
    query_list_outcome,
    query_outcome,
    read_outcome,
    submit_list_outcome,
    submit_outcome,
)
from genesis.exchange.gateway import (
    Accepted,
    Found,
    ListAccepted,
    ListFound,
    NoAnswer,
    NotFound,
    NotOpen,
    NotSent,
    Rejected,
    Unknown,
    Valid,
)
from genesis.units import NANOS_PER_MS
from tests.support.exchange_builders import (
    FILLED_NOW,
    LIST_ID,
    ORDER_ID,
    STOP_ID,
    failure,
    leg_replies,
    list_reply,
    order_reply,
    success,
)

NOW = 1_780_000_000_000_000_000
LOST: Fate = Lost("no reply")
UNWRITTEN: Fate = Unwritten("not connected")


def reply(frame: bytes) -> Fate:
    """Return the fate of a request that was answered by `frame`."""
    return Reply(decode_envelope(frame), NOW)


def test_a_placement_that_is_confirmed_is_accepted() -> None:
    """Order and fills come from the one reply."""
    outcome = submit_outcome(reply(success(1, order_reply(**FILLED_NOW))), ORDER_ID)
    assert isinstance(outcome, Accepted)
    assert outcome.report.state is OrderState.FILLED
    assert len(outcome.fills) == 2


@pytest.mark.parametrize(
    "fate",
    [
        pytest.param(LOST, id="no reply"),
        pytest.param(reply(failure(1, -1007, "Timeout.", status=408)), id="timeout at the venue"),
        pytest.param(reply(failure(1, -1006, "Unexpected.")), id="message bus"),
        pytest.param(reply(failure(1, -1000, "Unknown.", status=500)), id="server error"),
        pytest.param(reply(b'{"id":1,"status":502}'), id="server error without a body"),
        pytest.param(reply(b'{"id":1,"status":403}'), id="firewall"),
        pytest.param(reply(failure(1, -2010, "Duplicate order sent.")), id="duplicate"),
        pytest.param(reply(success(1, {"symbol": "BTCUSDT", "orderId": 1})), id="ACK only"),
        pytest.param(reply(success(1, order_reply(clientOrderId="x"))), id="another order"),
        pytest.param(reply(b'{"id":1,"status":200}'), id="no result"),
    ],
)
def test_whatever_proves_nothing_is_unknown(fate: Fate) -> None:
    """An order is in doubt unless the answer is definite and readable."""
    assert isinstance(submit_outcome(fate, ORDER_ID), Unknown)


def test_an_unwritten_order_was_not_sent() -> None:
    """Not one byte left, so no query is needed."""
    assert submit_outcome(UNWRITTEN, ORDER_ID) == NotSent("not connected")


def test_a_definite_refusal_is_a_rejection() -> None:
    """Code and words are the venue's; a retryable one says from when on."""
    assert submit_outcome(
        reply(failure(1, -1013, "Filter failure: LOT_SIZE")), ORDER_ID
    ) == Rejected(-1013, "Filter failure: LOT_SIZE", retryable=False, contradicts_listing=True)
    assert submit_outcome(
        reply(failure(1, -1015, "Too many new orders.", status=429, retry_at_ms=99)), ORDER_ID
    ) == Rejected(-1015, "Too many new orders.", retryable=True, retry_at_ms=99)


def test_a_cancel_is_confirmed_by_the_order_as_it_ended() -> None:
    """The report keeps what had been filled before."""
    frame = success(1, order_reply(clientOrderId="cancel-1", status="CANCELED"))
    outcome = cancel_outcome(reply(frame), ORDER_ID)
    assert isinstance(outcome, Accepted)
    assert (outcome.report.client_order_id, outcome.report.state) == (ORDER_ID, OrderState.CANCELED)


def test_a_cancel_of_nothing_open_asks_for_a_query() -> None:
    """-2011 is ambiguous: the order was probably filled (trap of section 13)."""
    assert cancel_outcome(reply(failure(1, -2011, "Unknown order sent.")), ORDER_ID) == NotOpen(
        "Unknown order sent."
    )


@pytest.mark.parametrize(
    ("fate", "kind"),
    [
        (LOST, Unknown),
        (UNWRITTEN, NotSent),
        (reply(success(1, {})), Unknown),
        (reply(failure(1, -1015, "Too many.", status=429)), Rejected),
    ],
)
def test_a_cancel_fails_as_a_placement_does(fate: Fate, kind: type[object]) -> None:
    """The same proof is asked of a cancel."""
    assert isinstance(cancel_outcome(fate, ORDER_ID), kind)


def test_a_query_finds_the_order() -> None:
    """The order is named by the id that was asked for."""
    outcome = query_outcome(reply(success(1, order_reply(clientOrderId="cancel-1"))), ORDER_ID)
    assert isinstance(outcome, Found)
    assert outcome.report.client_order_id == ORDER_ID


@pytest.mark.parametrize("code", [-2013, -2026])
def test_a_query_finds_no_order(code: int) -> None:
    """An order that ended unfilled 90 days ago is to the ledger as if it had never been."""
    assert query_outcome(reply(failure(1, code, "Order does not exist.")), ORDER_ID) == NotFound()


@pytest.mark.parametrize(
    "fate", [LOST, UNWRITTEN, reply(failure(1, -1000, "?", status=500)), reply(success(1, {}))]
)
def test_an_unanswered_query_is_not_a_missing_order(fate: Fate) -> None:
    """Only the venue's own word makes an order absent."""
    outcome = query_outcome(fate, ORDER_ID)
    assert isinstance(outcome, NoAnswer)
    assert outcome.retryable


def test_a_read_keeps_the_refusal() -> None:
    """A dead key is not asked again; a ban says until when."""
    dead = read_outcome(reply(failure(1, -2015, "Invalid API-key.", status=401)), lambda _: 0)
    assert dead == NoAnswer("Invalid API-key.", -2015, retryable=False)
    banned = read_outcome(
        reply(failure(1, -1003, "Banned.", status=418, retry_at_ms=99)), lambda _: 0
    )
    assert banned == NoAnswer("Banned.", -1003, retryable=True, retry_at_ms=99)


def test_a_read_gives_what_was_decoded() -> None:
    """A good answer is the value itself."""
    fate = reply(success(1, {"serverTime": 5}))
    assert (
        read_outcome(fate, lambda answer: decode_time(answer.envelope.result)) == 5 * NANOS_PER_MS
    )


def test_a_tried_order_is_good_refused_or_not_answered() -> None:
    """Only a final refusal says that such an order cannot be placed; the rest is asked again."""
    assert order_test_outcome(reply(success(1, {}))) == Valid()
    refused = order_test_outcome(reply(failure(1, -2015, "Invalid API-key.", status=401)))
    assert refused == Rejected(-2015, "Invalid API-key.", retryable=False)
    assert isinstance(order_test_outcome(reply(failure(1, -1021, "Outside."))), NoAnswer)
    assert isinstance(order_test_outcome(LOST), NoAnswer)


def test_a_list_is_placed_whole_or_not_at_all() -> None:
    """As an order: what is not certain is unknown, for both legs."""
    placed = reply(success(1, list_reply(*leg_replies())))
    assert isinstance(submit_list_outcome(placed, LIST_ID), ListAccepted)
    assert isinstance(submit_list_outcome(placed, "another"), Unknown)
    assert isinstance(submit_list_outcome(LOST, LIST_ID), Unknown)
    assert isinstance(submit_list_outcome(UNWRITTEN, LIST_ID), NotSent)
    duplicate = reply(failure(1, -2010, "Duplicate order sent."))
    assert isinstance(submit_list_outcome(duplicate, LIST_ID), Unknown)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-2010, "The relationship of the prices for the orders is not correct."),
        (-2010, "Order would trigger immediately."),
        (-2010, "OCO orders are not supported for this symbol"),
        (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS"),
        (-1013, "Filter failure: MAX_NUM_ORDER_LISTS"),
        (-1158, "Order type provided in the `aboveType` and/or `belowType` is not supported."),
        (-1166, "A limit order in a sell OCO must be above."),
    ],
)
def test_a_list_that_the_venue_refuses_is_refused_for_good(code: int, words: str) -> None:
    """Both legs are; another pair may follow under other ids."""
    outcome = submit_list_outcome(reply(failure(1, code, words)), LIST_ID)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.retryable) == (code, False)


def test_a_cancel_of_a_list_or_a_leg_ends_both() -> None:
    """A leg that is canceled by itself is answered with its list."""
    legs = leg_replies(status="CANCELED")
    done = reply(success(1, list_reply(*legs, listOrderStatus="ALL_DONE")))
    assert isinstance(cancel_list_outcome(done, LIST_ID), ListAccepted)
    leg = cancel_outcome(done, STOP_ID)
    assert isinstance(leg, Accepted)
    assert (leg.report.client_order_id, leg.report.state) == (STOP_ID, OrderState.CANCELED)
    gone = reply(failure(1, -2011, "Unknown order sent."))
    assert isinstance(cancel_list_outcome(gone, LIST_ID), NotOpen)
    assert isinstance(cancel_list_outcome(LOST, LIST_ID), Unknown)


def test_a_list_is_found_or_not() -> None:
    """Like an order: "not found" is an answer, silence is none."""
    found = query_list_outcome(reply(success(1, list_reply())), LIST_ID)
    assert isinstance(found, ListFound)
    missing = reply(failure(1, -2013, "Order does not exist."))
    assert query_list_outcome(missing, LIST_ID) == NotFound()
    assert isinstance(query_list_outcome(LOST, LIST_ID), NoAnswer)
