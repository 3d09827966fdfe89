"""How much an instrument moves, from what its quotes say."""

import math
import random

from genesis.engine.signals.volatility import Volatility
from genesis.limits import VOLATILITY_SAMPLES_MIN, VOLATILITY_SPACING
from genesis.units import NANOS_PER_MS, SCALE, Nanos, Price
from tests.support.builders import NOW, PRICE, quote


def show(volatility: Volatility, price: Price, now: Nanos, quoted_at: Nanos | None = None) -> None:
    """Show a market of one instrument."""
    received_at = now if quoted_at is None else quoted_at
    volatility.learn({0: quote(0, price, received_at, spread=0)}, now)


def test_a_price_that_jumps_up_and_down_by_hand() -> None:
    """1 % in 5 s, again and again, is 26.8 % in an hour: 0.01 * sqrt(3600 / 5)."""
    volatility = Volatility()
    for step in range(VOLATILITY_SAMPLES_MIN + 1):
        assert volatility.hourly_ppm(0) == 0, "nothing is told of too few samples"
        price = PRICE if step % 2 else PRICE * 99 // 100
        show(volatility, price, NOW + step * VOLATILITY_SPACING)
    assert abs(volatility.hourly_ppm(0) - 268_328) < 1_500
    assert volatility.hourly_ppm(1) == 0


def test_a_random_walk_is_recognised() -> None:
    """The estimate is near the movement that made the prices, whatever the pace of quotes."""
    chance = random.Random(7)
    volatility = Volatility()
    price, now, hourly = float(PRICE), NOW, 0.005
    for _ in range(4_000):
        now += 250 * NANOS_PER_MS
        price *= 1 + chance.gauss(0, hourly * math.sqrt(0.25 / 3600))
        show(volatility, round(price), now)
    assert 3_500 < volatility.hourly_ppm(0) < 6_500


def test_a_calm_market_moves_by_the_least_that_can_be_told() -> None:
    """0 would say that nothing is known."""
    volatility = Volatility()
    for step in range(VOLATILITY_SAMPLES_MIN + 1):
        show(volatility, PRICE, NOW + step * VOLATILITY_SPACING)
    assert volatility.hourly_ppm(0) == 1


def test_silence_is_no_calm() -> None:
    """Without a new quote there is no sample; the move behind a gap counts by the whole gap."""
    steady, silent = Volatility(), Volatility()
    price, now = PRICE, NOW
    for step in range(2 * VOLATILITY_SAMPLES_MIN + 1):
        now = NOW + step * VOLATILITY_SPACING
        price = PRICE if step % 2 else PRICE * 99 // 100
        show(steady, price, now)
        show(silent, price, now)
    before = silent.hourly_ppm(0)
    quoted_at = now
    for _ in range(100):
        now += VOLATILITY_SPACING
        show(silent, price, now, quoted_at)
        show(steady, price, now)
    assert silent.hourly_ppm(0) == before
    assert steady.hourly_ppm(0) < before // 2
    show(silent, price * 101 // 100, now + VOLATILITY_SPACING)
    assert silent.hourly_ppm(0) < before, "1 % in 500 s is little"


def test_samples_come_at_a_bounded_rate() -> None:
    """However often the market is shown, only what is due is looked at."""
    often, seldom = Volatility(), Volatility()
    for step in range(40 * VOLATILITY_SAMPLES_MIN):
        now = NOW + step * VOLATILITY_SPACING // 10
        price = PRICE + (step % 13) * SCALE
        show(often, price, now)
        if step % 10 == 0:
            show(seldom, price, now)
    assert often.hourly_ppm(0) == seldom.hourly_ppm(0) > 0
