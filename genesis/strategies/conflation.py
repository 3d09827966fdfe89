"""Catching up: when a worker is behind, only the newest quote of each instrument matters. Pure."""

from collections.abc import Iterable

import msgspec

from genesis.domain.market import MarketEvent, Quote


class Conflated(msgspec.Struct, frozen=True):
    """What is left of a backlog, and how many quotes of which instrument were left out."""

    events: list[MarketEvent]
    skipped: dict[int, int]


def conflate(backlog: Iterable[MarketEvent]) -> Conflated:
    """Return the newest quote per instrument, then everything that is not a quote, in its order.

    Quotes come first because they are what decisions are made at. Trades, bars and gaps are all
    kept: nobody can tell from the newest of them what the others were.
    """
    newest: dict[int, Quote] = {}
    skipped: dict[int, int] = {}
    rest: list[MarketEvent] = []
    for event in backlog:
        if not isinstance(event, Quote):
            rest.append(event)
            continue
        instrument_id = event.instrument_id
        if instrument_id in newest:
            skipped[instrument_id] = skipped.get(instrument_id, 0) + 1
        newest[instrument_id] = event
    return Conflated([*newest.values(), *rest], skipped)
