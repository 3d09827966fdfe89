"""The pauses that stand, kept until a round trip closes: a judgement only looks them up. Pure."""

from collections.abc import Iterator
from typing import Final

from genesis.domain.strategy_record import StrategyRecord
from genesis.engine.ledger import Ledger
from genesis.engine.pause_rules import (
    PauseRules,
    after_losses,
    after_stop,
    after_storm,
    for_low_profit,
)
from genesis.engine.risk_state import Pause
from genesis.units import Nanos

EVERYBODY: Final = "*"
"""The name of a pause that stops all entries."""


class Pauses:
    """What the rules say of each strategy, each instrument and all, until a round trip closes."""

    def __init__(self, ledger: Ledger, rules: PauseRules) -> None:
        self._ledger = ledger
        self._rules = rules
        self._fills_seen = -1
        self._trips: dict[tuple[str, str], int] = {}
        self._by_strategy: dict[str, Pause] = {}
        self._by_instrument: dict[str, Pause] = {}
        self._of_all: Pause | None = None

    def standing(self, strategy_id: str, symbol: str, now: Nanos) -> Pause | None:
        """Return a pause that binds a strategy's entry in an instrument; None if none does."""
        self.refresh()
        for pause in (
            self._of_all,
            self._by_strategy.get(strategy_id),
            self._by_instrument.get(symbol),
        ):
            if pause is not None and pause.until > now:
                return pause
        return None

    def named(self, now: Nanos) -> Iterator[tuple[str, Pause]]:
        """Yield all pauses that stand, each with the name of whom it stops."""
        self.refresh()
        of_all = {} if self._of_all is None else {EVERYBODY: self._of_all}
        for pauses in (of_all, self._by_strategy, self._by_instrument):
            for name, pause in pauses.items():
                if pause.until > now:
                    yield name, pause

    def refresh(self) -> None:
        """Ask the rules anew about whoever has closed a round trip since."""
        state = self._ledger.state
        if state.fills_booked == self._fills_seen:
            return
        self._fills_seen = state.fills_booked
        strategies, instruments = set(), set()
        for strategy_id, held in state.positions.items():
            for symbol, position in held.items():
                trips = position.record.trips
                if trips != self._trips.get((strategy_id, symbol), 0):
                    self._trips[strategy_id, symbol] = trips
                    strategies.add(strategy_id)
                    instruments.add(symbol)
        if not strategies:
            return
        rules = self._rules
        for strategy_id in strategies:
            _keep(self._by_strategy, strategy_id, after_losses(self._record(strategy_id), rules))
        for symbol in instruments:
            record = self._ledger.record_of_instrument(symbol)
            pauses = [after_stop(record, rules), for_low_profit(record, rules)]
            found = [pause for pause in pauses if pause is not None]
            longest = max(found, key=lambda pause: pause.until, default=None)
            _keep(self._by_instrument, symbol, longest)
        self._of_all = after_storm(self._records(), rules)

    def _record(self, strategy_id: str) -> StrategyRecord:
        return self._ledger.record_of(strategy_id)

    def _records(self) -> Iterator[StrategyRecord]:
        for held in self._ledger.state.positions.values():
            for position in held.values():
                yield position.record


def _keep(pauses: dict[str, Pause], name: str, pause: Pause | None) -> None:
    if pause is None:
        pauses.pop(name, None)
    else:
        pauses[name] = pause
