"""The orders that can still trade, found by the venue's id or the client's."""

from collections.abc import Iterator
from typing import TypeAlias

from genesis.venue.ledger import OrderKey
from genesis.venue.orders import VenueOrder

_ClientKey: TypeAlias = tuple[int, str, str]


class OpenOrders:
    """Open orders of all accounts. A client order id is unique among an account's open ones."""

    __slots__ = ("_by_client_id", "_by_id", "_counts")

    def __init__(self) -> None:
        self._by_id: dict[int, VenueOrder] = {}
        self._by_client_id: dict[_ClientKey, VenueOrder] = {}
        self._counts: dict[tuple[int, str], int] = {}

    def add(self, order: VenueOrder) -> None:
        """Take in a new order, whose ids must be free."""
        key = _client_key(order)
        assert order.order_id not in self._by_id, "order ids never repeat"
        assert key not in self._by_client_id, "duplicates are refused before"
        self._by_id[order.order_id] = order
        self._by_client_id[key] = order
        place = (order.account_id, order.symbol)
        self._counts[place] = self._counts.get(place, 0) + 1

    def remove(self, order: VenueOrder) -> None:
        """Drop an order that has come to its end."""
        del self._by_id[order.order_id]
        del self._by_client_id[_client_key(order)]
        self._counts[order.account_id, order.symbol] -= 1

    def count(self, account_id: int, symbol: str) -> int:
        """Return how many orders an account has open on a symbol."""
        return self._counts.get((account_id, symbol), 0)

    def has_client_id(self, account_id: int, symbol: str, client_order_id: str) -> bool:
        """Tell whether an open order has this client id."""
        return (account_id, symbol, client_order_id) in self._by_client_id

    def find(self, key: OrderKey) -> VenueOrder | None:
        """Return the open order that fits every part of the key, or None."""
        if key.order_id:
            order = self._by_id.get(key.order_id)
        else:
            order = self._by_client_id.get((key.account_id, key.symbol, key.client_order_id))
        if order is None or (order.account_id, order.symbol) != (key.account_id, key.symbol):
            return None
        if key.client_order_id and order.client_order_id != key.client_order_id:
            return None
        return order

    def of_account(self, account_id: int, symbol: str | None) -> Iterator[VenueOrder]:
        """Yield an account's open orders, oldest first, of one symbol or of all."""
        return (
            order
            for order in self._by_id.values()
            if order.account_id == account_id and symbol in (None, order.symbol)
        )

    def of_symbol(self, symbol: str) -> list[VenueOrder]:
        """Return everybody's open orders on a symbol, oldest first."""
        return [order for order in self._by_id.values() if order.symbol == symbol]


def _client_key(order: VenueOrder) -> _ClientKey:
    return order.account_id, order.symbol, order.client_order_id
