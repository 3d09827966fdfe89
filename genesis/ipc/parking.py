"""Wait for several rings at once on an event loop: woken by eventfd, never longer than a bound."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from genesis.limits import PARK_MS_MAX
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND


class Sleeper(Protocol):
    """What a parking lot needs of a `RingSubscriber`, whatever its records are."""

    @property
    def lag(self) -> int:
        """Return how many records wait to be drained."""
        ...

    def fileno(self) -> int:
        """Return the eventfd that becomes readable when the writer wakes this reader."""
        ...

    def prepare_park(self) -> bool:
        """Announce sleep; False: data came meanwhile."""
        ...

    def take_wake_up(self) -> None:
        """Empty the eventfd."""
        ...


class ParkingLot:
    """Where a process sleeps while none of its rings has anything for it.

    A loop drains its rings and, when it found nothing, awaits `park`. One waiter at a time.
    """

    __slots__ = ("_interrupted", "_loop", "_spins", "_subscribers", "_waiter")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, subscribers: Sequence[Sleeper], *, spins: int = 0
    ) -> None:
        """Watch the eventfds of `subscribers` on `loop`, until `close`.

        `spins` is how often a park looks again, with a turn of the loop each, before it sleeps: for
        a process with a core of its own, which then seldom waits for the kernel.
        """
        self._loop = loop
        self._spins = spins
        self._subscribers = tuple(subscribers)
        self._waiter: asyncio.Future[None] | None = None
        self._interrupted = False
        for subscriber in self._subscribers:
            loop.add_reader(subscriber.fileno(), self._on_wake_up, subscriber)

    async def park(self, timeout_ms: int = PARK_MS_MAX) -> None:
        """Return when a ring has data, `interrupt` was called, or after `timeout_ms`.

        With data already there it only gives the loop a turn.
        """
        assert self._waiter is None, "one waiter at a time"
        for _ in range(self._spins):
            if self._interrupted or any(subscriber.lag for subscriber in self._subscribers):
                break
            await asyncio.sleep(0)
        # Announce on all before looking at the verdicts: each must be able to wake this process.
        free = [subscriber.prepare_park() for subscriber in self._subscribers]
        if not all(free) or self._interrupted:
            self._interrupted = False
            await asyncio.sleep(0)
            return
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(timeout_ms * NANOS_PER_MS / NANOS_PER_SECOND, self._release)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
            self._interrupted = False

    def interrupt(self) -> None:
        """End the present park at once, or let the next one not sleep."""
        self._interrupted = True
        self._release()

    def close(self) -> None:
        """Take every eventfd off the loop. Call it before the descriptors are closed."""
        for subscriber in self._subscribers:
            self._loop.remove_reader(subscriber.fileno())
        self._release()

    def _on_wake_up(self, subscriber: Sleeper) -> None:
        subscriber.take_wake_up()
        self._release()

    def _release(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
