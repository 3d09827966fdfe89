"""The rules of our instruments as the venue lists them now: asked for anew, compared, put in force.

They are read every few minutes, more often while a symbol is suspended, and at once when the venue
refuses an order that the rules as known would allow. Only the executor is told of a change. It
judges every order by the rules in force, rounds to the present tick and step, and refuses orders on
a symbol that is suspended. A strategy learns by its refusal, and a worker or feed that has the
rules of the start does no harm: they round too, and are rounded again.
"""

import msgspec

from genesis.domain.instruments import UNLISTED, Instrument, InstrumentCatalogue, rule_changes
from genesis.engine.effects import Announce, Effect, FetchInstruments
from genesis.engine.timers import TimerKind, Timers
from genesis.exchange.gateway import ListingOutcome, NoAnswer, NotListed
from genesis.limits import (
    LISTING_REFRESH,
    LISTING_REFRESH_SUSPENDED,
    LISTING_REPEAT,
    LISTING_SPACING,
)
from genesis.units import Nanos


class ListingWatch:
    """Keeps a catalogue as the venue lists it; `refresh` sets the pace of all its questions."""

    def __init__(
        self, catalogue: InstrumentCatalogue, timers: Timers, refresh: Nanos = LISTING_REFRESH
    ) -> None:
        self._catalogue = catalogue
        self._timers = timers
        self._refresh = refresh
        self._asked_at: Nanos = 0

    @property
    def suspended(self) -> tuple[Instrument, ...]:
        """Return the instruments on which the venue takes no new orders."""
        return tuple(instrument for instrument in self._catalogue if not instrument.is_trading)

    def lists(self, symbol: str) -> bool:
        """Tell whether a symbol is one of ours, and listed as far as we know."""
        instrument = self._catalogue.by_symbol(symbol)
        return instrument is not None and instrument.status != UNLISTED

    def begin(self, now: Nanos) -> list[Effect]:
        """Ask at a start: what this executor was told may be as old as the run."""
        return [*map(_suspension, self.suspended), *self.ask(now)]

    def ask(self, now: Nanos) -> list[Effect]:
        """Ask for all rules, and plan the next time.

        A symbol that is not listed would have the whole question refused, so it is asked about by
        itself.
        """
        self._asked_at = now
        self._timers.set(now + self._refresh, TimerKind.REFRESH_LISTING, "")
        listed = tuple(each.symbol for each in self._catalogue if each.status != UNLISTED)
        unlisted = [(each.symbol,) for each in self._catalogue if each.status == UNLISTED]
        return [FetchInstruments(symbols) for symbols in (listed, *unlisted) if symbols]

    def doubt(self, now: Nanos) -> None:
        """Take the news that the venue refused what our rules allow: ask as soon as may be."""
        at = max(now, self._asked_at + self._paced(LISTING_SPACING))
        self._timers.set(at, TimerKind.REFRESH_LISTING, "")

    def on_listing(
        self, asked: FetchInstruments, answer: ListingOutcome, now: Nanos
    ) -> list[Effect]:
        """Take the answer to a question of `ask`."""
        if isinstance(answer, NoAnswer):
            self._timers.set(now + self._paced(LISTING_REPEAT), TimerKind.REFRESH_LISTING, "")
            return [Announce("listing_not_refreshed", {"reason": answer.reason}, "warning")]
        if isinstance(answer, NotListed):
            return self._look_for_unlisted(asked.symbols)
        effects: list[Effect] = []
        for listed in answer:
            effects += self._renew(listed)
        if any(each.status != UNLISTED for each in self.suspended):
            at = now + self._paced(LISTING_REFRESH_SUSPENDED)
            self._timers.set(at, TimerKind.REFRESH_LISTING, "")
        return effects

    def _paced(self, wait: Nanos) -> Nanos:
        """Return a wait that is meant for the usual pace, at the pace of this watch."""
        return wait * self._refresh // LISTING_REFRESH

    def _look_for_unlisted(self, symbols: tuple[str, ...]) -> list[Effect]:
        """Halve a question of which one symbol is not listed, until it stands alone."""
        if len(symbols) > 1:
            half = len(symbols) // 2
            return [FetchInstruments(symbols[:half]), FetchInstruments(symbols[half:])]
        known = self._catalogue.by_symbol(symbols[0])
        assert known is not None, "only symbols of the catalogue are asked for"
        return self._renew(msgspec.structs.replace(known, status=UNLISTED))

    def _renew(self, listed: Instrument) -> list[Effect]:
        """Put the rules of one instrument in force, and say what has changed."""
        known = self._catalogue.by_symbol(listed.symbol)
        assert known is not None, "only symbols of the catalogue are asked for"
        renewed = msgspec.structs.replace(listed, instrument_id=known.instrument_id)
        if renewed == known:
            return []
        self._catalogue.renew(renewed)
        effects: list[Effect] = []
        changes = rule_changes(known, renewed)
        if changes:
            fields: dict[str, str | int | float] = {
                "symbol": known.symbol,
                "changes": ", ".join(changes),
            }
            effects.append(Announce("instrument_changed", fields, "warning"))
        if renewed.status != known.status:
            resumed = Announce("symbol_resumed", {"symbol": known.symbol})
            effects.append(resumed if renewed.is_trading else _suspension(renewed))
        return effects


def _suspension(instrument: Instrument) -> Announce:
    fields: dict[str, str | int | float] = {
        "symbol": instrument.symbol,
        "status": instrument.status,
    }
    return Announce("symbol_suspended", fields, "warning")
