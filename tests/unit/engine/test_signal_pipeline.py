"""From signal to intent: what is refused, and how an entry is sized."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.orders import (
    OrderIntent,
    OrderType,
    Refusal,
    RefusalRule,
    Side,
    Signal,
    SignalAction,
    TimeInForce,
)
from genesis.engine.signal_pipeline import STAGES, make_intent
from genesis.engine.signals.case import SignalCase
from genesis.units import SCALE
from tests.support.builders import (
    LOT,
    NOW,
    PRICE,
    SECOND,
    btc,
    quote,
    signal,
    signal_context,
    signal_rules,
)


def take(wish: Signal, **changes: object) -> OrderIntent | Refusal:
    return make_intent(
        wish, signal_context(**changes), signal_rules(), client_order_id="id", now=NOW
    )


def changed(wish: Signal, **fields: object) -> Signal:
    return msgspec.structs.replace(wish, **fields)


REFUSED: dict[str, tuple[Signal, dict[str, object], str]] = {
    "judged before": (signal(confidence=2.0), {"is_judged": True}, "duplicate"),
    "buys from ourselves": (signal(), {"sale_of_others": PRICE + SCALE // 2}, "opposition"),
    "its limit reaches our own sale": (
        signal(order_type=OrderType.LIMIT, limit_price=PRICE),
        {"sale_of_others": PRICE},
        "opposition",
    ),
    "hardly believed": (signal(confidence=0.2), {}, "confidence"),
    "too small a share": (signal(), {"equity": 0}, "size"),
    "unknown side": (changed(signal(), side=0), {}, "form"),
    "unknown type": (changed(signal(), order_type=9), {}, "form"),
    "confidence is no number": (signal(confidence=math.nan), {}, "form"),
    "confidence too high": (signal(confidence=1.5), {}, "form"),
    "negative stop": (signal(stop_price=-1), {}, "form"),
    "market order with a price": (signal(limit_price=PRICE), {}, "form"),
    "limit order without": (signal(order_type=OrderType.LIMIT), {}, "form"),
    "a stop of its own": (signal(order_type=OrderType.STOP_LOSS, limit_price=PRICE), {}, "form"),
    "post-only, and at once": (
        signal(order_type=OrderType.LIMIT_MAKER, limit_price=PRICE, time_in_force=TimeInForce.IOC),
        {},
        "form",
    ),
    "enter by selling": (changed(signal(), action=SignalAction.EXIT), {}, "form"),
    "one nanosecond late": (signal(expires_at=NOW - 1), {}, "expired"),
    "too many signals": (signal(), {"signals_in_last_second": 11}, "signal_rate"),
    "halted": (signal(), {"halt_reason": "balances differ"}, "halted"),
    "stop at the price": (signal(stop_price=PRICE + SCALE // 2), {}, "protection"),
    "target at the price": (signal(target_price=PRICE + SCALE // 2), {}, "protection"),
    "exit already works": (signal(), {"working_exit": LOT}, "conflict"),
    "entry already works": (signal(), {"working_entry": LOT}, "conflict"),
    "no market": (signal(), {"quote": None}, "data_age"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    """Each stage says no to what it is there for."""
    wish, changes, rule = REFUSED[case]
    verdict = take(wish, **changes)
    assert isinstance(verdict, Refusal)
    assert verdict.rule == rule
    assert verdict.limit
    assert verdict.observed


def test_a_signal_is_good_until_it_expires() -> None:
    """At its last nanosecond it still passes."""
    assert isinstance(take(signal(expires_at=NOW)), OrderIntent)


def test_an_exit_passes_a_halt() -> None:
    """Closing is never held back by a halt, nor by a working entry."""
    verdict = take(signal(side=Side.SELL), held=LOT, halt_reason="halted", working_entry=LOT)
    assert isinstance(verdict, OrderIntent)


def test_an_entry_takes_its_allotment() -> None:
    """1 % of 100 000 at the ask of 60 000.50, floored to the step."""
    verdict = take(signal(stop_price=PRICE - SCALE, target_price=PRICE + 2 * SCALE))
    assert isinstance(verdict, OrderIntent)
    assert verdict.reference_price == PRICE + SCALE // 2
    assert verdict.quantity == 1_666_000
    assert (verdict.stop_price, verdict.target_price) == (PRICE - SCALE, PRICE + 2 * SCALE)


def test_a_strategy_may_name_its_size() -> None:
    """It is floored to the step, and risk judges it."""
    verdict = take(signal(quantity=LOT + 1))
    assert isinstance(verdict, OrderIntent)
    assert verdict.quantity == LOT


@pytest.mark.parametrize(
    ("asked", "sold"), [(0, 2 * LOT), (LOT, LOT), (5 * LOT, 2 * LOT)], ids=["all", "part", "more"]
)
def test_an_exit_sells_at_most_what_is_held(asked: int, sold: int) -> None:
    """Dust below one step stays."""
    verdict = take(signal(side=Side.SELL, quantity=asked), held=2 * LOT + 7)
    assert isinstance(verdict, OrderIntent)
    assert verdict.quantity == sold
    assert verdict.reference_price == PRICE - SCALE // 2


@pytest.mark.parametrize(
    ("order_type", "price", "sold"),
    [(OrderType.MARKET, 0, 141 * SCALE), (OrderType.LIMIT, PRICE, 9_000 * SCALE)],
)
def test_an_exit_too_large_for_one_order_is_cut(
    order_type: OrderType, price: int, sold: int
) -> None:
    """The venue would refuse it whole; what is left can follow."""
    wish = signal(side=Side.SELL, order_type=order_type, limit_price=price)
    verdict = take(wish, held=10_000 * SCALE)
    assert isinstance(verdict, OrderIntent)
    assert verdict.quantity == sold


@pytest.mark.parametrize(
    ("side", "expected"),
    [(Side.BUY, PRICE), (Side.SELL, PRICE + SCALE // 100)],
    ids=["buy", "sell"],
)
def test_limit_prices_are_rounded_away_from_the_market(side: Side, expected: int) -> None:
    """A buyer pays at most, a seller gets at least, what the strategy said."""
    wish = signal(side=side, order_type=OrderType.LIMIT, limit_price=PRICE + 1, position=LOT)
    verdict = take(wish, held=LOT)
    assert isinstance(verdict, OrderIntent)
    assert verdict.limit_price == expected


@pytest.mark.parametrize("believed", [0, LOT - 1, 2 * LOT])
def test_an_entry_by_a_strategy_that_errs_about_its_position_is_refused(believed: int) -> None:
    """A fill it has not heard of may be the very lots it asks for."""
    verdict = take(signal(position=believed), held=LOT)
    assert isinstance(verdict, Refusal)
    assert verdict.rule is RefusalRule.POSITION_BELIEF
    assert isinstance(take(signal(position=LOT), held=LOT), OrderIntent)


def test_an_exit_needs_no_right_belief() -> None:
    """It sells at most what is held, and must never be kept from shrinking a position."""
    assert isinstance(take(signal(side=Side.SELL, position=0), held=LOT), OrderIntent)


def test_a_small_share_still_gets_a_size() -> None:
    """It is exact, however many strategies there are: one step here."""
    rules = signal_rules(strategy_count=99_000)
    verdict = make_intent(signal(), signal_context(), rules, client_order_id="id", now=NOW)
    assert isinstance(verdict, OrderIntent)
    assert verdict.quantity == btc().step_size


def test_expiry_says_how_late() -> None:
    """The refusal tells the operator by how much."""
    verdict = take(signal(expires_at=NOW - 3 * SECOND))
    assert isinstance(verdict, Refusal)
    assert verdict.observed == "3000 ms late"


def halve(case: SignalCase) -> SignalCase | Refusal:
    """Do what a stage to come may do: halve the size, and refuse what is then too small."""
    half = case.context.instrument.floor_quantity(case.quantity // 2)
    if half:
        return case._replace(quantity=half)
    return Refusal(rule=RefusalRule.LOT_SIZE, limit="a step", observed=str(case.quantity))


@pytest.mark.parametrize(("asked", "sized"), [(4 * LOT, 2 * LOT), (LOT // 100, None)])
def test_one_more_stage_is_one_more_function(asked: int, sized: int | None) -> None:
    """It sees what the stages before it made, may change it, and may refuse in its own name."""
    verdict = make_intent(
        signal(quantity=asked),
        signal_context(),
        signal_rules(),
        client_order_id="id",
        now=NOW,
        stages=(*STAGES, halve),
    )
    if sized is None:
        assert isinstance(verdict, Refusal)
        assert verdict.observed == str(asked)
    else:
        assert isinstance(verdict, OrderIntent)
        assert verdict.quantity == sized


def test_a_refusal_ends_the_row() -> None:
    """What is refused is shown to no later stage."""

    def fail(case: SignalCase) -> SignalCase:
        raise AssertionError(case)

    verdict = make_intent(
        signal(confidence=2.0),
        signal_context(),
        signal_rules(),
        client_order_id="id",
        now=NOW,
        stages=(*STAGES, fail),
    )
    assert isinstance(verdict, Refusal)


@pytest.mark.parametrize(
    ("wish", "sale"),
    [
        (signal(), PRICE + SCALE // 2 + 1),
        (signal(order_type=OrderType.LIMIT, limit_price=PRICE), PRICE + 1),
        (signal(order_type=OrderType.LIMIT_MAKER, limit_price=PRICE), PRICE),
        (signal(side=Side.SELL), PRICE - SCALE),
    ],
    ids=["market, below", "limit, below", "post-only", "exit"],
)
def test_opposite_minds_are_kept_apart_only_where_they_would_meet(wish: Signal, sale: int) -> None:
    """An entry that does not reach our own sale passes, and so does every exit."""
    assert isinstance(take(wish, sale_of_others=sale, held=LOT * (wish.side < 0)), OrderIntent)


NUMBERS = st.integers(-(2**63), 2**63 - 1)
CODES = st.integers(-3, 10)


@given(
    wish=st.builds(
        Signal,
        strategy_number=st.integers(0, 9),
        epoch=st.integers(0, 9),
        sequence=NUMBERS,
        instrument_id=st.just(0),
        side=CODES | st.sampled_from(Side),
        action=CODES | st.sampled_from(SignalAction),
        order_type=CODES | st.sampled_from(OrderType),
        time_in_force=CODES | st.sampled_from(TimeInForce),
        confidence=st.floats() | st.floats(0, 1),
        limit_price=NUMBERS | st.just(0) | st.just(PRICE),
        stop_price=NUMBERS | st.just(0) | st.just(PRICE - SCALE),
        target_price=NUMBERS | st.just(0),
        quantity=NUMBERS | st.just(0) | st.just(LOT),
        position=NUMBERS | st.just(0),
        expires_at=NUMBERS | st.just(NOW),
        received_at=NUMBERS | st.just(NOW),
    ),
    equity=NUMBERS,
    held=st.integers(-LOT, 10**12),
    volatility_ppm=st.integers(0, 10**12),
    has_market=st.booleans(),
)
def test_any_signal_has_an_answer(
    wish: Signal,
    equity: int,
    held: int,
    volatility_ppm: int,
    has_market: bool,  # noqa: FBT001
) -> None:
    """Whatever comes through shared memory is an intent of whole steps, or a refusal in words."""
    verdict = take(
        wish,
        equity=equity,
        held=held,
        volatility_ppm=volatility_ppm,
        quote=quote() if has_market else None,
    )
    if isinstance(verdict, Refusal):
        assert verdict.limit
        assert verdict.observed
    else:
        assert verdict.quantity % btc().step_size == 0
        assert verdict.side is (Side.BUY if verdict.action is SignalAction.ENTER else Side.SELL)
