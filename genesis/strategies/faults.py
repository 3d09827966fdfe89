"""When a strategy's exceptions are too many: pure."""

from collections import deque

from genesis.limits import FAULT_WINDOW, FAULTS_MAX
from genesis.units import Nanos


class FaultRecord:
    """The latest exceptions of one strategy. A few may be the data's fault; more are its own."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        self._at: deque[Nanos] = deque(maxlen=FAULTS_MAX)

    def add(self, now: Nanos) -> bool:
        """Note an exception; tell whether there were `FAULTS_MAX` within `FAULT_WINDOW`."""
        self._at.append(now)
        return len(self._at) == FAULTS_MAX and now - self._at[0] <= FAULT_WINDOW
