"""A real PostgreSQL server for tests: one of its own, on a Unix socket in a directory of its own.

It refuses to run as root, so a root who tests starts it as `postgres` or `nobody`.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from genesis.storage.records.database import RecordsPlace

_INSTALLED: Final = Path("/usr/lib/postgresql")
_USERS: Final = ("postgres", "nobody")
_SETPRIV: Final = "setpriv"
_TIMEOUT_S: Final = 60
_POLL_S: Final = 0.05
# No disk is waited for, and nothing of it is in /dev/shm, where tests look for what others left.
_QUICK: Final = (
    "-c fsync=off -c full_page_writes=off -c max_connections=20 -c shared_buffers=16MB "
    "-c dynamic_shared_memory_type=mmap"
)


class CannotServe(Exception):
    """Why there is no server here."""


class PostgresServer:
    """A server that can be stopped and started again, with as many databases as are asked for."""

    def __init__(self, programs: Path, directory: Path, user: pwd.struct_passwd | None) -> None:
        self._programs = programs
        self._directory = directory
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "genesis", "-A", "trust", "--no-sync")

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def start(self) -> None:
        """Start it; return when it takes connections.

        It is a child of ours that the kernel stops when we die, however that comes about.
        """
        socket = f"-c listen_addresses= -c unix_socket_directories={self._directory}"
        program = str(self._programs / "postgres")
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(_SETPRIV, "--pdeathsig", "INT", *self._identity(), program),
                    *("-D", str(self._data), *socket.split(), *_QUICK.split()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env=self._environment(),
            )
        ends_at = time.monotonic() + _TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > ends_at:
                raise CannotServe(f"it does not start: {_last_words(self._directory / 'log')}")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop it at once: connections are cut, what is committed is kept."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(_TIMEOUT_S)

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

    def _answers(self) -> bool:
        try:
            self._run("psql", "-h", str(self._directory), "-U", "genesis", "-c", "", "postgres")
        except CannotServe:
            return False
        return True

    def _identity(self) -> list[str]:
        """Return how a program is run as the other user; for our own, nothing."""
        if self._user is None:
            return []
        user, group = self._user.pw_uid, self._user.pw_gid
        return [f"--reuid={user}", f"--regid={group}", "--clear-groups"]

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": str(self._directory)}

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [_SETPRIV, *self._identity(), str(self._programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=self._directory,
            env=self._environment(),
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise CannotServe(f"{program} failed: {done.stderr.decode(errors='replace')[-400:]}")


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-400:]


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
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    if shutil.which(_SETPRIV) is None:
        raise CannotServe(f"{_SETPRIV} of util-linux is not installed")
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
