"""Entries of strategies that are too large to be sent whole, and what their strategies are told."""

import pytest

from genesis.domain.orders import OrderState, OrderType, ReportKind, Side, TimeInForce
from genesis.engine.effects import SubmitOrder
from genesis.engine.entries import OrderPrepared, ParentOpened, SignalId
from genesis.engine.slicing.desk import SlicingRules
from genesis.engine.slicing.schedule import Algorithm
from genesis.exchange.gateway import Accepted
from genesis.units import SCALE, Nanos
from tests.support.builders import LOT, NOW, PRICE, SECOND, VENUE_MS, fill, report
from tests.support.desk import Desk
from tests.support.parents import market

LARGE = 60 * LOT
RULES = SlicingRules(entries_above=1_000 * SCALE, entry_duration=4 * SECOND)
HUNTER = SlicingRules(
    entries_above=1_000 * SCALE,
    algorithms=frozenset({Algorithm.ICEBERG}),
    entry_duration=4 * SECOND,
)
SNIPER = SlicingRules(entries_above=1_000 * SCALE, algorithms=frozenset())


@pytest.fixture
def desk() -> Desk:
    return Desk(slicing=RULES).start()


def work(desk: Desk, now: Nanos = NOW) -> Desk:
    facts = market(now)
    desk.core.on_quotes(facts.quotes, now)
    return desk.take(desk.core.slicing.work(facts, desk.venue_now(VENUE_MS), now))


def fill_child(desk: Desk, trade_id: int, quantity: int, now: Nanos = NOW) -> Desk:
    intent = desk.prepared()[-1].intent
    names = {"client_order_id": intent.client_order_id, "venue_order_id": 100 + trade_id}
    state = OrderState.FILLED if quantity == intent.quantity else OrderState.EXPIRED
    told = report(state, quantity=intent.quantity, filled_quantity=quantity, **names)  # type: ignore[arg-type]
    done = fill(trade_id, quantity=quantity, **names)  # type: ignore[arg-type]
    return desk.answer(Accepted(told, (done,)), intent.client_order_id, now)


def test_a_large_entry_is_worked_by_children(desk: Desk) -> None:
    """Its verdict is the parent; children carry its stop and target, and pay no more than it."""
    limit = PRICE + PRICE // 1_000
    desk.judge(
        1,
        quantity=LARGE,
        order_type=OrderType.LIMIT,
        limit_price=limit,
        stop_price=PRICE // 2,
        target_price=2 * PRICE,
    )
    opened = desk.journal[-1]
    assert isinstance(opened, ParentOpened)
    assert opened.signal == SignalId(7, 1, 1)
    assert (opened.plan.algorithm, opened.price_cap) == (Algorithm.TWAP, limit)
    assert not any(isinstance(effect, SubmitOrder) for effect in desk.effects)

    child = work(desk).prepared()[-1].intent
    assert child.quantity == LARGE // 2
    assert (child.stop_price, child.target_price) == (PRICE // 2, 2 * PRICE)
    reborn = Desk(desk.journal, epoch=2, slicing=RULES).start()
    assert reborn.judge(1, quantity=LARGE).effects == [], "it has had its verdict"


def test_the_strategy_is_told_as_of_an_order_of_its_own(desk: Desk) -> None:
    """Fill by fill under its signal's name; and that nothing more comes, if not all of it came."""
    desk.judge(1, quantity=LARGE)
    work(desk)
    fill_child(desk, 1, LARGE // 2)
    told = desk.last_report()
    assert (told.kind, told.epoch, told.signal_sequence) == (ReportKind.FILLED, 1, 1)
    assert (told.filled_quantity, told.position) == (LARGE // 2, LARGE // 2)

    work(desk, NOW + 2 * SECOND)
    fill_child(desk, 2, LARGE // 4, NOW + 2 * SECOND)
    assert desk.told() == [ReportKind.FILLED, ReportKind.POSITION]
    desk.take(desk.core.slicing.end(1, "a test", NOW + 3 * SECOND))
    told = desk.last_report()
    assert (told.kind, told.filled_quantity) == (ReportKind.EXPIRED, LARGE * 3 // 4)


def test_a_filled_parent_s_strategy_is_told_no_end(desk: Desk) -> None:
    """Its last fill was the last word."""
    desk.judge(1, quantity=LARGE)
    for turn in (0, 2):
        work(desk, NOW + turn * SECOND)
        fill_child(desk, 1 + turn, LARGE // 2, NOW + turn * SECOND)
    assert work(desk, NOW + 3 * SECOND).kinds() == ["Commit", "Announce"]


@pytest.mark.parametrize(
    ("rules", "changes"),
    [
        (RULES, {"quantity": 10 * LOT}),
        (SlicingRules(), {}),
        (SNIPER, {}),
        (
            RULES,
            {
                "order_type": OrderType.LIMIT,
                "limit_price": PRICE + SCALE,
                "time_in_force": TimeInForce.FOK,
            },
        ),
    ],
    ids=["small", "switched off", "a tier without algorithms", "all or nothing"],
)
def test_other_entries_go_whole(rules: SlicingRules, changes: dict[str, object]) -> None:
    """What is small, or was asked for in one piece, or where the tier has no other way."""
    desk = Desk(slicing=rules).start()
    desk.judge(1, **{"quantity": LARGE, **changes})
    assert isinstance(desk.journal[-1], OrderPrepared)
    assert desk.journal[-1].signal == SignalId(7, 1, 1)


def test_an_exit_goes_whole(desk: Desk) -> None:
    """Nothing stands between a strategy and the end of its position."""
    desk.judge(1, quantity=LARGE)
    for turn in (0, 2):
        work(desk, NOW + turn * SECOND)
        fill_child(desk, 1 + turn, LARGE // 2, NOW + turn * SECOND)
    work(desk, NOW + 3 * SECOND)
    desk.judge(2, side=Side.SELL)
    assert desk.prepared()[-1].intent.quantity == LARGE


def test_a_hunter_s_large_entry_is_an_iceberg() -> None:
    """The tier decides which algorithms there are."""
    desk = Desk(slicing=HUNTER).start()
    desk.judge(1, quantity=LARGE)
    child = work(desk).prepared()[-1].intent
    assert child.quantity == LARGE // 20
    assert child.time_in_force is TimeInForce.GTC
