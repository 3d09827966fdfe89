"""Commits without holding up the event loop, where that pays.

A synced commit (`full`) takes as long as the disk does and runs in a thread of its own. Most are
over before the loop could be told of it, so whoever has nothing else to do waits for one in place,
a moment at most (`settle`). A commit that only reaches the kernel (`venue`) is cheapest where it
stands.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue

from genesis.engine.entries import Entry
from genesis.limits import COMMIT_PATIENCE_SECONDS
from genesis.storage.journal import Durability, Journal


class _Write:
    """One write under way: carried out in the thread, awaited on the loop."""

    def __init__(self, write: Callable[[], None]) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._write = write
        self._error: Exception | None = None
        self._is_over = threading.Lock()
        self._is_over.acquire()
        self._is_awaited_in_place = False

    def carry_out(self) -> None:
        """Write, in the thread, and tell whoever waits."""
        try:
            self._write()
        except Exception as error:
            self._error = error
        self._is_over.release()
        if not self._is_awaited_in_place:
            self.future.get_loop().call_soon_threadsafe(self.finish)

    def settle(self, seconds: float) -> None:
        """Wait for the end in place; if it does not come in time, the loop is told of it."""
        self._is_awaited_in_place = True
        if not self._is_over.acquire(timeout=seconds):
            self._is_awaited_in_place = False
            # It may have ended between the two, and then nobody tells.
            if not self._is_over.acquire(blocking=False):
                return
        self.finish()

    def finish(self) -> None:
        """Resolve the future, on the loop."""
        if self.future.done():
            return
        if self._error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(self._error)


class _JournalThread:
    """Carries out one write after the other."""

    def __init__(self) -> None:
        self._writes: SimpleQueue[_Write | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def begin(self, write: Callable[[], None]) -> _Write:
        """Hand a write over."""
        begun = _Write(write)
        self._writes.put(begun)
        return begun

    def end(self) -> None:
        """Wait until everything handed over is written, and end the thread."""
        self._writes.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (write := self._writes.get()) is not None:
            write.carry_out()


class JournalWriter:
    """The asynchronous face of a journal. Commits come one at a time, from one caller.

    Each `begin_...` returns a future of its end, or None if it is done now, and raises StorageError
    as the journal does, at once or from the future.
    """

    def __init__(
        self, journal: Journal, durability: Durability, snapshot_sequence: int = 0
    ) -> None:
        self._journal = journal
        self._snapshot_sequence = snapshot_sequence
        self._checkpoint_sequence = 0  # a predecessor may have left anything unfolded
        self._thread = _JournalThread() if durability == "full" else None
        self._under_way: _Write | None = None

    def begin_commit(self, entries: Sequence[Entry]) -> asyncio.Future[None] | None:
        """Start to make entries durable."""
        return self._begin(partial(self._journal.append, entries))

    def settle(self) -> None:
        """Wait in place for what was begun last; after a moment, leave it to its future."""
        if self._under_way is not None and not self._under_way.future.done():
            self._under_way.settle(COMMIT_PATIENCE_SECONDS)

    def begin_snapshot(self, state: bytes) -> asyncio.Future[None] | None:
        """Start to keep the state that all commits so far add up to."""
        self._snapshot_sequence = self._journal.sequence
        return self._begin(partial(self._journal.save_snapshot, state))

    def begin_checkpoint(self) -> asyncio.Future[None] | None:
        """Start to fold what was written so far into the journal's file."""
        self._checkpoint_sequence = self._journal.sequence
        return self._begin(self._journal.checkpoint)

    @property
    def entries_behind_snapshot(self) -> int:
        """Return how many entries a start would have to read now."""
        return self._journal.sequence - self._snapshot_sequence

    @property
    def entries_behind_checkpoint(self) -> int:
        """Return how many entries have not been folded into the file."""
        return self._journal.sequence - self._checkpoint_sequence

    def close(self) -> None:
        """Finish what is being written and close the journal."""
        if self._thread is not None:
            self._thread.end()
        self._journal.close()

    def _begin(self, write: Callable[[], None]) -> asyncio.Future[None] | None:
        if self._thread is None:
            write()
            return None
        self._under_way = self._thread.begin(write)
        return self._under_way.future
