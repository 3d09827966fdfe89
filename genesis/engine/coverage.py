"""How well positions are covered by live stops, and for how long one has not been. Pure."""

from collections.abc import Set
from typing import Final

import msgspec

from genesis.engine.protection import Cover
from genesis.limits import EXITING_MAX, UNCOVERED_MAX
from genesis.units import Nanos

_OPEN: Final = frozenset({Cover.COVERED, Cover.EXITING, Cover.UNCOVERED})
_PATIENCE: Final = {Cover.UNCOVERED: UNCOVERED_MAX, Cover.EXITING: EXITING_MAX}

PositionKey = tuple[str, str]
"""Strategy and symbol."""


class CoverageFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Positions by how they stand; `longest` is for how long the worst has had no live stop.

    `overdue` are those without one for longer than may be: while there are any, no position is
    opened.
    """

    covered: int
    uncovered: int
    exiting: int
    dust: int
    overdue: int
    longest: Nanos
    worst: PositionKey | None


class Coverage:
    """What is known of each position's cover, and since when it lacks one."""

    __slots__ = ("_alarmed", "_covers", "_now", "_since", "is_on")

    def __init__(self, *, is_on: bool) -> None:
        """Watch positions; if protection is not on, there is nothing to watch."""
        self.is_on = is_on
        self._covers: dict[str, dict[str, Cover]] = {}  # by symbol, then strategy
        self._since: dict[PositionKey, Nanos] = {}
        self._alarmed: set[PositionKey] = set()
        self._now: Nanos = 0

    def note(self, position: PositionKey, cover: Cover, now: Nanos) -> None:
        """Take note of how a position stands."""
        self._now = max(now, self._now)
        strategy_id, symbol = position
        covers = self._covers.setdefault(symbol, {})
        before = covers.get(strategy_id)
        if cover is Cover.FLAT:
            covers.pop(strategy_id, None)
        else:
            covers[strategy_id] = cover
        if cover not in _PATIENCE:
            self._since.pop(position, None)
        elif cover is not before:
            # A position that was being sold, and is not any more, begins to wait anew.
            self._since[position] = now

    def slots(self, symbol: str, buying: Set[str], besides: str) -> int | None:
        """Return how many strategies' positions of a symbol have a stop or will want one.

        Those that are buying will; one strategy (`besides`) is left out. None if none is protected.
        """
        if not self.is_on:
            return None
        covers = self._covers.get(symbol, {})
        holding = {strategy_id for strategy_id, cover in covers.items() if cover in _OPEN}
        return len((holding | buying) - {besides})

    @property
    def awaiting(self) -> int:
        """Return how many positions are still to be covered."""
        return sum(1 for position in self._since if self._cover(position) is Cover.UNCOVERED)

    def overdue(self, now: Nanos) -> list[PositionKey]:
        """Return the positions that lack a stop for longer than may be."""
        return [
            position
            for position, since in self._since.items()
            if now - since >= _PATIENCE[self._cover(position)]
        ]

    def unprotected_for(self, now: Nanos) -> Nanos:
        """Return for how long the worst of the overdue has lacked a stop, 0 where there is none."""
        return max((now - self._since[position] for position in self.overdue(now)), default=0)

    def news(self, now: Nanos) -> tuple[list[PositionKey], list[PositionKey]]:
        """Return the positions that are overdue, or no longer, since this was last asked."""
        self._now = max(now, self._now)
        overdue = set(self.overdue(now))
        begun, over = sorted(overdue - self._alarmed), sorted(self._alarmed - overdue)
        self._alarmed = overdue
        return begun, over

    def figures(self) -> CoverageFigures:
        """Return the figures as of the last look."""
        now = self._now
        every = [cover for covers in self._covers.values() for cover in covers.values()]
        worst = min(self._since, key=lambda position: self._since[position], default=None)
        return CoverageFigures(
            covered=every.count(Cover.COVERED),
            uncovered=every.count(Cover.UNCOVERED),
            exiting=every.count(Cover.EXITING),
            dust=every.count(Cover.DUST),
            overdue=len(self.overdue(now)),
            longest=0 if worst is None else max(0, now - self._since[worst]),
            worst=worst,
        )

    def _cover(self, position: PositionKey) -> Cover:
        strategy_id, symbol = position
        return self._covers[symbol][strategy_id]
