"""Secrets: the trading key, and the password of the records' database.

Each is read from a private file or the environment, by the one process that needs it.

Secrets are not settings: they stand in no dump, no log line and no error message.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import SecretStr

from genesis import limits
from genesis.errors import ConfigError

API_KEY_VARIABLE: Final = "GENESIS_API_KEY"
PRIVATE_KEY_VARIABLE: Final = "GENESIS_PRIVATE_KEY"
KEY_VARIABLES: Final = frozenset({API_KEY_VARIABLE, PRIVATE_KEY_VARIABLE})
"""Variables that only the executor may inherit."""

RECORDS_PASSWORD_VARIABLE: Final = "GENESIS_RECORDS_PASSWORD"  # noqa: S105 -- its name
RECORDS_VARIABLES: Final = frozenset({RECORDS_PASSWORD_VARIABLE, "PGPASSWORD"})
"""Variables that only the recorder may inherit; the second is PostgreSQL's own."""

SECRET_VARIABLES: Final = KEY_VARIABLES | RECORDS_VARIABLES
"""Variables that are no settings."""

_KEY_FILE: Final = "credentials.key_file"
_PASSWORD_FILE: Final = "records.password_file"  # noqa: S105 -- its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An API key and the Ed25519 private key (PEM) that signs for it. Printing shows neither."""

    api_key: SecretStr
    private_key: SecretStr


def load_credentials(
    key_file: Path | None, environ: Mapping[str, str] = os.environ
) -> Credentials | None:
    """Read the trading key from `key_file`, else from the environment, else return None.

    The file is TOML with `api_key` and `private_key`, and must be ours alone (mode 0600).

    Raises:
        ConfigError: The file is readable by others, not ours, not a file, or not of that form; or
            only one of the two variables is set.
    """
    if key_file is not None:
        return _read_key_file(key_file)
    api_key = environ.get(API_KEY_VARIABLE, "")
    private_key = environ.get(PRIVATE_KEY_VARIABLE, "")
    if bool(api_key) != bool(private_key):
        missing = PRIVATE_KEY_VARIABLE if api_key else API_KEY_VARIABLE
        raise ConfigError(f"{missing}: is not set; the key needs both parts, or a key file")
    if not api_key:
        return None
    return Credentials(api_key=SecretStr(api_key), private_key=SecretStr(private_key))


def check_key_file(path: Path) -> None:
    """Look whether a key file can be read, and by us alone, without reading it.

    Raises:
        ConfigError: It cannot, or others could.
    """
    with _open_private(path, _KEY_FILE):
        pass


def load_records_password(
    password_file: Path | None, environ: Mapping[str, str] = os.environ
) -> SecretStr | None:
    """Read the password of the records' database from the file, else from the environment.

    None leaves it to PostgreSQL's own ways, such as ~/.pgpass.

    Raises:
        ConfigError: The file is readable by others, not ours, not a file, or has no first line.
    """
    if password_file is None:
        password = environ.get(RECORDS_PASSWORD_VARIABLE, "")
        return SecretStr(password) if password else None
    content = _read_private(password_file, _PASSWORD_FILE)
    try:
        lines = content.decode().splitlines()
    except ValueError:
        raise ConfigError(f"{_PASSWORD_FILE}: {password_file} is not UTF-8 text") from None
    if not lines or not lines[0]:
        raise ConfigError(f"{_PASSWORD_FILE}: {password_file} has no password in its first line")
    return SecretStr(lines[0])


def _open_private(path: Path, setting: str) -> BinaryIO:
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, setting, error) from None
    try:
        _check_is_private(os.fstat(file.fileno()), path, setting)
    except ConfigError:
        file.close()
        raise
    return file


def _unreadable(path: Path, setting: str, error: OSError) -> ConfigError:
    return ConfigError(f"{setting}: {path} cannot be read: {error.strerror}")


def _read_private(path: Path, setting: str) -> bytes:
    """Read a short file that is ours alone."""
    with _open_private(path, setting) as file:
        try:
            content = file.read(limits.KEY_FILE_BYTES_MAX + 1)
        except OSError as error:
            raise _unreadable(path, setting, error) from None
    if len(content) > limits.KEY_FILE_BYTES_MAX:
        raise ConfigError(f"{setting}: {path} is longer than {limits.KEY_FILE_BYTES_MAX} bytes")
    return content


def _read_key_file(path: Path) -> Credentials:
    place = f"{_KEY_FILE}: {path}"
    content = _read_private(path, _KEY_FILE)
    try:
        values = tomllib.loads(content.decode())
    except ValueError:
        # The parser's own message may quote the secret.
        raise ConfigError(f"{place} is not valid TOML") from None
    if values.keys() != {"api_key", "private_key"}:
        raise ConfigError(f"{place} must have the keys api_key and private_key, and no other")
    api_key, private_key = values["api_key"], values["private_key"]
    if not (isinstance(api_key, str) and api_key and isinstance(private_key, str) and private_key):
        raise ConfigError(f"{place}: api_key and private_key must be text")
    return Credentials(api_key=SecretStr(api_key), private_key=SecretStr(private_key))


def _check_is_private(status: os.stat_result, path: Path, setting: str) -> None:
    """Refuse a file that anybody but us could have read or written."""
    place = f"{setting}: {path}"
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{place} is not a file")
    if status.st_uid != os.geteuid():
        raise ConfigError(f"{place} belongs to another user; run the engine as its owner")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise ConfigError(f"{place} has mode {mode:04o}; make it private: chmod 600 {path}")
