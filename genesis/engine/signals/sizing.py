"""How large an order is: a whole number of the venue's steps."""

from typing import Final

from genesis.domain.orders import OrderType, Refusal
from genesis.engine.signals.case import SignalCase
from genesis.units import SCALE, Quantity

_BASIS_POINTS: Final = 10_000


def size_order(case: SignalCase) -> SignalCase | Refusal:
    """Give an exit what is held, an entry the size it was named, or else its allotment."""
    wanted = _entry_quantity(case) if case.is_entry else _exit_quantity(case)
    return case._replace(quantity=case.context.instrument.floor_quantity(wanted))


def _exit_quantity(case: SignalCase) -> Quantity:
    """Return what is held, or less if so named.

    An exit larger than the venue takes at once is cut to that: what is left can follow.
    """
    signal, context = case.signal, case.context
    most = context.instrument.largest_quantity(is_market=signal.order_type is OrderType.MARKET)
    return min(signal.quantity or context.held, context.held, most)


def _entry_quantity(case: SignalCase) -> Quantity:
    context, rules = case.context, case.rules.sizing
    if case.signal.quantity:
        return case.signal.quantity
    share_bps = min(rules.position_bps, rules.allotment_bps // rules.strategy_count)
    budget = max(0, context.equity) * max(1, share_bps) // _BASIS_POINTS
    if context.entry_max is not None:
        budget = min(budget, context.entry_max)
    return budget * SCALE // case.price
