"""The journal: durable, unique, and honest about damage."""

import asyncio
import os
import sqlite3
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from genesis.domain.orders import OrderState, Refusal, RefusalRule
from genesis.engine.entries import (
    BalanceOpened,
    BooksAgreed,
    EntriesCompleted,
    EntriesMissed,
    Entry,
    EpochStarted,
    EquityMarked,
    ExternalFillBooked,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    SignalId,
    SignalRefused,
    StoppedCleanly,
    TradingHalted,
    TradingResumed,
    TransferBooked,
    unique_key,
)
from genesis.errors import StorageError
from genesis.storage.journal import Journal
from genesis.storage.journal_writer import JournalWriter
from tests.support.builders import NOW, fill, intent

NAME = SignalId(7, 1, 1)
EVERY_KIND: list[Entry] = [
    EpochStarted(1, "boot", NOW),
    EntriesMissed(NOW, NOW),
    EntriesCompleted(NOW),
    BalanceOpened("USDT", 5, NOW),
    TransferBooked("USDT", -5, NOW, cleared_at=NOW),
    SignalRefused(NAME, "BTCUSDT", Refusal(rule=RefusalRule.FORM, limit="a", observed="b"), NOW),
    OrderPrepared(NAME, 1, intent(), "BTC", "USDT", 1, 2_000, NOW, NOW),
    OrderMoved(intent().client_order_id, OrderState.ACCEPTED, 100, 0, "", NOW),
    FillBooked(fill(), NOW),
    ExternalFillBooked(fill(2, client_order_id="web_1"), "BTC", "USDT", NOW),
    BooksAgreed(NOW, NOW),
    EquityMarked(1, 2, 3, 4, NOW),
    TradingHalted("why", None, NOW),
    TradingHalted("why", "ema_cross-1", NOW),
    TradingResumed(NOW),
    StoppedCleanly(NOW),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def end_of_process(journal: Journal) -> None:
    """Let go of the file as the kernel does for a process that is gone."""
    journal._connection.close()
    os.close(journal._lock_fd)


def written(path: Path, entries: list[Entry]) -> None:
    journal = Journal(path, "full")
    assert list(journal.read()) == []
    for entry in entries:
        journal.append([entry])
    journal.close()


def test_what_is_written_is_read_back(path: Path) -> None:
    """Every kind of entry survives the file, in order, and the chain goes on behind it."""
    written(path, EVERY_KIND)
    journal = Journal(path, "venue")
    assert list(journal.read()) == EVERY_KIND
    assert journal.sequence == len(EVERY_KIND)
    journal.append([StoppedCleanly(NOW + 1)])
    journal.close()
    again = Journal(path, "full")
    assert list(again.read())[-1] == StoppedCleanly(NOW + 1)
    again.close()


def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    """It tells what somebody trades."""
    written(path, [])
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "entry",
    [entry for entry in EVERY_KIND if unique_key(entry)],
    ids=lambda e: type(e).__name__,
)
def test_what_must_happen_once_is_refused_twice(path: Path, entry: Entry) -> None:
    """The database itself keeps an order, a trade, an asset and an epoch from coming twice."""
    written(path, EVERY_KIND)
    journal = Journal(path, "full")
    list(journal.read())
    with pytest.raises(StorageError, match="UNIQUE"):
        journal.append([StoppedCleanly(NOW), entry])
    end_of_process(journal)
    again = Journal(path, "full")
    assert list(again.read()) == EVERY_KIND, "nothing of the group was written"
    again.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entries SET payload = cast(payload || ' ' AS blob) WHERE sequence = 2",
        "DELETE FROM entries WHERE sequence = 3",
        "UPDATE entries SET sequence = 99 WHERE sequence = 4",
        "UPDATE entries SET checksum = checksum + 1 WHERE sequence = 5",
    ],
    ids=["changed", "missing", "moved", "checksum"],
)
def test_damage_is_found(path: Path, damage: str) -> None:
    """A changed, missing or moved row ends the reading, with its number and a remedy."""
    written(path, EVERY_KIND)
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    connection.close()
    journal = Journal(path, "full")
    with pytest.raises(StorageError, match=r"is damaged at entry \d+: restore it"):
        list(journal.read())
    journal.close()


def test_an_entry_of_a_later_version_is_named(path: Path) -> None:
    """A whole row that this version cannot read is no damage, and says so."""
    written(path, [])
    with sqlite3.connect(path) as connection:
        payload = b'{"type":"hologram"}'
        connection.execute(
            "INSERT INTO entries VALUES (1, NULL, ?, ?)", (payload, zlib.crc32(payload))
        )
    connection.close()
    journal = Journal(path, "full")
    with pytest.raises(StorageError, match="cannot read, number 1"):
        list(journal.read())
    journal.close()


def test_another_program_s_file_is_left_alone(path: Path) -> None:
    """A database that is not ours is refused, not written into."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StorageError, match="is not a Genesis journal"):
        Journal(path, "full")


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """The message names the file."""
    path.write_text("rubbish, and long enough to have a header\n" * 100)
    with pytest.raises(StorageError, match=str(path)):
        Journal(path, "full")


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The journal makes a file, never a directory."""
    with pytest.raises(StorageError, match="cannot open the journal"):
        Journal(tmp_path / "none" / "journal.db", "full")


def test_a_second_writer_is_kept_out(path: Path) -> None:
    """The open journal is locked for its writer."""
    first = Journal(path, "full")
    first.append([StoppedCleanly(NOW)])
    with pytest.raises(StorageError, match="locked"):
        Journal(path, "full")
    first.close()


def test_a_full_disk_fails_the_whole_group(path: Path) -> None:
    """Where the file may not grow, nothing of the group is kept and the error says what to do."""
    journal = Journal(path, "full")
    journal.append([StoppedCleanly(NOW)])
    connection = journal._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="Check the disk"):
        journal.append([TradingHalted("x" * 4_000, None, NOW) for _ in range(50)])
    assert journal.sequence == 1
    connection.close()


def test_a_journal_that_has_failed_is_written_no_more(path: Path) -> None:
    """A second try could succeed on a disk that has dropped the first: there is none."""
    journal = Journal(path, "full")
    journal.append([EpochStarted(1, "", NOW)])
    with pytest.raises(StorageError, match="UNIQUE"):
        journal.append([EpochStarted(1, "", NOW)])
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    with pytest.raises(StorageError, match="is written no more"):
        journal.append([StoppedCleanly(NOW)])
    with pytest.raises(StorageError, match="is written no more"):
        journal.save_snapshot(b"{}")
    with pytest.raises(StorageError, match="is written no more"):
        journal.checkpoint()
    journal.close()
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before
    end_of_process(journal)


def test_a_checkpoint_lets_the_log_begin_anew(path: Path) -> None:
    """Without one the log grows with every commit, and SQLite's own are off."""
    log = path.with_name(f"{path.name}-wal")
    journal = Journal(path, "venue")
    entries = [TradingHalted("x" * 2_000, None, NOW)]
    for _ in range(200):
        journal.append(entries)
    grown = log.stat().st_size
    assert grown > 200 * 2_000
    journal.checkpoint()
    for _ in range(50):
        journal.append(entries)
    assert log.stat().st_size == grown, "it is written from its beginning again"
    assert path.stat().st_size > 200 * 2_000
    journal.close()


@pytest.mark.parametrize("durability", ["full", "venue"])
def test_commits_come_back_durable(path: Path, durability: str) -> None:
    """`full` is awaited, `venue` is done at once; both are in the file afterwards."""

    async def commit() -> bool:
        writer = JournalWriter(Journal(path, "full"), "full" if durability == "full" else "venue")
        pending = writer.begin_commit([StoppedCleanly(NOW)])
        if pending is not None:
            await pending
        writer.close()
        return pending is not None

    assert asyncio.run(commit()) == (durability == "full")
    journal = Journal(path, "full")
    assert list(journal.read()) == [StoppedCleanly(NOW)]
    journal.close()


async def test_a_commit_that_is_quick_is_awaited_in_place(path: Path) -> None:
    """Its future is resolved without a turn of the loop."""
    writer = JournalWriter(Journal(path, "full"), "full")
    # A sync may take longer than the moment that is waited; one of many does not.
    for place in range(200):
        pending = writer.begin_commit([TradingResumed(NOW + place)])
        assert pending is not None
        writer.settle()
        if pending.done():
            break
        await pending
    else:
        pytest.fail("no commit was over within the moment")
    writer.close()


class StuckJournal(Journal):
    """A journal whose disk works when the test says so."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "full")
        self.may_write = threading.Event()

    def append(self, entries: Sequence[Entry]) -> None:
        assert self.may_write.wait(20)
        super().append(entries)


async def test_a_commit_that_takes_long_is_left_to_the_loop(path: Path) -> None:
    """The loop goes on meanwhile, and hears of the end."""
    journal = StuckJournal(path)
    writer = JournalWriter(journal, "full")
    pending = writer.begin_commit([TradingResumed(NOW)])
    assert pending is not None
    writer.settle()
    assert not pending.done()
    journal.may_write.set()
    await asyncio.wait_for(pending, 20)
    assert journal.sequence == 1
    writer.close()


async def test_a_commit_whose_caller_has_gone_does_no_harm(path: Path) -> None:
    """Whoever awaited it was canceled; the thread goes on with the next."""
    journal = StuckJournal(path)
    writer = JournalWriter(journal, "full")
    abandoned = writer.begin_commit([TradingResumed(NOW)])
    assert abandoned is not None
    abandoned.cancel()
    journal.may_write.set()
    pending = writer.begin_commit([TradingResumed(NOW + 1)])
    assert pending is not None
    writer.settle()
    await asyncio.wait_for(pending, 20)
    assert journal.sequence == 2
    writer.close()


def test_a_failed_commit_raises(path: Path) -> None:
    """Whoever awaits the commit is told, so that nothing is sent."""

    async def commit() -> None:
        journal = Journal(path, "full")
        writer = JournalWriter(journal, "full")
        first = writer.begin_commit([EpochStarted(1, "", NOW)])
        assert first is not None
        await first
        again = writer.begin_commit([EpochStarted(1, "", NOW)])
        assert again is not None
        try:
            await again
        finally:
            end_of_process(journal)

    with pytest.raises(StorageError, match="UNIQUE"):
        asyncio.run(commit())


@pytest.mark.parametrize(
    ("durability", "entry", "synchronous"),
    [
        ("full", OrderMoved("a", OrderState.ACCEPTED, 1, 0, "", NOW), 2),
        ("venue", OrderMoved("a", OrderState.ACCEPTED, 1, 0, "", NOW), 1),
        ("venue", EpochStarted(1, "boot", NOW), 2),
        ("venue", TradingHalted("why", None, NOW), 2),
    ],
    ids=["full", "venue", "venue, an epoch", "venue, a halt"],
)
def test_milestones_are_synced_whatever_the_durability(
    path: Path, durability: Literal["full", "venue"], entry: Entry, synchronous: int
) -> None:
    """What the venue could not give back reaches the disk: 2 is FULL, 1 is NORMAL."""
    journal = Journal(path, durability)
    journal.append([entry])
    connection = journal._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
    journal.close()


@pytest.mark.parametrize("durability", ["full", "venue"])
async def test_snapshots_go_the_way_of_commits(
    path: Path, durability: Literal["full", "venue"]
) -> None:
    """Awaited or done at once; entries are counted from the last one."""
    writer = JournalWriter(Journal(path, durability), durability)
    pending = writer.begin_commit([StoppedCleanly(NOW)])
    if pending is not None:
        await pending
    pending = writer.begin_snapshot(b"{}")
    if pending is not None:
        await pending
    assert writer.entries_behind_snapshot == 0
    pending = writer.begin_commit([StoppedCleanly(NOW)])
    if pending is not None:
        await pending
    assert writer.entries_behind_snapshot == 1
    assert writer.entries_behind_checkpoint == 2
    pending = writer.begin_checkpoint()
    if pending is not None:
        await pending
    assert writer.entries_behind_checkpoint == 0
    writer.close()
    journal = Journal(path, "full")
    assert [snapshot.state for snapshot in journal.snapshots()] == [b"{}"]
    journal.close()
