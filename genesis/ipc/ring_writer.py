"""The writing side of a ring: claim or gate, publish one or a burst, wake who sleeps. Pure."""

import mmap
from collections.abc import Callable, Generator, Sequence
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

_NO_TICKET: int = 0  # nobody slept yet: a successor wakes whoever did
_NEVER: int = -1  # no four tickets look like this: every publication looks at all of them


Block: TypeAlias = mmap.mmap | memoryview
"""Some slots, mapped by themselves: a map takes a slice of bytes faster than a view of one does."""

_Place: TypeAlias = tuple[int, Block, memoryview]
"""Where to write: the last sequence that may be, and the bytes and words of its block."""


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
        "_page_words",
        "_place",
        "_publications",
        "_rung",
        "_seed",
        "_spots",
        "_tickets",
        "_wake_readers",
        "epoch",
        "publish",
        "spec",
    )

    publish: Callable[[bytes], int]
    """Publish one payload and return its sequence. Readers that sleep are woken.

    It is the `send` of a generator, whose names are all local: a fifth less time for a record than
    a method. An exception renews it, so look it up for each call, or again behind one.

    Raises:
        RingFull: The slowest reader of a refusing ring is a whole ring behind. Nothing was
            published, and nothing is queued.
        ValueError: The payload has not exactly `spec.payload_bytes`.
    """

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
        self._bell = _NO_TICKET if spec.readers <= TICKETS_PER_WORD else _NEVER
        self._tickets = memoryview(bells).cast("H")[: spec.readers]
        self._rung: list[int] = [0] * spec.readers
        self._wake_readers = tuple(wake_readers)
        self._seed = epoch_seed(epoch) if spec.checksum else None
        self._epoch_high = epoch << 32
        starts = range(CHECK_BYTES, spec.block_slots * spec.slot_bytes, spec.slot_bytes)
        self._spots = [
            # Made once: a slice made anew for each record costs as much as the copy.
            (
                slice(start, start + spec.payload_bytes),
                (start + spec.payload_bytes) // WORD_BYTES,
                (start - CHECK_BYTES) // WORD_BYTES,
            )
            for start in starts
        ]
        self._cursor = self._header[CURSOR]
        self._free = self._cursor  # the last sequence that may be written
        self._place = self._place_in(self._blocks[0], 0)
        self._header[EPOCH_START] = self._cursor + 1
        self._header[EPOCH] = epoch
        self._renew_publish()

    @property
    def cursor(self) -> int:
        """Return the highest published sequence; 0 if nothing was ever published."""
        return self._cursor

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
        except (IndexError, ValueError) as error:  # a map says it so, or a view
            self._place = self._place_in(self._blocks[0], 0)  # it may have entered one too early
            raise ValueError("a payload of the burst has another length") from error
        self._header[CURSOR] = self._cursor = self._cursor + count
        self.wake()
        return self._cursor

    def wake(self) -> int:
        """Wake every reader that fell asleep since it was last woken. Publishing does it itself.

        Return the first four tickets as they were seen, or what no four tickets look like.
        """
        # The word first: a ticket that changes between the two loads is seen again next time.
        bell = self._bells[0]
        if len(self._wake_readers) == 1:
            if bell != self._bell:
                self._wake_readers[0]()
            self._bell = bell
            return bell
        tickets = self._tickets.tolist()
        for ticket, seen, wake_reader in zip(tickets, self._rung, self._wake_readers, strict=True):
            if ticket != seen:
                wake_reader()
        self._rung = tickets
        if len(tickets) <= TICKETS_PER_WORD:
            self._bell = bell
        return self._bell

    def release(self) -> None:
        """Let go of the memory, so that it can be unmapped."""
        self._publications.close()
        views = [block for block in self._blocks if isinstance(block, memoryview)]
        words = (self._place[2], *self._page_words, self._tickets, self._bells, self._header)
        for view in (*words, *views):
            view.release()

    def _renew_publish(self) -> None:
        self._publications = self._publish_each()
        next(self._publications)
        self.publish = self._publications.send

    def _publish_each(self) -> Generator[int, bytes, None]:
        """Take payload after payload, and give the sequence of each: what `publish` sends to."""
        header, bells, spots = self._header, self._bells, self._spots
        seed, epoch_high = self._seed, self._epoch_high
        mask = self.spec.block_slots - 1
        bell = self._bell
        limit, block, words = self._place
        sequence, payload = self._cursor, b""
        try:
            while True:
                payload = yield sequence
                sequence = self._cursor + 1  # a burst may have come in between
                if sequence > limit:
                    self._free_up_to(sequence)
                    limit, block, words = self._enter_block(sequence)
                span, last, check = spots[sequence & mask]
                if seed is not None:
                    words[check] = epoch_high | crc32(payload, seed ^ sequence)
                block[span] = payload
                words[last] = sequence
                header[CURSOR] = self._cursor = sequence
                if bells[0] != bell:
                    bell = self.wake()
        except RingFull:
            self._renew_publish()
            raise
        except (IndexError, ValueError) as error:  # a map says it so, or a view
            self._renew_publish()
            raise ValueError(f"{len(payload)} bytes are no payload of this ring") from error

    def _write_in_block(self, first: int, payloads: Sequence[bytes], start: int) -> int:
        """Write payloads from `start` on into the block of `first`; return how many fitted."""
        if first > self._place[0]:
            self._enter_block(first)
        limit, block, words = self._place
        count = min(len(payloads) - start, limit - first + 1)
        slot = first & (self.spec.block_slots - 1)
        spots = self._spots[slot : slot + count]
        seed, sequence = self._seed, first
        for payload, (span, last, check) in zip(
            payloads[start : start + count], spots, strict=True
        ):
            if seed is not None:
                words[check] = self._epoch_high | crc32(payload, seed ^ sequence)
            block[span] = payload
            words[last] = sequence
            sequence += 1
        return count

    def _enter_block(self, sequence: int) -> _Place:
        """Write into the block of `sequence` from now on."""
        slots = self.spec.block_slots
        block = self._blocks[(sequence & (self.spec.slots - 1)) // slots]
        self._place = self._place_in(block, min(self._free, sequence | (slots - 1)))
        return self._place

    def _place_in(self, block: Block, limit: int) -> _Place:
        return limit, block, memoryview(block).cast("Q")

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
