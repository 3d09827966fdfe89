"""Reading the records as an operator does: tables, rows, exports. Nothing is changed."""

import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple, TextIO, TypeAlias

import sqlite_utils
from sqlalchemy import Connection, Table, func, select

from genesis.errors import StorageError, UsageError
from genesis.limits import RECORDS_BATCH
from genesis.storage.records import schema
from genesis.storage.records.database import RecordsDatabase, revision_of

Value: TypeAlias = str | int | float | bool | None
"""What a cell is shown as: money and times as text, exactly."""


class TableSummary(NamedTuple):
    """A table, and how many rows it has."""

    name: str
    rows: int
    columns: tuple[str, ...]


def summarize_tables(records: RecordsDatabase) -> list[TableSummary]:
    """Return every table, in the order of their names.

    Raises:
        RecordsUnavailable: The database cannot be reached.
        StorageError: It holds no records, or those of another version.
    """
    with _reading(records) as connection:
        return [
            TableSummary(
                table.name,
                connection.execute(select(func.count()).select_from(table)).scalar_one(),
                tuple(column.name for column in table.columns),
            )
            for table in sorted(schema.metadata.tables.values(), key=lambda table: table.name)
        ]


def read_rows(
    records: RecordsDatabase,
    name: str,
    *,
    conditions: Mapping[str, str] | None = None,
    last: int | None = None,
) -> Iterator[dict[str, Value]]:
    """Yield rows of a table in the order in which they came, all of them or the `last` ones.

    `conditions` are columns and what each must read as; see `Value`.

    Raises:
        UsageError: There is no such table or column.
        RecordsUnavailable, StorageError: As `summarize_tables`.
    """
    table = _table(name)
    for column in conditions or {}:
        if column not in table.columns:
            known = ", ".join(each.name for each in table.columns)
            raise UsageError(f"{name} has no column {column}; it has {known}")
    order = table.columns.get("sequence", next(iter(table.columns)))
    statement = select(table).order_by(order.desc() if last is not None else order)
    with _reading(records) as connection:
        rows: Iterator[dict[str, Value]] = (
            {key: value_of(value) for key, value in row._mapping.items()}
            for row in connection.execute(statement.execution_options(yield_per=RECORDS_BATCH))
        )
        if conditions:
            rows = (row for row in rows if _fits(row, conditions))
        if last is None:
            yield from rows
            return
        latest = [row for row, _place in zip(rows, range(last), strict=False)]
    yield from reversed(latest)


def value_of(value: object) -> Value:
    """Return a cell as it is shown."""
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case bytes():
            return value.decode(errors="replace")
        case _:
            return json.dumps(value)


def write_csv(rows: Iterator[dict[str, Value]], columns: Sequence[str], file: TextIO) -> int:
    """Write rows as CSV with a line of names; return how many."""
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    return _count(rows, writer.writerow)


def write_json_lines(rows: Iterator[dict[str, Value]], file: TextIO) -> int:
    """Write rows as one JSON object a line; return how many."""
    return _count(rows, lambda row: file.write(json.dumps(row) + "\n"))


def write_sqlite(rows: Iterator[dict[str, Value]], name: str, path: Path) -> int:
    """Write rows into a table of a SQLite file of their own; return how many.

    Raises:
        StorageError: The file has such a table.
    """
    database = sqlite_utils.Database(path)
    try:
        table = database.table(name)
        if table.exists():
            raise StorageError(f"{path} has a table {name}: name another file")
        counted = 0

        def counting() -> Iterator[dict[str, Value]]:
            nonlocal counted
            for row in rows:
                counted += 1
                yield row

        table.insert_all(counting())
        return counted
    finally:
        database.close()


def columns_of(name: str) -> tuple[str, ...]:
    """Return the columns of a table.

    Raises:
        UsageError: There is no such table.
    """
    return tuple(column.name for column in _table(name).columns)


_ABSENT: Final = "they hold no records; the engine makes them at its next start"


@contextlib.contextmanager
def _reading(records: RecordsDatabase) -> Iterator[Connection]:
    """Look at records of this program's schema, which is not brought up to it here."""
    place = records.place
    database = place.url.database
    if place.is_sqlite and not (database and Path(database).exists()):
        raise StorageError(f"{place.name}: {_ABSENT}")
    with records.transaction() as connection:
        found = revision_of(connection)
        if found != schema.SCHEMA_REVISION:
            why = f"they have schema {found}, and this program {schema.SCHEMA_REVISION}"
            raise StorageError(f"{place.name}: {why if found else _ABSENT}")
        yield connection


def _table(name: str) -> Table:
    table = schema.metadata.tables.get(name)
    if table is None:
        known = ", ".join(sorted(schema.metadata.tables))
        raise UsageError(f"there is no table {name}; there are {known}")
    return table


def _fits(row: Mapping[str, Value], conditions: Mapping[str, str]) -> bool:
    return all(str(row[column]) == wanted for column, wanted in conditions.items())


def _count(rows: Iterator[dict[str, Value]], write: Callable[[dict[str, Value]], object]) -> int:
    count = 0
    for row in rows:
        write(row)
        count += 1
    return count
