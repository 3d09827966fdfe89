"""What the parent keeps on disk: epochs, strategy numbers, the simulated venue's key (I/O).

Each is a small file, replaced whole: written beside, synced, renamed, and the directory synced,
so a power cut leaves the old one or the new one.
"""

import base64
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from genesis.config import Mode
from genesis.credentials import load_credentials
from genesis.domain.order_ids import account_tag
from genesis.engine.boot import TradingKey
from genesis.engine.strategy_registry import assign_numbers
from genesis.errors import ConfigError, StorageError
from genesis.limits import EPOCH_MAX

_PRIVATE_DIRECTORY: Final = 0o700
_PRIVATE_FILE: Final = 0o600
_JOURNAL_SUFFIX: Final = ".journal.db"


class StateDirectory:
    """The engine's own directory. Its owner holds the instance lock before it changes anything."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def lock_path(self) -> Path:
        """The file that the instance lock is on."""
        return self.path / "engine.lock"

    @property
    def output_path(self) -> Path:
        """Where what children print goes: stack dumps, and errors of the interpreter itself."""
        return self.path / "children.out"

    @property
    def sim_key_path(self) -> Path:
        """The key that trades on the simulated venue, in the form of any key file."""
        return self.path / "sim_key.toml"

    def account_lock_path(self, tag: str) -> Path:
        """Return the file that the lock of one account is on."""
        return self.path / f"{tag}.lock"

    def journal_path(self, tag: str) -> Path:
        """Return the file of one account's journal."""
        return self.path / f"{tag}{_JOURNAL_SUFFIX}"

    def prepare(self) -> None:
        """Make the directory, for its owner alone, or check that it is such a one.

        Raises:
            ConfigError: It cannot be made, belongs to another user, or others may look into it.
        """
        place = f"state_dir: {self.path}"
        try:
            self.path.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            status = self.path.stat()
            if status.st_uid != os.geteuid():
                raise ConfigError(f"{place} belongs to another user; choose one of your own")
            mode = stat.S_IMODE(status.st_mode)
            if mode & 0o077 and not any(self.path.iterdir()):
                self.path.chmod(_PRIVATE_DIRECTORY)  # nobody can have put anything into it
            elif mode & 0o077:
                raise ConfigError(
                    f"{place} is open to others (mode {mode:04o}): chmod 700 {self.path}"
                )
        except OSError as error:
            raise ConfigError(f"{place} cannot be used: {error.strerror}") from error

    def claim_mode(self, mode: Mode) -> None:
        """Take the directory for a mode, which the first start decides for good.

        Orders, positions and their numbers of one venue mean nothing to another.

        Raises:
            ConfigError: It was taken for another mode.
            StorageError: That cannot be read or written.
        """
        owner = self.mode()
        if not owner:
            self._replace(self._mode_path, f"{mode}\n".encode())
        elif owner != mode:
            raise ConfigError(
                f"state_dir: {self.path} belongs to mode {owner}, and this is mode {mode}: "
                "use a state_dir of its own for each mode"
            )

    def mode(self) -> str:
        """Return the mode that the directory belongs to, "" for none yet.

        Raises:
            StorageError: That cannot be read.
        """
        text = self._read(self._mode_path)
        if text is not None:
            return text.decode(errors="replace").strip()
        return "sim" if self._epoch_path.exists() else ""  # modes came later than this directory

    def has_journal(self) -> bool:
        """Tell whether there are books of an account."""
        return any(self.path.glob(f"*{_JOURNAL_SUFFIX}"))

    def account_tag(self, api_key: str) -> str:
        """Return the tag of the account: that of the journal, or by the key if there is none yet.

        A new key of the same account so finds the journal of the old one; whether it is the same
        account, the venue tells.

        Raises:
            StorageError: There are journals of several accounts.
        """
        tags = self._tags()
        return tags[0] if tags else account_tag(api_key)

    def only_journal(self) -> Path:
        """Return the file of the one journal.

        Raises:
            StorageError: There is none, or there are journals of several accounts.
        """
        tags = self._tags()
        if not tags:
            raise StorageError(f"{self.path} holds no journal: no engine has traded on it yet")
        return self.journal_path(tags[0])

    def next_epoch(self) -> int:
        """Return a number that no child was ever started with, durable before it is used.

        Client order ids are made of it, so a number used twice could name two orders alike.

        Raises:
            StorageError: The counter is damaged, gone or cannot be written.
        """
        path = self._epoch_path
        text = self._read(path)
        if text is None and self._strategy_numbers_path.exists():
            raise StorageError(
                f"{path} is gone, and epochs must never repeat: write a number into it that is "
                "larger than any epoch in the log"
            )
        last = 0 if text is None else _whole_number(text, path)
        if last >= EPOCH_MAX:
            raise StorageError(f"{path}: no epoch is left after {last}")
        self._replace(path, f"{last + 1}\n".encode())
        return last + 1

    def refuse_used(self) -> None:
        """Make sure that no engine has used the directory.

        Raises:
            ConfigError: One has.
        """
        if self.mode() or self.has_journal() or self._strategy_numbers_path.exists():
            raise ConfigError(f"state_dir: {self.path} has been used; restore into a new state_dir")

    def restore(self, mode: Mode, epoch: int, numbers: Mapping[str, int]) -> None:
        """Take a new directory for books that were kept elsewhere, all of whose epochs are older.

        Raises:
            ConfigError: An engine has used the directory.
            StorageError: It cannot be written.
        """
        if self.mode() or self.has_journal() or self._strategy_numbers_path.exists():
            raise ConfigError(f"state_dir: {self.path} has been used; restore into a new state_dir")
        self.claim_mode(mode)
        encoded = msgspec.json.format(msgspec.json.encode(dict(numbers)), indent=1)
        self._replace(self._strategy_numbers_path, encoded)
        self._replace(self._epoch_path, f"{epoch}\n".encode())

    def number_strategies(self, strategy_ids: Iterable[str]) -> dict[str, int]:
        """Return each strategy's permanent number; one never seen before gets the next free one.

        A number outlives its strategy, since orders, positions and shared records name it.

        Raises:
            StorageError: The file is damaged or cannot be written.
            ConfigError: No number is left.
        """
        numbers = self.strategy_numbers()
        assigned = assign_numbers(numbers, strategy_ids)
        if assigned != numbers or not numbers:
            encoded = msgspec.json.format(msgspec.json.encode(assigned), indent=1)
            self._replace(self._strategy_numbers_path, encoded)
        return assigned

    def strategy_numbers(self) -> dict[str, int]:
        """Return the number of each strategy that ever ran on this directory.

        Raises:
            StorageError: The file is damaged.
        """
        path = self._strategy_numbers_path
        text = self._read(path)
        try:
            numbers = {} if text is None else msgspec.json.decode(text, type=dict[str, int])
        except msgspec.MsgspecError as error:
            raise StorageError(f"{path} is damaged: {error}") from error
        if len(set(numbers.values())) != len(numbers):
            raise StorageError(f"{path} is damaged: two strategies have one number")
        return numbers

    def sim_trading_key(self) -> TradingKey:
        """Return the public part of the simulated venue's key, which the first start makes.

        Raises:
            ConfigError: The file is not private, or holds no Ed25519 key.
        """
        path = self.sim_key_path
        if not path.exists():
            self._replace(path, _new_key_file())
        credentials = load_credentials(path)
        assert credentials is not None, "a key file was named"
        try:
            private = serialization.load_pem_private_key(
                credentials.private_key.get_secret_value().encode(), password=None
            )
        except ValueError:
            raise ConfigError(f"{path}: private_key is no PEM key") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise ConfigError(f"{path}: private_key is not an Ed25519 key")
        public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
        return TradingKey(credentials.api_key.get_secret_value(), public)

    def open_output(self) -> int:
        """Return a descriptor to append to what children print; an earlier run's is kept as `.1`.

        Raises:
            StorageError: The file cannot be opened.
        """
        path = self.output_path
        try:
            if path.exists() and path.stat().st_size > 0:
                path.replace(path.with_name(f"{path.name}.1"))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            return os.open(path, flags, _PRIVATE_FILE)
        except OSError as error:
            raise StorageError(f"{path} cannot be opened: {error.strerror}") from error

    @property
    def _mode_path(self) -> Path:
        return self.path / "mode"

    @property
    def _epoch_path(self) -> Path:
        return self.path / "epoch"

    @property
    def _strategy_numbers_path(self) -> Path:
        return self.path / "strategies.json"

    def _tags(self) -> list[str]:
        """Return whose journal there is, if there is one."""
        tags = sorted(
            path.name.removesuffix(_JOURNAL_SUFFIX)
            for path in self.path.glob(f"*{_JOURNAL_SUFFIX}")
        )
        if len(tags) > 1:
            raise StorageError(
                f"{self.path} holds the journals of several accounts ({', '.join(tags)}), and a "
                "state directory belongs to one: move the others away"
            )
        return tags

    def _read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error

    def _replace(self, path: Path, content: bytes) -> None:
        """Put a whole new file in the place of the old one, durably."""
        beside = path.with_name(f"{path.name}.new")
        try:
            fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE)
            with open(fd, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def _whole_number(text: bytes, path: Path) -> int:
    digits = text.strip()
    if not digits.isdigit():
        raise StorageError(f"{path} is damaged: {text[:40]!r} is not a number")
    return int(digits)


def _new_key_file() -> bytes:
    """Make an Ed25519 key and an API key to name it by."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return f'api_key = "{secrets.token_hex(32)}"\nprivate_key = """\n{pem.decode()}"""\n'.encode()
