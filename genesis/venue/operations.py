"""What the venue's own people do to an exchange: halts, other rules, transfers, fills out of turn.

Pure but for the ledger that the exchange is given.
"""

from dataclasses import dataclass

from genesis.limits import VENUE_DEPTH_LEVELS_MAX
from genesis.units import Amount, Nanos
from genesis.venue.depth_feed import DepthSnapshot
from genesis.venue.ledger import OrderKey, balance_row
from genesis.venue.listing import HALTED_STATUSES, Listing
from genesis.venue.market import Market
from genesis.venue.orders import ExpiryReason
from genesis.venue.reports import account_position, balance_update
from genesis.venue.settlement import Desk, Settlement, UserEvent


@dataclass(slots=True)
class _HeldSnapshot:
    """A book of an earlier moment, and how often it is still shown."""

    snapshot: DepthSnapshot
    times: int


class Operations:
    """The operators' hands on one exchange. `listings` is its own list, which they change."""

    def __init__(self, market: Market, desk: Desk, listings: dict[str, Listing]) -> None:
        self._market = market
        self._desk = desk
        self._listings = listings
        self._held_snapshots: dict[str, _HeldSnapshot] = {}

    def relist(self, listing: Listing) -> None:
        """Give a symbol other rules or another status; open orders stay as they are."""
        self._listings[listing.symbol] = listing
        self._market.halt(listing.symbol, is_halted=listing.status in HALTED_STATUSES)

    def delist(self, symbol: str, now: Nanos) -> None:
        """Take a symbol off the list; its open orders expire."""
        if self._listings.pop(symbol, None) is None:
            return
        self._market.halt(symbol, is_halted=True)
        settlement = Settlement(self._desk, now)
        for order in self._desk.open_orders.of_symbol(symbol):
            if not order.is_waiting:
                self._market.book(symbol).remove(order)
            settlement.expire(order, ExpiryReason.EXCHANGE_CANCELED)
        settlement.close()

    def hold_snapshot(self, symbol: str, times: int) -> None:
        """Show the book of this moment to the next `times` that ask for it."""
        snapshot = self._market.depth(symbol, VENUE_DEPTH_LEVELS_MAX)
        self._held_snapshots[symbol] = _HeldSnapshot(snapshot, times)

    def transfer(self, asset: str, amount: Amount, now: Nanos) -> None:
        """Move an amount into every account, or with a negative one as much as is free out."""
        for account in self._desk.accounts.values():
            moved = max(amount, -account.free(asset))
            account.transfer(asset, moved)
            account.updated_at = now
            row = balance_row(account.account_id, asset, account.balances[asset])
            self._desk.ledger.deposit(row, now)
            for event in (
                balance_update(asset, moved, now),
                account_position(account, account.take_touched(), now),
            ):
                self._desk.events.append(UserEvent(account.account_id, event))

    def fill(self, key: OrderKey, now: Nanos) -> None:
        """Let the public take the whole rest of an order in the book at its own price."""
        order = self._desk.open_orders.find(key)
        if order is None or order.is_waiting:
            return
        execution = self._market.book(order.symbol).take(order)
        self._market.number_trades(order.symbol, (execution,), now)
        settlement = Settlement(self._desk, now)
        settlement.execute(order.symbol, execution)
        settlement.close()
        self._market.publish(order.symbol, now)

    def held_snapshot(self, symbol: str, limit: int) -> DepthSnapshot | None:
        """Return the book that is held for a symbol, one time less than before, or None."""
        held = self._held_snapshots.get(symbol)
        if held is None:
            return None
        held.times -= 1
        if held.times == 0:
            del self._held_snapshots[symbol]
        return held.snapshot.cut(limit)
