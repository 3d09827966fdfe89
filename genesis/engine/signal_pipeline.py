"""From a strategy's signal to a sized intent: pure stages, each of which may refuse.

A stage is a function of one case; one more stage is one more function in `_STAGES`. Signals come
through shared memory from code that may be wrong, so nothing in one is believed before
`_check_form`. Sizing is the last stage; the risk engine judges what comes out.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.orders import (
    OrderIntent,
    OrderType,
    Refusal,
    RefusalRule,
    Side,
    Signal,
    SignalAction,
    TimeInForce,
)
from genesis.units import NANOS_PER_MS, SCALE, Amount, Nanos, Quantity, text_from_fixed


class SizingRules(msgspec.Struct, frozen=True, kw_only=True):
    """How large an entry is where the strategy names no quantity.

    Each strategy is allotted an equal share of `allotment_bps` of equity, and an entry never takes
    more than `position_bps` of it.
    """

    allotment_bps: int
    position_bps: int
    strategy_count: int
    signals_per_second_max: int


class SignalContext(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the signal's strategy and instrument when it is judged.

    `entry_max` bounds what is sized here, while a canary is under way.
    """

    strategy_id: str
    instrument: Instrument
    quote: Quote | None
    equity: Amount
    held: Quantity
    working_entry: Quantity
    working_exit: Quantity
    signals_in_last_second: int
    halt_reason: str
    entry_max: Amount | None = None


class _Case(NamedTuple):
    signal: Signal
    context: SignalContext
    rules: SizingRules
    now: Nanos


_Stage = Callable[[_Case], Refusal | None]
_BASIS_POINTS: Final = 10_000


def make_intent(
    signal: Signal, context: SignalContext, rules: SizingRules, client_order_id: str, now: Nanos
) -> OrderIntent | Refusal:
    """Take one signal through every stage; the first refusal ends it."""
    case = _Case(signal, context, rules, now)
    for stage in _STAGES:
        refusal = stage(case)
        if refusal is not None:
            return refusal
    quote = context.quote
    if quote is None:  # without a market there is no size; the risk engine would refuse it anyway
        return Refusal(rule=RefusalRule.DATA_AGE, limit="a quote", observed="no quote")
    side = Side(signal.side)
    reference = quote.ask_price if side is Side.BUY else quote.bid_price
    order_type = OrderType(signal.order_type)
    limit_price = 0
    if order_type is not OrderType.MARKET:
        round_price = (
            context.instrument.floor_price if side is Side.BUY else context.instrument.ceil_price
        )
        limit_price = round_price(signal.limit_price)
    return OrderIntent(
        client_order_id=client_order_id,
        strategy_id=context.strategy_id,
        symbol=context.instrument.symbol,
        instrument_id=context.instrument.instrument_id,
        side=side,
        action=SignalAction(signal.action),
        order_type=order_type,
        time_in_force=TimeInForce(signal.time_in_force),
        quantity=_size(case, limit_price or reference),
        limit_price=limit_price,
        reference_price=reference,
        stop_price=signal.stop_price,
        target_price=signal.target_price,
        expires_at=signal.expires_at,
    )


def _check_form(case: _Case) -> Refusal | None:
    """Refuse what no sane strategy sends: enumerations, signs, a confidence outside 0..1."""
    signal = case.signal
    try:
        side, action = Side(signal.side), SignalAction(signal.action)
        order_type = OrderType(signal.order_type)
        TimeInForce(signal.time_in_force)
    except ValueError as error:
        return Refusal(rule=RefusalRule.FORM, limit="a known enumeration", observed=str(error))
    if not (math.isfinite(signal.confidence) and 0.0 <= signal.confidence <= 1.0):
        return Refusal(
            rule=RefusalRule.FORM, limit="confidence 0..1", observed=repr(signal.confidence)
        )
    prices = (signal.limit_price, signal.stop_price, signal.target_price, signal.quantity)
    if min(prices) < 0:
        return Refusal(rule=RefusalRule.FORM, limit="no negative number", observed=str(min(prices)))
    if (order_type is OrderType.MARKET) != (signal.limit_price == 0):
        return Refusal(
            rule=RefusalRule.FORM,
            limit="a price exactly for limit orders",
            observed=order_type.name,
        )
    if (side is Side.BUY) != (action is SignalAction.ENTER):
        return Refusal(
            rule=RefusalRule.FORM,
            limit="enter by buying, exit by selling",
            observed=f"{action.name} {side.name}",
        )
    return None


def _check_protection(case: _Case) -> Refusal | None:
    """Refuse an entry whose stop or target stands on the wrong side of the market."""
    signal, quote = case.signal, case.context.quote
    if signal.action is not SignalAction.ENTER or quote is None:
        return None
    price = signal.limit_price or quote.ask_price
    if signal.stop_price >= price:
        return Refusal(
            rule=RefusalRule.PROTECTION,
            limit=f"stop below {price}",
            observed=str(signal.stop_price),
        )
    if signal.target_price and signal.target_price <= price:
        return Refusal(
            rule=RefusalRule.PROTECTION,
            limit=f"target above {price}",
            observed=str(signal.target_price),
        )
    return None


def _check_expiry(case: _Case) -> Refusal | None:
    if case.now <= case.signal.expires_at:
        return None
    late_ms = (case.now - case.signal.expires_at) // NANOS_PER_MS
    return Refusal(
        rule=RefusalRule.EXPIRED, limit="before it expires", observed=f"{late_ms} ms late"
    )


def _check_halted(case: _Case) -> Refusal | None:
    reason = case.context.halt_reason
    if not reason or case.signal.action is SignalAction.EXIT:
        return None
    return Refusal(rule=RefusalRule.HALTED, limit="not halted", observed=reason)


def _check_signal_rate(case: _Case) -> Refusal | None:
    seen, limit = case.context.signals_in_last_second, case.rules.signals_per_second_max
    if seen <= limit:
        return None
    return Refusal(rule=RefusalRule.SIGNAL_RATE, limit=f"{limit} a second", observed=str(seen))


def _check_position_belief(case: _Case) -> Refusal | None:
    """Refuse an entry wished for by a strategy that did not know what it holds.

    A fill, or a recovered order, may have come between the wish and its judgement: the strategy
    would then buy a second time what it has already got. It is told, and may wish again.
    """
    signal, held = case.signal, case.context.held
    if signal.action is not SignalAction.ENTER or signal.position == held:
        return None
    return Refusal(
        rule=RefusalRule.POSITION_BELIEF,
        limit=text_from_fixed(held),
        observed=text_from_fixed(signal.position),
    )


def _check_conflict(case: _Case) -> Refusal | None:
    """Refuse what works against, or repeats, an order of the same strategy that still works."""
    context = case.context
    if context.working_exit:
        return Refusal(
            rule=RefusalRule.CONFLICT, limit="no working exit", observed=str(context.working_exit)
        )
    if context.working_entry and case.signal.action is SignalAction.ENTER:
        return Refusal(
            rule=RefusalRule.CONFLICT, limit="no working entry", observed=str(context.working_entry)
        )
    return None


_STAGES: Final[tuple[_Stage, ...]] = (
    _check_form,
    _check_expiry,
    _check_signal_rate,
    _check_halted,
    _check_protection,
    _check_conflict,
    _check_position_belief,
)


def _size(case: _Case, price: int) -> Quantity:
    """Return a whole number of steps: what is held for an exit, the allotment for an entry.

    An exit larger than the venue takes at once is cut to that: what is left can follow.
    """
    signal, context, rules = case.signal, case.context, case.rules
    wanted = signal.quantity
    if signal.action is SignalAction.EXIT:
        is_market = OrderType(signal.order_type) is OrderType.MARKET
        most = context.instrument.largest_quantity(is_market=is_market)
        wanted = min(wanted or context.held, context.held, most)
    elif not wanted:
        share_bps = min(rules.position_bps, rules.allotment_bps // rules.strategy_count)
        budget = max(0, context.equity) * max(1, share_bps) // _BASIS_POINTS
        if context.entry_max is not None:
            budget = min(budget, context.entry_max)
        wanted = budget * SCALE // price
    return context.instrument.floor_quantity(wanted)
