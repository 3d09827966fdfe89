"""What every run of the simulator trades, and by which limits."""

from typing import Final

from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.engine.correlation import CorrelationRules
from genesis.engine.flash_crash import FlashCrashRules
from genesis.engine.order_flow import OrderRules
from genesis.engine.pause_rules import PauseRules
from genesis.engine.risk_facts import RiskLimits
from genesis.engine.risk_state import LossLimits
from genesis.engine.signals.case import ConfidenceRules, SignalRules, SizingRules
from genesis.units import SCALE, Amount, Price
from scripts.simulation.faults import MS, SECOND
from scripts.simulation.venue import WINDOW_MS

MARGIN_MS: Final = 10_000
CAPITAL: Final[Amount] = 100_000 * SCALE
ACCOUNT_TAG: Final = "00"
PRICES: Final[dict[str, Price]] = {"BTCUSDT": 60_000 * SCALE, "ETHUSDT": 3_000 * SCALE}


def _instrument(row: int, symbol: str) -> Instrument:
    return Instrument(
        instrument_id=row,
        symbol=symbol,
        base_asset=symbol.removesuffix("USDT"),
        quote_asset="USDT",
        tick_size=SCALE // 100,
        step_size=SCALE // 100_000,
        min_price=SCALE // 100,
        max_price=1_000_000 * SCALE,
        min_quantity=SCALE // 100_000,
        max_quantity=9_000 * SCALE,
        market_max_quantity=141 * SCALE,
        min_notional=5 * SCALE,
        max_notional=9_000_000 * SCALE,
        max_open_orders=200,
        max_algo_orders=5,
        max_order_lists=20,
    )


CATALOGUE: Final = InstrumentCatalogue(
    [_instrument(row, symbol) for row, symbol in enumerate(PRICES)]
)
LIMITS: Final = RiskLimits(
    position_bps=500,
    strategy_bps=1_000,
    instrument_bps=3_000,
    exposure_bps=6_000,
    correlated_bps=6_000,
    order_notional_max=10_000 * SCALE,
    open_orders_max=200,
    open_orders_per_strategy_max=4,
    orders_per_second_max=10,
    cancels_per_second_max=10,
    price_collar_bps=100,
    spread_max_bps=50,
    depth_bps=2_500,
    data_age_max=2 * SECOND,
    mark_age_max=60 * SECOND,
    reduced_bps=5_000,
    losses=LossLimits(
        daily_loss_max=50_000 * SCALE,
        day_restrict_bps=5_000,
        day_halt_bps=5_000,
        drawdown_reduce_bps=5_000,
        drawdown_restrict_bps=5_000,
        drawdown_halt_bps=5_000,
        recovery_bps=100,
    ),
    flash_crash=FlashCrashRules(fall_bps=5_000, window=60 * SECOND, pause=SECOND),
    correlation=CorrelationRules(threshold_bps=5_000, period=SECOND, age_max=60 * SECOND),
    pauses=PauseRules(
        storm_stops=0,
        storm_window=1_800 * SECOND,
        storm_pause=900 * SECOND,
        cool_down=0,
        losses_in_row=0,
        losses_pause=1_800 * SECOND,
        low_profit_trips=0,
        low_profit_window=86_400 * SECOND,
        low_profit_bps=-100,
        low_profit_pause=3_600 * SECOND,
    ),
)
SIGNAL_RULES: Final = SignalRules(
    sizing=SizingRules(
        allotment_ppm=600_000,
        position_ppm=50_000,
        strategy_count=4,
        risk_ppm=10_000,
        stop_assumed_ppm=20_000,
        kelly_trips=30,
        kelly_part_ppm=250_000,
        kelly_least_ppm=1_000,
        kelly_most_ppm=20_000,
        volatility_full_ppm=10_000,
    ),
    confidence=ConfidenceRules(
        minimum=3_000, prior_trips=30, usual_spread_bps=5, data_age_max=2 * SECOND
    ),
    signals_per_second_max=10,
)
RULES: Final = OrderRules(
    account_tag=ACCOUNT_TAG,
    receive_window_ms=WINDOW_MS,
    fence_margin_ms=MARGIN_MS,
    send_age_max=200 * MS,
)
