"""What a test session may not leave behind: processes, segments, sockets."""

import contextlib
import gc
import os
import select
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MARK: Final = "PYTEST_SESSION_MARK"
_SHARED_MEMORY: Final = Path("/dev/shm")
_OWN_DESCRIPTORS: Final = Path("/proc/self/fd")
_ENDING_S: Final = 5.0


class LeakCheck:
    """Made at the session's start; at its end, names what the tests left behind.

    Every process that the tests start, however deep, inherits a mark in its environment, so one
    that has lost its parent is found too.
    """

    def __init__(self, temporary: Path) -> None:
        self._temporary = temporary
        self._mark = f"{_MARK}={uuid.uuid4()}"
        os.environ[_MARK] = self._mark.partition("=")[2]
        self._segments = set(_names_in(_SHARED_MEMORY))
        self._memory_files = set(_own_memory_files())

    def leaks(self) -> list[str]:
        """Return a line for each thing left behind; processes about to end are waited for."""
        gc.collect()
        segments = sorted(set(_names_in(_SHARED_MEMORY)) - self._segments)
        memory_files = sorted(set(_own_memory_files()) - self._memory_files)
        return [
            *(f"process {pid}: {_command(pid)}" for pid in self._lasting_processes()),
            *(f"segment /dev/shm/{name}" for name in segments),
            *(f"open memory file {name}" for name in memory_files),
            *(f"socket {path}" for path in self._temporary.rglob("*") if path.is_socket()),
        ]

    def _lasting_processes(self) -> Iterator[int]:
        for pid in self._marked_processes():
            with contextlib.suppress(ProcessLookupError):
                pidfd = os.pidfd_open(pid)
                try:
                    if not select.select([pidfd], [], [], _ENDING_S)[0]:
                        yield pid
                finally:
                    os.close(pidfd)

    def _marked_processes(self) -> Iterator[int]:
        for name in _names_in(Path("/proc")):
            if name.isdigit() and int(name) != os.getpid():
                with contextlib.suppress(OSError):
                    environment = Path(f"/proc/{name}/environ").read_bytes()
                    if self._mark.encode() in environment.split(b"\0"):
                        yield int(name)


def _names_in(directory: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return [entry.name for entry in directory.iterdir()]
    return []


def _own_memory_files() -> Iterator[str]:
    for entry in _OWN_DESCRIPTORS.iterdir():
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            if target.startswith("/memfd:"):
                yield f"{target} (descriptor {entry.name})"


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return "gone"
