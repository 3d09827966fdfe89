"""Windows agree with slow and exact computations of the same figures."""

import json
from fractions import Fraction
from math import isclose, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.analytics.rolling import RollingExtreme, RollingMoments

PRICES = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=120)
PERIODS = st.integers(1, 30)


@given(PRICES, PERIODS)
def test_moments_equal_exact_ones(prices: list[float], period: int) -> None:
    """Mean and variance are those of the last `period` observations, whatever came before."""
    moments = RollingMoments(period)
    for seen, price in enumerate(prices, 1):
        moments.update(price)

        window = [Fraction(one) for one in prices[max(0, seen - period) : seen]]
        mean = sum(window) / len(window)
        variance = sum((one - mean) ** 2 for one in window) / len(window)
        scale = max(prices)
        assert isclose(moments.mean, float(mean), rel_tol=1e-9, abs_tol=1e-9 * scale)
        assert isclose(moments.deviation, sqrt(variance), rel_tol=1e-6, abs_tol=1e-6 * scale)
        assert moments.full is (seen >= period)


def test_moments_keep_the_cents_of_a_large_price() -> None:
    """A price of 60 000 that moves by a cent has a deviation of half a cent, a million steps on.

    The textbook formula, mean of squares less square of the mean, has lost every digit by then.
    """
    moments = RollingMoments(20)
    for step in range(100_000):
        moments.update(60_000.0 + 0.01 * (step % 2))

    assert isclose(moments.deviation, 0.005, rel_tol=1e-6)


def test_a_flat_market_has_no_deviation() -> None:
    """Rounding never makes a variance negative."""
    moments = RollingMoments(3)
    for price in (1e6, 1e-6, 0.1, 0.1, 0.1, 0.1, 0.1):
        moments.update(price)

    assert 0.0 <= moments.variance < 1e-30


@given(PRICES, PERIODS)
def test_extremes_equal_those_of_the_window(prices: list[float], period: int) -> None:
    """The extremes are those of the last `period` observations."""
    highest, lowest = RollingExtreme.highest(period), RollingExtreme.lowest(period)
    for seen, price in enumerate(prices, 1):
        highest.update(price)
        lowest.update(price)

        window = prices[max(0, seen - period) : seen]
        assert highest.value == max(window)
        assert lowest.value == min(window)
        assert highest.full is (seen >= period)


def test_empty_windows_read_zero() -> None:
    """Before the first observation there is nothing to say, and asking is no error."""
    assert RollingMoments(3).deviation == 0.0
    assert RollingExtreme.highest(3).value == 0.0


@given(PRICES, PERIODS, st.data())
def test_restored_windows_go_on_bit_for_bit(
    prices: list[float], period: int, data: st.DataObject
) -> None:
    """A snapshot that went through JSON continues exactly as the original does."""
    cut = data.draw(st.integers(0, len(prices)))
    moments, extreme = RollingMoments(period), RollingExtreme.highest(period)
    for price in prices[:cut]:
        moments.update(price)
        extreme.update(price)
    moments_copy, extreme_copy = RollingMoments(period), RollingExtreme.highest(period)
    moments_copy.restore(json.loads(json.dumps(moments.snapshot())))
    extreme_copy.restore(json.loads(json.dumps(extreme.snapshot())))
    for price in prices[cut:]:
        for one in (moments, moments_copy):
            one.update(price)
        for other in (extreme, extreme_copy):
            other.update(price)

    assert moments_copy.snapshot() == moments.snapshot()
    assert extreme_copy.snapshot() == extreme.snapshot()


def test_a_window_of_another_period_is_refused() -> None:
    """A snapshot with more observations than the window holds is of another window."""
    moments = RollingMoments(5)
    for price in range(5):
        moments.update(float(price))

    with pytest.raises(AssertionError):
        RollingMoments(3).restore(moments.snapshot())
