"""The settings by which signals are believed and entries are sized."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from genesis.config_fields import Section

Millionths = Annotated[Decimal, Field(gt=0, le=1, decimal_places=6)]
"""A share of a whole, exact to the millionth, which sizes are reckoned in."""


class ConfidenceSettings(Section):
    """How far an entry must be believed: the strategy's own confidence, times shares up to 1.

    These are for its record, for the spread, and for the age of the data; exits are not scored.
    """

    minimum: Annotated[Decimal, Field(ge=0, le=1, decimal_places=4)] = Field(
        Decimal("0.3"), description="Entries that are believed less are refused; 0 refuses none."
    )
    prior_trips: int = Field(
        30,
        ge=1,
        le=100_000,
        description="So many round trips that came out even are added to a strategy's record, so "
        "that few losses say little.",
    )
    usual_spread_bps: int = Field(
        5,
        ge=1,
        le=1_000,
        description="Up to this spread, in 0.01 %, the market is taken as usual; at twice as much "
        "an entry is believed half.",
    )


class SizingSettings(Section):
    """How large an entry is where its strategy names no quantity.

    Each strategy is dealt an equal part of `risk.exposure_fraction` of equity: its share.
    """

    risk_per_trade: Millionths = Field(
        Decimal("0.01"),
        description="Loss at the stop, as a part of the strategy's share: a stop nearer than this "
        "lets an entry use the whole share, one twice as far half of it.",
    )
    stop_assumed: Millionths = Field(
        Decimal("0.02"),
        description="How far the stop of an entry that names none is taken to be, as a part of the "
        "price.",
    )
    kelly_trips: int = Field(
        30,
        ge=1,
        le=100_000,
        description="From so many closed round trips on a strategy's own record sets its risk, by "
        "Kelly's rule, instead of `risk_per_trade`.",
    )
    kelly_part: Millionths = Field(
        Decimal("0.25"), description="The part of what Kelly's rule says that is risked."
    )
    kelly_least: Millionths = Field(
        Decimal("0.001"),
        description="The risk of a strategy whose record shows no gain, as `risk_per_trade`.",
    )
    kelly_most: Millionths = Field(
        Decimal("0.02"), description="The most risk that a record can earn, as `risk_per_trade`."
    )
    volatility_full: Millionths = Field(
        Decimal("0.01"),
        description="Up to this much movement in an hour (one standard deviation, as a part of the "
        "price) sizes are whole; at twice as much they are halved.",
    )

    @model_validator(mode="after")
    def _kelly_is_ordered(self) -> Self:
        if self.kelly_least > self.kelly_most:
            raise ValueError("kelly_least must be at most kelly_most")
        return self
