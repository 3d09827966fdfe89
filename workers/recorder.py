"""The recorder as a child process: the journal in, the records out.

The feed runs in a thread of its own, since a database may keep it waiting for as long as it likes;
the loop beats, tells the parent how far behind the records are, and ends in time whatever the
database does. What was not recorded is in the journal and is recorded in the next life.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from genesis.config import Settings
from genesis.engine.control import RecordsTold
from genesis.engine.entries import EquityMarked
from genesis.engine.state_directory import StateDirectory
from genesis.errors import GenesisError, StorageError
from genesis.limits import (
    BACKUP_LOOK_PERIOD,
    RECORDER_NICENESS,
    RECORDS_FINISH,
    RECORDS_PATIENCE,
    RECORDS_PERIOD,
    RECORDS_RETRY_DELAY,
    RECORDS_RETRY_DELAY_MAX,
    SQLITE_EQUITY_MAX,
    SUMMARY_PERIOD,
)
from genesis.status import RecordsSummary
from genesis.storage.backup import back_up, backups
from genesis.storage.journal_reader import JournaledEntry, JournalReader
from genesis.storage.records.database import RecordsDatabase, place_of
from genesis.storage.records.feed import RecordsFeed
from genesis.units import NANOS_PER_SECOND, SCALE, Amount, Nanos
from workers.process import ChildContext, run_child

_OUTGROWN = (
    f"equity is above {SQLITE_EQUITY_MAX // SCALE:,} on SQLite: move the records to PostgreSQL "
    "with genesis db upgrade-to-postgres"
)

_DAY_CHARS = len("20261125")  # of a backup's name


class Feed(Protocol):
    """What is stepped: `RecordsFeed`."""

    def step(self) -> Sequence[JournaledEntry]:
        """Apply the next entries; return them, none when there is nothing new."""
        ...


class FeedThread:
    """Steps the feed for as long as the process lives.

    At once while it is behind, else now and then; with growing pauses while the database refuses.
    """

    def __init__(self, feed: Feed, now: Callable[[], Nanos]) -> None:
        self._feed = feed
        self._now = now
        self._began: Nanos | None = None  # the step under way
        self._finishing = threading.Event()
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.trouble = ""
        self.failure: Exception | None = None
        self.highest_equity = 0
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    async def finished(self) -> bool:
        """Have it record what is left, and wait for that a while; False if it takes longer."""
        self._finishing.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECORDS_FINISH / NANOS_PER_SECOND):
                await self._ended.wait()
        return self._ended.is_set()

    @property
    def silence(self) -> Nanos:
        """Return for how long the step under way has been waiting for the database."""
        began = self._began
        return 0 if began is None else self._now() - began

    async def ended(self) -> None:
        """Wait for its end, which comes early only by a bug: `failure`."""
        await self._ended.wait()

    def _run(self) -> None:
        """Work, and tell the loop of the end.

        A process boundary: whatever ends it, the loop raises.
        """
        try:
            self._work()
        except Exception as error:
            self.failure = error
        with contextlib.suppress(RuntimeError):  # the process ends, and the loop has ended before
            self._loop.call_soon_threadsafe(self._ended.set)

    def _work(self) -> None:
        pause = RECORDS_RETRY_DELAY
        while True:
            is_last = self._finishing.is_set()
            self._began = self._now()
            try:
                batch = self._feed.step()
            except GenesisError as error:
                self.trouble, self._began = str(error), None
                if is_last:
                    return
                self._finishing.wait(pause / NANOS_PER_SECOND)
                pause = min(2 * pause, RECORDS_RETRY_DELAY_MAX)
                continue
            self.trouble, self._began, pause = "", None, RECORDS_RETRY_DELAY
            self._note(batch)
            if not batch:
                if is_last:
                    return
                self._finishing.wait(RECORDS_PERIOD / NANOS_PER_SECOND)

    def _note(self, batch: Sequence[JournaledEntry]) -> None:
        marks = [each.entry.equity for each in batch if isinstance(each.entry, EquityMarked)]
        self.highest_equity = max([self.highest_equity, *marks])


class _Recorder:
    """One life of the recorder."""

    def __init__(self, context: ChildContext) -> None:
        settings = context.settings
        self._context = context
        journal_path = StateDirectory(settings.state_dir).only_journal()
        self._journal = JournalReader(journal_path)
        self._records = RecordsDatabase(place_of(settings))
        self._feed = RecordsFeed(JournalReader(journal_path), self._records)
        self._told_trouble = ""
        self._is_outgrown = False

    async def run(self) -> None:
        """Record until the parent says stop, and then what is left."""
        context = self._context
        backing_up = asyncio.create_task(self._back_up_daily())
        thread = FeedThread(self._feed, context.clock.now)
        context.ready({"records": self._records.place.name})
        stopping = asyncio.ensure_future(context.stopping.wait())
        failing = asyncio.ensure_future(thread.ended())
        ends = (stopping, failing)
        try:
            while not any(end.done() for end in ends):
                await asyncio.wait(
                    ends,
                    timeout=SUMMARY_PERIOD / NANOS_PER_SECOND,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                self._tell(thread)
        finally:
            for task in (stopping, failing, backing_up):
                task.cancel()
        await thread.finished()
        self._tell(thread)
        if thread.failure is not None:
            raise thread.failure
        context.summary["recorded"] = self._feed.recorded
        context.summary["behind"] = self._behind()

    async def _back_up_daily(self) -> None:
        """Back the state directory up once for each day of the calendar, in UTC, if that is asked.

        Whatever day a run begins on, its backup is made soon. One that fails is told and tried
        again with the next look.
        """
        settings, log = self._context.settings, self._context.log
        while settings.records.backups_kept:
            # The kept ones are looked at each time: a restart, or a person, may have made one.
            now = datetime.now(UTC)
            made = backups(settings.backup_dir)
            is_due = not made or made[-1].name[:_DAY_CHARS] < f"{now:%Y%m%d}"
            if is_due and self._journal.last_sequence():
                kept = settings.records.backups_kept
                making = partial(back_up, settings.state_dir, settings.backup_dir, now, kept)
                # In a thread that keeps nobody waiting: the process may end in the middle of it.
                threading.Thread(target=_make_backup, args=(making, log), daemon=True).start()
            await asyncio.sleep(BACKUP_LOOK_PERIOD / NANOS_PER_SECOND)

    def _behind(self) -> int:
        return max(0, self._journal.last_sequence() - self._feed.recorded)

    def _tell(self, thread: FeedThread) -> None:
        """Tell the parent how the records stand, and the log what has changed."""
        context, place = self._context, self._records.place
        try:
            behind = self._behind()
        except StorageError as error:
            thread.trouble = thread.trouble or str(error)
            behind = 0
        trouble = thread.trouble
        if not trouble and thread.silence >= RECORDS_PATIENCE:
            trouble = f"{place.name}: no answer for {thread.silence // NANOS_PER_SECOND} s"
        if bool(trouble) != bool(self._told_trouble):
            log = context.log.warning if trouble else context.log.info
            event = "records_delayed" if trouble else "records_resumed"
            log(event, reason=trouble, behind=behind)
        self._told_trouble = trouble
        context.tell_trouble(f"{trouble}; {behind} entries behind" if trouble else "")
        advice = self._advise(thread.highest_equity)
        summary = RecordsSummary(
            place=place.name, recorded=self._feed.recorded, behind=behind, advice=advice
        )
        context.control.send(RecordsTold(summary))

    def _advise(self, equity: int) -> str:
        advice = advice_for(self._context.settings, equity)
        if advice and not self._is_outgrown:
            self._is_outgrown = True
            self._context.log.warning("records_outgrown", advice=advice)
        return advice


def _make_backup(making: Callable[[], Path], log: FilteringBoundLogger) -> None:
    try:
        log.info("backup_made", path=str(making()))
    except StorageError as error:
        log.error("backup_failed", reason=str(error))  # noqa: TRY400, the reason says it all


def advice_for(settings: Settings, equity: Amount) -> str:
    """Say when an account that is not a simulation has outgrown a file; "" while it has not."""
    is_small = equity <= SQLITE_EQUITY_MAX
    return "" if is_small or settings.is_simulated or settings.records.url else _OUTGROWN


async def run(context: ChildContext) -> None:
    """Be the recorder until the parent says stop."""
    os.nice(RECORDER_NICENESS)
    await _Recorder(context).run()


if __name__ == "__main__":
    run_child(run)
