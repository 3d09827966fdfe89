"""Draining: what is delivered, what is counted instead, and where a reader goes on."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.errors import RingFull
from genesis.ipc.ring import CURSOR, RingSpec, Start
from genesis.ipc.ring_reader import RingReader
from tests.support.rings import Record, RingInMemory, overwriting, payload, refusing


def sequences(batch: list[Record]) -> list[int]:
    """Return the sequences of a batch."""
    return [sequence for _, sequence in batch]


def faults(reader: RingReader[Record]) -> tuple[int, int, int, int, int]:
    """Return all counters of a reader."""
    return (
        reader.missed,
        reader.torn,
        reader.bad_checksum,
        reader.stale_epoch,
        reader.foreign,
    )


def test_nothing_published_is_nothing_drained() -> None:
    """An empty ring gives an empty batch and no lag."""
    ring = RingInMemory(overwriting())
    reader = ring.reader()
    assert reader.drain() == []
    assert (reader.lag, reader.sequence, reader.committed) == (0, 0, 0)


def test_a_batch_is_at_most_the_limit_and_ends_at_the_ring_border() -> None:
    """Drains take up to `limit` records and go on where the last one ended."""
    ring = RingInMemory(overwriting(slots=64))
    writer, reader = ring.writer(), ring.reader()
    writer.publish_burst([payload(n) for n in range(50)])
    assert sequences(reader.drain(10)) == list(range(1, 11))
    assert reader.lag == 40
    assert sequences(reader.drain()) == list(range(11, 51))
    writer.publish_burst([payload(n) for n in range(20)])
    assert sequences(reader.drain()) == list(range(51, 64))
    assert sequences(reader.drain()) == list(range(64, 71))
    assert reader.sequence == 70


@pytest.mark.parametrize(
    ("start", "expected"),
    [("cursor", [4, 5, 6]), ("latest", []), ("oldest", [1, 2, 3, 4, 5, 6])],
)
def test_a_reader_starts_where_it_is_told(start: Start, expected: list[int]) -> None:
    """A successor begins behind what was committed, at the next record, or at the oldest."""
    ring = RingInMemory(overwriting(slots=16))
    writer, first = ring.writer(), ring.reader()
    writer.publish_burst([payload(n) for n in range(6)])
    first.drain(3)
    first.commit()
    assert sequences(ring.reader(start=start).drain()) == expected


def test_the_oldest_record_is_one_that_no_claim_covers() -> None:
    """After many laps, a reader that starts at the oldest reads without a gap."""
    ring = RingInMemory(overwriting(slots=16))
    writer = ring.writer()
    for n in range(100):
        writer.publish(payload(n))
    reader = ring.reader(start="oldest")
    drained = [*sequences(reader.drain()), *sequences(reader.drain())]
    assert drained == list(range(drained[0], 101))
    assert len(drained) >= 12
    assert reader.missed == 0


@pytest.mark.parametrize("start", ["latest", "oldest"])
def test_a_refusing_ring_is_read_from_the_cursor_only(start: Start) -> None:
    """Where nothing may be missed, no start may skip."""
    with pytest.raises(ValueError, match="start at the cursor"):
        RingInMemory(refusing()).reader(start=start)


def test_uncommitted_records_come_again_to_a_successor() -> None:
    """What had no effect yet is delivered again; what was committed is not."""
    ring = RingInMemory(refusing())
    writer, dying = ring.writer(), ring.reader()
    writer.publish_burst([payload(n) for n in range(5)])
    dying.drain()
    dying.commit(2)
    dying.commit(1)  # a cursor never moves back
    assert dying.committed == 2
    assert sequences(ring.reader().drain()) == [3, 4, 5]


def test_a_reader_can_go_back_to_where_a_snapshot_was_taken() -> None:
    """`seek` replays what the ring still holds, and counts what it does not."""
    ring = RingInMemory(overwriting(slots=16))
    writer, reader = ring.writer(), ring.reader()
    writer.publish_burst([payload(n) for n in range(10)])
    reader.drain()
    reader.seek(4)
    assert sequences(reader.drain()) == [5, 6, 7, 8, 9, 10]
    for n in range(30):
        writer.publish(payload(n))
    reader.seek(4)
    assert reader.drain() == []
    assert reader.missed == 36


@pytest.mark.parametrize("checksum", [False, True])
def test_a_lapped_reader_counts_the_gap_and_goes_on_with_the_next(
    checksum: bool,  # noqa: FBT001
) -> None:
    """Nothing overwritten is delivered; everything skipped is counted."""
    ring = RingInMemory(overwriting(checksum=checksum))
    writer, reader = ring.writer(), ring.reader()
    for n in range(20):
        writer.publish(payload(n))
    assert reader.drain() == []
    assert reader.missed == 20
    writer.publish(payload(20))
    assert reader.drain() == [(payload(20), 21)]


@pytest.mark.parametrize("overwritten", [2, 4, 8])
def test_what_is_overwritten_during_the_copy_is_not_delivered(overwritten: int) -> None:
    """The claim is looked at after the copy: half old, half new bytes never come out."""
    ring = RingInMemory(overwriting())
    writer, reader = ring.writer(), ring.reader()
    for n in range(7):
        writer.publish(payload(n))

    def lap() -> None:
        for n in range(overwritten):
            writer.publish(payload(100 + n))

    ring.memory.meanwhile = lap
    assert reader.drain() == []
    assert reader.missed == 7 + overwritten
    writer.publish(payload(200))
    assert sequences(reader.drain()) == [8 + overwritten]


def test_a_copy_that_no_claim_touched_is_delivered() -> None:
    """A writer that is busy elsewhere in the ring costs its readers nothing."""
    ring = RingInMemory(overwriting(slots=16))
    writer, reader = ring.writer(), ring.reader()
    writer.publish_burst([payload(n) for n in range(4)])
    ring.memory.meanwhile = lambda: writer.publish(payload(4))
    assert sequences(reader.drain()) == [1, 2, 3, 4]
    assert sequences(reader.drain()) == [5]
    assert reader.missed == 0


def test_a_half_written_record_of_a_dead_writer_is_never_seen() -> None:
    """Death before the cursor moved leaves nothing; the successor's record takes the place."""
    ring = RingInMemory(overwriting())
    ring.writer().publish(payload(1))
    ring.slot(2)[8:16] = b"half way"
    reader = ring.reader()
    assert reader.drain() == [(payload(1), 1)]
    ring.writer(epoch=2).publish(payload(2))
    assert reader.drain() == [(payload(2), 2)]
    assert faults(reader) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("spec", [overwriting(), refusing()], ids=["overwriting", "refusing"])
def test_a_slot_with_a_wrong_sequence_is_torn(spec: RingSpec) -> None:
    """After bounded retries it is left out and counted; its neighbours are delivered."""
    ring = RingInMemory(spec)
    writer, reader = ring.writer(), ring.reader()
    writer.publish_burst([payload(n) for n in range(3)])
    ring.slot(2).cast("Q")[-1] = 77
    assert sequences(reader.drain()) == [1, 3]
    assert faults(reader) == (0, 1, 0, 0, 0)


def test_a_slot_that_becomes_right_is_delivered() -> None:
    """A store that was seen out of order is waited for, a bounded number of times."""
    ring = RingInMemory(overwriting())
    writer, reader = ring.writer(), ring.reader()
    writer.publish_burst([payload(n) for n in range(3)])
    word = ring.slot(2).cast("Q")
    word[-1] = 0

    def arrive_on_second_look() -> None:
        def arrive() -> None:
            word[-1] = 2

        ring.memory.meanwhile = arrive

    ring.memory.meanwhile = arrive_on_second_look
    assert sequences(reader.drain()) == [1, 2, 3]
    assert faults(reader) == (0, 0, 0, 0, 0)


def test_a_slot_overwritten_while_it_is_looked_at_again_is_missed() -> None:
    """Retries check the claim as well: a slot taken meanwhile is a gap, not a torn record."""
    ring = RingInMemory(overwriting())
    writer, reader = ring.writer(), ring.reader()
    for n in range(6):
        writer.publish(payload(n))
    ring.slot(1).cast("Q")[-1] = 0

    def lap_on_second_look() -> None:
        ring.memory.meanwhile = lambda: writer.publish_burst([payload(9)] * 4)

    ring.memory.meanwhile = lap_on_second_look
    drained = sequences(reader.drain())
    assert drained == [3, 4, 5, 6]
    assert reader.missed == 2
    assert reader.torn == 0


@pytest.mark.parametrize("byte", [0, 4, 8, 23])
def test_a_record_that_fails_its_checksum_is_not_delivered(byte: int) -> None:
    """A flipped bit in CRC, epoch or payload is found, counted and left out."""
    ring = RingInMemory(refusing())
    writer, reader = ring.writer(), ring.reader()
    writer.publish_burst([payload(n) for n in range(3)])
    ring.slot(2)[byte] ^= 1
    assert sequences(reader.drain()) == [1, 3]
    assert faults(reader) == (0, 0, 1, 0, 0)


def test_a_record_of_another_writer_than_the_present_is_stale() -> None:
    """A predecessor that is still alive cannot speak in its successor's epoch."""
    ring = RingInMemory(refusing())
    zombie = ring.writer(epoch=1)
    ring.writer(epoch=2)
    reader = ring.reader()
    zombie.publish(payload(1))
    assert reader.drain() == []
    assert faults(reader) == (0, 0, 0, 1, 0)


def test_a_record_from_the_future_epoch_before_its_start_is_stale() -> None:
    """Before an epoch's first sequence, nothing of that epoch may stand."""
    ring = RingInMemory(refusing())
    early = ring.writer(epoch=2)
    early.publish(payload(1))
    ring.writer(epoch=1).publish(payload(2))
    ring.writer(epoch=2)
    reader = ring.reader()
    assert sequences(reader.drain()) == [2]
    assert faults(reader) == (0, 0, 0, 1, 0)


def test_a_batch_never_spans_two_epochs() -> None:
    """A reader learns of a new writer exactly between its last old and its first new record."""
    ring = RingInMemory(refusing(slots=16))
    ring.writer(epoch=5).publish_burst([payload(1), payload(2)])
    reader = ring.reader()
    assert sequences(reader.drain(1)) == [1]
    assert reader.epoch == 5
    ring.writer(epoch=6).publish_burst([payload(3), payload(4)])
    assert sequences(reader.drain()) == [2]
    assert reader.epoch == 5
    assert sequences(reader.drain()) == [3, 4]
    assert reader.epoch == 6


@pytest.mark.parametrize("spec", [overwriting(), refusing()], ids=["overwriting", "refusing"])
def test_a_damaged_cursor_is_not_followed(spec: RingSpec) -> None:
    """A cursor beyond all that can be published delivers nothing; the next record repairs it."""
    ring = RingInMemory(spec)
    writer, reader = ring.writer(), ring.reader()
    writer.publish(payload(1))
    ring.words[CURSOR] = 1 << 60
    assert reader.drain() == []
    assert faults(reader) == (0, 1, 0, 0, 0)
    writer.publish(payload(2))
    assert sequences(reader.drain()) == [1, 2]


def test_records_that_decode_to_nothing_are_foreign() -> None:
    """What the decoder leaves out is counted."""
    ring = RingInMemory(overwriting())
    writer, reader = ring.writer(), ring.reader()
    writer.publish_burst([payload(n) for n in range(3)])
    reader._decode = lambda slots: [(slots[:1], 1)]
    assert len(reader.drain()) == 1
    assert reader.foreign == 2


def test_parking_is_refused_when_data_is_there() -> None:
    """A reader that announces sleep looks once more, so that it does not sleep on data."""
    ring = RingInMemory(overwriting())
    writer, reader = ring.writer(), ring.reader()
    assert reader.prepare_park()
    writer.publish(payload(1))
    assert not reader.prepare_park()
    reader.drain()
    assert reader.prepare_park()


def test_tickets_wrap_round() -> None:
    """The ticket is 16 bits; sleeping often enough starts it anew."""
    ring = RingInMemory(overwriting())
    ticket = memoryview(ring.bells).cast("H")
    ticket[0] = (1 << 16) - 1
    assert ring.reader().prepare_park()
    assert ticket[0] == 0


def test_a_released_reader_lets_go_of_its_memory() -> None:
    """Memory can be given back: no view of it is left."""
    ring = RingInMemory(overwriting())
    reader = ring.reader()
    reader.drain()
    reader.release()
    ring.words.release()
    ring.memory.extend(b"can be resized")


steps = st.lists(
    st.tuples(
        st.sampled_from(["publish", "burst", "drain", "commit", "new writer", "new reader"]),
        st.integers(1, 9),
    ),
    max_size=60,
)


@given(steps=steps, slots=st.sampled_from([2, 8, 16]), checksum=st.booleans())
def test_a_refusing_ring_loses_and_reorders_nothing(
    steps: list[tuple[str, int]],
    slots: int,
    checksum: bool,  # noqa: FBT001
) -> None:
    """Whoever restarts whenever: every accepted record arrives, in order, whole."""
    ring = RingInMemory(refusing(slots=slots, checksum=checksum))
    writer, reader = ring.writer(), ring.reader()
    accepted: list[int] = []
    arrived: list[Record] = []
    for step, amount in steps:
        batch = [payload(len(accepted) + n) for n in range(amount)]
        try:
            if step == "publish":
                writer.publish(batch[0])
                accepted.append(writer.cursor)
            elif step == "burst" and amount <= slots:
                writer.publish_burst(batch)
                accepted.extend(range(writer.cursor - amount + 1, writer.cursor + 1))
        except RingFull:
            assert len(accepted) - reader.committed > slots - amount
        if step == "new writer":
            writer = ring.writer(epoch=writer.epoch + 1)
        elif step == "new reader":
            reader = ring.reader()
            arrived = arrived[: reader.committed]
        elif step == "drain":
            arrived.extend(reader.drain(amount))
        elif step == "commit":
            reader.commit(min(amount, reader.sequence))
    while batch_left := reader.drain():
        arrived.extend(batch_left)
    assert arrived == [(payload(n), sequence) for n, sequence in enumerate(accepted)]
    assert faults(reader) == (0, 0, 0, 0, 0)


@given(steps=steps, slots=st.sampled_from([2, 8, 32]), checksum=st.booleans())
def test_an_overwriting_ring_counts_every_gap(
    steps: list[tuple[str, int]],
    slots: int,
    checksum: bool,  # noqa: FBT001
) -> None:
    """What arrives is whole and in order; arrived and missed add up to what was published."""
    ring = RingInMemory(overwriting(slots=slots, checksum=checksum))
    writer, reader = ring.writer(), ring.reader()
    arrived: list[Record] = []
    for step, amount in steps:
        first = writer.cursor + 1
        if step == "publish":
            writer.publish(payload(first))
        elif step == "burst" and amount <= slots:
            writer.publish_burst([payload(first + n) for n in range(amount)])
        elif step == "new writer":
            writer = ring.writer(epoch=writer.epoch + 1)
        elif step == "drain":
            arrived.extend(reader.drain(amount))
    while reader.lag:
        arrived.extend(reader.drain())
    assert all(body == payload(sequence) for body, sequence in arrived)
    assert all(before[1] < after[1] for before, after in pairwise(arrived))
    assert len(arrived) + reader.missed == writer.cursor
    assert faults(reader)[1:] == (0, 0, 0, 0)
