"""The reading side of a ring: drain in batches, count what is missing or wrong, commit. Pure."""

import struct
from collections.abc import Callable
from typing import Generic, TypeVar
from zlib import crc32

from genesis.ipc.ring import (
    CLAIMED,
    CURSOR,
    EPOCH,
    EPOCH_START,
    HEADER_BYTES,
    READER_CURSOR,
    SEQUENCE_BYTES,
    TICKET_MASK,
    WORD_BYTES,
    Memory,
    RingSpec,
    Start,
    epoch_seed,
)
from genesis.limits import DRAIN_SLOTS_MAX, READ_RETRIES_MAX

T = TypeVar("T")


class RingReader(Generic[T]):
    """One reader of a ring.

    `drain` moves only this object; `commit` moves the cursor that the writer of a refusing ring is
    gated by and that a successor of this reader starts behind.

    Counters, since construction: `missed` (records overwritten before they were read), `torn`
    (sequence wrong after all retries), `bad_checksum`, `stale_epoch` (by a writer that is not the
    ring's present one), `foreign` (left out by `decode`: unknown kind or version). No such record
    is ever delivered. `epoch` is the epoch of the writer whose records are being read, 0 before the
    first; when it changes, the writer has restarted: drop what was built from its earlier records
    and is not complete.
    """

    __slots__ = (
        "_bell",
        "_checksum",
        "_decode",
        "_last_word",
        "_mask",
        "_memory",
        "_next",
        "_overwrites",
        "_page_words",
        "_slot",
        "_slot_bytes",
        "_slot_words",
        "_slots",
        "_words",
        "bad_checksum",
        "epoch",
        "foreign",
        "missed",
        "spec",
        "stale_epoch",
        "torn",
    )

    def __init__(
        self,
        memory: Memory,
        page: Memory,
        bell: memoryview,
        spec: RingSpec,
        *,
        start: Start,
        decode: Callable[[bytes], list[T]],
    ) -> None:
        """Read the ring in `memory`, with this reader's own control page and ticket (`bell`).

        `decode` takes whole slots back to back (as `genesis.ipc.codec` defines them) and returns
        what they hold, in order, leaving out what it does not know.
        """
        assert len(memory) >= spec.memory_bytes, "the memory holds the ring"
        self.spec = spec
        self.epoch = 0
        self.missed = 0
        self.torn = 0
        self.bad_checksum = 0
        self.stale_epoch = 0
        self.foreign = 0
        self._decode = decode
        self._memory = memory
        self._words = memoryview(memory).cast("Q")
        self._page_words = memoryview(page).cast("Q")
        self._bell = bell
        self._slots = spec.slots
        self._mask = spec.slots - 1
        self._checksum = spec.checksum
        self._overwrites = spec.policy == "overwrite"
        self._slot_bytes = spec.slot_bytes
        self._slot_words = spec.slot_bytes // WORD_BYTES
        self._last_word = self._slot_words - 1
        self._slot = struct.Struct(f"<II{spec.payload_bytes}sQ")
        self._next = self._first_sequence(start)

    def drain(self, limit: int = DRAIN_SLOTS_MAX) -> list[T]:
        """Return the next records, at most `limit`, oldest first; [] when there are none now.

        An empty list with `missed` higher than before means that the writer lapped this reader: it
        goes on with the next record to be published. A batch never spans two epochs.
        """
        words = self._words
        first = self._next
        count = words[CURSOR] - first + 1
        if count <= 0:
            return []
        if count > self._slots:
            self._resolve_far_cursor()
            return []
        if words[EPOCH] != self.epoch:
            count = self._adopt_epoch(first, count)
        slot = first & self._mask
        if count > limit or count > self._slots - slot:
            count = min(limit, self._slots - slot)
        at = HEADER_BYTES + slot * self._slot_bytes
        behind = at + count * self._slot_bytes
        slots = bytes(self._memory[at:behind])  # a map gives bytes: no second copy
        if count == 1:
            right = words[(behind >> 3) - 1] == first
        else:
            sequences = words[(at >> 3) + self._last_word : behind >> 3 : self._slot_words]
            right = sequences.tolist() == list(range(first, first + count))
        if self._overwrites and first <= words[CLAIMED] - self._slots:
            self._skip_lapped()
            return []
        self._next = first + count
        if not right or (self._checksum and not self._checks_hold(slots, first)):
            slots = self._sift(first, count)
            count = len(slots) // self._slot_bytes
        records = self._decode(slots)
        if len(records) != count:
            self.foreign += count - len(records)
        return records

    @property
    def sequence(self) -> int:
        """Return the highest sequence drained or skipped; the next record has the one after."""
        return self._next - 1

    @property
    def committed(self) -> int:
        """Return the cursor last committed, by this reader or a predecessor."""
        return self._page_words[READER_CURSOR]

    @property
    def lag(self) -> int:
        """Return how many published records this reader has not drained."""
        return max(0, self._words[CURSOR] - self._next + 1)

    def seek(self, sequence: int) -> None:
        """Go on behind `sequence`, as a snapshot recorded it. What is gone by now is missed."""
        assert sequence >= 0, "sequences count from 1"
        self._next = sequence + 1

    def commit(self, sequence: int | None = None) -> None:
        """Say that everything up to `sequence` (None: all that was drained) has had its effect.

        The writer may reuse its slots, and a successor of this reader starts behind it.
        """
        committed = self._next - 1 if sequence is None else sequence
        assert committed < self._next, "only what was drained can have had its effect"
        self._page_words[READER_CURSOR] = max(self._page_words[READER_CURSOR], committed)

    def prepare_park(self) -> bool:
        """Announce sleep. False: data came meanwhile, do not sleep, drain again.

        After True, wait for the wake-up for at most PARK_MS_MAX. The bound matters: there is no
        store-load fence, so a wake-up can (rarely) be missed. Nothing needs to be done on waking.
        """
        self._bell[0] = self._bell[0] + 1 & TICKET_MASK
        return self._words[CURSOR] < self._next

    def release(self) -> None:
        """Let go of the memory, so that it can be unmapped."""
        self._words.release()
        self._page_words.release()
        self._bell.release()

    def _first_sequence(self, start: Start) -> int:
        if start == "cursor":
            return self._page_words[READER_CURSOR] + 1
        if not self._overwrites:
            raise ValueError(
                f"nothing of ring {self.spec.name} may be skipped: start at the cursor"
            )
        if start == "latest":
            return self._words[CURSOR] + 1
        return max(1, self._words[CLAIMED] - self._slots + 1)

    def _adopt_epoch(self, first: int, count: int) -> int:
        """Follow the writer into its epoch, or cut the batch where that epoch starts."""
        epoch = self._words[EPOCH]
        before = self._words[EPOCH_START] - first
        if before > 0:
            return min(count, before)
        self.epoch = epoch
        return count

    def _resolve_far_cursor(self) -> None:
        """Deal with a cursor more than a ring ahead: this reader was lapped, or it is damaged.

        A damaged cursor is not followed; the writer repairs it with its next record.
        """
        if self._overwrites and self._words[CURSOR] <= self._words[CLAIMED]:
            self._skip_lapped()
        else:
            self.torn += 1

    def _skip_lapped(self) -> None:
        """Give up everything published so far, counted, and go on with what comes next."""
        cursor = self._words[CURSOR]
        self.missed += cursor + 1 - self._next
        self._next = cursor + 1

    def _checks_hold(self, slots: bytes, first: int) -> bool:
        """Tell whether every slot of a batch has its CRC and an epoch that may stand there."""
        present = self._words[EPOCH]
        if first < self._words[EPOCH_START]:
            return all(
                epoch != present and crc32(payload, epoch_seed(epoch) ^ sequence) == check
                for check, epoch, payload, sequence in self._slot.iter_unpack(slots)
            )
        seed = epoch_seed(present)
        for check, epoch, payload, sequence in self._slot.iter_unpack(slots):
            if crc32(payload, seed ^ sequence) != check or epoch != present:
                return False
        return True

    def _sift(self, first: int, count: int) -> bytes:
        """Copy a batch again, slot by slot, and return the slots that are right."""
        right = (self._slot_again(sequence) for sequence in range(first, first + count))
        return b"".join(slot for slot in right if slot is not None)

    def _slot_again(self, sequence: int) -> bytes | None:
        """Copy one slot until it is right, a bounded number of times, else count what is wrong."""
        at = HEADER_BYTES + (sequence & self._mask) * self._slot_bytes
        slot = b""
        for _ in range(READ_RETRIES_MAX):
            slot = bytes(self._memory[at : at + self._slot_bytes])
            if self._overwrites and sequence <= self._words[CLAIMED] - self._slots:
                self.missed += 1
                return None
            if self._is_right(slot, sequence):
                return slot
        self._count_wrong(slot, sequence)
        return None

    def _is_right(self, slot: bytes, sequence: int) -> bool:
        said = int.from_bytes(slot[-SEQUENCE_BYTES:], "little")
        return said == sequence and (not self._checksum or self._checks_hold(slot, sequence))

    def _count_wrong(self, slot: bytes, sequence: int) -> None:
        check, epoch, payload, said = self._slot.unpack(slot)
        if said != sequence:
            self.torn += 1
        elif crc32(payload, epoch_seed(epoch) ^ sequence) != check:
            self.bad_checksum += 1
        else:
            self.stale_epoch += 1
