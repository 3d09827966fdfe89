"""Deadlines of the core."""

from genesis.engine.timers import TimerKind, Timers

RESOLVE, EXPIRE = TimerKind.RESOLVE_ORDER, TimerKind.EXPIRE_ORDER


def test_timers_fire_in_order_of_time_then_of_setting() -> None:
    """Two timers of one moment fire in the order they were set; later ones stay."""
    timers = Timers()
    timers.set(20, RESOLVE, "b")
    timers.set(10, EXPIRE, "z")
    timers.set(10, EXPIRE, "a")
    assert timers.next_deadline == 10
    assert timers.due(19) == [(EXPIRE, "z"), (EXPIRE, "a")]
    assert timers.due(20) == [(RESOLVE, "b")]
    assert timers.next_deadline is None


def test_the_earliest_of_one_name_stands_alone() -> None:
    """Asked for thrice, it fires once, at the earliest time asked for."""
    timers = Timers()
    for at in (20, 10, 30):
        timers.set(at, RESOLVE, "a")
    timers.set(15, EXPIRE, "a")
    assert timers.due(10) == [(RESOLVE, "a")]
    assert timers.next_deadline == 15
    assert timers.due(100) == [(EXPIRE, "a")]


def test_a_name_may_be_set_again_once_it_fired() -> None:
    """What an earlier time had replaced does not come back beside it."""
    timers = Timers()
    timers.set(20, RESOLVE, "a")
    timers.set(10, RESOLVE, "a")
    assert timers.due(10) == [(RESOLVE, "a")]
    assert timers.next_deadline is None
    timers.set(20, RESOLVE, "a")
    assert timers.due(20) == [(RESOLVE, "a")]
    assert timers.due(100) == []
