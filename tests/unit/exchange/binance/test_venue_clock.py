"""The venue's clock: half a round trip, the median of several."""

from hypothesis import given
from hypothesis import strategies as st

from genesis.exchange.binance.venue_clock import TimeSample, VenueClock
from genesis.units import NANOS_PER_MS, Nanos

START = 1_780_000_000_000 * NANOS_PER_MS


def sample(offset_ms: int, there_ms: int, back_ms: int) -> TimeSample:
    """Return a round trip to a venue `offset_ms` ahead of us."""
    sent_at = START
    arrived_at = sent_at + there_ms * NANOS_PER_MS
    return TimeSample(
        sent_at=sent_at,
        received_at=arrived_at + back_ms * NANOS_PER_MS,
        venue_time=arrived_at + offset_ms * NANOS_PER_MS,
    )


def test_before_a_measurement_the_clocks_agree() -> None:
    """The engine's own time is the first guess."""
    assert VenueClock().timestamp_ms(START) == START // NANOS_PER_MS


def test_the_way_there_is_half_the_round_trip() -> None:
    """A symmetric delay does not move the clock."""
    clock = VenueClock()
    clock.adjust([sample(1270, 40, 40)])
    assert clock.offset == 1270 * NANOS_PER_MS
    assert clock.timestamp_ms(START) == START // NANOS_PER_MS + 1270


def test_each_measurement_tells_how_far_it_moved_the_clock() -> None:
    """Forward or back, by the nanosecond."""
    moved: list[Nanos] = []
    clock = VenueClock(moved.append)
    clock.adjust([sample(1270, 40, 40)])
    clock.adjust([sample(1000, 40, 40)])
    assert moved == [1270 * NANOS_PER_MS, -270 * NANOS_PER_MS]


def test_one_delayed_reply_does_not_move_the_clock() -> None:
    """The median of several is taken."""
    clock = VenueClock()
    clock.adjust([sample(-30, 5, 5), sample(-30, 5, 2000), sample(-30, 5, 5)])
    assert clock.offset == -30 * NANOS_PER_MS


@given(
    st.integers(-100_000, 100_000),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=7),
)
def test_the_error_is_at_most_half_a_round_trip(
    offset_ms: int, delays: list[tuple[int, int]]
) -> None:
    """However the delay is split, the estimate is off by no more than half the longest trip."""
    clock = VenueClock()
    clock.adjust([sample(offset_ms, there, back) for there, back in delays])
    longest = max(there + back for there, back in delays) * NANOS_PER_MS
    assert abs(clock.offset - offset_ms * NANOS_PER_MS) <= longest // 2
