"""Buy what has fallen too far too fast, sell when it is back at its mean. Pure."""

from typing import Annotated

import msgspec

from genesis.analytics.market_indicators import IndicatorRequests
from genesis.strategies.sampled import SampledParameters, SampledStrategy


class MeanReversionParameters(SampledParameters, frozen=True, kw_only=True):
    """Parameters of `mean_reversion`; periods count samples."""

    band_period: Annotated[int, msgspec.Meta(ge=2, le=5_000)] = 20
    band_width: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.8
    """Distance of the bands from the mean, in standard deviations."""
    rsi_period: Annotated[int, msgspec.Meta(ge=2, le=5_000)] = 14
    oversold: Annotated[float, msgspec.Meta(gt=0, lt=50)] = 40.0
    """No entry while the relative strength index is above this."""


class MeanReversion(SampledStrategy):
    """Enter below the lower Bollinger band if the RSI agrees; leave at the middle band.

    The pair of a band and a momentum index is the book's own advice: a touch of a band by itself is
    no signal (J. Bollinger, Bollinger on Bollinger Bands, 2001, chapters 15 and 16).
    """

    kind = "mean_reversion"
    parameters_type = MeanReversionParameters
    parameters: MeanReversionParameters

    def bind(self, indicators: IndicatorRequests) -> None:
        """Take the bands and the index."""
        super().bind(indicators)
        self.bands = self.sampler.bollinger(self.parameters.band_period, self.parameters.band_width)
        self.rsi = self.sampler.rsi(self.parameters.rsi_period)

    def conviction(self) -> float:
        """Grow with how far below its bound the index is."""
        if not (self.bands.ready and self.rsi.ready):
            return 0.0
        close = self.sampler.close
        if close >= self.bands.middle:
            return -1.0
        oversold = self.parameters.oversold
        index = self.rsi.value
        if close >= self.bands.lower or index > oversold:
            return 0.0
        return 1.0 - 0.5 * index / oversold
