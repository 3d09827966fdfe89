"""The venue's clock as seen from here: an offset to the engine's clock, by `time` round trips.

Half a round trip is taken to be the way there (`binance-spot.md` section 5); the median of several
keeps one delayed reply from moving the clock.
"""

import statistics
from collections.abc import Callable, Sequence

import msgspec

from genesis.units import NANOS_PER_MS, Nanos


class TimeSample(msgspec.Struct, frozen=True, kw_only=True):
    """One round trip: our times of sending and receiving, and what the venue said in between."""

    sent_at: Nanos
    received_at: Nanos
    venue_time: Nanos

    @property
    def offset(self) -> Nanos:
        """Return the venue's clock less ours."""
        return self.venue_time - (self.sent_at + self.received_at) // 2


class VenueClock:
    """Turns the engine's time into the venue's.

    `on_moved` is told by how much each measurement set it forward, or back.
    """

    __slots__ = ("_on_moved", "offset")

    def __init__(self, on_moved: Callable[[Nanos], None] | None = None) -> None:
        self.offset: Nanos = 0
        self._on_moved = on_moved

    def adjust(self, samples: Sequence[TimeSample]) -> None:
        """Take the median offset of new samples for the truth."""
        assert samples, "no offset without a sample"
        before = self.offset
        self.offset = statistics.median_low(sample.offset for sample in samples)
        if self._on_moved is not None:
            self._on_moved(self.offset - before)

    def timestamp_ms(self, now: Nanos) -> int:
        """Return the venue's time at `now`, in its own unit."""
        return (now + self.offset) // NANOS_PER_MS
