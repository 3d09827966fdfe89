"""What the stages look at, gathered from the ledger and the market for each signal."""

import msgspec

from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.orders import Side
from genesis.engine.ledger import Ledger
from genesis.engine.pace import Pace
from genesis.engine.signals.case import SignalContext
from genesis.engine.valuation import Valuation
from genesis.units import Amount, Nanos, Quantity


class Working(msgspec.Struct, frozen=True):
    """The quantities that one strategy has working in one instrument."""

    entry: Quantity
    exit: Quantity


class SignalFacts:
    """Gathers contexts. It remembers of each strategy how fast its signals come."""

    def __init__(self, ledger: Ledger, valuation: Valuation) -> None:
        self._ledger = ledger
        self._valuation = valuation
        self._paces: dict[str, Pace] = {}

    def context(
        self,
        strategy_id: str,
        instrument: Instrument,
        quote: Quote | None,
        *,
        entry_max: Amount | None,
        now: Nanos,
    ) -> SignalContext:
        """Count a signal, and return what it is judged by."""
        pace = self._paces.get(strategy_id)
        if pace is None:
            pace = self._paces[strategy_id] = Pace()
        pace.note(now)
        working = self.working(strategy_id, instrument.symbol)
        state = self._ledger.state
        return SignalContext(
            strategy_id=strategy_id,
            instrument=instrument,
            quote=quote,
            equity=self._valuation.equity,
            held=self._ledger.position(strategy_id, instrument.symbol).quantity,
            working_entry=working.entry,
            working_exit=working.exit,
            signals_in_last_second=pace.in_last_second(now),
            halt_reason=state.halt_reason or state.halted_strategies.get(strategy_id, ""),
            entry_max=entry_max,
        )

    def working(self, strategy_id: str, symbol: str) -> Working:
        """Return what a strategy has working in one instrument."""
        entry = exit_ = 0
        for order in self._ledger.state.live_orders.values():
            intent = order.intent
            if intent.strategy_id == strategy_id and intent.symbol == symbol:
                if intent.side is Side.BUY:
                    entry += order.working_quantity
                else:
                    exit_ += order.working_quantity
        return Working(entry, exit_)
