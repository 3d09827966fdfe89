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

from genesis.errors import ConfigError, LockHeld, ResourceError

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


def holder_of(path: Path) -> str:
    """Return the number of the process that holds a lock, or "" if nobody does. Takes nothing.

    Raises:
        ResourceError: The file is there and cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ResourceError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(fd, _PID_CHARS_MAX, 0).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(fd)
    return ""


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

    @classmethod
    def of_account(cls, directory: Path, mode: str, account_id: int) -> Self:
        """Lock an account of a real venue, by the number that it has there.

        Engines on other state directories lock it at the same place, so `directory` is one for all.

        Raises:
            ConfigError: The directory cannot be made.
            LockHeld: Another executor trades on it.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"account_locks_dir: {directory} cannot be made: {error.strerror}"
            ) from error
        return cls.acquire(cls.path_of(directory, mode, account_id))

    @staticmethod
    def path_of(directory: Path, mode: str, account_id: int) -> Path:
        """Return the file that the lock of an account is on."""
        return directory / f"{mode}-{account_id}.lock"

    @staticmethod
    def _told(path: Path, holder: str) -> str:
        return f"another executor trades on this account (process {holder} holds {path})"
