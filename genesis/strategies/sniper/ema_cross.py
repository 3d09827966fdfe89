"""Follow the trend while a fast average is above a slow one. Pure."""

from typing import Annotated

import msgspec

from genesis.analytics.market_indicators import IndicatorRequests
from genesis.strategies.round_trip import RoundTripState
from genesis.strategies.sampled import SampledParameters, SampledStrategy


class EmaCrossParameters(SampledParameters, frozen=True, kw_only=True):
    """Parameters of `ema_cross`; periods count samples."""

    fast_period: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 5
    slow_period: Annotated[int, msgspec.Meta(ge=2, le=5_000)] = 20
    margin_bps: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.2
    """The fast average must pass the slow one by this much of the price."""

    def __post_init__(self) -> None:
        if self.fast_period >= self.slow_period:
            raise ValueError(
                f"fast_period {self.fast_period} must be below slow_period {self.slow_period}"
            )


class EmaCrossState(RoundTripState, kw_only=True):
    """Where the fast average was at the last sample; None before the first."""

    was_above: bool | None = None


class EmaCross(SampledStrategy):
    """Buy when the fast average crosses above the slow one; sell when it crosses back."""

    kind = "ema_cross"
    parameters_type = EmaCrossParameters
    state_type = EmaCrossState
    parameters: EmaCrossParameters
    state: EmaCrossState

    def bind(self, indicators: IndicatorRequests) -> None:
        """Take both averages."""
        super().bind(indicators)
        self.fast = self.sampler.ema(self.parameters.fast_period)
        self.slow = self.sampler.ema(self.parameters.slow_period)

    def conviction(self) -> float:
        """Grow with the distance of the averages, from 0.5 at the margin to 1 at five times it."""
        if not self.slow.ready:
            return 0.0
        distance_bps = (self.fast.value / self.slow.value - 1.0) * 1e4
        margin = self.parameters.margin_bps
        was_above = self.state.was_above
        if distance_bps > margin:
            self.state.was_above = True
            if was_above is False:
                return 0.5 + 0.5 * min(1.0, distance_bps / (5.0 * margin + 1.0))
        elif distance_bps < 0.0:
            self.state.was_above = False
            if was_above is not False:
                return -1.0
        return 0.0
