"""How often something happened in the last second: pure, and bounded."""

from collections import deque
from typing import Final

from genesis.limits import SIGNAL_TIMES_KEPT
from genesis.units import NANOS_PER_SECOND, Nanos

_WINDOW: Final[Nanos] = NANOS_PER_SECOND


class Pace:
    """Times of one kind of event, forgotten as they grow old. Counts end at `SIGNAL_TIMES_KEPT`."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[Nanos] = deque(maxlen=SIGNAL_TIMES_KEPT)

    def note(self, now: Nanos) -> None:
        """Take down one event. Times do not fall."""
        self._times.append(now)

    def in_last_second(self, now: Nanos) -> int:
        """Count the events of the second that ends now."""
        times = self._times
        while times and now - times[0] >= _WINDOW:
            times.popleft()
        return len(times)
