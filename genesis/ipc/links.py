"""Rings as processes hold them: segments, control pages and eventfds, passed by descriptor.

The parent calls `create_ring` and passes each child the descriptors of its end
(`handle.writer_end().fds()` or `handle.reader_end(i).fds()` in `pass_fds`). The child builds a
`RingPublisher` or `RingSubscriber` from that end. Restarted children get the same ones.

Each (ring, reader) has its own eventfd: one shared by several readers wakes only one of them. The
writer writes it only when that reader says that it sleeps, so nobody pays a syscall while awake.
"""

import contextlib
import mmap
import os
import select
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import msgspec

from genesis.errors import ResourceError
from genesis.ipc.codec import MARKET_SLOT_BYTES, REPORT_SLOT_BYTES, SIGNAL_SLOT_BYTES
from genesis.ipc.ring import BELL_BYTES, HEADER_BYTES, READER_PAGE_BYTES, RingSpec, Start
from genesis.ipc.ring_reader import RingReader
from genesis.ipc.ring_writer import RingWriter
from genesis.ipc.segment import Segment, create_segment, reopen_read_only
from genesis.limits import PARK_MS_MAX

T = TypeVar("T")

ABSENT_FD: Final = -1
"""Stands for a descriptor that was not passed to this end of a ring."""

RING_KIND: Final = "ring"
_PAGE_KIND: Final = "ring-reader"
_LAYOUT_VERSION: Final = 1
_BELL_KIND: Final = "ring-bells"
_PAGE_LAYOUT: Final = f"reader-page v{_LAYOUT_VERSION}"
_BELL_LAYOUT: Final = f"bells v{_LAYOUT_VERSION}"


def ring_layout(spec: RingSpec) -> str:
    """Return what writer and readers of a ring must agree on, for its segment's header."""
    return (
        f"ring v{_LAYOUT_VERSION} {spec.slots}x{spec.slot_bytes} {spec.policy} "
        f"readers={spec.readers} checksum={spec.checksum}"
    )


class RingHandle(msgspec.Struct, frozen=True):
    """A ring's descriptors, valid in the process that has them; -1: not passed.

    `ring_fd` is the segment, `reader_fds` one control page per reader, `event_fds` one eventfd per
    reader, `bell_fd` the page of the readers' tickets. The `read` descriptors can only be mapped
    for reading. The pages of `writer_end()` and the segment of `reader_end()` are such, so that
    neither side can write what is not its own.
    """

    spec: RingSpec
    ring_fd: int
    reader_fds: tuple[int, ...]
    event_fds: tuple[int, ...]
    bell_fd: int
    ring_read_fd: int = ABSENT_FD
    reader_read_fds: tuple[int, ...] = ()

    def fds(self) -> tuple[int, ...]:
        """Return every descriptor of this end, for `pass_fds`."""
        ring_fds = (self.ring_fd, self.ring_read_fd, self.bell_fd)
        every = ring_fds + self.reader_fds + self.reader_read_fds + self.event_fds
        return tuple(fd for fd in every if fd != ABSENT_FD)

    def writer_end(self) -> "RingHandle":
        """Return what the writer needs: the segment, the pages read-only, the eventfds."""
        return RingHandle(
            self.spec, self.ring_fd, self.reader_read_fds, self.event_fds, self.bell_fd
        )

    def reader_end(self, reader: int) -> "RingHandle":
        """Return what one reader needs: the segment read-only, its own page, its own eventfd."""
        return RingHandle(
            self.spec,
            self.ring_read_fd,
            _only(self.reader_fds, reader),
            _only(self.event_fds, reader),
            self.bell_fd,
        )


def create_ring(spec: RingSpec) -> RingHandle:
    """Make the segment, pages and eventfds of a ring. The caller owns them until `close_ring`.

    Raises:
        ResourceError: The system refused memory or descriptors.
        ValueError: A writer's block of slots is not a whole number of memory pages.
    """
    if spec.block_slots * spec.slot_bytes % mmap.PAGESIZE:
        raise ValueError(f"ring {spec.name}: a block of slots does not fill its memory pages")
    with contextlib.ExitStack() as undo:

        def owned(fd: int) -> int:
            undo.callback(os.close, fd)
            return fd

        ring_fd = owned(create_segment(RING_KIND, spec.memory_bytes, ring_layout(spec)))
        pages = tuple(
            owned(create_segment(_PAGE_KIND, READER_PAGE_BYTES, _PAGE_LAYOUT))
            for _ in range(spec.readers)
        )
        handle = RingHandle(
            spec=spec,
            ring_fd=ring_fd,
            reader_fds=pages,
            event_fds=tuple(owned(_eventfd()) for _ in range(spec.readers)),
            bell_fd=owned(create_segment(_BELL_KIND, BELL_BYTES, _BELL_LAYOUT)),
            ring_read_fd=owned(reopen_read_only(ring_fd)),
            reader_read_fds=tuple(owned(reopen_read_only(page)) for page in pages),
        )
        undo.pop_all()
    return handle


def close_ring(handle: RingHandle) -> None:
    """Close every descriptor of a handle. Mappings of publishers and subscribers stay valid."""
    for fd in handle.fds():
        os.close(fd)


def market_ring_spec(slots: int, readers: int) -> RingSpec:
    """Return the market ring: feed to workers; overwrites, no checksum."""
    return RingSpec("market", slots, MARKET_SLOT_BYTES, "overwrite", readers, checksum=False)


def signal_ring_spec(name: str, slots: int) -> RingSpec:
    """Return a signal ring: one worker to the executor; refuses, checksum."""
    return RingSpec(name, slots, SIGNAL_SLOT_BYTES, "refuse", readers=1, checksum=True)


def report_ring_spec(slots: int, readers: int) -> RingSpec:
    """Return the report ring: executor to workers; overwrites, for the store is the truth."""
    return RingSpec("report", slots, REPORT_SLOT_BYTES, "overwrite", readers, checksum=True)


class RingPublisher(RingWriter):
    """The writing end of a ring in this process. See `RingWriter` for publishing."""

    __slots__ = ("_segments",)

    def __init__(self, handle: RingHandle, epoch: int) -> None:
        """Map the ring for writing, the readers' pages and tickets for reading.

        Raises:
            SegmentMismatch: A descriptor is no ring or page of this program, version and spec.
        """
        spec = handle.spec
        size = spec.block_slots * spec.slot_bytes
        blocks = [(at, size) for at in range(HEADER_BYTES, spec.memory_bytes, size)]
        with contextlib.ExitStack() as undo:
            ring = Segment.attach_parts(
                handle.ring_fd,
                RING_KIND,
                ring_layout(spec),
                parts=[(0, HEADER_BYTES), *blocks],
                writable=True,
            )
            for segment in ring:
                undo.callback(segment.close)
            parts = [(handle.bell_fd, _BELL_KIND, _BELL_LAYOUT, False)]
            parts += [(fd, _PAGE_KIND, _PAGE_LAYOUT, False) for fd in handle.reader_fds]
            others = _attach_all(parts)
            undo.pop_all()
        self._segments = [*ring, *others]
        bells, *pages = (segment.memory for segment in others)
        super().__init__(
            ring[0].memory,
            [block.memory for block in ring[1:]],
            pages,
            bells,
            spec,
            epoch=epoch,
            wake_readers=[partial(os.eventfd_write, fd, 1) for fd in handle.event_fds],
        )

    def close(self) -> None:
        """Unmap the ring. The descriptors stay the caller's."""
        self.release()
        for segment in self._segments:
            segment.close()


class RingSubscriber(RingReader[T]):
    """One reading end of a ring in this process. See `RingReader` for draining."""

    __slots__ = ("_event_fd", "_is_woken", "_segments", "_wake_ups")

    def __init__(
        self, handle: RingHandle, reader: int, start: Start, decode: Callable[[bytes], list[T]]
    ) -> None:
        """Map the ring for reading, this reader's page and the bells for writing.

        `decode` is `genesis.ipc.codec.decode_market`, `decode_signals` or `decode_reports`.

        Raises:
            SegmentMismatch: A descriptor is no ring or page of this program, version and spec.
        """
        spec = handle.spec
        self._event_fd = handle.event_fds[reader]
        self._segments = _attach_all(
            [
                (handle.ring_fd, RING_KIND, ring_layout(spec), False),
                (handle.bell_fd, _BELL_KIND, _BELL_LAYOUT, True),
                (handle.reader_fds[reader], _PAGE_KIND, _PAGE_LAYOUT, True),
            ]
        )
        ring, bells, page = (segment.memory for segment in self._segments)
        self._wake_ups = select.poll()
        self._wake_ups.register(self._event_fd, select.POLLIN)
        self._is_woken = False
        bell = memoryview(bells).cast("H")[reader : reader + 1]
        super().__init__(ring, page, bell, spec, start=start, decode=decode)

    def fileno(self) -> int:
        """Return the eventfd that becomes readable when the writer wakes this reader.

        Remove it from an event loop before it is closed: uvloop aborts otherwise.
        """
        return self._event_fd

    def park(self, timeout_ms: int = PARK_MS_MAX, *, spins: int = 0) -> None:
        """Block this thread until woken, at most `timeout_ms`; not at all if there is data.

        First look `spins` times more: that keeps a reader with a core of its own awake, and
        saves the writer the wake-up.
        """
        if any(self.lag for _ in range(spins)):
            return
        if self._is_woken:  # taken off only now, when nobody waits for what was published
            self.take_wake_up()
        if self.prepare_park():
            self._is_woken = bool(self._wake_ups.poll(timeout_ms))

    def take_wake_up(self) -> None:
        """Empty the eventfd: a level-triggered loop then sees it readable only if woken again."""
        self._is_woken = False
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._event_fd)

    def close(self) -> None:
        """Unmap the ring. The descriptors stay the caller's."""
        self.release()
        for segment in self._segments:
            segment.close()


def _attach_all(parts: Sequence[tuple[int, str, str, bool]]) -> list[Segment]:
    """Map segments of (descriptor, kind, layout, writable); all or none."""
    with contextlib.ExitStack() as undo:
        segments = []
        for fd, kind, layout, writable in parts:
            segments.append(Segment.attach(fd, kind, layout, writable=writable))
            undo.callback(segments[-1].close)
        undo.pop_all()
    return segments


def _eventfd() -> int:
    try:
        return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    except OSError as error:
        raise ResourceError(f"cannot make an eventfd: {error.strerror}") from error


def _only(fds: tuple[int, ...], kept: int) -> tuple[int, ...]:
    return tuple(fd if reader == kept else ABSENT_FD for reader, fd in enumerate(fds))
