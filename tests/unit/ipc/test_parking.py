"""Waiting for rings on an event loop."""

import asyncio
from collections.abc import Iterator

import pytest

from genesis.ipc.links import RingHandle, RingPublisher, RingSubscriber, close_ring, create_ring
from genesis.ipc.parking import ParkingLot
from tests.support.rings import Record, overwriting, payload, records

DEADLINE_S = 20
NEVER_MS = 1_000 * DEADLINE_S * 10


@pytest.fixture
def rings() -> Iterator[list[RingHandle]]:
    """Return two rings."""
    handles = [create_ring(overwriting(slots=128)) for _ in range(2)]
    yield handles
    for handle in handles:
        close_ring(handle)


class Process:
    """One process's ends: a publisher per ring for the test, and the subscribers under test."""

    def __init__(self, handles: list[RingHandle]) -> None:
        self.publishers = [RingPublisher(handle.writer_end(), 1) for handle in handles]
        self.subscribers: list[RingSubscriber[Record]] = [
            RingSubscriber(handle.reader_end(0), 0, "cursor", records) for handle in handles
        ]
        self.lot = ParkingLot(asyncio.get_running_loop(), self.subscribers)

    def close(self) -> None:
        """Give everything back, the lot first."""
        self.lot.close()
        for publisher in self.publishers:
            publisher.close()
        for subscriber in self.subscribers:
            subscriber.close()


@pytest.mark.parametrize("ring", [0, 1])
async def test_any_ring_ends_the_park(rings: list[RingHandle], ring: int) -> None:
    """A process with several rings sleeps once, and is woken by whichever has data."""
    process = Process(rings)
    for number in range(3):
        parked = asyncio.create_task(process.lot.park(NEVER_MS))
        await asyncio.sleep(0)
        process.publishers[ring].publish(payload(number))
        await asyncio.wait_for(parked, DEADLINE_S)
        assert process.subscribers[ring].drain() == [(payload(number), number + 1)]
    process.close()


async def test_data_that_is_already_there_lets_nobody_sleep(rings: list[RingHandle]) -> None:
    """Publishing before the park is not missed; the loop still gets its turn."""
    process = Process(rings)
    process.publishers[1].publish(payload(1))
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "another task")
    await asyncio.wait_for(process.lot.park(NEVER_MS), DEADLINE_S)
    assert turns == ["another task"]
    process.close()


async def test_a_park_is_bounded(rings: list[RingHandle]) -> None:
    """Without data and without a wake-up, the bound ends the park."""
    process = Process(rings)
    await asyncio.wait_for(process.lot.park(), DEADLINE_S)
    process.close()


async def test_an_interrupt_ends_the_park_or_prevents_the_next(rings: list[RingHandle]) -> None:
    """A process that is told to stop does not sleep on, whenever it was told."""
    process = Process(rings)
    parked = asyncio.create_task(process.lot.park(NEVER_MS))
    await asyncio.sleep(0)
    process.lot.interrupt()
    await asyncio.wait_for(parked, DEADLINE_S)
    process.lot.interrupt()
    await asyncio.wait_for(process.lot.park(NEVER_MS), DEADLINE_S)
    process.close()


async def test_closing_ends_the_park(rings: list[RingHandle]) -> None:
    """A lot that is closed keeps nobody, and its eventfds are off the loop."""
    process = Process(rings)
    parked = asyncio.create_task(process.lot.park(NEVER_MS))
    await asyncio.sleep(0)
    process.lot.close()
    await asyncio.wait_for(parked, DEADLINE_S)
    loop = asyncio.get_running_loop()
    assert not any(loop.remove_reader(ring.fileno()) for ring in process.subscribers)
    process.close()


async def test_a_canceled_park_can_be_followed_by_another(rings: list[RingHandle]) -> None:
    """Cancellation leaves the lot as it was."""
    process = Process(rings)
    parked = asyncio.create_task(process.lot.park(NEVER_MS))
    await asyncio.sleep(0)
    parked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await parked
    await asyncio.wait_for(process.lot.park(1), DEADLINE_S)
    process.close()


@pytest.mark.parametrize("ring", [0, 1])
async def test_a_spinning_lot_sees_data_without_a_wake_up(
    rings: list[RingHandle], ring: int
) -> None:
    """A process that may spin looks again before it sleeps, and lets its loop turn meanwhile."""
    process = Process(rings)
    process.lot.close()
    spinning = ParkingLot(asyncio.get_running_loop(), process.subscribers, spins=1_000_000)
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.call_soon, process.publishers[ring].publish, payload(1))
    await asyncio.wait_for(spinning.park(NEVER_MS), DEADLINE_S)
    assert process.subscribers[ring].lag == 1
    spinning.close()
    process.close()
