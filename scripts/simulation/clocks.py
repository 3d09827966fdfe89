"""The engine's clock and its estimate of the venue's, each wrong in its own way.

The schedule's time is the venue's. The engine's clock is off by an offset and a drift; it may jump
ahead while a process lives (a machine that was suspended) and anywhere between two lives.
"""

import random

from genesis.units import NANOS_PER_MS, Nanos
from scripts.simulation.faults import Faults
from scripts.simulation.schedule import Schedule

_OFFSET_MAX: Nanos = 3_600 * 10**9
_DRIFT_PPM_MAX = 100


class EngineClockModel:
    """What processes of the engine read as the time."""

    def __init__(self, schedule: Schedule, chance: random.Random) -> None:
        self._schedule = schedule
        self._start = schedule.now
        self._offset: Nanos = chance.randrange(-_OFFSET_MAX, _OFFSET_MAX)
        self._drift_ppm = chance.randrange(-_DRIFT_PPM_MAX, _DRIFT_PPM_MAX)

    def now(self) -> Nanos:
        """Return the engine's time."""
        true = self._schedule.now
        return true + self._offset + (true - self._start) * self._drift_ppm // 1_000_000

    def jump(self, by: Nanos) -> None:
        """Move the clock."""
        self._offset += by


class VenueClockEstimate:
    """What one gateway takes for the venue's time: good when measured, stale when clocks jump."""

    def __init__(
        self, schedule: Schedule, clock: EngineClockModel, chance: random.Random, faults: Faults
    ) -> None:
        self._schedule = schedule
        self._clock = clock
        self._chance = chance
        self._faults = faults
        self._offset: Nanos = 0
        self.measure()

    def measure(self) -> None:
        """Ask the venue for its time; the answer is off by half the asymmetry of the way."""
        most = self._faults.clock_error_max
        error = self._chance.randrange(-most, most + 1)
        self._offset = self._schedule.now - self._clock.now() + error

    def now_ms(self) -> int:
        """Return the venue's time as estimated now."""
        return (self._clock.now() + self._offset) // NANOS_PER_MS
