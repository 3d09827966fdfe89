"""What a parent does next: its limits, its end, and that it never adds up to more than itself."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.market import DepthLevel, Quote
from genesis.domain.orders import Side, TimeInForce
from genesis.engine.slicing.decision import (
    FILLED,
    Child,
    Decision,
    End,
    Sight,
    Wait,
    decide,
    smallest_child,
)
from genesis.engine.slicing.parent import ParentOrder
from genesis.engine.slicing.schedule import Algorithm, SlicePlan
from genesis.units import SCALE, notional
from tests.support.builders import LOT, NOW, PRICE, SECOND, btc, fill, quote

MINUTE = 60 * SECOND
TICK = SCALE // 100
ROOM = PRICE // 1_000  # 10 bps
TWAP = SlicePlan(algorithm=Algorithm.TWAP, duration=MINUTE, patience=SECOND, slices=6)
ICEBERG = SlicePlan(
    algorithm=Algorithm.ICEBERG,
    duration=MINUTE,
    patience=SECOND,
    visible=10 * LOT,
    child_timeout=SECOND,
)


def parent(plan: SlicePlan = TWAP, **changes: object) -> ParentOrder:
    """Return a parent of 600 lots of 0.001 BTC, opened now."""
    facts = {
        "number": 1,
        "strategy_number": 7,
        "strategy_id": "cross-1",
        "symbol": "BTCUSDT",
        "side": Side.BUY,
        "quantity": 600 * LOT,
        "plan": plan,
        "arrival_price": PRICE,
        "price_cap": 0,
        "opened_at": NOW,
        **changes,
    }
    return ParentOrder(**facts)  # type: ignore[arg-type]


def market(**changes: int) -> Quote:
    """Return a quote of PRICE on the far side of a buyer, with changes."""
    return msgspec.structs.replace(quote(middle=PRICE - TICK, spread=2 * TICK), **changes)


def sight(
    *,
    working: int = 0,
    allowance: int | None = None,
    levels: list[DepthLevel] | None = None,
    child_max: int = 1_000_000 * SCALE,
) -> Sight:
    """Return a market at PRICE with much to take at the touch."""
    seen = market(bid_price=PRICE - TICK, ask_quantity=300 * LOT)
    return Sight(btc(), seen, levels or [], working, allowance, child_max)


def quantity_of(decision: Decision) -> int:
    assert isinstance(decision, Child), decision
    return decision.quantity


def test_what_is_due_is_taken_at_once() -> None:
    """The first slice goes out at the touch; nothing more until the next one is due."""
    order = parent()
    assert decide(order, sight(), NOW) == Child(100 * LOT, PRICE + ROOM, TimeInForce.IOC)
    assert decide(order, sight(working=100 * LOT), NOW + SECOND) == Wait()
    order.filled_quantity = 100 * LOT
    assert decide(order, sight(), NOW + SECOND) == Wait()
    assert quantity_of(decide(order, sight(), NOW + 10 * SECOND)) == 100 * LOT


def test_what_was_missed_is_made_up_for() -> None:
    """After an outage the schedule goes on where it stands, in children no larger than allowed."""
    order = parent(filled_quantity=100 * LOT)
    late = NOW + 35 * SECOND
    levels = [DepthLevel(PRICE, 300 * LOT)]
    assert quantity_of(decide(order, sight(levels=levels), late)) == 300 * LOT
    small = sight(levels=levels, child_max=notional(PRICE + ROOM, 120 * LOT))
    assert quantity_of(decide(order, small, late)) == 120 * LOT


def test_no_child_trades_beyond_the_price_cap() -> None:
    """Depth counts as far as the cap; a market beyond it is waited for."""
    levels = [DepthLevel(PRICE + step * TICK, 40 * LOT) for step in range(4)]
    book = Sight(btc(), market(ask_quantity=40 * LOT), levels, 0, None, 10**16)

    free = decide(parent(), book, NOW)
    capped = decide(parent(price_cap=PRICE + TICK), book, NOW)
    beyond = decide(parent(price_cap=PRICE - TICK), book, NOW)

    assert free == Child(100 * LOT, PRICE + ROOM, TimeInForce.IOC)
    assert capped == Child(80 * LOT, PRICE + TICK, TimeInForce.IOC)
    assert isinstance(beyond, Wait)
    assert beyond.why.startswith("impact limit")


def test_a_sale_is_the_mirror_image() -> None:
    """It takes bids, no lower than its cap."""
    levels = [DepthLevel(PRICE - step * TICK, 40 * LOT) for step in range(4)]
    seen = market(bid_price=PRICE, bid_quantity=40 * LOT, ask_price=PRICE + TICK)
    book = Sight(btc(), seen, levels, 0, None, 10**16)

    assert decide(parent(side=Side.SELL, price_cap=PRICE - TICK), book, NOW) == Child(
        80 * LOT, PRICE - TICK, TimeInForce.IOC
    )


def test_no_more_than_the_allowed_share_of_the_market_is_taken() -> None:
    """What the participation limit permits is the most; below the venue's least it waits."""
    assert quantity_of(decide(parent(), sight(allowance=30 * LOT), NOW)) == 30 * LOT
    assert decide(parent(), sight(allowance=0), NOW) == Wait("participation limit")


def test_an_iceberg_shows_its_clip_alone() -> None:
    """One clip rests at the near touch; the next comes when it has filled or was taken back."""
    order = parent(ICEBERG)
    assert decide(order, sight(), NOW) == Child(10 * LOT, PRICE - TICK, TimeInForce.GTC)
    assert decide(order, sight(working=4 * LOT), NOW) == Wait()
    limited = parent(ICEBERG, price_cap=PRICE - 5 * TICK)
    assert decide(limited, sight(), NOW) == Child(10 * LOT, PRICE - 5 * TICK, TimeInForce.GTC)


def test_slippage_beyond_the_limit_ends_a_parent() -> None:
    """The average or the market: a bad fill, or a market that ran away, is not chased."""
    plan = SlicePlan(
        algorithm=Algorithm.TWAP, duration=MINUTE, patience=SECOND, slices=6, slippage_bps=10
    )
    bad = PRICE + 2 * PRICE // 1_000
    paid = parent(plan)
    paid.book(fill(1, quantity=100 * LOT, price=bad), NOW)
    ran_away = parent(plan, arrival_price=PRICE - 2 * PRICE // 1_000)

    for order in (paid, ran_away):
        decision = decide(order, sight(), NOW)
        assert isinstance(decision, End)
        assert decision.why.startswith("slippage")
    assert isinstance(decide(parent(plan), sight(), NOW), Child)


def test_a_parent_ends_filled_or_timed_out() -> None:
    """Whole, or whole but for what the venue would not take, or when its patience is over."""
    done = parent(filled_quantity=600 * LOT)
    crumb = parent(filled_quantity=600 * LOT - 5)
    late = parent(filled_quantity=100 * LOT)
    after = NOW + TWAP.duration + TWAP.patience

    assert decide(done, sight(), NOW) == End(FILLED)
    assert isinstance(decide(crumb, sight(), NOW), End)
    assert decide(late, sight(), after) == End("timed out, 0.50000000 missing")


def test_no_crumb_is_left_behind() -> None:
    """A child that would leave less than the venue takes leaves enough, or takes it along."""
    least = smallest_child(btc(), PRICE)
    order = parent(quantity=100 * LOT)
    end = NOW + MINUTE
    crumb = sight(child_max=notional(PRICE, 100 * LOT - least // 2))

    assert quantity_of(decide(order, crumb, end)) <= 100 * LOT - least


@st.composite
def plans(draw: st.DrawFn) -> SlicePlan:
    """Draw a plan of each kind, with limits or without."""
    algorithm = draw(st.sampled_from(Algorithm))
    curve = (100_000, 700_000, 1_000_000)
    return SlicePlan(
        algorithm=algorithm,
        duration=draw(st.integers(5, 60)) * SECOND,
        patience=draw(st.integers(1, 20)) * SECOND,
        slices=draw(st.integers(1, 30)),
        curve=curve if algorithm is Algorithm.VWAP else (),
        visible=30 * LOT if algorithm is Algorithm.ICEBERG else 0,
        participation_bps=draw(st.sampled_from([0, 2_000])),
    )


@given(
    plans(),
    st.integers(1, 900),
    st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=60),
)
def test_children_never_add_up_to_more_than_their_parent(
    plan: SlicePlan, lots: int, fates: list[tuple[int, bool]]
) -> None:
    """Filled in part, in doubt or lost: what filled and may fill never exceeds it, and it ends."""
    order = parent(plan, quantity=lots * LOT)
    doubts: list[int] = []
    now, trade_id = NOW, 0
    for turn in range(1_000):
        now = NOW + turn * SECOND // 2
        filled_percent, is_in_doubt = fates[turn % len(fates)]
        allowance = 40 * LOT if plan.participation_bps else None
        decision = decide(order, sight(working=sum(doubts), allowance=allowance), now)
        if isinstance(decision, End):
            break
        if isinstance(decision, Child):
            assert order.filled_quantity + sum(doubts) + decision.quantity <= order.quantity
            assert decision.quantity >= smallest_child(btc(), decision.price)
            doubts.append(decision.quantity)
        if doubts and not is_in_doubt:  # the venue says what became of the oldest
            done = btc().floor_quantity(doubts.pop(0) * filled_percent // 100)
            if done:
                trade_id += 1
                order.book(fill(trade_id, quantity=done), now)
    else:
        raise AssertionError("a parent ends")
    assert order.filled_quantity <= order.quantity
    assert now <= NOW + plan.duration + plan.patience + SECOND


def test_the_schedule_error_is_seen_at_fills() -> None:
    """Late by a slice and then on time: the slice is the error, and it stays the largest."""
    order = parent()
    order.book(fill(1, quantity=100 * LOT), NOW + 11 * SECOND)
    assert order.schedule_error == 200 * LOT
    order.book(fill(2, quantity=100 * LOT), NOW + 12 * SECOND)
    assert order.schedule_error == 200 * LOT
    assert order.slippage_bps == 0
    assert order.average_price == PRICE
