"""Checks that remember, and what changes their mind."""

from genesis.data.counts import DropReason, FeedCounts
from genesis.data.validation import EventAge, PriceBand, SequenceDoubt
from genesis.limits import (
    CLOCK_CORROBORATIONS,
    CLOCK_STEP_MIN,
    EVENT_AHEAD_MAX,
    PRICE_CORROBORATIONS,
    SEQUENCE_CORROBORATIONS,
)
from genesis.units import NANOS_PER_SECOND

AGE_MAX = 2 * NANOS_PER_SECOND
START = 1_000 * NANOS_PER_SECOND


class TestEventAge:
    """How late an event came."""

    def test_difference_of_the_clocks_is_not_age(self) -> None:
        """Events of a venue whose clock is far off are fresh as long as they come steadily."""
        for offset in (-1_270_000_000, 0, 10**18):
            age = EventAge(AGE_MAX)

            verdicts = [age.judge(START + n, START + n + offset) for n in range(100)]

            assert verdicts == [None] * 100

    def test_event_is_stale_beyond_the_allowed_age(self) -> None:
        """The age is what an event's lag has above the least lag seen."""
        age = EventAge(AGE_MAX)
        assert age.judge(START, START + 5) is None

        assert age.judge(START, START + 5 + AGE_MAX) is None
        assert age.judge(START, START + 6 + AGE_MAX) is DropReason.STALE

    def test_slow_start_is_forgiven_once_the_venue_catches_up(self) -> None:
        """The least lag is learned downwards, so that late first events do not set the measure."""
        age = EventAge(AGE_MAX)
        assert age.judge(START, START + NANOS_PER_SECOND) is None
        assert age.judge(START, START + EVENT_AHEAD_MAX // 2) is None
        assert age.judge(START, START) is None

        assert age.judge(START, START + AGE_MAX + 1) is DropReason.STALE

    def test_event_from_the_future_is_dropped(self) -> None:
        """One event made long after it came in says nothing of the clocks."""
        age = EventAge(AGE_MAX)
        age.judge(START, START)

        assert age.judge(START + EVENT_AHEAD_MAX + 1, START) is DropReason.AHEAD
        assert age.judge(START, START + AGE_MAX) is None

    def test_future_that_is_corroborated_is_the_venues_clock(self) -> None:
        """A venue that stepped its clock forward is believed after some events in a row."""
        age = EventAge(AGE_MAX)
        age.judge(START, START)
        step = 5 * NANOS_PER_SECOND

        verdicts = [age.judge(START + step + n, START + n) for n in range(CLOCK_CORROBORATIONS)]

        assert verdicts == [DropReason.AHEAD] * (CLOCK_CORROBORATIONS - 1) + [None]

    def test_futures_between_good_events_never_corroborate_each_other(self) -> None:
        """A good event in between shows that the clock was not stepped."""
        age = EventAge(AGE_MAX)
        for n in range(10 * CLOCK_CORROBORATIONS):
            assert age.judge(START + n, START + n) is None
            ahead = START + n + 5 * NANOS_PER_SECOND
            assert age.judge(ahead, START + n) is DropReason.AHEAD

    def test_measured_step_of_a_clock_moves_the_measure(self) -> None:
        """After this machine slept, events are as fresh as before, on the venue's word."""
        age = EventAge(AGE_MAX)
        age.receive_offset(0)
        age.judge(START, START)
        slept = 60 * NANOS_PER_SECOND
        assert age.judge(START, START - slept) is DropReason.AHEAD

        age.receive_offset(slept)

        assert age.judge(START, START - slept) is None
        assert age.judge(START, START - slept + AGE_MAX + 1) is DropReason.STALE

    def test_noise_of_a_measurement_moves_nothing(self) -> None:
        """Differences below `CLOCK_STEP_MIN` do not add up, however many there are."""
        age = EventAge(AGE_MAX)
        age.judge(START, START)
        for n in range(100):
            age.receive_offset((CLOCK_STEP_MIN - 1) * (n % 2))

        assert age.judge(START, START + AGE_MAX) is None
        assert age.judge(START, START + AGE_MAX + 1) is DropReason.STALE


class TestPriceBand:
    """How far a price may be from where the market was."""

    def test_first_price_is_believed(self) -> None:
        """There is nothing to compare it with."""
        band = PriceBand()

        assert band.admits(1_000, 0)
        assert band.low <= 1_000 <= band.high

    def test_market_may_walk_anywhere(self) -> None:
        """Prices that move little at a time never leave the band."""
        band = PriceBand()
        band.admits(1_000, 0)
        price = 1_000
        while price < 5_000:
            price += price // 50
            assert band.low <= price <= band.high or band.admits(price, price)

    def test_jump_is_refused(self) -> None:
        """A price beyond the band is not believed at once."""
        band = PriceBand()
        band.admits(1_000, 0)

        assert not band.admits(1_101, 1)
        assert not band.admits(899, 1)

    def test_jump_that_is_repeated_is_the_market(self) -> None:
        """Prices near each other, with no good one between them, are believed after some."""
        band = PriceBand()
        band.admits(1_000, 0)

        verdicts = [band.admits(2_000 + n, 7) for n in range(PRICE_CORROBORATIONS)]

        assert verdicts == [False] * (PRICE_CORROBORATIONS - 1) + [True]
        assert band.low <= 2_000 <= band.high

    def test_good_price_between_jumps_refutes_them(self) -> None:
        """Each accepted frame has a new mark, and starts the count of refusals anew."""
        band = PriceBand()
        band.admits(1_000, 0)

        assert not any(band.admits(2_000, mark) for mark in range(10 * PRICE_CORROBORATIONS))


class TestSequenceDoubt:
    """When a venue that counts backwards is believed."""

    def test_old_numbers_are_refused_until_there_are_too_many(self) -> None:
        """Without one new number between them, so many old ones mean a new count."""
        doubt = SequenceDoubt()

        verdicts = [doubt.refuses(50) for _ in range(SEQUENCE_CORROBORATIONS)]

        assert verdicts == [True] * (SEQUENCE_CORROBORATIONS - 1) + [False]

    def test_new_number_between_old_ones_settles_the_doubt(self) -> None:
        """Late duplicates among new numbers stay duplicates."""
        doubt = SequenceDoubt()

        assert all(doubt.refuses(mark) for mark in range(10 * SEQUENCE_CORROBORATIONS))


def test_counts_name_what_was_dropped() -> None:
    """Status shows the reasons that occurred, by their names."""
    counts = FeedCounts()
    counts.drops[DropReason.CROSSED] += 2
    counts.drops[DropReason.NOT_JSON] += 1

    assert counts.by_reason() == {"not_json": 1, "crossed": 2}
    assert counts.dropped == 3
