"""From what a person asked for to a parent order at the present market. Pure."""

from typing import Final

from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.orders import OrderIntent, OrderType, Side, SignalAction, TimeInForce
from genesis.engine.entries import ParentOpened, SignalId
from genesis.engine.slicing.schedule import Algorithm, SlicePlan
from genesis.engine.slicing.wish import IMPACT_BPS, SLICE, SLIPPAGE_BPS, ParentWish
from genesis.limits import PARENT_PATIENCE_MIN
from genesis.strategies.base import StrategySpec
from genesis.units import NANOS_PER_SECOND, SCALE, Nanos, Price

_BASIS_POINTS: Final = 10_000
_CLIPS: Final = 20  # an iceberg shows a twentieth of itself, if nothing else is asked for
_CLIP_LIFE: Final[Nanos] = 10 * NANOS_PER_SECOND
_PATIENCE_SHARE: Final = 10  # a tenth of the duration


def draft_parent(
    wish: ParentWish,
    spec: StrategySpec,
    instrument: Instrument,
    quote: Quote,
    curve: tuple[int, ...],
) -> ParentOpened:
    """Turn a wish into a parent at the present market; its number and time are still open."""
    arrival = (quote.bid_price + quote.ask_price) // 2
    wanted = wish.quantity or wish.notional * SCALE // arrival
    quantity = instrument.floor_quantity(wanted)
    clip = instrument.floor_quantity(wish.clip * SCALE // arrival or quantity // _CLIPS)
    is_iceberg = wish.algorithm is Algorithm.ICEBERG
    plan = SlicePlan(
        algorithm=wish.algorithm,
        duration=wish.duration,
        patience=max(PARENT_PATIENCE_MIN, wish.duration // _PATIENCE_SHARE),
        slices=wish.slices,
        curve=curve,
        visible=max(clip, instrument.step_size) if is_iceberg else 0,
        child_timeout=_CLIP_LIFE if is_iceberg else 0,
        limit_price=wish.limit_price,
        impact_bps=wish.impact_bps,
        participation_bps=wish.participation_bps,
        slippage_bps=wish.slippage_bps,
    )
    return ParentOpened(
        number=0,
        strategy_number=spec.number,
        strategy_id=spec.strategy_id,
        symbol=instrument.symbol,
        side=wish.side,
        quantity=quantity,
        plan=plan,
        arrival_price=arrival,
        price_cap=_price_cap(wish, instrument, arrival),
        at=0,
    )


def parent_of_entry(
    approved: OrderIntent, signal: SignalId, quote: Quote, algorithm: Algorithm, duration: Nanos
) -> ParentOpened:
    """Turn a strategy's approved entry into a parent; its number and time are still open.

    It may pay what the entry might have paid, or, at the market, the impact limit.
    """
    arrival = (quote.bid_price + quote.ask_price) // 2
    is_iceberg = algorithm is Algorithm.ICEBERG
    plan = SlicePlan(
        algorithm=algorithm,
        duration=duration,
        patience=PARENT_PATIENCE_MIN,
        slices=1 if is_iceberg else max(2, duration // SLICE),
        visible=max(approved.quantity // _CLIPS, 1) if is_iceberg else 0,
        child_timeout=_CLIP_LIFE if is_iceberg else 0,
        limit_price=approved.limit_price,
        slippage_bps=SLIPPAGE_BPS,
    )
    return ParentOpened(
        number=0,
        strategy_number=signal.strategy_number,
        strategy_id=approved.strategy_id,
        symbol=approved.symbol,
        side=approved.side,
        quantity=approved.quantity,
        plan=plan,
        arrival_price=arrival,
        price_cap=approved.limit_price or arrival + arrival * IMPACT_BPS // _BASIS_POINTS,
        at=0,
        signal=signal,
        stop_price=approved.stop_price,
        target_price=approved.target_price,
    )


def _price_cap(wish: ParentWish, instrument: Instrument, arrival: Price) -> Price:
    """Return the worst price a child may pay: the limit price or the impact limit, if any."""
    caps = [wish.limit_price] if wish.limit_price else []
    if wish.impact_bps:
        caps.append(arrival + wish.side * arrival * wish.impact_bps // _BASIS_POINTS)
    if not caps:
        return 0
    if wish.side is Side.BUY:
        return instrument.floor_price(min(caps))
    return instrument.ceil_price(max(caps))


def whole_intent(entry: ParentOpened, instrument: Instrument) -> OrderIntent:
    """Return a parent as one intent, for risk to judge; it is never sent."""
    price = entry.price_cap or entry.arrival_price
    return OrderIntent(
        client_order_id="",
        strategy_id=entry.strategy_id,
        symbol=entry.symbol,
        instrument_id=instrument.instrument_id,
        side=entry.side,
        action=SignalAction.ENTER if entry.side is Side.BUY else SignalAction.EXIT,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=entry.quantity,
        limit_price=instrument.floor_price(price),
        reference_price=entry.arrival_price,
        stop_price=0,
        target_price=0,
        expires_at=entry.at + entry.plan.duration,
    )
