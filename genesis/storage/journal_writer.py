"""Commits without holding up the event loop, where that pays.

A synced commit (`full`) takes as long as the disk does and runs in a thread of its own. A commit
that only reaches the kernel (`venue`) takes some 20 µs and is cheapest where it stands.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from genesis.engine.entries import Entry
from genesis.storage.journal import Durability, Journal


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
        self._thread = (
            ThreadPoolExecutor(1, thread_name_prefix="journal") if durability == "full" else None
        )

    def begin_commit(self, entries: Sequence[Entry]) -> asyncio.Future[None] | None:
        """Start to make entries durable."""
        return self._begin(self._journal.append, entries)

    def begin_snapshot(self, state: bytes) -> asyncio.Future[None] | None:
        """Start to keep the state that all commits so far add up to."""
        self._snapshot_sequence = self._journal.sequence
        return self._begin(self._journal.save_snapshot, state)

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
            self._thread.shutdown()
        self._journal.close()

    def _begin(self, write: Callable[..., None], *what: object) -> asyncio.Future[None] | None:
        if self._thread is None:
            write(*what)
            return None
        return asyncio.get_running_loop().run_in_executor(self._thread, write, *what)
