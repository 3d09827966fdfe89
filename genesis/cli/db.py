"""`genesis db`: the records looked at, exported, moved; the state directory backed up, restored."""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import click

from genesis.cli.options import settings_from_options, settings_options
from genesis.cli.records_move import return_to_sqlite, upgrade_to_postgres
from genesis.clock import EngineClock
from genesis.engine.state_directory import StateDirectory
from genesis.errors import StorageError, UsageError
from genesis.storage.backup import back_up, backups
from genesis.storage.records.database import RecordsDatabase, place_of
from genesis.storage.records.reading import (
    Value,
    columns_of,
    read_rows,
    summarize_tables,
    write_csv,
    write_json_lines,
    write_sqlite,
)
from genesis.units import NANOS_PER_SECOND

_LAST: Final = 20


@click.group()
def db() -> None:
    """Look at the records, export and move them; back the state up and restore it."""


for _command in (upgrade_to_postgres, return_to_sqlite):
    db.add_command(_command)


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@settings_options
def tables(
    config_file: Path | None, state: Path | None, overrides: tuple[str, ...], *, as_json: bool
) -> None:
    """List the tables of the records, and how many rows each has."""
    settings = settings_from_options(config_file, state, overrides)
    with closing(RecordsDatabase(place_of(settings))) as records:
        summaries = summarize_tables(records)
    if as_json:
        click.echo(json.dumps({each.name: each._asdict() for each in summaries}, indent=2))
        return
    width = max(len(each.name) for each in summaries)
    for each in summaries:
        click.echo(f"{each.name:<{width}}  {each.rows:>10,}")


@db.command()
@click.argument("table")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only rows that read so; may be given often.",
)
@click.option("--last", type=click.IntRange(1), default=_LAST, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a row.")
@settings_options
def rows(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    *,
    table: str,
    conditions: tuple[str, ...],
    last: int,
    as_json: bool,
) -> None:
    """Show the latest rows of a table."""
    settings = settings_from_options(config_file, state, overrides)
    wanted = dict(map(_condition, conditions))
    with closing(RecordsDatabase(place_of(settings))) as records:
        found = list(read_rows(records, table, conditions=wanted, last=last))
    if as_json:
        for row in found:
            click.echo(json.dumps(row))
    else:
        click.echo("\n".join(_aligned(found, columns_of(table))))


@db.command()
@click.argument("table")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "sqlite"]),
    default="csv",
    show_default=True,
)
@click.option("--output", type=click.Path(path_type=Path), help="A new file; default: stdout.")
@settings_options
def export(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    *,
    table: str,
    form: str,
    output: Path | None,
) -> None:
    """Write all rows of a table to a file; money and times are text, exactly."""
    settings = settings_from_options(config_file, state, overrides)
    if form == "sqlite" and output is None:
        raise UsageError("--format sqlite needs --output FILE")
    columns = columns_of(table)
    with closing(RecordsDatabase(place_of(settings))) as records:
        found = read_rows(records, table)
        if form == "sqlite":
            assert output is not None
            count = write_sqlite(found, table, output)
        elif output is None:
            _write(found, columns, form, sys.stdout)
            return
        else:
            count = _write_file(found, columns, form, output)
    click.echo(f"{output}: {count:,} rows of {table}")


@db.command()
@settings_options
def backup(config_file: Path | None, state: Path | None, overrides: tuple[str, ...]) -> None:
    """Back the state directory up now, whether the engine runs or not."""
    settings = settings_from_options(config_file, state, overrides)
    made = back_up(
        settings.state_dir,
        settings.backup_dir,
        datetime.now(UTC),
        max(1, settings.records.backups_kept),
    )
    kept = len(backups(settings.backup_dir))
    click.echo(f"{made}: made and checked; {kept} kept. The key is not in it")


@db.command()
@click.option(
    "--from-backup",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A backup's directory; default: the records that the settings name.",
)
@settings_options
def restore(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    *,
    from_backup: Path | None,
) -> None:
    """Make a new state directory of the records, or of a backup; the venue tells the rest.

    What neither holds any more is taken in from the venue at the next start, before anything is
    traded. The old engine must never run again: two would trade on one account.
    """
    # These read whole journals, which no other command needs the code for.
    from genesis.storage.records.restore import (  # noqa: PLC0415
        journal_from_backup,
        journal_from_records,
    )

    settings = settings_from_options(config_file, state, overrides)
    directory = StateDirectory(settings.state_dir)
    directory.prepare()
    directory.refuse_used()
    now = EngineClock.start().now()
    unnamed = settings.state_dir / "restored"
    if from_backup is not None:
        copy = StateDirectory(from_backup).only_journal()
        books = journal_from_backup(copy, unnamed, now)
    elif settings.records.url is None:
        raise UsageError("name a backup (--from-backup) or PostgreSQL's records (records.url)")
    else:
        with closing(RecordsDatabase(place_of(settings))) as records:
            books = journal_from_records(records, unnamed, now)
    tag = books.account or directory.account_tag("")
    directory.restore(settings.mode, books.next_epoch, books.strategy_numbers)
    unnamed.rename(directory.journal_path(tag))
    written_at = datetime.fromtimestamp(books.written_at // NANOS_PER_SECOND, UTC)
    click.echo(
        f"{settings.state_dir}: {books.entries:,} entries up to {written_at:%Y-%m-%d %H:%M:%S} UTC."
        " The next start takes in from the venue what came later"
    )


def _condition(text: str) -> tuple[str, str]:
    column, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--where {text!r}: use COLUMN=VALUE")
    return column, value


def _aligned(found: list[dict[str, Value]], columns: tuple[str, ...]) -> Iterator[str]:
    """Lay rows out below the names of their columns."""
    cells = [[_shown(row[column]) for column in columns] for row in found]
    widths = [
        max(len(column), *(len(line[place]) for line in cells)) if cells else len(column)
        for place, column in enumerate(columns)
    ]
    for line in (list(columns), *cells):
        yield "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()


def _shown(value: Value) -> str:
    return "" if value is None else str(value)


def _write(
    found: Iterator[dict[str, Value]], columns: tuple[str, ...], form: str, file: TextIO
) -> int:
    if form == "csv":
        return write_csv(found, columns, file)
    return write_json_lines(found, file)


def _write_file(
    found: Iterator[dict[str, Value]], columns: tuple[str, ...], form: str, output: Path
) -> int:
    try:
        with output.open("x", encoding="utf-8", newline="") as file:
            return _write(found, columns, form, file)
    except FileExistsError:
        raise UsageError(f"--output {output}: exists; name a new file") from None
    except (OSError, csv.Error) as error:
        raise StorageError(f"{output} cannot be written: {error}") from error
