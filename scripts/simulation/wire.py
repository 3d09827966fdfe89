"""The way between one life of the executor and the venue: late, lossy, and cut now and then.

It does what the gateway does: a request is answered once, at the latest when its time is up; a cut
loses what is in flight; after a cut the clock is measured, and a gap of user events is announced.
What a dead process had written still arrives.
"""

import random
from collections.abc import Callable
from typing import Final, TypeVar

from genesis.exchange.gateway import StreamGap, UserEvent
from genesis.units import Nanos
from scripts.simulation.clocks import VenueClockEstimate
from scripts.simulation.faults import MS, SECOND, Faults, draw, happens
from scripts.simulation.schedule import Schedule

_T = TypeVar("_T")

WIRE_MIN: Final[Nanos] = 1 * MS
WIRE_MAX: Final[Nanos] = 20 * MS
RECONNECT_MAX: Final[Nanos] = 3 * SECOND
_TIMESTAMP_REFUSED: Final = "-1021"


class Line:
    """The connection of one process. `run` runs a callback in that process, if it still lives."""

    def __init__(
        self,
        *,
        schedule: Schedule,
        chance: random.Random,
        faults: Faults,
        estimate: VenueClockEstimate,
        run: Callable[[Callable[[], None]], None],
        on_event: Callable[[UserEvent], None],
    ) -> None:
        self.estimate = estimate
        self.is_open = False
        self._schedule = schedule
        self._chance = chance
        self._faults = faults
        self._run = run
        self._on_event = on_event
        self._losses: dict[int, Callable[[], None]] = {}
        self._requests = 0

    def open(self, then: Callable[[], None]) -> None:
        """Connect for the first time."""

        def opened() -> None:
            self.estimate.measure()
            self.is_open = True
            then()

        self._schedule.after(self._delay(), lambda: self._run(opened))

    def cut(self) -> None:
        """Lose the connection and everything in flight; connect again after a while."""
        if not self.is_open:
            return
        self.is_open = False
        cut_at = self._schedule.now
        losses, self._losses = self._losses, {}
        for lose in losses.values():
            self._run(lose)

        def reopened() -> None:
            self.estimate.measure()
            self.is_open = True
            self._on_event(StreamGap(why="cut", from_at=cut_at, to_at=self._schedule.now))

        delay = self._chance.randrange(10 * MS, RECONNECT_MAX)
        self._schedule.after(delay, lambda: self._run(reopened))

    def ask(
        self,
        arrive: Callable[[Callable[[_T], None]], None],
        *,
        lost: _T,
        unsent: _T,
        timeout: Nanos,
        then: Callable[[_T], None],
    ) -> None:
        """Send a request: `arrive` gets it, with a way to reply; `then` hears once."""
        if not self.is_open:
            self._schedule.after(0, lambda: self._run(lambda: then(unsent)))
            return
        self._requests += 1
        number = self._requests

        def settle(answer: _T) -> None:
            if self._losses.pop(number, None) is not None:
                if _TIMESTAMP_REFUSED in repr(answer):
                    self.estimate.measure()
                then(answer)

        self._losses[number] = lambda: then(lost)
        self._schedule.after(timeout, lambda: self._run(lambda: settle(lost)))
        if happens(self._chance, self._faults.request_lost_share):
            return

        def reply(answer: _T) -> None:
            if happens(self._chance, self._faults.reply_lost_share):
                return
            times = 2 if happens(self._chance, self._faults.reply_twice_share) else 1
            for _ in range(times):
                self._schedule.after(self._delay(), lambda: self._run(lambda: settle(answer)))

        self._schedule.after(self._delay(), lambda: arrive(reply))

    def push(self, event: UserEvent) -> None:
        """Send a user event of the venue's down the line: late, twice, or never and then a gap."""
        if not self.is_open:
            return
        faults = self._faults
        if happens(self._chance, faults.event_lost_share):
            if happens(self._chance, 0.8):
                at = self._schedule.now
                gap = StreamGap(why="unreadable event", from_at=at, to_at=at)
                self._schedule.after(self._delay(), lambda: self._deliver(gap))
            return
        for _ in range(2 if happens(self._chance, faults.event_twice_share) else 1):
            late = draw(self._chance, faults.event_late_max)
            self._schedule.after(self._delay() + late, lambda: self._deliver(event))

    def _deliver(self, event: UserEvent) -> None:
        if self.is_open:
            self._run(lambda: self._on_event(event))

    def _delay(self) -> Nanos:
        delay = self._chance.randrange(WIRE_MIN, WIRE_MAX)
        if happens(self._chance, self._faults.late_share):
            delay += draw(self._chance, self._faults.late_max)
        return delay
