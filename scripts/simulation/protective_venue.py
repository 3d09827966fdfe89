"""The venue's stops and targets: lists of which one leg trades, and prices that strike them.

As on Binance spot: a list is taken or refused as a whole and locks its lots once; whoever cancels a
leg cancels the list; the first trade of a leg, or the triggering of a stop, expires the other leg.
"""

from collections.abc import Callable

from genesis.domain.order_lists import (
    OrderListIntent,
    OrderListLeg,
    OrderListReport,
    OrderListState,
)
from genesis.domain.orders import OrderState
from genesis.exchange.gateway import (
    Accepted,
    CancelOutcome,
    ListAccepted,
    ListCancelOutcome,
    ListSubmitOutcome,
    NotOpen,
    Rejected,
    Unknown,
)
from genesis.units import Quantity
from scripts.simulation.faults import happens
from scripts.simulation.venue import Venue, VenueOrder


class ProtectiveVenue(Venue):
    """A venue that takes lists, and whose market strikes stops and targets now and then."""

    lists = 0
    struck = 0

    def place_list(
        self,
        intent: OrderListIntent,
        timestamp_ms: int,
        reply: Callable[[ListSubmitOutcome], None],
    ) -> None:
        """Take a list off the wire, as `place` an order."""
        self._receive(lambda: self._match_list(intent), timestamp_ms, reply)

    def cancel(self, client_order_id: str) -> CancelOutcome:
        """Cancel an open order, and the list that it is a leg of."""
        order = self._open.get(client_order_id)
        if order is None or not order.order_list:
            return super().cancel(client_order_id)
        self._end_list(order.order_list, OrderState.CANCELED)
        return Accepted(self._report(order, self._schedule.now))

    def cancel_list(self, list_client_order_id: str, legs: tuple[str, ...]) -> ListCancelOutcome:
        """Cancel a list whose legs are all open."""
        orders = [self._open[leg] for leg in legs if leg in self._open]
        if len(orders) < len(legs) or orders[0].order_list != list_client_order_id:
            return NotOpen("Unknown order sent.")
        self._end_list(list_client_order_id, OrderState.CANCELED)
        return ListAccepted(self._list_report(list_client_order_id, orders, OrderListState.DONE))

    def strike(self) -> None:
        """Let the market reach a stop or a target of ours."""
        resting = [
            order
            for order in self._open.values()
            if not order.is_external and (order.is_waiting or order.order_list)
        ]
        if not resting:
            return
        order = self._chance.choice(resting)
        self.struck += 1
        if order.is_waiting:
            self._trigger(order)
        else:
            self._trade_target(order)

    def _match_list(self, intent: OrderListIntent) -> ListSubmitOutcome:
        legs = intent.legs
        is_double = any(leg.client_order_id in self._open for leg in legs) or any(
            order.order_list == intent.list_client_order_id for order in self._open.values()
        )
        if is_double:
            return Unknown("400 -2010: Duplicate order sent.")
        if intent.symbol in self._halted:
            closed = "Market is closed."
            return Rejected(-2010, closed, retryable=False, contradicts_listing=True)
        price = self._price(intent.target)
        if not self._can_pay(intent.stop, price):
            reason = "Account has insufficient balance for requested action."
            return Rejected(-2010, reason, retryable=False)
        name = intent.list_client_order_id
        orders = [self._open_order(leg, order_list=name) for leg in legs]
        self.lists += 1
        return ListAccepted(self._list_report(name, orders, OrderListState.WORKING))

    def _list_report(
        self, name: str, orders: list[VenueOrder], state: OrderListState
    ) -> OrderListReport:
        now = self._schedule.now
        return OrderListReport(
            list_client_order_id=name,
            venue_list_id=1,
            symbol=orders[0].intent.symbol,
            state=state,
            legs=tuple(
                OrderListLeg(order.intent.client_order_id, order.venue_order_id) for order in orders
            ),
            event_at=now,
            received_at=now,
            reports=tuple(self._report(order, now) for order in orders),
        )

    def _end_list(self, name: str, state: OrderState, but: VenueOrder | None = None) -> None:
        for order in list(self._open.values()):
            if order.order_list == name and order is not but:
                self._end(order, state)

    def _trigger(self, order: VenueOrder) -> None:
        """Turn a stop into a market order; what finds no liquidity expires."""
        order.is_waiting = False
        if order.order_list:
            self._end_list(order.order_list, OrderState.EXPIRED, but=order)
        self._emit(self._report(order, self._schedule.now))
        price = order.intent.trigger_price
        for part in self._parts(order, self._struck(order)):
            self._fill(order, part, price)
        if order.is_open:
            self._end(order, OrderState.EXPIRED)

    def _trade_target(self, order: VenueOrder) -> None:
        """Trade a target, whole or in part; its stop is gone with the first trade."""
        self._end_list(order.order_list, OrderState.EXPIRED, but=order)
        for part in self._parts(order, self._struck(order)):
            self._fill(order, part, order.intent.limit_price)

    def _struck(self, order: VenueOrder) -> Quantity:
        left = order.intent.quantity - order.filled
        if not happens(self._chance, self._faults.partial_share):
            return left
        step = self._instrument(order.intent.symbol).step_size
        return step * self._chance.randrange(1, left // step + 1)
