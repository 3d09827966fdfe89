"""An order from its approval to its last fill, whatever the venue says and in which order."""

import random

import pytest

from genesis.domain.orders import (
    OrderState,
    OrderType,
    RefusalRule,
    ReportKind,
)
from genesis.engine.effects import (
    Announce,
    CancelOrder,
    FetchTrades,
    QueryOrder,
    answer_behind_cancel,
)
from genesis.engine.entries import FillBooked, OrderMoved, OrderPrepared, SignalRefused
from genesis.exchange.binance.messages import decode_envelope
from genesis.exchange.binance.outcomes import Reply, submit_outcome
from genesis.exchange.gateway import (
    Accepted,
    CancelOutcome,
    Found,
    NoAnswer,
    NotFound,
    NotOpen,
    NotSent,
    Rejected,
    Unknown,
)
from genesis.units import NANOS_PER_MS, SCALE
from tests.support.builders import (
    LOT,
    NOW,
    PRICE,
    SECOND,
    VENUE_MS,
    fill,
    hold,
    quote,
    report,
    risk_limits,
)
from tests.support.desk import FENCE_MS, ORDER, Desk, filled
from tests.support.exchange_builders import failure


def test_a_fill_moves_the_position_once(desk: Desk) -> None:
    """Reply, user event and trade list bring the same trade; it counts once."""
    desk.judge(quantity=LOT).answer(filled())
    assert desk.told() == [ReportKind.FILLED]
    assert desk.last_report().position == LOT
    assert desk.state_of() is OrderState.FILLED
    event = report(OrderState.FILLED, filled_quantity=LOT, execution=fill())
    assert desk.take(desk.core.on_execution_report(event, NOW)).effects == []
    assert desk.take(desk.core.on_trades([fill()], NOW)).effects == []
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT
    assert desk.core.ledger.state.fills_booked == 1
    assert desk.core.is_drained


def test_an_execution_is_logged_with_its_latency(desk: Desk) -> None:
    """`trade_executed` has strategy, symbol, side, quantity, price and latency."""
    desk.judge(quantity=LOT)
    desk.take(
        desk.core.on_execution_report(
            report(OrderState.FILLED, filled_quantity=LOT, execution=fill()), NOW + 3 * NANOS_PER_MS
        )
    )
    (announced,) = [effect for effect in desk.effects if isinstance(effect, Announce)]
    assert announced.event == "trade_executed"
    assert announced.fields["strategy"] == "ema_cross-1"
    assert announced.fields["quantity"] == "0.00100000"
    assert announced.fields["price"] == "60000.00000000"
    assert announced.fields["latency_ms"] == 3.0


@pytest.mark.parametrize("seed", range(50))
def test_reports_may_come_in_any_order_and_repeat(seed: int) -> None:
    """The ledger after all reports does not depend on their order or number."""
    chance = random.Random(seed)
    fills = [fill(trade_id, quantity=LOT) for trade_id in range(1, 4)]
    reports = [report(OrderState.ACCEPTED, quantity=3 * LOT)]
    reports += [
        report(
            OrderState.FILLED if n == 3 else OrderState.PARTIALLY_FILLED,
            quantity=3 * LOT,
            filled_quantity=n * LOT,
            execution=execution,
        )
        for n, execution in enumerate(fills, 1)
    ]
    shuffled = reports + [chance.choice(reports) for _ in range(4)]
    chance.shuffle(shuffled)
    desk = Desk().start().judge(quantity=3 * LOT)
    for each in shuffled:
        desk.take(desk.core.on_execution_report(each, NOW))
    assert desk.state_of() is OrderState.FILLED
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == 3 * LOT
    assert desk.core.is_drained
    assert Desk(desk.journal, epoch=2).core.ledger.state == desk.core.ledger.state


def test_a_definite_refusal_ends_the_order(desk: Desk) -> None:
    """The strategy is told; nothing follows."""
    desk.judge().answer(Rejected(-2010, "Account has insufficient balance", retryable=False))
    assert desk.told() == [ReportKind.REJECTED]
    assert desk.core.is_drained
    assert desk.tick(NOW + 60 * SECOND).kinds() == ["Reconcile"]


def test_a_retryable_refusal_is_followed_by_a_new_intent(desk: Desk) -> None:
    """It has a new id and a link by signal, waits its back-off, and the first order stays ended."""
    desk.judge().answer(Rejected(-1008, "overloaded", retryable=True))
    assert desk.told() == []
    assert desk.tick(NOW + SECOND // 10 - 1).effects == []
    desk.tick(NOW + SECOND // 10)
    assert desk.kinds() == ["Commit", "SubmitOrder"]
    entry = desk.journal[-1]
    assert isinstance(entry, OrderPrepared)
    assert (entry.intent.client_order_id, entry.attempt) == ("G00-7-1-1-20", 2)
    assert desk.state_of() is OrderState.REJECTED


@pytest.mark.parametrize(
    ("code", "status"), [(-1003, 429), (-1003, 418), (-1008, 503), (-1015, 429), (-1021, 400)]
)
def test_what_the_venue_did_not_execute_for_rate_or_time_is_wished_anew(
    desk: Desk, code: int, status: int
) -> None:
    """From the venue's words to the new intent, signed for the time at which it is sent."""
    words = Reply(decode_envelope(failure(1, code, "why", status=status)), NOW)
    desk.judge().answer(submit_outcome(words, ORDER)).tick(NOW + SECOND // 10)
    (entry,) = desk.prepared()[1:]
    assert (entry.intent.client_order_id, entry.attempt) == ("G00-7-1-1-20", 2)
    assert entry.signal == desk.prepared()[0].signal
    assert entry.timestamp_ms == VENUE_MS + 100


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (-1013, "Filter failure: LOT_SIZE"),
        (-1022, "Signature for this request is not valid."),
        (-2010, "Account has insufficient balance for requested action."),
        (-2015, "Invalid API-key, IP, or permissions for action."),
    ],
)
def test_any_other_refusal_is_final(desk: Desk, code: int, reason: str) -> None:
    """What was wrong with the order would be wrong again."""
    words = Reply(decode_envelope(failure(1, code, reason)), NOW)
    desk.judge().answer(submit_outcome(words, ORDER))
    assert desk.told() == [ReportKind.REJECTED]
    desk.tick(NOW + 4 * SECOND)
    assert len(desk.prepared()) == 1


def test_waits_double_up_to_half_a_minute(desk: Desk) -> None:
    """A venue that goes on refusing is asked less and less often, each time by another order."""
    desk.judge(expires_at=NOW + 200 * SECOND)
    now, order, waits = NOW, ORDER, []
    for attempt in range(1, 13):
        desk.answer(Rejected(-1008, "overloaded", retryable=True), order, now)
        while len(desk.prepared()) == attempt:
            due_at = desk.core.next_deadline
            assert due_at is not None, "a retry is due"
            assert due_at < NOW + 200 * SECOND, "before the signal expires"
            desk.take(desk.core.on_quotes({0: quote(received_at=due_at)}, due_at)).tick(due_at)
        retry = desk.prepared()[-1]
        waits.append(retry.at - now)
        now, order = retry.at, retry.intent.client_order_id
    tenths = [wait * 10 // SECOND for wait in waits]
    assert tenths == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    ids = [entry.intent.client_order_id for entry in desk.prepared()]
    assert len(set(ids)) == len(ids)


def test_a_retry_counts_in_the_rate_of_orders(desk: Desk) -> None:
    """The venue counts it like any other order, and so do our own limits."""
    for sequence in range(2, risk_limits().orders_per_second_max):
        desk.judge(sequence, strategy_number=8, instrument_id=1)
        refused = Rejected(-2010, "Market is closed.", retryable=False)
        desk.answer(refused, desk.prepared()[-1].intent.client_order_id)
    desk.judge().answer(Rejected(-1008, "overloaded", retryable=True)).tick(NOW + SECOND // 10)
    assert len(desk.prepared()) == risk_limits().orders_per_second_max
    desk.judge(99, strategy_number=8, instrument_id=1)
    refusal = desk.journal[-1]
    assert isinstance(refusal, SignalRefused)
    assert refusal.refusal.rule is RefusalRule.ORDER_RATE


@pytest.mark.parametrize(
    "outcome",
    [
        NotSent("rate_limit", retry_at_ms=VENUE_MS + 700),
        Rejected(-1015, "too many orders", retryable=True, retry_at_ms=VENUE_MS + 700),
    ],
    ids=["held by us", "refused by the venue"],
)
def test_a_retry_waits_for_as_long_as_it_would_be_refused(
    desk: Desk, outcome: NotSent | Rejected
) -> None:
    """To the millisecond of the venue's clock, whoever said so."""
    desk.judge().answer(outcome)
    assert desk.tick(NOW + 700 * NANOS_PER_MS - 1).effects == []
    assert desk.tick(NOW + 700 * NANOS_PER_MS).kinds() == ["Commit", "SubmitOrder"]


def test_an_order_that_may_only_be_sent_too_late_is_told_at_once(desk: Desk) -> None:
    """Nothing is kept waiting past its life."""
    desk.judge(expires_at=NOW + SECOND)
    desk.answer(NotSent("rate_limit", retry_at_ms=VENUE_MS + 1_000))
    assert desk.told() == [ReportKind.NOT_EXECUTED]


def test_a_retry_that_would_not_be_sent_is_not_written_down(desk: Desk) -> None:
    """It waits on, and goes when it may, under the next id."""
    desk.judge(expires_at=NOW + 3 * SECOND).answer(NotSent("no connection"))
    desk.holds = (hold(), None)
    assert desk.tick(NOW + SECOND // 10).effects == []
    assert desk.tick(NOW + SECOND - 1).effects == []
    desk.holds = (None, None)
    desk.tick(NOW + SECOND)
    assert [entry.attempt for entry in desk.prepared()] == [1, 2]


def test_a_retry_that_is_held_past_its_life_is_told(desk: Desk) -> None:
    """The strategy hears that its order was not executed; no second one was written down."""
    desk.judge(expires_at=NOW + SECOND // 2).answer(NotSent("no connection"))
    desk.holds = (hold(), None)
    assert desk.tick(NOW + SECOND // 10).told() == [ReportKind.NOT_EXECUTED]
    assert len(desk.prepared()) == 1


def test_a_query_waits_for_as_long_as_it_would_be_held(desk: Desk) -> None:
    """Asking a venue that has had enough makes it worse."""
    desk.judge().answer(Unknown("timeout"))
    desk.tick(NOW)
    desk.query(NoAnswer("rate_limit", retry_at_ms=VENUE_MS + 5_000), 100)
    assert desk.tick(NOW + 5_000 * NANOS_PER_MS - 1).effects == []
    assert desk.tick(NOW + 5_000 * NANOS_PER_MS).kinds() == ["QueryOrder"]


def test_retries_end_when_the_signal_expires(desk: Desk) -> None:
    """Each wait is twice the last, and the strategy is told when none fits before the expiry."""
    desk.judge(expires_at=NOW + SECOND)
    now, order = NOW, ORDER
    for attempt in range(2, 5):
        desk.answer(NotSent("no connection"), order, now)
        now += SECOND // 10 << (attempt - 2)
        desk.tick(now)
        order = f"G00-7-1-1-{attempt}0"
    desk.answer(NotSent("no connection"), order, now)
    assert desk.told() == [ReportKind.NOT_EXECUTED]
    assert desk.core.is_drained


def test_a_retry_that_risk_refuses_is_told(desk: Desk) -> None:
    """The new intent is judged like any other."""
    desk.judge().answer(NotSent("no connection"))
    desk.take(desk.core.halt("test", NOW))
    assert desk.tick(NOW + SECOND).told() == [ReportKind.NOT_EXECUTED]


def test_no_answer_is_a_doubt_and_keeps_the_risk_reserved(desk: Desk) -> None:
    """The order stays live, another entry is refused, and a query follows at once."""
    desk.judge(1, quantity=LOT).answer(Unknown("timeout"))
    assert desk.state_of() is OrderState.OUTCOME_UNKNOWN
    assert desk.core.ledger.working_entry_notional() > 60 * SCALE
    assert desk.judge(2).told() == [ReportKind.REFUSED]
    assert desk.tick(NOW).effects == [QueryOrder("BTCUSDT", ORDER, cancel_first=False)]


def test_not_found_is_believed_only_behind_the_fence(desk: Desk) -> None:
    """Up to the fence on the venue's clock it is asked again; behind it, a cancel comes first."""
    desk.judge().answer(Unknown("timeout")).tick(NOW)
    assert desk.query(NotFound(), FENCE_MS).effects == []
    assert desk.state_of() is OrderState.OUTCOME_UNKNOWN
    assert "QueryOrder" in desk.tick(NOW + FENCE_MS * NANOS_PER_MS + 2 * SECOND).kinds()
    desk.query(NotFound(), FENCE_MS + 1)
    assert desk.effects == [QueryOrder("BTCUSDT", ORDER, cancel_first=True)]
    desk.query(NotFound(), FENCE_MS + 2, cancel_first=True)
    assert desk.state_of() is OrderState.NOT_EXECUTED
    assert desk.told() == [ReportKind.NOT_EXECUTED]
    desk.tick(NOW + 60 * SECOND)
    assert len(desk.prepared()) == 1, "never sent again, nor followed by another order"


def test_a_found_order_is_adopted_with_its_fills(desk: Desk) -> None:
    """The query tells the state, the trades with ids move the position."""
    desk.judge(quantity=LOT).answer(Unknown("timeout"))
    desk.query(Found(report(OrderState.FILLED, filled_quantity=LOT)), 300)
    assert FetchTrades("BTCUSDT", 100) in desk.effects
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == 0
    assert not desk.core.is_drained, "its fills are missing"
    assert FetchTrades("BTCUSDT", 100) in desk.tick(NOW + 2 * SECOND).effects
    desk.take(desk.core.on_trades([fill(client_order_id="")], NOW))
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT
    assert desk.core.is_drained


def test_an_unanswered_query_is_repeated(desk: Desk) -> None:
    """The waits grow and then stay."""
    desk.judge().answer(Unknown("timeout")).tick(NOW)
    waits = []
    at = 0
    for _ in range(6):
        desk.query(NoAnswer("timeout"), at)
        deadline = desk.core.next_deadline
        assert deadline is not None
        waits.append((deadline - NOW) // NANOS_PER_MS - at)
        at += waits[-1]
        desk.tick(NOW + at * NANOS_PER_MS)
    assert waits == [200, 500, 1_000, 2_000, 2_000, 2_000]


def test_an_event_that_overtakes_a_lost_reply_settles_the_doubt(desk: Desk) -> None:
    """Whatever the venue says of the order ends the doubt; the lost reply then means nothing."""
    desk.judge(quantity=LOT)
    event = report(OrderState.FILLED, filled_quantity=LOT, execution=fill())
    desk.take(desk.core.on_execution_report(event, NOW))
    assert desk.answer(Unknown("timeout")).effects == []
    assert desk.state_of() is OrderState.FILLED


def test_a_late_query_cannot_undo_an_end(desk: Desk) -> None:
    """`Not found` of an order that has ended by an event is ignored."""
    desk.judge(quantity=LOT).answer(Unknown("timeout"))
    event = report(OrderState.FILLED, filled_quantity=LOT, execution=fill())
    desk.take(desk.core.on_execution_report(event, NOW))
    assert desk.query(NotFound(), FENCE_MS + 1).effects == []


def test_an_order_back_from_the_dead_is_adopted_and_its_strategy_halted(desk: Desk) -> None:
    """Should the venue break its bound, the ledger follows the venue and somebody is told."""
    desk.judge(1, quantity=LOT).answer(Unknown("timeout"))
    desk.query(NotFound(), FENCE_MS + 1).query(NotFound(), FENCE_MS + 1, cancel_first=True)
    event = report(OrderState.FILLED, filled_quantity=LOT, execution=fill())
    desk.take(desk.core.on_execution_report(event, NOW))
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT
    assert desk.state_of() is OrderState.FILLED
    assert desk.judge(2).told() == [ReportKind.REFUSED]
    assert list(desk.core.ledger.state.halted_strategies) == ["ema_cross-1"]


def test_a_limit_order_is_canceled_when_its_signal_expires(desk: Desk) -> None:
    """The cancel is repeated until the order has ended."""
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE, quantity=LOT)
    desk.answer(Accepted(report(OrderState.ACCEPTED)))
    assert desk.told() == [ReportKind.ACCEPTED]
    desk.tick(NOW + 5 * SECOND)
    assert desk.effects[0] == CancelOrder("BTCUSDT", ORDER)
    assert desk.state_of() is OrderState.PENDING_CANCEL
    desk.take(desk.core.on_cancel_outcome(ORDER, NotOpen("Unknown order sent."), NOW))
    again = desk.tick(NOW + 7 * SECOND)
    assert CancelOrder("BTCUSDT", ORDER) in again.effects
    assert QueryOrder("BTCUSDT", ORDER, cancel_first=False) in again.effects
    canceled = Accepted(report(OrderState.CANCELED))
    desk.take(desk.core.on_cancel_outcome(ORDER, canceled, NOW))
    assert desk.told() == [ReportKind.CANCELED]
    assert desk.core.is_drained


def test_a_fill_while_canceling_leaves_the_cancel_pending(desk: Desk) -> None:
    """A partial fill that overtakes the cancel is booked, and the cancel still awaited."""
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE, quantity=2 * LOT)
    desk.answer(Accepted(report(OrderState.ACCEPTED, quantity=2 * LOT))).tick(NOW + 5 * SECOND)
    event = report(
        OrderState.PARTIALLY_FILLED, quantity=2 * LOT, filled_quantity=LOT, execution=fill()
    )
    desk.take(desk.core.on_execution_report(event, NOW))
    assert desk.state_of() is OrderState.PENDING_CANCEL
    last = report(OrderState.CANCELED, quantity=2 * LOT, filled_quantity=LOT)
    desk.take(desk.core.on_execution_report(last, NOW))
    assert desk.state_of() is OrderState.CANCELED
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT


def test_an_order_in_doubt_is_not_canceled_beside_its_resolution(desk: Desk) -> None:
    """Its own resolution ends it; the cancel waits."""
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE).answer(Unknown("timeout"))
    assert not [e for e in desk.tick(NOW + 5 * SECOND).effects if isinstance(e, CancelOrder)]


def test_moves_and_fills_are_journaled_once(desk: Desk) -> None:
    """A repeated report leaves no second entry."""
    desk.judge(quantity=LOT).answer(filled()).answer(filled())
    assert sum(isinstance(entry, FillBooked) for entry in desk.journal) == 1
    assert sum(isinstance(entry, OrderMoved) for entry in desk.journal) == 1


def test_a_ban_is_waited_out(desk: Desk) -> None:
    """The venue names the time; before that nothing is worth sending."""
    desk.judge().answer(
        Rejected(-1003, "Way too much.", retryable=True, retry_at_ms=VENUE_MS + 1_000)
    )
    assert desk.tick(NOW + SECOND - 1).effects == []
    assert desk.tick(NOW + SECOND).kinds() == ["Commit", "SubmitOrder"]


def test_a_ban_longer_than_the_signal_lives_ends_it(desk: Desk) -> None:
    """The strategy is told at once."""
    desk.judge().answer(
        Rejected(-1003, "Way too much.", retryable=True, retry_at_ms=VENUE_MS + 60_000)
    )
    assert desk.told() == [ReportKind.REJECTED]


def test_a_newer_wish_replaces_a_retry(desk: Desk) -> None:
    """A strategy that has wished anew, as after its worker's restart, must not get both."""
    desk.judge(1, quantity=LOT).answer(NotSent("no connection"))
    desk.judge(1, epoch=2, quantity=LOT)
    assert desk.kinds() == ["Commit", "SubmitOrder"]
    assert desk.tick(NOW + SECOND).told() == [ReportKind.NOT_EXECUTED]


def test_unanswered_cancels_do_not_multiply_questions(desk: Desk) -> None:
    """One chain of questions per order, however many reasons there are to ask."""
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE, quantity=LOT)
    desk.answer(Accepted(report(OrderState.ACCEPTED)))
    now = NOW + 5 * SECOND
    for _ in range(10):
        desk.tick(now)
        desk.take(desk.core.on_cancel_outcome(ORDER, Unknown("timeout"), now))
        now += 2 * SECOND
    queries = [e for e in desk.tick(now).effects if isinstance(e, QueryOrder)]
    assert len(queries) == 1


def test_missing_fills_are_asked_for_until_they_come(desk: Desk) -> None:
    """An ended order whose fills are missing is not given up because one question failed."""
    desk.judge(quantity=LOT).answer(Unknown("timeout"))
    desk.query(Found(report(OrderState.FILLED, filled_quantity=LOT)), 300)
    reborn = Desk(desk.journal, epoch=2)
    reborn.take(reborn.core.start("boot", NOW)).tick(NOW)
    reborn.query(NoAnswer("timeout"), 300)
    assert QueryOrder("BTCUSDT", ORDER, cancel_first=False) in reborn.tick(NOW + SECOND).effects


def test_a_cancel_s_word_outweighs_a_lagging_query() -> None:
    """If the matching engine ended the order, it existed, whatever a list says."""
    canceled = Accepted(report(OrderState.CANCELED))
    assert answer_behind_cancel(canceled, NotFound()) == Found(canceled.report)


@pytest.mark.parametrize(
    "canceled", [Unknown("timeout"), NotSent("no connection")], ids=["lost", "not sent"]
)
def test_not_found_behind_an_unanswered_cancel_proves_nothing(
    canceled: CancelOutcome,
) -> None:
    """The proof is the matching engine's own word, and there was none."""
    assert isinstance(answer_behind_cancel(canceled, NotFound()), NoAnswer)
    found = Found(report(OrderState.FILLED))
    assert answer_behind_cancel(canceled, found) is found
    assert answer_behind_cancel(NotOpen("Unknown order sent."), NotFound()) == NotFound()
