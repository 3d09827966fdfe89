"""Settings of the records: what a URL may hold, and what an operator is told of a fault."""

import importlib.util
from pathlib import Path

import pytest
from pydantic import ValidationError

from genesis.config_loading import load_settings
from genesis.config_records import RecordsSettings
from genesis.errors import ConfigError


def faults_of(*overrides: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, overrides, environ or {})
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://genesis@db.example:5432/genesis?sslmode=verify-full",
        "postgresql://genesis@/genesis?host=/run/postgresql",
        "postgresql:///genesis",
        "postgresql://127.0.0.1/genesis",
        "postgresql://localhost/genesis?sslmode=disable",
    ],
)
def test_a_server_is_named_by_its_url(url: str) -> None:
    """Host, port, user, database and how the connection is encrypted; or a socket's directory."""
    assert RecordsSettings(url=url).url == url


def test_the_short_name_of_the_scheme_is_understood() -> None:
    """Many a provider writes it so."""
    assert RecordsSettings(url="postgres://localhost/g").url == "postgresql://localhost/g"


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("postgresql://db.example/g", "postgresql://db.example/g?sslmode=require"),
        ("postgresql:///g?host=10.0.0.1", "postgresql:///g?host=10.0.0.1&sslmode=require"),
        ("postgresql://h/g?sslmode=verify-ca", "postgresql://h/g?sslmode=verify-ca"),
    ],
)
def test_the_way_to_another_machine_is_encrypted(url: str, checked: str) -> None:
    """Whoever asks for nothing gets what keeps records from being read on the way."""
    assert RecordsSettings(url=url).url == checked


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_an_unencrypted_way_to_another_machine_is_refused(mode: str) -> None:
    """`prefer` is what a server without TLS, or somebody in its place, turns into none."""
    with pytest.raises(ValidationError, match=f"has sslmode={mode}"):
        RecordsSettings(url=f"postgresql://db.example/genesis?sslmode={mode}")


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("mysql://h/genesis", "must be a URL such as postgresql://"),
        ("postgresql://h", "must be a URL such as postgresql://"),
        ("records.db", "must be a URL such as postgresql://"),
        ("postgresql://h:port/genesis", "ort could not be cast"),
        ("postgresql://h/genesis#x", "must end with the database's name"),
        ("postgresql://h/genesis?options=-c", "must not set options"),
    ],
)
def test_what_is_no_url_of_a_database_is_refused(url: str, fault: str) -> None:
    """The message says what one looks like."""
    with pytest.raises(ValidationError, match=fault):
        RecordsSettings(url=url)


@pytest.mark.parametrize("how", ["://genesis:canary@h/genesis", "://h/genesis?password=canary"])
@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_password_in_a_url_is_refused_and_never_shown(scheme: str, how: str) -> None:
    """Settings are dumped, logged and handed to every child."""
    fault = faults_of(f"records.url={scheme}{how}")
    assert "canary" not in fault
    assert "records.url" in fault


def test_a_password_needs_a_private_file(tmp_path: Path) -> None:
    """It is looked at before anything starts, and its fault names the cure."""
    path = tmp_path / "password"
    path.write_text("swordfish\n")
    path.chmod(0o644)
    url = "records.url=postgresql://h/genesis"
    assert f"chmod 600 {path}" in faults_of(url, f"records.password_file={path}")
    path.chmod(0o600)
    settings = load_settings(None, [url, f"records.password_file={path}"], {})
    assert "swordfish" not in settings.model_dump_json()


def test_a_password_without_a_server_is_a_fault(tmp_path: Path) -> None:
    """Whoever set it believes to be on PostgreSQL."""
    assert "of no use without records.url" in faults_of(f"records.password_file={tmp_path}")


def test_a_driver_that_is_missing_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra, and found missing before the engine starts, not by a child of it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    fault = faults_of("records.url=postgresql://h/genesis")
    assert "pip install 'genesis-trading[postgres]'" in fault


def test_the_password_s_variable_is_no_setting() -> None:
    """It is read by the one process that needs it."""
    environ = {"GENESIS_RECORDS_PASSWORD": "canary"}
    assert load_settings(environ=environ) == load_settings(environ={})
