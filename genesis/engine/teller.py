"""What strategies are told: refusals, the fate of their orders, their fills, their position."""

from collections.abc import Iterator, Mapping
from typing import Final

from genesis.domain.child_names import owner_number, parent_of
from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.orders import Fill, OrderReport, OrderState, ReportKind, Side, Signal
from genesis.engine.effects import Tell
from genesis.engine.entries import ExitBegun
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.slicing.fold import find_parent
from genesis.engine.slicing.parent import ParentOrder
from genesis.strategies.base import StrategySpec
from genesis.units import SCALE, Nanos, Quantity

_EPOCH_SHIFT: Final = 32
"""Reports count up from the executor's epoch in the upper half, so they rise over restarts."""

TERMINAL_KINDS: Final = {
    OrderState.CANCELED: ReportKind.CANCELED,
    OrderState.EXPIRED: ReportKind.EXPIRED,
    OrderState.REJECTED: ReportKind.REJECTED,
    OrderState.NOT_EXECUTED: ReportKind.NOT_EXECUTED,
}
"""What a strategy is told of an end; FILLED is told fill by fill."""

UNKNOWN_STRATEGY: Final = "unknown"
"""Owner of orders whose strategy number no roster of ours has had."""


class Teller:
    """Makes the reports of one executor epoch."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        strategies: Mapping[int, StrategySpec],
        epoch: int,
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._strategies = strategies
        self._sequence = epoch << _EPOCH_SHIFT

    def strategy_id(self, strategy_number: int) -> str:
        """Return the name behind a permanent strategy number, or behind that of its children."""
        spec = self._strategies.get(owner_number(strategy_number))
        return UNKNOWN_STRATEGY if spec is None else spec.strategy_id

    def instrument_id(self, symbol: str) -> int:
        """Return this run's id of a symbol, -1 if it is not traded in this run."""
        instrument = self._catalogue.by_symbol(symbol)
        return -1 if instrument is None else instrument.instrument_id

    def tell_refused(self, signal: Signal, reason_code: int, now: Nanos) -> Tell:
        """Tell a strategy that we refused its signal."""
        symbol = self._catalogue[signal.instrument_id].symbol
        return Tell(
            OrderReport(
                report_sequence=self._next(),
                strategy_number=signal.strategy_number,
                epoch=signal.epoch,
                signal_sequence=signal.sequence,
                instrument_id=signal.instrument_id,
                side=Side(signal.side),
                kind=ReportKind.REFUSED,
                quantity=signal.quantity,
                price=signal.limit_price,
                position=self._position(self.strategy_id(signal.strategy_number), symbol),
                reason_code=reason_code,
                at=now,
            )
        )

    def tell_order(self, order: Order, kind: ReportKind, now: Nanos) -> Tell:
        """Tell a strategy what became of its order."""
        intent = order.intent
        return self._tell(order, kind, intent.limit_price, intent.quantity, now)

    def tell_unsent(self, begun: ExitBegun, now: Nanos) -> Tell:
        """Tell a strategy that its approved exit will not be sent."""
        intent, signal = begun.intent, begun.signal
        if parent_of(signal.strategy_number, signal.sequence):
            return self._tell_position(
                owner_number(signal.strategy_number),
                self.instrument_id(intent.symbol),
                self._position(intent.strategy_id, intent.symbol),
                now,
            )
        return Tell(
            OrderReport(
                report_sequence=self._next(),
                strategy_number=signal.strategy_number,
                epoch=signal.epoch,
                signal_sequence=signal.sequence,
                instrument_id=self.instrument_id(intent.symbol),
                side=intent.side,
                kind=ReportKind.NOT_EXECUTED,
                price=intent.limit_price,
                quantity=intent.quantity,
                position=self._position(intent.strategy_id, intent.symbol),
                at=now,
            )
        )

    def tell_fill(self, order: Order, fill: Fill, now: Nanos) -> Tell:
        """Tell a strategy of one execution, already booked."""
        return self._tell(order, ReportKind.FILLED, fill.price, fill.quantity, now)

    def tell_end_again(self, order: Order, now: Nanos) -> Tell:
        """Tell once more how an order ended, to a strategy that a crash may have kept from it.

        One that filled is told as a single fill, at its average price.
        """
        if order.state is OrderState.FILLED:
            price = order.booked_amount * SCALE // order.booked_quantity
            return self._tell(order, ReportKind.FILLED, price, order.booked_quantity, now)
        return self.tell_order(order, TERMINAL_KINDS[order.state], now)

    def tell_positions(self, now: Nanos) -> Iterator[Tell]:
        """Tell every strategy that ever held something what it holds."""
        for number, spec in self._strategies.items():
            instrument = self._catalogue.by_symbol(spec.symbol)
            held = self._ledger.position(spec.strategy_id, spec.symbol)
            if instrument is not None and held.fills:
                yield self._tell_position(number, instrument.instrument_id, held.quantity, now)

    def _tell_position(
        self, strategy_number: int, instrument_id: int, quantity: Quantity, now: Nanos
    ) -> Tell:
        return Tell(
            OrderReport(
                report_sequence=self._next(),
                strategy_number=strategy_number,
                epoch=0,
                signal_sequence=0,
                instrument_id=instrument_id,
                side=Side.BUY,
                kind=ReportKind.POSITION,
                position=quantity,
                at=now,
            )
        )

    def _tell(self, order: Order, kind: ReportKind, price: int, quantity: int, now: Nanos) -> Tell:
        intent, signal = order.intent, order.signal
        filled = order.booked_quantity
        if order.parent:
            parent = find_parent(self._ledger.state, order.parent)
            if parent is None or parent.signal is None or kind is not ReportKind.FILLED:
                # No news of a signal of the strategy: it learns what it holds.
                return self._tell_position(
                    owner_number(signal.strategy_number),
                    self.instrument_id(intent.symbol),
                    self._position(intent.strategy_id, intent.symbol),
                    now,
                )
            signal, filled = parent.signal, parent.filled_quantity
        return Tell(
            OrderReport(
                report_sequence=self._next(),
                strategy_number=signal.strategy_number,
                epoch=signal.epoch,
                signal_sequence=signal.sequence,
                instrument_id=self.instrument_id(intent.symbol),
                side=intent.side,
                kind=kind,
                price=price,
                quantity=quantity,
                filled_quantity=filled,
                position=self._position(intent.strategy_id, intent.symbol),
                at=now,
            )
        )

    def tell_parent_end(self, parent: ParentOrder, now: Nanos) -> Iterator[Tell]:
        """Tell a strategy that nothing more comes of a signal that was worked in slices.

        One that filled has been told fill by fill.
        """
        signal = parent.signal
        if signal is None or parent.filled_quantity >= parent.quantity:
            return
        yield Tell(
            OrderReport(
                report_sequence=self._next(),
                strategy_number=signal.strategy_number,
                epoch=signal.epoch,
                signal_sequence=signal.sequence,
                instrument_id=self.instrument_id(parent.symbol),
                side=parent.side,
                kind=ReportKind.EXPIRED,
                price=parent.price_cap,
                quantity=parent.quantity,
                filled_quantity=parent.filled_quantity,
                position=self._position(parent.strategy_id, parent.symbol),
                at=now,
            )
        )

    def _position(self, strategy_id: str, symbol: str) -> int:
        return self._ledger.position(strategy_id, symbol).quantity

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence
