"""What the risk engine refuses, and what losses do. Limits are for entries: exits always pass."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from genesis import limits
from genesis.config_fields import Fraction, Money, Section

_Seconds = Annotated[int, Field(ge=1, le=limits.RISK_SECONDS_MAX)]
_RoundTrips = Annotated[int, Field(ge=0, le=limits.ROUND_TRIPS_KEPT)]


class DailyLossSettings(Section):
    """The loss within one UTC day after which no entry is allowed, by tier, in `quote_asset`."""

    sniper: Money = Field(Decimal(25), description="Sniper: $500 to $2 000.")
    hunter: Money = Field(Decimal(100), description="Hunter: $2 000 to $10 000.")
    strategist: Money = Field(Decimal(500), description="Strategist: $10 000 and more.")


class FlashCrashSettings(Section):
    """An instrument whose price falls too far within a moment is not bought for a while."""

    fall: Fraction = Field(Decimal("0.05"), description="The fall, as a share of the price.")
    window_s: _Seconds = Field(60, description="Within this time, s.")
    pause_s: _Seconds = Field(300, description="How long it is not bought then, s.")


class PauseSettings(Section):
    """Entries that stop for a while because of how the last round trips ended."""

    storm_stops: _RoundTrips = Field(
        10, description="So many stopped out, of all strategies, stop all entries; 0: never."
    )
    storm_window_s: _Seconds = Field(1800, description="Within this time, s.")
    storm_pause_s: _Seconds = Field(900, description="For this long after the last of them, s.")
    cool_down_s: Annotated[int, Field(ge=0, le=limits.RISK_SECONDS_MAX)] = Field(
        60, description="An instrument is not bought for this long after a stop; 0: at once."
    )
    losses_in_row: _RoundTrips = Field(
        5, description="So many losses of a strategy on end stop its entries; 0: never."
    )
    losses_pause_s: _Seconds = Field(1800, description="For this long after the last of them, s.")
    low_profit_trips: _RoundTrips = Field(
        10, description="So many round trips in an instrument judge its profit; 0: never."
    )
    low_profit_window_s: _Seconds = Field(86_400, description="Those within this time, s.")
    low_profit: Annotated[Decimal, Field(ge=-1, le=1, decimal_places=8)] = Field(
        Decimal("-0.01"),
        description="An instrument that brought less than this share of what was paid is not "
        "bought for a while.",
    )
    low_profit_pause_s: _Seconds = Field(
        3600, description="For this long after the last round trip, s."
    )


class RiskSettings(Section):
    """What the risk engine refuses. Every limit holds for entries; exits always pass."""

    position_fraction: Fraction = Field(
        Decimal("0.05"),
        description="Largest position of one strategy in one instrument, as a share of equity.",
    )
    strategy_fraction: Fraction = Field(
        Decimal("0.1"),
        description="Largest value of one strategy in all its instruments, as a share of equity.",
    )
    instrument_fraction: Fraction = Field(
        Decimal("0.3"),
        description="Largest value of all strategies in one instrument, as a share of equity.",
    )
    exposure_fraction: Fraction = Field(
        Decimal("0.6"), description="Largest value of all positions, as a share of equity."
    )
    correlated_fraction: Fraction = Field(
        Decimal("0.6"),
        description="Largest value of instruments that move together, as a share of what "
        "`exposure_fraction` allows. Too little known of an instrument: it moves along.",
    )
    correlation: Fraction = Field(
        Decimal("0.5"), description="From this correlation of returns on they move together."
    )
    correlation_sample_s: _Seconds = Field(
        5,
        description="Time between two samples of prices, s: "
        f"{limits.RETURNS_MIN} returns tell the first correlation, {limits.RETURNS_KEPT} are kept.",
    )
    max_open_orders_per_strategy: int = Field(
        4, ge=1, le=limits.OPEN_ORDERS_MAX, description="Orders working at once, one strategy."
    )
    max_open_orders: int = Field(
        200, ge=1, le=limits.OPEN_ORDERS_MAX, description="Orders working at once, all strategies."
    )
    max_order_notional: Money = Field(
        Decimal(10_000), description="Largest order, in `quote_asset`."
    )
    price_collar_bps: int = Field(
        100, ge=1, le=5000, description="How far a limit price may be from the market, in 0.01 %."
    )
    max_spread_bps: int = Field(
        50, ge=1, le=5000, description="Nothing is bought where bid and ask are further apart."
    )
    depth_fraction: Fraction = Field(
        Decimal("0.25"),
        description="Largest share that one entry may take of what the book shows up to its limit "
        "price or the collar.",
    )
    data_max_age_ms: int = Field(
        2000, ge=10, le=60_000, description="Older quotes than this open no position, ms."
    )
    mark_max_age_ms: int = Field(
        60_000,
        ge=1000,
        le=3_600_000,
        description="Nothing is opened while the price of anything that is held is older, ms.",
    )
    signals_per_second: int = Field(
        10, ge=1, le=1000, description="Signals a second one strategy may send."
    )
    orders_per_second: int = Field(
        10, ge=1, le=1000, description="Orders a second, all strategies (venue: 100 in 10 s)."
    )
    cancels_per_second: int = Field(
        10, ge=1, le=1000, description="After so many cancels within a second nothing is opened."
    )
    daily_loss: DailyLossSettings = DailyLossSettings()
    day_restrict: Fraction = Field(
        Decimal("0.1"),
        description="Loss of a UTC day, as a share of its first equity, after which no entry is "
        "allowed, whatever `daily_loss` says.",
    )
    day_halt: Fraction = Field(
        Decimal("0.15"), description="Loss of a UTC day that halts trading and liquidates."
    )
    drawdown_reduce: Fraction = Field(
        Decimal("0.05"), description="Fall from peak equity that reduces sizes and limits."
    )
    drawdown_restrict: Fraction = Field(
        Decimal("0.1"), description="Fall from peak equity after which no entry is allowed."
    )
    drawdown_halt: Fraction = Field(
        Decimal("0.15"), description="Fall from peak equity that halts trading."
    )
    drawdown_recovery: Annotated[Decimal, Field(ge=0, lt=1, decimal_places=8)] = Field(
        Decimal("0.01"),
        description="A restriction is lifted when the fall is smaller than its line by this much.",
    )
    reduced_size: Fraction = Field(
        Decimal("0.5"), description="Part of sizes and limits that is left when reduced."
    )
    flash_crash: FlashCrashSettings = FlashCrashSettings()
    pauses: PauseSettings = PauseSettings()

    @model_validator(mode="after")
    def _losses_are_ordered(self) -> Self:
        falls = (self.drawdown_reduce, self.drawdown_restrict, self.drawdown_halt)
        if list(falls) != sorted(falls):
            raise ValueError(
                "drawdown_reduce, drawdown_restrict and drawdown_halt must follow each other: "
                f"{', '.join(map(str, falls))}"
            )
        if self.day_restrict > self.day_halt:
            raise ValueError(
                f"day_restrict is {self.day_restrict}: it must be at most day_halt, {self.day_halt}"
            )
        if self.drawdown_recovery >= self.drawdown_reduce:
            raise ValueError(
                f"drawdown_recovery is {self.drawdown_recovery}: it must be below drawdown_reduce, "
                f"{self.drawdown_reduce}, or nothing is ever lifted"
            )
        return self
