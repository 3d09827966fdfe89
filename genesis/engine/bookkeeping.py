"""Facts written down: each is folded into the ledger at once and returned as a commit."""

from genesis.domain.orders import ExecutionReport, Fill, OrderState
from genesis.engine.effects import Announce, Commit, Effect
from genesis.engine.entries import Entry, FillBooked, OrderMoved
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.reconciliation import TradeCursor
from genesis.engine.teller import Teller
from genesis.units import NANOS_PER_MS, Nanos, text_from_fixed


class Bookkeeper:
    """The one way by which the core changes its ledger.

    `touched` are the positions to which something has happened, for whoever looks after them.
    """

    def __init__(self, ledger: Ledger, teller: Teller, cursor: TradeCursor) -> None:
        self._ledger = ledger
        self._teller = teller
        self._cursor = cursor
        self.touched: dict[tuple[str, str], None] = {}

    def record(self, *entries: Entry) -> Commit:
        """Fold entries in, and return the effect that makes them durable."""
        for entry in entries:
            self._ledger.apply(entry)
        return Commit(entries)

    def touch(self, order: Order) -> None:
        """Take note that a position's orders or lots have changed: by strategy and symbol."""
        self.touched[order.intent.strategy_id, order.intent.symbol] = None

    def move(
        self,
        order: Order,
        state: OrderState,
        reason: str,
        now: Nanos,
        report: ExecutionReport | None = None,
    ) -> Commit:
        """Record that an order changed its state, by the venue's report if there is one."""
        self.touch(order)
        return self.record(
            OrderMoved(
                client_order_id=order.intent.client_order_id,
                state=state,
                venue_order_id=report.venue_order_id if report else 0,
                filled_quantity=report.filled_quantity if report else 0,
                reason=reason,
                at=now,
            )
        )

    def book_fill(self, order: Order, fill: Fill, now: Nanos) -> list[Effect]:
        """Book one execution of an order; a trade already booked changes nothing."""
        if fill.trade_id in order.booked_trades:
            return []
        self._cursor.note(fill)
        self.touch(order)
        commit = self.record(FillBooked(fill=fill, at=now))
        return [
            commit,
            self._teller.tell_fill(order, fill, now),
            Announce(
                "trade_executed",
                {
                    "strategy": order.intent.strategy_id,
                    "symbol": fill.symbol,
                    "side": fill.side.name,
                    "quantity": text_from_fixed(fill.quantity),
                    "price": text_from_fixed(fill.price),
                    "latency_ms": round((now - order.signal_at) / NANOS_PER_MS, 3),
                    "client_order_id": fill.client_order_id,
                    "trade_id": fill.trade_id,
                },
            ),
        ]
