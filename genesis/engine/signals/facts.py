"""What the stages look at, gathered from the ledger and the market for each signal."""

from collections.abc import Mapping

from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.engine.ledger import Ledger
from genesis.engine.pace import Pace
from genesis.engine.risk_facts import BASIS_POINTS
from genesis.engine.signals.case import SignalContext
from genesis.engine.signals.volatility import Volatility
from genesis.engine.tally import Tally, lower_sale
from genesis.engine.valuation import Valuation
from genesis.units import Amount, Nanos, Price


class SignalFacts:
    """Gathers contexts. It remembers how fast signals come and how much the market moves."""

    def __init__(self, ledger: Ledger, valuation: Valuation) -> None:
        self._ledger = ledger
        self._valuation = valuation
        self._volatility = Volatility()
        self._paces: dict[str, Pace] = {}

    def learn(self, quotes: Mapping[int, Quote], now: Nanos) -> None:
        """Take the market's present quotes."""
        self._volatility.learn(quotes, now)

    def context(
        self,
        strategy_id: str,
        instrument: Instrument,
        quote: Quote | None,
        seen: Tally,
        *,
        is_judged: bool,
        share_bps: int,
        entry_max: Amount | None,
        now: Nanos,
    ) -> SignalContext:
        """Count a signal, if it is a new one, and return what it is judged by.

        Losses leave `share_bps` of sizes: as all of them are shares of equity, it is told as less.
        """
        pace = self._paces.get(strategy_id)
        if pace is None:
            pace = self._paces[strategy_id] = Pace()
        if not is_judged:
            pace.note(now)
        waiting = self._ledger.protection.waiting_exit(strategy_id, instrument.symbol)
        state = self._ledger.state
        return SignalContext(
            strategy_id=strategy_id,
            instrument=instrument,
            quote=quote,
            equity=self._valuation.equity * share_bps // BASIS_POINTS,
            held=self._ledger.position(strategy_id, instrument.symbol).quantity,
            working_entry=seen.entry,
            working_exit=seen.exit + (waiting.intent.quantity if waiting else 0),
            sale_of_others=self._sale_of_others(strategy_id, instrument.symbol, seen),
            is_judged=is_judged,
            signals_in_last_second=pace.in_last_second(now),
            halt_reason=state.halt_reason or state.halted_strategies.get(strategy_id, ""),
            record=self._ledger.record_of(strategy_id),
            volatility_ppm=self._volatility.hourly_ppm(instrument.instrument_id),
            entry_max=entry_max,
        )

    def _sale_of_others(self, strategy_id: str, symbol: str, seen: Tally) -> Price | None:
        """Return the lowest price at which others sell in the book, protection's targets too."""
        lowest = seen.sale_of_others
        for order in self._ledger.protection.orders_of_others(strategy_id, symbol):
            lowest = lower_sale(lowest, order)
        return lowest
