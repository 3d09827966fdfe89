"""An engine on an account that is not its own, is taken, or holds too little, does not start."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import pytest

from genesis.engine.entries import AccountBound, EpochStarted
from genesis.engine.locks import AccountLock
from genesis.storage.journal import Journal
from genesis.venue.config import SIM_ACCOUNT_ID
from tests.support.builders import NOW
from tests.support.live_venue import ended, live_overrides, start_genesis
from tests.support.venue import model_config, open_venue

Scene: TypeAlias = Callable[[Path], AbstractContextManager[str]]
"""Sets the scene in a folder, and yields what the operator is to be told."""


@contextlib.contextmanager
def books_of_another(folder: Path) -> Iterator[str]:
    """Have the state directory hold another account's books."""
    state = folder / "state"
    state.mkdir(0o700)
    journal = Journal(state / "zz.journal.db", "full")
    list(journal.read())
    journal.append([EpochStarted(1, "boot", NOW), AccountBound(99, NOW)])
    journal.close()
    yield f"{state} holds the books of account 99, and the key trades on account {SIM_ACCOUNT_ID}"


@contextlib.contextmanager
def account_that_is_taken(folder: Path) -> Iterator[str]:
    """Have another engine, on another state directory, trade on the account."""
    with AccountLock.of_account(folder / "locks", "testnet", SIM_ACCOUNT_ID):
        yield "another executor trades on this account"


@contextlib.contextmanager
def too_little(folder: Path) -> Iterator[str]:
    """Leave everything as it is: more is allotted than there is."""
    assert not (folder / "state").exists()
    yield "100001.00000000 USDT are allotted"


@pytest.mark.parametrize(
    ("scene", "capital", "exit_code"),
    [(books_of_another, 1_000, 78), (account_that_is_taken, 1_000, 75), (too_little, 100_001, 78)],
)
async def test_no_order_leaves_for_an_account_that_is_not_ours_to_trade(
    scene: Scene, capital: int, exit_code: int, tmp_path: Path
) -> None:
    """One line says whose books, who trades or what is missing; the exit code, whether to retry."""
    async with open_venue(model_config()) as (_, address):
        with scene(tmp_path) as says:
            overrides = (
                *live_overrides(address, tmp_path),
                "mode=testnet",
                f"capital_quote={capital}",
            )
            engine = await ended(await start_genesis("run", overrides=overrides))
    assert engine.exit_code == exit_code
    assert says in engine.errors
    assert engine.errors.count("\n") == 1
