"""The recorder's thread and its advice, without a process."""

import asyncio
import threading
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import pytest

from genesis.config import Settings
from genesis.config_records import RecordsSettings
from genesis.engine.entries import EquityMarked
from genesis.errors import RecordsUnavailable
from genesis.limits import RECORDS_FINISH
from genesis.storage.journal_reader import JournaledEntry
from genesis.units import SCALE
from tests.support.builders import NOW
from workers.recorder import FeedThread, advice_for

DEADLINE_S = 10.0


class ScriptedFeed:
    """A feed that does what a test says, step by step, and then has nothing new."""

    def __init__(self, *steps: Sequence[JournaledEntry] | Exception | threading.Event) -> None:
        self._steps = list(steps)
        self._begun = threading.Semaphore(0)
        self.taken = 0

    async def until_begun(self, steps: int) -> None:
        """Wait until so many more steps have begun."""
        for _ in range(steps):
            assert await asyncio.to_thread(self._begun.acquire, timeout=DEADLINE_S)

    def step(self) -> Sequence[JournaledEntry]:
        """Take the next step of the script."""
        self.taken += 1
        self._begun.release()
        if not self._steps:
            return ()
        match self._steps.pop(0):
            case Exception() as error:
                raise error
            case threading.Event() as event:
                assert event.wait(DEADLINE_S)
                return ()
            case batch:
                return batch


def marked(equity: int) -> JournaledEntry:
    return JournaledEntry(1, EquityMarked(equity, equity, 1, equity, NOW), b"", 0)


async def test_what_is_left_is_recorded_before_the_end() -> None:
    """Batch after batch without a pause, until there is nothing new."""
    feed = ScriptedFeed([marked(5)], [marked(7)], [marked(6)])
    thread = FeedThread(feed, lambda: NOW)
    assert await thread.finished()
    assert feed.taken >= 4
    assert thread.highest_equity == 7
    assert thread.failure is None


async def test_a_database_that_refuses_is_tried_again() -> None:
    """Its words stand until it takes something."""
    gate = threading.Event()
    feed = ScriptedFeed(RecordsUnavailable("it is down"), gate)
    thread = FeedThread(feed, lambda: NOW)
    await feed.until_begun(2)
    assert thread.trouble == "it is down"
    gate.set()
    assert await thread.finished()
    assert thread.trouble == ""


async def test_an_end_does_not_wait_for_a_database_that_refuses() -> None:
    """What was not recorded is in the journal, and is recorded in the next life."""
    refusals = [RecordsUnavailable("it is down") for _ in range(100)]
    thread = FeedThread(ScriptedFeed(*refusals), lambda: NOW)
    assert await thread.finished()
    assert thread.trouble == "it is down"


async def test_an_end_does_not_wait_for_a_database_that_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The step under way is left to itself after a while, and told for how long it has lasted."""
    monkeypatch.setattr("workers.recorder.RECORDS_FINISH", RECORDS_FINISH // 20)
    now = [NOW]
    gate = threading.Event()
    feed = ScriptedFeed(gate)
    thread = FeedThread(feed, lambda: now[0])
    await feed.until_begun(1)
    now[0] += 7 * SCALE
    assert thread.silence == 7 * SCALE
    assert not await thread.finished()
    gate.set()
    await thread.ended()
    assert thread.silence == 0


async def test_a_bug_is_told_to_the_loop() -> None:
    """It ends the process, as a bug does anywhere."""
    thread = FeedThread(ScriptedFeed(ZeroDivisionError()), lambda: NOW)
    await thread.ended()
    assert isinstance(thread.failure, ZeroDivisionError)


@pytest.mark.parametrize(
    ("mode", "url", "equity", "says"),
    [
        ("live", None, "2000.00000001", "above 2,000 on SQLite"),
        ("testnet", None, "100000", "genesis db upgrade-to-postgres"),
        ("live", None, "2000", ""),
        ("sim", None, "100000", ""),
        ("live", "postgresql://h/db", "100000", ""),
    ],
)
def test_an_account_that_outgrows_a_file_is_advised(
    mode: Literal["sim", "testnet", "live"], url: str | None, equity: str, says: str
) -> None:
    """From the Hunter tier on records belong in PostgreSQL, except in a simulation."""
    settings = Settings(mode=mode, records=RecordsSettings(url=url))
    advice = advice_for(settings, int(Decimal(equity) * SCALE))
    assert says in advice
    assert bool(advice) == bool(says)
