"""How much each instrument moves, estimated from quotes at a bounded rate. Exact integers. Pure.

The estimate is the mean square of returns between samples, each by the time that it took, with
weights that fall exponentially. The price at a sample is the middle of the latest quote; without a
new quote since the last sample there is none, and the next return spans both periods. Source for
the recursion: J.P. Morgan, RiskMetrics Technical Document (1996), section 5.3.
"""

from collections.abc import Mapping
from math import isqrt
from typing import Final

import msgspec

from genesis.domain.market import Quote
from genesis.limits import VOLATILITY_SAMPLES, VOLATILITY_SAMPLES_MIN, VOLATILITY_SPACING
from genesis.units import NANOS_PER_SECOND, Nanos, Price

_PARTS: Final = 10**9  # a return is counted in parts of a billion of the price
_PARTS_PER_PPM: Final = _PARTS // 10**6
_SECONDS_PER_HOUR: Final = 3_600


class _Estimate(msgspec.Struct, gc=False):
    """Of one instrument: the last sample, and the mean square of returns by the second."""

    price: Price
    quoted_at: Nanos
    sampled_at: Nanos
    samples: int = 0
    square_per_second: int = 0
    hourly_ppm: int = 0


class Volatility:
    """The movement of every instrument that is quoted."""

    def __init__(self) -> None:
        self._estimates: dict[int, _Estimate] = {}
        self._due_at: Nanos = 0

    def hourly_ppm(self, instrument_id: int) -> int:
        """Return one standard deviation of an hour's movement, in millionths of the price.

        0 means that too few samples have been seen to tell.
        """
        estimate = self._estimates.get(instrument_id)
        return 0 if estimate is None else estimate.hourly_ppm

    def learn(self, quotes: Mapping[int, Quote], now: Nanos) -> None:
        """Sample the market, once in `VOLATILITY_SPACING` however often it is shown."""
        if now < self._due_at:
            return
        self._due_at = now + VOLATILITY_SPACING
        for instrument_id, quote in quotes.items():
            price = (quote.bid_price + quote.ask_price) // 2
            estimate = self._estimates.get(instrument_id)
            if estimate is None:
                self._estimates[instrument_id] = _Estimate(price, quote.received_at, now)
            elif quote.received_at > estimate.quoted_at:
                _add(estimate, price, now)
                estimate.quoted_at = quote.received_at


def _add(estimate: _Estimate, price: Price, now: Nanos) -> None:
    moved = (price - estimate.price) * _PARTS // estimate.price
    square = moved * moved * NANOS_PER_SECOND // (now - estimate.sampled_at)
    estimate.price, estimate.sampled_at = price, now
    estimate.samples += 1
    weight = min(estimate.samples, VOLATILITY_SAMPLES)
    estimate.square_per_second += (square - estimate.square_per_second) // weight
    if estimate.samples >= VOLATILITY_SAMPLES_MIN:
        root = isqrt(estimate.square_per_second * _SECONDS_PER_HOUR)
        estimate.hourly_ppm = max(1, root // _PARTS_PER_PPM)
