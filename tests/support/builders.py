"""Valid objects for tests: every builder takes what a test cares about and fills in the rest."""

from collections.abc import Mapping

import msgspec

from genesis.domain.filters import FilterFacts
from genesis.domain.instruments import Instrument, InstrumentCatalogue, PriceBand
from genesis.domain.market import Quote
from genesis.domain.order_ids import OrderIdParts, order_list_ids
from genesis.domain.order_lists import OrderListIntent
from genesis.domain.orders import (
    ExecutionReport,
    Fill,
    Hold,
    OrderIntent,
    OrderState,
    OrderType,
    Refusal,
    RefusalRule,
    Side,
    Signal,
    SignalAction,
    TimeInForce,
)
from genesis.domain.strategy_record import StrategyRecord
from genesis.engine.correlation import CorrelationRules
from genesis.engine.flash_crash import FlashCrashRules
from genesis.engine.order_flow import OrderRules
from genesis.engine.pause_rules import PauseRules
from genesis.engine.risk_facts import RiskLimits
from genesis.engine.risk_state import LossLimits
from genesis.engine.signals.case import (
    ConfidenceRules,
    SignalContext,
    SignalRules,
    SizingRules,
)
from genesis.strategies.base import StrategySpec
from genesis.units import NANOS_PER_SECOND, SCALE, Amount, Nanos, Price, Quantity

NOW: Nanos = 1_780_000_000 * NANOS_PER_SECOND
VENUE_MS = 1_780_000_000_000
SECOND: Nanos = NANOS_PER_SECOND
PRICE: Price = 60_000 * SCALE
LOT: Quantity = SCALE // 1_000  # 0.001 BTC
CAPITAL: Amount = 100_000 * SCALE


def btc(
    instrument_id: int = 0, symbol: str = "BTCUSDT", base_asset: str = "BTC", **changes: object
) -> Instrument:
    """Return an instrument with BTCUSDT's rules, some of them changed."""
    instrument = Instrument(
        instrument_id=instrument_id,
        symbol=symbol,
        base_asset=base_asset,
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
        price_band=PriceBand(
            filter_name="PERCENT_PRICE_BY_SIDE",
            bid_multiplier_up=5 * SCALE,
            bid_multiplier_down=SCALE // 5,
            ask_multiplier_up=5 * SCALE,
            ask_multiplier_down=SCALE // 5,
        ),
        max_open_orders=200,
    )
    return msgspec.structs.replace(instrument, **changes)


def filter_facts(**changes: object) -> FilterFacts:
    """Return a flat account without orders at a quoted market, with `changes`."""
    plain = FilterFacts(
        market_price=PRICE,
        sellable=0,
        base_balance=0,
        open_buy_quantity=0,
        open_orders=0,
        open_orders_of_account=0,
    )
    return msgspec.structs.replace(plain, **changes)


def catalogue() -> InstrumentCatalogue:
    """Return BTCUSDT and ETHUSDT."""
    return InstrumentCatalogue([btc(), btc(1, "ETHUSDT", "ETH")])


def quote(
    instrument_id: int = 0, middle: Price = PRICE, received_at: Nanos = NOW, spread: Price = SCALE
) -> Quote:
    """Return a quote around a middle price."""
    return Quote(
        instrument_id=instrument_id,
        bid_price=middle - spread // 2,
        bid_quantity=SCALE,
        ask_price=middle + spread // 2,
        ask_quantity=SCALE,
        update_id=1,
        event_at=received_at,
        received_at=received_at,
    )


def strategy(
    number: int = 7, strategy_id: str = "ema_cross-1", symbol: str = "BTCUSDT"
) -> StrategySpec:
    """Return one strategy of a roster."""
    return StrategySpec(
        strategy_id=strategy_id, number=number, kind="ema_cross", symbol=symbol, parameters={}
    )


def signal(
    sequence: int = 1,
    *,
    side: Side = Side.BUY,
    order_type: OrderType = OrderType.MARKET,
    time_in_force: TimeInForce = TimeInForce.GTC,
    limit_price: Price = 0,
    stop_price: Price = 0,
    target_price: Price = 0,
    quantity: Quantity = 0,
    position: Quantity = 0,
    confidence: float = 0.8,
    strategy_number: int = 7,
    epoch: int = 1,
    instrument_id: int = 0,
    expires_at: Nanos = NOW + 5 * SECOND,
    received_at: Nanos = NOW,
) -> Signal:
    """Return an entry (or, for a sale, an exit) at the market."""
    return Signal(
        strategy_number=strategy_number,
        epoch=epoch,
        sequence=sequence,
        instrument_id=instrument_id,
        side=side,
        action=SignalAction.ENTER if side is Side.BUY else SignalAction.EXIT,
        order_type=order_type,
        time_in_force=time_in_force,
        confidence=confidence,
        limit_price=limit_price,
        stop_price=stop_price,
        target_price=target_price,
        quantity=quantity,
        position=position,
        expires_at=expires_at,
        received_at=received_at,
        read_at=NOW,
        published_at=NOW,
    )


def intent(
    client_order_id: str = "G00-7-1-1-10",
    *,
    side: Side = Side.BUY,
    quantity: Quantity = LOT,
    order_type: OrderType = OrderType.MARKET,
    limit_price: Price = 0,
    expires_at: Nanos = NOW + 5 * SECOND,
) -> OrderIntent:
    """Return a sized wish for BTCUSDT."""
    return OrderIntent(
        client_order_id=client_order_id,
        strategy_id="ema_cross-1",
        symbol="BTCUSDT",
        instrument_id=0,
        side=side,
        action=SignalAction.ENTER if side is Side.BUY else SignalAction.EXIT,
        order_type=order_type,
        time_in_force=TimeInForce.GTC,
        quantity=quantity,
        limit_price=limit_price,
        reference_price=PRICE,
        stop_price=0,
        target_price=0,
        expires_at=expires_at,
    )


def pair(
    *, stop: Mapping[str, object] | None = None, target: Mapping[str, object] | None = None
) -> OrderListIntent:
    """Return a stop 1 % below the price and a target 1 % above it, with changes to each."""
    parts = OrderIdParts(account="00", strategy_number=7, epoch=1, sequence=1, attempt=1)
    ids = order_list_ids(parts)
    below = msgspec.structs.replace(
        intent(ids.stop, side=Side.SELL, order_type=OrderType.STOP_LOSS),
        trigger_price=PRICE * 99 // 100,
    )
    above = intent(
        ids.target,
        side=Side.SELL,
        order_type=OrderType.LIMIT_MAKER,
        limit_price=PRICE * 101 // 100,
    )
    return OrderListIntent(
        list_client_order_id=ids.order_list,
        stop=msgspec.structs.replace(below, **(stop or {})),
        target=msgspec.structs.replace(above, **(target or {})),
    )


def fill(
    trade_id: int = 1,
    *,
    client_order_id: str = "G00-7-1-1-10",
    venue_order_id: int = 100,
    side: Side = Side.BUY,
    quantity: Quantity = LOT,
    price: Price = PRICE,
    fee: Amount = 0,
    fee_asset: str = "USDT",
) -> Fill:
    """Return one execution in BTCUSDT."""
    return Fill(
        symbol="BTCUSDT",
        trade_id=trade_id,
        client_order_id=client_order_id,
        venue_order_id=venue_order_id,
        side=side,
        price=price,
        quantity=quantity,
        quote_amount=price * quantity // SCALE,
        fee=fee,
        fee_asset=fee_asset,
        is_maker=False,
        traded_at=NOW,
    )


def report(
    state: OrderState,
    *,
    client_order_id: str = "G00-7-1-1-10",
    venue_order_id: int = 100,
    side: Side = Side.BUY,
    quantity: Quantity = LOT,
    filled_quantity: Quantity = 0,
    execution: Fill | None = None,
) -> ExecutionReport:
    """Return what the venue says of an order in BTCUSDT."""
    return ExecutionReport(
        client_order_id=client_order_id,
        venue_order_id=venue_order_id,
        symbol="BTCUSDT",
        state=state,
        side=side,
        quantity=quantity,
        filled_quantity=filled_quantity,
        filled_amount=PRICE * filled_quantity // SCALE,
        limit_price=0,
        reason="",
        event_at=NOW,
        received_at=NOW,
        fill=execution,
    )


def hold(
    rule: RefusalRule = RefusalRule.CIRCUIT_BREAKER, retry_at_ms: int = VENUE_MS + 1_000
) -> Hold:
    """Return why nothing may be sent for a second."""
    return Hold(Refusal(rule=rule, limit="CLOSED", observed="OPEN: no reply"), retry_at_ms)


def loss_limits() -> LossLimits:
    """Return what a Strategist may lose."""
    return LossLimits(
        daily_loss_max=500 * SCALE,
        day_restrict_bps=1_000,
        day_halt_bps=1_500,
        drawdown_reduce_bps=500,
        drawdown_restrict_bps=1_000,
        drawdown_halt_bps=1_500,
        recovery_bps=100,
    )


def pause_rules() -> PauseRules:
    """Return the default rules by which round trips stop entries."""
    return PauseRules(
        storm_stops=10,
        storm_window=1_800 * SECOND,
        storm_pause=900 * SECOND,
        cool_down=60 * SECOND,
        losses_in_row=5,
        losses_pause=1_800 * SECOND,
        low_profit_trips=10,
        low_profit_window=86_400 * SECOND,
        low_profit_bps=-100,
        low_profit_pause=3_600 * SECOND,
    )


def risk_limits() -> RiskLimits:
    """Return a Strategist's limits."""
    return RiskLimits(
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
        losses=loss_limits(),
        flash_crash=FlashCrashRules(fall_bps=500, window=60 * SECOND, pause=300 * SECOND),
        correlation=CorrelationRules(threshold_bps=5_000, period=5 * SECOND, age_max=60 * SECOND),
        pauses=pause_rules(),
    )


def signal_context(**changes: object) -> SignalContext:
    """Return what is known of a flat strategy without a record in a quoted market."""
    plain = SignalContext(
        strategy_id="ema_cross-1",
        instrument=btc(),
        quote=quote(),
        equity=CAPITAL,
        held=0,
        working_entry=0,
        working_exit=0,
        sale_of_others=None,
        is_judged=False,
        signals_in_last_second=1,
        halt_reason="",
        record=StrategyRecord(),
        volatility_ppm=0,
    )
    return msgspec.structs.replace(plain, **changes)


def signal_rules(**sizing: object) -> SignalRules:
    """Return the rules of 60 strategies on 60 % of equity, 2 % of each share at risk."""
    plain = SizingRules(
        allotment_ppm=600_000,
        position_ppm=50_000,
        strategy_count=60,
        risk_ppm=20_000,
        stop_assumed_ppm=20_000,
        kelly_trips=30,
        kelly_part_ppm=250_000,
        kelly_least_ppm=1_000,
        kelly_most_ppm=40_000,
        volatility_full_ppm=10_000,
    )
    return SignalRules(
        confidence=ConfidenceRules(
            minimum=3_000, prior_trips=30, usual_spread_bps=5, data_age_max=2 * SECOND
        ),
        sizing=msgspec.structs.replace(plain, **sizing),
        signals_per_second_max=10,
    )


def order_rules(*, is_synced: bool = False) -> OrderRules:
    """Return the protocol's default numbers, over a disk that may forget unless `is_synced`."""
    return OrderRules(
        account_tag="00",
        receive_window_ms=2_000,
        fence_margin_ms=10_000,
        send_age_max=SECOND // 5,
        is_synced=is_synced,
    )
