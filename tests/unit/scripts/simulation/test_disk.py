"""What survives a crash, what survives a power cut."""

import random

import pytest

from genesis.domain.orders import OrderState, Refusal, RefusalRule
from genesis.engine.entries import Entry, EpochStarted, OrderMoved, SignalId, SignalRefused
from genesis.errors import StorageError
from genesis.storage.journal import Durability
from scripts.simulation.disk import Disk
from scripts.simulation.faults import Faults
from scripts.simulation.schedule import Schedule


def refused(sequence: int) -> Entry:
    refusal = Refusal(rule=RefusalRule.FORM, limit="", observed="")
    return SignalRefused(SignalId(1, 1, sequence), "BTCUSDT", refusal, 0)


def disk_of(durability: Durability, seed: int = 1) -> tuple[Disk, Schedule]:
    schedule = Schedule(0)
    return Disk(schedule, random.Random(seed), Faults(), durability), schedule


def commit(disk: Disk, schedule: Schedule, *entries: Entry) -> list[StorageError | None]:
    """Write a group and let it end."""
    ends: list[StorageError | None] = []
    disk.begin_commit(entries, ends.append)
    schedule.run_until(schedule.now + 10**9)
    return ends


def test_a_full_commit_survives_a_power_cut() -> None:
    """It ends only when its rows are synced."""
    disk, schedule = disk_of("full")
    assert commit(disk, schedule, refused(1)) == [None]
    assert disk.cut_power() == 0
    assert list(disk.read()) == [refused(1)]


@pytest.mark.parametrize("seed", range(10))
def test_a_venue_journal_loses_whole_groups_from_its_end(seed: int) -> None:
    """Never a part of one, and never what was synced."""
    disk, schedule = disk_of("venue", seed)
    commit(disk, schedule, EpochStarted(1, "boot", 0))
    for sequence in range(1, 9, 2):
        commit(disk, schedule, refused(sequence), refused(sequence + 1))
    lost = disk.cut_power()
    assert lost in range(0, 9, 2)
    assert len(list(disk.read())) == 9 - lost


def test_a_commit_that_its_process_did_not_outlive_may_be_there_or_not() -> None:
    """Both happen, and the chain goes on from either."""
    seen = set()
    for seed in range(20):
        disk, schedule = disk_of("full", seed)
        commit(disk, schedule, refused(1))
        disk.begin_commit([refused(2)], lambda _error: None)
        disk.settle_pending()
        seen.add(len(list(disk.read())))
        commit(disk, schedule, refused(3))
        assert list(disk.read())[-1] == refused(3)
    assert seen == {1, 2}


def test_what_must_happen_once_is_refused_twice() -> None:
    """As the journal's own unique index does."""
    disk, schedule = disk_of("full")
    entry = EpochStarted(1, "boot", 0)
    assert commit(disk, schedule, entry) == [None]
    (error,) = commit(disk, schedule, OrderMoved("a", OrderState.FILLED, 1, 1, "", 0), entry)
    assert isinstance(error, StorageError)
    assert list(disk.read()) == [entry]
