"""What is open on the account, as one strategy in one instrument sees it, in one pass. Pure.

Every judgement counts it anew, on the way from a quote to an order: hence one pass over the orders,
and no passing of the same ones by for each question.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from genesis.domain.orders import ExecutionReport, OrderState, OrderType, Side
from genesis.engine.order import Order
from genesis.units import SCALE, Amount, Price, Quantity

_RESTING: Final = frozenset(
    {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.PENDING_CANCEL}
)
_PRICED: Final = frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER})


class Tally(msgspec.Struct):
    """Working orders, whole until they are settled, and those of others on the account beside them.

    `entry` and `exit` are unfilled quantities of the strategy in the instrument; `reserved` is what
    working entries may still spend: of all, by symbol, and of the strategy. `open_here` and
    `open_of_account` are orders of ours in the instrument and in all; `others`, `others_here` and
    `others_algo_here` those that are not ours, the last of them conditional. `open_buys` is what
    all of both may buy in the instrument, `buyers` the other strategies that work an entry there,
    `sale_of_others` the lowest price at which another strategy's sale rests there.
    """

    entry: Quantity = 0
    exit: Quantity = 0
    reserved: Amount = 0
    reserved_of_strategy: Amount = 0
    reserved_by_symbol: dict[str, Amount] = msgspec.field(default_factory=dict)
    orders: int = 0
    orders_of_strategy: int = 0
    open_here: int = 0
    open_of_account: int = 0
    open_buys: Quantity = 0
    others: int = 0
    others_here: int = 0
    others_algo_here: int = 0
    buyers: set[str] = msgspec.field(default_factory=set)
    sale_of_others: Price | None = None

    def reserve(self, symbol: str, amount: Amount, *, is_own: bool) -> None:
        """Count what an entry may still spend."""
        self.reserved += amount
        if is_own:
            self.reserved_of_strategy += amount
        self.reserved_by_symbol[symbol] = self.reserved_by_symbol.get(symbol, 0) + amount


def tally(
    live: Mapping[str, Order], others: Iterable[ExecutionReport], strategy_id: str, symbol: str
) -> Tally:
    """Count what is open now."""
    seen = Tally(orders=len(live))
    for order in live.values():
        _count(seen, order, strategy_id, symbol)
    for report in others:
        seen.others += 1
        if report.symbol == symbol:
            seen.others_here += 1
            seen.others_algo_here += (
                report.order_type is not None and report.order_type.is_conditional
            )
            if report.side is Side.BUY:
                seen.open_buys += report.quantity - report.filled_quantity
    return seen


def _count(seen: Tally, order: Order, strategy_id: str, symbol: str) -> None:
    intent = order.intent
    working = order.working_quantity
    is_open = not order.is_terminal
    is_here = intent.symbol == symbol
    is_of_strategy = intent.strategy_id == strategy_id
    seen.open_of_account += is_open
    seen.orders_of_strategy += is_of_strategy
    seen.open_here += is_here and is_open
    if intent.side is not Side.BUY:
        if is_here and is_of_strategy:
            seen.exit += working
        elif is_here:
            seen.sale_of_others = lower_sale(seen.sale_of_others, order)
        return
    if is_here:
        if is_open:
            seen.open_buys += working
        if is_of_strategy:
            seen.entry += working
        else:
            seen.buyers.add(intent.strategy_id)
    reserved = (intent.limit_price or intent.reference_price) * working // SCALE
    seen.reserve(intent.symbol, reserved, is_own=is_of_strategy)


def lower_sale(lowest: Price | None, order: Order) -> Price | None:
    """Return the lower of a price and that of an order, if it is a sale that rests in the book."""
    if order.intent.side is not Side.SELL or not _rests(order):
        return lowest
    price = order.intent.limit_price
    return price if lowest is None else min(lowest, price)


def _rests(order: Order) -> bool:
    """Tell whether an order is known to wait in the book at its limit price."""
    return order.state in _RESTING and order.intent.order_type in _PRICED
