"""Order lists: two orders of which one ends the other (OCO, `binance-spot.md` 7.5). Pure."""

import enum
from collections.abc import Iterator

import msgspec

from genesis.units import Nanos
from genesis.venue.orders import NewOrder, VenueOrder


class ListStatus(enum.StrEnum):
    """What a list is doing, as the protocol spells it."""

    EXECUTING = "EXECUTING"
    ALL_DONE = "ALL_DONE"


class NewOrderList(msgspec.Struct, frozen=True, kw_only=True):
    """A client's wish for two orders over one quantity, well formed, not yet judged."""

    list_client_id: str
    above: NewOrder
    below: NewOrder

    @property
    def legs(self) -> tuple[NewOrder, NewOrder]:
        """Return both orders, the one above the market first."""
        return self.above, self.below


class ListKey(msgspec.Struct, frozen=True, kw_only=True):
    """Whose list is meant, by the venue's id or the client's; None and "" mean not given."""

    account_id: int
    list_id: int | None = None
    list_client_id: str = ""


class VenueOrderList(msgspec.Struct, kw_only=True):
    """One accepted list. Its legs are the orders themselves, the one above the market first.

    It is EXECUTING for as long as one leg can still end the other.
    """

    list_id: int
    account_id: int
    symbol: str
    list_client_id: str
    created_at: Nanos
    updated_at: Nanos
    status: ListStatus = ListStatus.EXECUTING
    legs: tuple[VenueOrder, ...] = ()

    def partners_of(self, order: VenueOrder) -> list[VenueOrder]:
        """Return the other legs that are open."""
        return [leg for leg in self.legs if leg is not order and leg.is_open]


class OpenLists:
    """The lists that are executing, of all accounts, by their id."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: dict[int, VenueOrderList] = {}

    def add(self, order_list: VenueOrderList) -> None:
        """Take in a new list."""
        assert order_list.list_id not in self._by_id, "list ids never repeat"
        self._by_id[order_list.list_id] = order_list

    def remove(self, order_list: VenueOrderList) -> None:
        """Drop a list that is done."""
        del self._by_id[order_list.list_id]

    def of_order(self, order: VenueOrder) -> VenueOrderList | None:
        """Return the open list that an order is a leg of, or None."""
        return self._by_id.get(order.order_list_id)

    def find(self, key: ListKey) -> VenueOrderList | None:
        """Return the open list that fits the key, or None."""
        for order_list in self.of_account(key.account_id):
            if key.list_id is not None and order_list.list_id != key.list_id:
                continue
            if key.list_client_id in ("", order_list.list_client_id):
                return order_list
        return None

    def of_account(self, account_id: int) -> Iterator[VenueOrderList]:
        """Yield an account's open lists, oldest first."""
        return (each for each in self._by_id.values() if each.account_id == account_id)

    def count(self, account_id: int, symbol: str) -> int:
        """Return how many lists an account has open on a symbol."""
        return sum(each.symbol == symbol for each in self.of_account(account_id))
