"""Rings against multiprocessing's Queue and Pipe: throughput, wake-up latency, producer's CPU.

Also prints what the candidates for the event object cost to build, which decided for
`msgspec.Struct(gc=False)`.
"""

import multiprocessing
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import starmap
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

import msgspec

from genesis.domain.market import Quote
from genesis.errors import RingFull
from genesis.ipc.links import RingHandle, RingPublisher, RingSubscriber, close_ring, create_ring
from genesis.ipc.ring import CHECK_BYTES, SEQUENCE_BYTES, SLOT_OVERHEAD_BYTES, RingSpec
from scripts.bench_form import BenchForm

PAYLOAD_BYTES: Final = 64
RING_SLOTS: Final = 1 << 12  # as a signal ring, small enough for the caches
LONG_RING_SLOTS: Final = 1 << 18  # as the market ring: holds a whole run
RING_RECORDS: Final = 200_000
PEER_RECORDS: Final = 40_000
SLOT_BYTES: Final = PAYLOAD_BYTES + SLOT_OVERHEAD_BYTES
BURST: Final = 64
PINGS: Final = 500
PING_PERIOD_S: Final = 0.001  # long enough for every reader to be asleep again
BUILDS: Final = 100_000
MANY_READERS: Final = 4
SPINS: Final = 1_000_000  # more than a run has time for: these readers never sleep

_FORK: Final = multiprocessing.get_context("fork")
_STAMP: Final = struct.Struct("<q")
_SLOT: Final = struct.Struct(f"<8x{PAYLOAD_BYTES}s8x")
_PAYLOAD: Final = bytes(PAYLOAD_BYTES)


class QuoteTuple(NamedTuple):
    """A quote as a named tuple."""

    instrument_id: int
    bid_price: int
    bid_quantity: int
    ask_price: int
    ask_quantity: int
    update_id: int
    event_at: int
    received_at: int
    published_at: int
    sequence: int


@dataclass(frozen=True, slots=True)
class QuoteDataclass:
    """A quote as a frozen dataclass."""

    instrument_id: int
    bid_price: int
    bid_quantity: int
    ask_price: int
    ask_quantity: int
    update_id: int
    event_at: int
    received_at: int
    published_at: int
    sequence: int


QuoteTracked = msgspec.defstruct("QuoteTracked", Quote.__struct_fields__)


def payloads(slots: bytes) -> list[bytes]:
    """Return the bare payloads of whole slots, as a peer would hand them over."""
    if len(slots) == SLOT_BYTES:
        return [slots[CHECK_BYTES:-SEQUENCE_BYTES]]
    return [payload for (payload,) in _SLOT.iter_unpack(slots)]


def read_all(handle: RingHandle, reader: int, count: int, done: Connection, spins: int) -> None:
    """Read `count` records, then tell when the last one was there and how many were missed."""
    ring = RingSubscriber(handle.reader_end(reader), reader, "cursor", payloads)
    done.send(0)
    while ring.sequence < count:
        if ring.drain():
            ring.commit()
        else:
            ring.park(spins=spins)
    done.send((time.monotonic_ns(), ring.missed))


@contextmanager
def ring_readers(spec: RingSpec, *, spins: int) -> Iterator[tuple[RingPublisher, list[Connection]]]:
    """Yield a publisher, and connections to processes that are ready to read all its records."""
    handle = create_ring(spec)
    publisher = RingPublisher(handle.writer_end(), epoch=1)
    ends: list[Connection] = []
    children = []
    for reader in range(spec.readers):
        ours, theirs = _FORK.Pipe()
        child = _FORK.Process(target=read_all, args=(handle, reader, RING_RECORDS, theirs, spins))
        child.start()
        children.append(child)
        ends.append(ours)
    for end in ends:
        end.recv()
    yield publisher, ends
    for child in children:
        child.join()
    publisher.close()
    close_ring(handle)


def ring_rate(*, burst: bool = False, checksum: bool = False) -> float:
    """Return records/s from the first publish to the last read, none of them lost."""
    spec = RingSpec("bench", RING_SLOTS, SLOT_BYTES, "refuse", 1, checksum)
    with ring_readers(spec, spins=0) as (publisher, (done,)):
        start = time.monotonic_ns()
        publish_all(publisher, burst=burst)
        end, missed = done.recv()
    assert missed == 0, "a refusing ring loses nothing"
    return RING_RECORDS / float(end - start) * 1e9


def publish_all(publisher: RingPublisher, *, burst: bool) -> None:
    """Publish every record of a run, one by one or in bursts, whenever there is room."""
    batch = [_PAYLOAD] * BURST
    while publisher.cursor < RING_RECORDS:
        publish = publisher.publish  # an exception renews it
        try:
            if burst:
                for _ in range((RING_RECORDS - publisher.cursor) // BURST):
                    publisher.publish_burst(batch)
            for _ in range(RING_RECORDS - publisher.cursor):
                publish(_PAYLOAD)
        except RingFull:
            os.sched_yield()


def producer_cpu(readers: int, *, spins: int) -> float:
    """Return the producer's CPU per record, published one by one, in nanoseconds.

    Readers that spin stay awake, so that the figure is what they cost by being there. Those that
    park add a wake-up each time they have caught up, which depends on the machine's cores.
    """
    spec = RingSpec("bench", LONG_RING_SLOTS, SLOT_BYTES, "overwrite", readers, checksum=False)
    with ring_readers(spec, spins=spins) as (publisher, ends):
        start = time.process_time_ns()
        publish_all(publisher, burst=False)
        spent = time.process_time_ns() - start
        for end in ends:
            end.recv()
    return spent / RING_RECORDS


def pipe_rate() -> float:
    """Return records/s of `multiprocessing.Pipe`."""
    reading, writing = _FORK.Pipe(duplex=False)
    return _peer_rate(reading.recv_bytes, writing.send_bytes)


def queue_rate() -> float:
    """Return records/s of `multiprocessing.Queue`."""
    queue = _FORK.Queue()
    rate = _peer_rate(queue.get, queue.put)
    queue.close()
    queue.join_thread()  # its thread must be gone before the next case forks
    return rate


def _peer_rate(take: Callable[[], bytes], give: Callable[[bytes], None]) -> float:
    def read() -> None:
        done_here.send(0)
        for _ in range(PEER_RECORDS):
            take()
        done_here.send(time.monotonic_ns())

    done, done_here = _FORK.Pipe()
    child = _FORK.Process(target=read)
    child.start()
    done.recv()
    start = time.monotonic_ns()
    for _ in range(PEER_RECORDS):
        give(_PAYLOAD)
    end = done.recv()
    child.join()
    return float(PEER_RECORDS / (end - start) * 1e9)


def ring_latency() -> float:
    """Return the p50 from publish to read for a reader that sleeps, in microseconds."""
    handle = create_ring(
        RingSpec("ping", RING_SLOTS, SLOT_BYTES, "overwrite", readers=1, checksum=False)
    )
    publisher = RingPublisher(handle.writer_end(), epoch=1)

    def take_pings() -> Iterator[bytes]:
        ring = RingSubscriber(handle.reader_end(0), 0, "cursor", payloads)
        while True:
            yield from ring.drain()
            ring.park()

    latency = _latency(take_pings, publisher.publish)
    publisher.close()
    close_ring(handle)
    return latency


def pipe_latency() -> float:
    """Return the p50 from send to receive for a reader that sleeps, in microseconds."""
    reading, writing = _FORK.Pipe(duplex=False)
    return _latency(lambda: iter(reading.recv_bytes, b""), writing.send_bytes)


def _latency(take: Callable[[], Iterator[bytes]], give: Callable[[bytes], object]) -> float:
    def read() -> None:
        done_here.send(0)
        delays = []
        for payload in take():
            delays.append(time.monotonic_ns() - _STAMP.unpack_from(payload)[0])
            if len(delays) == PINGS:
                break
        done_here.send(sorted(delays)[PINGS // 2])

    done, done_here = _FORK.Pipe()
    child = _FORK.Process(target=read)
    child.start()
    done.recv()
    padding = bytes(PAYLOAD_BYTES - _STAMP.size)
    for _ in range(PINGS):
        time.sleep(PING_PERIOD_S)
        give(_STAMP.pack(time.monotonic_ns()) + padding)
    median = done.recv()
    child.join()
    return float(median / 1e3)


def build_cost(build: Callable[..., object]) -> Callable[[], float]:
    """Return a case: nanoseconds to build one quote out of an unpacked tuple."""
    price = 60_000 * 10**8
    fields = (1, price, 10**8, price + 1, 10**8, 7, price, price, price, 9)

    def run() -> float:
        rows = [fields] * BUILDS
        start = time.process_time_ns()
        built = list(starmap(build, rows))
        spent = time.process_time_ns() - start
        del built
        return spent / BUILDS

    return run


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether the targets are met."""
    form = BenchForm("Rings against multiprocessing.Queue and Pipe.")
    form.parse(argv)
    rates = form.run_rounds(
        {
            "ring, one by one": ring_rate,
            "ring, bursts": lambda: ring_rate(burst=True),
            "ring, one by one, checksum": lambda: ring_rate(checksum=True),
            "multiprocessing.Pipe": pipe_rate,
            "multiprocessing.Queue": queue_rate,
        },
        "records/s",
    )
    latencies = form.run_rounds({"ring, parked": ring_latency, "Pipe, blocked": pipe_latency}, "us")
    cpu = form.run_rounds(
        {
            "producer CPU, 1 reader": lambda: producer_cpu(1, spins=SPINS),
            "producer CPU, 4 readers": lambda: producer_cpu(MANY_READERS, spins=SPINS),
            "producer CPU, 1 reader that parks": lambda: producer_cpu(1, spins=0),
            "producer CPU, 4 readers that park": lambda: producer_cpu(MANY_READERS, spins=0),
        },
        "ns/record",
    )
    form.run_rounds(
        {
            "quote as Struct(gc=False)": build_cost(Quote),
            "quote as Struct": build_cost(QuoteTracked),
            "quote as NamedTuple": build_cost(QuoteTuple),
            "quote as frozen dataclass": build_cost(QuoteDataclass),
        },
        "ns",
    )
    ring = rates["ring, one by one"]
    pipe = rates["multiprocessing.Pipe"]
    form.at_least("ring / Queue", ring.per(rates["multiprocessing.Queue"]), 20)
    form.at_least("ring / Pipe", ring.per(pipe), 7)
    form.at_least("ring in bursts / Pipe", rates["ring, bursts"].per(pipe), 10)
    form.at_least("ring with checksum / plain", rates["ring, one by one, checksum"].per(ring), 0.45)
    form.at_most(
        "parked latency / Pipe", latencies["ring, parked"].per(latencies["Pipe, blocked"]), 1.1
    )
    form.at_most(
        "producer CPU, 4 readers / 1",
        cpu["producer CPU, 4 readers"].per(cpu["producer CPU, 1 reader"]),
        1.3,
    )
    return form.finish()


if __name__ == "__main__":
    sys.exit(main())
