"""A disk that is full, read-only or fails: under the journal alone, and under a whole engine."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
import pytest

from genesis.engine.entries import OrderPrepared
from genesis.errors import EXIT_STORAGE
from genesis.storage.journal import Journal
from scripts.campaign.attack import START_S, Attack, await_engine, calm, overrides_of
from scripts.campaign.audit import audit_books
from scripts.campaign.engine_under_attack import EngineUnderAttack
from scripts.campaign.plan import AttackPlan
from tests.support.faulty_disk import Fault, FaultyDisk, faulty_environment
from tests.support.journal_on_faulty_disk import FAULTS, Findings

ROOT: Final = Path(__file__).parents[2]
PLAN: Final = Attack(kills=0, seed=11)
TOLD: Final = AttackPlan(seed=PLAN.seed)
TRADES_S: Final = 30.0

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the faulty disk needs gcc")


@pytest.fixture
def memory() -> Iterator[Path]:
    """Return a directory in memory where there is one: thousands of syncs cost nothing there."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        yield Path(name)


def await_fills(engine: EngineUnderAttack, count: int) -> None:
    """Wait until an engine has traded so often in this life."""

    def has_traded() -> bool:
        return engine.status is not None and engine.status.fills >= count

    await_engine(engine, has_traded, TRADES_S, "it does not trade")


def orders_at_venue(state_dir: Path) -> set[str]:
    """Return the name of every order in the venue's books."""
    with closing(sqlite3.connect(f"file:{state_dir / 'venue.db'}?mode=ro", uri=True)) as venue:
        return {name for (name,) in venue.execute("SELECT client_order_id FROM orders")}


def orders_in_journal(state_dir: Path, home: Path) -> set[str]:
    """Return the name of every order that the journal holds; look at a copy, so as to touch none.

    Opening the journal itself would fold its log.
    """
    copy = home / "copy"
    copy.mkdir()
    for path in state_dir.glob("*.journal.db*"):
        shutil.copy(path, copy)
    (path,) = copy.glob("*.journal.db")
    journal = Journal(path, "venue")
    names = {
        entry.intent.client_order_id for entry in journal.read() if isinstance(entry, OrderPrepared)
    }
    journal.close()
    return names


@pytest.mark.parametrize("durability", ["full", "venue"])
def test_no_failing_effect_of_the_journal_loses_what_was_acknowledged(
    memory: Path, durability: str
) -> None:
    """Fail each write, sync, truncation and removal in turn, and crash before and after each.

    What `append` had returned from is there, whole groups and nothing else, and the journal goes
    on. A failure is a `StorageError`, never an acknowledgment.
    """
    environment = faulty_environment(memory, memory)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.support.journal_on_faulty_disk"),
            *(str(memory), str(memory / "journals"), durability),
        ],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    findings = msgspec.json.decode(done.stdout, type=Findings)
    assert findings.violations == []
    assert findings.effects > 20
    assert findings.failures == len(FAULTS) * findings.effects
    assert findings.acknowledged > 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.FULL, "database or disk is full"),
        (Fault.READ_ONLY, "disk I/O error"),
        (Fault.SYNC_FAILS, "disk I/O error"),
    ],
)
def test_an_engine_whose_journal_fails_sends_nothing_and_ends(
    tmp_path: Path, fault: Fault, words: str
) -> None:
    """Exit code 74 and one clear line; when the disk is well again, the books are equal."""
    state = tmp_path / "state"
    state.mkdir()
    environment = faulty_environment(tmp_path, state)
    disk = FaultyDisk(tmp_path)
    overrides = overrides_of(PLAN, with_faults=False)
    with EngineUnderAttack(state, TOLD, overrides, environment) as engine:
        await_engine(engine, lambda: engine.is_running, START_S, "it does not start")
        await_fills(engine, 3)
        disk.order(fault)
        while not engine.has_ended:
            engine.watch(0.05)
        exit_code, complaint = engine.outcome()
    assert disk.struck > 0
    assert exit_code == EXIT_STORAGE
    (path,) = state.glob("*.journal.db")
    assert f"cannot write the journal {path}: {words}" in complaint
    assert "Check the disk, then start again" in complaint
    assert orders_at_venue(state) <= orders_in_journal(state, tmp_path)

    calm(PLAN, state)
    audit = audit_books(state)
    assert audit.violations == []
    assert audit.fills > 3


def test_an_order_that_the_disk_kept_too_long_is_not_sent(tmp_path: Path) -> None:
    """A sync that hangs outlasts the order's time: it ends unsent, and trading goes on after it."""
    state = tmp_path / "state"
    state.mkdir()
    environment = faulty_environment(tmp_path, state)
    disk = FaultyDisk(tmp_path)
    overrides = overrides_of(PLAN, with_faults=False)
    with EngineUnderAttack(state, TOLD, overrides, environment) as engine:
        await_engine(engine, lambda: engine.is_running, START_S, "it does not start")
        await_fills(engine, 3)
        disk.order(Fault.SLOW)
        is_told = "the order was too old when its journal entry was durable"
        log = state / "genesis.jsonl"
        await_engine(engine, lambda: is_told in log.read_text(), TRADES_S, "every order is sent")
        disk.order(Fault.WELL)
        assert engine.status is not None
        await_fills(engine, engine.status.fills + 3)
        exit_code, _complaint = engine.stop(TRADES_S)
    assert exit_code == 0
    assert audit_books(state).violations == []
