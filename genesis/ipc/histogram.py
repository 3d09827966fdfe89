"""Latency histograms of logarithmic buckets, cheap enough to be always on. Pure.

Durations below 16 ns have a bucket each; above, every octave has eight. A bucket's number is found
from the number of bits alone, so recording is one shift and one increment.
"""

import enum
import math
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Final

from genesis.units import Nanos

BUCKETS: Final = 320
"""Enough for durations up to 2**42 ns, 73 minutes; longer ones count in the last bucket."""

_EXACT: Final = 16  # durations below it are their own bucket
_EXACT_BITS: Final = 4
_OCTAVE_SHIFT: Final = 3  # eight buckets to the octave
_LONGEST: Final[Nanos] = (1 << (BUCKETS // 8 + 2)) - 1


class Stage(enum.IntEnum):
    """A hop on the way from the venue's event to the fill, or another duration worth watching.

    CYCLE is the specification's: a worker reads a record until the executor has issued its effects.
    """

    VENUE_TO_SOCKET = 0
    SOCKET_TO_PUBLISHED = 1
    PUBLISHED_TO_READ = 2
    READ_TO_SIGNAL = 3
    SIGNAL_TO_EXECUTOR = 4
    EXECUTOR_TO_DURABLE = 5
    DURABLE_TO_SENT = 6
    SENT_TO_ACKNOWLEDGED = 7
    SENT_TO_FILLED = 8
    CALLBACK = 9
    CYCLE = 10


def bucket_of(nanos: Nanos) -> int:
    """Return the bucket of a duration; a negative one (clocks apart) counts as 0."""
    if nanos < _EXACT:
        return max(nanos, 0)
    shift = min(nanos, _LONGEST).bit_length() - _EXACT_BITS
    return (shift << _OCTAVE_SHIFT) + (min(nanos, _LONGEST) >> shift)


def bucket_ceiling(bucket: int) -> Nanos:
    """Return the longest duration that counts in a bucket."""
    if bucket < _EXACT:
        return bucket
    shift = (bucket >> _OCTAVE_SHIFT) - 1
    return ((bucket - (shift << _OCTAVE_SHIFT) + 1) << shift) - 1


assert bucket_of(_LONGEST) == BUCKETS - 1, "the last bucket takes the longest durations"
assert bucket_ceiling(BUCKETS - 1) == _LONGEST, "the last bucket ends where durations do"


class HistogramRecorder:
    """Counts durations in a board page, one increment of one word each."""

    __slots__ = ("_stages", "_words")

    def __init__(self, words: memoryview) -> None:
        """Use `words`, a "Q" view of BUCKETS counters for each stage, in the order of `Stage`."""
        assert len(words) >= len(Stage) * BUCKETS, "every stage has its counters"
        self._words = words
        self._stages: list[memoryview] = []

    def record(self, stage: Stage, nanos: Nanos, weight: int = 1) -> None:
        """Count one duration, which stands for `weight` of them where only some are recorded.

        This is `bucket_of` written out: a call would cost as much again.
        """
        if nanos < _EXACT:
            self._words[stage * BUCKETS + (nanos if nanos > 0 else 0)] += weight
            return
        if nanos > _LONGEST:  # noqa: PLR1730 - `min` is a call, which costs half of the rest
            nanos = _LONGEST
        shift = nanos.bit_length() - _EXACT_BITS
        self._words[stage * BUCKETS + (shift << _OCTAVE_SHIFT) + (nanos >> shift)] += weight

    def stage(self, stage: Stage) -> Callable[[Nanos], None]:
        """Return what records durations of one stage, at two thirds of the cost of `record`."""
        words = self._words[stage * BUCKETS : (stage + 1) * BUCKETS]
        self._stages.append(words)

        def record(nanos: Nanos) -> None:
            if nanos < _EXACT:
                words[nanos if nanos > 0 else 0] += 1
                return
            if nanos > _LONGEST:  # noqa: PLR1730 - as above
                nanos = _LONGEST
            shift = nanos.bit_length() - _EXACT_BITS
            words[(shift << _OCTAVE_SHIFT) + (nanos >> shift)] += 1

        return record

    def release(self) -> None:
        """Let go of the memory, so that it can be unmapped."""
        for words in (*self._stages, self._words):
            words.release()


class Histogram:
    """Counts per bucket at one moment, with the figures read from them."""

    __slots__ = ("counts", "total")

    def __init__(self, counts: Iterable[int] = ()) -> None:
        self.counts = tuple(counts) or (0,) * BUCKETS
        assert len(self.counts) == BUCKETS, "a histogram has all its buckets"
        self.total = sum(self.counts)

    @classmethod
    def of(cls, durations: Iterable[Nanos]) -> "Histogram":
        """Return the histogram of given durations."""
        counts = [0] * BUCKETS
        for nanos in durations:
            counts[bucket_of(nanos)] += 1
        return cls(counts)

    def percentile(self, percent: float) -> Nanos:
        """Return the longest duration of the bucket that holds this percentile; 0 if empty.

        Buckets are an eighth of an octave wide, so the figure is at most 12.5 % too high, never
        too low (but for durations beyond the last bucket).
        """
        if not self.total:
            return 0
        rank = max(1, math.ceil(self.total * percent / 100))
        return next(
            bucket_ceiling(bucket)
            for bucket, reached in enumerate(accumulate(self.counts))
            if reached >= rank
        )

    def merged(self, other: "Histogram") -> "Histogram":
        """Return the sum of two histograms, as of one stage in several processes."""
        return Histogram(
            ours + theirs for ours, theirs in zip(self.counts, other.counts, strict=True)
        )

    def since(self, earlier: "Histogram") -> "Histogram":
        """Return what was counted after `earlier`, a previous reading of the same counters."""
        return Histogram(
            max(0, now - before) for now, before in zip(self.counts, earlier.counts, strict=True)
        )
