"""The status board: one page per process in one segment, written by its process, read by anyone."""

import os
from typing import Final, Self

from genesis.errors import SegmentMismatch
from genesis.ipc.page import (
    NO_STRATEGY,
    PAGE_BYTES,
    BoardPage,
    BoardPageReader,
    BoardPageWriter,
    Counter,
    Gauge,
    ProcessState,
)
from genesis.ipc.segment import Segment, check_segment, create_segment
from genesis.limits import BOARD_PAGES_MAX

__all__ = [
    "NO_STRATEGY",
    "BoardPage",
    "BoardPageReader",
    "BoardPageWriter",
    "Counter",
    "Gauge",
    "ProcessState",
    "StatusBoard",
]

_KIND: Final = "status-board"
_LAYOUT: Final = f"board v2 {PAGE_BYTES}"


class StatusBoard:
    """The segment that holds the pages of all processes.

    Pages are mapped one by one as they are asked for, so that a process can write none but its own.
    """

    __slots__ = ("_mapped", "_owns_fd", "fd", "pages")

    def __init__(self, fd: int, pages: int, *, owns_fd: bool) -> None:
        self.fd = fd
        self.pages = pages
        self._owns_fd = owns_fd
        self._mapped: list[tuple[BoardPageReader | BoardPageWriter, Segment]] = []

    @classmethod
    def create(cls, pages: int) -> Self:
        """Make a board; the parent keeps it and passes `fd` on.

        Raises:
            ResourceError: The system refused the memory.
        """
        if not 1 <= pages <= BOARD_PAGES_MAX:
            raise ValueError(f"a board of {pages} pages is too small or too large")
        return cls(create_segment(_KIND, pages * PAGE_BYTES, _LAYOUT), pages, owns_fd=True)

    @classmethod
    def attach(cls, fd: int, pages: int) -> Self:
        """Use the board behind an inherited descriptor.

        Raises:
            SegmentMismatch: The descriptor is no board of this program, version and size.
        """
        if check_segment(fd, _KIND, _LAYOUT) != pages * PAGE_BYTES:
            raise SegmentMismatch(f"the status board has not {pages} pages")
        return cls(fd, pages, owns_fd=False)

    def writer(self, page: int, epoch: int) -> BoardPageWriter:
        """Take over a page for this process, in `epoch`."""
        segment = self._map(page, writable=True)
        writer = BoardPageWriter(segment.memory, os.getpid(), epoch)
        self._mapped.append((writer, segment))
        return writer

    def reader(self, page: int) -> BoardPageReader:
        """Return a reader of one page."""
        segment = self._map(page, writable=False)
        reader = BoardPageReader(segment.memory)
        self._mapped.append((reader, segment))
        return reader

    def close(self) -> None:
        """Unmap every page handed out, and close the descriptor if this object made it."""
        for holder, segment in self._mapped:
            holder.release()
            segment.close()
        self._mapped.clear()
        if self._owns_fd and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _map(self, page: int, *, writable: bool) -> Segment:
        if not 0 <= page < self.pages:
            raise IndexError(f"there is no page {page} of {self.pages}")
        parts = [(page * PAGE_BYTES, PAGE_BYTES)]
        return Segment.attach_parts(self.fd, _KIND, _LAYOUT, parts=parts, writable=writable)[0]
