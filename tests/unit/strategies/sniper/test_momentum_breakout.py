"""A close beyond the range is a breakout; what happens within it is not."""

from genesis.domain.orders import SignalAction
from genesis.strategies.base import ParameterValue
from genesis.units import SCALE
from tests.support.builders import PRICE
from tests.support.strategy_builders import feed, make, quotes_of, trade

RANGE = [PRICE + (row * 37 % 20 - 10) * SCALE for row in range(60)]
RULES: dict[str, ParameterValue] = {
    "entry_period": 20,
    "exit_period": 10,
    "hold_max_s": 3600.0,
    "target_bps": 5000,
}


def test_a_range_is_not_traded() -> None:
    """Prices that stay within what was already seen cause nothing."""
    assert feed(make("momentum_breakout", RULES), quotes_of(RANGE)) == []


def test_a_breakout_is_entered_and_its_failure_left() -> None:
    """A close above the range enters; a close below the shorter range's low leaves."""
    burst = [PRICE + (15 + 5 * row) * SCALE for row in range(15)]
    fall = [PRICE - 40 * SCALE] * 3
    signals = trade(make("momentum_breakout", RULES), quotes_of(RANGE + burst + fall))

    assert [signal.action for signal in signals] == [SignalAction.ENTER, SignalAction.EXIT]
    assert 0.5 <= signals[0].confidence <= 1.0


def test_a_tick_above_a_flat_market_is_no_breakout_by_itself() -> None:
    """The excess must be worth a share of the average true range."""
    rules = RULES | {"buffer_atr": 2.0}
    assert feed(make("momentum_breakout", rules), quotes_of([*RANGE, PRICE + 11 * SCALE] * 2)) == []


def test_any_move_out_of_a_motionless_market_counts() -> None:
    """Without any range there is nothing to measure by: the first step upward is certain."""
    middles = [PRICE] * 40 + [PRICE + SCALE] * 2
    (signal,) = feed(make("momentum_breakout", RULES), quotes_of(middles))

    assert signal.confidence > 0.9
