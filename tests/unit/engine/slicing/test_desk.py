"""Parents from their approval to their end: names, reservations, crashes, and the same risk."""

import msgspec
import pytest

from genesis.domain.child_names import CHILD_NUMBERS_FROM, parent_of, place_of
from genesis.domain.market import Depth, DepthLevel
from genesis.domain.order_ids import decode_order_id
from genesis.domain.orders import OrderState, RefusalRule, ReportKind, Side
from genesis.engine.account_summary import summarize
from genesis.engine.entries import ParentEnded, ParentOpened, SignalRefused
from genesis.engine.slicing.claims import claims
from genesis.engine.slicing.desk import MarketFacts
from genesis.engine.slicing.fold import working_of_parent
from genesis.engine.slicing.parent import ParentOrder
from genesis.engine.slicing.schedule import Algorithm
from genesis.errors import UsageError
from genesis.exchange.gateway import Accepted
from genesis.units import SCALE, Nanos, notional
from tests.support.builders import LOT, NOW, PRICE, SECOND, VENUE_MS, fill, report, risk_limits
from tests.support.desk import Desk
from tests.support.parents import WHOLE, market, opened


@pytest.fixture
def desk() -> Desk:
    return Desk().start()


def work(desk: Desk, now: Nanos = NOW, **changes: int) -> Desk:
    facts = market(now, **changes)
    desk.core.on_quotes(facts.quotes, now)
    return desk.take(desk.core.slicing.work(facts, desk.venue_now(VENUE_MS), now))


def answer(desk: Desk, trade_id: int, quantity: int, now: Nanos = NOW) -> Desk:
    """Let the venue fill so much of the latest child, whose rest expires."""
    intent = desk.prepared()[-1].intent
    names = {"client_order_id": intent.client_order_id, "venue_order_id": 100 + trade_id}
    done = fill(trade_id, quantity=quantity, **names)  # type: ignore[arg-type]
    state = OrderState.FILLED if quantity == intent.quantity else OrderState.EXPIRED
    told = report(state, quantity=intent.quantity, filled_quantity=quantity, **names)  # type: ignore[arg-type]
    return desk.answer(Accepted(told, (done,)), intent.client_order_id, now)


def parent_in(desk: Desk, number: int = 1) -> ParentOrder:
    state = desk.core.ledger.state
    return state.parents.get(number) or state.ended_parents[number]


def test_a_child_is_an_order_like_any_other(desk: Desk) -> None:
    """Journaled before it is sent, through risk, under a name that decodes to owner and parent."""
    opened(desk)
    assert [type(entry) for entry in desk.journal[-1:]] == [ParentOpened]

    work(desk)

    assert desk.kinds() == ["Commit", "SubmitOrder"]
    child = desk.prepared()[-1]
    assert child.intent.quantity == WHOLE // 4
    name = decode_order_id(child.intent.client_order_id)
    assert name is not None
    assert name.strategy_number == CHILD_NUMBERS_FROM + 7
    assert parent_of(name.strategy_number, name.sequence) == 1
    assert place_of(name.sequence) == 1
    assert not desk.core.ledger.is_latest(child.signal, 2)


def test_the_strategy_s_own_signals_are_judged_as_before(desk: Desk) -> None:
    """Children have names of their own: a signal of an older worker epoch is not swallowed."""
    late = Desk(desk.journal, epoch=9).start()
    opened(late)
    work(late)
    late.judge(1, epoch=2)
    assert isinstance(late.journal[-1], SignalRefused)
    assert late.journal[-1].refusal.rule is RefusalRule.CONFLICT, "its parent works there"


def test_the_strategy_learns_its_position_alone(desk: Desk) -> None:
    """It has made no signal for a child, so it is told what it holds, and nothing of the order."""
    work(opened(desk))
    answer(desk, 1, WHOLE // 4)
    assert desk.told() == [ReportKind.POSITION]
    told = desk.last_report()
    assert (told.strategy_number, told.position) == (7, WHOLE // 4)


def test_the_whole_is_approved_or_refused_at_once(desk: Desk) -> None:
    """What would pass a limit at the end is not begun."""
    with pytest.raises(UsageError, match="position_limit"):
        opened(desk, quantity=90 * LOT)
    with pytest.raises(UsageError, match="holding"):
        opened(desk, side=Side.SELL)
    assert not desk.core.ledger.state.parents


def test_what_is_not_placed_yet_is_reserved(desk: Desk) -> None:
    """The rest counts against every limit until it has traded, and its own children fit in it."""
    opened(desk)
    (claim,) = claims(desk.core.ledger.state)
    cap = PRICE + PRICE * 50 // 10_000
    assert (claim.entry, claim.reserved) == (WHOLE, notional(cap, WHOLE))

    work(desk)

    (claim,) = claims(desk.core.ledger.state)
    assert claim.entry == WHOLE * 3 // 4
    assert working_of_parent(desk.core.ledger.state, 1) == WHOLE // 4
    desk.core.slicing.end(1, "enough", NOW)
    assert list(claims(desk.core.ledger.state)) == []


def test_the_rest_counts_against_everybody() -> None:
    """Before its first child, a parent takes its room from other strategies and from its own."""
    limits = msgspec.structs.replace(risk_limits(), exposure_bps=900)
    desk = opened(Desk(limits=limits).start())

    desk.judge(1)
    desk.judge(1, strategy_number=8, instrument_id=1, quantity=20 * LOT)

    refused = [entry for entry in desk.journal if isinstance(entry, SignalRefused)]
    assert [entry.refusal.rule for entry in refused] == [
        RefusalRule.CONFLICT,
        RefusalRule.CORRELATED_EXPOSURE,
    ]
    desk.take(desk.core.slicing.end(1, "a test", NOW))
    desk.judge(2, strategy_number=8, instrument_id=1, quantity=20 * LOT)
    assert "SubmitOrder" in desk.kinds()


def test_a_restart_goes_on_where_the_schedule_stands(desk: Desk) -> None:
    """A child in doubt keeps its part: the next life places the rest, and never more."""
    work(opened(desk))
    answer(desk, 1, WHOLE // 4)
    work(desk, NOW + 15 * SECOND)  # killed before the answer
    reborn = Desk(desk.journal, epoch=2).start()

    work(reborn, NOW + 46 * SECOND)

    first, second, third = (entry.intent for entry in reborn.prepared())
    assert reborn.state_of(second.client_order_id) is OrderState.OUTCOME_UNKNOWN
    assert third.quantity == WHOLE // 2
    assert first.quantity + second.quantity + third.quantity == WHOLE
    work(reborn, NOW + 59 * SECOND)
    assert len(reborn.prepared()) == 3


def test_a_parent_ends_when_it_is_filled(desk: Desk) -> None:
    """Its figures stay, against the price at its arrival."""
    opened(desk)
    for turn in range(4):
        now = NOW + 15 * turn * SECOND
        work(desk, now)
        answer(desk, 1 + turn, WHOLE // 4, now)
    work(desk, NOW + 46 * SECOND)

    ended = desk.journal[-1]
    assert isinstance(ended, ParentEnded)
    (shown,) = summarize(desk.core, NOW + 50 * SECOND).parents
    assert (shown.end, shown.children, shown.behind) == ("filled", 4, 0)
    assert shown.schedule_error == 0.25
    assert shown.slippage_bps == 0
    assert shown.filled_quantity == shown.quantity == "0.08000000"


def test_a_parent_that_ends_lets_go_of_its_children(desk: Desk) -> None:
    """A resting clip is canceled; what it had filled by then still counts."""
    work(opened(desk, algorithm=Algorithm.ICEBERG, slices=1))
    clip = desk.prepared()[-1].intent
    desk.answer(
        Accepted(
            report(
                OrderState.ACCEPTED, client_order_id=clip.client_order_id, quantity=clip.quantity
            )
        ),
        clip.client_order_id,
    )
    desk.take(desk.core.slicing.cancel(1, desk.venue_now(VENUE_MS), NOW))

    assert "CancelOrder" in desk.kinds()
    assert parent_in(desk).end == "canceled by an operator"
    execution = fill(5, client_order_id=clip.client_order_id, quantity=LOT)
    told = report(
        OrderState.PARTIALLY_FILLED,
        client_order_id=clip.client_order_id,
        quantity=clip.quantity,
        filled_quantity=LOT,
        execution=execution,
    )
    desk.take(desk.core.on_execution_report(told, NOW))
    assert parent_in(desk).filled_quantity == LOT
    assert desk.core.slicing.cancel(1, desk.venue_now(VENUE_MS), NOW) == []


def test_a_refused_child_is_asked_for_again(desk: Desk) -> None:
    """Risk has the last word on each child; the parent says once what holds it back, and waits."""
    opened(desk)
    desk.core.halt("a test", NOW)

    assert work(desk).kinds() == ["Announce"]
    assert work(desk, NOW + SECOND).effects == []
    assert desk.core.slicing.holds[1].startswith("engine_state")
    desk.core.resume(NOW, accept_differences=False)
    assert "SubmitOrder" in work(desk, NOW + 2 * SECOND).kinds()


def test_a_child_too_large_for_risk_is_halved_until_it_passes(desk: Desk) -> None:
    """What the book bears is risk's to say; a parent goes on in smaller steps, and grows again."""
    opened(desk)
    thin = market(NOW)
    levels = [DepthLevel(PRICE + SCALE // 2, 40 * LOT)]
    quoted = msgspec.structs.replace(thin.quotes[0], ask_quantity=40 * LOT)
    thin = thin._replace(quotes={0: quoted}, depths={0: Depth(0, levels, levels, 1, NOW)})
    desk.depths[0] = thin.depths[0]
    desk.core.on_quotes(thin.quotes, NOW)
    placed = []
    for turn in range(3):
        now = NOW + turn * SECOND // 10
        desk.take(desk.core.slicing.work(thin, desk.venue_now(VENUE_MS), now))
        placed.append(desk.kinds())
    assert placed[0] == ["Announce"]
    assert "SubmitOrder" in placed[1]
    assert desk.prepared()[0].intent.quantity <= 10 * LOT


def test_without_a_market_nothing_is_placed_and_time_runs_out(desk: Desk) -> None:
    """Old quotes are no market; after its patience a parent ends without one."""
    opened(desk)
    empty = MarketFacts({}, {}, {})
    venue = desk.venue_now(VENUE_MS)
    assert desk.core.slicing.work(empty, venue, NOW) == []
    assert desk.core.slicing.holds[1] == "no market data"
    desk.take(desk.core.slicing.work(empty, venue, NOW + 71 * SECOND))
    assert parent_in(desk).end.startswith("timed out")


def test_no_more_than_a_share_of_the_market_s_volume(desk: Desk) -> None:
    """The first look gives the measure; then a tenth of what trades is the parent's."""
    opened(desk, participation_bps=1_000)
    assert work(desk, volume=500 * LOT).kinds() == []
    work(desk, NOW + SECOND, volume=550 * LOT)
    assert desk.prepared()[-1].intent.quantity == 5 * LOT


def test_a_vwap_learns_its_curve_from_what_it_watched(desk: Desk) -> None:
    """Too short a watch is said; a long enough one is written down with the parent."""
    wish = {"algorithm": Algorithm.VWAP, "duration": 10 * SECOND, "slices": 2}
    with pytest.raises(UsageError, match="needs 10 s of watched trades"):
        opened(desk, **wish)
    for step, volume in enumerate((0, 0, 30, 40, 40)):
        desk.core.slicing.volumes.note({0: volume}, NOW + 5 * step * SECOND)
    opened(desk, **wish)
    assert parent_in(desk).plan.curve == (750_000, 1_000_000)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategy_id": "nobody"}, "no strategy 'nobody'"),
        ({"symbol": "ETHUSDT"}, "trades BTCUSDT, not ETHUSDT"),
        ({"quantity": 1}, "less than BTCUSDT takes"),
    ],
    ids=["a stranger", "another symbol", "a crumb"],
)
def test_what_cannot_be_is_said(desk: Desk, changes: dict[str, object], words: str) -> None:
    """One line: what is wrong, and with what."""
    with pytest.raises(UsageError, match=words):
        opened(desk, **changes)


def test_a_strategy_has_one_parent_at_a_time(desk: Desk) -> None:
    """Names of children only rise for as long as parents do not overlap."""
    opened(desk)
    with pytest.raises(UsageError, match="has a parent order"):
        opened(desk)


def test_a_child_the_journal_lost_finds_its_parent_again(desk: Desk) -> None:
    """After a power cut the venue's list has it, and its name says whose it is."""
    opened(desk)
    kept = list(desk.journal)
    work(desk)
    lost = desk.prepared()[-1].intent
    reborn = Desk(kept, epoch=2)
    reborn.take(reborn.core.start("another boot", NOW + SECOND))
    found = report(
        OrderState.FILLED,
        client_order_id=lost.client_order_id,
        quantity=lost.quantity,
        filled_quantity=lost.quantity,
    )
    reborn.view({"USDT": 100_000 * SCALE}, now=NOW + 20 * SECOND)
    asked = reborn.core.compare_now(NOW + 40 * SECOND)
    assert asked.orders_from
    done = fill(1, client_order_id=lost.client_order_id, quantity=lost.quantity)
    reborn.view(
        {"USDT": 100_000 * SCALE - done.quote_amount, "BTC": lost.quantity},
        trades=[done],
        orders=[found],
        asked=asked,
        now=NOW + 40 * SECOND,
    )
    adopted = parent_in(reborn)
    assert adopted.filled_quantity == lost.quantity
    assert adopted.children == 1
