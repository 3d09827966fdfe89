"""The averages' crossing is the signal, not their standing."""

import pytest

from genesis.domain.orders import SignalAction
from genesis.strategies.base import ParameterValue
from genesis.units import SCALE
from tests.support.builders import PRICE
from tests.support.strategy_builders import feed, make, quotes_of, trade

UP = [PRICE + 10 * row * SCALE for row in range(60)]
DOWN = [PRICE - 10 * row * SCALE for row in range(60)]
RULES: dict[str, ParameterValue] = {
    "fast_period": 3,
    "slow_period": 10,
    "hold_max_s": 3600.0,
    "target_bps": 5000,
}


def test_a_trend_that_turns_upward_is_entered_once() -> None:
    """The fast average crosses above the slow one: one entry, however long it rises then."""
    middles = DOWN + [DOWN[-1] + 10 * row * SCALE for row in range(100)]
    signals = trade(make("ema_cross", RULES), quotes_of(middles))

    assert [signal.action for signal in signals] == [SignalAction.ENTER]
    assert 0.5 <= signals[0].confidence <= 1.0


def test_a_trend_that_turns_back_is_left() -> None:
    """When the fast average falls below the slow one again, the position is closed."""
    top = DOWN[-1] + 1_000 * SCALE
    middles = [*DOWN, *range(DOWN[-1], top, 10 * SCALE), *range(top, DOWN[-1], -10 * SCALE)]
    signals = trade(make("ema_cross", RULES), quotes_of(middles))

    assert [signal.action for signal in signals] == [SignalAction.ENTER, SignalAction.EXIT]


def test_a_trend_that_was_there_before_is_not_entered() -> None:
    """A strategy that starts in a rising market has seen no crossing."""
    assert feed(make("ema_cross", RULES), quotes_of(UP)) == []


def test_noise_within_the_margin_is_no_crossing() -> None:
    """The averages of a market that only trembles do not part by the margin."""
    middles = [PRICE + row % 2 * SCALE // 100 for row in range(200)]
    assert feed(make("ema_cross", RULES | {"margin_bps": 1.0}), quotes_of(middles)) == []


def test_nothing_before_the_averages_are_warm() -> None:
    """There is no signal within the first `slow_period` samples."""
    middles = [*DOWN[:5], *UP[:4]]
    assert feed(make("ema_cross", RULES), quotes_of(middles)) == []


def test_the_fast_average_must_be_the_faster_one() -> None:
    """Periods in the wrong order are refused with a message that names both."""
    with pytest.raises(ValueError, match="fast_period 9 must be below slow_period 9"):
        make("ema_cross", {"fast_period": 9, "slow_period": 9})
