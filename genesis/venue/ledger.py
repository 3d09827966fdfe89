"""The port to the venue's books: what must be on record before anybody is told of it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from genesis.units import Amount, Nanos, Price
from genesis.venue.account import Balance
from genesis.venue.order_lists import ListKey, VenueOrderList
from genesis.venue.orders import VenueOrder, VenueTrade


class BalanceRow(msgspec.Struct, frozen=True, array_like=True):
    """One asset of one account, absolute."""

    account_id: int
    asset: str
    free: Amount
    locked: Amount


class LedgerChanges(msgspec.Struct):
    """What one step of the exchange changed. `orders` may name an order more than once."""

    orders: list[VenueOrder] = []
    trades: list[VenueTrade] = []
    balances: list[BalanceRow] = []
    lists: list[VenueOrderList] = []

    def __bool__(self) -> bool:
        return bool(self.orders or self.trades or self.balances or self.lists)


class OrderKey(msgspec.Struct, frozen=True, kw_only=True):
    """Whose order is meant, by the venue's id, the client's, or both; 0 and "" mean not given."""

    account_id: int
    symbol: str
    order_id: int = 0
    client_order_id: str = ""


class HistoryRange(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a history are wanted.

    From `from_id` on, else within the times (inclusive), oldest first; with neither `from_id`
    nor `start_at` the newest `limit` rows, still oldest first. The symbol "" means all of them.
    """

    account_id: int
    symbol: str
    limit: int
    from_id: int | None = None
    order_id: int | None = None
    start_at: Nanos | None = None
    end_at: Nanos | None = None


class Ledger(Protocol):
    """Accounts, orders and trades on record. One writer."""

    def commit(self, changes: LedgerChanges) -> None:
        """Record a step whole, or raise StorageError. Survives the death of the process."""

    def deposit(self, row: BalanceRow, at: Nanos) -> None:
        """Record money that came from outside, together with the balance it leads to."""

    def balances(self) -> list[BalanceRow]:
        """Return every balance on record."""

    def open_orders(self) -> list[VenueOrder]:
        """Return the orders that were open when last recorded, oldest first."""

    def find_order(self, key: OrderKey) -> VenueOrder | None:
        """Return the newest order that fits the key, or None."""

    def orders(self, wanted: HistoryRange) -> list[VenueOrder]:
        """Return orders of an account and symbol; ids are order ids, times are of creation."""

    def trades(self, wanted: HistoryRange) -> list[VenueTrade]:
        """Return trades of an account and symbol; ids are trade ids."""

    def open_lists(self) -> list[VenueOrderList]:
        """Return the lists that were open when last recorded, oldest first, without their legs."""

    def find_list(self, key: ListKey) -> VenueOrderList | None:
        """Return the newest list that fits the key, or None."""

    def order_lists(self, wanted: HistoryRange) -> list[VenueOrderList]:
        """Return lists of an account, of any symbol; ids are list ids, times are of creation."""

    def last_list_id(self) -> int:
        """Return the highest list id ever given, or 0."""

    def last_order_id(self) -> int:
        """Return the highest order id ever given, or 0."""

    def last_trade_ids(self) -> dict[str, int]:
        """Return the highest trade id of a client's trade, by symbol."""

    def marks(self) -> dict[str, Price]:
        """Return the last prices recorded, by symbol."""

    def save_marks(self, marks: Sequence[tuple[str, Price]]) -> None:
        """Record the last prices, so that a restarted model goes on from them."""


def balance_row(account_id: int, asset: str, balance: Balance) -> BalanceRow:
    """Make the absolute row of one asset."""
    return BalanceRow(account_id, asset, balance.free, balance.locked)
