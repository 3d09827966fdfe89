"""Backups of a state directory: every database as of one moment each, and the small files beside.

A backup is a directory of its own, whole or not there: it is made under another name, checked, and
renamed. Running engines need not stop; a database is read in one look, as any reader does.
"""

import contextlib
import os
import shutil
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from genesis.errors import StorageError

_PRIVATE_DIRECTORY: Final = 0o700
_PRIVATE_FILE: Final = 0o600
_NAME: Final = "%Y%m%dT%H%M%SZ"
_PARTIAL: Final = ".partial"
_SMALL_FILES: Final = ("mode", "epoch", "strategies.json")
"""What a state directory holds beside databases that a restart needs; no key is ever copied."""


def back_up(state_dir: Path, directory: Path, now: datetime, keep: int) -> Path:
    """Make a backup below `directory`, and remove the oldest beyond `keep`; return the new one.

    `now` is in UTC and names it.

    Raises:
        StorageError: A database is damaged or cannot be read, or the disk does not take the copy.
            What was begun is removed.
    """
    databases = sorted(state_dir.glob("*.db"))
    if not databases:
        raise StorageError(f"{state_dir} holds nothing to back up: no engine has run on it yet")
    target = directory / now.strftime(_NAME)
    partial = target.with_name(target.name + _PARTIAL)
    try:
        directory.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        if target.exists():
            raise StorageError(f"{target} exists: a backup is made once a second at most")
        for leftover in directory.glob(f"*{_PARTIAL}"):  # of a process that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        partial.mkdir(mode=_PRIVATE_DIRECTORY)
        for database in databases:
            _copy_database(database, partial / database.name)
        for name in _SMALL_FILES:
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(state_dir / name, partial / name)
        for file in partial.iterdir():
            file.chmod(_PRIVATE_FILE)
            _sync(file)
        _sync(partial)
        partial.rename(target)
        _sync(directory)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"the backup {target} cannot be made: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for old in backups(directory)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def backups(directory: Path) -> list[Path]:
    """Return the backups below a directory, the oldest first."""
    return sorted(path for path in directory.glob("*") if _is_backup(path))


def _is_backup(path: Path) -> bool:
    try:
        datetime.strptime(path.name, _NAME)
    except ValueError:
        return False
    return path.is_dir()


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, and check the copy from end to end."""
    uri = f"file:{quote(str(source))}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    with contextlib.closing(sqlite3.connect(target)) as copy:
        (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise StorageError(f"{source} is damaged: {verdict}")


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
