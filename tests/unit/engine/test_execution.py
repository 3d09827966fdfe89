"""The execution core: signals, starts and stops, and the order of effects."""

import pytest

from genesis.domain.orders import (
    OrderState,
    OrderType,
    ReportKind,
    Side,
)
from genesis.engine.effects import (
    Announce,
    CancelOrder,
    QueryOrder,
    SubmitOrder,
    Tell,
)
from genesis.engine.entries import OrderPrepared, SignalRefused
from genesis.engine.state_machine import EngineState
from genesis.exchange.gateway import (
    Accepted,
    NotSent,
    Rejected,
)
from genesis.units import SCALE
from tests.support.builders import (
    CAPITAL,
    LOT,
    NOW,
    PRICE,
    SECOND,
    VENUE_MS,
    fill,
    quote,
    report,
    signal,
)
from tests.support.desk import ORDER, Desk, filled


def test_nothing_is_judged_before_the_venue_s_first_view() -> None:
    """A start asks for orders, trades, balances and rules, and trades on the first three."""
    desk = Desk()
    desk.take(desk.core.start("boot", NOW))
    assert desk.kinds() == ["Commit", "Reconcile", "FetchInstruments"]
    desk.judge()
    assert isinstance(desk.journal[-1], SignalRefused)
    assert desk.view({"USDT": CAPITAL}).core.state is EngineState.RUNNING


def test_an_order_is_committed_before_it_is_sent(desk: Desk) -> None:
    """The journal entry comes first, with the timestamp that the request is signed with."""
    desk.judge()
    assert desk.kinds() == ["Commit", "SubmitOrder"]
    prepared = desk.journal[-1]
    sent = desk.effects[1]
    assert isinstance(prepared, OrderPrepared)
    assert isinstance(sent, SubmitOrder)
    assert prepared.timestamp_ms == sent.timestamp_ms == VENUE_MS
    assert prepared.intent is sent.order.intent
    assert prepared.intent.client_order_id == ORDER
    assert sent.send_before == NOW + SECOND // 5


def test_a_signal_has_one_verdict_for_ever(desk: Desk) -> None:
    """Read again, in this life or the next, a judged signal does nothing."""
    desk.judge(2)
    assert desk.judge(2).effects == []
    assert desk.judge(1).effects == [], "signals of a ring come in order"
    reborn = Desk(desk.journal, epoch=2).start()
    assert reborn.judge(2).effects == []
    assert (desk.core.duplicates, reborn.core.duplicates) == (2, 1)
    assert reborn.judge(1, epoch=3).effects != []
    assert reborn.core.duplicates == 1


def test_a_refusal_is_committed_before_it_is_told(desk: Desk) -> None:
    """The strategy learns the rule by its code, and the count grows."""
    desk.judge(stop_price=2 * PRICE)
    assert desk.kinds() == ["Commit", "Tell"]
    told = desk.last_report()
    assert (told.kind, told.reason_code) == (ReportKind.REFUSED, 5)
    assert desk.core.ledger.state.refusals == {"protection": 1}
    assert desk.core.ledger.state.refusals_by_strategy == {7: 1}
    assert desk.core.strategy_id(7) == "ema_cross-1"


def test_a_signal_of_nobody_is_named(desk: Desk) -> None:
    """An unknown strategy number or instrument is logged, and nothing else happens."""
    assert desk.judge(strategy_number=99).kinds() == ["Announce"]
    wish = signal(1, instrument_id=5)
    effects = desk.core.judge_signal(wish, None, venue=desk.venue_now(VENUE_MS), now=NOW)
    assert [type(effect) for effect in effects] == [Announce]


@pytest.mark.parametrize("answered", [False, True], ids=["in flight", "working"])
def test_recovery_asks_about_every_live_order(desk: Desk, answered: bool) -> None:  # noqa: FBT001
    """What was in flight at a crash is in doubt; what worked is looked up."""
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE, quantity=LOT)
    if answered:
        desk.answer(Accepted(report(OrderState.ACCEPTED)))
    reborn = Desk(desk.journal, epoch=2)
    reborn.take(reborn.core.start("boot", NOW + SECOND))
    expected = OrderState.ACCEPTED if answered else OrderState.OUTCOME_UNKNOWN
    assert reborn.state_of() is expected
    reborn.tick(NOW + SECOND)
    assert QueryOrder("BTCUSDT", ORDER, cancel_first=False) in reborn.effects


def test_a_doubt_blocks_only_itself(desk: Desk) -> None:
    """After a crash another strategy trades at once."""
    desk.judge(1)
    reborn = Desk(desk.journal, epoch=2).start()
    assert reborn.core.state is EngineState.RUNNING
    assert "SubmitOrder" in reborn.judge(1, strategy_number=8, instrument_id=1).kinds()


def test_an_exit_closes_the_position(desk: Desk) -> None:
    """Bought and sold again: flat, with the difference realized."""
    desk.judge(1, quantity=LOT).answer(filled())
    desk.judge(2, side=Side.SELL)
    sold = fill(2, client_order_id="G00-7-1-2-10", side=Side.SELL, price=PRICE + 1_000 * SCALE)
    event = report(
        OrderState.FILLED,
        client_order_id="G00-7-1-2-10",
        side=Side.SELL,
        filled_quantity=LOT,
        execution=sold,
    )
    desk.take(desk.core.on_execution_report(event, NOW))
    assert desk.core.valuation.realized == SCALE
    assert desk.core.valuation.equity == CAPITAL + SCALE
    assert desk.last_report().position == 0


def test_equity_is_written_down_once_a_minute(desk: Desk) -> None:
    """The peak and the day's opening survive a restart."""
    assert desk.take(desk.core.on_quotes({0: quote()}, NOW)).kinds() == ["Commit"]
    assert desk.take(desk.core.on_quotes({0: quote()}, NOW + SECOND)).effects == []
    desk.judge(1, quantity=LOT).answer(filled())
    up = quote(middle=PRICE + 1_000 * SCALE)
    assert desk.take(desk.core.on_quotes({0: up}, NOW + 60 * SECOND)).kinds() == ["Commit"]
    reborn = Desk(desk.journal, epoch=2)
    assert reborn.core.valuation.peak_equity == CAPITAL + SCALE - SCALE // 2000
    assert reborn.core.ledger.state.day_opening_equity == CAPITAL


def test_strategies_are_told_what_they_hold(desk: Desk) -> None:
    """Only those that ever traded are told."""
    assert desk.take(desk.core.tell_positions(NOW)).effects == []
    desk.judge(1, quantity=LOT).answer(filled())
    desk.take(desk.core.tell_positions(NOW))
    assert desk.told() == [ReportKind.POSITION]
    assert (desk.last_report().strategy_number, desk.last_report().position) == (7, LOT)


def test_report_sequences_rise_over_restarts(desk: Desk) -> None:
    """The epoch is their upper half."""
    first = desk.judge(1, stop_price=2 * PRICE).last_report().report_sequence
    second = desk.judge(2, stop_price=2 * PRICE).last_report().report_sequence
    reborn = Desk(desk.journal, epoch=2).start()
    third = reborn.judge(3, stop_price=2 * PRICE).last_report().report_sequence
    assert first < second < third


def test_a_stop_cancels_what_works_and_writes_the_end(desk: Desk) -> None:
    """Nothing new is judged; the last entry says that all is written."""
    desk.judge(1, order_type=OrderType.LIMIT, limit_price=PRICE, quantity=LOT)
    desk.answer(Accepted(report(OrderState.ACCEPTED)))
    desk.take(desk.core.begin_stop(NOW))
    assert CancelOrder("BTCUSDT", ORDER) in desk.effects
    assert desk.judge(1, strategy_number=8, instrument_id=1).told() == [ReportKind.REFUSED]
    event = report(OrderState.CANCELED)
    desk.take(desk.core.on_execution_report(event, NOW))
    assert desk.core.is_drained
    desk.take(desk.core.finish_stop(NOW))
    assert Desk(desk.journal).core.ledger.state.stopped_cleanly


@pytest.mark.parametrize("canceling", [False, True], ids=["working", "being canceled"])
def test_recovery_keeps_the_expiry_of_working_orders(desk: Desk, canceling: bool) -> None:  # noqa: FBT001
    """An order that rests is canceled in time, also by a successor; a lost cancel is repeated."""
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE, quantity=LOT)
    desk.answer(Accepted(report(OrderState.ACCEPTED)))
    if canceling:
        desk.take(desk.core.begin_stop(NOW))
    reborn = Desk(desk.journal, epoch=2)
    reborn.take(reborn.core.start("boot", NOW))
    canceled_at_once = CancelOrder("BTCUSDT", ORDER) in reborn.tick(NOW).effects
    assert canceled_at_once is canceling
    if not canceling:
        assert CancelOrder("BTCUSDT", ORDER) in reborn.tick(NOW + 5 * SECOND).effects


def test_a_successor_tells_again_how_the_last_orders_ended(desk: Desk) -> None:
    """The report may have been lost with the process; only the last attempt speaks."""
    desk.judge(1, quantity=LOT).answer(NotSent("no connection"))
    desk.tick(NOW + SECOND)
    second = "G00-7-1-1-20"
    accepted = Accepted(
        report(OrderState.FILLED, client_order_id=second, filled_quantity=LOT),
        (fill(client_order_id=second),),
    )
    desk.answer(accepted, second)
    desk.judge(1, strategy_number=8, instrument_id=1)
    desk.answer(Rejected(-2010, "no", retryable=False), "G00-8-1-1-10")
    reborn = Desk(desk.journal, epoch=2).start()
    told = [effect.report for effect in reborn.effects if isinstance(effect, Tell)]
    assert [(each.strategy_number, each.kind) for each in told] == [
        (7, ReportKind.FILLED),
        (8, ReportKind.REJECTED),
    ]
    assert (told[0].price, told[0].quantity, told[0].position) == (PRICE, LOT, LOT)


def test_a_journal_of_other_instruments_is_read(desk: Desk) -> None:
    """What was traded once keeps its books when the roster no longer trades it."""
    desk.judge(1, quantity=LOT).answer(filled())
    reborn = Desk(desk.journal, epoch=2, instruments=())
    assert reborn.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT
    assert reborn.start().core.state is EngineState.RUNNING
    assert reborn.take(reborn.core.tell_positions(NOW)).effects == []


def test_a_venue_that_takes_no_order_of_ours_stops_entries(desk: Desk) -> None:
    """Key or account are no good: only exits pass, until the next start."""
    refused = Rejected(-2015, "Invalid API-key.", retryable=False, forbids_trading=True)
    desk.judge().answer(refused)
    assert desk.state is EngineState.REDUCING
    assert desk.state_of() is OrderState.REJECTED
    assert desk.core.entries_stopped == "the venue takes no order of ours: -2015: Invalid API-key."
    desk.judge(2)
    assert desk.last_report().kind is ReportKind.REFUSED
    assert Desk(desk.journal, epoch=2).start().state is EngineState.RUNNING
