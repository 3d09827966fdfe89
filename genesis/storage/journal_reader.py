"""Reading a journal beside its writer: from another process, in short looks, never holding it up.

In WAL mode a reader takes no lock that a commit needs. It only keeps the log from beginning anew
while it reads, so each look fetches what it wants and is over.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from genesis.engine.entries import Entry
from genesis.errors import StorageError
from genesis.limits import JOURNAL_READ_SECONDS
from genesis.storage.entry_chain import BrokenChain, EntryChain, UnreadableEntry
from genesis.storage.journal import APPLICATION_ID, FORMAT_VERSION

_SELECT: Final = (
    "SELECT sequence, payload, checksum FROM entries WHERE sequence > ? ORDER BY sequence LIMIT ?"
)
_SELECT_BACK: Final = (
    "SELECT sequence, payload, checksum FROM entries WHERE sequence < ? AND sequence >= ? "
    "AND substr(payload, 1, ?) = ? ORDER BY sequence DESC"
)
_decoder: Final[msgspec.json.Decoder[Entry]] = msgspec.json.Decoder(Entry)


class JournaledEntry(NamedTuple):
    """One entry, as read and as stored."""

    sequence: int
    entry: Entry
    payload: bytes
    checksum: int


class JournalReader:
    """A journal that another process may be writing, or has not made yet: then it is empty.

    Raises:
        StorageError: from every method, when the file cannot be read or is not a journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def last_sequence(self) -> int:
        """Return the number of the last entry that is committed."""
        rows = self._fetch("SELECT coalesce(max(sequence), 0) FROM entries")
        return int(rows[0][0]) if rows else 0

    def has_place(self, place: EntryChain) -> bool:
        """Tell whether the chain goes through this place: whether it is a place of this journal."""
        if not place.sequence:
            return True
        rows = self._fetch("SELECT checksum FROM entries WHERE sequence = ?", (place.sequence,))
        return [row[0] for row in rows] == [place.checksum]

    def read(self, place: EntryChain, count: int) -> list[JournaledEntry]:
        """Return the next entries behind a place, `count` at most, and move it behind them.

        Raises:
            StorageError: A row is not what was written, or was written by another version.
        """
        rows = self._fetch(_SELECT, (place.sequence, count))
        try:
            entries = place.read(rows)
        except BrokenChain as error:
            raise StorageError(
                f"the journal {self.path} is damaged at {error}: restore it from a backup"
            ) from error
        except UnreadableEntry as error:
            raise StorageError(
                f"the journal {self.path} holds an entry this version cannot read, {error}; "
                "run the Genesis that wrote it"
            ) from error
        return [
            JournaledEntry(sequence, entry, payload, checksum)
            for (sequence, payload, checksum), entry in zip(rows, entries, strict=True)
        ]

    def read_back(self, kind: str, before: int, span: int) -> list[tuple[int, Entry]]:
        """Return the entries of one kind among the `span` before a place, the latest first.

        For showing: that the chain is whole is not looked at.

        Raises:
            StorageError: A row is not an entry of this version.
        """
        start = b'{"type":"%b",' % kind.encode()
        rows = self._fetch(_SELECT_BACK, (before, before - span, len(start), start))
        try:
            return [(sequence, _decoder.decode(payload)) for sequence, payload, _checksum in rows]
        except msgspec.MsgspecError as error:
            raise StorageError(
                f"the journal {self.path} holds an entry that cannot be read: {error}; "
                "run the Genesis that wrote it"
            ) from error

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fetch(
        self, statement: str, parameters: Sequence[int | bytes] = ()
    ) -> list[tuple[int, bytes, int]]:
        """Return the rows of one look; none while there is no journal."""
        with self._reading():
            connection = self._connection or self._connect()
            return connection.execute(statement, parameters).fetchall() if connection else []

    def _connect(self) -> sqlite3.Connection | None:
        if not self.path.exists():
            return None
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode=ro",
            uri=True,
            timeout=JOURNAL_READ_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        with contextlib.ExitStack() as undo:
            undo.callback(connection.close)
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if application_id == 0 and tables == 0:
                return None  # its writer is about to make it
            if application_id != APPLICATION_ID or version != FORMAT_VERSION:
                raise StorageError(
                    f"{self.path} is not a Genesis journal of format {FORMAT_VERSION}"
                )
            undo.pop_all()
        self._connection = connection
        return connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(f"cannot read the journal {self.path}: {error}") from error
