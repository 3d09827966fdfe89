"""A disk that forgets: a record of writes and syncs, played up to a cut. Pure.

What a finished sync covers is kept. Of every other write, each sector is kept or lost by chance, in
any combination, which is more than most disks do. Names appear and vanish in the order in which
that was asked for, and a sync of a file or of the directory settles those before it (as journaling
file systems do); of those not settled, any number from the first on is kept.
"""

import enum
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

SECTOR_BYTES: Final = 512

_HEAD: Final = struct.Struct("<BBIQ")


class Kind(enum.IntEnum):
    """What was asked of the disk; the numbers are those of `recorder.c`."""

    OPEN = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    UNLINK = 5
    SYNC_DIRECTORY = 6


class Event(NamedTuple):
    """One thing that was asked; `offset` is the new length of a truncation."""

    kind: Kind
    name: str
    offset: int
    data: bytes


def read_record(record: bytes) -> list[Event]:
    """Return the events of a record, in order; one cut short at its end is left out."""
    return list(_events(record))


def _events(record: bytes) -> Iterator[Event]:
    place = 0
    while place + _HEAD.size <= len(record):
        kind, name_bytes, size, offset = _HEAD.unpack_from(record, place)
        name_at = place + _HEAD.size
        data_at = name_at + name_bytes
        place = data_at + size
        if place <= len(record):
            name = record[name_at:data_at].decode()
            yield Event(Kind(kind), name, offset, record[data_at:place])


@dataclass
class _File:
    """What is settled of one file, and what came after."""

    settled: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)


class ForgetfulDisk:
    """One directory of files, as a power cut would find it; `settled` was there before."""

    def __init__(self, settled: Mapping[str, bytes] | None = None) -> None:
        self._files = {name: _File(bytearray(content)) for name, content in (settled or {}).items()}
        self._unsettled_names: list[Event] = []
        self._settled_names = dict(self._files)

    def apply(self, event: Event) -> None:
        """Take what was asked next."""
        match event.kind:
            case Kind.OPEN:
                self._files[event.name] = _File()
                self._unsettled_names.append(event)
            case Kind.UNLINK:
                self._unsettled_names.append(event)
            case Kind.WRITE | Kind.TRUNCATE:
                self._files[event.name].pending.append(event)
            case Kind.SYNC:
                file = self._files[event.name]
                for pending in file.pending:
                    _carry_out(file.settled, pending)
                file.pending.clear()
                self._settle_names()
            case Kind.SYNC_DIRECTORY:
                self._settle_names()

    def cut(self, chance: Random) -> dict[str, bytes]:
        """Return the files that a power cut now may leave; the disk itself goes on uncut."""
        names = dict(self._settled_names)
        kept = chance.randint(0, len(self._unsettled_names))
        self._follow(names, self._unsettled_names[:kept])
        share = chance.choice((0.0, 0.5, 0.9, 1.0))
        return {name: _remains(file, share, chance) for name, file in names.items()}

    def _settle_names(self) -> None:
        self._follow(self._settled_names, self._unsettled_names)
        self._unsettled_names.clear()

    def _follow(self, names: dict[str, _File], events: Sequence[Event]) -> None:
        for event in events:
            if event.kind is Kind.OPEN:
                names[event.name] = self._files[event.name]
            else:
                names.pop(event.name, None)


def _remains(file: _File, share: float, chance: Random) -> bytes:
    """Return what is left of a file when this share of its unsettled sectors is kept."""
    left = bytearray(file.settled)
    for event in file.pending:
        if event.kind is Kind.TRUNCATE:
            if chance.random() < share:
                _carry_out(left, event)
            continue
        for start in range(0, len(event.data), SECTOR_BYTES):
            if chance.random() < share:
                sector = event.data[start : start + SECTOR_BYTES]
                _carry_out(left, event._replace(offset=event.offset + start, data=sector))
    return bytes(left)


def _carry_out(content: bytearray, event: Event) -> None:
    if event.kind is Kind.TRUNCATE:
        del content[event.offset :]
        content.extend(bytes(event.offset - len(content)))
        return
    end = event.offset + len(event.data)
    content.extend(bytes(max(0, end - len(content))))
    content[event.offset : end] = event.data
