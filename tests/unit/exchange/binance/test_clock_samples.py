"""Round trips to the venue's clock."""

from collections.abc import Iterator

from genesis.exchange.binance.clock_samples import sample_clock
from genesis.exchange.binance.venue_clock import TimeSample
from genesis.exchange.gateway import NoAnswer
from genesis.limits import CLOCK_SAMPLES


def ticking() -> Iterator[int]:
    """Count nanoseconds."""
    yield from range(1, 1_000)


async def test_each_round_trip_is_a_sample() -> None:
    """A sample knows when it was sent and when it was answered."""
    clock = ticking()

    async def ask() -> int | NoAnswer:
        return 7

    samples = await sample_clock(ask, lambda: next(clock))
    assert samples == [
        TimeSample(sent_at=sent_at, received_at=sent_at + 1, venue_time=7)
        for sent_at in range(1, 2 * CLOCK_SAMPLES, 2)
    ]


async def test_silence_ends_the_asking() -> None:
    """What came before it still measures the clock; silence at once measures nothing."""
    answers: list[int | NoAnswer] = [NoAnswer("mute"), NoAnswer("mute"), 5, 4]

    async def ask() -> int | NoAnswer:
        return answers.pop()

    samples = await sample_clock(ask, lambda: 0)
    assert isinstance(samples, list)
    assert [sample.venue_time for sample in samples] == [4, 5]
    assert await sample_clock(ask, lambda: 0) == NoAnswer("mute")
