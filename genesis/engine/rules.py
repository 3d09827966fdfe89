"""From settings to the core's own numbers: scaled integers, basis points, nanoseconds."""

from decimal import Decimal
from typing import Final

from genesis.config import Settings, Tier
from genesis.config_risk import PauseSettings
from genesis.engine.canary import CanaryRules
from genesis.engine.correlation import CorrelationRules
from genesis.engine.flash_crash import FlashCrashRules
from genesis.engine.order_flow import OrderRules
from genesis.engine.pause_rules import PauseRules
from genesis.engine.protection import ProtectionRules
from genesis.engine.risk_facts import BASIS_POINTS, RiskLimits
from genesis.engine.risk_state import LossLimits
from genesis.engine.signals.case import PARTS_PER_MILLION, ConfidenceRules, SignalRules, SizingRules
from genesis.engine.slicing.desk import SlicingRules
from genesis.engine.slicing.schedule import Algorithm
from genesis.exchange.circuit_breaker import BreakerPolicy
from genesis.exchange.connection_life import ConnectionPolicy
from genesis.exchange.rate_limits import RateLimits, RateShares
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, fixed_from_decimal

_ALGORITHMS: Final = {
    Tier.SNIPER: frozenset[Algorithm](),
    Tier.HUNTER: frozenset({Algorithm.ICEBERG}),
    Tier.STRATEGIST: frozenset(Algorithm),
}


def risk_limits(settings: Settings) -> RiskLimits:
    """Return the limits of the tier that the settings start in."""
    risk = settings.risk
    return RiskLimits(
        position_bps=_basis_points(risk.position_fraction),
        strategy_bps=_basis_points(risk.strategy_fraction),
        instrument_bps=_basis_points(risk.instrument_fraction),
        exposure_bps=_basis_points(risk.exposure_fraction),
        correlated_bps=_basis_points(risk.correlated_fraction),
        order_notional_max=fixed_from_decimal(risk.max_order_notional),
        open_orders_max=risk.max_open_orders,
        open_orders_per_strategy_max=risk.max_open_orders_per_strategy,
        orders_per_second_max=risk.orders_per_second,
        cancels_per_second_max=risk.cancels_per_second,
        price_collar_bps=risk.price_collar_bps,
        spread_max_bps=risk.max_spread_bps,
        depth_bps=_basis_points(risk.depth_fraction),
        data_age_max=risk.data_max_age_ms * NANOS_PER_MS,
        mark_age_max=risk.mark_max_age_ms * NANOS_PER_MS,
        reduced_bps=_basis_points(risk.reduced_size),
        losses=LossLimits(
            daily_loss_max=fixed_from_decimal(settings.daily_loss_limit),
            day_restrict_bps=_basis_points(risk.day_restrict),
            day_halt_bps=_basis_points(risk.day_halt),
            drawdown_reduce_bps=_basis_points(risk.drawdown_reduce),
            drawdown_restrict_bps=_basis_points(risk.drawdown_restrict),
            drawdown_halt_bps=_basis_points(risk.drawdown_halt),
            recovery_bps=_basis_points(risk.drawdown_recovery),
        ),
        flash_crash=FlashCrashRules(
            fall_bps=_basis_points(risk.flash_crash.fall),
            window=risk.flash_crash.window_s * NANOS_PER_SECOND,
            pause=risk.flash_crash.pause_s * NANOS_PER_SECOND,
        ),
        correlation=CorrelationRules(
            threshold_bps=_basis_points(risk.correlation),
            period=risk.correlation_sample_s * NANOS_PER_SECOND,
            age_max=risk.mark_max_age_ms * NANOS_PER_MS,
        ),
        pauses=_pause_rules(risk.pauses),
    )


def _pause_rules(pauses: PauseSettings) -> PauseRules:
    return PauseRules(
        storm_stops=pauses.storm_stops,
        storm_window=pauses.storm_window_s * NANOS_PER_SECOND,
        storm_pause=pauses.storm_pause_s * NANOS_PER_SECOND,
        cool_down=pauses.cool_down_s * NANOS_PER_SECOND,
        losses_in_row=pauses.losses_in_row,
        losses_pause=pauses.losses_pause_s * NANOS_PER_SECOND,
        low_profit_trips=pauses.low_profit_trips,
        low_profit_window=pauses.low_profit_window_s * NANOS_PER_SECOND,
        low_profit_bps=_basis_points(pauses.low_profit),
        low_profit_pause=pauses.low_profit_pause_s * NANOS_PER_SECOND,
    )


def signal_rules(settings: Settings) -> SignalRules:
    """Return the numbers of the pipeline; the allowed exposure is dealt equally over strategies."""
    risk, sizing = settings.risk, settings.sizing
    return SignalRules(
        sizing=SizingRules(
            allotment_ppm=_millionths(risk.exposure_fraction),
            position_ppm=_millionths(risk.position_fraction),
            strategy_count=settings.strategy_count,
            risk_ppm=_millionths(sizing.risk_per_trade),
            stop_assumed_ppm=_millionths(sizing.stop_assumed),
            kelly_trips=sizing.kelly_trips,
            kelly_part_ppm=_millionths(sizing.kelly_part),
            kelly_least_ppm=_millionths(sizing.kelly_least),
            kelly_most_ppm=_millionths(sizing.kelly_most),
            volatility_full_ppm=_millionths(sizing.volatility_full),
        ),
        confidence=ConfidenceRules(
            minimum=_basis_points(settings.confidence.minimum),
            prior_trips=settings.confidence.prior_trips,
            usual_spread_bps=settings.confidence.usual_spread_bps,
            data_age_max=risk.data_max_age_ms * NANOS_PER_MS,
        ),
        signals_per_second_max=risk.signals_per_second,
    )


def slicing_rules(settings: Settings) -> SlicingRules:
    """Return what the tier has of execution algorithms; a child leaves room for reduced limits."""
    return SlicingRules(
        algorithms=_ALGORITHMS[settings.tier],
        child_notional_max=fixed_from_decimal(settings.risk.max_order_notional) // 2,
        data_age_max=settings.risk.data_max_age_ms * NANOS_PER_MS,
        entries_above=fixed_from_decimal(settings.slicing.entries_above),
        entry_duration=settings.slicing.entry_duration_s * NANOS_PER_SECOND,
    )


def order_rules(settings: Settings, account_tag: str) -> OrderRules:
    """Return the numbers of the order protocol."""
    orders = settings.orders
    return OrderRules(
        account_tag=account_tag,
        receive_window_ms=orders.recv_window_ms,
        fence_margin_ms=orders.fence_margin_ms,
        send_age_max=orders.send_age_max_ms * NANOS_PER_MS,
        is_synced=orders.durability == "full",
        listing_refresh=settings.exchange.listing_refresh_s * NANOS_PER_SECOND,
    )


def canary_rules(settings: Settings, program: str) -> CanaryRules | None:
    """Return what the canary of this version demands, or None if there is to be none."""
    canary = settings.canary
    if not settings.has_canary:
        return None
    return CanaryRules(
        program=program,
        max_notional=fixed_from_decimal(canary.max_notional),
        duration=canary.duration_s * NANOS_PER_SECOND,
    )


def protection_rules(settings: Settings) -> ProtectionRules | None:
    """Return how positions are protected, or None if they are not."""
    protection = settings.protection
    if not protection.enabled:
        return None
    return ProtectionRules(
        stop_bps=_basis_points(protection.stop),
        trailing_bps=_basis_points(protection.trailing),
        trailing_step_bps=_basis_points(protection.trailing_step),
        hold_max=protection.hold_max_s * NANOS_PER_SECOND,
        data_age_max=settings.risk.data_max_age_ms * NANOS_PER_MS,
        sale_collar_bps=settings.risk.price_collar_bps,
    )


def rate_limits(settings: Settings, shares: RateShares) -> RateLimits:
    """Return the venue's rate limits, for a process with these shares of them."""
    return RateLimits(shares, reserve_bps=_basis_points(settings.requests.reserve))


def connection_policy(settings: Settings) -> ConnectionPolicy:
    """Return when connections to the venue are replaced, and given up."""
    connections = settings.connections
    return ConnectionPolicy(
        rotate_after=connections.rotate_after_s * NANOS_PER_SECOND,
        stable_after=connections.stable_after_s * NANOS_PER_SECOND,
        delay_max=connections.retry_delay_max_ms * NANOS_PER_MS,
        silence_max=connections.silence_max_s * NANOS_PER_SECOND,
    )


def breaker_policy(settings: Settings) -> BreakerPolicy:
    """Return when the venue is no longer trusted with new orders, and for how long."""
    requests = settings.requests
    return BreakerPolicy(
        failures_max=requests.breaker_failures,
        cool_down=requests.breaker_cool_down_ms * NANOS_PER_MS,
        cool_down_max=requests.breaker_cool_down_max_ms * NANOS_PER_MS,
    )


def _millionths(fraction: Decimal) -> int:
    return int(fraction * PARTS_PER_MILLION)


def _basis_points(fraction: Decimal) -> int:
    return int(fraction * BASIS_POINTS)
