"""Which instruments move together: correlations of sampled returns, within bounds. Pure.

What is not known to move by itself counts as moving along: an instrument with few samples, with a
hole in them or with a price that stands still, one beyond the number that is followed, and all of
them after a restart.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Set
from itertools import islice
from math import sqrt
from operator import mul
from typing import Final

import msgspec

from genesis.domain.market import Quote
from genesis.limits import CORRELATED_INSTRUMENTS_MAX, RETURNS_KEPT, RETURNS_MIN
from genesis.units import Nanos

BASIS_POINTS: Final = 10_000


class CorrelationRules(msgspec.Struct, frozen=True, kw_only=True):
    """Returns over `period` correlated by `threshold_bps` or more are of one direction.

    A quote older than `age_max` is a hole in the samples.
    """

    threshold_bps: int
    period: Nanos
    age_max: Nanos


class Correlations:
    """Quotes go in; `apart_from` tells who is known to move by himself."""

    def __init__(self, rules: CorrelationRules) -> None:
        self._rules = rules
        self._threshold = rules.threshold_bps / BASIS_POINTS
        self._sampled_at: Nanos = 0
        self._prices: dict[str, int] = {}
        self._returns: dict[str, deque[float]] = {}
        self._apart: dict[str, set[str]] = {}
        self._unjudged: Iterator[tuple[str, str]] | None = None

    def apart_from(self, symbol: str) -> Set[str]:
        """Return the instruments that are known not to move together with this one."""
        return self._apart.get(symbol, _NOBODY)

    def sample(self, quotes: Mapping[str, Quote], now: Nanos) -> None:
        """Take the market's present prices, if the time for it has come."""
        if now - self._sampled_at < self._rules.period:
            return
        self._sampled_at = now
        for symbol, quote in quotes.items():
            if symbol in self._prices or len(self._prices) < CORRELATED_INSTRUMENTS_MAX:
                self._take(symbol, quote, now)
        for symbol in self._prices.keys() - quotes.keys():
            self._forget(symbol)
        if self._unjudged is None:  # else what was begun is finished first
            self._unjudged = self._pairs()

    def judge_pairs(self, count: int) -> None:
        """Judge so many pairs anew: a part of the work at a time, since orders wait meanwhile."""
        unjudged = self._unjudged
        if unjudged is None:
            return
        judged = 0
        for symbol, other in islice(unjudged, count):
            self._judge(symbol, other)
            judged += 1
        if judged < count:
            self._unjudged = None

    def _pairs(self) -> Iterator[tuple[str, str]]:
        symbols = tuple(self._returns)
        for place, symbol in enumerate(symbols):
            for other in symbols[:place]:
                yield symbol, other

    def _take(self, symbol: str, quote: Quote, now: Nanos) -> None:
        if now - quote.received_at > self._rules.age_max:
            self._forget(symbol)
            return
        price = quote.bid_price + quote.ask_price
        before = self._prices.get(symbol)
        self._prices[symbol] = price
        if before is not None and before > 0:
            returns = self._returns.setdefault(symbol, deque(maxlen=RETURNS_KEPT))
            returns.append((price - before) / before)

    def _forget(self, symbol: str) -> None:
        """Begin anew with one instrument: samples with a hole are not of the same moments."""
        self._prices.pop(symbol, None)
        self._returns.pop(symbol, None)
        for other in self._apart.pop(symbol, ()):
            self._apart[other].discard(symbol)

    def _judge(self, symbol: str, other: str) -> None:
        ours, theirs = self._returns.get(symbol), self._returns.get(other)
        if ours is None or theirs is None:
            return
        correlation = correlate(ours, theirs)
        if correlation is not None and correlation < self._threshold:
            self._apart.setdefault(symbol, set()).add(other)
            self._apart.setdefault(other, set()).add(symbol)
        elif other in self._apart.get(symbol, _NOBODY):
            self._apart[symbol].discard(other)
            self._apart[other].discard(symbol)


def correlate(ours: deque[float], theirs: deque[float]) -> float | None:
    """Return the correlation of the latest returns that both have; None where it says nothing.

    That is with fewer than `RETURNS_MIN`, or where one of the prices stood still.
    """
    count = min(len(ours), len(theirs))
    if count < RETURNS_MIN:
        return None
    left, right = list(ours)[-count:], list(theirs)[-count:]
    mean_left, mean_right = sum(left) / count, sum(right) / count
    spread_left = sum(map(mul, left, left)) / count - mean_left * mean_left
    spread_right = sum(map(mul, right, right)) / count - mean_right * mean_right
    if spread_left <= _STILL or spread_right <= _STILL:
        return None
    together: float = sum(map(mul, left, right)) / count - mean_left * mean_right
    return together / sqrt(spread_left * spread_right)


_NOBODY: Final[frozenset[str]] = frozenset()
_STILL: Final = 1e-18
"""A variance of returns below which a price has not moved, but for rounding."""
