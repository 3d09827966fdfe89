"""Locks against a second engine on a state directory and a second executor on an account (I/O).

The kernel holds them and frees them at death, however that comes; they stay held while their
owner is merely stopped. The descriptor is never inherited: a child that outlived us would keep
the lock.
"""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final, Self

from genesis.errors import LockHeld, ResourceError

_PID_CHARS_MAX: Final = 20


class FileLock(contextlib.AbstractContextManager["FileLock"]):
    """A lock on a file, held until `release` or the end of this process.

    Raises:
        LockHeld: Another process holds it.
        ResourceError: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ResourceError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, _PID_CHARS_MAX, 0).decode(errors="replace").strip()
            os.close(fd)
            raise LockHeld(self._told(path, holder or "unknown")) from None
        # The number is for that message only; the lock itself is the kernel's.
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        self.path = path

    @classmethod
    def acquire(cls, path: Path) -> Self:
        """Take the lock, or say who has it. Never waits."""
        return cls(path)

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would race with the next owner."""
        with contextlib.suppress(OSError):  # a full disk must not keep the lock held
            os.ftruncate(self._fd, 0)
        os.close(self._fd)

    def __exit__(self, *_error: object) -> None:
        self.release()

    @staticmethod
    def _told(path: Path, holder: str) -> str:
        """Say who holds the lock and what to do about it."""
        return f"{path} is locked by process {holder}"


class InstanceLock(FileLock):
    """One engine's hold on its state directory."""

    @staticmethod
    def _told(path: Path, holder: str) -> str:
        return (
            f"another engine runs on {path.parent} (process {holder}): "
            "stop it, or use another state_dir"
        )


class AccountLock(FileLock):
    """The one executor's hold on its account: two that write orders could send one twice."""

    @staticmethod
    def _told(path: Path, holder: str) -> str:
        return f"another executor trades on this account (process {holder} holds {path})"
