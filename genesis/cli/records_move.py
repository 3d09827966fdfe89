"""`genesis db upgrade-to-postgres` and its way back: other records, made, compared, switched to."""

from contextlib import closing
from pathlib import Path

import click
import tomlkit
from tomlkit.exceptions import TOMLKitError

from genesis.cli.options import settings_from_options, settings_options
from genesis.config import Settings
from genesis.config_loading import load_settings
from genesis.config_records import RecordsSettings
from genesis.engine.locks import InstanceLock
from genesis.engine.state_directory import StateDirectory
from genesis.errors import StorageError, UsageError
from genesis.storage.records.database import RecordsDatabase, RecordsPlace, place_of
from genesis.storage.records.move import catch_up, differences


@click.command("upgrade-to-postgres")
@click.option("--url", required=True, help="Such as postgresql://genesis@host:5432/genesis.")
@click.option(
    "--password-file", type=click.Path(path_type=Path), help="File with its password, mode 0600."
)
@settings_options
def upgrade_to_postgres(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    *,
    url: str,
    password_file: Path | None,
) -> None:
    """Copy the records to PostgreSQL, compare every row, and switch the configuration to it.

    The engine must be stopped. The SQLite file stays as it is; `genesis db return-to-sqlite` is the
    way back. Broken off, it may be started again, and goes on where it was.
    """
    settings = settings_from_options(config_file, state, overrides)
    if settings.records.url is not None:
        raise UsageError(f"records.url: is {settings.records.url} already")
    words = [f"records.url={url}"]
    if password_file is not None:
        words.append(f"records.password_file={password_file.absolute()}")
    moved = settings_from_options(config_file, state, (*overrides, *words))
    _move(settings, place_of(settings), place_of(moved))
    _switch(config_file, moved.records)


@click.command("return-to-sqlite")
@settings_options
def return_to_sqlite(
    config_file: Path | None, state: Path | None, overrides: tuple[str, ...]
) -> None:
    """Bring the SQLite file up to date, compare every row, and switch the configuration back.

    The engine must be stopped. What is in PostgreSQL stays there.
    """
    settings = settings_from_options(config_file, state, overrides)
    if settings.records.url is None:
        raise UsageError("records.url: is not set; the records are in SQLite")
    _move(settings, place_of(settings), RecordsPlace.in_file(settings.records_path))
    _switch(config_file, RecordsSettings())


def _move(settings: Settings, source: RecordsPlace, target: RecordsPlace) -> None:
    """Fill the target from the journal, and hold it against the source, row by row."""
    state = StateDirectory(settings.state_dir)
    journal = state.only_journal()
    with (
        InstanceLock.acquire(state.lock_path),
        closing(RecordsDatabase(source)) as old,
        closing(RecordsDatabase(target)) as new,
    ):
        for records in (old, new):
            last = catch_up(journal, records, _tell_progress)
            click.echo(f"{records.place.name}: {last:,} entries recorded")
        unequal = differences(old, new)
    if unequal:
        raise StorageError(
            "\n".join([f"{new.place.name} differ, and nothing was switched:", *unequal])
        )
    click.echo("every row is equal in both")


def _tell_progress(recorded: int) -> None:
    click.echo(f"  {recorded:,} entries", err=True)


def _switch(config_file: Path | None, records: RecordsSettings) -> None:
    """Write where records are kept into the configuration file, and nothing else of it anew."""
    values = {"url": records.url, "password_file": records.password_file}
    if config_file is None:
        words = [
            f"records.{key}" + (f' = "{value}"' if value is not None else " (remove it)")
            for key, value in values.items()
            if value is not None or key == "url"
        ]
        click.echo(f"no --config was named; set this where you configure: {', '.join(words)}")
        return
    try:
        document = tomlkit.parse(config_file.read_text())
        section = document.setdefault("records", tomlkit.table())
        for key, value in values.items():
            if value is not None:
                section[key] = str(value)
            elif key in section:
                del section[key]
        beside = config_file.with_name(f"{config_file.name}.new")
        beside.write_text(tomlkit.dumps(document))
        beside.chmod(config_file.stat().st_mode)
        load_settings(beside)
        beside.replace(config_file)
    except (OSError, TOMLKitError) as error:
        raise StorageError(f"{config_file} cannot be changed: {error}") from error
    click.echo(f"{config_file}: records are in {records.url or 'SQLite'} from the next start on")
