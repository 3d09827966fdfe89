"""Indicators on live quotes: what they see, that they are shared, and restored exactly."""

import json
from math import isclose, isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.analytics.indicators import Bollinger, Ema
from genesis.analytics.market_indicators import (
    IndicatorPool,
    IndicatorRequests,
    MarketIndicators,
    Sampler,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, SCALE
from tests.support.builders import PRICE
from tests.support.strategy_builders import quotes_of

MIDDLES = st.lists(st.integers(59_000, 61_000).map(lambda units: units * SCALE), max_size=60)
SECOND = NANOS_PER_SECOND


@given(MIDDLES, st.integers(1, 10))
def test_an_average_of_quotes_is_the_average_of_mid_prices(middles: list[int], period: int) -> None:
    """Kept as a distance from the price, it is still the exponential moving average."""
    market, plain = MarketIndicators(0), Ema(period)
    ema = market.ema(period)
    for quote in quotes_of(middles):
        market.update(quote)
        plain.update((quote.bid_price + quote.ask_price) / 2 / SCALE)

        assert ema.ready is plain.ready
        if ema.ready:
            assert isclose(ema.value, plain.value, rel_tol=1e-12)
        else:
            assert isnan(ema.value)
            assert isnan(ema.offset)


def test_averages_compare_by_offset_as_by_value() -> None:
    """Which of two averages is higher can be read off their offsets."""
    market = MarketIndicators(0)
    fast, slow = market.ema(3), market.ema(9)
    for quote in quotes_of([PRICE + step * step % 17 * SCALE for step in range(200)]):
        market.update(quote)  # until both are ready, neither is higher

        assert (fast.offset > slow.offset) is (fast.value > slow.value)


def test_an_average_asked_for_late_warms_up_by_itself() -> None:
    """Averages that are ready and averages that are not take the same quotes."""
    market = MarketIndicators(0)
    early = market.ema(2)
    for quote in quotes_of([PRICE, PRICE + SCALE, PRICE]):
        market.update(quote)
    late = market.ema(5)
    assert early.ready
    assert not late.ready

    for quote in quotes_of([PRICE + 7 * SCALE] * 5):
        market.update(quote)

    assert late.ready
    assert late.value == (PRICE + 7 * SCALE) / SCALE


def test_equal_requests_get_one_object() -> None:
    """What two strategies ask for with the same parameters is computed once."""
    pool = IndicatorPool()
    one, other = pool.market(0), pool.market(0)
    assert one.ema(12) is other.ema(12)
    assert one.ema(12) is not other.ema(13)
    assert one.sampler(500) is other.sampler(500)
    sampler = one.sampler(500)
    assert sampler.ema(5) is sampler.ema(5)
    assert sampler.rsi(5) is sampler.rsi(5)
    assert sampler.atr(5) is sampler.atr(5)
    assert sampler.channel(5) is sampler.channel(5)
    assert sampler.bollinger(5, 2.0) is sampler.bollinger(5, 2.0)
    assert sampler.bollinger(5, 2.0) is not sampler.bollinger(5, 2.5)
    assert pool.market(1).ema(12) is not one.ema(12)


def test_a_sample_is_complete_with_the_first_price_after_its_interval() -> None:
    """High, low and close are those of the interval; the price that ends it belongs to the next."""
    sampler = Sampler(1_000)
    for price, at_ms in [(10.0, 0), (14.0, 300), (9.0, 600), (11.0, 999)]:
        sampler.update(price, SECOND + at_ms * NANOS_PER_MS)
    assert sampler.count == 0

    sampler.update(50.0, 2 * SECOND)

    assert (sampler.count, sampler.high, sampler.low, sampler.close) == (1, 14.0, 9.0, 11.0)


def test_intervals_without_a_quote_make_no_sample() -> None:
    """Silence is one step in `count`, however long it was."""
    sampler = Sampler(100)
    sampler.update(10.0, SECOND)
    sampler.update(11.0, 9 * SECOND)
    sampler.update(12.0, 10 * SECOND)

    assert (sampler.count, sampler.close) == (2, 11.0)


def test_time_that_steps_back_stays_in_the_open_interval() -> None:
    """A quote that is older than the interval being filled is a price of that interval."""
    sampler = Sampler(1_000)
    sampler.update(10.0, 5 * SECOND)
    sampler.update(3.0, 4 * SECOND)
    sampler.update(10.0, 6 * SECOND)

    assert (sampler.count, sampler.low) == (1, 3.0)


def test_sampled_indicators_see_closes() -> None:
    """An indicator of a sampler is updated once a sample, with its close."""
    market, plain = MarketIndicators(0), Bollinger(3, 2.0)
    bands = market.sampler(1_000).bollinger(3, 2.0)
    middles = [PRICE + step * step % 7 * SCALE for step in range(40)]
    for quote in quotes_of(middles, spacing_ms=500):
        market.update(quote)
    for middle in middles[1:-1:2]:
        plain.update(middle / SCALE)

    assert bands.ready
    assert isclose(bands.upper, plain.upper, rel_tol=1e-12)


def test_an_interval_of_nothing_is_refused() -> None:
    """A sampler needs an interval."""
    with pytest.raises(ValueError, match="below 1 ms"):
        Sampler(0)


def test_the_spread_is_told_in_basis_points() -> None:
    """A spread of 6 on 60 000 is one basis point; without a quote there is none."""
    market = MarketIndicators(0)
    assert market.spread_bps == 0.0
    market.update(quotes_of([PRICE], spread=6 * SCALE)[0])
    assert isclose(market.spread_bps, 1.0, rel_tol=1e-9)


def request_all(market: MarketIndicators) -> IndicatorRequests:
    """Ask for one indicator of every sort."""
    requests = IndicatorRequests(market)
    requests.ema(4)
    requests.ema(40)
    sampler = requests.sampler(700)
    sampler.ema(3)
    sampler.rsi(3)
    sampler.bollinger(4, 1.5)
    sampler.atr(3)
    sampler.channel(3)
    return requests


QUOTES = quotes_of(
    [PRICE + (step * 7919) % 101 * SCALE // 10 for step in range(60)], spacing_ms=130
)


@pytest.mark.parametrize("cut", [0, 1, 5, 30, 59])
def test_restored_indicators_go_on_bit_for_bit(cut: int) -> None:
    """States that went through JSON into a fresh pool continue exactly as the original does."""
    original = MarketIndicators(0)
    requests = request_all(original)
    for quote in QUOTES[:cut]:
        original.update(quote)

    states = json.loads(json.dumps(requests.snapshot()))
    pool = IndicatorPool()
    copy = pool.adopt(0, states)
    copy_requests = request_all(copy)
    for quote in QUOTES[cut:]:
        original.update(quote)
        for market in pool.sets(0):
            market.update(quote)

    assert copy is pool.market(0)
    assert copy_requests.snapshot() == requests.snapshot()
    assert json.dumps(copy_requests.snapshot()) == json.dumps(requests.snapshot())


def test_a_snapshot_holds_what_was_asked_for_and_no_more() -> None:
    """One strategy's snapshot does not carry another's averages."""
    pool = IndicatorPool()
    mine, theirs = IndicatorRequests(pool.market(0)), IndicatorRequests(pool.market(0))
    mine.ema(5)
    theirs.ema(50)
    theirs.sampler(1_000)

    assert set(mine.snapshot()) == {"quote/head", "quote/ema/5"}
    assert set(theirs.snapshot()) == {"quote/head", "quote/ema/50", "1000/head"}


def test_states_that_agree_share_and_states_that_differ_do_not() -> None:
    """Restored indicators are shared again if they are equal, and never mixed if they are not."""
    market = MarketIndicators(0)
    requests = request_all(market)
    for quote in QUOTES[:30]:
        market.update(quote)
    earlier = requests.snapshot()
    for quote in QUOTES[30:]:
        market.update(quote)
    later = requests.snapshot()

    pool = IndicatorPool()
    first, second, apart = (pool.adopt(0, states) for states in (later, later, earlier))

    assert first is second is pool.market(0)
    assert apart is not first
    assert pool.sets(0) == [first, apart]


@pytest.mark.parametrize("key", ["quote/rsi/5", "1000/magic/3", "hour/ema/3"])
def test_unknown_states_are_refused(key: str) -> None:
    """A state of a program with other indicators is named, not skipped."""
    with pytest.raises(ValueError, match=r"indicator|invalid literal"):
        IndicatorPool().adopt(0, {key: [1.0]})
