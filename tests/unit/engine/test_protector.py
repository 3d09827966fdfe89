"""Positions on their way to a live stop at the venue, and through all that can come in between."""

import msgspec
import pytest

from genesis.domain.order_ids import LEG_STOP
from genesis.domain.order_lists import OrderListReport, OrderListState
from genesis.domain.orders import (
    ExecutionReport,
    Fill,
    OrderState,
    OrderType,
    ReportKind,
    Side,
)
from genesis.engine.effects import (
    Announce,
    CancelOrder,
    CancelOrderList,
    QueryOrder,
    SubmitOrder,
    SubmitOrderList,
)
from genesis.engine.entries import ExitBegun, ExitDropped
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.protection import ProtectionRules
from genesis.exchange.gateway import (
    Accepted,
    Found,
    ListAccepted,
    NotFound,
    NotOpen,
    NotSent,
    Rejected,
    Unknown,
)
from genesis.limits import UNCOVERED_MAX
from genesis.units import NANOS_PER_MS, Nanos
from tests.support.builders import (
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
from tests.support.desk import FENCE_MS, ORDER, Desk, filled

STOP = PRICE * 98 // 100
TARGET = PRICE * 104 // 100


@pytest.fixture
def desk() -> Desk:
    return Desk(protection=ProtectionRules()).start()


def enter(desk: Desk, sequence: int = 1, *, target: int = TARGET, held: int = 0) -> Desk:
    """Buy one lot at the market with a stop and a target; it fills at once."""
    desk.judge(sequence, quantity=LOT, stop_price=STOP, target_price=target, position=held)
    order = f"G00-7-1-{sequence}-10"
    execution = msgspec.structs.replace(fill(sequence), client_order_id=order)
    done = order_report(order, OrderState.FILLED, sequence, filled=LOT)
    return desk.answer(Accepted(done, (execution,)), order)


def pair_of(desk: Desk) -> SubmitOrderList:
    """Return the list that the desk has just sent, and nothing else."""
    (sent,) = [effect for effect in desk.effects if isinstance(effect, SubmitOrderList)]
    return sent


def accept(desk: Desk, sent: SubmitOrderList, first_id: int = 100) -> Desk:
    """Have the venue take a list."""
    return desk.take(
        desk.core.on_list_submit_outcome(sent.order_list.intent, taken(sent, first_id), NOW)
    )


def taken(
    sent: SubmitOrderList,
    first_id: int = 100,
    state: OrderState = OrderState.ACCEPTED,
) -> ListAccepted:
    intent = sent.order_list.intent
    return ListAccepted(
        OrderListReport(
            list_client_order_id=intent.list_client_order_id,
            venue_list_id=first_id,
            symbol="BTCUSDT",
            state=OrderListState.WORKING,
            legs=(),
            event_at=NOW,
            received_at=NOW,
            reports=tuple(
                order_report(leg.client_order_id, state, first_id + row, side=Side.SELL)
                for row, leg in enumerate(intent.legs)
            ),
        )
    )


def cancel_of(desk: Desk) -> CancelOrderList:
    (asked,) = [effect for effect in desk.effects if isinstance(effect, CancelOrderList)]
    return asked


def canceled(desk: Desk, asked: CancelOrderList, sent: SubmitOrderList) -> Desk:
    """Have the venue let go of a list."""
    answer = taken(sent, state=OrderState.CANCELED)
    return desk.take(desk.core.on_list_cancel_outcome(asked, answer, NOW))


def protected(desk: Desk) -> SubmitOrderList:
    """Return the list that protects one lot, taken by the venue."""
    enter(desk).protect()
    sent = pair_of(desk)
    accept(desk, sent).protect()
    return sent


def legs(desk: Desk) -> dict[str, Order]:
    return desk.core.ledger.state.protection.orders


def lots(desk: Desk) -> int:
    return desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity


def sell(desk: Desk, sequence: int = 2) -> Desk:
    return desk.judge(sequence, side=Side.SELL, position=LOT)


def test_a_fill_gets_its_stop_and_target(desk: Desk) -> None:
    """Both are durable before they are sent as one list, in the executor's own name."""
    enter(desk)
    assert desk.core.is_protection_due
    desk.protect()
    sent = pair_of(desk)
    stop, target = sent.order_list.intent.legs
    assert (stop.order_type, stop.trigger_price, stop.quantity) == (OrderType.STOP_LOSS, STOP, LOT)
    assert (target.order_type, target.limit_price) == (OrderType.LIMIT_MAKER, TARGET)
    assert [entry.intent for entry in desk.prepared()[-2:]] == [stop, target]
    assert desk.kinds() == ["Commit", "SubmitOrderList"]
    assert stop.client_order_id == "G00-7-1-1-11"
    assert desk.core.coverage.figures().uncovered == 1
    accept(desk, sent).protect()
    assert desk.effects == []
    assert desk.core.coverage.figures().covered == 1
    assert desk.told() == []


def test_without_a_target_there_is_a_stop_alone(desk: Desk) -> None:
    """The stop is then an order of its own."""
    enter(desk, target=0).protect()
    (sent,) = [effect for effect in desk.effects if isinstance(effect, SubmitOrder)]
    assert sent.order.intent.order_type is OrderType.STOP_LOSS
    assert desk.prepared()[-1].leg == LEG_STOP
    desk.answer(
        Accepted(order_report(sent.order.intent.client_order_id, OrderState.ACCEPTED, 9)),
        sent.order.intent.client_order_id,
    ).protect()
    assert desk.core.coverage.figures().covered == 1
    sell(desk)
    assert CancelOrder("BTCUSDT", sent.order.intent.client_order_id) in desk.effects


def test_more_lots_have_the_list_replaced(desk: Desk) -> None:
    """The old one is canceled, and only when it has ended a new one covers the whole position."""
    first = protected(desk)
    enter(desk, 2, held=LOT).protect()
    asked = cancel_of(desk)
    assert not [effect for effect in desk.effects if isinstance(effect, SubmitOrderList)]
    assert desk.core.coverage.figures().uncovered == 1
    desk.protect()
    assert desk.effects == []
    canceled(desk, asked, first).protect()
    second = pair_of(desk)
    assert second.order_list.intent.stop.quantity == 2 * LOT
    assert (
        second.order_list.intent.stop.client_order_id
        != first.order_list.intent.stop.client_order_id
    )


def test_fills_of_an_entry_under_way_are_waited_for(desk: Desk) -> None:
    """An order that cannot rest is over in a moment: one list for all of it, not one for each."""
    desk.judge(1, quantity=2 * LOT, stop_price=STOP, target_price=TARGET)
    part = msgspec.structs.replace(
        order_report(ORDER, OrderState.PARTIALLY_FILLED, 1, filled=LOT, quantity=2 * LOT),
        fill=fill(1),
    )
    desk.take(desk.core.on_execution_report(part, NOW)).protect()
    assert desk.effects == []
    assert desk.core.next_deadline is not None
    desk.tick(NOW + SECOND).protect(NOW + SECOND)
    assert pair_of(desk).order_list.intent.stop.quantity == LOT


def test_a_leg_s_fill_is_booked_once_and_ends_the_other(desk: Desk) -> None:
    """The strategy is told that it has sold; nothing is placed or canceled after it."""
    sent = protected(desk)
    stop, target = sent.order_list.intent.legs
    execution = sale(stop.client_order_id, 50, 100)
    done = msgspec.structs.replace(
        order_report(stop.client_order_id, OrderState.FILLED, 100, filled=LOT, side=Side.SELL),
        fill=execution,
    )
    desk.take(desk.core.on_execution_report(done, NOW))
    assert desk.told() == [ReportKind.FILLED]
    assert desk.last_report().position == 0
    desk.take(desk.core.on_execution_report(done, NOW))
    gone = order_report(target.client_order_id, OrderState.EXPIRED, 101, side=Side.SELL)
    desk.take(desk.core.on_execution_report(gone, NOW)).protect()
    assert (desk.effects, lots(desk), legs(desk)) == ([], 0, {})
    assert desk.core.coverage.figures().covered == 0
    assert desk.core.ledger.state.fills_booked == 2


def test_what_a_target_leaves_is_protected_anew(desk: Desk) -> None:
    """Its first trade has taken the stop away: the rest of it is canceled, and covered again."""
    enter(desk)
    enter(desk, 2, held=LOT).protect()
    sent = pair_of(desk)
    accept(desk, sent).protect()
    stop, target = sent.order_list.intent.legs
    gone = order_report(stop.client_order_id, OrderState.EXPIRED, 100, side=Side.SELL)
    desk.take(desk.core.on_execution_report(gone, NOW))
    part = msgspec.structs.replace(
        order_report(
            target.client_order_id,
            OrderState.PARTIALLY_FILLED,
            101,
            filled=LOT,
            quantity=2 * LOT,
            side=Side.SELL,
        ),
        fill=sale(target.client_order_id, 50, 101),
    )
    desk.take(desk.core.on_execution_report(part, NOW)).protect()
    asked = cancel_of(desk)
    assert asked.legs == (target.client_order_id,)
    ended = msgspec.structs.replace(part, state=OrderState.CANCELED, fill=None)
    desk.take(desk.core.on_execution_report(ended, NOW)).protect()
    assert pair_of(desk).order_list.intent.stop.quantity == LOT


def test_an_exit_waits_until_its_lots_are_let_go_of(desk: Desk) -> None:
    """It is written down, the list is canceled, and only then is it sold under its own name."""
    sent = protected(desk)
    sell(desk)
    assert desk.kinds()[:2] == ["Commit", "CancelOrderList"]
    assert isinstance(desk.journal[-3], ExitBegun)
    assert desk.core.ledger.state.protection.exits
    canceled(desk, cancel_of(desk), sent).protect()
    (sold,) = [effect for effect in desk.effects if isinstance(effect, SubmitOrder)]
    assert sold.order.intent.client_order_id == "G00-7-1-2-10"
    assert not desk.core.ledger.state.protection.exits
    assert not desk.core.is_drained


def test_nothing_more_is_wished_while_an_exit_waits(desk: Desk) -> None:
    """A second exit would sell the same lots; it is a conflict, as with one that works."""
    protected(desk)
    sell(desk)
    assert sell(desk, 3).told() == [ReportKind.REFUSED]
    assert desk.core.ledger.state.refusals == {"conflict": 1}


def test_an_exit_that_comes_too_late_is_dropped_and_the_position_protected(desk: Desk) -> None:
    """The lots were let go of behind its time: its strategy is told, and a new list is placed."""
    sent = protected(desk)
    sell(desk)
    asked = cancel_of(desk)
    late = NOW + 6 * SECOND
    answer = taken(sent, state=OrderState.CANCELED)
    desk.take(desk.core.on_list_cancel_outcome(asked, answer, late)).protect(late)
    assert isinstance(
        next(entry for entry in reversed(desk.journal) if isinstance(entry, ExitDropped)),
        ExitDropped,
    )
    assert desk.told() == [ReportKind.NOT_EXECUTED]
    assert pair_of(desk).order_list.intent.stop.quantity == LOT


def test_an_exit_that_waited_at_a_crash_is_dropped(desk: Desk) -> None:
    """What the next life finds of it was never sent; the position is protected again."""
    sent = protected(desk)
    sell(desk)
    reborn = Desk(desk.journal, epoch=2, protection=ProtectionRules())
    reborn.start()
    assert not reborn.core.ledger.state.protection.exits
    assert ReportKind.NOT_EXECUTED in reborn.told()
    for leg in sent.order_list.intent.legs:
        row = sent.order_list.intent.legs.index(leg)
        gone = order_report(leg.client_order_id, OrderState.CANCELED, 100 + row, side=Side.SELL)
        reborn.take(
            reborn.core.on_query_outcome(
                leg.client_order_id, Found(gone), venue_ms=VENUE_MS, cancel_first=False, now=NOW
            )
        )
    reborn.protect()
    again = pair_of(reborn).order_list.intent
    assert again.stop.client_order_id == "G00-7-2-1-11"


def test_the_stop_won_the_race_against_the_exit(desk: Desk) -> None:
    """The cancel finds nothing open: both legs are asked about, and the exit has no lots left."""
    sent = protected(desk)
    sell(desk)
    desk.take(desk.core.on_list_cancel_outcome(cancel_of(desk), NotOpen("gone"), NOW))
    desk.tick(NOW + SECOND)
    stop, target = sent.order_list.intent.legs
    asked = [effect for effect in desk.effects if isinstance(effect, QueryOrder)]
    assert {query.client_order_id for query in asked} == {
        stop.client_order_id,
        target.client_order_id,
    }
    done = msgspec.structs.replace(
        order_report(stop.client_order_id, OrderState.FILLED, 100, filled=LOT, side=Side.SELL),
        fill=sale(stop.client_order_id, 50, 100),
    )
    desk.take(desk.core.on_execution_report(done, NOW))
    gone = order_report(target.client_order_id, OrderState.EXPIRED, 101, side=Side.SELL)
    desk.take(desk.core.on_execution_report(gone, NOW)).protect()
    assert not [effect for effect in desk.effects if isinstance(effect, SubmitOrder)]
    assert desk.told() == [ReportKind.NOT_EXECUTED]
    assert (lots(desk), legs(desk)) == (0, {})


def test_a_list_in_doubt_is_never_sent_again(desk: Desk) -> None:
    """Its legs are asked about; nothing else is placed until the fence has proven it away."""
    enter(desk).protect()
    sent = pair_of(desk)
    intent = sent.order_list.intent
    desk.take(desk.core.on_list_submit_outcome(intent, Unknown("no reply"), NOW)).protect()
    assert not [effect for effect in desk.effects if isinstance(effect, SubmitOrderList)]
    after = FENCE_MS + 1
    at = NOW + after * NANOS_PER_MS
    for leg in intent.legs:
        desk.take(
            desk.core.on_query_outcome(
                leg.client_order_id,
                NotFound(),
                venue_ms=VENUE_MS + after,
                cancel_first=True,
                now=at,
            )
        )
        if leg is intent.legs[0]:
            assert desk.protect(at).effects == []
    desk.protect(at)
    assert pair_of(desk).order_list.intent.stop.client_order_id == "G00-7-1-2-11"


def test_a_refused_pair_is_followed_by_a_stop_alone(desk: Desk) -> None:
    """The target may be what the venue did not like; the stop counts. It comes after a wait."""
    enter(desk).protect()
    sent = pair_of(desk)
    refused = Rejected(-2010, "The relationship of the prices is not correct.", retryable=False)
    desk.take(desk.core.on_list_submit_outcome(sent.order_list.intent, refused, NOW)).protect()
    assert not [effect for effect in desk.effects if isinstance(effect, SubmitOrder)]
    desk.tick(NOW + SECOND).protect(NOW + SECOND)
    (stop,) = [effect for effect in desk.effects if isinstance(effect, SubmitOrder)]
    assert stop.order.intent.order_type is OrderType.STOP_LOSS


def test_what_was_not_sent_is_placed_anew_under_another_name(desk: Desk) -> None:
    """With its target: nobody refused it."""
    enter(desk).protect()
    sent = pair_of(desk)
    desk.take(
        desk.core.on_list_submit_outcome(sent.order_list.intent, NotSent("no socket"), NOW)
    ).tick(NOW + SECOND).protect(NOW + SECOND)
    again = pair_of(desk).order_list.intent
    assert again.list_client_order_id != sent.order_list.intent.list_client_order_id


def test_a_position_without_a_stop_stops_entries_until_it_has_one(desk: Desk) -> None:
    """After five seconds it is an alarm, told once, and its own rule refuses whatever opens."""
    enter(desk).protect()
    sent = pair_of(desk)
    late = NOW + UNCOVERED_MAX
    desk.take(desk.core.on_list_submit_outcome(sent.order_list.intent, NotSent("x"), NOW))
    assert announced(desk.tick(late)) == ["position_unprotected"]
    assert announced(desk.tick(late + 1)) == []
    assert desk.core.coverage.figures().overdue == 1
    refuse_entry(desk, late)
    assert desk.core.ledger.state.refusals == {"unprotected": 1}
    desk.protect(late)
    accept(desk, pair_of(desk)).protect(late)
    assert announced(desk.tick(late + 2)) == ["position_protected_again"]


def test_dust_is_counted_and_not_alarmed(desk: Desk) -> None:
    """What the venue would take no stop of stays as it is."""
    desk.judge(1, quantity=LOT, stop_price=STOP)
    tiny = msgspec.structs.replace(
        order_report(ORDER, OrderState.EXPIRED, 1, filled=1_000),
        fill=msgspec.structs.replace(fill(1), quantity=1_000, quote_amount=600_000),
    )
    desk.take(desk.core.on_execution_report(tiny, NOW)).protect()
    assert desk.effects == []
    figures = desk.core.coverage.figures()
    assert (figures.dust, figures.uncovered) == (1, 0)
    assert announced(desk.tick(NOW + UNCOVERED_MAX)) == []


def test_a_stop_of_the_engine_leaves_protection_at_the_venue(desk: Desk) -> None:
    """Nobody watches the position any more: that is what it is for."""
    protected(desk)
    desk.take(desk.core.begin_stop(NOW)).protect()
    assert not [effect for effect in desk.effects if isinstance(effect, CancelOrderList)]
    assert desk.core.is_drained


def test_a_fill_that_races_the_stop_is_still_protected(desk: Desk) -> None:
    """The engine is not drained before that."""
    desk.judge(1, quantity=LOT, stop_price=STOP, target_price=TARGET)
    desk.take(desk.core.begin_stop(NOW))
    desk.answer(filled()).protect()
    sent = pair_of(desk)
    assert not desk.core.is_drained
    accept(desk, sent, 200).protect()
    assert desk.core.is_drained


def test_the_next_life_knows_what_protects_a_position(desk: Desk) -> None:
    """Everything is folded from the journal: plan, orders, the place of the next name."""
    protected(desk)
    ledger = Ledger()
    for entry in desk.journal:
        ledger.apply(entry)
    assert ledger.state.protection == desk.core.ledger.state.protection
    assert ledger.protection.locked("ema_cross-1", "BTCUSDT") == LOT
    plan = ledger.protection.plan("ema_cross-1", "BTCUSDT")
    assert plan is not None
    assert (plan.stop_price, plan.target_price, plan.entry) == (STOP, TARGET, ORDER)


def order_report(
    client_order_id: str,
    state: OrderState,
    venue_order_id: int,
    *,
    filled: int = 0,
    quantity: int = LOT,
    side: Side = Side.BUY,
) -> ExecutionReport:
    """Return what the venue says of one of the orders here."""
    return report(
        state,
        client_order_id=client_order_id,
        venue_order_id=venue_order_id,
        filled_quantity=filled,
        quantity=quantity,
        side=side,
    )


def sale(client_order_id: str, trade_id: int, venue_order_id: int, quantity: int = LOT) -> Fill:
    """Return an execution of a protective order."""
    return msgspec.structs.replace(
        fill(trade_id, quantity=quantity),
        client_order_id=client_order_id,
        venue_order_id=venue_order_id,
        side=Side.SELL,
    )


def announced(desk: Desk) -> list[str]:
    names = [effect.event for effect in desk.effects if isinstance(effect, Announce)]
    return [name for name in names if name.startswith("position_")]


def refuse_entry(desk: Desk, now: Nanos) -> None:
    wish = signal(9, strategy_number=8, instrument_id=1, expires_at=now + SECOND, confidence=1.0)
    wish = msgspec.structs.replace(wish, event_at=now, received_at=now)
    market = msgspec.structs.replace(quote(1), received_at=now)
    desk.take(desk.core.judge_signal(wish, market, venue=desk.venue_now(VENUE_MS + 5_000), now=now))
