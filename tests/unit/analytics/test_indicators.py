"""Each indicator equals its definition, written down naively, on any input."""

import json
from collections.abc import Callable
from itertools import pairwise
from math import isclose
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.analytics.indicators import (
    Atr,
    Bollinger,
    Channel,
    Ema,
    Indicator,
    Rsi,
    WilderAverage,
    book_imbalance,
)

PRICES = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=80)
PERIODS = st.integers(1, 20)
SAMPLES = st.lists(
    st.tuples(st.floats(1, 1e5), st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=60
).map(lambda rows: [(close + up, close - down, close) for close, up, down in rows])


def close_to(value: float, expected: float) -> bool:
    """Compare up to what rounding may do."""
    return isclose(value, expected, rel_tol=1e-9, abs_tol=1e-6)


def naive_wilder(values: list[float], period: int) -> float:
    """Return Wilder's average of a whole series: a mean, then `(last * (n - 1) + x) / n`."""
    if len(values) <= period:
        return fmean(values)
    average = fmean(values[:period])
    for value in values[period:]:
        average = (average * (period - 1) + value) / period
    return average


@given(PRICES, PERIODS)
def test_ema_is_the_weighted_sum_of_its_past(prices: list[float], period: int) -> None:
    """An average is `sum(alpha * (1 - alpha)^k * x_k)`, with the rest of the weight on the seed."""
    ema = Ema(period)
    for price in prices:
        ema.update(price)

    alpha = 2 / (period + 1)
    steps = len(prices) - 1
    expected = prices[0] * (1 - alpha) ** steps + sum(
        alpha * (1 - alpha) ** (steps - row) * price for row, price in enumerate(prices) if row
    )
    assert close_to(ema.value, expected)
    assert ema.ready is (len(prices) >= period)


@given(PRICES, PERIODS)
def test_wilder_average_is_its_recurrence(prices: list[float], period: int) -> None:
    """The running form equals Wilder's own."""
    average = WilderAverage(period)
    for price in prices:
        average.update(price)

    assert close_to(average.value, naive_wilder(prices, period))
    assert average.ready is (len(prices) >= period)


@given(PRICES, PERIODS)
def test_rsi_is_wilders_formula(prices: list[float], period: int) -> None:
    """The index is `100 - 100 / (1 + gain / loss)`, and always within 0 and 100."""
    rsi = Rsi(period)
    for price in prices:
        rsi.update(price)

    changes = [after - before for before, after in pairwise(prices)]
    gain = naive_wilder([max(change, 0.0) for change in changes], period) if changes else 0.0
    loss = naive_wilder([max(-change, 0.0) for change in changes], period) if changes else 0.0
    assert rsi.ready is (len(changes) >= period)
    assert 0.0 <= rsi.value <= 100.0
    if loss > 1e-6 and gain > 1e-6:
        assert isclose(rsi.value, 100 - 100 / (1 + gain / loss), rel_tol=1e-6)


@pytest.mark.parametrize(
    ("prices", "expected"),
    [([5.0, 5.0, 5.0], 50.0), ([1.0, 2.0, 3.0], 100.0), ([3.0, 2.0, 1.0], 0.0)],
    ids=["flat", "only rises", "only falls"],
)
def test_rsi_has_no_division_by_zero(prices: list[float], expected: float) -> None:
    """A market that only rises, only falls or stands still has an index."""
    rsi = Rsi(2)
    for price in prices:
        rsi.update(price)

    assert rsi.value == expected


def test_rsi_of_wilders_example() -> None:
    """Wilder's 14-day index of a well-known price series is 70.46 on its 15th day.

    The series is the worked example that charting manuals reproduce; the first value is 70.46 with
    unrounded averages.
    """
    series = [
        44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245,
        45.8433, 46.0826, 45.8931, 46.0328, 45.6140, 46.2820, 46.2820,
    ]  # fmt: skip
    rsi = Rsi(14)
    for price in series:
        rsi.update(price)

    assert rsi.ready
    assert round(rsi.value, 1) == 70.5


@given(PRICES, st.integers(2, 20), st.floats(0.1, 5))
def test_bollinger_bands_are_mean_and_deviations(
    prices: list[float], period: int, width: float
) -> None:
    """The bands lie `width` population deviations around the mean of the window."""
    bands = Bollinger(period, width)
    for price in prices:
        bands.update(price)

    window = prices[-period:]
    sigma = pstdev(window)
    assert close_to(bands.middle, fmean(window))
    tolerance = 1e-6 * max(prices)
    assert isclose(bands.upper, fmean(window) + width * sigma, rel_tol=1e-6, abs_tol=tolerance)
    assert isclose(bands.lower, fmean(window) - width * sigma, rel_tol=1e-6, abs_tol=tolerance)
    assert bands.ready is (len(prices) >= period)


@given(SAMPLES, PERIODS)
def test_atr_averages_true_ranges(samples: list[tuple[float, float, float]], period: int) -> None:
    """A true range reaches from the extremes of the sample to the last close."""
    atr = Atr(period)
    for sample in samples:
        atr.update(*sample)

    ranges = [samples[0][0] - samples[0][1]]
    for (_, _, last), (high, low, _) in pairwise(samples):
        ranges.append(max(high - low, abs(high - last), abs(low - last)))
    assert close_to(atr.value, naive_wilder(ranges, period))
    assert atr.ready is (len(samples) >= period)


@given(SAMPLES, PERIODS)
def test_channel_spans_the_window(samples: list[tuple[float, float, float]], period: int) -> None:
    """The channel is the highest high and the lowest low of the last `period` samples."""
    channel = Channel(period)
    for high, low, _ in samples:
        channel.update(high, low)

    assert channel.high == max(high for high, _, _ in samples[-period:])
    assert channel.low == min(low for _, low, _ in samples[-period:])
    assert channel.ready is (len(samples) >= period)


@pytest.mark.parametrize(
    ("bid", "ask", "expected"), [(0, 0, 0.0), (1, 0, 1.0), (0, 2, -1.0), (3, 1, 0.5)]
)
def test_imbalance_is_the_share_that_is_bid(bid: float, ask: float, expected: float) -> None:
    """One side alone is 1 or -1, an empty book 0."""
    assert book_imbalance(bid, ask) == expected


MAKERS: list[Callable[[], Ema | Rsi | Bollinger]] = [
    lambda: Ema(4),
    lambda: Rsi(4),
    lambda: Bollinger(4, 2.0),
]


@pytest.mark.parametrize("make", MAKERS, ids=["ema", "rsi", "bollinger"])
@pytest.mark.parametrize("cut", [0, 1, 3, 4, 9])
def test_restored_indicators_go_on_bit_for_bit(
    make: Callable[[], Ema | Rsi | Bollinger], cut: int
) -> None:
    """A snapshot through JSON continues exactly, also one taken while warming up."""
    prices = [100.1, 100.7, 99.3, 98.2, 101.9, 102.4, 100.0, 97.1, 99.9, 100.3, 103.2]
    original, copy = make(), make()
    for price in prices[:cut]:
        original.update(price)
    copy.restore(json.loads(json.dumps(original.snapshot())))
    for price in prices[cut:]:
        assert copy.update(price) == original.update(price)

    assert copy.snapshot() == original.snapshot()
    assert copy.ready is original.ready


@pytest.mark.parametrize("cut", [0, 1, 3, 9])
def test_restored_range_indicators_go_on_bit_for_bit(cut: int) -> None:
    """The same holds for indicators of high, low and close."""
    samples = [(100.0 + row % 5, 99.0 - row % 3, 99.5 + row % 2) for row in range(14)]
    pairs: list[tuple[Indicator, Indicator]] = []
    atr, atr_copy, channel, channel_copy = Atr(3), Atr(3), Channel(3), Channel(3)
    for high, low, close in samples[:cut]:
        atr.update(high, low, close)
        channel.update(high, low)
    pairs += [(atr, atr_copy), (channel, channel_copy)]
    for original, copy in pairs:
        copy.restore(json.loads(json.dumps(original.snapshot())))
    for high, low, close in samples[cut:]:
        for one in (atr, atr_copy):
            one.update(high, low, close)
        for other in (channel, channel_copy):
            other.update(high, low)

    assert [copy.snapshot() for _, copy in pairs] == [one.snapshot() for one, _ in pairs]


@pytest.mark.parametrize(
    "make",
    [lambda: Ema(0), lambda: Rsi(0), lambda: Bollinger(1, 2.0), lambda: Bollinger(5, 0.0)],
)
def test_impossible_parameters_are_refused(make: Callable[[], object]) -> None:
    """A period of nothing and a band of no width are errors, not indicators."""
    with pytest.raises(ValueError, match=r"below|positive"):
        make()
