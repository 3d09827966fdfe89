"""Segments: private, pre-allocated, sealed, and recognized or refused."""

import errno
import fcntl
import os
import resource
import stat
from collections.abc import Callable, Iterator

import pytest

from genesis.errors import ResourceError, SegmentMismatch
from genesis.ipc.segment import Segment, check_segment, create_segment, reopen_read_only
from genesis.limits import SEGMENT_HEADER_BYTES

SIZE = 8192


@pytest.fixture
def segment() -> Iterator[Segment]:
    """Return a writable segment."""
    made = Segment.create("test", SIZE, "layout v1")
    yield made
    made.close()


def test_a_segment_is_private_allocated_and_sealed(segment: Segment) -> None:
    """Mode 0600, every page allocated, and nobody can change its size or add seals."""
    status = os.fstat(segment.fd)
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_blocks * 512 >= SIZE + SEGMENT_HEADER_BYTES
    for resize in (SIZE, 2 * (SIZE + SEGMENT_HEADER_BYTES)):
        with pytest.raises(PermissionError):
            os.ftruncate(segment.fd, resize)
    with pytest.raises(PermissionError):
        fcntl.fcntl(segment.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)


def test_what_one_end_writes_the_other_reads(segment: Segment) -> None:
    """Attaching maps the same memory; the header is no part of it."""
    assert segment.memory[:] == bytes(SIZE)
    other = Segment.attach(segment.fd, "test", "layout v1", writable=False)
    segment.memory[7:10] = b"abc"
    assert other.memory[7:10] == b"abc"
    with pytest.raises(TypeError):
        other.memory[0:1] = b"x"
    other.close()
    assert check_segment(segment.fd, "test", "layout v1") == SIZE


def test_a_read_only_descriptor_cannot_be_mapped_for_writing(segment: Segment) -> None:
    """A reader's descriptor gives no way to write, not even on purpose."""
    fd = reopen_read_only(segment.fd)
    reader = Segment.attach(fd, "test", "layout v1", writable=False)
    with pytest.raises(ResourceError, match="cannot map"):
        Segment.attach(fd, "test", "layout v1", writable=True)
    reader.close()
    os.close(fd)


def test_a_part_maps_no_more_than_itself(segment: Segment) -> None:
    """A part is a window of whole pages on the same body, and stays inside it."""
    (part,) = Segment.attach_parts(
        segment.fd, "test", "layout v1", parts=[(4096, 4096)], writable=True
    )
    part.memory[0:3] = b"abc"
    assert segment.memory[4096:4099] == b"abc"
    assert part.size == 4096
    part.close()
    for outside in [(4096, 8192), (-4096, 4096), (8192, 1), (0, 0)]:
        with pytest.raises(SegmentMismatch, match="has no"):
            Segment.attach_parts(
                segment.fd, "test", "layout v1", parts=[(0, 4096), outside], writable=False
            )


@pytest.mark.parametrize(
    ("kind", "layout", "reason"),
    [("other", "layout v1", "of kind"), ("test", "layout v2", "another layout")],
)
def test_another_kind_or_layout_is_refused(
    segment: Segment, kind: str, layout: str, reason: str
) -> None:
    """A segment is read only by who says exactly what it holds."""
    with pytest.raises(SegmentMismatch, match=reason):
        Segment.attach(segment.fd, kind, layout, writable=False)


def damage_magic(fd: int) -> None:
    """Spoil the first bytes."""
    os.pwrite(fd, b"NOTOURS!", 0)


def damage_version(fd: int) -> None:
    """Claim another version of the header."""
    os.pwrite(fd, b"\x09", 8)


def damage_size(fd: int) -> None:
    """Claim another size, without the CRC that belongs to it."""
    os.pwrite(fd, b"\x01", 16)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damage_magic, "no segment of Genesis"),
        (damage_version, "version 9"),
        (damage_size, "damaged header"),
    ],
)
def test_a_damaged_header_is_refused(
    segment: Segment, damage: Callable[[int], None], reason: str
) -> None:
    """A header that does not hold is named, and the body is not touched."""
    damage(segment.fd)
    with pytest.raises(SegmentMismatch, match=reason):
        check_segment(segment.fd, "test", "layout v1")


def test_a_foreign_descriptor_is_refused() -> None:
    """A pipe, a file or an empty memfd is no segment."""
    read_end, write_end = os.pipe()
    empty = os.memfd_create("empty")
    for fd in (read_end, empty):
        with pytest.raises(SegmentMismatch):
            check_segment(fd, "test", "layout v1")
    for fd in (read_end, write_end, empty):
        os.close(fd)


def test_a_truncated_or_unsealed_copy_is_refused(segment: Segment) -> None:
    """The header alone does not make a segment: size and seals must be those it was made with."""
    copy = os.memfd_create("copy", os.MFD_ALLOW_SEALING)
    os.pwrite(copy, os.pread(segment.fd, SEGMENT_HEADER_BYTES + SIZE, 0), 0)
    with pytest.raises(SegmentMismatch, match="never sealed"):
        check_segment(copy, "test", "layout v1")
    os.ftruncate(copy, SEGMENT_HEADER_BYTES + 100)
    with pytest.raises(SegmentMismatch, match="truncated"):
        check_segment(copy, "test", "layout v1")
    os.close(copy)


def test_a_segment_larger_than_memory_is_a_resource_error() -> None:
    """What is not free is refused before the kernel kills somebody to make room."""
    with pytest.raises(ResourceError, match="not that much free"):
        create_segment("test", 1 << 50, "layout v1")


def test_a_refused_allocation_leaves_nothing_behind() -> None:
    """The kernel's refusal is an error at start, and the descriptor is closed again."""
    before = len(os.listdir("/proc/self/fd"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        with pytest.raises(ResourceError, match="cannot allocate"):
            create_segment("test", 1 << 20, "layout v1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(os.listdir("/proc/self/fd")) == before


def test_exhausted_descriptors_are_a_resource_error(
    segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's refusal of a descriptor is told as what it is."""

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "memfd_create", refuse)
    with pytest.raises(ResourceError, match="cannot make a test segment"):
        create_segment("test", SIZE, "layout v1")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ResourceError, match="cannot reopen"):
        reopen_read_only(segment.fd)


def test_closing_twice_is_harmless() -> None:
    """The descriptor is closed once, even if another file has its number by then."""
    made = Segment.create("test", SIZE, "layout v1")
    fd = made.fd
    made.close()
    made.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
