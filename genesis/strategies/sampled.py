"""Round trips decided on samples of the price: rules that mean seconds, not quotes. Pure."""

from abc import ABC
from typing import Annotated

import msgspec

from genesis.analytics.market_indicators import IndicatorRequests, Sampler
from genesis.strategies.round_trip import RoundTripParameters, RoundTripStrategy


class SampledParameters(RoundTripParameters, frozen=True, kw_only=True):
    """Parameters of kinds that decide once a sample."""

    sample_ms: Annotated[int, msgspec.Meta(ge=10, le=3_600_000)] = 1_000
    """Interval of the price samples that the indicators see, ms."""


class SampledStrategy(RoundTripStrategy, ABC):
    """A round trip whose conviction is asked for once a sample."""

    parameters: SampledParameters

    def bind(self, indicators: IndicatorRequests) -> None:
        """Take the sampler; kinds extend this by the indicators they want of it."""
        self.sampler: Sampler = indicators.sampler(self.parameters.sample_ms)

    @property
    def news(self) -> int:
        """The count of complete samples."""
        return self.sampler.count
