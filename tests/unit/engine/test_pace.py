"""How many events lie in the last second."""

from genesis.engine.pace import Pace
from genesis.limits import SIGNAL_TIMES_KEPT
from tests.support.builders import NOW, SECOND


def test_an_event_counts_for_a_second() -> None:
    """At its end to the nanosecond it counts no more, and stays forgotten."""
    pace = Pace()
    pace.note(NOW)
    pace.note(NOW + 1)
    assert pace.in_last_second(NOW + 1) == 2
    assert pace.in_last_second(NOW + SECOND) == 1
    assert pace.in_last_second(NOW + SECOND + 1) == 0


def test_counts_are_bounded() -> None:
    """More than any limit allows need not be told apart."""
    pace = Pace()
    for _ in range(2 * SIGNAL_TIMES_KEPT):
        pace.note(NOW)
    assert pace.in_last_second(NOW) == SIGNAL_TIMES_KEPT
