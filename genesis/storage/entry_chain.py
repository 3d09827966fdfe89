"""Journal rows: entries as JSON, each checked by a CRC-32 that continues the one before it. Pure.

A changed, missing or reordered row breaks the chain and is found when the rows are read.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from genesis.engine.entries import Entry, unique_key

_encode = msgspec.json.Encoder().encode
_entry_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_batch_decoder: msgspec.json.Decoder[list[Entry]] = msgspec.json.Decoder(list[Entry])


StoredRow: TypeAlias = tuple[int, bytes, int]
"""An entry as it is read back: sequence, payload, checksum."""


class Row(NamedTuple):
    """One entry as it is stored."""

    sequence: int
    unique_key: str | None
    payload: bytes
    checksum: int


class BrokenChain(ValueError):
    """A row is not what was written at its place."""


class UnreadableEntry(ValueError):
    """A row is whole, but holds an entry that this version does not know."""


class EntryChain:
    """A place in the chain: `sequence` and `checksum` of the last row written or read."""

    __slots__ = ("checksum", "sequence")

    def __init__(self, sequence: int = 0, checksum: int = 0) -> None:
        self.sequence = sequence
        self.checksum = checksum

    def link(self, entries: Sequence[Entry]) -> list[Row]:
        """Return the rows of entries that are to follow; the place is left where it is."""
        rows = []
        sequence, checksum = self.sequence, self.checksum
        for entry in entries:
            payload = _encode(entry)
            sequence += 1
            checksum = zlib.crc32(payload, checksum)
            rows.append(Row(sequence, unique_key(entry), payload, checksum))
        return rows

    def move_to(self, row: Row) -> None:
        """Go on behind a row that has been written."""
        self.sequence, self.checksum = row.sequence, row.checksum

    def read(self, rows: Sequence[StoredRow]) -> list[Entry]:
        """Return the entries of the next rows (sequence, payload, checksum); go on behind them.

        A batch is checked row by row and decoded in one go, which halves the time of a long read.

        Raises:
            BrokenChain: A row is not the next one, or not as it was written.
            UnreadableEntry: One was written by another version.
        """
        place, crc = self.sequence, self.checksum
        payloads = []
        for sequence, payload, checksum in rows:
            place += 1
            crc = zlib.crc32(payload, crc)
            if sequence != place or checksum != crc:
                raise BrokenChain(f"entry {sequence}")
            payloads.append(payload)
        try:
            entries = _batch_decoder.decode(b"[%b]" % b",".join(payloads))
        except msgspec.MsgspecError:
            entries = []
        if len(entries) != len(payloads):
            entries = [_decode(row) for row in rows]
        self.sequence, self.checksum = place, crc
        return entries


def _decode(row: StoredRow) -> Entry:
    """Decode one row by itself, so that a fault has its number."""
    sequence, payload, _checksum = row
    try:
        return _entry_decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise UnreadableEntry(f"number {sequence}: {error}") from error
