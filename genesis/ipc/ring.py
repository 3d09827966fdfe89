"""A single-writer ring over shared memory: its shape, and why its readers are right. Pure.

`genesis.ipc.ring_writer` publishes, `genesis.ipc.ring_reader` drains.

Memory of a ring: a header of `HEADER_BYTES`, then `slots` slots of `slot_bytes`. A slot holds a
check word (CRC32 in the low half, writer's epoch in the high half; unused on a ring without
checksum), the payload, and its sequence as the last word. Sequences count from 1; sequence `s`
lives in slot `s % slots`. Each reader has a control page of its own with its cursor, which no other
reader can write. Every word in shared memory has one writer.

How the order of stores keeps readers right (x86-64 keeps the order of stores and of loads):

* Payload, then the slot's sequence, then the ring's cursor. A reader never looks beyond the
  cursor, so a writer that dies in mid-record leaves nothing that can be seen; its successor resumes
  behind the published cursor and overwrites it.
* An overwriting writer stores `CLAIMED` before it touches a slot: every sequence whose bytes may
  have changed is `<= CLAIMED`. Sequence `s` is overwritten only by `s + slots` and later. A reader
  copies first and loads `CLAIMED` afterwards. If its copy holds one byte of `s + slots`, then the
  store of a claim `>= s + slots` came before that byte, and is seen by the later load: so
  `s > CLAIMED - slots` proves that the copy is whole. `CLAIMED` never moves back, also not for a
  successor, so a burst half-written by a dead writer stays accounted for.
* A refusing writer never stores beyond `gate + slots`, where the gate is the lowest reader's
  cursor, so nothing that is still needed is touched.

Elsewhere than on x86-64 a reordered store shows as a wrong sequence (or CRC): the slot is copied
again a bounded number of times, then counted as torn and left out.

A reader that goes to sleep counts its ticket up, 16 bits in the ring's bell page. The writer,
behind every publication, compares the page with what it last saw, and wakes whoever has a new
ticket: once per sleep. The tickets lie together because one load then serves four readers, where a
flag in each control page cost 30 ns a reader for every record. Nothing but a wake-up rests on them,
and that is bounded by PARK_MS_MAX in any case, for Python has no store-load fence.

The CRC covers epoch, sequence and payload: it is that of the payload, begun with the CRC of the
epoch exclusive-or the sequence's low half. To begin with a value is to put four more bytes in
front, so each of their bits counts, at half the cost of a second call.

Words are stored only through `memoryview.cast("Q")[i] = v` (tickets: "H"), one aligned store;
`struct.pack_into` would let a reader see zero in between.
"""

import mmap
import zlib
from typing import Final, Literal, TypeAlias

import msgspec

from genesis.limits import RING_BLOCK_SLOTS, RING_READERS_MAX

Memory: TypeAlias = mmap.mmap | bytearray
"""What a ring lies in. Slicing either copies whole ranges without an intermediate view."""

Start: TypeAlias = Literal["cursor", "latest", "oldest"]
"""Where a reader begins: behind its own committed cursor, at the next record, or at the oldest."""

WORD_BYTES: Final = 8
CHECK_BYTES: Final = 8  # before the payload of a slot
SEQUENCE_BYTES: Final = 8  # behind the payload of a slot
SLOT_OVERHEAD_BYTES: Final = CHECK_BYTES + SEQUENCE_BYTES

# Words of a ring's header. The cursor has a cache line of its own: all readers poll it.
CURSOR: Final = 0
CLAIMED: Final = 8
EPOCH: Final = 16
EPOCH_START: Final = 17
HEADER_BYTES: Final = 4096  # a memory page, so that blocks of slots can be mapped one by one

# Words of a reader's control page.
READER_CURSOR: Final = 0
READER_PAGE_BYTES: Final = 4096

# The bell page: 16 bits per reader, its ticket, counted up each time it goes to sleep.
BELL_BYTES: Final = 4096
TICKET_BYTES: Final = 2
TICKET_MASK: Final = (1 << 16) - 1
TICKETS_PER_WORD: Final = WORD_BYTES // TICKET_BYTES

CRC_BYTES: Final = 4


def epoch_seed(epoch: int) -> int:
    """Return what the CRC of every slot of an epoch begins with, but for the sequence.

    `crc32` takes the low 32 bits of what it begins with.
    """
    return zlib.crc32(epoch.to_bytes(CRC_BYTES, "little"))


class RingSpec(msgspec.Struct, frozen=True):
    """Shape and rules of one ring.

    `policy` says what a full ring does: "overwrite" takes the oldest record from readers that are a
    whole ring behind, "refuse" raises `RingFull` to the writer. `checksum` adds a CRC32 over
    epoch, payload and sequence to every record.
    """

    name: str
    slots: int
    slot_bytes: int
    policy: Literal["overwrite", "refuse"]
    readers: int
    checksum: bool

    def __post_init__(self) -> None:
        if self.slots < 2 or self.slots & (self.slots - 1):  # noqa: PLR2004
            raise ValueError(f"ring {self.name}: {self.slots} slots are not a power of two")
        if self.slot_bytes % WORD_BYTES or self.slot_bytes <= SLOT_OVERHEAD_BYTES:
            raise ValueError(f"ring {self.name}: {self.slot_bytes} bytes cannot be a slot")
        if not 1 <= self.readers <= RING_READERS_MAX:
            raise ValueError(f"ring {self.name}: {self.readers} readers are too few or too many")

    @property
    def payload_bytes(self) -> int:
        """Return the exact length of every payload."""
        return self.slot_bytes - SLOT_OVERHEAD_BYTES

    @property
    def block_slots(self) -> int:
        """Return how many slots the writer prepares at a time."""
        return min(self.slots, RING_BLOCK_SLOTS)

    @property
    def memory_bytes(self) -> int:
        """Return the bytes the ring needs, header included."""
        return HEADER_BYTES + self.slots * self.slot_bytes
