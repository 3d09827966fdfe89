"""Volume watched by time bucket, and a parent's share of it."""

from genesis.engine.slicing.volume import ParticipationMeter, VolumeWatch
from genesis.limits import CURVE_WHOLE, VOLUME_BUCKET, VOLUME_BUCKETS_KEPT

START = 1_000 * VOLUME_BUCKET


def watch_of(*traded: int) -> VolumeWatch:
    """Return a watch that saw these volumes, bucket after bucket, from an old figure on."""
    watch = VolumeWatch()
    cumulative = 5_000
    watch.note({0: cumulative}, START)
    for row, volume in enumerate(traded):
        cumulative += volume
        watch.note({0: cumulative}, START + (row + 1) * VOLUME_BUCKET)
    return watch


def test_a_curve_is_the_last_window_of_whole_buckets() -> None:
    """The first bucket was not seen from its beginning, the last one is not over."""
    watch = watch_of(10, 30, 20, 7)

    assert watch.curve(0, 2 * VOLUME_BUCKET) == (CURVE_WHOLE * 3 // 5, CURVE_WHOLE)
    assert watch.curve(0, 3 * VOLUME_BUCKET)[0] == CURVE_WHOLE // 6
    assert watch.watched(0) == 3 * VOLUME_BUCKET


def test_less_than_the_window_is_no_curve() -> None:
    """A guess from half a window would be no guess of the whole."""
    watch = watch_of(10, 30, 20)

    assert watch.curve(0, 3 * VOLUME_BUCKET) == ()
    assert watch.curve(0, VOLUME_BUCKET) == ()
    assert watch.curve(1, 2 * VOLUME_BUCKET) == ()
    assert watch_of(0, 0, 0, 0).curve(0, 2 * VOLUME_BUCKET) == ()


def test_a_feed_that_begins_anew_and_a_silence_lose_only_what_was_not_seen() -> None:
    """A cumulative figure that falls adds nothing; buckets without a look are empty."""
    watch = VolumeWatch()
    for bucket, cumulative in ((0, 100), (1, 140), (4, 10), (5, 40), (6, 50)):
        watch.note({0: cumulative}, START + bucket * VOLUME_BUCKET)

    assert watch.curve(0, 5 * VOLUME_BUCKET) == tuple(
        CURVE_WHOLE * share // 7 for share in (4, 4, 4, 4, 7)
    )


def test_a_watch_remembers_an_hour() -> None:
    """A process that runs for months keeps no more."""
    watch = watch_of(*[1] * (VOLUME_BUCKETS_KEPT + 50))

    assert watch.watched(0) == (VOLUME_BUCKETS_KEPT - 2) * VOLUME_BUCKET
    assert len(watch.curve(0, 700 * VOLUME_BUCKET)) == 700 // 3


def test_a_parent_takes_no_more_than_its_share() -> None:
    """What fills or works uses the share up; a feed that begins anew takes nothing back."""
    meter = ParticipationMeter(filled=50, cumulative=1_000)
    assert meter.allowance(50, 0, bps=1_000) == 0

    meter.note(2_000)
    assert meter.allowance(50, 0, bps=1_000) == 100
    assert meter.allowance(90, 25, bps=1_000) == 35
    assert meter.allowance(150, 25, bps=1_000) == 0

    meter.note(10)
    meter.note(510)
    assert meter.allowance(150, 0, bps=1_000) == 50
