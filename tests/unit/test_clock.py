"""The engine's clock: one timeline for all processes of a run."""

import time

from genesis.clock import EngineClock
from genesis.units import NANOS_PER_SECOND


def test_the_clock_starts_at_the_wall_clocks_present() -> None:
    """Stamps are readable as UTC."""
    before = time.time_ns()
    now = EngineClock.start().now()

    assert before - NANOS_PER_SECOND < now < time.time_ns() + NANOS_PER_SECOND


def test_clocks_of_one_offset_agree() -> None:
    """A child that is handed the parent's offset stamps on the parent's timeline."""
    parent = EngineClock.start()
    child = EngineClock(parent.offset)

    first, second, third = parent.now(), child.now(), parent.now()

    assert first <= second <= third


def test_the_clock_moves_with_monotonic_time_alone() -> None:
    """A stepped wall clock never moves a deadline."""
    clock = EngineClock(1000)

    before = time.monotonic_ns()
    now = clock.now()

    assert before + 1000 <= now <= time.monotonic_ns() + 1000
