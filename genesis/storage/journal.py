"""The order journal: an append-only chain of entries in a local SQLite file.

One process writes, in WAL mode, one transaction per group of entries. With durability `full` a
returned `append` has reached the disk (`synchronous=FULL`); with `venue` only milestones have, the
rest has reached the kernel, and after a power cut the venue is asked for what is missing. Others
may read meanwhile (`journal_reader.py`) and never hold the writer up. No entry is ever taken out.

A failed write or sync is never retried: the kernel may have dropped the dirty pages and would call
the next sync a success. So a journal that has failed once refuses everything and touches the file
no more; the process must end without closing it (`os._exit`), and its successor reads what the disk
really holds. For the same reason SQLite's own checkpoints, whose failures nobody sees, are off.

Beside the entries stand snapshots: the whole state that the entries up to one of them add up to,
so that a start reads the last of them and what followed. They save time and decide nothing.
"""

import contextlib
import fcntl
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from genesis.engine.entries import MILESTONES, Entry, unique_key
from genesis.errors import StorageError
from genesis.limits import JOURNAL_LOCK_SECONDS
from genesis.storage.entry_chain import BrokenChain, EntryChain, StoredRow, UnreadableEntry

Durability = Literal["full", "venue"]

APPLICATION_ID: Final = 0x47454E4A  # "GENJ", so that another program's file is not taken for ours
FORMAT_VERSION: Final = 2
_WAL_BYTES_KEPT: Final = 4 * 1024 * 1024
_ROWS_PER_FETCH: Final = 1024

_CREATE: Final = (
    """
    CREATE TABLE entries (
        sequence INTEGER PRIMARY KEY,
        unique_key TEXT UNIQUE,
        payload BLOB NOT NULL,
        checksum INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE snapshots (
        sequence INTEGER PRIMARY KEY,
        chain_checksum INTEGER NOT NULL,
        state BLOB NOT NULL,
        checksum INTEGER NOT NULL
    ) STRICT
    """,
)
_INSERT: Final = "INSERT INTO entries VALUES (?, ?, ?, ?)"
_SELECT: Final = (
    "SELECT sequence, payload, checksum FROM entries WHERE sequence > ? ORDER BY sequence"
)
_INSERT_SNAPSHOT: Final = "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)"
_DELETE_OLD_SNAPSHOTS: Final = "DELETE FROM snapshots WHERE sequence < ?"
_SELECT_SNAPSHOTS: Final = """
SELECT s.sequence, s.chain_checksum, s.state, s.checksum
FROM snapshots s JOIN entries e ON e.sequence = s.sequence AND e.checksum = s.chain_checksum
ORDER BY s.sequence DESC
"""


class Snapshot(msgspec.Struct, frozen=True):
    """The state behind entry `sequence`, encoded, and the chain's checksum there."""

    sequence: int
    chain_checksum: int
    state: bytes


class Journal:
    """The journal of one account, held open by its one writer.

    The caller holds the account's lock. Methods block; `append` and `save_snapshot` may be called
    from a thread of its own, but never from two at once.

    Raises:
        StorageError: from every method, when the file cannot be opened, read, written or synced, is
            not a journal, or fails its checksums, or when a write has failed before. The message
            names the file and the remedy.
    """

    def __init__(self, path: Path, durability: Durability) -> None:
        self.path = path
        self._chain = EntryChain()
        self._durability: Durability = durability
        self._syncs = True
        self._has_failed = False
        with contextlib.ExitStack() as undo:
            try:
                # SQLite's own lock is taken for each write alone: this one keeps a second writer
                # out for good. It closes last, since that drops every record lock on the file.
                self._lock_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                undo.callback(os.close, self._lock_fd)
                fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._connection = sqlite3.connect(
                    path,
                    timeout=JOURNAL_LOCK_SECONDS,
                    isolation_level=None,
                    check_same_thread=False,
                )
                undo.callback(self._connection.close)
                self._prepare()
            except BlockingIOError as error:
                raise StorageError(
                    f"the journal {path} is locked: another process writes it"
                ) from error
            except (OSError, sqlite3.Error) as error:
                raise StorageError(f"cannot open the journal {path}: {error}") from error
            undo.pop_all()

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_KEPT}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application_id == 0 and tables == 0:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            for statement in _CREATE:
                connection.execute(statement)
            connection.execute("COMMIT")
            return
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application_id != APPLICATION_ID or version != FORMAT_VERSION:
            raise StorageError(
                f"{self.path} is not a Genesis journal of format {FORMAT_VERSION}: "
                "move it away, or run the Genesis that wrote it"
            )

    @property
    def sequence(self) -> int:
        """Return the sequence of the last entry appended or read."""
        return self._chain.sequence

    def read(self, after: Snapshot | None = None) -> Iterator[Entry]:
        """Yield every entry in order, or those behind a snapshot, checking the chain.

        Read it to its end before appending.
        """
        chain = self._chain = (
            EntryChain() if after is None else EntryChain(after.sequence, after.chain_checksum)
        )
        try:
            rows = self._connection.execute(_SELECT, (chain.sequence,))
            while batch := rows.fetchmany(_ROWS_PER_FETCH):
                yield from chain.read(batch)
        except sqlite3.Error as error:
            raise StorageError(f"cannot read the journal {self.path}: {error}") from error
        except BrokenChain as error:
            raise StorageError(
                f"the journal {self.path} is damaged at {error}: restore it from a backup"
            ) from error
        except UnreadableEntry as error:
            raise StorageError(
                f"the journal {self.path} holds an entry this version cannot read, {error}; "
                "run the Genesis that wrote it"
            ) from error

    def append(self, entries: Sequence[Entry]) -> None:
        """Append entries in one transaction; return when they are durable.

        An entry whose unique key the journal already holds is a bug of the caller's and fails the
        whole group.
        """
        rows = self._chain.link(entries)
        must_sync = self._durability == "full" or any(
            isinstance(entry, MILESTONES) for entry in entries
        )
        with self._writing():
            if must_sync != self._syncs:
                self._connection.execute(
                    f"PRAGMA synchronous = {'FULL' if must_sync else 'NORMAL'}"
                )
                self._syncs = must_sync
            if len(rows) == 1:  # a statement by itself is a transaction, in half the time
                self._connection.execute(_INSERT, rows[0])
            else:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(_INSERT, rows)
                self._connection.execute("COMMIT")
        self._chain.move_to(rows[-1])

    def restore(self, rows: Sequence[StoredRow]) -> list[Entry]:
        """Append rows of another copy of this journal, byte for byte; return their entries.

        Raises:
            StorageError: A row is not the next one, not as it was written, or unknown here.
        """
        chain = EntryChain(self._chain.sequence, self._chain.checksum)
        try:
            entries = chain.read(rows)
        except (BrokenChain, UnreadableEntry) as error:
            raise StorageError(f"the rows for {self.path} are damaged: {error}") from error
        with self._writing():
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                _INSERT,
                (
                    (sequence, unique_key(entry), payload, checksum)
                    for (sequence, payload, checksum), entry in zip(rows, entries, strict=True)
                ),
            )
            self._connection.execute("COMMIT")
        self._chain = chain
        return entries

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield the snapshots that are whole and stand on the chain, the latest first."""
        try:
            rows = self._connection.execute(_SELECT_SNAPSHOTS).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"cannot read the journal {self.path}: {error}") from error
        for sequence, chain_checksum, state, checksum in rows:
            if zlib.crc32(state) == checksum:
                yield Snapshot(sequence, chain_checksum, state)

    def save_snapshot(self, state: bytes) -> None:
        """Keep the state that all entries so far add up to, and the snapshot before it."""
        sequence, chain_checksum = self._chain.sequence, self._chain.checksum
        row = (sequence, chain_checksum, state, zlib.crc32(state))
        with self._writing():
            (previous,) = self._connection.execute(
                "SELECT coalesce(max(sequence), 0) FROM snapshots"
            ).fetchone()
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(_INSERT_SNAPSHOT, row)
            self._connection.execute(_DELETE_OLD_SNAPSHOTS, (previous,))
            self._connection.execute("COMMIT")

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file, so that it does not grow for ever.

        Call it now and then, when nobody waits: it syncs both files.
        """
        with self._writing():
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it; leave it alone if it has failed."""
        if self._has_failed:
            return
        with self._writing():
            # Who reads just now keeps the log: the next start folds it, and nobody waits.
            self._connection.execute("PRAGMA busy_timeout = 0")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        os.close(self._lock_fd)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        if self._has_failed:
            raise StorageError(
                f"the journal {self.path} is written no more: an earlier write has failed"
            )
        try:
            yield
        except sqlite3.Error as error:
            self._has_failed = True
            raise StorageError(
                f"cannot write the journal {self.path}: {error}; nothing that depends on it was "
                "sent. Check the disk, then start again"
            ) from error
