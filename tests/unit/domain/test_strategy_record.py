"""Closed round trips, added up."""

from genesis.domain.strategy_record import RoundTrip, StrategyRecord, merge_records
from genesis.limits import ROUND_TRIPS_KEPT
from genesis.units import SCALE
from tests.support.builders import NOW, SECOND


def trip(result: int, *, number: int = 1, is_stopped: bool = False) -> RoundTrip:
    closed_at = NOW + number * SECOND
    return RoundTrip(closed_at - SECOND, closed_at, 100 * SCALE, result * SCALE, is_stopped)


def record(*trips: RoundTrip) -> StrategyRecord:
    made = StrategyRecord()
    for each in trips:
        made.add(each)
    return made


def test_wins_and_losses_are_counted_apart() -> None:
    """Kelly's fraction needs how often a strategy wins, and how much against how much it loses."""
    made = record(trip(3), trip(-1, number=2), trip(4, number=3), trip(0, number=4))
    assert (made.trips, made.wins, made.losses) == (4, 2, 1)
    assert (made.gross_win, made.gross_loss, made.net) == (7 * SCALE, SCALE, 6 * SCALE)
    assert made.paid == 400 * SCALE
    assert made.last_closed_at == NOW + 4 * SECOND
    assert made.last_loss_at == NOW + 2 * SECOND


def test_a_row_of_losses_ends_with_what_is_no_loss() -> None:
    """Even is no loss; each loss adds one to the row."""
    made = record(trip(-1), trip(-1, number=2))
    assert made.losses_in_row == 2
    made.add(trip(0, number=3))
    assert made.losses_in_row == 0
    made.add(trip(-1, number=4))
    assert made.losses_in_row == 1


def test_the_last_stop_is_remembered_beyond_later_losses() -> None:
    """A loss that was taken by hand is no stop."""
    made = record(trip(-1, is_stopped=True), trip(-1, number=2))
    assert (made.last_stop_at, made.last_loss_at) == (NOW + SECOND, NOW + 2 * SECOND)


def test_only_the_last_trips_are_kept() -> None:
    """The memory is bounded; the sums are of all."""
    made = record(*(trip(1, number=number) for number in range(ROUND_TRIPS_KEPT + 3)))
    assert made.trips == ROUND_TRIPS_KEPT + 3
    assert len(made.recent) == ROUND_TRIPS_KEPT
    assert made.recent[-1].closed_at == made.last_closed_at
    assert made.since(NOW + ROUND_TRIPS_KEPT * SECOND) == made.recent[-3:]


def test_records_are_merged_by_the_time_of_closing() -> None:
    """A row of losses goes on over instruments, in the order in which they closed."""
    one = record(trip(-1, number=1), trip(2, number=3), trip(-1, number=6))
    other = record(trip(1, number=2), trip(-3, number=5, is_stopped=True))
    merged = merge_records([one, StrategyRecord(), other])
    assert merged.losses_in_row == 2
    assert (merged.trips, merged.wins, merged.losses) == (5, 2, 3)
    assert (merged.gross_win, merged.gross_loss) == (3 * SCALE, 5 * SCALE)
    assert [each.closed_at for each in merged.recent] == sorted(
        each.closed_at for each in one.recent + other.recent
    )
    assert merged.last_stop_at == NOW + 5 * SECOND
    assert merge_records([]) == StrategyRecord()
