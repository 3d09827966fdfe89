"""Our books against the venue's view of the account."""

import pytest

from genesis.domain.orders import OrderState, OrderType, Side
from genesis.engine.effects import QueryOrder, Reconcile
from genesis.engine.entries import TransferBooked
from genesis.engine.state_machine import EngineState
from genesis.exchange.gateway import Accepted, Unknown
from genesis.limits import RECONCILE_ORDER_AGE
from genesis.units import SCALE
from tests.support.builders import CAPITAL, LOT, NOW, PRICE, SECOND, fill, report
from tests.support.desk import OPENED_AT, ORDER, Desk, filled

MINUS_ONE = {"USDT": CAPITAL - 1}


def reconciles(desk: Desk) -> list[Reconcile]:
    return [effect for effect in desk.effects if isinstance(effect, Reconcile)]


def test_missing_executions_come_from_the_trade_list(desk: Desk) -> None:
    """A fill whose event was lost is booked from the venue's list, by its trade id."""
    desk.judge(quantity=LOT).answer(Accepted(report(OrderState.ACCEPTED)))
    desk.view({"USDT": CAPITAL - 60 * SCALE, "BTC": LOT}, [fill(client_order_id="")])
    assert desk.core.ledger.position("ema_cross-1", "BTCUSDT").quantity == LOT


def test_a_balance_difference_halts_when_it_stands(desk: Desk) -> None:
    """Only after the time that the venue's lists may lag for does it stop all entries."""
    for after, state in (
        (0, EngineState.RUNNING),
        (2, EngineState.RUNNING),
        (10, EngineState.HALTED),
    ):
        desk.view(MINUS_ONE, now=NOW + after * SECOND)
        assert desk.state is state
        assert desk.core.comparison.equal is False
    assert "USDT" in desk.core.ledger.state.halt_reason
    reborn = Desk(desk.journal, epoch=2).start()
    assert reborn.core.state is EngineState.HALTED, "a halt outlives the process"


def test_another_difference_begins_anew(desk: Desk) -> None:
    """What changes is still in motion."""
    desk.view(MINUS_ONE)
    desk.view({"USDT": CAPITAL - 2}, now=NOW + 10 * SECOND)
    assert desk.state.name == "RUNNING"
    desk.view({"USDT": CAPITAL - 2}, now=NOW + 20 * SECOND)
    assert desk.state is EngineState.HALTED


def test_a_difference_stands_while_trading_moves_both_sides(desk: Desk) -> None:
    """An account that trades all day would otherwise never be found out."""
    desk.view(MINUS_ONE)
    desk.judge(quantity=LOT).answer(filled())
    moved = {"USDT": desk.core.ledger.expected_balance("USDT") - 1, "BTC": LOT}
    desk.view(moved, now=NOW + 10 * SECOND)
    assert desk.state is EngineState.HALTED


def test_a_difference_while_an_order_is_in_doubt_says_nothing(desk: Desk) -> None:
    """Its fills may well be what differs: it is resolved first."""
    desk.judge(quantity=LOT).answer(Unknown("timeout"))
    for after in (0, 10, 20):
        desk.view(MINUS_ONE, now=NOW + after * SECOND)
    assert desk.state is EngineState.RUNNING
    assert desk.core.comparison.equal is None


def test_a_difference_is_looked_at_again_soon_and_then_less_often(desk: Desk) -> None:
    """Two seconds later, not at the next round; one that stays costs no more than a round."""
    now = NOW
    for wait in (2, 4, 8, 16, 30, 30):
        desk.view(MINUS_ONE, now=now)
        now += wait * SECOND
        assert reconciles(desk.tick(now - 1)) == []
        assert len(reconciles(desk.tick(now))) == 1


def test_a_comparison_that_a_fill_raced_counts_for_nothing(desk: Desk) -> None:
    """Balances fetched before and a fill booked after the question prove nothing."""
    desk.judge(quantity=LOT)
    asked = desk.core.compare_now(NOW)
    desk.answer(filled())
    desk.view({"USDT": CAPITAL}, asked=asked)
    assert desk.core.comparison.differences == ()
    assert desk.core.comparison.equal is None
    assert reconciles(desk.tick(NOW + 2 * SECOND))


def test_comparisons_do_not_multiply(desk: Desk) -> None:
    """However many reasons there were to compare, one round follows, not one for each."""
    for _ in range(5):
        desk.take(desk.core.on_stream_gap(NOW))
    assert len(reconciles(desk.tick(NOW + 30 * SECOND))) == 1
    assert len(reconciles(desk.tick(NOW + 60 * SECOND))) == 1


def test_a_transfer_is_no_loss(desk: Desk) -> None:
    """A withdrawal moves what the account must hold, and no PnL. Announced twice, it is one."""
    for _ in range(2):
        desk.take(desk.core.on_transfer("USDT", -1_000 * SCALE, cleared_at=NOW, now=NOW))
    assert sum(isinstance(entry, TransferBooked) for entry in desk.journal) == 1
    desk.view({"USDT": CAPITAL - 1_000 * SCALE})
    assert desk.core.comparison.equal is True
    assert desk.core.valuation.equity == CAPITAL


def test_equal_transfers_at_other_times_are_others(desk: Desk) -> None:
    """The venue's time of clearing tells them apart."""
    for at in (NOW, NOW + 1):
        desk.take(desk.core.on_transfer("USDT", 5, cleared_at=at, now=NOW))
    assert desk.core.ledger.expected_balance("USDT") == CAPITAL + 10


def test_a_person_accepts_a_difference(desk: Desk) -> None:
    """What nobody announced is written down as a transfer, and trading goes on."""
    desk.view(MINUS_ONE).view(MINUS_ONE, now=NOW + 10 * SECOND)
    desk.take(desk.core.resume(NOW + 11 * SECOND, accept_differences=True))
    assert desk.state is EngineState.RUNNING
    assert TransferBooked("USDT", -1, NOW + 11 * SECOND, balances_at=OPENED_AT) in desk.journal
    assert desk.view(MINUS_ONE, now=NOW + 12 * SECOND).core.comparison.equal is True
    assert Desk(desk.journal, epoch=2).start().core.state is EngineState.RUNNING


def test_a_passing_difference_is_not_accepted(desk: Desk) -> None:
    """A list that lags is no transfer: what does not stand yet would be wrong when it is over."""
    desk.view(MINUS_ONE)
    desk.take(desk.core.resume(NOW + SECOND, accept_differences=True))
    assert not [entry for entry in desk.journal if isinstance(entry, TransferBooked)]


def test_a_halt_may_be_lifted_without_accepting(desk: Desk) -> None:
    """The difference then stands, and halts again."""
    desk.take(desk.core.halt("by hand", NOW))
    desk.take(desk.core.resume(NOW, accept_differences=False))
    assert desk.state is EngineState.RUNNING
    assert desk.core.ledger.state.halt_reason == ""


def test_a_silent_venue_is_asked_again(desk: Desk) -> None:
    """An unanswered comparison is repeated in two seconds; a stream gap asks at once."""
    desk.take(desk.core.on_venue_silent(0, NOW))
    assert desk.tick(NOW + 2 * SECOND).kinds() == ["Reconcile"]
    assert desk.take(desk.core.on_stream_gap(NOW)).kinds() == ["Reconcile"]


def test_a_venue_that_must_not_be_asked_is_asked_when_it_may(desk: Desk) -> None:
    """The usual two seconds are too short where the limits say so."""
    desk.take(desk.core.on_venue_silent(NOW + 9 * SECOND, NOW))
    assert desk.tick(NOW + 9 * SECOND - 1).effects == []
    assert desk.tick(NOW + 9 * SECOND).kinds() == ["Reconcile"]


def test_orders_that_the_venue_no_longer_lists_are_looked_up(desk: Desk) -> None:
    """An old working order missing from the open ones is queried; a young one is given time."""
    query = QueryOrder("BTCUSDT", ORDER, cancel_first=False)
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE, quantity=LOT)
    desk.answer(Accepted(report(OrderState.ACCEPTED)))
    assert query not in desk.view({"USDT": CAPITAL}).tick(NOW).effects
    desk.view({"USDT": CAPITAL}, now=NOW + 3 * SECOND)
    assert query in desk.tick(NOW + 3 * SECOND).effects


def test_a_young_order_that_is_not_listed_is_looked_up_when_it_is_not_young_any_more(
    desk: Desk,
) -> None:
    """A list may lag behind its acceptance; its end may have fallen into a gap of the events."""
    query = QueryOrder("BTCUSDT", ORDER, cancel_first=False)
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE)
    desk.answer(Accepted(report(OrderState.ACCEPTED)))
    desk.view({"USDT": CAPITAL}, now=NOW + SECOND)
    assert query not in desk.tick(NOW + RECONCILE_ORDER_AGE - 1).effects
    assert query in desk.tick(NOW + RECONCILE_ORDER_AGE).effects


def test_a_listed_order_is_not_looked_up(desk: Desk) -> None:
    """The list itself is the news."""
    desk.judge(order_type=OrderType.LIMIT, limit_price=PRICE, quantity=LOT)
    desk.answer(Accepted(report(OrderState.ACCEPTED)))
    listed = report(OrderState.PARTIALLY_FILLED, filled_quantity=LOT // 2)
    desk.view({"USDT": CAPITAL}, now=NOW + 3 * SECOND, open_orders=[listed])
    assert desk.state_of() is OrderState.PARTIALLY_FILLED
    assert not [e for e in desk.tick(NOW + 3 * SECOND).effects if isinstance(e, QueryOrder)]


@pytest.mark.parametrize("of_ours", [False, True], ids=["of nobody", "booked late"])
def test_a_trade_nobody_booked_is_listed_again(desk: Desk, of_ours: bool) -> None:  # noqa: FBT001
    """A later fill of ours must not carry the question past it: it would never be seen again."""
    desk.judge(1, quantity=LOT).answer(filled(1))
    desk.judge(2, side=Side.SELL)
    mine = fill(9, client_order_id="G00-7-1-2-10", venue_order_id=101, side=Side.SELL)
    sold = report(
        OrderState.FILLED,
        client_order_id="G00-7-1-2-10",
        venue_order_id=101,
        side=Side.SELL,
        filled_quantity=LOT,
        execution=mine,
    )
    desk.take(desk.core.on_execution_report(sold, NOW))
    unknown = fill(5, client_order_id="", venue_order_id=100 if of_ours else 77)
    desk.view({"USDT": CAPITAL}, [unknown, mine])
    expected = 10 if of_ours else 2
    assert desk.core.compare_now(NOW).trades_from == (("BTCUSDT", expected),)
