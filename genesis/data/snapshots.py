"""When to ask the venue for which snapshot: staggered, with back-off, within a share of the weight.

A snapshot of 1 000 levels costs 50 of the 6 000 that an address may spend in a minute, and orders
are paid from the same purse (`binance-spot.md` sections 4.4 and 6); clients were banned for asking
for all at once.
"""

from genesis.limits import (
    SNAPSHOT_BURST,
    SNAPSHOT_REFILL,
    SNAPSHOT_RETRY_MAX,
    SNAPSHOT_RETRY_MIN,
    SNAPSHOT_SPACING,
)
from genesis.units import Nanos


class SnapshotSchedule:
    """Which instrument's snapshot is asked for next, and when."""

    __slots__ = ("_attempts", "_due", "_full_at", "_last_at", "_not_before")

    def __init__(self) -> None:
        self._due: dict[int, Nanos] = {}
        self._attempts: dict[int, int] = {}
        # A bucket of SNAPSHOT_BURST requests, kept as the time at which it will be full again.
        self._full_at: Nanos = 0
        self._last_at: Nanos | None = None
        self._not_before: Nanos = 0

    def want(self, instrument_id: int, now: Nanos) -> None:
        """Ask for a snapshot of this instrument; the first is due at once, each further one later.

        Asking again while one is due changes nothing.
        """
        if instrument_id in self._due:
            return
        attempts = self._attempts.get(instrument_id, 0)
        self._attempts[instrument_id] = attempts + 1
        delay = min(SNAPSHOT_RETRY_MIN << (attempts - 1), SNAPSHOT_RETRY_MAX) if attempts else 0
        self._due[instrument_id] = now + delay

    def settle(self, instrument_id: int) -> None:
        """Note that this instrument has its book: the next want is due at once again."""
        self._due.pop(instrument_id, None)
        self._attempts.pop(instrument_id, None)

    def postpone(self, until: Nanos) -> None:
        """Ask for nothing before `until`: the venue said that the address asks too much."""
        self._not_before = max(self._not_before, until)

    def next_at(self) -> Nanos | None:
        """Return when `take` will have something, or None if nothing is wanted."""
        if not self._due:
            return None
        earliest = max(self._not_before, min(self._due.values()))
        if self._last_at is not None:
            earliest = max(earliest, self._last_at + SNAPSHOT_SPACING)
        return max(earliest, self._full_at - (SNAPSHOT_BURST - 1) * SNAPSHOT_REFILL)

    def take(self, now: Nanos) -> int | None:
        """Return the instrument to ask for now, which is then wanted no longer, or None."""
        next_at = self.next_at()
        if next_at is None or now < next_at:
            return None
        instrument_id = min(self._due, key=lambda wanted: (self._due[wanted], wanted))
        del self._due[instrument_id]
        self._last_at = now
        self._full_at = max(self._full_at, now) + SNAPSHOT_REFILL
        return instrument_id
