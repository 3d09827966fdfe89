"""The exchange: orders in, trades, balances and reports out. Pure but for the ledger it is given.

It puts together the market's books, the accounts and the ledger. Every method takes the present;
every outcome that is returned, and every event that is taken, is in the ledger already. `Refused`
is the venue's no and changes nothing.
"""

from collections.abc import Iterable
from itertools import count
from typing import Final, NamedTuple

import msgspec

from genesis.domain.orders import Side, TimeInForce
from genesis.units import NANOS_PER_MS, SCALE, Amount, Nanos, Price
from genesis.venue import refusals
from genesis.venue.account import Account, Balance
from genesis.venue.commissions import FEE_ASSET, Commissions
from genesis.venue.depth_feed import DepthSnapshot
from genesis.venue.intake import Intake
from genesis.venue.ledger import BalanceRow, HistoryRange, Ledger, OrderKey
from genesis.venue.listing import HALTED_STATUSES, Listing, SymbolStatus, known_listing
from genesis.venue.market import Market
from genesis.venue.matching import (
    Execution,
    InstrumentBook,
    MatchEvent,
    Prevention,
    Taker,
)
from genesis.venue.open_orders import OpenOrders
from genesis.venue.operations import Operations
from genesis.venue.order_entry import CancelRequest
from genesis.venue.order_lists import ListKey, NewOrderList, OpenLists, VenueOrderList
from genesis.venue.orders import ExpiryReason, NewOrder, VenueOrder, VenueTrade
from genesis.venue.prospects import Reach, can_fill, market_cost
from genesis.venue.request_limits import OrderLimit, RateLimitCount, RateLimits
from genesis.venue.settlement import Desk, Settlement, UserEvent
from genesis.venue.waiting_orders import WaitingOrders

_NANOS_PER_US: Final = 1_000


class ExchangeRules(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every account; fees are rates scaled by 10**8.

    With `fees_in_bnb` an account pays them in BNB, at a discount, for as long as it has some.
    """

    maker_fee: Amount = SCALE // 1_000
    taker_fee: Amount = SCALE // 1_000
    fees_in_bnb: bool = False
    limits: RateLimits = RateLimits()


class Placement(NamedTuple):
    """An accepted order and what it traded at once."""

    order: VenueOrder
    fills: list[VenueTrade]


class Exchange:
    """One venue: all accounts, all instruments of its market.

    `now` is the moment of its start; ids that must rise for ever begin from it or from the ledger.
    Open orders on record go back into the books; those of symbols no longer listed expire.
    """

    def __init__(self, market: Market, ledger: Ledger, rules: ExchangeRules, now: Nanos) -> None:
        self.market = market
        self.rules = rules
        self.listings: dict[str, Listing] = dict(market.listings)
        self._ledger = ledger
        self._accounts: dict[int, Account] = {}
        self._events: list[UserEvent] = []
        self._open = OpenOrders()
        self._order_ids = count(ledger.last_order_id() + 1)
        self._list_ids = count(ledger.last_list_id() + 1)
        self._request_ids = count(now // _NANOS_PER_US)
        self._desk = Desk(
            accounts=self._accounts,
            order_limits={},
            open_orders=self._open,
            order_lists=OpenLists(),
            waiting=WaitingOrders(),
            ledger=ledger,
            commissions=Commissions(
                rules.maker_fee,
                rules.taker_fee,
                self._fee_asset_price if rules.fees_in_bnb else None,
            ),
            execution_ids=count(now // _NANOS_PER_US),
            events=self._events,
            listings=dict(self.listings),
        )
        self._intake = Intake(market, self._desk, self.listings)
        self.operations = Operations(market, self._desk, self.listings)
        self._restore(now)

    # The market and the outcome of steps.

    @property
    def next_at(self) -> Nanos | None:
        """When `advance` has something to do: a time past means at once, None not by itself."""
        if self._desk.waiting and self.market.klines.has_news:
            return 0
        return self.market.next_at

    def advance(self, now: Nanos, acts_max: int) -> bool:
        """Let the public do what is due, `acts_max` acts at most; tell whether more is due."""
        market = self.market
        self._run_triggers(now)
        for _ in range(acts_max):
            next_at = market.next_at
            if next_at is None or next_at > now:
                return False
            fills = market.step(now)
            if fills:
                settlement = Settlement(self._desk, now)
                for symbol, execution in fills:
                    settlement.execute(symbol, execution)
                settlement.close()
            self._run_triggers(now)
        return True

    def take_events(self) -> list[UserEvent]:
        """Return the user events since the last call, in order."""
        events = self._events[:]
        self._events.clear()
        return events

    # Accounts.

    def open_account(
        self, account_id: int, deposits: Iterable[tuple[str, Amount]], now: Nanos
    ) -> None:
        """Make sure an account exists; a new one begins with the deposits."""
        if account_id not in self._accounts:
            account = self._account_of(account_id)
            for asset, amount in deposits:
                account.restore(asset, Balance(free=amount))
                row = BalanceRow(account_id, asset, amount, 0)
                self._ledger.deposit(row, now)

    def account(self, account_id: int) -> Account:
        """Return an account that is open, to be read only."""
        return self._accounts[account_id]

    def order_counts(self, account_id: int, now: Nanos) -> list[RateLimitCount]:
        """Return an account's order counts as replies show them."""
        return self._desk.order_limits[account_id].entries(now // NANOS_PER_MS)

    def count_late_request(self, account_id: int, now: Nanos) -> None:
        """Count an order refused for its age just before matching: it counts all the same."""
        self._desk.order_limits[account_id].count_order(now // NANOS_PER_MS)

    def generated_id(self) -> str:
        """Return a client order id for a request that came without one."""
        return f"sim-{next(self._request_ids):x}"

    def listing(self, symbol: str) -> Listing:
        """Return the rules of a symbol.

        Raises:
            Refused: The symbol is not listed.
        """
        return self._intake.listing(symbol)

    def depth(self, symbol: str, limit: int) -> DepthSnapshot:
        """Return the public book of a listed symbol, or the one that is held for it."""
        return self.operations.held_snapshot(symbol, limit) or self.market.depth(symbol, limit)

    # Placing.

    def check(self, account_id: int, request: NewOrder, now: Nanos) -> None:
        """Refuse an order that the parameters, filters or order limits do not allow.

        Raises:
            Refused: Why not.
        """
        self._intake.check(account_id, request, now)

    def place(self, account_id: int, request: NewOrder, now: Nanos) -> Placement:
        """Take an order in, let it match or wait, and let the rest wait or expire.

        Raises:
            Refused: The order was not taken in; nothing of it has changed anything.
        """
        self._run_triggers(now)
        intake = self._intake
        intake.check(account_id, request, now)
        intake.check_client_id(account_id, request)
        order = intake.new_order(account_id, request, now)
        intake.check_prospects(order)
        locked = intake.required_funds(order)
        settlement = Settlement(self._desk, now)
        self._take_in(order, locked, settlement, now)
        if not order.is_waiting:
            self._work(order, settlement, now)
        settlement.close()
        fills = [trade for trade in settlement.trades if trade.order_id == order.order_id]
        return Placement(order, fills)

    def place_list(self, account_id: int, request: NewOrderList, now: Nanos) -> VenueOrderList:
        """Take both legs of a list in; they hold back what the dearer one needs, once.

        Raises:
            Refused: Neither leg was taken in; nothing of them has changed anything.
        """
        self._run_triggers(now)
        intake = self._intake
        intake.check_list(account_id, request, now)
        legs = tuple(intake.new_order(account_id, leg, now) for leg in request.legs)
        for leg in legs:
            intake.check_prospects(leg)
        locked = max(intake.required_funds(leg) for leg in legs)
        order_list = VenueOrderList(
            list_id=next(self._list_ids),
            account_id=account_id,
            symbol=request.above.symbol,
            list_client_id=request.list_client_id,
            created_at=now,
            updated_at=now,
            legs=legs,
        )
        settlement = Settlement(self._desk, now)
        settlement.open_list(order_list)
        for leg in legs:
            leg.order_list_id = order_list.list_id
            self._take_in(leg, locked, settlement, now)
            locked = 0
            if not leg.is_waiting:
                self.market.book(leg.symbol).rest(leg)
        settlement.close()
        self.market.publish(order_list.symbol, now)
        return order_list

    def _take_in(
        self, order: VenueOrder, locked: Amount, settlement: Settlement, now: Nanos
    ) -> None:
        order.order_id = next(self._order_ids)
        self._desk.order_limits[order.account_id].count_order(now // NANOS_PER_MS)
        settlement.accept(order, locked)

    def _work(self, order: VenueOrder, settlement: Settlement, now: Nanos) -> None:
        """Let an order match that waits for nothing."""
        book, reach = self.market.book(order.symbol), self._intake.reach(order, now)
        if order.time_in_force is TimeInForce.FOK and not can_fill(order, book, reach.limit):
            settlement.expire(order, ExpiryReason.UNFILLED_FOK)
        else:
            self._match(order, book, reach, settlement, now)

    def _run_triggers(self, now: Nanos) -> None:
        """Let those orders work whose stop price was reached since the last time.

        What they trade may reach others; that is seen the next time, which is due at once.
        """
        if not self.market.klines.has_news:
            return
        for symbol, span in self.market.klines.take_spans().items():
            for order in self._desk.waiting.due(symbol, span):
                if order.is_waiting:
                    self._trigger(order, now)

    def _trigger(self, order: VenueOrder, now: Nanos) -> None:
        order_list = self._desk.order_lists.of_order(order)
        for partner in order_list.partners_of(order) if order_list else ():
            self._withdraw(partner, now)
        settlement = Settlement(self._desk, now)
        settlement.trigger(order)
        cost = 0
        if order.side is Side.BUY and order.order_type.trades_at_market:
            cost = market_cost(order, self.market.book(order.symbol))
        if settlement.hold_back(order, cost):
            self._work(order, settlement, now)
        else:
            settlement.expire(order, ExpiryReason.REJECTED)
        settlement.close()

    def _match(
        self,
        order: VenueOrder,
        book: InstrumentBook,
        reach: Reach,
        settlement: Settlement,
        now: Nanos,
    ) -> None:
        taker = Taker(order.side, reach.limit, order.open_quantity, order)
        events = book.match(taker)
        order.open_quantity = taker.open_quantity
        executions = [event for event in events if isinstance(event, Execution)]
        self.market.number_trades(order.symbol, executions, now)
        _settle_events(order.symbol, events, settlement)
        if order.is_open:
            if reach.is_cut_short(book):
                settlement.expire(order, ExpiryReason.PRICE_RANGE)
            else:
                _finish(order, book, settlement)
        self.market.publish(order.symbol, now)

    # Canceling.

    def cancel(self, account_id: int, request: CancelRequest, now: Nanos) -> VenueOrder:
        """Cancel one open order, and return it as it ended.

        Raises:
            Refused: No such order is open, or it is not in the demanded state.
        """
        self._check_cancelable(request.symbol)
        key = OrderKey(
            account_id=account_id,
            symbol=request.symbol,
            order_id=request.order_id,
            client_order_id=request.client_order_id,
        )
        order = self._open.find(key)
        if order is None:
            if request.order_id and request.client_order_id and self._knows_either(key):
                raise refusals.cancel_rejected(refusals.CANCEL_IDS_DISAGREE)
            raise refusals.cancel_rejected()
        if request.only_status not in ("", order.status.value):
            raise refusals.cancel_rejected(refusals.CANCEL_RESTRICTED)
        self._cancel([order], request.cancel_id, now)
        return order

    def cancel_all(self, account_id: int, symbol: str, now: Nanos) -> list[VenueOrder]:
        """Cancel every open order of an account on a symbol, and return them as they ended.

        Raises:
            Refused: None is open.
        """
        self._check_cancelable(symbol)
        orders = list(self._open.of_account(account_id, symbol))
        if not orders:
            raise refusals.cancel_rejected()
        self._cancel(orders, self.generated_id(), now)
        return orders

    def _check_cancelable(self, symbol: str) -> None:
        if self.listing(symbol).status in HALTED_STATUSES - {SymbolStatus.CANCEL_ONLY}:
            raise refusals.cancel_rejected(refusals.MARKET_CLOSED)

    def _cancel(self, orders: Iterable[VenueOrder], cancel_id: str, now: Nanos) -> None:
        """Cancel orders; one that is a leg of an open list takes the other leg with it."""
        settlement = Settlement(self._desk, now)
        for order in orders:
            order_list = self._desk.order_lists.of_order(order)
            for leg in order_list.legs if order_list else (order,):
                if leg.is_open:
                    self._withdraw(leg, now)
                    settlement.cancel(leg, cancel_id)
        settlement.close()

    def _withdraw(self, order: VenueOrder, now: Nanos) -> None:
        """Take an order out of the book, if it is there."""
        if not order.is_waiting:
            self.market.book(order.symbol).remove(order)
            self.market.publish(order.symbol, now)

    def cancel_list(self, symbol: str, key: ListKey, cancel_id: str, now: Nanos) -> VenueOrderList:
        """Cancel both legs of an open list, and return it as it ended.

        Raises:
            Refused: No such list is open.
        """
        self._check_cancelable(symbol)
        order_list = self._desk.order_lists.find(key)
        if order_list is None or order_list.symbol != symbol:
            raise refusals.cancel_rejected()
        self._cancel(order_list.legs, cancel_id, now)
        return order_list

    # Looking.

    def query(self, key: OrderKey) -> VenueOrder:
        """Return an order, open or not.

        Raises:
            Refused: There is none, or the two ids name different orders.
        """
        self.listing(key.symbol)
        order = self._open.find(key) or self._ledger.find_order(key)
        if order is not None:
            return order
        if key.order_id and key.client_order_id and self._knows_either(key):
            raise refusals.ids_disagree()
        raise refusals.order_not_found()

    def open_orders(self, account_id: int, symbol: str | None) -> list[VenueOrder]:
        """Return an account's open orders, oldest first, of one symbol or of all."""
        if symbol is not None:
            self.listing(symbol)
        return list(self._open.of_account(account_id, symbol))

    def orders(self, wanted: HistoryRange) -> list[VenueOrder]:
        """Return orders of an account and symbol, open or not."""
        self.listing(wanted.symbol)
        return self._ledger.orders(wanted)

    def open_lists(self, account_id: int) -> list[VenueOrderList]:
        """Return an account's open lists, oldest first."""
        return list(self._desk.order_lists.of_account(account_id))

    def open_list_of(self, key: OrderKey) -> VenueOrderList | None:
        """Return the open list that an open order is a leg of, or None."""
        order = self._open.find(key)
        return None if order is None else self._desk.order_lists.of_order(order)

    def query_list(self, key: ListKey) -> VenueOrderList:
        """Return a list, open or not.

        Raises:
            Refused: There is none.
        """
        order_list = self._desk.order_lists.find(key) or self._ledger.find_list(key)
        if order_list is None:
            raise refusals.order_not_found()
        return order_list

    def order_lists(self, wanted: HistoryRange) -> list[VenueOrderList]:
        """Return lists of an account, open or not."""
        return self._ledger.order_lists(wanted)

    def trades(self, wanted: HistoryRange) -> list[VenueTrade]:
        """Return trades of an account and symbol."""
        self.listing(wanted.symbol)
        return self._ledger.trades(wanted)

    def save_marks(self) -> None:
        """Record the market's last prices."""
        self._ledger.save_marks(self.market.marks())

    def _knows_either(self, key: OrderKey) -> bool:
        by_id = msgspec.structs.replace(key, client_order_id="")
        by_client_id = msgspec.structs.replace(key, order_id=0)
        return any(self._ledger.find_order(part) is not None for part in (by_id, by_client_id))

    def _fee_asset_price(self, quote_asset: str) -> Price:
        symbol = FEE_ASSET + quote_asset
        if symbol not in self.listings:
            return 0
        return self.market.book(symbol).best_price(Side.SELL) or 0

    def _account_of(self, account_id: int) -> Account:
        account = self._accounts.get(account_id)
        if account is None:
            account = self._accounts[account_id] = Account(account_id)
            self._desk.order_limits[account_id] = OrderLimit(self.rules.limits)
        return account

    def _restore(self, now: Nanos) -> None:
        for row in self._ledger.balances():
            balance = Balance(row.free, row.locked)
            self._account_of(row.account_id).restore(row.asset, balance)
        orders = self._ledger.open_orders()
        for order in orders:
            self._open.add(order)
        for order_list in self._ledger.open_lists():
            legs = (order for order in orders if order.order_list_id == order_list.list_id)
            order_list.legs = tuple(legs)
            self._desk.order_lists.add(order_list)
        settlement = Settlement(self._desk, now)
        for order in orders:
            if order.symbol not in self.listings:
                self._desk.listings.setdefault(order.symbol, known_listing(order.symbol))
                settlement.expire(order, ExpiryReason.EXCHANGE_CANCELED)
            elif order.is_waiting:
                self._desk.waiting.add(order)
            else:
                self.market.book(order.symbol).rest(order)
                self.market.publish(order.symbol, now)
        settlement.close()


def _settle_events(symbol: str, events: Iterable[MatchEvent], settlement: Settlement) -> None:
    for event in events:
        if isinstance(event, Prevention):
            for order in (event.maker, event.taker):
                if order is not None:
                    settlement.prevent(order)
        else:
            settlement.execute(symbol, event)


def _finish(order: VenueOrder, book: InstrumentBook, settlement: Settlement) -> None:
    """Let what is left of an order wait, or expire."""
    if order.order_type.trades_at_market:
        settlement.expire(order, ExpiryReason.INSUFFICIENT_LIQUIDITY)
    elif order.time_in_force is TimeInForce.GTC:
        book.rest(order)
    else:
        settlement.expire(order, ExpiryReason.UNFILLED_IOC)
