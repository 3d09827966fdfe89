"""Closing everything of ours: what `TradingHalted(must_liquidate=True)` asks for. Pure.

A person (`genesis kill`) or the rules of loss write that entry, and it is durable before anything
follows from it. From then on, until a person resumes, `sweep` compares what is there with what
should be there, which is nothing, and has the difference taken away: parents end, exits that wait
are dropped, resting orders are canceled, and the protector cancels what protects positions, then
sells their lots (`Goal.SOLD`). It works from what the ledger holds and remembers nothing that
matters, so a crash at any point costs nothing: the next life's first sweep goes on.

No lot is sold twice, since a position's lots are for sale only while no order that may sell them is
unsettled; what is in doubt is resolved first. Only orders and lots of the ledger are touched: what
others hold and work on the account is not in it.
"""

from collections.abc import Callable
from typing import NamedTuple

from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.orders import OrderState
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.effects import Announce, Effect
from genesis.engine.entries import LiquidationEnded
from genesis.engine.ledger import Ledger
from genesis.engine.order_flow import OrderFlow, rests
from genesis.engine.protection import is_unsellable
from genesis.engine.protector import Protector
from genesis.engine.slicing.desk import SlicingDesk
from genesis.limits import LIQUIDATION_TOLD_EVERY
from genesis.units import Nanos, Quantity


class Lots(NamedTuple):
    """What one strategy holds of one instrument; `why` is empty where it is being sold."""

    strategy_id: str
    symbol: str
    quantity: Quantity
    why: str = ""


class Remainder(NamedTuple):
    """What is left to be done: orders that may still trade, lots to be sold; and dust."""

    orders: int
    lots: tuple[Lots, ...]
    dust: tuple[Lots, ...]

    @property
    def is_nothing(self) -> bool:
        """Tell whether everything of ours that can be closed is."""
        return not (self.orders or self.lots)


class Liquidation:
    """Has everything of ours closed, for as long as the ledger says that it must be."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        books: Bookkeeper,
        flow: OrderFlow,
        slicing: SlicingDesk,
        protector: Protector,
        quote_of: Callable[[int], Quote | None],
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._books = books
        self._flow = flow
        self._slicing = slicing
        self._protector = protector
        self._quote_of = quote_of
        self._told: tuple[int, int] = (0, 0)
        self._told_at: Nanos = 0

    @property
    def is_on(self) -> bool:
        """Tell whether everything of ours is to be closed."""
        return self._ledger.state.must_liquidate

    def sweep(self, now: Nanos) -> list[Effect]:
        """Have taken away what is still there; call it several times a second.

        The sales themselves are steps of `Protector.protect`.
        """
        if not self.is_on:
            return []
        state = self._ledger.state
        effects: list[Effect] = []
        for number in list(state.parents):
            effects += self._slicing.end(number, "everything is sold", now)
        effects += self._protector.drop_exits("everything is sold", now)
        for order in list(state.live_orders.values()):
            is_asked = order.state is OrderState.PENDING_CANCEL  # it is asked for again by itself
            if rests(order.intent) and not order.is_terminal and not is_asked:
                effects += self._flow.cancel(order, now)
        self._protector.touch_all()
        return effects + self._tell(now)

    def remainder(self) -> Remainder:
        """Return what is left of ours."""
        lots: list[Lots] = []
        dust: list[Lots] = []
        for strategy_id, held in self._ledger.state.positions.items():
            for symbol, position in held.items():
                if position.quantity <= 0:
                    continue
                row = Lots(strategy_id, symbol, position.quantity)
                instrument = self._catalogue.by_symbol(symbol)
                if instrument is None:
                    why = "not traded in this run: name its symbol in the settings"
                    lots.append(row._replace(why=why))
                elif self._is_dust(strategy_id, instrument):
                    dust.append(row._replace(why="too little for the venue"))
                else:
                    lots.append(row._replace(why=self._protector.obstacle((strategy_id, symbol))))
        orders = sum(1 for _order in self._ledger.unsettled())
        return Remainder(orders, tuple(lots), tuple(dust))

    def _is_dust(self, strategy_id: str, instrument: Instrument) -> bool:
        position = self._ledger.position(strategy_id, instrument.symbol)
        quote = self._quote_of(instrument.instrument_id)
        return is_unsellable(instrument, position, position.quantity, quote)

    def _tell(self, now: Nanos) -> list[Effect]:
        """Say how far it is, now and then; write down, once, that it is over."""
        left = self.remainder()
        if left.is_nothing:
            if self._ledger.state.liquidated_at:
                return []
            dust = tuple((row.strategy_id, row.symbol, row.quantity) for row in left.dust)
            return [
                self._books.record(LiquidationEnded(dust, now)),
                Announce("liquidation_ended", {"dust": len(dust)}, severity="warning"),
            ]
        figures = (left.orders, len(left.lots))
        if figures == self._told or now - self._told_at < LIQUIDATION_TOLD_EVERY:
            return []
        self._told, self._told_at = figures, now
        told: dict[str, str | int | float] = {"orders": figures[0], "positions": figures[1]}
        return [Announce("liquidation_progressed", told, severity="warning")]
