"""When snapshots are asked for."""

from itertools import pairwise

from genesis.data.snapshots import SnapshotSchedule
from genesis.limits import (
    SNAPSHOT_BURST,
    SNAPSHOT_REFILL,
    SNAPSHOT_RETRY_MAX,
    SNAPSHOT_RETRY_MIN,
    SNAPSHOT_SPACING,
)
from genesis.units import NANOS_PER_SECOND, Nanos

NOW: Nanos = 1_000 * NANOS_PER_SECOND


def take_next(schedule: SnapshotSchedule) -> tuple[Nanos, int]:
    """Return when the next request is due, and whose snapshot it asks for."""
    at = schedule.next_at()
    assert at is not None
    assert schedule.take(at - 1) is None
    instrument_id = schedule.take(at)
    assert instrument_id is not None
    return at, instrument_id


def test_nothing_is_wanted_at_first() -> None:
    """Without a want there is no deadline and no request."""
    schedule = SnapshotSchedule()

    assert schedule.next_at() is None
    assert schedule.take(NOW) is None


def test_wants_are_staggered_and_then_slow() -> None:
    """Twenty may be asked for in quick steps; after that the address's weight sets the pace."""
    schedule = SnapshotSchedule()
    for instrument_id in range(SNAPSHOT_BURST + 6):
        schedule.want(instrument_id, NOW)

    taken = [take_next(schedule) for _ in range(SNAPSHOT_BURST + 6)]

    times = [at for at, _ in taken]
    assert [instrument_id for _, instrument_id in taken] == list(range(SNAPSHOT_BURST + 6))
    steps = [after - before for before, after in pairwise(times)]
    assert steps[: SNAPSHOT_BURST - 1] == [SNAPSHOT_SPACING] * (SNAPSHOT_BURST - 1)
    assert steps[-3:] == [SNAPSHOT_REFILL] * 3


def test_same_want_twice_is_one_request() -> None:
    """A want that is due already is not counted again."""
    schedule = SnapshotSchedule()
    schedule.want(3, NOW)
    schedule.want(3, NOW + 1)

    assert take_next(schedule) == (NOW, 3)
    assert schedule.next_at() is None


def test_each_further_attempt_waits_longer() -> None:
    """A book that does not come about is asked for ever more slowly, up to a limit."""
    schedule = SnapshotSchedule()
    now, delays = NOW, []
    for _ in range(12):
        schedule.want(1, now)
        at, _ = take_next(schedule)
        delays.append(at - now)
        now = at + NANOS_PER_SECOND * 100

    assert delays[0] == 0
    assert delays[1:4] == [SNAPSHOT_RETRY_MIN, 2 * SNAPSHOT_RETRY_MIN, 4 * SNAPSHOT_RETRY_MIN]
    assert delays[-1] == SNAPSHOT_RETRY_MAX


def test_settled_book_starts_anew_when_it_breaks() -> None:
    """A book that was complete is asked for at once when it is lost."""
    schedule = SnapshotSchedule()
    schedule.want(1, NOW)
    schedule.take(NOW)
    schedule.want(1, NOW)
    schedule.settle(1)
    assert schedule.next_at() is None

    later = NOW + NANOS_PER_SECOND
    schedule.want(1, later)

    assert schedule.next_at() == later


def test_venue_that_says_wait_is_obeyed() -> None:
    """No request is due before the time the venue named."""
    schedule = SnapshotSchedule()
    schedule.want(1, NOW)
    schedule.postpone(NOW + 7)
    schedule.postpone(NOW + 5)

    assert schedule.next_at() == NOW + 7
