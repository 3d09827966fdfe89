"""Is the signal one that can be judged at all: new, well formed, in time, at a pace, in a market.

Signals come through shared memory from code that may be wrong, so nothing in one is believed before
`check_form`.
"""

import math

from genesis.domain.orders import (
    OrderType,
    Refusal,
    RefusalRule,
    Side,
    SignalAction,
    TimeInForce,
)
from genesis.engine.signals.case import SignalCase
from genesis.units import NANOS_PER_MS


def check_form(case: SignalCase) -> SignalCase | Refusal:
    """Refuse what no sane strategy sends: enumerations, signs, a confidence outside 0..1."""
    signal = case.signal
    try:
        side, action = Side(signal.side), SignalAction(signal.action)
        order_type = OrderType(signal.order_type)
        time_in_force = TimeInForce(signal.time_in_force)
    except ValueError as error:
        return _malformed("a known enumeration", str(error))
    if not (math.isfinite(signal.confidence) and 0.0 <= signal.confidence <= 1.0):
        return _malformed("confidence 0..1", repr(signal.confidence))
    least = min(signal.limit_price, signal.stop_price, signal.target_price, signal.quantity)
    if least < 0:
        return _malformed("no negative number", str(least))
    if (side is Side.BUY) != (action is SignalAction.ENTER):
        return _malformed("enter by buying, exit by selling", f"{action.name} {side.name}")
    return _check_kind(case, order_type, time_in_force)


def _check_kind(
    case: SignalCase, order_type: OrderType, time_in_force: TimeInForce
) -> SignalCase | Refusal:
    """Refuse a kind of order that there is not, or that a strategy may not ask for.

    Stop and target are prices of a signal; the conditional orders are the executor's own.
    """
    is_priced = case.signal.limit_price != 0
    if order_type.is_conditional or is_priced is (order_type is OrderType.MARKET):
        return _malformed("a market order, or a price for a limit order", order_type.name)
    if order_type is OrderType.LIMIT_MAKER and time_in_force is not TimeInForce.GTC:
        return _malformed("GTC for a post-only order", time_in_force.name)
    return case


def _malformed(limit: str, observed: str) -> Refusal:
    return Refusal(rule=RefusalRule.FORM, limit=limit, observed=observed)


def check_duplicate(case: SignalCase) -> SignalCase | Refusal:
    """Refuse a signal that has had its verdict: that one stands, and its strategy knows it."""
    if not case.context.is_judged:
        return case
    signal = case.signal
    return Refusal(
        rule=RefusalRule.DUPLICATE,
        limit="one verdict",
        observed=f"signal {signal.sequence} of epoch {signal.epoch} again",
    )


def check_expiry(case: SignalCase) -> SignalCase | Refusal:
    """Refuse a signal whose time is over."""
    late = case.now - case.signal.expires_at
    if late <= 0:
        return case
    return Refusal(
        rule=RefusalRule.EXPIRED,
        limit="before it expires",
        observed=f"{late // NANOS_PER_MS} ms late",
    )


def check_signal_rate(case: SignalCase) -> SignalCase | Refusal:
    """Refuse more signals a second than one strategy may send."""
    seen, limit = case.context.signals_in_last_second, case.rules.signals_per_second_max
    if seen <= limit:
        return case
    return Refusal(rule=RefusalRule.SIGNAL_RATE, limit=f"{limit} a second", observed=str(seen))


def check_halted(case: SignalCase) -> SignalCase | Refusal:
    """Refuse an entry while trading is halted; an exit is never held back."""
    reason = case.context.halt_reason
    if not reason or not case.is_entry:
        return case
    return Refusal(rule=RefusalRule.HALTED, limit="not halted", observed=reason)


def check_market(case: SignalCase) -> SignalCase | Refusal:
    """Refuse what there is no market for: without a price there is no size."""
    if case.reference_price:
        return case
    return Refusal(rule=RefusalRule.DATA_AGE, limit="a quote", observed="no quote")


def check_protection(case: SignalCase) -> SignalCase | Refusal:
    """Refuse an entry whose stop or target stands on the wrong side of the price."""
    signal = case.signal
    if not case.is_entry:
        return case
    price = signal.limit_price or case.reference_price
    if signal.stop_price >= price:
        limit, observed = f"stop below {price}", signal.stop_price
    elif signal.target_price and signal.target_price <= price:
        limit, observed = f"target above {price}", signal.target_price
    else:
        return case
    return Refusal(rule=RefusalRule.PROTECTION, limit=limit, observed=str(observed))
