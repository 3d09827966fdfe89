"""The recorder as it runs: outages and kills delay records, and nothing else."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from genesis.engine.control import Stopped
from genesis.engine.entries import Entry, EquityMarked
from genesis.storage.backup import backups
from genesis.storage.journal_reader import JournalReader
from genesis.storage.records.database import RecordsDatabase, RecordsPlace
from genesis.units import SCALE
from tests.support.builders import NOW, SECOND
from tests.support.engine_program import LiveProgram, eager_roster, process_of
from tests.support.postgres import PostgresServer
from tests.support.recorder_run import RecorderRun
from tests.support.records import opening, record, round_trip, rows_of
from tests.support.tape import ABSENT, FOLDER


def trades(first: int, count: int) -> list[list[Entry]]:
    """Return groups of entries, each as one commit."""
    return [round_trip(2 * n, NOW + n * SECOND) for n in range(first, first + count)]


async def test_a_server_that_is_down_delays_records_and_nothing_else(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """Commits go on while PostgreSQL is stopped, and then it has row for row what SQLite has."""
    url = postgres.make_database()
    async with RecorderRun(tmp_path / "state", url) as run:
        run.journal.append(opening())
        for group in trades(1, 20):
            run.journal.append(group)
        await run.until(lambda: run.has_recorded(204))
        postgres.stop()
        try:
            for group in trades(21, 60):
                run.journal.append(group)
            await run.until(lambda: "entries behind" in run.trouble)
            assert run.summary is not None
            assert (run.summary.recorded, run.summary.behind) == (204, 600)
            for group in trades(81, 60):
                run.journal.append(group)
        finally:
            postgres.start()
        await run.until(lambda: run.has_recorded(1404))
        for group in trades(141, 3):
            run.journal.append(group)
        assert await run.stop() == 0
        assert run.said[-1] == Stopped({"recorded": 1434, "behind": 0})
        events = [line["event"] for line in run.log()]
        assert events.count("records_delayed") == events.count("records_resumed") == 1
        journal = run.journal.path
    on_server = RecordsDatabase(RecordsPlace.on_server(url))
    in_file = record(journal, RecordsPlace.in_file(tmp_path / "records.db"))
    assert rows_of(on_server) == rows_of(in_file)
    on_server.close()
    in_file.close()


async def test_a_recorder_that_is_killed_leaves_no_entry_out(tmp_path: Path) -> None:
    """Each life goes on where the rows are, wherever the last one was killed.

    Where money is real and above $2 000 on SQLite, log and status name the way to PostgreSQL.
    """
    equity = 2_001 * SCALE
    async with RecorderRun(tmp_path / "state", mode="live") as run:
        run.journal.append(opening())
        for life in range(2):
            for group in trades(1 + 150 * life, 150):
                run.journal.append(group)
            await run.until(lambda: run.has_recorded(1))
            await run.kill()
            await run.start()
        run.journal.append([EquityMarked(equity, equity, 20_000, equity, NOW)])
        await run.until(lambda: run.has_recorded(3_005))
        assert await run.stop() == 0
        assert run.summary is not None
        assert "genesis db upgrade-to-postgres" in run.summary.advice
        assert len(run.log("records_outgrown")) == 1
        journal, path = run.journal.path, run.settings.records_path
    assert path.stat().st_mode & 0o777 == 0o600
    in_lives = RecordsDatabase(RecordsPlace.in_file(path))
    at_once = record(journal, RecordsPlace.in_file(tmp_path / "records.db"))
    assert rows_of(in_lives) == rows_of(at_once)
    in_lives.close()
    at_once.close()


def test_an_engine_trades_on_while_its_records_are_down(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """Orders fill while PostgreSQL is stopped, status says how it stands, and records catch up."""
    if not FOLDER.is_dir():
        pytest.skip(ABSENT)
    url = postgres.make_database()
    tape = f"market={json.dumps({'source': 'replay', 'path': str(FOLDER)})}"
    words = (tape, eager_roster(12), "risk.orders_per_second=100", f"records.url={url}")
    with LiveProgram(tmp_path / "state", tmp_path / "report.json", *words) as engine:
        engine.wait_until_running()
        engine.wait_for(lambda status: status.records is not None and status.records.recorded > 0)
        postgres.stop()
        try:
            status = engine.wait_for(
                lambda status: any("recorder: the records" in each for each in status.problems)
            )
            before = status.fills
            engine.wait_for(lambda status: status.fills >= before + 3)
        finally:
            postgres.start()
        status = engine.wait_for(
            lambda status: status.records is not None and status.records.behind == 0
        )
        assert process_of(status, "recorder").restarts == 0
        assert engine.stop() == 0
    (journal,) = (tmp_path / "state").glob("*.journal.db")
    on_server = RecordsDatabase(RecordsPlace.on_server(url))
    in_file = record(journal, RecordsPlace.in_file(tmp_path / "records.db"))
    rows = rows_of(on_server)
    assert rows == rows_of(in_file)
    assert rows["fills"]
    assert rows["transitions"][-1][1] == "stopped", "the last entry of the journal is recorded"
    on_server.close()
    in_file.close()


async def test_each_day_has_one_backup(tmp_path: Path) -> None:
    """However often the recorder starts, it backs up what there is once a day."""
    run = RecorderRun(tmp_path / "state")
    run.journal.append(opening())
    async with run:
        await run.until(lambda: bool(run.log("backup_made")))
        assert await run.stop() == 0
        await run.start()
        assert await run.stop() == 0
        made = backups(run.settings.backup_dir)
        assert len({path.name[:8] for path in made}) == len(made) >= 1
        assert [str(path) for path in made] == [line["path"] for line in run.log("backup_made")]
        with closing(JournalReader(made[-1] / run.journal.path.name)) as reader:
            assert reader.last_sequence() == run.journal.sequence
