"""`genesis db` as an operator runs it, on records and journals with something of everything."""

import csv
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from genesis.cli.entry import main
from genesis.engine.entries import EntriesMissed, Entry
from genesis.engine.locks import InstanceLock
from genesis.engine.state_directory import StateDirectory
from genesis.errors import EXIT_USAGE
from genesis.storage.entry_chain import EntryChain
from genesis.storage.journal_reader import JournalReader
from genesis.storage.records import schema
from genesis.storage.records.database import RecordsDatabase, RecordsPlace
from genesis.storage.records.move import catch_up, differences
from tests.support.postgres import PostgresServer
from tests.support.records import everything, journal_of

Output = Callable[[], str]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state directory with a journal, recorded in SQLite."""
    path = tmp_path / "state"
    directory = StateDirectory(path)
    directory.prepare()
    directory.claim_mode("sim")
    directory.next_epoch()
    directory.number_strategies(["ema_cross-1"])
    journal_of(directory.journal_path("00"), everything())
    with closing(RecordsDatabase(RecordsPlace.in_file(path / "records.db"))) as records:
        catch_up(directory.journal_path("00"), records, lambda _recorded: None)
    return path


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Output:
    """Return what was printed since the last call."""
    return lambda: capsys.readouterr().out


def entries_of(state: Path) -> list[tuple[Entry, bytes]]:
    with closing(JournalReader(StateDirectory(state).only_journal())) as reader:
        return [(each.entry, each.payload) for each in reader.read(EntryChain(), 10_000)]


def test_tables_and_rows_are_shown(state: Path, output: Output) -> None:
    """Counts are those of the database; rows come as they were made, the latest of them."""
    assert main(["db", "tables", "--json", "--state", str(state)]) == 0
    tables = json.loads(output())
    assert set(tables) == set(schema.metadata.tables)
    assert tables["journal_entries"]["rows"] == len(everything())
    assert main(["db", "rows", "fills", "--json", "--last", "2", "--state", str(state)]) == 0
    rows = [json.loads(line) for line in output().splitlines()]
    assert [row["sequence"] for row in rows] == sorted(row["sequence"] for row in rows)
    assert len(rows) == 2
    assert all(isinstance(row["price"], str) and "." in row["price"] for row in rows)
    where = f"trade_id={rows[0]['trade_id']}"
    assert main(["db", "rows", "fills", "--where", where, "--state", str(state)]) == 0
    head, line = output().splitlines()
    assert head.split()[:2] == ["sequence", "symbol"]
    assert rows[0]["client_order_id"] in line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("rows", "nonsense"), "there is no table nonsense; there are agreements,"),
        (("rows", "fills", "--where", "colour=red"), "fills has no column colour; it has sequence"),
        (("rows", "fills", "--where", "red"), "--where 'red': use COLUMN=VALUE"),
        (("export", "fills", "--format", "sqlite"), "--format sqlite needs --output FILE"),
        (("restore",), "has been used; restore into a new state_dir"),
        (("return-to-sqlite",), "records.url: is not set; the records are in SQLite"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(
    words: tuple[str, ...], told: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and nothing is changed."""
    assert main(["db", *words, "--state", str(state)]) != 0
    errors = capsys.readouterr().err
    assert told in errors


def test_records_that_are_not_there_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looking makes no database."""
    assert main(["db", "tables", "--state", str(tmp_path)]) != 0
    assert "they hold no records" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_exported_whole(state: Path, tmp_path: Path, output: Output) -> None:
    """As CSV, JSON lines and SQLite: the same rows, money as text, no file written over."""
    target = tmp_path / "fills.csv"
    words = ["db", "export", "fills", "--state", str(state)]
    assert main([*words, "--output", str(target)]) == 0
    assert "rows of fills" in output()
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert main([*words, "--format", "jsonl"]) == 0
    lines = [json.loads(line) for line in output().splitlines()]
    assert [row["quantity"] for row in rows] == [line["quantity"] for line in lines]
    assert main([*words, "--format", "sqlite", "--output", str(tmp_path / "x.db")]) == 0
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        stored = database.execute("SELECT quantity, price FROM fills ORDER BY sequence").fetchall()
    assert stored == [(line["quantity"], line["price"]) for line in lines]
    before = target.read_bytes()
    assert main([*words, "--output", str(target)]) == EXIT_USAGE
    assert target.read_bytes() == before


def test_a_backup_restores_the_journal_and_says_what_it_may_lack(
    state: Path, tmp_path: Path, output: Output
) -> None:
    """Entry by entry; epochs go on where the old host cannot have been; the first is kept."""
    assert main(["db", "backup", "--state", str(state)]) == 0
    assert "made and checked; 1 kept" in output()
    (made,) = (state / "backups").iterdir()
    assert not list(made.glob("*key*"))
    fresh = tmp_path / "fresh"
    assert main(["db", "restore", "--from-backup", str(made), "--state", str(fresh)]) == 0
    old, new = entries_of(state), entries_of(fresh)
    assert new[: len(old)] == old
    (last,) = [entry for entry, _payload in new[len(old) :]]
    assert isinstance(last, EntriesMissed)
    assert last.since == old[-1][0].at
    assert StateDirectory(fresh).next_epoch() > 1_000_000
    assert StateDirectory(fresh).strategy_numbers()["ema_cross-1"] == 7
    assert main(["db", "restore", "--from-backup", str(made), "--state", str(fresh)]) != 0
    assert entries_of(fresh) == new


def test_a_damaged_database_is_never_kept_as_a_backup(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is left of the attempt, and the line names the file."""
    journal = StateDirectory(state).only_journal()
    content = bytearray(journal.read_bytes())
    content[5_000:9_000] = b"\xa5" * 4_000
    journal.write_bytes(content)
    assert main(["db", "backup", "--state", str(state)]) != 0
    assert "cannot be made" in capsys.readouterr().err
    assert list((state / "backups").iterdir()) == []


def test_records_move_to_postgres_and_back(
    state: Path, tmp_path: Path, postgres: PostgresServer, output: Output
) -> None:
    """Copied, every row compared, switched in the file with its comments; and all of it back."""
    config = tmp_path / "genesis.toml"
    config.write_text("# mine\n[risk] # my limits\norders_per_second = 7\n")
    url = postgres.make_database()
    words = ["--config", str(config), "--state", str(state)]
    assert main(["db", "upgrade-to-postgres", "--url", url, *words]) == 0
    assert "every row is equal in both" in output()
    assert config.read_text().startswith("# mine\n[risk] # my limits\norders_per_second = 7\n")
    assert main(["db", "tables", "--json", *words]) == 0
    assert json.loads(output())["journal_entries"]["rows"] == len(everything())
    fresh = tmp_path / "fresh"
    restore = ["db", "restore", "--config", str(config), "--state", str(fresh)]
    assert main(restore) == 0
    assert entries_of(fresh)[: len(everything())] == entries_of(state)
    assert main(["db", "return-to-sqlite", *words]) == 0
    assert "records are in SQLite from the next start on" in output()
    assert "url" not in config.read_text()


def test_nothing_is_switched_beside_a_running_engine_or_over_a_difference(
    state: Path,
    tmp_path: Path,
    postgres: PostgresServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The configuration stays as it was, and the line says what differs."""
    config = tmp_path / "genesis.toml"
    config.write_text("")
    url = postgres.make_database()
    words = [
        *("db", "upgrade-to-postgres", "--url", url),
        *("--config", str(config), "--state", str(state)),
    ]
    with InstanceLock.acquire(StateDirectory(state).lock_path):
        assert main(words) != 0
    assert "another engine runs" in capsys.readouterr().err
    with closing(sqlite3.connect(state / "records.db")) as database:
        database.execute(
            "UPDATE fills SET price = price + 1 WHERE sequence = (SELECT min(sequence) FROM fills)"
        )
        database.commit()
        assert database.total_changes == 1
    assert main(words) != 0
    assert "nothing was switched" in capsys.readouterr().err
    assert config.read_text() == ""
    with (
        closing(RecordsDatabase(RecordsPlace.in_file(state / "records.db"))) as one,
        closing(RecordsDatabase(RecordsPlace.on_server(url))) as other,
    ):
        (difference,) = differences(one, other)
    assert difference.startswith("fills: ")
