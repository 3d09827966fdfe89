"""Pre-trade risk: each rule refuses beyond its limit and passes at it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.orders import OrderIntent, OrderType, Refusal, RefusalRule, Side
from genesis.engine.prudence import PRUDENCE
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList, judge, judge_list
from genesis.engine.risk_facts import (
    CanaryCap,
    RiskFacts,
    RiskLimits,
    VenueNow,
    entry_notional,
    is_reduction,
)
from genesis.engine.risk_state import Pause, RiskState
from genesis.engine.state_machine import EngineState
from genesis.units import SCALE, Nanos
from tests.support.builders import (
    CAPITAL,
    LOT,
    NOW,
    PRICE,
    SECOND,
    VENUE_MS,
    btc,
    filter_facts,
    hold,
    intent,
    pair,
    quote,
    risk_limits,
)

LIMITS = risk_limits()


def facts(**changes: object) -> RiskFacts:
    base = RiskFacts(
        state=EngineState.RUNNING,
        risk=RiskState.ACTIVE,
        risk_cause="",
        pause=None,
        instrument=btc(),
        quote=quote(),
        mark_age=None,
        visible=SCALE,
        fall_bps=0,
        held=0,
        working_entry=0,
        working_exit=0,
        exposure=0,
        exposure_of_strategy=0,
        exposure_of_instrument=0,
        exposure_correlated=0,
        available=CAPITAL,
        equity=CAPITAL,
        peak_equity=CAPITAL,
        day_profit=0,
        open_orders=0,
        open_orders_of_strategy=0,
        orders_in_last_second=0,
        cancels_in_last_second=0,
        filters=filter_facts(),
        venue=VenueNow(VENUE_MS),
    )
    return msgspec.structs.replace(base, **changes)


def rule_of(verdict: ApprovedOrder | Refusal) -> str:
    return verdict.rule.value if isinstance(verdict, Refusal) else "approved"


def paused(until: Nanos) -> Pause:
    return Pause(RefusalRule.COOL_DOWN, until, "60 s after a stop", "stopped out")


LIMIT_BUY = intent(order_type=OrderType.LIMIT, limit_price=PRICE)

CASES: dict[str, tuple[OrderIntent, dict[str, object], str]] = {
    "running": (intent(), {}, "approved"),
    "stopping": (intent(), {"state": EngineState.STOPPING}, "engine_state"),
    "reducing": (intent(), {"state": EngineState.REDUCING}, "engine_state"),
    "one place for a stop is left": (
        intent(),
        {"protected_here": 4, "instrument": btc(max_algo_orders=5)},
        "approved",
    ),
    "no place for a stop is left": (
        intent(),
        {"protected_here": 5, "instrument": btc(max_algo_orders=5)},
        "protection_room",
    ),
    "no place for a list is left": (
        intent(),
        {"protected_here": 2, "instrument": btc(max_algo_orders=5, max_order_lists=2)},
        "protection_room",
    ),
    "others have taken a place": (
        intent(),
        {
            "protected_here": 4,
            "instrument": btc(max_algo_orders=5),
            "filters": filter_facts(open_algo_orders=5, own_algo_orders=4),
        },
        "protection_room",
    ),
    "an exit needs no place": (
        intent(side=Side.SELL),
        {"held": LOT, "protected_here": 5, "instrument": btc(max_algo_orders=5)},
        "approved",
    ),
    "a position has no stop": (
        intent(),
        {"unprotected_for": 5 * SECOND},
        "unprotected",
    ),
    "an exit while a position has no stop": (
        intent(side=Side.SELL),
        {"held": LOT, "unprotected_for": 5 * SECOND},
        "approved",
    ),
    "no quote": (intent(), {"quote": None}, "data_age"),
    "quote at the age limit": (
        intent(),
        {"quote": quote(received_at=NOW - 2 * SECOND)},
        "approved",
    ),
    "quote too old": (intent(), {"quote": quote(received_at=NOW - 2 * SECOND - 1)}, "data_age"),
    "price at the collar": (
        intent(order_type=OrderType.LIMIT, limit_price=PRICE * 101 // 100),
        {},
        "approved",
    ),
    "price beyond the collar": (
        intent(order_type=OrderType.LIMIT, limit_price=PRICE * 101 // 100 + SCALE // 100),
        {},
        "price_collar",
    ),
    "notional at the limit": (
        intent(quantity=10_000 * SCALE * SCALE // PRICE // 1000 * 1000),
        {"equity": 10 * CAPITAL},
        "approved",
    ),
    "notional too large": (
        intent(quantity=17 * SCALE // 100),
        {"equity": 10 * CAPITAL},
        "order_notional",
    ),
    "position at the limit": (intent(quantity=LOT), {"held": 82 * LOT}, "approved"),
    "position too large": (intent(quantity=LOT), {"held": 83 * LOT}, "position_limit"),
    "working entries count": (
        intent(quantity=LOT),
        {"held": 42 * LOT, "working_entry": 41 * LOT},
        "position_limit",
    ),
    "a position of a strategy in all its instruments": (
        intent(),
        {"exposure_of_strategy": 9_940 * SCALE},
        "approved",
    ),
    "a strategy too large": (
        intent(),
        {"exposure_of_strategy": 9_940 * SCALE + 1},
        "strategy_limit",
    ),
    "an instrument at its limit": (
        intent(),
        {"exposure_of_instrument": 29_940 * SCALE},
        "approved",
    ),
    "an instrument too large": (
        intent(),
        {"exposure_of_instrument": 29_940 * SCALE + 1},
        "instrument_limit",
    ),
    "correlated exposure at 60 % of what is allowed": (
        intent(),
        {"exposure_correlated": 35_940 * SCALE},
        "approved",
    ),
    "too much of one direction": (
        intent(),
        {"exposure_correlated": 35_940 * SCALE + 1},
        "correlated_exposure",
    ),
    "exposure at the limit": (intent(), {"exposure": 59_940 * SCALE}, "approved"),
    "exposure too large": (intent(), {"exposure": 59_940 * SCALE + 1}, "exposure"),
    "just enough balance": (intent(), {"available": 60 * SCALE}, "approved"),
    "too little balance": (intent(), {"available": 60 * SCALE - 1}, "balance"),
    "last open order": (intent(), {"open_orders": 199}, "approved"),
    "too many open orders": (intent(), {"open_orders": 200}, "open_orders"),
    "strategy's last order": (intent(), {"open_orders_of_strategy": 3}, "approved"),
    "too many of the strategy": (
        intent(),
        {"open_orders_of_strategy": 4},
        "open_orders_of_strategy",
    ),
    "at the order rate": (intent(), {"orders_in_last_second": 9}, "approved"),
    "above the order rate": (intent(), {"orders_in_last_second": 10}, "order_rate"),
    "one cancel below the rate": (intent(), {"cancels_in_last_second": 9}, "approved"),
    "at the cancel rate": (intent(), {"cancels_in_last_second": 10}, "cancel_rate"),
    "losses have reduced": (intent(), {"risk": RiskState.REDUCED}, "approved"),
    "losses leave reductions only": (intent(), {"risk": RiskState.REDUCE_ONLY}, "risk_state"),
    "losses have halted": (intent(), {"risk": RiskState.HALTED}, "risk_state"),
    "a pause that ends now": (intent(), {"pause": paused(NOW)}, "approved"),
    "a pause of a nanosecond more": (intent(), {"pause": paused(NOW + 1)}, "cool_down"),
    "marks at the age limit": (intent(), {"mark_age": 60 * SECOND}, "approved"),
    "marks too old": (intent(), {"mark_age": 60 * SECOND + 1}, "mark_age"),
    "spread at the limit": (intent(), {"quote": quote(spread=300 * SCALE)}, "approved"),
    "spread too wide": (intent(), {"quote": quote(spread=300 * SCALE + 2)}, "spread"),
    "fallen, but not far": (intent(), {"fall_bps": 499}, "approved"),
    "fallen too far": (intent(), {"fall_bps": 500}, "flash_crash"),
    "a quarter of the book": (intent(), {"visible": 4 * LOT}, "approved"),
    "more than a quarter of the book": (intent(), {"visible": 4 * LOT - 1}, "liquidity"),
    "no book": (intent(), {"visible": None}, "liquidity"),
    "no book, and none is needed by an order that rests": (
        intent(order_type=OrderType.LIMIT, limit_price=PRICE),
        {"visible": None},
        "approved",
    ),
    "a limit that takes needs a book": (
        intent(order_type=OrderType.LIMIT, limit_price=PRICE + SCALE),
        {"visible": None},
        "liquidity",
    ),
    "a maker order never takes": (
        intent(order_type=OrderType.LIMIT_MAKER, limit_price=PRICE + SCALE),
        {"visible": None},
        "approved",
    ),
    "a position without its stop for a moment": (intent(), {"unprotected_for": 0}, "approved"),
    "a position without its stop for too long": (
        intent(),
        {"unprotected_for": 5 * SECOND},
        "unprotected",
    ),
    "room for one stop more": (
        intent(),
        {"protected_here": 4, "instrument": btc(max_algo_orders=5)},
        "approved",
    ),
    "no room for a stop": (
        intent(),
        {"protected_here": 5, "instrument": btc(max_algo_orders=5)},
        "protection_room",
    ),
    "day's loss inside": (intent(), {"day_profit": -500 * SCALE + 1}, "approved"),
    "day's loss at the limit": (intent(), {"day_profit": -500 * SCALE}, "daily_loss"),
    "drawdown inside": (intent(), {"equity": 85_000 * SCALE + 1}, "approved"),
    "canary, at its cap": (intent(), {"canary": CanaryCap(60 * SCALE, is_tested=True)}, "approved"),
    "canary, above its cap": (
        intent(),
        {"canary": CanaryCap(60 * SCALE - 1, is_tested=True)},
        "canary",
    ),
    "canary, not tried": (intent(), {"canary": CanaryCap(60 * SCALE, is_tested=False)}, "canary"),
    "canary, an exit": (
        intent(side=Side.SELL),
        {"canary": CanaryCap(1, is_tested=False), "held": LOT},
        "approved",
    ),
    "drawdown at the limit": (intent(), {"equity": 85_000 * SCALE}, "drawdown"),
    "a filter of the venue": (intent(quantity=LOT + 1), {}, "lot_size"),
    "a sale before a filter of the venue": (
        intent(side=Side.SELL, quantity=LOT + 1),
        {"held": 2 * LOT},
        "lot_size",
    ),
    "sells what it holds": (intent(side=Side.SELL), {"held": LOT}, "approved"),
    "sells more than it holds": (intent(side=Side.SELL), {"held": LOT - 1}, "holding"),
    "sells what already sells": (
        intent(side=Side.SELL),
        {"held": LOT, "working_exit": 1},
        "holding",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rule_at_its_limit(case: str) -> None:
    """The rule that is meant says no just beyond its limit, and nobody does just inside it."""
    wanted, changes, expected = CASES[case]
    assert rule_of(judge(wanted, facts(**changes), LIMITS, NOW)) == expected


@pytest.mark.parametrize("state", [EngineState.RUNNING, EngineState.REDUCING, EngineState.HALTED])
def test_a_reduction_passes_every_rule_of_prudence(state: EngineState) -> None:
    """Halted, blind, broke and beyond every limit: a position may still be closed."""
    worst = facts(
        state=state,
        risk=RiskState.HALTED,
        risk_cause="all is lost",
        pause=paused(NOW + SECOND),
        quote=None,
        mark_age=10**18,
        visible=None,
        fall_bps=9_000,
        cancels_in_last_second=1_000,
        held=LOT,
        exposure=10 * CAPITAL,
        exposure_of_strategy=10 * CAPITAL,
        exposure_of_instrument=10 * CAPITAL,
        exposure_correlated=10 * CAPITAL,
        available=0,
        equity=1,
        day_profit=-CAPITAL,
        open_orders=10_000,
        open_orders_of_strategy=100,
        orders_in_last_second=1_000,
    )
    assert isinstance(judge(intent(side=Side.SELL), worst, LIMITS, NOW), ApprovedOrder)


def test_an_order_that_would_not_be_sent_is_refused() -> None:
    """By the rule of what holds it, before anything is written down; each side by its own."""
    entry, exit_ = hold(), hold(RefusalRule.RATE_LIMIT)
    held = {"held": LOT, "venue": VenueNow(VENUE_MS, entry=entry, exit=exit_)}
    assert judge(intent(), facts(**held), LIMITS, NOW) == entry.refusal
    assert judge(intent(side=Side.SELL), facts(**held), LIMITS, NOW) == exit_.refusal


def test_an_open_breaker_does_not_bind_what_shrinks_a_position() -> None:
    """A limit must never lock us into what it exists to prevent."""
    seen = facts(held=LOT, venue=VenueNow(VENUE_MS, entry=hold()))
    assert isinstance(judge(intent(side=Side.SELL), seen, LIMITS, NOW), ApprovedOrder)


def test_a_refusal_names_rule_limit_and_what_was_seen() -> None:
    """A trader reads from it what to change."""
    verdict = judge(intent(), facts(open_orders=200), LIMITS, NOW)
    assert verdict == Refusal(rule=RefusalRule.OPEN_ORDERS, limit="200", observed="200")


def test_an_entry_reserves_its_limit_price_or_the_reference() -> None:
    """A market order is reserved at the price it was sized at."""
    assert entry_notional(LIMIT_BUY) == 60 * SCALE
    assert entry_notional(intent()) == 60 * SCALE
    assert not is_reduction(intent())


@given(
    st.builds(
        RiskFacts,
        state=st.sampled_from(EngineState),
        risk=st.sampled_from(RiskState),
        risk_cause=st.just("a loss"),
        pause=st.sampled_from([None, paused(NOW), paused(NOW + 1)]),
        mark_age=st.none() | st.integers(0, 10**18),
        visible=st.none() | st.integers(0, 10**18),
        fall_bps=st.integers(-(10**4), 10**4),
        instrument=st.just(btc()),
        quote=st.sampled_from([None, quote(), quote(received_at=0)]),
        held=st.integers(0, 10**18),
        working_entry=st.integers(0, 10**18),
        working_exit=st.integers(0, 10**18),
        exposure=st.integers(-(10**18), 10**18),
        exposure_of_strategy=st.integers(-(10**18), 10**18),
        exposure_of_instrument=st.integers(-(10**18), 10**18),
        exposure_correlated=st.integers(-(10**18), 10**18),
        available=st.integers(-(10**18), 10**18),
        equity=st.integers(-(10**18), 10**18),
        peak_equity=st.integers(0, 10**18),
        day_profit=st.integers(-(10**18), 10**18),
        open_orders=st.integers(0, 1000),
        open_orders_of_strategy=st.integers(0, 1000),
        orders_in_last_second=st.integers(0, 1000),
        cancels_in_last_second=st.integers(0, 1000),
        filters=st.just(filter_facts()),
        venue=st.builds(
            VenueNow,
            st.just(VENUE_MS),
            st.sampled_from([None, hold()]),
            st.sampled_from([None, hold()]),
        ),
    ),
    st.sampled_from(Side),
    st.sampled_from(OrderType),
    st.integers(-(10**12), 10**15),
    st.integers(-(10**12), 10**15),
)
def test_risk_is_total(
    seen: RiskFacts, side: Side, order_type: OrderType, quantity: int, price: int
) -> None:
    """Any input has a verdict; what is approved satisfies the venue's filters and the limits."""
    wanted = intent(side=side, quantity=quantity, order_type=order_type, limit_price=price)
    verdict = judge(wanted, seen, LIMITS, NOW)
    if isinstance(verdict, ApprovedOrder):
        _holds(verdict.intent, seen, LIMITS)


PAIR_CASES: dict[str, tuple[dict[str, object], dict[str, object], dict[str, object], str]] = {
    "an ordinary pair": ({}, {}, {}, "approved"),
    "what is held is sold already": ({}, {"working_exit": 1}, {}, "holding"),
    "halted all the same": ({}, {"state": EngineState.HALTED}, {}, "approved"),
    "stopping": ({}, {"state": EngineState.STOPPING}, {}, "approved"),
    "recovering": ({}, {"state": EngineState.RECOVERING}, {}, "engine_state"),
    "no form": ({"order_type": OrderType.LIMIT}, {}, {}, "form"),
    "a price off the tick": ({"limit_price": PRICE * 2 + 1}, {}, {}, "price_filter"),
    "stale and deep in loss": (
        {},
        {"quote": None, "day_profit": -CAPITAL, "equity": 0},
        {},
        "approved",
    ),
    "the venue holds exits": (
        {},
        {"venue": VenueNow(VENUE_MS, exit=hold())},
        {},
        "circuit_breaker",
    ),
    "no room for two orders": ({}, {}, {"max_open_orders": 1}, "max_num_orders"),
    "room for two orders": ({}, {}, {"max_open_orders": 2}, "approved"),
    "one algo order": ({}, {}, {"max_algo_orders": 1}, "approved"),
    "algo orders used up": (
        {},
        {"filters": filter_facts(open_algo_orders=5)},
        {"max_algo_orders": 5},
        "max_num_algo_orders",
    ),
    "lists used up": (
        {},
        {"filters": filter_facts(open_order_lists=20)},
        {"max_order_lists": 20},
        "max_num_order_lists",
    ),
}


@pytest.mark.parametrize(
    ("target", "seen", "rules", "verdict"), PAIR_CASES.values(), ids=PAIR_CASES
)
def test_a_pair_is_bound_by_what_is_possible_alone(
    target: dict[str, object], seen: dict[str, object], rules: dict[str, object], verdict: str
) -> None:
    """No limit of prudence stands between a position and its protection; filters bind each leg."""
    held = facts(**{"held": LOT, "instrument": msgspec.structs.replace(btc(), **rules)} | seen)
    judged = judge_list(pair(target=target), held, LIMITS, NOW)
    assert ("approved" if isinstance(judged, ApprovedOrderList) else judged.rule.value) == verdict


def test_the_legs_of_a_pair_share_their_lots() -> None:
    """What is held is asked for once, not once for each leg."""
    assert isinstance(judge_list(pair(), facts(held=LOT), LIMITS, NOW), ApprovedOrderList)
    refused = judge_list(pair(), facts(held=LOT - 1), LIMITS, NOW)
    assert isinstance(refused, Refusal)
    assert refused.rule is RefusalRule.HOLDING


def _holds(approved: OrderIntent, seen: RiskFacts, limits: RiskLimits) -> None:
    rules = seen.instrument
    assert approved.quantity % rules.step_size == 0
    assert approved.quantity > 0
    assert seen.venue.hold(approved) is None
    if approved.side is Side.SELL:
        assert approved.quantity <= seen.held - seen.working_exit
    else:
        assert seen.state is EngineState.RUNNING
        assert seen.risk <= RiskState.REDUCED
        assert seen.pause is None or seen.pause.until <= NOW
        assert seen.exposure_correlated <= seen.equity * 36 // 100
        assert entry_notional(approved) <= min(limits.order_notional_max, seen.available)


def test_reduced_limits_are_a_part_of_the_usual_ones() -> None:
    """What losses leave is less of everything that is sized; counts and ages stay."""
    reduced = LIMITS.reduced()
    assert (reduced.position_bps, reduced.exposure_bps) == (250, 3_000)
    assert (reduced.strategy_bps, reduced.instrument_bps) == (500, 1_500)
    assert reduced.order_notional_max == 5_000 * SCALE
    assert (reduced.open_orders_max, reduced.data_age_max) == (200, 2 * SECOND)


def test_every_rule_of_prudence_has_a_case_that_it_refuses() -> None:
    """A rule that no case refuses could be missing from the list, and nobody would know."""
    refused = {expected for _wanted, _changes, expected in CASES.values()} - {"approved"}
    seen = {rule.__name__.removeprefix("_check_") for rule in PRUDENCE}
    names = {
        "pause": "cool_down",
        "position": "position_limit",
        "strategy": "strategy_limit",
        "instrument": "instrument_limit",
        "correlated": "correlated_exposure",
        "coverage": "unprotected",
    }
    assert {names.get(name, name) for name in seen} <= refused
