"""Buy when the price leaves its recent range upward. Pure."""

from typing import Annotated

import msgspec

from genesis.analytics.market_indicators import IndicatorRequests
from genesis.strategies.round_trip import RoundTripState
from genesis.strategies.sampled import SampledParameters, SampledStrategy


class MomentumBreakoutParameters(SampledParameters, frozen=True, kw_only=True):
    """Parameters of `momentum_breakout`; periods count samples."""

    entry_period: Annotated[int, msgspec.Meta(ge=2, le=5_000)] = 20
    """The range that the price must leave."""
    exit_period: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 10
    """A position is closed below the low of this range."""
    atr_period: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 14
    buffer_atr: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.1
    """How far beyond the range a close must be, in average true ranges."""


class MomentumBreakoutState(RoundTripState, kw_only=True):
    """The ranges as they were before the newest sample; 0 until they were complete."""

    ceiling: float = 0.0
    floor: float = 0.0


class MomentumBreakout(SampledStrategy):
    """Enter above the highest high of a range, leave below the lowest low of a shorter one.

    This is Donchian's rule (C. Faith, Way of the Turtle, 2007, chapter 5) with a margin of the
    average true range, so that a quiet market's first tick upward is no breakout.
    """

    kind = "momentum_breakout"
    parameters_type = MomentumBreakoutParameters
    state_type = MomentumBreakoutState
    parameters: MomentumBreakoutParameters
    state: MomentumBreakoutState

    def bind(self, indicators: IndicatorRequests) -> None:
        """Take both channels and the average true range."""
        super().bind(indicators)
        self.entry_channel = self.sampler.channel(self.parameters.entry_period)
        self.exit_channel = self.sampler.channel(self.parameters.exit_period)
        self.atr = self.sampler.atr(self.parameters.atr_period)

    def conviction(self) -> float:
        """Judge the newest close against the ranges before it: the farther, the surer."""
        state = self.state
        ceiling, floor = state.ceiling, state.floor
        if self.entry_channel.ready:
            state.ceiling = self.entry_channel.high
        if self.exit_channel.ready:
            state.floor = self.exit_channel.low
        close = self.sampler.close
        if close < floor:
            return -1.0
        if not (self.atr.ready and ceiling > 0.0):
            return 0.0
        excess = close - ceiling
        average_range = self.atr.value
        if excess <= 0.0 or excess < self.parameters.buffer_atr * average_range:
            return 0.0
        return 0.5 + 0.5 * excess / (excess + average_range) if average_range > 0.0 else 1.0
