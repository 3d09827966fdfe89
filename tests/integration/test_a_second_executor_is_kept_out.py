"""One account, one executor: whoever comes second does not trade."""

import os
from pathlib import Path

import pytest

from genesis.engine.locks import AccountLock
from genesis.engine.state_directory import StateDirectory
from genesis.errors import EXIT_LOCK_HELD
from tests.support.engine_program import LiveProgram


def test_an_engine_whose_account_is_taken_ends_and_says_who_has_it(tmp_path: Path) -> None:
    """It opens no journal, sends nothing, and may be started again later: exit code 75."""
    state = StateDirectory(tmp_path / "state")
    state.prepare()
    tag = state.account_tag(state.sim_trading_key().api_key)
    with (
        AccountLock.acquire(state.account_lock_path(tag)),
        LiveProgram(state.path, tmp_path / "report.json", "strategies.count=2") as engine,
    ):
        with pytest.raises(AssertionError, match="it never was so"):
            engine.wait_until_running()
        exit_code = engine.wait()
        assert engine.process.stderr is not None
        complaint = engine.process.stderr.read().decode()
    assert exit_code == EXIT_LOCK_HELD
    assert f"another executor trades on this account (process {os.getpid()} holds" in complaint
    assert not state.journal_path(tag).exists()
