"""Facts written down: each is folded into the ledger at once and returned as a commit."""

from collections.abc import Callable
from typing import TypeAlias

from genesis.domain.orders import ExecutionReport, Fill, OrderState
from genesis.engine.effects import Announce, Commit, Effect
from genesis.engine.entries import (
    Entry,
    ExternalFillBooked,
    FeesValued,
    FillBooked,
    OrderMoved,
    TransferBooked,
)
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.reconciliation import TradeCursor
from genesis.engine.sub_ledgers import differences, gap_at
from genesis.engine.teller import Teller
from genesis.units import NANOS_PER_MS, Amount, Nanos, text_from_fixed

ValueOf: TypeAlias = Callable[[str, Amount, str], Amount | None]
"""Says what an amount of an asset is worth in a quote asset now; None where there is no price."""


class Bookkeeper:
    """The one way by which the core changes its ledger.

    `touched` are the positions to which something has happened, for whoever looks after them.

    After each entry that moves money, the sub-ledgers are still the account: a fill is held against
    what it moves alone, and what is rare against all that there is.
    """

    def __init__(
        self, ledger: Ledger, teller: Teller, cursor: TradeCursor, value_of: ValueOf
    ) -> None:
        self._ledger = ledger
        self._teller = teller
        self._cursor = cursor
        self._value_of = value_of
        self.touched: dict[tuple[str, str], None] = {}

    def record(self, *entries: Entry) -> Commit:
        """Fold entries in, and return the effect that makes them durable."""
        for entry in entries:
            self._ledger.apply(entry)
            if isinstance(entry, TransferBooked | ExternalFillBooked | FeesValued):
                assert not differences(self._ledger.state), "the sub-ledgers are the account"
        return Commit(entries)

    def value_fees(self, now: Nanos) -> list[Effect]:
        """Charge fees in third assets that had no price when paid, where there is one now."""
        valued = [
            FeesValued(strategy_id, symbol, asset, amount, value, now)
            for strategy_id, by_symbol in self._ledger.state.unvalued_fees.items()
            for symbol, by_asset in by_symbol.items()
            for asset, amount in by_asset.items()
            if (value := self._worth(asset, amount, symbol)) is not None
        ]
        return [self.record(*valued)] if valued else []

    def _worth(self, asset: str, amount: Amount, symbol: str) -> Amount | None:
        base, quote = self._ledger.state.pairs[symbol]
        assert asset not in {base, quote}, "such a fee is in the position already"
        return self._value_of(asset, amount, quote)

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
        asset, quote_asset = fill.fee_asset, order.quote_asset
        fee_value = None
        if fill.fee and asset not in {order.base_asset, quote_asset}:
            fee_value = self._value_of(asset, fill.fee, quote_asset)
        state = self._ledger.state
        gap = gap_at(state, order, asset)
        commit = self.record(FillBooked(fill=fill, at=now, fee_value=fee_value))
        assert gap_at(state, order, asset) == gap, "a fill moves sub-ledgers as it moves balances"
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
                    "confidence_bps": order.intent.confidence_bps,
                },
            ),
        ]
