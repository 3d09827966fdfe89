"""The processes that `kill_links.py` kills: writers and readers of a ring and of a table.

Every record shows its own sequence in every word, so that a reader knows by itself what is right.
A reader writes each batch to a log that survives it, before it commits. SIGTERM ends a process in
order: a reader first reads what is left. Exit code 3: something was read that must never be.
"""

import contextlib
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Callable
from typing import Final, NoReturn

import msgspec

from genesis.domain.market import Quote
from genesis.errors import RingFull
from genesis.ipc.links import (
    RING_KIND,
    RingHandle,
    RingPublisher,
    RingSubscriber,
    ring_layout,
)
from genesis.ipc.ring import CURSOR, SLOT_OVERHEAD_BYTES
from genesis.ipc.segment import Segment
from genesis.ipc.tables import QuoteTable

EXIT_VIOLATED: Final = 3
PAYLOAD_WORDS: Final = 8
PAYLOAD_BYTES: Final = 8 * PAYLOAD_WORDS
SLOT_BYTES: Final = PAYLOAD_BYTES + SLOT_OVERHEAD_BYTES
BURST_MAX: Final = 16
TABLE_ROWS: Final = 2
LOG_ENTRY: Final = struct.Struct("<qqq")  # first and last sequence of a move, missed among them

_SLOT: Final = struct.Struct(f"<8x{PAYLOAD_BYTES}sQ")
_ROOM_WAIT_S: Final = 0.0002


class VictimSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What one process does, on which descriptors. -1: not used in its role."""

    role: str
    seed: int
    epoch: int = 0
    ring: RingHandle | None = None
    reader: int = 0
    log_fd: int = -1
    table_fd: int = -1


class _Stop:
    """Whether SIGTERM has come."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True


def publish(spec: VictimSpec, stop: _Stop) -> None:
    """Publish as fast as possible, one by one and in bursts, waiting where the ring refuses."""
    assert spec.ring is not None
    ring = RingPublisher(spec.ring, spec.epoch)
    _say_ready()
    chance = random.Random(spec.seed)  # noqa: S311 - repeatable, not secret
    while not stop.asked:
        first = ring.cursor + 1
        burst = [_payload(first + step) for step in range(chance.randint(1, BURST_MAX))]
        try:
            if len(burst) == 1:
                ring.publish(burst[0])
            else:
                ring.publish_burst(burst)
        except RingFull:
            time.sleep(_ROOM_WAIT_S)


def publish_early(spec: VictimSpec, stop: _Stop) -> None:
    """Publish wrongly, the cursor before the record: the readers must find it out."""
    assert spec.ring is not None
    segment = Segment.attach(
        spec.ring.ring_fd, RING_KIND, ring_layout(spec.ring.spec), writable=True
    )
    header = memoryview(segment.memory).cast("Q")
    ring = RingPublisher(spec.ring, spec.epoch)
    _say_ready()
    while not stop.asked:
        header[CURSOR] = ring.cursor + 1
        with contextlib.suppress(RingFull):
            ring.publish(_payload(ring.cursor + 1))


def read(spec: VictimSpec, stop: _Stop) -> None:
    """Read, check and log every batch, then commit it; the effect comes before the cursor."""
    assert spec.ring is not None
    ring = RingSubscriber(spec.ring, spec.reader, "cursor", _records)
    _say_ready()
    while True:
        before, missed = ring.sequence, ring.missed
        batch = ring.drain()
        moved = ring.sequence - before
        if not moved:
            if stop.asked:
                break
            ring.park()
            continue
        _demand(len(batch) + ring.missed - missed == moved, "a gap is not counted")
        _demand(
            ring.torn + ring.bad_checksum + ring.stale_epoch + ring.foreign == 0,
            "a record is wrong",
        )
        for payload, sequence in batch:
            _demand(before < sequence <= ring.sequence, "records are out of order")
            _demand(payload == _payload(sequence), "a record is torn")
            before = sequence
        entry = LOG_ENTRY.pack(ring.sequence - moved + 1, ring.sequence, ring.missed - missed)
        os.write(spec.log_fd, entry)
        ring.commit()


def write_table(spec: VictimSpec, stop: _Stop) -> None:
    """Rewrite the rows of a table as fast as possible, each time with the next number."""
    table = QuoteTable.attach(spec.table_fd, writable=True)
    number = TABLE_ROWS * max(table.version(row) for row in range(TABLE_ROWS))
    _say_ready()
    while not stop.asked:
        number += 1
        table.put(Quote(number % TABLE_ROWS, *[number] * 9))


def read_table(spec: VictimSpec, stop: _Stop) -> None:
    """Read the rows of a table for ever: each is whole, and none ever goes back."""
    table = QuoteTable.attach(spec.table_fd)
    latest = [0] * TABLE_ROWS
    _say_ready()
    while not stop.asked:
        for row in range(TABLE_ROWS):
            quote = table.get(row)
            if quote is None:
                _demand(latest[row] == 0, "a row was lost")
                continue
            number = quote.sequence
            _demand(quote == Quote(row, *[number] * 9), "a row is torn")
            _demand(number >= latest[row] or table.torn > 0, "a row went back")
            latest[row] = number


ROLES: Final[dict[str, Callable[[VictimSpec, _Stop], None]]] = {
    "publish": publish,
    "publish_early": publish_early,
    "read": read,
    "write_table": write_table,
    "read_table": read_table,
}


def _say_ready() -> None:
    print("ready", flush=True)


def _payload(sequence: int) -> bytes:
    return sequence.to_bytes(8, "little") * PAYLOAD_WORDS


def _records(slots: bytes) -> list[tuple[bytes, int]]:
    return list(_SLOT.iter_unpack(slots))


def _demand(holds: bool, violation: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not holds:
        _fail(violation)


def _fail(violation: str) -> NoReturn:
    print(violation, file=sys.stderr)
    sys.exit(EXIT_VIOLATED)


def main() -> None:
    """Play the role that the one argument, a VictimSpec in JSON, names."""
    spec = msgspec.json.decode(sys.argv[1], type=VictimSpec)
    ROLES[spec.role](spec, _Stop())


if __name__ == "__main__":
    main()
