"""Deadlines kept by the core: what is due, and until when the shell may sleep."""

import enum
import heapq

from genesis.units import Nanos


class TimerKind(enum.IntEnum):
    """What is to be done when a timer of this kind is due."""

    EXPIRE_ORDER = 1
    RESOLVE_ORDER = 2
    COMPLETE_FILLS = 3
    RETRY_SIGNAL = 4
    RECONCILE = 5
    REFRESH_LISTING = 6
    PROTECT_POSITION = 7


class Timers:
    """One deadline per kind and key: the earliest that was asked for since it last fired.

    So a question that is repeated until it is answered never becomes two such chains, however many
    reasons there are to ask. A timer is not canceled: who is woken looks whether it still matters.
    """

    __slots__ = ("_heap", "_made", "_standing")

    def __init__(self) -> None:
        self._heap: list[tuple[Nanos, int, TimerKind, str]] = []
        self._standing: dict[tuple[TimerKind, str], Nanos] = {}
        self._made = 0

    def set(self, at: Nanos, kind: TimerKind, key: str) -> None:
        """Ask to be woken at `at`, unless an earlier time of this kind and key stands.

        Timers due at one moment fire in the order they were set.
        """
        standing = self._standing.get((kind, key))
        if standing is not None and standing <= at:
            return
        self._made += 1
        self._standing[kind, key] = at
        heapq.heappush(self._heap, (at, self._made, kind, key))

    def due(self, now: Nanos) -> list[tuple[TimerKind, str]]:
        """Take out and return what is due."""
        fired = []
        while self._heap and self._heap[0][0] <= now:
            at, _made, kind, key = heapq.heappop(self._heap)
            if self._standing.get((kind, key)) == at:  # else an earlier one took its place
                del self._standing[kind, key]
                fired.append((kind, key))
        return fired

    @property
    def next_deadline(self) -> Nanos | None:
        """Return when the next timer is due, or None if there is none."""
        while self._heap:
            at, _made, kind, key = self._heap[0]
            if self._standing.get((kind, key)) == at:
                return at
            heapq.heappop(self._heap)
        return None
