"""What the market trades: volume by time bucket, and how much of it a parent may be. Pure."""

from collections import deque
from collections.abc import Mapping

from genesis.engine.slicing.schedule import CURVE_BUCKETS_MIN, cumulative_shares
from genesis.limits import CURVE_BUCKETS_MAX, VOLUME_BUCKET, VOLUME_BUCKETS_KEPT
from genesis.units import NANOS_PER_SECOND, Nanos, Quantity

_BASIS_POINTS = 10_000


class VolumeWatch:
    """Traded volume of each instrument by time bucket, of this process's life, an hour at most.

    It is told the feed's cumulative figures. One that falls is a feed that began anew; what was
    traded unseen is left out.
    """

    def __init__(self) -> None:
        self._last: dict[int, Quantity] = {}
        self._buckets: dict[int, deque[Quantity]] = {}
        self._bucket: int | None = None

    def note(self, volumes: Mapping[int, Quantity], now: Nanos) -> None:
        """Take the cumulative volumes of this moment, by instrument."""
        bucket = now // VOLUME_BUCKET
        passed = 0 if self._bucket is None else bucket - self._bucket
        if passed > 0:
            for held in self._buckets.values():
                held.extend([0] * min(passed, VOLUME_BUCKETS_KEPT))
        if passed > 0 or self._bucket is None:
            self._bucket = bucket
        for instrument_id, cumulative in volumes.items():
            held = self._buckets.setdefault(instrument_id, deque([0], VOLUME_BUCKETS_KEPT))
            held[-1] += max(0, cumulative - self._last.get(instrument_id, cumulative))
            self._last[instrument_id] = cumulative

    def curve(self, instrument_id: int, duration: Nanos) -> tuple[int, ...]:
        """Return the curve of the last `duration`, in whole buckets; () if less was watched.

        The window to come is expected to spread its volume as the one just past did. That is the
        best guess without a history of days; who has one names its shares.
        """
        buckets = duration // VOLUME_BUCKET
        whole = self._whole(instrument_id)
        if buckets < CURVE_BUCKETS_MIN or len(whole) < buckets:
            return ()
        return cumulative_shares(_merged(whole[-buckets:]))

    def watched(self, instrument_id: int) -> Nanos:
        """Return for how long an instrument's volume was watched, in whole buckets."""
        return len(self._whole(instrument_id)) * VOLUME_BUCKET

    def _whole(self, instrument_id: int) -> list[Quantity]:
        """Return the buckets that were watched from their beginning to their end."""
        return list(self._buckets.get(instrument_id, ()))[1:-1]


def _merged(volumes: list[Quantity]) -> tuple[Quantity, ...]:
    """Join neighbors until a curve is not too long for an entry; the oldest may be left out."""
    width = -(-len(volumes) // CURVE_BUCKETS_MAX)
    first = len(volumes) % width
    return tuple(sum(volumes[at : at + width]) for at in range(first, len(volumes), width))


class ParticipationMeter:
    """What one parent has traded, and the market with it, since this process first saw the two.

    A meter of a new life begins at nothing: volume that nobody watched allows nothing.
    """

    def __init__(self, filled: Quantity, cumulative: Quantity) -> None:
        self._filled = filled
        self._last = cumulative
        self._traded: Quantity = 0

    def note(self, cumulative: Quantity) -> None:
        """Take the market's cumulative volume of this moment."""
        self._traded += max(0, cumulative - self._last)
        self._last = cumulative

    def allowance(self, filled: Quantity, working: Quantity, bps: int) -> Quantity:
        """Return how much more may be placed, so that no more than this share is the parent's."""
        allowed = self._traded * bps // _BASIS_POINTS
        return max(0, allowed - (filled - self._filled) - working)


assert VOLUME_BUCKET >= NANOS_PER_SECOND, "a bucket holds several of the shell's looks"
