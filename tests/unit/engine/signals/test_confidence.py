"""How far a signal is believed, and from where on it is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.orders import OrderIntent, Refusal, RefusalRule, Side
from genesis.domain.strategy_record import StrategyRecord
from genesis.engine.signal_pipeline import make_intent
from genesis.engine.signals.case import SignalContext
from genesis.engine.signals.confidence import (
    WHOLE,
    freshness_share,
    market_share,
    record_share,
)
from genesis.units import SCALE
from tests.support.builders import (
    LOT,
    NOW,
    PRICE,
    SECOND,
    quote,
    signal,
    signal_context,
    signal_rules,
)


def judged(
    confidence: float, context: SignalContext | None = None, *, side: Side = Side.BUY, age: int = 0
) -> OrderIntent | Refusal:
    wish = signal(confidence=confidence, side=side)
    return make_intent(
        msgspec.structs.replace(wish, received_at=NOW - age),
        context or signal_context(),
        signal_rules(),
        client_order_id="id",
        now=NOW,
    )


def record(won: int, lost: int, trips: int) -> StrategyRecord:
    return StrategyRecord(trips=trips, gross_win=won * SCALE, gross_loss=lost * SCALE)


def test_a_signal_is_taken_at_its_word_where_nothing_speaks_against_it() -> None:
    """No record, the usual spread, data of this moment: the strategy's own confidence."""
    verdict = judged(0.8)
    assert isinstance(verdict, OrderIntent)
    assert verdict.confidence_bps == 8_000


@pytest.mark.parametrize(("confidence", "passes"), [(0.3, True), (0.2999, False), (0.0, False)])
def test_the_minimum_is_enough(confidence: float, passes: bool) -> None:  # noqa: FBT001
    """At 0.3 it passes, a ten-thousandth below it is refused, with every share named."""
    verdict = judged(confidence)
    assert isinstance(verdict, OrderIntent if passes else Refusal)
    if isinstance(verdict, Refusal):
        assert verdict.rule is RefusalRule.CONFIDENCE
        assert verdict.limit == "at least 0.3000"
        assert verdict.observed == (
            f"{confidence:.4f}: own {confidence:.4f}, record 1.0000, market 1.0000, "
            "freshness 1.0000"
        )


def test_doubts_multiply_by_hand() -> None:
    """0.8 x 0.75 (it lost all of 30 trips) x 0.5 (10 bps, usual are 5) x 0.75 (1 s old of 2)."""
    context = signal_context(
        record=record(0, 100, 30), quote=quote(spread=PRICE // 1_000, received_at=NOW - SECOND)
    )
    verdict = judged(0.8, context)
    assert isinstance(verdict, Refusal)
    assert verdict.observed == (
        "0.2250: own 0.8000, record 0.7500, market 0.5000, freshness 0.7500"
    )


def test_an_exit_is_not_scored() -> None:
    """Leaving is believed, whatever the strategy, its record or the market says."""
    doubtful = signal_context(held=LOT, record=record(0, 100, 100), quote=quote(spread=PRICE // 10))
    assert isinstance(judged(0.0, doubtful, side=Side.SELL, age=9 * SECOND), OrderIntent)


@pytest.mark.parametrize(
    ("won", "lost", "trips", "share"),
    [
        (0, 0, 0, WHOLE),
        (100, 100, 1_000, WHOLE),
        (300, 100, 1_000, WHOLE),
        (0, 100, 30, 7_500),  # half of its weight is the even trips that were added
        (0, 100, 1, 9_838),
        (0, 100, 10**9, 5_000),
        (50, 100, 30, 9_166),  # a third of the money was won, with as many even trips 5/12
    ],
)
def test_who_loses_money_is_believed_less(won: int, lost: int, trips: int, share: int) -> None:
    """The longer the record, the more it says; no record says nothing."""
    assert record_share(record(won, lost, trips), 30) == share


def test_a_wide_spread_halves_and_quarters() -> None:
    """5 bps are usual; a market without any spread is no better than that."""
    for spread_bps, share in ((0, WHOLE), (5, WHOLE), (10, 5_000), (20, 2_500)):
        half = PRICE * spread_bps // 20_000
        assert market_share(PRICE - half, PRICE + half, 5) == share


def test_freshness_falls_in_a_line() -> None:
    """To one half at the largest age, to nothing at twice that; the future is as fresh as now."""
    ages = (-SECOND, 0, SECOND, 2 * SECOND, 4 * SECOND, 9 * SECOND)
    shares = [freshness_share(age, 2 * SECOND) for age in ages]
    assert shares == [WHOLE, WHOLE, 7_500, 5_000, 0, 0]


@pytest.mark.parametrize(("signal_age", "quote_age"), [(1, 0), (0, 1), (1, 1)])
def test_the_older_of_reason_and_price_counts(signal_age: int, quote_age: int) -> None:
    """A fresh quote does not make an old reason fresh, nor the other way round."""
    context = signal_context(quote=quote(received_at=NOW - quote_age * SECOND))
    verdict = judged(1.0, context, age=signal_age * SECOND)
    assert isinstance(verdict, OrderIntent)
    assert verdict.confidence_bps == 7_500


@given(
    confidence=st.floats(0, 1),
    won=st.integers(0, 10**6),
    lost=st.integers(0, 10**6),
    trips=st.integers(0, 10**6),
    spread=st.integers(0, PRICE),
    age=st.integers(-(10**9), 10**10),
)
def test_nothing_makes_a_signal_stronger_than_it_says_it_is(
    confidence: float, won: int, lost: int, trips: int, *, spread: int, age: int
) -> None:
    """Each share is between 0 and 1, whatever the facts."""
    context = signal_context(record=record(won, lost, trips), quote=quote(spread=spread))
    verdict = judged(confidence, context, age=age)
    if isinstance(verdict, OrderIntent):
        assert 3_000 <= verdict.confidence_bps <= confidence * WHOLE
    else:
        assert verdict.rule is RefusalRule.CONFIDENCE
