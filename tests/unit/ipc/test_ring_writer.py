"""Publishing: what becomes visible, what is refused, who is woken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.errors import RingFull
from genesis.ipc.ring import CLAIMED, CURSOR, EPOCH, EPOCH_START
from tests.support.rings import RingInMemory, overwriting, payload, refusing


def test_sequences_count_from_one_without_a_hole() -> None:
    """Each publication, alone or in a burst, takes the next sequences."""
    ring = RingInMemory(overwriting())
    writer = ring.writer()
    assert writer.cursor == 0
    assert [writer.publish(payload(n)) for n in range(3)] == [1, 2, 3]
    assert writer.publish_burst([payload(3), payload(4)]) == 5
    assert writer.cursor == ring.words[CURSOR] == 5


def test_an_empty_burst_publishes_nothing() -> None:
    """A burst of none is no publication."""
    ring = RingInMemory(overwriting())
    writer = ring.writer()
    assert writer.publish_burst([]) == 0
    assert ring.words[CURSOR] == 0


@pytest.mark.parametrize("checksum", [False, True])
def test_a_payload_of_another_length_is_not_published(checksum: bool) -> None:  # noqa: FBT001
    """A wrong length is the caller's error, and leaves the ring as it was."""
    ring = RingInMemory(overwriting(slots=64, checksum=checksum))
    writer = ring.writer()
    writer.publish(payload(1))
    with pytest.raises(ValueError, match="no payload"):
        writer.publish(b"short")
    with pytest.raises(ValueError, match="another length"):
        writer.publish_burst([*map(payload, range(6)), b"short"])
    assert writer.cursor == ring.words[CURSOR] == 1
    writer.publish(payload(2))
    assert ring.reader().drain() == [(payload(1), 1), (payload(2), 2)]


def test_a_full_refusing_ring_refuses_and_goes_on_when_there_is_room() -> None:
    """RingFull publishes nothing; a commit of the reader makes room."""
    ring = RingInMemory(refusing(slots=4))
    writer, reader = ring.writer(), ring.reader()
    for n in range(4):
        writer.publish(payload(n))
    with pytest.raises(RingFull, match="ring test is full"):
        writer.publish(payload(4))
    assert [sequence for _, sequence in reader.drain()] == [1, 2, 3]
    with pytest.raises(RingFull):
        writer.publish(payload(4))
    reader.commit(1)
    assert writer.publish(payload(4)) == 5
    with pytest.raises(RingFull):
        writer.publish(payload(5))


def test_a_burst_that_does_not_fit_is_refused_whole() -> None:
    """All or nothing: no part of a burst is published when the rest has no room."""
    ring = RingInMemory(refusing(slots=4))
    writer, reader = ring.writer(), ring.reader()
    writer.publish_burst([payload(n) for n in range(3)])
    with pytest.raises(RingFull):
        writer.publish_burst([payload(3), payload(4)])
    assert writer.cursor == 3
    assert len(reader.drain()) == 3


def test_a_burst_longer_than_the_ring_is_an_error() -> None:
    """A burst that would overwrite itself is the caller's error."""
    writer = RingInMemory(overwriting(slots=4)).writer()
    with pytest.raises(ValueError, match="laps"):
        writer.publish_burst([payload(n) for n in range(5)])


def test_the_slowest_reader_gates_a_refusing_ring() -> None:
    """Room is what every reader has committed."""
    ring = RingInMemory(refusing(slots=4, readers=2))
    writer, fast, slow = ring.writer(), ring.reader(0), ring.reader(1)
    writer.publish_burst([payload(n) for n in range(4)])
    fast.drain()
    fast.commit()
    with pytest.raises(RingFull):
        writer.publish(payload(4))
    slow.drain()
    slow.commit(2)
    assert writer.publish_burst([payload(4), payload(5)]) == 6


def test_a_reader_ahead_of_the_writer_makes_no_room() -> None:
    """A damaged cursor page never lets unread records be overwritten."""
    ring = RingInMemory(refusing(slots=4))
    writer = ring.writer()
    writer.publish_burst([payload(n) for n in range(4)])
    memoryview(ring.pages[0]).cast("Q")[0] = 1_000
    with pytest.raises(RingFull):
        writer.publish(payload(4))


def test_a_successor_resumes_behind_the_published_cursor() -> None:
    """A new writer takes the next sequence and marks its epoch and where it starts."""
    ring = RingInMemory(overwriting())
    ring.writer(epoch=7).publish_burst([payload(1), payload(2)])
    successor = ring.writer(epoch=9)
    assert ring.words[EPOCH] == 9
    assert ring.words[EPOCH_START] == 3
    assert successor.publish(payload(3)) == 3


@given(bursts=st.lists(st.integers(0, 8), max_size=20))
def test_claims_never_move_back(bursts: list[int]) -> None:
    """What a dead writer may have spoiled stays claimed, whatever its successor publishes."""
    ring = RingInMemory(overwriting())
    highest = 0
    for epoch, burst in enumerate(bursts, 1):
        ring.writer(epoch).publish_burst([payload(n) for n in range(burst)])
        assert ring.words[CLAIMED] >= highest
        assert ring.words[CLAIMED] >= ring.words[CURSOR]
        highest = ring.words[CLAIMED]


@pytest.mark.parametrize("readers", [1, 4, 6])
def test_a_sleeping_reader_is_woken_once_per_sleep(readers: int) -> None:
    """Wake-ups are for those who announced sleep, one each, by single publications and bursts."""
    ring = RingInMemory(overwriting(readers=readers))
    writer = ring.writer()
    subscribers = [ring.reader(reader) for reader in range(readers)]
    writer.publish(payload(0))
    assert ring.woken == []
    for subscriber in subscribers:
        subscriber.drain()
    assert subscribers[0].prepare_park()
    assert subscribers[-1].prepare_park()
    writer.publish(payload(1))
    writer.publish(payload(2))
    assert ring.woken == sorted({0, readers - 1})
    subscribers[-1].drain()
    assert subscribers[-1].prepare_park()
    writer.publish_burst([payload(3), payload(4)])
    assert ring.woken == [*sorted({0, readers - 1}), readers - 1]


def test_a_successor_wakes_whoever_slept_through_the_change() -> None:
    """A reader that fell asleep under the last writer is woken by the next one's first record."""
    ring = RingInMemory(overwriting())
    ring.writer(epoch=1)
    assert ring.reader().prepare_park()
    ring.writer(epoch=2).publish(payload(1))
    assert ring.woken == [0]


def test_a_released_writer_lets_go_of_its_memory() -> None:
    """Memory can be given back: no view of it is left."""
    ring = RingInMemory(overwriting())
    writer = ring.writer()
    writer.publish(payload(1))
    writer.release()
    ring.words.release()
    ring.memory.extend(b"can be resized")
