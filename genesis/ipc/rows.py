"""Latest-value rows in shared memory: two copies each, so that neither side ever waits. Pure.

A row is a head word (the version of its newest copy, from 1) and two copies; version `v` lies in
copy `v % 2`. A copy is a check word (CRC32 over version and body), the body and, last, its
version. The writer fills the older copy, stores its version, then the head word. So a writer that
dies in mid-row has only spoiled the copy that is not the newest, and a reader is disturbed only
by a writer that comes round twice while it copies: version and CRC tell, and it tries again, a
bounded number of times.
"""

import mmap
import zlib
from typing import Final, TypeAlias

from genesis.limits import READ_RETRIES_MAX

Memory: TypeAlias = mmap.mmap | bytearray

WORD_BYTES: Final = 8
_COPY_OVERHEAD_BYTES: Final = 2 * WORD_BYTES


class CheckedRows:
    """Rows of one body length over `memory`, for the one writer or for a reader.

    `torn` counts reads that did not find the newest copy whole: the row is damaged, or its writer
    was faster than all retries.
    """

    __slots__ = ("_body_bytes", "_copy_bytes", "_memory", "_row_bytes", "_words", "rows", "torn")

    def __init__(self, memory: Memory, rows: int, body_bytes: int) -> None:
        assert body_bytes % WORD_BYTES == 0, "words stay aligned"
        assert rows * row_bytes(body_bytes) <= len(memory), "the memory holds all rows"
        self._memory = memory
        self._words = memoryview(memory).cast("Q")
        self._body_bytes = body_bytes
        self._copy_bytes = body_bytes + _COPY_OVERHEAD_BYTES
        self._row_bytes = row_bytes(body_bytes)
        self.rows = rows
        self.torn = 0

    def write(self, row: int, body: bytes) -> None:
        """Make `body` the newest of its row. A successor of a dead writer just goes on."""
        if not 0 <= row < self.rows:
            raise IndexError(f"there is no row {row} of {self.rows}")
        if len(body) != self._body_bytes:
            raise ValueError(f"{len(body)} bytes are no body of {self._body_bytes}")
        words = self._words
        base = row * self._row_bytes
        version = words[base >> 3] + 1
        at = base + WORD_BYTES + (version & 1) * self._copy_bytes
        behind = at + WORD_BYTES + self._body_bytes
        check = zlib.crc32(version.to_bytes(WORD_BYTES, "little"), zlib.crc32(body))
        words[behind >> 3] = 0
        words[at >> 3] = check
        self._memory[at + WORD_BYTES : behind] = body
        words[behind >> 3] = version
        words[base >> 3] = version

    def read(self, row: int) -> bytes | None:
        """Return the newest body; None if nothing was ever written or neither copy is whole."""
        if not 0 <= row < self.rows:
            raise IndexError(f"there is no row {row} of {self.rows}")
        base = row * self._row_bytes
        head = base >> 3
        version = 0
        for _ in range(READ_RETRIES_MAX):
            version = self._words[head]
            if version == 0:
                return None
            body = self._copy(base, version)
            if body is not None:
                return body
        self.torn += 1
        # What was true one version ago is better than nothing; it says itself how old it is.
        return self._copy(base, version - 1) if version > 1 else None

    def version(self, row: int) -> int:
        """Return how often a row was written: a reader may compare it instead of reading."""
        return self._words[row * self._row_bytes >> 3]

    def release(self) -> None:
        """Let go of the memory, so that it can be unmapped."""
        self._words.release()

    def _copy(self, base: int, version: int) -> bytes | None:
        at = base + WORD_BYTES + (version & 1) * self._copy_bytes
        raw = bytes(self._memory[at : at + self._copy_bytes])
        said = raw[-WORD_BYTES:]
        body = raw[WORD_BYTES:-WORD_BYTES]
        if int.from_bytes(said, "little") != version:
            return None
        if int.from_bytes(raw[:WORD_BYTES], "little") != zlib.crc32(said, zlib.crc32(body)):
            return None
        return body


def row_bytes(body_bytes: int) -> int:
    """Return the bytes one row takes."""
    return WORD_BYTES + 2 * (body_bytes + _COPY_OVERHEAD_BYTES)
