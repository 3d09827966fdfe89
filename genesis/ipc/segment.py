"""Anonymous shared memory, passed by descriptor: memfd, pre-allocated, sealed, private.

A memfd has no name: a group kill leaves nothing behind, nobody can squat or unlink it, and Python
3.11's resource tracker, which unlinks live segments, never sees it. Pre-allocation turns exhausted
memory into an error at start instead of a SIGBUS later; the seals keep anyone from truncating the
segment under a reader. A memfd is bound by no file system's size: what is not free is refused
here, for the kernel would go and kill some process to make room.
"""

import fcntl
import mmap
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from genesis.errors import ResourceError, SegmentMismatch
from genesis.limits import SEGMENT_HEADER_BYTES

SEGMENT_VERSION: Final = 1
"""Version of the header below. What the body holds is versioned by `layout`."""

_MEMINFO: Final = Path("/proc/meminfo")
_MAGIC: Final = b"GENESIS\0"
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
_HEADER: Final = struct.Struct("<8sI4xQ32sI")  # magic, version, body bytes, kind, layout CRC
_HEADER_CRC: Final = struct.Struct("<I")


class Segment:
    """One shared segment, or a part of one, mapped in this process.

    `memory` is the mapped part of the body (the header page is not mapped). Whoever creates a
    segment owns its descriptor; whoever attaches borrows it.
    """

    __slots__ = ("_owns_fd", "fd", "memory", "size")

    def __init__(self, fd: int, memory: mmap.mmap, *, owns_fd: bool) -> None:
        self.fd = fd
        self.memory = memory
        self.size = len(memory)
        self._owns_fd = owns_fd

    @classmethod
    def create(cls, kind: str, size: int, layout: str) -> Self:
        """Make a segment with a zeroed body of `size` bytes, mapped for writing.

        `kind` and `layout` describe what the body holds; whoever attaches must say the same.

        Raises:
            ResourceError: The system refused the memory or a descriptor.
        """
        fd = create_segment(kind, size, layout)
        return cls(fd, _map(fd, 0, size, writable=True), owns_fd=True)

    @classmethod
    def attach(cls, fd: int, kind: str, layout: str, *, writable: bool) -> Self:
        """Map the whole body of the segment behind an inherited descriptor.

        Raises:
            SegmentMismatch: It is no sealed segment of this program, version, kind and layout.
        """
        size = check_segment(fd, kind, layout)
        return cls(fd, _map(fd, 0, size, writable=writable), owns_fd=False)

    @classmethod
    def attach_parts(
        cls, fd: int, kind: str, layout: str, *, parts: Sequence[tuple[int, int]], writable: bool
    ) -> list[Self]:
        """Map `parts` (offset at a page border, length) of a body, each by itself, and no more.

        Raises:
            SegmentMismatch: As for `attach`, or the body does not hold a part.
        """
        size = check_segment(fd, kind, layout)
        for offset, length in parts:
            if offset < 0 or length <= 0 or offset + length > size:
                raise SegmentMismatch(f"{kind} segment of {size} bytes has no {length} at {offset}")
        return [
            cls(fd, _map(fd, offset, length, writable=writable), owns_fd=False)
            for offset, length in parts
        ]

    def close(self) -> None:
        """Unmap, and close the descriptor if this object made it. Release views of it first."""
        self.memory.close()
        if self._owns_fd and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def create_segment(kind: str, size: int, layout: str) -> int:
    """Make a sealed segment with a zeroed body of `size` bytes and return its descriptor.

    Raises:
        ResourceError: The system refused the memory or a descriptor.
    """
    if size > _available_bytes():
        raise ResourceError(
            f"cannot allocate {size} bytes for a {kind} segment: not that much free"
        )
    try:
        fd = os.memfd_create(f"genesis-{kind}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as error:
        raise ResourceError(f"cannot make a {kind} segment: {error.strerror}") from error
    try:
        os.fchmod(fd, 0o600)
        os.posix_fallocate(fd, 0, SEGMENT_HEADER_BYTES + size)
        os.pwrite(fd, _header(kind, size, layout), 0)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except OSError as error:
        os.close(fd)
        raise ResourceError(
            f"cannot allocate {size} bytes for a {kind} segment: {error.strerror}"
        ) from error
    return fd


def reopen_read_only(fd: int) -> int:
    """Return a new descriptor of the same segment that can only ever be mapped for reading.

    Raises:
        ResourceError: The system refused a descriptor.
    """
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ResourceError(f"cannot reopen a segment for reading: {error.strerror}") from error


def check_segment(fd: int, kind: str, layout: str) -> int:
    """Return the size of the body behind `fd`.

    Raises:
        SegmentMismatch: It is no sealed segment of this program, version, kind and layout.
    """
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
        total = os.fstat(fd).st_size
        header = os.pread(fd, _HEADER.size + _HEADER_CRC.size, 0)
    except OSError as error:
        raise SegmentMismatch(f"descriptor {fd} is no {kind} segment: {error.strerror}") from error
    if len(header) != _HEADER.size + _HEADER_CRC.size or not header.startswith(_MAGIC):
        raise SegmentMismatch(f"descriptor {fd} is no segment of Genesis, {kind} was expected")
    size = total - SEGMENT_HEADER_BYTES
    _, version, said_size, said_kind, said_layout = _HEADER.unpack_from(header)
    if version != SEGMENT_VERSION:
        raise SegmentMismatch(f"{kind} segment has version {version}, not {SEGMENT_VERSION}")
    if _HEADER_CRC.unpack_from(header, _HEADER.size)[0] != zlib.crc32(header[: _HEADER.size]):
        raise SegmentMismatch(f"{kind} segment has a damaged header")
    if said_kind.rstrip(b"\0") != kind.encode():
        raise SegmentMismatch(f"segment is of kind {said_kind.rstrip(bytes(1))!r}, not {kind}")
    if said_layout != zlib.crc32(layout.encode()):
        raise SegmentMismatch(f"{kind} segment has another layout than {layout}")
    if said_size != size or seals & _SEALS != _SEALS:
        raise SegmentMismatch(f"{kind} segment is truncated or was never sealed")
    return size


def _available_bytes() -> int:
    """Return how much memory the kernel can give without swapping."""
    lines = (line.split() for line in _MEMINFO.read_text().splitlines())
    return next(int(kibibytes) * 1024 for name, kibibytes, *_ in lines if name == "MemAvailable:")


def _header(kind: str, size: int, layout: str) -> bytes:
    name = kind.encode()
    assert len(name) <= 32, "the header keeps 32 bytes for the kind"  # noqa: PLR2004
    header = _HEADER.pack(_MAGIC, SEGMENT_VERSION, size, name, zlib.crc32(layout.encode()))
    return header + _HEADER_CRC.pack(zlib.crc32(header))


def _map(fd: int, offset: int, length: int, *, writable: bool) -> mmap.mmap:
    # Populated now, so that no first touch of a page costs a fault on the way of a record.
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
    prot = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    try:
        return mmap.mmap(fd, length, flags=flags, prot=prot, offset=SEGMENT_HEADER_BYTES + offset)
    except (OSError, ValueError) as error:
        raise ResourceError(f"cannot map {length} bytes of a segment: {error}") from error
