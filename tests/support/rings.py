"""Rings in plain memory, so that rules can be checked step by step and memory damaged at will."""

import struct
from collections.abc import Callable
from functools import partial

from genesis.ipc.ring import (
    BELL_BYTES,
    HEADER_BYTES,
    READER_PAGE_BYTES,
    SLOT_OVERHEAD_BYTES,
    RingSpec,
    Start,
)
from genesis.ipc.ring_reader import RingReader
from genesis.ipc.ring_writer import RingWriter

PAYLOAD_BYTES = 16
SLOT_BYTES = PAYLOAD_BYTES + SLOT_OVERHEAD_BYTES

_SLOT = struct.Struct(f"<8x{PAYLOAD_BYTES}sQ")

Record = tuple[bytes, int]


def payload(number: int) -> bytes:
    """Return a payload that shows its number in every byte pair, so that a torn one is seen."""
    return struct.pack("<H", number & 0xFFFF) * (PAYLOAD_BYTES // 2)


def records(slots: bytes) -> list[Record]:
    """Decode slots into (payload, sequence)."""
    return [(body, sequence) for body, sequence in _SLOT.iter_unpack(slots)]


def overwriting(slots: int = 8, readers: int = 1, *, checksum: bool = False) -> RingSpec:
    """Return the shape of a small overwriting ring."""
    return RingSpec("test", slots, SLOT_BYTES, "overwrite", readers, checksum)


def refusing(slots: int = 8, readers: int = 1, *, checksum: bool = True) -> RingSpec:
    """Return the shape of a small refusing ring."""
    return RingSpec("test", slots, SLOT_BYTES, "refuse", readers, checksum)


class Watched(bytearray):
    """Memory that runs `meanwhile` once, in the middle of the next copy taken out of it."""

    meanwhile: Callable[[], object] | None = None

    def __getitem__(self, key: slice) -> bytearray:  # type: ignore[override] # only slices are read
        copied = super().__getitem__(key)
        run, self.meanwhile = self.meanwhile, None
        if run is not None:
            run()
            half = len(copied) // 2
            copied = copied[:half] + super().__getitem__(key)[half:]
        return copied


class RingInMemory:
    """One ring's memory, with writers and readers that come and go. `woken` lists wake-ups."""

    def __init__(self, spec: RingSpec) -> None:
        self.spec = spec
        self.memory = Watched(spec.memory_bytes)
        self.pages = [bytearray(READER_PAGE_BYTES) for _ in range(spec.readers)]
        self.bells = bytearray(BELL_BYTES)
        self.words = memoryview(self.memory).cast("Q")
        self.woken: list[int] = []

    def writer(self, epoch: int = 1) -> RingWriter:
        """Start a writer, as a first one or as a successor."""
        size = self.spec.block_slots * SLOT_BYTES
        slots = memoryview(self.memory)[HEADER_BYTES:]
        return RingWriter(
            self.memory,
            [slots[at : at + size] for at in range(0, len(slots), size)],
            self.pages,
            self.bells,
            self.spec,
            epoch=epoch,
            wake_readers=[
                partial(self.woken.append, reader) for reader in range(self.spec.readers)
            ],
        )

    def reader(self, reader: int = 0, start: Start = "cursor") -> RingReader[Record]:
        """Start a reader, as a first one or as a successor."""
        bell = memoryview(self.bells).cast("H")[reader : reader + 1]
        return RingReader(
            self.memory, self.pages[reader], bell, self.spec, start=start, decode=records
        )

    def slot(self, sequence: int) -> memoryview:
        """Return the bytes of the slot a sequence lies in."""
        at = self.spec.memory_bytes - self.spec.slots * SLOT_BYTES
        at += sequence % self.spec.slots * SLOT_BYTES
        return memoryview(self.memory)[at : at + SLOT_BYTES]
