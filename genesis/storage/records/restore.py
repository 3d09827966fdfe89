"""A new host: the journal made again, byte for byte, of the records or of a backup.

Either may lack its end. So the last entry says since when, and the engine takes in what the venue
knows beyond it before it trades; and it goes on with epochs that the old host cannot have used.
"""

import shutil
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import select

from genesis.domain.order_ids import decode_order_id
from genesis.engine.entries import EntriesMissed, Entry, EpochStarted, OrderPrepared
from genesis.errors import StorageError
from genesis.limits import EPOCH_MAX, RECORDS_BATCH
from genesis.storage.journal import Journal
from genesis.storage.records import schema
from genesis.storage.records.database import RecordsDatabase
from genesis.units import Nanos

_PRIVATE_FILE: Final = 0o600
EPOCHS_SKIPPED: Final = 1_000_000
"""The old host may have used epochs that were never recorded; nobody restarts that often."""


class RestoredBooks(NamedTuple):
    """What a state directory needs beside the journal, and how much the journal holds."""

    entries: int
    written_at: Nanos
    account: str
    """The account's tag in the ids of its orders; empty if it never had one."""
    next_epoch: int
    strategy_numbers: dict[str, int]


class _Gathered:
    """What the entries of a journal say that stands beside it in a state directory."""

    def __init__(self) -> None:
        self._epoch = 0
        self._numbers: dict[str, int] = {}
        self._account = ""
        self._written_at: Nanos = 0
        self._entries = 0

    def note(self, entry: Entry) -> None:
        self._entries += 1
        self._written_at = entry.at
        if isinstance(entry, EpochStarted):
            self._epoch = max(self._epoch, entry.epoch)
        elif isinstance(entry, OrderPrepared):
            self._epoch = max(self._epoch, entry.signal.epoch)
            self._numbers[entry.intent.strategy_id] = entry.signal.strategy_number
            name = decode_order_id(entry.intent.client_order_id)
            self._account = self._account if name is None else name.account

    def complete(self, journal: Journal, now: Nanos) -> RestoredBooks:
        """Let the journal say that its end may be missing; return what there is.

        Raises:
            StorageError: No epoch is left, or the journal cannot be written.
        """
        if self._epoch + EPOCHS_SKIPPED > EPOCH_MAX:
            raise StorageError(f"no epoch is left after {self._epoch}")
        journal.append([EntriesMissed(self._written_at, now)])
        return RestoredBooks(
            entries=self._entries,
            written_at=self._written_at,
            account=self._account,
            next_epoch=self._epoch + EPOCHS_SKIPPED,
            strategy_numbers=self._numbers,
        )


def journal_from_backup(copy: Path, path: Path, now: Nanos) -> RestoredBooks:
    """Make the journal at `path`, where there must be none, of a copy of it.

    Raises:
        StorageError: The copy is damaged or not a journal, or `path` cannot be written.
    """
    beside = _beside(path)
    beside.touch(mode=_PRIVATE_FILE)
    shutil.copyfile(copy, beside)
    journal = Journal(beside, "full")
    try:
        gathered = _Gathered()
        for entry in journal.read():
            gathered.note(entry)
        books = gathered.complete(journal, now)
    finally:
        journal.close()
    beside.rename(path)
    return books


def journal_from_records(records: RecordsDatabase, path: Path, now: Nanos) -> RestoredBooks:
    """Make the journal again at `path`, where there must be none.

    Raises:
        RecordsUnavailable: The database cannot be reached.
        StorageError: The records hold no journal, a damaged one, or `path` cannot be written.
    """
    beside = _beside(path)
    journal = Journal(beside, "full")
    try:
        books = _fill(journal, records, now)
    finally:
        journal.close()  # it folds the log into the file, so that the file is all there is
    beside.rename(path)
    return books


def _fill(journal: Journal, records: RecordsDatabase, now: Nanos) -> RestoredBooks:
    table = schema.journal_entries
    gathered = _Gathered()
    statement = select(table.c.sequence, table.c.payload, table.c.checksum).order_by(
        table.c.sequence
    )
    with records.transaction() as connection:
        result = connection.execute(statement.execution_options(yield_per=RECORDS_BATCH))
        for batch in result.partitions():
            rows = [(row.sequence, bytes(row.payload), row.checksum) for row in batch]
            for entry in journal.restore(rows):
                gathered.note(entry)
    if not journal.sequence:
        raise StorageError(f"{records.place.name} hold no journal: nothing was recorded there")
    return gathered.complete(journal, now)


def _beside(path: Path) -> Path:
    """Return where a journal is made before it is put in its place.

    Raises:
        StorageError: There is one in its place.
    """
    if path.exists():
        raise StorageError(f"{path} exists: a journal is never written over; use a new state_dir")
    beside = path.with_name(f"{path.name}.restoring")
    for leftover in beside.parent.glob(f"{beside.name}*"):  # of an attempt that was broken off
        leftover.unlink()
    return beside
