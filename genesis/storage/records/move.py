"""The same records in another database: made of the same journal, and compared row by row."""

from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Row, Table, select

from genesis.limits import RECORDS_BATCH
from genesis.storage.journal_reader import JournalReader
from genesis.storage.records import schema
from genesis.storage.records.database import RecordsDatabase
from genesis.storage.records.feed import RecordsFeed

_SHOWN_MAX: Final = 5  # of the differences in a table


def catch_up(journal: Path, records: RecordsDatabase, progress: Callable[[int], None]) -> int:
    """Record whatever the journal holds; return the number of its last entry.

    `progress` is told how far it is. Broken off, it goes on there the next time.

    Raises:
        RecordsUnavailable: The database cannot be reached, or holds another journal's records.
        StorageError: The journal cannot be read, or the records are of a later version.
    """
    reader = JournalReader(journal)
    try:
        feed = RecordsFeed(reader, records)
        while feed.step():
            progress(feed.recorded)
        return feed.recorded
    finally:
        reader.close()


def differences(one: RecordsDatabase, other: RecordsDatabase) -> list[str]:
    """Compare every row of every table; return what is not equal, some of each table.

    Raises:
        RecordsUnavailable: A database cannot be reached.
    """
    found: list[str] = []
    with one.transaction() as first, other.transaction() as second:
        for table in schema.metadata.sorted_tables:
            unequal = 0
            pairs = zip_longest(_rows(table, first), _rows(table, second))
            for mine, theirs in pairs:
                if mine is None or theirs is None or tuple(mine) != tuple(theirs):
                    unequal += 1
                    if unequal <= _SHOWN_MAX:
                        found.append(f"{table.name}: {_told(mine)} and {_told(theirs)}")
            if unequal > _SHOWN_MAX:
                found.append(f"{table.name}: {unequal} rows differ in all")
    return found


def _rows(table: Table, connection: Connection) -> Iterator[Row[tuple[object, ...]]]:
    """Read a table by its key, a batch at a time: keys sort alike in Python and in no collation."""
    key = list(table.primary_key)
    if [column.name for column in key] == ["sequence"]:
        statement = select(table).order_by(*key).execution_options(yield_per=RECORDS_BATCH)
        return iter(connection.execute(statement))
    # Text sorts by each engine's own rules; such tables have a row for each order at most.
    places = [list(table.columns).index(column) for column in key]
    rows = connection.execute(select(table)).all()
    return iter(sorted(rows, key=lambda row: tuple(str(row[place]) for place in places)))


def _told(row: Row[tuple[object, ...]] | None) -> str:
    return "nothing" if row is None else str(tuple(row))
