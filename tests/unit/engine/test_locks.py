"""One engine on a state directory, one executor on an account."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genesis.engine.locks import AccountLock, FileLock, InstanceLock, holder_of
from genesis.errors import ConfigError, LockHeld, ResourceError


@pytest.mark.parametrize(
    ("lock", "says"), [(InstanceLock, "another engine"), (AccountLock, "another executor")]
)
def test_a_held_lock_is_refused_and_its_holder_named(
    lock: type[FileLock], says: str, tmp_path: Path
) -> None:
    """Who comes second is told who is first, and exits 75."""
    with lock.acquire(tmp_path / "lock"):
        with pytest.raises(LockHeld, match=f"{says}.*{os.getpid()}") as caught:
            lock.acquire(tmp_path / "lock")
        assert caught.value.exit_code == 75
    lock.acquire(tmp_path / "lock").release()


def test_a_lock_ends_with_its_owner_and_is_not_inherited(tmp_path: Path) -> None:
    """The kernel frees the lock of a killed process, though its child lives on."""
    program = (
        "import subprocess, sys, time, pathlib\n"
        "from genesis.engine.locks import InstanceLock\n"
        "lock = InstanceLock.acquire(pathlib.Path(sys.argv[1]))\n"
        "child = subprocess.Popen(['sleep', '60'], close_fds=False)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    path = tmp_path / "engine.lock"
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        grandchild = int(owner.stdout.readline())
        with pytest.raises(LockHeld, match=str(owner.pid)):
            InstanceLock.acquire(path)
        owner.kill()
        owner.wait()
        InstanceLock.acquire(path).release()
        os.kill(grandchild, 9)


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    """A lock is never taken on a file that somebody else chose."""
    (tmp_path / "lock").symlink_to(tmp_path / "other")
    with pytest.raises(ResourceError, match="cannot be opened"):
        InstanceLock.acquire(tmp_path / "lock")


def test_a_file_with_a_strange_holder_is_still_told(tmp_path: Path) -> None:
    """The number in the file is for people; nonsense in it does not hide that the lock is held."""
    path = tmp_path / "lock"
    with InstanceLock.acquire(path):
        path.write_bytes(b"\xff\n")
        with pytest.raises(LockHeld):
            InstanceLock.acquire(path)


def test_an_account_is_locked_wherever_its_engines_keep_their_state(tmp_path: Path) -> None:
    """By its number at the venue: two keys of one account, on two state directories, are one."""
    directory = tmp_path / "deep" / "locks"
    with AccountLock.of_account(directory, "live", 7):
        with pytest.raises(LockHeld, match=r"live-7\.lock"):
            AccountLock.of_account(directory, "live", 7)
        AccountLock.of_account(directory, "testnet", 7).release()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"account_locks_dir: .* cannot be made"):
        AccountLock.of_account(tmp_path / "file" / "locks", "live", 7)


def test_who_holds_a_lock_is_seen_without_taking_it(tmp_path: Path) -> None:
    """Looking makes no file, and leaves a held lock held."""
    path = tmp_path / "lock"
    assert holder_of(path) == ""
    assert not path.exists()
    with InstanceLock.acquire(path):
        assert holder_of(path) == str(os.getpid())
        with pytest.raises(LockHeld):
            InstanceLock.acquire(path)
    assert holder_of(path) == ""
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(ResourceError, match="cannot be opened"):
        holder_of(tmp_path / "link")
