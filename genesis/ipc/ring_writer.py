"""The writing side of a ring: claim or gate, publish one or a burst, wake who sleeps. Pure."""

import mmap
from collections.abc import Callable, Sequence
from typing import TypeAlias
from zlib import crc32

from genesis.errors import RingFull
from genesis.ipc.ring import (
    CHECK_BYTES,
    CLAIMED,
    CURSOR,
    EPOCH,
    EPOCH_START,
    READER_CURSOR,
    TICKETS_PER_WORD,
    WORD_BYTES,
    Memory,
    RingSpec,
    epoch_seed,
)
from genesis.limits import CLAIM_SLOTS

_NEVER: int = -1  # no four tickets look like this: every publication looks at all of them


Block: TypeAlias = mmap.mmap | memoryview
"""Some slots, mapped by themselves: a map takes a slice of bytes faster than a view of one does."""

_Hot: TypeAlias = tuple[
    int,  # limit: the last sequence that may be written and lies in this block
    int,  # mask: finds a sequence's slot in its block
    Block,  # block: bytes of the block
    memoryview,  # words: the same as words
    Sequence[
        tuple[slice, int, int]
    ],  # spots: payload in the bytes, sequence and check in the words
    memoryview,  # header: words of the ring's header
    memoryview,  # bells: words of the bell page
    int,  # bell: the first four tickets, as last seen
]
"""What one publication needs, unpacked in one go: half the cost of as many attributes.

A plain tuple, for only that is unpacked fast. The ring is written block by block. The spots are the
same in every block, so they are made once; a slice made anew for each record costs as much as the
copy.
"""


class RingWriter:
    """The one writer of a ring.

    A successor resumes behind the last published record with a new `epoch`, which it marks in the
    header together with the first sequence it will publish.
    """

    __slots__ = (
        "_bell",
        "_bells",
        "_blocks",
        "_cursor",
        "_epoch_high",
        "_free",
        "_header",
        "_hot",
        "_page_words",
        "_rung",
        "_seed",
        "_spots",
        "_tickets",
        "_wake_readers",
        "epoch",
        "spec",
    )

    def __init__(
        self,
        header: Memory,
        blocks: Sequence[Block],
        pages: Sequence[Memory],
        bells: Memory,
        spec: RingSpec,
        *,
        epoch: int,
        wake_readers: Sequence[Callable[[], object]],
    ) -> None:
        """Take over the ring whose slots lie in `blocks`, of `spec.block_slots` each.

        `pages` are the readers' control pages, in order. A reader's member of `wake_readers` is
        called, once per sleep, when there is something to read.
        """
        assert len(blocks) * spec.block_slots == spec.slots, "the blocks are the ring"
        assert len(pages) == len(wake_readers) == spec.readers, "every reader has its own"
        assert 0 < epoch < 1 << 32, "a slot keeps 32 bits of the epoch"
        self.spec = spec
        self.epoch = epoch
        self._header = memoryview(header).cast("Q")
        self._blocks = tuple(blocks)
        self._page_words = tuple(memoryview(page).cast("Q") for page in pages)
        self._bells = memoryview(bells).cast("Q")
        self._bell = _NEVER
        self._tickets = memoryview(bells).cast("H")[: spec.readers]
        self._rung: list[int] = [0] * spec.readers
        self._wake_readers = tuple(wake_readers)
        self._seed = epoch_seed(epoch) if spec.checksum else None
        self._epoch_high = epoch << 32
        starts = range(CHECK_BYTES, spec.block_slots * spec.slot_bytes, spec.slot_bytes)
        self._spots = [
            (
                slice(start, start + spec.payload_bytes),
                (start + spec.payload_bytes) // WORD_BYTES,
                (start - CHECK_BYTES) // WORD_BYTES,
            )
            for start in starts
        ]
        self._cursor = self._header[CURSOR]
        self._free = self._cursor  # the last sequence that may be written
        self._hot = self._hot_of(0, self._blocks[0])
        self._header[EPOCH_START] = self._cursor + 1
        self._header[EPOCH] = epoch

    @property
    def cursor(self) -> int:
        """Return the highest published sequence; 0 if nothing was ever published."""
        return self._cursor

    def publish(self, payload: bytes) -> int:
        """Publish one payload and return its sequence. Readers that sleep are woken.

        Raises:
            RingFull: The slowest reader of a refusing ring is a whole ring behind. Nothing was
                published, and nothing is queued.
            ValueError: The payload has not exactly `spec.payload_bytes`.
        """
        limit, mask, block, words, spots, header, bells, bell = self._hot
        sequence = self._cursor + 1
        if sequence > limit:
            self._free_up_to(sequence)
            self._enter_block(sequence)
            return self.publish(payload)
        span, place, check = spots[sequence & mask]
        if self._seed is not None:
            words[check] = self._epoch_high | crc32(payload, self._seed ^ sequence)
        try:
            block[span] = payload
        except (IndexError, ValueError) as error:  # a map says it so, or a view
            raise ValueError(f"{len(payload)} bytes are no payload of this ring") from error
        words[place] = sequence
        header[CURSOR] = self._cursor = sequence
        if bells[0] != bell:
            self.wake()
        return sequence

    def publish_burst(self, payloads: Sequence[bytes]) -> int:
        """Publish several payloads, made visible and woken for once; return the last sequence.

        Raises:
            RingFull: A refusing ring cannot take them all. None was published.
            ValueError: A payload has not exactly `spec.payload_bytes`, or there are more payloads
                than slots. None was published.
        """
        count = len(payloads)
        if count > self.spec.slots:
            raise ValueError(f"a burst of {count} laps a ring of {self.spec.slots}")
        self._free_up_to(self._cursor + count)
        written = 0
        try:
            while written < count:
                written += self._write_in_block(self._cursor + written + 1, payloads, written)
        except (IndexError, ValueError) as error:
            self._leave_block()
            raise ValueError("a payload of the burst has another length") from error
        self._header[CURSOR] = self._cursor = self._cursor + count
        self.wake()
        return self._cursor

    def wake(self) -> None:
        """Wake every reader that fell asleep since it was last woken. Publishing does it itself."""
        # The word first: a ticket that changes between the two loads is seen again next time.
        bell = self._bells[0]
        tickets = self._tickets.tolist()
        rung, self._rung = self._rung, tickets
        for ticket, seen, wake_reader in zip(tickets, rung, self._wake_readers, strict=True):
            if ticket != seen:
                wake_reader()
        if bell != self._bell and len(tickets) <= TICKETS_PER_WORD:
            self._bell = bell
            self._hot = (*self._hot[:-1], bell)

    def release(self) -> None:
        """Let go of the memory, so that it can be unmapped."""
        views = [block for block in self._blocks if isinstance(block, memoryview)]
        words = (self._hot[3], *self._page_words, self._tickets, self._bells, self._header)
        for view in (*words, *views):
            view.release()

    def _write_in_block(self, first: int, payloads: Sequence[bytes], start: int) -> int:
        """Write payloads from `start` on into the block of `first`; return how many fitted."""
        if first > self._hot[0]:
            self._enter_block(first)
        limit, mask, block, words, spots, *_ = self._hot
        count = min(len(payloads) - start, limit - first + 1)
        slot = first & mask
        fitting = zip(payloads[start : start + count], spots[slot : slot + count], strict=True)
        seed, sequence = self._seed, first
        for payload, (span, place, check) in fitting:
            if seed is not None:
                words[check] = self._epoch_high | crc32(payload, seed ^ sequence)
            block[span] = payload
            words[place] = sequence
            sequence += 1
        return count

    def _enter_block(self, sequence: int) -> None:
        """Write into the block of `sequence` from now on."""
        slots = self.spec.block_slots
        block = self._blocks[(sequence & (self.spec.slots - 1)) // slots]
        limit = min(self._free, sequence | (slots - 1))
        self._hot = self._hot_of(limit, block)

    def _leave_block(self) -> None:
        """Let the next publication find its block anew."""
        self._hot = self._hot_of(0, self._blocks[0])

    def _hot_of(self, limit: int, block: Block) -> _Hot:
        words = memoryview(block).cast("Q")
        mask = self.spec.block_slots - 1
        return (limit, mask, block, words, self._spots, self._header, self._bells, self._bell)

    def _free_up_to(self, sequence: int) -> None:
        """Free slots through `sequence` at least: by claiming them, or by looking at the gate."""
        if sequence <= self._free:
            return
        if self.spec.policy == "overwrite":
            # A dead predecessor may have claimed, and spoiled, more than it published.
            stride = max(1, min(CLAIM_SLOTS, self.spec.slots // 8))
            ahead = sequence - sequence % stride + stride - 1
            self._header[CLAIMED] = self._free = max(self._header[CLAIMED], ahead)
            return
        gate = min(words[READER_CURSOR] for words in self._page_words)
        # A reader ahead of the writer is a damaged page: it must not let anything be overwritten.
        if gate <= self._cursor:
            self._free = gate + self.spec.slots
        if sequence > self._free:
            raise RingFull(f"ring {self.spec.name} is full: its reader stands at {gate}")
