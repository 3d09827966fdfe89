"""What the parent keeps on disk."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from genesis.credentials import load_credentials
from genesis.engine.state_directory import StateDirectory
from genesis.errors import ConfigError, StorageError
from genesis.limits import EPOCH_MAX, ROSTER_NUMBER_MAX


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """Return a prepared directory."""
    state = StateDirectory(tmp_path / "deep" / "state")
    state.prepare()
    return state


def test_the_directory_is_its_owners_alone(state: StateDirectory) -> None:
    """It is made with mode 0700, its parents too, and preparing it again changes nothing."""
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    state.prepare()


def test_an_empty_directory_is_made_private(tmp_path: Path) -> None:
    """Nobody can have put anything into it, so it is simply closed to others."""
    tmp_path.chmod(0o755)
    StateDirectory(tmp_path).prepare()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    """Keys and journals may have been read or changed; the operator decides, and is told how."""
    (tmp_path / "something").touch()
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigError, match=f"chmod 700 {tmp_path}"):
        StateDirectory(tmp_path).prepare()


def test_a_path_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    """The message says what is wrong with the setting."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"state_dir: .*cannot be used"):
        StateDirectory(tmp_path / "file").prepare()


def test_epochs_never_repeat(state: StateDirectory) -> None:
    """Each call gives a larger number, also to the next engine on this directory."""
    assert [state.next_epoch() for _ in range(3)] == [1, 2, 3]
    assert StateDirectory(state.path).next_epoch() == 4


@pytest.mark.parametrize("content", ["", "minus one", "-1", str(EPOCH_MAX)])
def test_a_damaged_or_spent_epoch_counter_stops_the_engine(
    state: StateDirectory, content: str
) -> None:
    """A guess could repeat a number, and name two orders alike."""
    (state.path / "epoch").write_text(content)
    with pytest.raises(StorageError):
        state.next_epoch()


def test_a_lost_epoch_counter_stops_the_engine(state: StateDirectory) -> None:
    """A directory that was in use cannot start from 1 again."""
    state.number_strategies(["a"])
    with pytest.raises(StorageError, match="larger than any epoch"):
        state.next_epoch()


def test_strategy_numbers_are_permanent(state: StateDirectory) -> None:
    """A strategy keeps its number when others come and go, and no number is given twice."""
    assert state.number_strategies(["a", "b"]) == {"a": 1, "b": 2}
    assert state.number_strategies(["c"])["c"] == 3
    again = StateDirectory(state.path).number_strategies(["b", "d"])
    assert again == {"a": 1, "b": 2, "c": 3, "d": 4}


@pytest.mark.parametrize("content", ["", "{", '{"a": "1"}', '{"a": 1, "b": 1}'])
def test_damaged_strategy_numbers_stop_the_engine(state: StateDirectory, content: str) -> None:
    """Orders and positions would be counted for the wrong strategy."""
    (state.path / "strategies.json").write_text(content)
    with pytest.raises(StorageError, match="damaged"):
        state.number_strategies(["a"])


def test_numbers_run_out_in_words(state: StateDirectory) -> None:
    """A shared record has two bytes for the number; the first that does not fit is refused."""
    (state.path / "strategies.json").write_text(f'{{"a": {ROSTER_NUMBER_MAX}}}')
    assert state.number_strategies(["a"]) == {"a": ROSTER_NUMBER_MAX}
    with pytest.raises(ConfigError, match="the last one"):
        state.number_strategies(["b"])


def test_the_simulated_key_is_made_once_and_is_a_key_file(state: StateDirectory) -> None:
    """The executor reads it as any key file; the venue is told the public half."""
    key = state.sim_trading_key()
    assert StateDirectory(state.path).sim_trading_key() == key
    credentials = load_credentials(state.sim_key_path)
    assert credentials is not None
    assert credentials.api_key.get_secret_value() == key.api_key
    pem = credentials.private_key.get_secret_value().encode()
    assert load_pem_private_key(pem, None).public_key() is not None
    assert stat.S_IMODE(state.sim_key_path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "pem", ["nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_damaged_key_is_refused(state: StateDirectory, pem: str) -> None:
    """The message names the file, never its content."""
    state.sim_key_path.write_text(f'api_key = "k"\nprivate_key = """{pem}"""\n')
    state.sim_key_path.chmod(0o600)
    with pytest.raises(ConfigError, match="no PEM key"):
        state.sim_trading_key()


def test_a_key_of_another_kind_is_refused(state: StateDirectory) -> None:
    """The venue is given an Ed25519 key; anything else could not log on."""
    pem = X25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    state.sim_key_path.write_text(f'api_key = "k"\nprivate_key = """{pem.decode()}"""\n')
    state.sim_key_path.chmod(0o600)
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        state.sim_trading_key()


def test_the_output_of_the_last_run_is_kept(state: StateDirectory) -> None:
    """A stack dump of the run that failed is still there after the restart."""
    fd = state.open_output()
    os.write(fd, b"dump")
    os.close(fd)
    os.close(state.open_output())
    assert state.output_path.read_bytes() == b""
    assert state.output_path.with_name("children.out.1").read_bytes() == b"dump"


def test_what_cannot_be_written_is_told(state: StateDirectory) -> None:
    """A name that is taken by a directory stops the engine with the name."""
    (state.path / "epoch.new").mkdir()
    with pytest.raises(StorageError, match="epoch cannot be written"):
        state.next_epoch()
    (state.path / "strategies.json").mkdir()
    with pytest.raises(StorageError, match="cannot be read"):
        state.number_strategies([])
    state.output_path.symlink_to(state.path / "nowhere" / "x")
    with pytest.raises(StorageError, match="cannot be opened"):
        state.open_output()


def test_files_of_an_account_are_named_by_it(state: StateDirectory) -> None:
    """Two accounts in one directory share neither lock nor journal."""
    paths = {
        state.account_lock_path("AA"),
        state.account_lock_path("BB"),
        state.journal_path("AA"),
        state.journal_path("BB"),
    }
    assert len(paths) == 4


def test_a_directory_belongs_to_the_mode_of_its_first_start(state: StateDirectory) -> None:
    """Orders and positions of one venue mean nothing to another; the remedy is named."""
    state.claim_mode("testnet")
    state.claim_mode("testnet")
    with pytest.raises(ConfigError, match=r"belongs to mode testnet, and this is mode live: use"):
        state.claim_mode("live")


def test_a_directory_from_before_there_were_modes_is_simulated(state: StateDirectory) -> None:
    """There was nothing else then."""
    state.next_epoch()
    with pytest.raises(ConfigError, match="belongs to mode sim"):
        state.claim_mode("live")
    state.claim_mode("sim")


def test_the_journal_that_is_there_outlives_its_key(state: StateDirectory) -> None:
    """A new key of the same account must find its orders; two accounts are no account's state."""
    tag = state.account_tag("old key")
    assert state.account_tag("new key") != tag
    state.journal_path(tag).touch()
    assert state.account_tag("new key") == tag
    state.journal_path("zz").touch()
    with pytest.raises(StorageError, match=rf"several accounts \({tag}, zz\)"):
        state.account_tag("old key")
