"""The records' database: opened, brought to this program's schema, its faults in plain words."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from genesis.config import Settings
from genesis.credentials import load_records_password
from genesis.errors import ConfigError, RecordsUnavailable, StorageError
from genesis.limits import (
    RECORDS_CONNECT_SECONDS,
    RECORDS_SILENCE_SECONDS,
    RECORDS_STATEMENT_SECONDS,
)
from genesis.storage.records.schema import SCHEMA_REVISION

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS: Final = "genesis.storage.records:migrations"
_MIGRATION_LOCK: Final = 0x47454E52  # "GENR": two programs never change one schema at a time
_PRIVATE_FILE: Final = 0o600
_MS_PER_SECOND: Final = 1_000


class RecordsPlace(NamedTuple):
    """Where records are kept. Printing it shows no password."""

    url: URL
    password: SecretStr | None = None

    @classmethod
    def in_file(cls, path: Path) -> Self:
        """Return a SQLite file."""
        return cls(URL.create("sqlite", database=str(path)))

    @classmethod
    def on_server(cls, url: str, password: SecretStr | None = None) -> Self:
        """Return a database on a PostgreSQL server, named by a URL without a password."""
        return cls(make_url(url).set(drivername="postgresql+psycopg"), password)

    @property
    def is_sqlite(self) -> bool:
        """Tell whether it is a file."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def name(self) -> str:
        """Return what an operator calls it: a path, or server and database."""
        url = self.url
        if self.is_sqlite:
            return f"the records {url.database}"
        host = url.host or url.query.get("host") or "this host"
        port = "" if url.port is None else f":{url.port}"
        return f"the records {url.database} on {host}{port}"


def place_of(settings: Settings, environ: Mapping[str, str] = os.environ) -> RecordsPlace:
    """Return where the settings keep the records.

    Raises:
        ConfigError: The password's file cannot be read, or is not ours alone.
    """
    records = settings.records
    if records.url is None:
        return RecordsPlace.in_file(settings.records_path)
    password = load_records_password(records.password_file, environ)
    return RecordsPlace.on_server(records.url, password)


class RecordsDatabase:
    """One database of records, and the one way to talk to it: `transaction`."""

    def __init__(self, place: RecordsPlace) -> None:
        """Get ready; the database is not touched before the first transaction.

        Raises:
            ConfigError: PostgreSQL's driver is not installed.
        """
        self.place = place
        self.engine = _sqlite_engine(place) if place.is_sqlite else _postgres_engine(place)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection with a transaction that commits at the end, or rolls back on an error.

        Raises:
            RecordsUnavailable: The database cannot be reached, or refuses. Whether a commit that
                raised it took place is not known.
        """
        try:
            if self.place.is_sqlite:
                assert self.place.url.database is not None
                Path(self.place.url.database).touch(mode=_PRIVATE_FILE)
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise RecordsUnavailable(f"{self.place.name}: {_reason_of(error)}") from error
        except OSError as error:
            raise RecordsUnavailable(f"{self.place.name}: {error.strerror}") from error

    def prepare(self) -> str:
        """Bring the schema to this program's revision; return which it was at ("" for none).

        Raises:
            RecordsUnavailable: As `transaction`.
            StorageError: A later version of Genesis made it.
        """
        with self.transaction() as connection:
            found = revision_of(connection)
            if found != SCHEMA_REVISION:
                migrate(connection)
        return found

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def revision_of(connection: Connection) -> str:
    """Return which revision of the schema a database has, "" for none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the schema up to a revision, within the connection's transaction.

    Raises:
        StorageError: The database has a revision that this program does not know.
    """
    # Only a migration needs it, and it takes longer to load than the rest of the records.
    from alembic import command  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
    config = _alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = revision_of(connection)
    if found and found not in known:
        raise StorageError(
            f"the records have schema {found}, which this version of Genesis does not know: "
            "run the Genesis that made it"
        )
    command.upgrade(config, revision)


def move_back(connection: Connection, revision: str) -> None:
    """Bring the schema back to an earlier revision, "base" for nothing; what it lacks is lost."""
    from alembic import command  # noqa: PLC0415

    command.downgrade(_alembic_config(connection), revision)


def _alembic_config(connection: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", _MIGRATIONS)
    config.set_main_option("path_separator", "os")
    return config


def _sqlite_engine(place: RecordsPlace) -> Engine:
    engine = create_engine(
        place.url,
        connect_args={"check_same_thread": False, "timeout": RECORDS_CONNECT_SECONDS},
        pool_size=1,
        max_overflow=0,
    )
    event.listen(engine, "connect", _configure_sqlite)
    # The driver begins a transaction only at the first change of a row, and never for a table.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    # A power cut may take the last transactions, whole: the feed's position goes with them.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _postgres_engine(place: RecordsPlace) -> Engine:
    statement_ms = RECORDS_STATEMENT_SECONDS * _MS_PER_SECOND
    arguments: dict[str, object] = {
        "application_name": "genesis",
        "connect_timeout": RECORDS_CONNECT_SECONDS,
        "options": f"-c timezone=UTC -c statement_timeout={statement_ms}",
        "keepalives_idle": RECORDS_SILENCE_SECONDS,
        "tcp_user_timeout": RECORDS_SILENCE_SECONDS * _MS_PER_SECOND,
    }
    if place.password is not None:
        arguments["password"] = place.password.get_secret_value()
    try:
        return create_engine(place.url, connect_args=arguments, pool_size=1, max_overflow=0)
    except ImportError as error:
        raise ConfigError(
            "records.url: PostgreSQL needs its driver: pip install 'genesis-trading[postgres]'"
        ) from error


def _reason_of(error: SQLAlchemyError) -> str:
    """Return what went wrong in one line, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError | StatementError) else error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
