"""Rings through the kernel: descriptors, mappings, wake-ups."""

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from genesis.domain.market import Quote
from genesis.errors import ResourceError, RingFull, SegmentMismatch
from genesis.ipc.codec import decode_market, decode_signals, encode_quote
from genesis.ipc.links import (
    ABSENT_FD,
    RingHandle,
    RingPublisher,
    RingSubscriber,
    close_ring,
    create_ring,
    market_ring_spec,
    report_ring_spec,
    signal_ring_spec,
)
from tests.support.rings import overwriting, payload, records, refusing


@pytest.fixture
def market() -> Iterator[RingHandle]:
    """Return a market ring with two readers."""
    handle = create_ring(market_ring_spec(64, readers=2))
    yield handle
    close_ring(handle)


def a_quote(update_id: int) -> Quote:
    """Return a quote that is told apart by its update id."""
    return Quote(1, 100, 1, 101, 2, update_id, 7, 8, 9)


def test_quotes_travel_from_end_to_end(market: RingHandle) -> None:
    """What one end publishes, each other end drains, with sequences, at its own pace."""
    publisher = RingPublisher(market.writer_end(), epoch=1)
    first = RingSubscriber(market.reader_end(0), 0, "cursor", decode_market)
    second = RingSubscriber(market.reader_end(1), 1, "cursor", decode_market)
    publisher.publish(encode_quote(a_quote(1)))
    assert [(event.sequence, event.instrument_id) for event in first.drain()] == [(1, 1)]
    publisher.publish(encode_quote(a_quote(2)))
    assert [event.sequence for event in second.drain()] == [1, 2]
    for end in (publisher, first, second):
        end.close()


def test_each_end_gets_only_its_own_descriptors(market: RingHandle) -> None:
    """A writer cannot write a reader's page, a reader cannot write the ring."""
    writer, reader = market.writer_end(), market.reader_end(1)
    assert len(set(market.fds())) == len(market.fds()) == 2 + 2 * 2 + 2 + 1
    assert set(writer.fds()) | set(reader.fds()) < set(market.fds())
    assert reader.reader_fds[0] == reader.event_fds[0] == ABSENT_FD
    with pytest.raises(ResourceError, match="cannot map"):
        RingPublisher(reader, epoch=1)
    with pytest.raises(ResourceError, match="cannot map"):
        RingSubscriber(writer, 0, "cursor", decode_market)


def test_closing_leaves_no_descriptor_and_no_mapping() -> None:
    """Everything made is given back: descriptors by the owner, mappings by the ends."""
    before = len(os.listdir("/proc/self/fd"))
    handle = create_ring(refusing(slots=128))
    publisher = RingPublisher(handle.writer_end(), epoch=1)
    subscriber = RingSubscriber(handle.reader_end(0), 0, "cursor", records)
    publisher.publish(payload(1))
    assert subscriber.drain()
    subscriber.park(timeout_ms=0)
    publisher.close()
    subscriber.close()
    close_ring(handle)
    assert len(os.listdir("/proc/self/fd")) == before
    assert "memfd:genesis-ring" not in Path("/proc/self/maps").read_text()


def test_ends_of_another_shape_are_refused(market: RingHandle) -> None:
    """A handle that says another shape than the segment has is not read."""
    other = RingHandle(
        market_ring_spec(128, readers=2),
        market.ring_fd,
        market.reader_fds,
        market.event_fds,
        market.bell_fd,
    )
    with pytest.raises(SegmentMismatch, match="another layout"):
        RingPublisher(other, epoch=1)
    with pytest.raises(SegmentMismatch, match="another layout"):
        RingSubscriber(other, 0, "cursor", decode_market)


def test_a_sleeping_reader_is_woken_by_its_own_eventfd(market: RingHandle) -> None:
    """The eventfd of a reader that announced sleep becomes readable; others stay silent."""
    publisher = RingPublisher(market.writer_end(), epoch=1)
    asleep = RingSubscriber(market.reader_end(0), 0, "cursor", decode_market)
    awake = RingSubscriber(market.reader_end(1), 1, "cursor", decode_market)
    assert asleep.prepare_park()
    publisher.publish(encode_quote(a_quote(1)))
    readable, _, _ = select.select([asleep.fileno(), awake.fileno()], [], [], 0)
    assert readable == [asleep.fileno()]
    asleep.take_wake_up()
    asleep.take_wake_up()  # nothing to take is no error
    assert select.select([asleep.fileno()], [], [], 0)[0] == []
    for end in (publisher, asleep, awake):
        end.close()


def test_park_returns_at_once_with_data_and_after_the_bound_without(market: RingHandle) -> None:
    """Sleep is bounded: with nothing to read, and nobody to wake, a reader comes back."""
    publisher = RingPublisher(market.writer_end(), epoch=1)
    subscriber = RingSubscriber(market.reader_end(0), 0, "cursor", decode_market)
    subscriber.park(timeout_ms=1)
    assert subscriber.drain() == []
    publisher.publish(encode_quote(a_quote(1)))
    subscriber.park(timeout_ms=60_000)
    assert len(subscriber.drain()) == 1
    publisher.close()
    subscriber.close()


def test_park_ends_once_for_each_wake_up(market: RingHandle) -> None:
    """A wake-up ends the sleep it was for, and not the next one as well."""
    subscriber = RingSubscriber(market.reader_end(0), 0, "cursor", decode_market)
    os.eventfd_write(subscriber.fileno(), 1)
    subscriber.park(timeout_ms=60_000)
    subscriber.park(timeout_ms=1)
    assert select.select([subscriber.fileno()], [], [], 0)[0] == []
    subscriber.close()


def test_a_reader_may_look_again_before_it_sleeps(market: RingHandle) -> None:
    """Spinning ends with data, and is followed by the bounded sleep without."""
    publisher = RingPublisher(market.writer_end(), epoch=1)
    subscriber = RingSubscriber(market.reader_end(0), 0, "cursor", decode_market)
    subscriber.park(timeout_ms=1, spins=3)
    publisher.publish(encode_quote(a_quote(1)))
    subscriber.park(timeout_ms=60_000, spins=3)
    assert len(subscriber.drain()) == 1
    publisher.close()
    subscriber.close()


def test_a_block_that_fills_no_memory_page_is_refused() -> None:
    """Blocks of slots are mapped one by one, so each begins at a page border."""
    with pytest.raises(ValueError, match="memory pages"):
        create_ring(overwriting(slots=8))


def test_a_restarted_writer_is_seen_as_another_epoch(market: RingHandle) -> None:
    """The same descriptors serve the successor; readers see where its records begin."""
    first = RingPublisher(market.writer_end(), epoch=1)
    subscriber = RingSubscriber(market.reader_end(0), 0, "cursor", decode_market)
    first.publish(encode_quote(a_quote(1)))
    first.close()
    successor = RingPublisher(market.writer_end(), epoch=2)
    successor.publish(encode_quote(a_quote(2)))
    assert [event.sequence for event in subscriber.drain()] == [1]
    assert [event.sequence for event in subscriber.drain()] == [2]
    assert subscriber.epoch == 2
    successor.close()
    subscriber.close()


def test_the_rings_of_the_engine_have_their_rules() -> None:
    """Market and report ring overwrite, signal rings refuse; orders and reports are checked."""
    market, signal, report = (
        market_ring_spec(64, 3),
        signal_ring_spec("signals-0", 64),
        report_ring_spec(64, 2),
    )
    assert (market.policy, market.checksum, market.readers) == ("overwrite", False, 3)
    assert (signal.policy, signal.checksum, signal.readers) == ("refuse", True, 1)
    assert (report.policy, report.checksum, report.readers) == ("overwrite", True, 2)


def test_a_full_signal_ring_refuses() -> None:
    """The worker is told at once when the executor is a whole ring behind."""
    spec = signal_ring_spec("signals-0", 64)
    handle = create_ring(spec)
    publisher = RingPublisher(handle.writer_end(), epoch=1)
    subscriber = RingSubscriber(handle.reader_end(0), 0, "cursor", decode_signals)
    for _ in range(64):
        publisher.publish(bytes(spec.payload_bytes))
    with pytest.raises(RingFull):
        publisher.publish(bytes(spec.payload_bytes))
    assert subscriber.drain() == []
    assert subscriber.foreign == 63  # the 64th lies behind the border
    publisher.close()
    subscriber.close()
    close_ring(handle)


def test_a_ring_that_cannot_be_made_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last descriptor is refused, those made before are closed."""

    def refuse(*_: int) -> int:
        raise OSError(24, "Too many open files")

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, "eventfd", refuse)
    with pytest.raises(ResourceError, match="eventfd"):
        create_ring(overwriting(slots=128, readers=2))
    assert len(os.listdir("/proc/self/fd")) == before
