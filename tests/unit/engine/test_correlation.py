"""Who moves together: what is not known to move by itself moves along."""

import random
from collections import deque
from statistics import correlation

from hypothesis import given
from hypothesis import strategies as st

from genesis.engine.correlation import CorrelationRules, Correlations, correlate
from genesis.limits import CORRELATED_INSTRUMENTS_MAX, RETURNS_KEPT, RETURNS_MIN
from tests.support.builders import NOW, PRICE, SECOND, quote

RULES = CorrelationRules(threshold_bps=5_000, period=5 * SECOND, age_max=60 * SECOND)


class Scene:
    """Prices of three instruments: two that follow each other, and one by itself."""

    def __init__(self) -> None:
        self.correlations = Correlations(RULES)
        self.now = NOW
        self._chance = random.Random(1)
        self._prices = {"BTCUSDT": PRICE, "ETHUSDT": PRICE // 20, "SOLUSDT": PRICE // 400}

    def sample(self, count: int, *, without: str = "") -> "Scene":
        """Let prices move, and be sampled, so many times."""
        for _ in range(count):
            common, own = self._chance.gauss(0, 1e-3), self._chance.gauss(0, 1e-3)
            moves = {"BTCUSDT": common, "ETHUSDT": common * 1.2 + own / 10, "SOLUSDT": own}
            for symbol, move in moves.items():
                self._prices[symbol] += int(self._prices[symbol] * move)
            self.now += RULES.period
            quotes = {
                symbol: quote(middle=price, received_at=self.now, spread=2)
                for symbol, price in self._prices.items()
                if symbol != without
            }
            self.correlations.sample(quotes, self.now)
            self.correlations.judge_pairs(3)
            self.correlations.judge_pairs(3)
        return self

    def apart(self, symbol: str) -> set[str]:
        return set(self.correlations.apart_from(symbol))


def test_instruments_are_together_until_enough_is_known() -> None:
    """The first sample has no return; from the least number of returns on the data speak."""
    scene = Scene().sample(RETURNS_MIN)
    assert scene.apart("BTCUSDT") == scene.apart("SOLUSDT") == set()
    scene.sample(1)
    assert scene.apart("BTCUSDT") == scene.apart("ETHUSDT") == {"SOLUSDT"}
    assert scene.apart("SOLUSDT") == {"BTCUSDT", "ETHUSDT"}
    assert scene.apart("XRPUSDT") == set(), "one of which nothing is known moves along"


def test_a_hole_in_the_samples_begins_anew() -> None:
    """Returns of other moments prove nothing: the instrument moves along again."""
    scene = Scene().sample(RETURNS_MIN + 1)
    scene.sample(1, without="SOLUSDT")
    assert scene.apart("BTCUSDT") == scene.apart("SOLUSDT") == set()
    assert scene.sample(RETURNS_MIN + 1).apart("SOLUSDT") == {"BTCUSDT", "ETHUSDT"}


def test_a_quote_that_is_too_old_is_a_hole() -> None:
    """A price that nobody confirms is not one that stands still."""
    scene = Scene().sample(RETURNS_MIN + 1)
    stale = {
        symbol: quote(received_at=scene.now - RULES.age_max)
        for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    }
    scene.correlations.sample(stale, scene.now + RULES.period)
    assert scene.apart("SOLUSDT") == set()


def test_instruments_that_begin_to_move_together_are_found() -> None:
    """What was judged once is judged again with every sample."""
    scene = Scene().sample(RETURNS_MIN + 1)
    for step in range(2 * RETURNS_KEPT):
        scene.now += RULES.period
        middle = PRICE + step % 7 * 10**9
        both = {
            symbol: quote(middle=middle, received_at=scene.now)
            for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")
        }
        scene.correlations.sample(both, scene.now)
        scene.correlations.judge_pairs(3)
        scene.correlations.judge_pairs(3)
    assert scene.apart("SOLUSDT") == set()


def test_samples_and_instruments_are_bounded() -> None:
    """Time between samples is kept, and so is the number of instruments that are followed."""
    correlations = Correlations(RULES)
    many = {f"C{number}USDT": quote() for number in range(CORRELATED_INSTRUMENTS_MAX + 5)}
    for step in range(3 * RETURNS_KEPT):
        at = NOW + step * RULES.period // 2
        for each in many.values():
            each.received_at = at
        correlations.sample(many, at)
    assert len(correlations._returns) == CORRELATED_INSTRUMENTS_MAX
    assert max(map(len, correlations._returns.values())) == RETURNS_KEPT


returns = st.lists(st.floats(-0.1, 0.1), min_size=RETURNS_MIN, max_size=RETURNS_KEPT)


@given(returns, returns)
def test_a_correlation_is_that_of_the_textbook(ours: list[float], theirs: list[float]) -> None:
    """Of the latest returns that both have; a price that stands still has none."""
    found = correlate(deque(ours), deque(theirs))
    count = min(len(ours), len(theirs))
    left, right = ours[-count:], theirs[-count:]
    if found is None:
        assert max(left) - min(left) < 1e-6 or max(right) - min(right) < 1e-6
    elif min(max(left) - min(left), max(right) - min(right)) > 1e-4:
        assert abs(found - correlation(left, right)) < 1e-6
    assert correlate(deque(ours[: RETURNS_MIN - 1]), deque(theirs)) is None
