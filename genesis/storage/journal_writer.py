"""Commits without holding up the event loop, where that pays.

A synced commit (`full`) takes as long as the disk does and runs in a thread of its own. A commit
that only reaches the kernel (`venue`) takes some 20 µs and is cheapest where it stands.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from genesis.engine.entries import Entry
from genesis.storage.journal import Durability, Journal


class JournalWriter:
    """The asynchronous face of a journal. Commits come one at a time, from one caller."""

    def __init__(
        self, journal: Journal, durability: Durability, snapshot_sequence: int = 0
    ) -> None:
        self._journal = journal
        self._snapshot_sequence = snapshot_sequence
        self._thread = (
            ThreadPoolExecutor(1, thread_name_prefix="journal") if durability == "full" else None
        )

    def begin_commit(self, entries: Sequence[Entry]) -> asyncio.Future[None] | None:
        """Start to write; return a future of their durability, or None if they are durable now.

        Raises:
            StorageError: as `Journal.append`, here or from the future.
        """
        if self._thread is None:
            self._journal.append(entries)
            return None
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._thread, self._journal.append, entries)

    def begin_snapshot(self, state: bytes) -> asyncio.Future[None] | None:
        """Start to keep the state that all commits so far add up to; else as `begin_commit`."""
        self._snapshot_sequence = self._journal.sequence
        if self._thread is None:
            self._journal.save_snapshot(state)
            return None
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._thread, self._journal.save_snapshot, state)

    @property
    def entries_behind_snapshot(self) -> int:
        """Return how many entries a start would have to read now."""
        return self._journal.sequence - self._snapshot_sequence

    def close(self) -> None:
        """Finish what is being written and close the journal."""
        if self._thread is not None:
            self._thread.shutdown()
        self._journal.close()
