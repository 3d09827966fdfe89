"""The trading key: read from a private file or the environment, and never shown."""

import os
from pathlib import Path

import pytest

from genesis import limits
from genesis.credentials import check_key_file, load_credentials, load_records_password
from genesis.errors import ConfigError

KEY_FILE = 'api_key = "canary-api"\nprivate_key = """canary-private"""\n'


def write_key_file(path: Path, content: str = KEY_FILE, mode: int = 0o600) -> Path:
    """Write a key file with the given mode, and return its path."""
    path.write_text(content)
    path.chmod(mode)
    return path


def test_a_private_file_yields_the_key(tmp_path: Path) -> None:
    """Both parts come from one file that only its owner can read."""
    credentials = load_credentials(write_key_file(tmp_path / "key.toml"), {})

    assert credentials is not None
    assert credentials.api_key.get_secret_value() == "canary-api"
    assert credentials.private_key.get_secret_value() == "canary-private"


def test_the_environment_is_the_second_source() -> None:
    """For development, two variables do instead of a file; without any of both there is no key."""
    environ = {"GENESIS_API_KEY": "a", "GENESIS_PRIVATE_KEY": "p"}
    credentials = load_credentials(None, environ)

    assert credentials is not None
    assert credentials.api_key.get_secret_value() == "a"
    assert load_credentials(None, {}) is None


def test_printing_credentials_shows_neither_part(tmp_path: Path) -> None:
    """A key that finds its way into a log line or a traceback stays hidden there."""
    credentials = load_credentials(write_key_file(tmp_path / "key.toml"), {})

    assert "canary" not in repr(credentials)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that others could have read is not a secret any more."""
    path = write_key_file(tmp_path / "key.toml", mode=mode)

    with pytest.raises(ConfigError, match="chmod 600"):
        load_credentials(path, {})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """Whoever owns the file decides what the key is, so it must be us."""
    path = write_key_file(tmp_path / "key.toml")
    os.chown(path, 12345, -1)

    with pytest.raises(ConfigError, match="belongs to another user"):
        load_credentials(path, {})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("canary", "is not valid TOML"),
        ('api_key = "canary"', "must have the keys api_key and private_key"),
        (KEY_FILE + "canary = 1", "must have the keys api_key and private_key"),
        ('api_key = "canary"\nprivate_key = 1', "must be text"),
        ('api_key = ""\nprivate_key = "canary"', "must be text"),
        ("#" * (limits.KEY_FILE_BYTES_MAX + 1), "is longer than"),
    ],
)
def test_a_file_of_another_form_is_refused_without_repeating_it(
    tmp_path: Path, content: str, complaint: str
) -> None:
    """The message names the file and what it must hold, never what it holds."""
    path = write_key_file(tmp_path / "key.toml", content)

    with pytest.raises(ConfigError, match=complaint) as caught:
        load_credentials(path, {})

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A missing file and a directory are told apart from a bad key."""
    with pytest.raises(ConfigError, match="No such file"):
        load_credentials(tmp_path / "missing", {})
    with pytest.raises(ConfigError, match="Is a directory"):
        load_credentials(tmp_path, {})
    with pytest.raises(ConfigError, match="is not a file"):
        load_credentials(Path("/dev/null"), {})


@pytest.mark.parametrize("name", ["GENESIS_API_KEY", "GENESIS_PRIVATE_KEY"])
def test_half_a_key_is_refused(name: str) -> None:
    """A variable without its other half is a slip, not a wish to trade without a key."""
    with pytest.raises(ConfigError, match="the key needs both parts"):
        load_credentials(None, {name: "canary"})


def test_a_key_file_is_judged_without_being_read(tmp_path: Path) -> None:
    """The parent looks whether the executor will be able to, and never holds the key itself."""
    check_key_file(write_key_file(tmp_path / "key.toml", "no key in here"))
    with pytest.raises(ConfigError, match="chmod 600"):
        check_key_file(write_key_file(tmp_path / "open.toml", mode=0o644))
    with pytest.raises(ConfigError, match=r"key_file: .*none.toml cannot be read: No such file"):
        check_key_file(tmp_path / "none.toml")


def test_the_records_password_is_the_first_line_of_a_private_file(tmp_path: Path) -> None:
    """An editor's newline is no part of it, and nothing that prints it shows it."""
    password = load_records_password(write_key_file(tmp_path / "password", "canary\r\nx\n"), {})
    assert password is not None
    assert password.get_secret_value() == "canary"
    assert "canary" not in repr(password)


def test_the_records_password_may_come_from_the_environment() -> None:
    """Without either, PostgreSQL's own ways are left to find one."""
    password = load_records_password(None, {"GENESIS_RECORDS_PASSWORD": "canary"})
    assert password is not None
    assert password.get_secret_value() == "canary"
    assert load_records_password(None, {}) is None


@pytest.mark.parametrize(
    ("content", "mode", "fault"),
    [
        ("canary", 0o640, "make it private"),
        ("", 0o600, "has no password in its first line"),
        ("\ncanary", 0o600, "has no password in its first line"),
        ("\udcff", 0o600, "is not UTF-8"),
        ("c" * (limits.KEY_FILE_BYTES_MAX + 1), 0o600, "is longer than"),
    ],
)
def test_a_records_password_that_is_none_is_refused(
    tmp_path: Path, content: str, mode: int, fault: str
) -> None:
    """The message names setting and file, and nothing of what is in it."""
    path = tmp_path / "password"
    path.write_bytes(content.encode(errors="surrogateescape"))
    path.chmod(mode)
    with pytest.raises(ConfigError, match=fault) as caught:
        load_records_password(path, {})
    assert str(caught.value).startswith(f"records.password_file: {path}")
    assert "canary" not in str(caught.value)
