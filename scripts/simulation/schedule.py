"""Virtual time: what happens next, and nothing in between."""

import heapq
from collections.abc import Callable

from genesis.units import Nanos

Action = Callable[[], None]


class Schedule:
    """A heap of actions. Those of one moment run in the order they were planned."""

    __slots__ = ("_heap", "_planned", "now")

    def __init__(self, start: Nanos) -> None:
        self.now = start
        self._heap: list[tuple[Nanos, int, Action]] = []
        self._planned = 0

    def after(self, delay: Nanos, action: Action) -> None:
        """Plan an action; a negative delay is none."""
        self._planned += 1
        heapq.heappush(self._heap, (self.now + max(delay, 0), self._planned, action))

    def run_until(self, end: Nanos, is_over: Callable[[], bool] = lambda: False) -> None:
        """Run what is planned before `end`, or until `is_over`, and let time pass."""
        while self._heap and self._heap[0][0] <= end:
            if is_over():
                return
            at, _planned, action = heapq.heappop(self._heap)
            self.now = at
            action()
        self.now = max(self.now, end)
