"""From trades and endings to money, records and reports.

One step of the exchange (a request, or an act of the public) opens a `Settlement`, passes what
happened through it in order, and closes it: only then is the ledger written, once, and only what is
written is told.
"""

from dataclasses import dataclass
from itertools import count
from typing import Final, NamedTuple

from genesis.domain.orders import Side
from genesis.units import NANOS_PER_MS, Amount, Nanos, notional
from genesis.venue.account import Account
from genesis.venue.commissions import Commissions
from genesis.venue.ledger import Ledger, LedgerChanges, balance_row
from genesis.venue.list_reports import list_status
from genesis.venue.listing import Listing
from genesis.venue.matching import Execution
from genesis.venue.open_orders import OpenOrders
from genesis.venue.order_lists import ListStatus, OpenLists, VenueOrderList
from genesis.venue.orders import ExpiryReason, OrderStatus, VenueOrder, VenueTrade
from genesis.venue.reports import JsonObject, ReportCause, account_position, execution_report
from genesis.venue.request_limits import MAKER_FILL_RELIEF, TAKER_FILL_RELIEF, OrderLimit
from genesis.venue.waiting_orders import WaitingOrders

_NEW: Final = "NEW"
_TRADE: Final = "TRADE"
_CANCELED: Final = "CANCELED"
_EXPIRED: Final = "EXPIRED"
_TRADE_PREVENTION: Final = "TRADE_PREVENTION"


class UserEvent(NamedTuple):
    """One event of an account's user data stream."""

    account_id: int
    document: JsonObject


@dataclass(slots=True)
class Desk:
    """What every settlement works on: the state of the exchange beside its books."""

    accounts: dict[int, Account]
    order_limits: dict[int, OrderLimit]
    open_orders: OpenOrders
    order_lists: OpenLists
    waiting: WaitingOrders
    ledger: Ledger
    commissions: Commissions
    execution_ids: "count[int]"
    events: list[UserEvent]
    listings: dict[str, Listing]


class Settlement:
    """One step's changes, in the order they happened. `close` must end it."""

    __slots__ = ("_accounts", "_desk", "_lists", "_now", "_orders", "_trades")

    def __init__(self, desk: Desk, now: Nanos) -> None:
        self._desk = desk
        self._now = now
        self._orders: dict[int, VenueOrder] = {}
        self._lists: dict[int, VenueOrderList] = {}
        self._trades: list[VenueTrade] = []
        self._accounts: dict[int, Account] = {}

    @property
    def trades(self) -> list[VenueTrade]:
        """The trades so far, one for each client's side."""
        return self._trades

    def accept(self, order: VenueOrder, locked: Amount) -> None:
        """Take an order in: hold its funds back, let it wait if it must, and report it NEW."""
        account = self._account(order)
        account.lock(self._spent_asset(order), locked)
        order.locked = locked
        self._desk.open_orders.add(order)
        if order.is_waiting:
            self._desk.waiting.add(order)
        self._report(order, _NEW, is_working=not order.is_waiting)

    def open_list(self, order_list: VenueOrderList) -> None:
        """Take a list in, and report it; its legs are still to be accepted, in this step."""
        self._desk.order_lists.add(order_list)
        self._lists[order_list.list_id] = order_list

    def trigger(self, order: VenueOrder) -> None:
        """Let a waiting order work, and report it NEW once more; a partner in a list expires."""
        self._desk.waiting.discard(order)
        order.working_at = self._now
        self._lead(order)
        self._report(order, _NEW, is_working=True)

    def hold_back(self, order: VenueOrder, needed: Amount) -> bool:
        """Hold back at least so much for an order; tell whether the account has it."""
        missing = max(0, needed - order.locked)
        account, asset = self._account(order), self._spent_asset(order)
        if missing > account.free(asset):
            return False
        account.lock(asset, missing)
        order.locked += missing
        return True

    def execute(self, symbol: str, execution: Execution) -> None:
        """Settle one trade for those of its parties that are clients, the taker first."""
        if execution.taker is not None:
            self._fill(execution.taker, execution, is_maker=False)
        if execution.maker is not None:
            self._fill(execution.maker, execution, is_maker=True)
        assert all(trade.symbol == symbol for trade in self._trades)

    def cancel(self, order: VenueOrder, cancel_id: str) -> None:
        """End an order on request."""
        self._end(order, OrderStatus.CANCELED)
        self._report(order, _CANCELED, is_working=False, cancel_id=cancel_id)

    def expire(self, order: VenueOrder, reason: ExpiryReason) -> None:
        """End an order whose rest cannot or may not wait."""
        order.expiry_reason = reason
        self._end(order, OrderStatus.EXPIRED)
        self._report(order, _EXPIRED, is_working=False)

    def prevent(self, order: VenueOrder) -> None:
        """End an order that would have traded with its own account."""
        self._lead(order)
        self._end(order, OrderStatus.EXPIRED_IN_MATCH)
        self._report(order, _TRADE_PREVENTION, is_working=False)

    def close(self) -> None:
        """Write the step to the ledger, then let its events out.

        Raises:
            StorageError: The ledger refused; the exchange must stop, as its memory runs ahead.
        """
        changes = LedgerChanges(
            list(self._orders.values()), self._trades, [], list(self._lists.values())
        )
        for order_list in self._lists.values():
            status = list_status(order_list, self._now)
            self._desk.events.append(UserEvent(order_list.account_id, status))
        for account in self._accounts.values():
            touched = account.take_touched()
            changes.balances += [
                balance_row(account.account_id, asset, account.balances[asset]) for asset in touched
            ]
            if touched:
                position = account_position(account, touched, self._now)
                self._desk.events.append(UserEvent(account.account_id, position))
        if changes:
            self._desk.ledger.commit(changes)

    def _account(self, order: VenueOrder) -> Account:
        account = self._desk.accounts[order.account_id]
        account.updated_at = self._now
        self._accounts[order.account_id] = account
        return account

    def _spent_asset(self, order: VenueOrder) -> str:
        listing = self._desk.listings[order.symbol]
        return listing.quote_asset if order.side is Side.BUY else listing.base_asset

    def _received_asset(self, order: VenueOrder) -> str:
        listing = self._desk.listings[order.symbol]
        return listing.base_asset if order.side is Side.BUY else listing.quote_asset

    def _lead(self, order: VenueOrder) -> None:
        """Let the partner of a leg expire; what was held back for both is the leg's own now."""
        order_list = self._desk.order_lists.of_order(order)
        if order_list is None:
            return
        partners = order_list.partners_of(order)
        self._end_list(order_list)
        for partner in partners:
            order.locked += partner.locked
            partner.locked = 0
            self.expire(partner, ExpiryReason.OCO_TRIGGER)

    def _end_list(self, order_list: VenueOrderList) -> None:
        order_list.status = ListStatus.ALL_DONE
        order_list.updated_at = self._now
        self._desk.order_lists.remove(order_list)
        self._lists[order_list.list_id] = order_list

    def _fill(self, order: VenueOrder, execution: Execution, *, is_maker: bool) -> None:
        self._lead(order)
        trade = self._trade(order, execution, is_maker=is_maker)
        self._trades.append(trade)
        self._pay(order, trade)
        if order.executed_quantity == 0:
            relief = MAKER_FILL_RELIEF if is_maker else TAKER_FILL_RELIEF
            self._desk.order_limits[order.account_id].relieve(self._now // NANOS_PER_MS, relief)
        order.executed_quantity += trade.quantity
        order.executed_quote += trade.quote_quantity
        is_filled = order.executed_quantity == order.quantity
        assert order.executed_quantity <= order.quantity
        if is_filled:
            self._end(order, OrderStatus.FILLED)
        else:
            order.status = OrderStatus.PARTIALLY_FILLED
        self._report(order, _TRADE, is_working=not is_filled, fill=trade)

    def _trade(self, order: VenueOrder, execution: Execution, *, is_maker: bool) -> VenueTrade:
        """Return an order's side of a trade."""
        assert execution.trade_id > 0, "the market numbers a trade before it is settled"
        listing = self._desk.listings[order.symbol]
        quote = notional(execution.price, execution.quantity)
        commission = self._desk.commissions.of(
            self._account(order), listing, order.side, execution, is_maker=is_maker
        )
        return VenueTrade(
            symbol=order.symbol,
            trade_id=execution.trade_id,
            order_id=order.order_id,
            account_id=order.account_id,
            side=order.side,
            price=execution.price,
            quantity=execution.quantity,
            quote_quantity=quote,
            commission=commission.amount,
            commission_asset=commission.asset,
            is_maker=is_maker,
            traded_at=self._now,
        )

    def _pay(self, order: VenueOrder, trade: VenueTrade) -> None:
        """Move the money of one trade; a buyer who paid less than its limit gets the rest back."""
        account = self._account(order)
        is_buy = order.side is Side.BUY
        spent = trade.quote_quantity if is_buy else trade.quantity
        received = trade.quantity if is_buy else trade.quote_quantity
        asset = self._spent_asset(order)
        account.spend_locked(asset, spent)
        order.locked -= spent
        account.credit(self._received_asset(order), received)
        account.transfer(trade.commission_asset, -trade.commission)
        if is_buy and not order.order_type.trades_at_market:
            rest = order.quantity - order.executed_quantity - trade.quantity
            released = order.locked - notional(order.price, rest)
            account.unlock(asset, released)
            order.locked -= released

    def _end(self, order: VenueOrder, status: OrderStatus) -> None:
        """Close an order and give back what it still holds."""
        order.status = status
        order.open_quantity = 0
        if order.locked:
            self._account(order).unlock(self._spent_asset(order), order.locked)
            order.locked = 0
        self._desk.open_orders.remove(order)
        self._desk.waiting.discard(order)
        order_list = self._desk.order_lists.of_order(order)
        if order_list is not None and not any(leg.is_open for leg in order_list.legs):
            self._end_list(order_list)

    def _report(
        self,
        order: VenueOrder,
        execution_type: str,
        *,
        is_working: bool,
        fill: VenueTrade | None = None,
        cancel_id: str = "",
    ) -> None:
        order.updated_at = self._now
        self._orders[order.order_id] = order
        cause = ReportCause(
            execution_type=execution_type,
            execution_id=next(self._desk.execution_ids),
            is_working=is_working,
            event_at=self._now,
            fill=fill,
            cancel_id=cancel_id,
        )
        report = execution_report(order, cause)
        self._desk.events.append(UserEvent(order.account_id, report))
