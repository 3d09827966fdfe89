"""Conditional orders that wait for a trade to reach their stop price (section 7.3). Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from genesis.domain.orders import Side
from genesis.units import Price
from genesis.venue.orders import VenueOrder


class PriceSpan(NamedTuple):
    """The lowest and the highest price of some trades."""

    low: Price
    high: Price

    def reaches(self, order: VenueOrder) -> bool:
        """Tell whether these trades trigger an order.

        A stop of a buyer and the profit of a seller wait for the price to rise, the others for it
        to fall.
        """
        if order.order_type.is_stop == (order.side is Side.BUY):
            return self.high >= order.stop_price
        return self.low <= order.stop_price


class WaitingOrders:
    """Waiting orders of everybody, by symbol, in the order in which they came."""

    __slots__ = ("_by_symbol",)

    def __init__(self) -> None:
        self._by_symbol: dict[str, dict[int, VenueOrder]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_symbol)

    def add(self, order: VenueOrder) -> None:
        """Let an order wait."""
        assert order.is_waiting
        self._by_symbol.setdefault(order.symbol, {})[order.order_id] = order

    def discard(self, order: VenueOrder) -> None:
        """Let an order wait no longer, if it did."""
        orders = self._by_symbol.get(order.symbol, {})
        orders.pop(order.order_id, None)
        if not orders:
            self._by_symbol.pop(order.symbol, None)

    def due(self, symbol: str, span: PriceSpan) -> Sequence[VenueOrder]:
        """Return the orders that trades of these prices trigger, oldest first."""
        orders = self._by_symbol.get(symbol, {})
        return [order for order in orders.values() if span.reaches(order)]
