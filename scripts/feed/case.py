"""What the receiving ends of `bench_feed.py` have in common: the meter, the ring, the command line.

`python -m MODULE CASE PORT MESSAGES SNAPSHOTS` connects, takes that many messages, and prints what
they cost as one JSON object. SNAPSHOTS is a file with one line per symbol, its name and a snapshot
of its book.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import uvloop

from genesis.data.frames import SnapshotPayload, decode_snapshot
from genesis.ipc.codec import MARKET_SLOT_BYTES
from genesis.ipc.links import RingHandle, create_ring
from genesis.ipc.ring import RingSpec
from genesis.units import NANOS_PER_SECOND, Nanos

RING_SLOTS: Final = 1 << 18
EVENT_AGE_MAX: Final[Nanos] = 1_000_000 * NANOS_PER_SECOND  # the tape's times are not checked here

Case = Callable[[str, "Meter"], Awaitable[None]]


class Meter:
    """Counts messages; notes what the process spent from the first to the last of them."""

    def __init__(self, messages: int) -> None:
        self.done = asyncio.Event()
        self.facts: dict[str, float] = {}
        self._left = messages
        self._messages = messages
        self._cpu_at_start = 0

    def take(self, count: int) -> None:
        """Count messages that were dealt with."""
        if not self._cpu_at_start:
            self._cpu_at_start = time.process_time_ns()
        self._left -= count
        if self._left <= 0 and not self.done.is_set():
            cpu = time.process_time_ns() - self._cpu_at_start
            self.facts["cpu_ns"] = cpu / self._messages
            self.facts["finished_at"] = time.monotonic_ns()
            self.done.set()


def read_snapshots(path: Path) -> dict[str, SnapshotPayload]:
    """Return each symbol's snapshot."""
    pairs = (line.split(b" ", 1) for line in path.read_bytes().splitlines())
    return {symbol.decode(): decode_snapshot(snapshot) for symbol, snapshot in pairs}


def market_ring() -> RingHandle:
    """Make a market ring with one reader, who sleeps through it all."""
    return create_ring(
        RingSpec("market", RING_SLOTS, MARKET_SLOT_BYTES, "overwrite", 1, checksum=False)
    )


def run_case(case: Case) -> None:
    """Run one case as the command line says, and print its facts."""
    _, _, port, messages, _ = sys.argv
    meter = Meter(int(messages))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(case(f"ws://127.0.0.1:{port}/stream", meter), timeout=120))
    print(json.dumps(meter.facts), flush=True)
