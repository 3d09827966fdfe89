"""Histograms: buckets without a hole, percentiles within their promise."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.ipc.histogram import (
    BUCKETS,
    Histogram,
    HistogramRecorder,
    Stage,
    bucket_ceiling,
    bucket_of,
)

durations = st.integers(-5, 1 << 44)


def test_buckets_follow_each_other_without_a_hole() -> None:
    """Every duration has one bucket: it begins where the one before ends."""
    for bucket in range(BUCKETS - 1):
        assert bucket_of(bucket_ceiling(bucket)) == bucket
        assert bucket_of(bucket_ceiling(bucket) + 1) == bucket + 1


@given(nanos=st.integers(0, 1 << 42 - 1))
def test_a_bucket_is_an_eighth_of_an_octave(nanos: int) -> None:
    """The ceiling of a duration's bucket is at most 12.5 % above it."""
    assert nanos <= bucket_ceiling(bucket_of(nanos)) <= nanos * 9 / 8


@given(nanos=durations, stage=st.sampled_from(Stage))
def test_a_recorder_counts_where_the_histogram_reads(nanos: int, stage: Stage) -> None:
    """The recorder's written-out arithmetic is that of `bucket_of`, in its own stage only."""
    words = memoryview(bytearray(8 * BUCKETS * len(Stage))).cast("Q")
    HistogramRecorder(words).record(stage, nanos)
    expected = stage * BUCKETS + bucket_of(nanos)
    assert words.tolist() == [int(word == expected) for word in range(len(words))]
    HistogramRecorder(words).stage(stage)(nanos)
    assert words[expected] == 2
    assert sum(words.tolist()) == 2


@given(values=st.lists(st.integers(0, 1 << 40), min_size=1), percent=st.floats(0, 100))
def test_a_percentile_is_never_too_low(values: list[int], percent: float) -> None:
    """The figure is the exact percentile or at most 12.5 % above it."""
    exact = sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]
    assert exact <= Histogram.of(values).percentile(percent) <= exact * 9 / 8


def test_an_empty_histogram_has_no_percentiles() -> None:
    """Nothing counted is 0, not an error."""
    assert Histogram().percentile(99) == 0
    assert Histogram().total == 0


@given(first=st.lists(durations), second=st.lists(durations))
def test_histograms_add_and_subtract(first: list[int], second: list[int]) -> None:
    """Merging is counting both; `since` undoes it, and never goes below zero."""
    both = Histogram.of(first).merged(Histogram.of(second))
    assert both.counts == Histogram.of(first + second).counts
    assert both.total == len(first) + len(second)
    assert both.since(Histogram.of(first)).counts == Histogram.of(second).counts
    assert Histogram().since(both).total == 0


@pytest.mark.parametrize("nanos", [1 << 42, 1 << 60])
def test_long_durations_count_in_the_last_bucket(nanos: int) -> None:
    """Nothing is lost at the long end."""
    assert bucket_of(nanos) == BUCKETS - 1
