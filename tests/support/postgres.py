"""A real PostgreSQL server for tests: one of its own, on a Unix socket in a directory of its own.

It refuses to run as root, so a root who tests starts it as `postgres` or `nobody`.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from genesis.storage.records.database import RecordsPlace

_INSTALLED: Final = Path("/usr/lib/postgresql")
_USERS: Final = ("postgres", "nobody")
_TIMEOUT_S: Final = 60
_QUICK: Final = (
    "-c fsync=off -c full_page_writes=off -c max_connections=20 -c shared_buffers=16MB"
    " -c dynamic_shared_memory_type=mmap"  # in its own directory, where a killed one leaves nothing
)


class CannotServe(Exception):
    """Why there is no server here."""


class PostgresServer:
    """A server that can be stopped and started again, with as many databases as are asked for."""

    def __init__(self, programs: Path, directory: Path, user: pwd.struct_passwd | None) -> None:
        self._programs = programs
        self._directory = directory
        self._user = user
        self._run("initdb", "-D", str(self._data), "-U", "genesis", "-A", "trust", "--no-sync")

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def start(self) -> None:
        """Start it; return when it takes connections."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self._directory} {_QUICK}"
        self._control("start", "-l", str(self._directory / "log"), "-o", options)

    def stop(self) -> None:
        """Stop it at once: connections are cut, what is committed is kept."""
        self._control("stop", "-m", "fast")

    def url(self, database: str) -> str:
        """Return the URL of a database, as the settings take it."""
        return f"postgresql://genesis@/{database}?host={self._directory}"

    def make_database(self) -> str:
        """Make an empty database; return its URL."""
        name = f"records_{secrets.token_hex(4)}"
        self._run("createdb", "-h", str(self._directory), "-U", "genesis", name)
        return self.url(name)

    def place(self) -> RecordsPlace:
        """Make an empty database; return it as a place for records."""
        return RecordsPlace.on_server(self.make_database())

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", str(_TIMEOUT_S), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        # A file, not a pipe: the server that pg_ctl starts would hold it open.
        with (self._directory / "errors").open("wb") as errors:
            self._call(program, arguments, errors)

    def _call(self, program: str, arguments: Sequence[str], errors: BinaryIO) -> None:
        user = self._user
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=self._directory,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": str(self._directory)},
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            words = (self._directory / "errors").read_text(errors="replace").strip()
            raise CannotServe(f"{program} failed: {words[-400:]}")


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Serve for as long as the context lasts.

    Raises:
        CannotServe: PostgreSQL is not installed, or cannot run here.
    """
    programs = _programs()
    user = _other_user() if os.geteuid() == 0 else None
    # A socket's path is short, and its directory open to the other user.
    directory = Path(tempfile.mkdtemp(prefix="genesis-pg-", dir="/tmp"))
    try:
        if user is not None:
            os.chown(directory, user.pw_uid, user.pw_gid)
        server = PostgresServer(programs, directory, user)
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(CannotServe):  # a test may have left it stopped
                server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    found = sorted(_INSTALLED.glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    if found:
        return found[-1]
    if on_path is None:
        raise CannotServe(f"PostgreSQL is not installed: no {_INSTALLED}/*/bin, no initdb on PATH")
    return Path(on_path).parent


def _other_user() -> pwd.struct_passwd:
    for name in _USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise CannotServe(f"PostgreSQL refuses root, and there is no user {' or '.join(_USERS)}")
