"""Asking the venue for its time, several times over, whatever carries the question."""

from collections.abc import Awaitable, Callable

from genesis.exchange.binance.venue_clock import TimeSample
from genesis.exchange.gateway import NoAnswer
from genesis.limits import CLOCK_SAMPLES
from genesis.units import Nanos


async def sample_clock(
    ask_time: Callable[[], Awaitable[Nanos | NoAnswer]], now: Callable[[], Nanos]
) -> list[TimeSample] | NoAnswer:
    """Make some round trips, up to the first that is not answered; NoAnswer if that is the first.

    `ask_time` returns the venue's time.
    """
    samples: list[TimeSample] = []
    for _ in range(CLOCK_SAMPLES):
        sent_at = now()
        venue_time = await ask_time()
        if isinstance(venue_time, NoAnswer):
            return samples or venue_time
        samples.append(TimeSample(sent_at=sent_at, received_at=now(), venue_time=venue_time))
    return samples
