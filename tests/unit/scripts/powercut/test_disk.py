"""`scripts.powercut.disk`: what a power cut may leave of what was asked."""

import struct
from random import Random

from scripts.powercut.disk import SECTOR_BYTES, Event, ForgetfulDisk, Kind, read_record

CUTS = 60


def wrote(data: bytes, offset: int = 0, name: str = "file") -> Event:
    return Event(Kind.WRITE, name, offset, data)


def asked(kind: Kind, name: str = "file", offset: int = 0) -> Event:
    return Event(kind, name, offset, b"")


def left_by(*events: Event) -> list[dict[str, bytes]]:
    """Return what many cuts leave after these events."""
    disk = ForgetfulDisk()
    for event in events:
        disk.apply(event)
    chance = Random(1)
    return [disk.cut(chance) for _ in range(CUTS)]


SYNCED = (asked(Kind.OPEN), wrote(b"a" * 1024), asked(Kind.SYNC))


def test_what_was_synced_is_kept() -> None:
    """Whatever chance says."""
    assert left_by(*SYNCED) == [{"file": b"a" * 1024}] * CUTS


def test_what_was_not_synced_may_be_kept_lost_or_torn() -> None:
    """Sector by sector, in any combination."""
    sectors = [bytes([value]) * SECTOR_BYTES for value in (1, 2)]
    left = {files["file"] for files in left_by(*SYNCED, wrote(b"".join(sectors)))}

    old = b"a" * SECTOR_BYTES
    assert left == {old + old, sectors[0] + old, old + sectors[1], sectors[0] + sectors[1]}


def test_a_truncation_may_be_lost() -> None:
    """Until the file is synced."""
    cut = asked(Kind.TRUNCATE, offset=10)

    assert {len(files["file"]) for files in left_by(*SYNCED, cut)} == {10, 1024}
    assert {len(files["file"]) for files in left_by(*SYNCED, cut, asked(Kind.SYNC))} == {10}


def test_a_name_may_be_lost_until_it_is_settled() -> None:
    """A file without a synced directory may be gone with all that is in it."""
    new = (asked(Kind.OPEN, "new"), wrote(b"b", name="new"))

    assert {"new" in files for files in left_by(*SYNCED, *new)} == {True, False}
    settled = left_by(*SYNCED, *new, asked(Kind.SYNC_DIRECTORY, "."))
    assert {"new" in files for files in settled} == {True}
    assert {files["new"] for files in settled} == {b"", b"b"}


def test_a_removal_may_be_lost_too() -> None:
    """Names vanish in the order in which that was asked for."""
    gone = asked(Kind.UNLINK)

    assert {"file" in files for files in left_by(*SYNCED, gone)} == {True, False}
    made_again = left_by(*SYNCED, gone, asked(Kind.OPEN), asked(Kind.SYNC))
    assert made_again == [{"file": b""}] * CUTS


def test_a_write_behind_the_end_leaves_zeros() -> None:
    """As file systems do."""
    (left, *_) = left_by(asked(Kind.OPEN), wrote(b"x", offset=3), asked(Kind.SYNC))

    assert left == {"file": b"\0\0\0x"}


def test_a_record_is_read_as_the_recorder_writes_it() -> None:
    """An event cut short at the end of the record is left out."""
    head = struct.pack("<BBIQ", Kind.WRITE, 4, 3, 7)
    record = head + b"file" + b"abc"

    assert read_record(record + record[:-1]) == [wrote(b"abc", offset=7)]
