"""The engine's clock: one monotonic timeline, shared by every process of a run.

Only the shells (`workers/`, `exchange/`, `storage/`, the orchestrator, scripts) read it; the core
is given `now`.
"""

import time
from typing import Self

from genesis.units import Nanos


class EngineClock:
    """UTC at the engine's start, advanced by the monotonic clock.

    CLOCK_MONOTONIC is one timeline for all processes of a host, so stamps taken in different
    processes subtract to true durations, and a stepped wall clock never moves a deadline. The
    parent measures `offset` once; every child is started with the same number.
    """

    __slots__ = ("offset",)

    def __init__(self, offset: Nanos) -> None:
        self.offset = offset

    @classmethod
    def start(cls) -> Self:
        """Take the wall clock's word for the present, once."""
        return cls(time.time_ns() - time.monotonic_ns())

    def now(self) -> Nanos:
        """Return the present on the engine's timeline, in nanoseconds since 1970."""
        return time.monotonic_ns() + self.offset
