"""A fall out of the band is bought if it is oversold, and sold at the mean."""

import pytest

from genesis.domain.orders import SignalAction
from genesis.strategies.base import ParameterValue
from genesis.units import SCALE
from tests.support.builders import PRICE
from tests.support.strategy_builders import feed, make, quotes_of, trade

CALM = [PRICE + (row * 37 % 10 - 5) * SCALE for row in range(60)]
DIP = [PRICE - 8 * row * SCALE for row in range(1, 6)]
BACK = [PRICE + SCALE] * 30
RULES: dict[str, ParameterValue] = {"hold_max_s": 3600.0, "stop_bps": 5000, "target_bps": 5000}


def test_a_dip_is_bought_and_sold_at_the_mean() -> None:
    """Below the lower band and oversold: in. At or above the middle band: out."""
    signals = trade(make("mean_reversion", RULES), quotes_of(CALM + DIP + BACK))

    assert [signal.action for signal in signals] == [SignalAction.ENTER, SignalAction.EXIT]
    assert 0.5 <= signals[0].confidence <= 1.0


def test_a_calm_market_is_not_traded() -> None:
    """Within the bands there is nothing to revert."""
    assert feed(make("mean_reversion", RULES | {"band_width": 3.0}), quotes_of(CALM * 3)) == []


def test_a_touch_of_the_band_alone_is_no_signal() -> None:
    """Without an oversold index a price below the band is let go."""
    assert feed(make("mean_reversion", RULES | {"oversold": 0.5}), quotes_of(CALM + DIP)) == []


def test_nothing_before_the_indicators_are_warm() -> None:
    """There is no signal while the window is not full."""
    assert feed(make("mean_reversion", RULES), quotes_of(CALM[:10] + DIP)) == []


@pytest.mark.parametrize("oversold", [0.0, 50.0])
def test_bounds_are_in_the_type(oversold: float) -> None:
    """An index that is oversold at its neutral value is no such index."""
    with pytest.raises(ValueError, match="oversold"):
        make("mean_reversion", {"oversold": oversold})
