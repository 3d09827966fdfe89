"""A disk with a journal on it: rows that are written, and rows that would survive a power cut."""

import random
from collections.abc import Callable, Iterator, Sequence

from genesis.engine.entries import MILESTONES, Entry
from genesis.errors import StorageError
from genesis.storage.entry_chain import EntryChain, Row
from genesis.storage.journal import Durability
from scripts.simulation.faults import Faults, happens
from scripts.simulation.schedule import Schedule


class Disk:
    """Holds the journal of one account over crashes and power cuts.

    In `full` a commit ends when its rows are synced. In `venue` it ends at once and its rows are
    synced some time later, but for groups with a milestone in them.
    """

    def __init__(
        self, schedule: Schedule, chance: random.Random, faults: Faults, durability: Durability
    ) -> None:
        self.durability: Durability = durability
        self._schedule = schedule
        self._chance = chance
        self._faults = faults
        self._rows: list[Row] = []
        self._group_ends: list[int] = []
        self._keys: set[str] = set()
        self._chain = EntryChain()
        self._synced = 0
        self._pending: list[Row] = []
        self._prepared: set[str] = set()

    def begin_commit(
        self, entries: Sequence[Entry], then: Callable[[StorageError | None], None]
    ) -> None:
        """Write a group; `then` hears of its end, at once or later, unless the process died."""
        assert not self._pending, "one commit at a time"
        rows = self._chain.link(entries)
        must_sync = self.durability == "full" or any(
            isinstance(entry, MILESTONES) for entry in entries
        )
        if happens(self._chance, self._faults.commit_fails_share):
            if happens(self._chance, 0.5):
                self._keep(rows)
            then(StorageError("the disk failed"))
            return
        if not must_sync:
            then(self._keep(rows))
            return
        self._pending = rows

        def finish() -> None:
            if self._pending is rows:
                self._pending = []
                error = self._keep(rows)
                self._synced = len(self._rows)
                then(error)

        self._schedule.after(self._chance.randrange(1, self._faults.commit_max + 1), finish)

    def settle_pending(self) -> None:
        """Decide what became of a commit whose process died in it: durable, or absent."""
        rows, self._pending = self._pending, []
        if rows and happens(self._chance, 0.5):
            self._keep(rows)
            if self.durability == "full":
                self._synced = len(self._rows)

    def sync(self) -> None:
        """Sync what is written, as the kernel does by itself now and then."""
        self._synced = len(self._rows)

    def cut_power(self) -> int:
        """Lose a part of the unsynced groups, from the end; return how many rows that was."""
        ends = [end for end in self._group_ends if end >= self._synced]
        kept = self._chance.choice([self._synced, *ends])
        lost = len(self._rows) - kept
        for row in self._rows[kept:]:
            if row.unique_key is not None:
                self._keys.discard(row.unique_key)
                self._prepared.discard(row.unique_key.removeprefix("order:"))
        del self._rows[kept:]
        self._group_ends = [end for end in self._group_ends if end <= kept]
        self._synced = kept
        return lost

    def read(self) -> Iterator[Entry]:
        """Yield all entries as a new process reads them, and write on behind them."""
        self._chain = EntryChain()
        for row in self._rows:
            yield from self._chain.read([(row.sequence, row.payload, row.checksum)])

    def holds_order(self, client_order_id: str) -> bool:
        """Tell whether the order's row is as durable as this journal promises."""
        return client_order_id in self._prepared

    def _keep(self, rows: list[Row]) -> StorageError | None:
        keys = [row.unique_key for row in rows if row.unique_key is not None]
        if len(set(keys)) != len(keys) or not self._keys.isdisjoint(keys):
            return StorageError("UNIQUE constraint failed: entries.unique_key")
        self._keys.update(keys)
        self._prepared.update(
            key.removeprefix("order:") for key in keys if key.startswith("order:")
        )
        self._rows += rows
        self._group_ends.append(len(self._rows))
        self._chain.move_to(rows[-1])
        return None
