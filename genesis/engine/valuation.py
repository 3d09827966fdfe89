"""What the account is worth: equity at the mark, its peak, and the day's result."""

from collections.abc import Mapping
from typing import Final

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.engine.entries import EquityMarked
from genesis.engine.ledger import Ledger
from genesis.units import NANOS_PER_SECOND, Amount, Nanos, Price, notional

_DAY: Final[Nanos] = 86_400 * NANOS_PER_SECOND


def day_of(now: Nanos) -> int:
    """Return the UTC day, counted since 1970."""
    return now // _DAY


class Valuation:
    """Equity of the allotted capital: capital, plus realized, plus unrealized PnL.

    Positions are marked at the bid, which is what a sale would get. An instrument without a quote
    keeps its last mark; one that never had a quote is carried at cost. The house's dust counts too.
    `exposures` are the values of what is held, by symbol.
    """

    def __init__(self, ledger: Ledger, catalogue: InstrumentCatalogue, capital: Amount) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self.capital = capital
        self._marks: dict[str, Price] = {}
        self.realized: Amount = 0
        self.unrealized: Amount = 0
        self.exposure: Amount = 0
        self.exposures: dict[str, Amount] = {}
        self.refresh()

    @property
    def equity(self) -> Amount:
        """Return what the allotted capital has become."""
        return self.capital + self.realized + self.unrealized

    @property
    def peak_equity(self) -> Amount:
        """Return the highest equity marked since losses were last counted anew, if ever."""
        return self._ledger.state.peak_equity or self.capital

    @property
    def drawdown(self) -> Amount:
        """Return how far equity is below its peak now, 0 at a new one."""
        return max(0, self.peak_equity - self.equity)

    @property
    def day_profit(self) -> Amount:
        """Return equity less the first mark of the UTC day."""
        opening = self._ledger.state.day_opening_equity
        return self.equity - opening if opening else 0

    @property
    def cash(self) -> Amount:
        """Return the part of the capital that is not in positions."""
        return self.equity - self.exposure

    def mark(self, quotes: Mapping[int, Quote]) -> None:
        """Take the market's word for what positions are worth."""
        for instrument_id, quote in quotes.items():
            self._marks[self._catalogue[instrument_id].symbol] = quote.bid_price
        self.refresh()

    def refresh(self) -> None:
        """Add up positions at their marks; called after fills too."""
        self.realized = self.unrealized = self.exposure = 0
        exposures: dict[str, Amount] = {}
        for held in self._ledger.state.positions.values():
            for symbol, position in held.items():
                self.realized += position.realized
                if not position.lots:
                    continue
                paid = position.cost + position.dust_cost
                mark = self._marks.get(symbol)
                worth = paid if mark is None else notional(mark, position.lots)
                self.exposure += worth
                self.unrealized += worth - paid
                if worth:
                    exposures[symbol] = exposures.get(symbol, 0) + worth
        self.exposures = exposures

    def exposure_of(self, strategy_id: str) -> Amount:
        """Return what one strategy's positions are worth."""
        return sum(
            notional(self._marks.get(symbol, position.average_entry_price), position.quantity)
            for symbol, position in self._ledger.state.positions.get(strategy_id, {}).items()
        )

    def unrealized_of(self, strategy_id: str, symbol: str) -> Amount:
        """Return the open PnL of one position."""
        position = self._ledger.position(strategy_id, symbol)
        return position.unrealized(self._marks.get(symbol, position.average_entry_price))

    def value_of(self, asset: str, amount: Amount, quote_asset: str) -> Amount | None:
        """Return an amount of any asset in the quote asset, or None where there is no mark."""
        if asset == quote_asset:
            return amount
        mark = self._marks.get(f"{asset}{quote_asset}")
        return None if mark is None else notional(mark, amount)

    def entry(self, now: Nanos) -> EquityMarked:
        """Return the present mark as a journal entry, so that the loss limits survive a restart."""
        day = day_of(now)
        state = self._ledger.state
        is_new_day = day != state.day or not state.day_opening_equity
        return EquityMarked(
            equity=self.equity,
            peak_equity=max(self.peak_equity, self.equity),
            day=day,
            day_opening_equity=self.equity if is_new_day else state.day_opening_equity,
            at=now,
        )

    def entry_anew(self, now: Nanos) -> EquityMarked:
        """Return a mark from which peak and day begin anew, as if nothing had been lost before."""
        equity = self.equity
        return EquityMarked(
            equity=equity,
            peak_equity=equity,
            day=day_of(now),
            day_opening_equity=equity,
            at=now,
        )
