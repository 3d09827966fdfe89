"""Looking at this machine: what is found is real, and nothing is left."""

import os
from pathlib import Path

from genesis.config import Settings
from genesis.doctor.host_facts import HostFacts, KeyFacts
from genesis.doctor.host_probe import look_at_host, look_at_key, look_at_python
from genesis.engine.locks import InstanceLock
from genesis.engine.state_directory import StateDirectory
from tests.support.exchange_builders import ED25519_PEM

NO_KEY = KeyFacts(source="nowhere")


def look(state_dir: Path) -> HostFacts:
    return look_at_host(Settings(state_dir=state_dir), NO_KEY)


def settings(key_file: Path) -> Settings:
    return Settings.model_validate({"mode": "live", "credentials": {"key_file": key_file}})


def write_key(path: Path, private_key: str) -> Path:
    path.write_text(f'api_key = "k"\nprivate_key = """{private_key}"""\n')
    path.chmod(0o600)
    return path


def test_this_interpreter_is_fit() -> None:
    """The suite runs with assertions, on Linux."""
    python = look_at_python()
    assert python.has_assertions
    assert python.system == "Linux"


def test_this_machine_has_what_the_engine_uses(tmp_path: Path) -> None:
    """Features are tried, not looked up; the disk is written to, and keeps nothing."""
    before = set(os.listdir("/proc/self/fd"))
    facts = look(tmp_path)
    assert set(facts.kernel_faults.values()) == {""}
    assert facts.descriptors > 0
    assert facts.memory_available > 0
    assert facts.disk.free_bytes > 0
    assert min(facts.disk.syncs) > 0
    assert list(tmp_path.iterdir()) == []
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_state_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """The disk that it will be on is looked at."""
    facts = look(tmp_path / "deep" / "state")
    assert (facts.disk.path, facts.disk.fault) == (str(tmp_path), "")
    assert (facts.state_mode, facts.lock_holder) == ("", "")
    assert not (tmp_path / "deep").exists()


def test_whose_a_state_directory_is_and_who_runs_on_it_is_found(tmp_path: Path) -> None:
    """Both are seen, and neither is touched."""
    state = StateDirectory(tmp_path)
    state.prepare()
    state.claim_mode("testnet")
    with InstanceLock.acquire(state.lock_path):
        facts = look(tmp_path)
        assert (facts.state_mode, facts.lock_holder) == ("testnet", str(os.getpid()))
    assert look(tmp_path).lock_holder == ""


def test_a_disk_that_is_a_file_is_a_fact(tmp_path: Path) -> None:
    """What stands in the way is told."""
    (tmp_path / "state").touch()
    facts = look(tmp_path / "state")
    assert facts.disk.fault == "Not a directory"
    assert facts.disk.syncs == ()


def test_the_key_is_read_as_the_executor_would(tmp_path: Path) -> None:
    """Its kind is seen, its signer made; what is wrong with it is told in the loader's words."""
    signer, key = look_at_key(settings(write_key(tmp_path / "key", ED25519_PEM)), {})
    assert signer is not None
    assert (key.source, key.can_log_on, key.fault) == (str(tmp_path / "key"), True, "")
    signer, key = look_at_key(settings(write_key(tmp_path / "hmac", "secret")), {})
    assert signer is not None
    assert not key.can_log_on
    (tmp_path / "key").chmod(0o644)
    signer, key = look_at_key(settings(tmp_path / "key"), {})
    assert signer is None
    assert "chmod 600" in key.fault


def test_a_key_may_come_from_the_environment_or_not_at_all() -> None:
    """A simulation is not asked for one."""
    testnet = Settings(mode="testnet")
    environ = {"GENESIS_API_KEY": "k", "GENESIS_PRIVATE_KEY": "p"}
    signer, key = look_at_key(testnet, environ)
    assert signer is not None
    assert key.source == "the environment"
    assert look_at_key(testnet, {})[1].fault.endswith("no key is named")
    assert look_at_key(Settings(), environ) == (None, KeyFacts(source="the environment"))
