"""Ours against the venue's: which orders to look at, which fills are missing, do balances agree.

Nothing here repairs. Missing executions come in by the venue's own trade ids, orders are asked for
by name, and a difference of balances that stays is reported, never explained away.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from genesis.domain.orders import ExecutionReport, Fill, OrderState
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.limits import (
    RECONCILE_CONFIRM,
    RECONCILE_ORDER_AGE,
    RECONCILE_PERIOD,
)
from genesis.units import Amount, Nanos


class VenueView(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue said of the account, each part fetched once, its clock before all others.

    `balances` are free and locked together, by asset, with everything in them up to `balances_at`,
    the venue's time of the account's last change. `trades` carry no client order id. `orders` are
    all of the account's, open or not, where they were asked for. Of `unlisted` symbols the venue
    says nothing any more.
    """

    venue_ms: int
    open_orders: tuple[ExecutionReport, ...]
    orders: tuple[ExecutionReport, ...]
    trades: tuple[Fill, ...]
    balances: Mapping[str, Amount]
    balances_at: Nanos
    unlisted: frozenset[str] = frozenset()


class BalanceDifference(msgspec.Struct, frozen=True):
    """One asset of which the venue holds another amount than our fold."""

    asset: str
    ours: Amount
    venue: Amount


class TradeCursor:
    """Up to which trade, by symbol, every trade of the account is accounted for.

    It does not simply follow the fills that are booked: a trade that nobody booked, made before one
    that was, would never be listed again.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._reached = dict(ledger.state.last_trade_ids)

    def note(self, fill: Fill) -> None:
        """Take note of a fill: the trades of a symbol are listed from behind its first one."""
        self._reached.setdefault(fill.symbol, fill.trade_id)

    def questions(self) -> tuple[tuple[str, int], ...]:
        """Return the symbols to list trades of, each with the first trade id wanted."""
        return tuple((symbol, self._reached[symbol] + 1) for symbol in sorted(self._reached))

    def advance(self, trades: Sequence[Fill], is_accounted: Callable[[Fill], bool]) -> None:
        """Move past what is accounted for in a list of trades."""
        stuck: set[str] = set()
        for trade in sorted(trades, key=lambda trade: trade.trade_id):
            if not is_accounted(trade):
                stuck.add(trade.symbol)
            elif trade.symbol not in stuck:
                reached = self._reached.get(trade.symbol, 0)
                self._reached[trade.symbol] = max(reached, trade.trade_id)


class BalanceWatch:
    """Whether balances agree, and since when they differ by as much as they do.

    `equal` is None while nothing can be said. `differences` are those of the last reading that said
    something, which showed the balances of `balances_at`; `is_confirmed` once two did.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._unequal_readings = 0
        self.equal: bool | None = None
        self.differences: tuple[BalanceDifference, ...] = ()
        self.balances_at: Nanos = 0
        self.since: Nanos = 0
        self.is_confirmed = False

    def compare(self, view: VenueView, *, is_settled: bool, now: Nanos) -> None:
        """Take one reading. Made while something was in flight, it proves nothing but equality."""
        differences = balance_differences(self._ledger, view.balances)
        if not differences:
            self.differences, self.equal = (), True
            self._unequal_readings = 0
            return
        self._unequal_readings += 1
        if not is_settled:
            self.equal = None
            return
        # Balances move on while it stands; by how much the two sides differ does not.
        self.is_confirmed = gaps(differences) == gaps(self.differences)
        if not self.is_confirmed:
            self.since = now
        self.differences, self.equal, self.balances_at = differences, False, view.balances_at

    @property
    def next_reading(self) -> Nanos:
        """Return how soon to compare again: at once after news, as usual when a difference stays.

        A whole view is costly at the venue, and a halt may stand for hours.
        """
        doublings = self._unequal_readings - 1
        if doublings < 0:
            return RECONCILE_PERIOD
        return min(RECONCILE_CONFIRM << doublings, RECONCILE_PERIOD)

    def forget(self) -> None:
        """Begin anew: what differed has been accepted."""
        self.differences, self.equal = (), None


def gaps(differences: Iterable[BalanceDifference]) -> list[tuple[str, Amount]]:
    """Return by how much each asset differs."""
    return [(difference.asset, difference.venue - difference.ours) for difference in differences]


def missing_fills(ledger: Ledger, trades: Iterable[Fill]) -> list[tuple[Order, Fill]]:
    """Return the trades of our orders that were not booked, each with its client order id."""
    missing = []
    for trade in trades:
        order = ledger.find_by_venue_id(trade.symbol, trade.venue_order_id)
        if order is not None and trade.trade_id not in order.booked_trades:
            named = msgspec.structs.replace(trade, client_order_id=order.intent.client_order_id)
            missing.append((order, named))
    return missing


def orders_to_query(
    ledger: Ledger, open_orders: Iterable[ExecutionReport], now: Nanos
) -> list[tuple[Order, Nanos]]:
    """Return our live orders that the venue does not list as open, and when to ask about each.

    That is not while one is young: a list may lag the matching engine. Those in doubt are left out,
    since their own resolution is under way.
    """
    listed = {report.client_order_id for report in open_orders}
    return [
        (order, max(now, order.moved_at + RECONCILE_ORDER_AGE))
        for order in ledger.unsettled()
        if order.intent.client_order_id not in listed
        and order.state not in {OrderState.PREPARED, OrderState.OUTCOME_UNKNOWN}
    ]


def is_settled(ledger: Ledger, open_orders: Iterable[ExecutionReport]) -> bool:
    """Tell whether no order of ours may have moved balances without our knowing it.

    Such are orders in flight or in doubt, with fills not yet booked, or that have left the venue's
    book without our having heard how.
    """
    listed = {report.client_order_id for report in open_orders}
    return not any(
        order.is_terminal or order.misses_fills or order.intent.client_order_id not in listed
        for order in ledger.unsettled()
    )


def balance_differences(
    ledger: Ledger, balances: Mapping[str, Amount]
) -> tuple[BalanceDifference, ...]:
    """Compare every asset either side knows, in integers, in the order of their names."""
    state = ledger.state
    assets = balances.keys() | state.opening_balances.keys() | state.balance_changes.keys()
    return tuple(
        BalanceDifference(asset, ours, venue)
        for asset in sorted(assets)
        if (ours := ledger.expected_balance(asset)) != (venue := balances.get(asset, 0))
    )
