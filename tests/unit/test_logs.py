"""The log: whole JSON lines, bound identity, no secrets, and nothing lost in a rotation."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from genesis import limits
from genesis.config import Settings
from genesis.errors import ConfigError
from genesis.logs import LogFile, child_logger, parent_logger


@pytest.fixture(autouse=True)
def logging_is_put_back() -> Iterator[None]:
    """Undo what configuring the log does to the whole process."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = before


@pytest.fixture
def settings(state_dir: Path) -> Settings:
    """Return default settings on a state directory of the test's own."""
    return Settings(state_dir=state_dir)


@pytest.fixture
def log_file(settings: Settings) -> Iterator[LogFile]:
    """Return the opened log of those settings."""
    log_file = LogFile.open(settings.log_path)
    yield log_file
    log_file.close()


def lines_of(path: Path) -> list[dict[str, object]]:
    """Read the log back; every line must be JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_fact_is_one_line_that_says_who_and_when_first(
    settings: Settings, log_file: LogFile
) -> None:
    """Identity is bound once, and leads every line."""
    log = parent_logger(settings, log_file)

    log.info("order_submitted", symbol="BTCUSDT", quantity="0.5")

    (line,) = lines_of(settings.log_path)
    assert list(line)[:6] == ["at", "level", "event", "process", "epoch", "pid"]
    assert line["event"] == "order_submitted"
    assert (line["process"], line["pid"]) == ("parent", os.getpid())
    assert (line["symbol"], line["quantity"]) == ("BTCUSDT", "0.5")


def test_a_child_writes_to_the_descriptor_it_inherited(
    settings: Settings, log_file: LogFile
) -> None:
    """Lines of all processes stand in one file, each with its process and epoch."""
    log = child_logger(settings, log_file.fd, process="worker-0", epoch=7)

    log.bind(strategy_id="a").warning("strategy_raised")

    (line,) = lines_of(settings.log_path)
    assert (line["process"], line["epoch"], line["strategy_id"]) == ("worker-0", 7, "a")


def test_lines_below_the_level_are_not_written(state_dir: Path) -> None:
    """The level of the configuration holds for every process."""
    settings = Settings.model_validate({"state_dir": state_dir, "logs": {"level": "warning"}})
    log_file = LogFile.open(settings.log_path)
    log = parent_logger(settings, log_file)

    log.info("quiet")
    log.warning("loud")
    log_file.close()

    assert [line["event"] for line in lines_of(settings.log_path)] == ["loud"]


def test_secrets_do_not_reach_the_file(settings: Settings, log_file: LogFile) -> None:
    """Not by field, not inside a value, not in a traceback."""
    log = parent_logger(settings, log_file)

    try:
        int("GET /order?signature=canary")
    except ValueError:
        log.exception("request_failed", api_key="canary", params={"secret": "canary"})

    text = settings.log_path.read_text()
    assert "canary" not in text
    assert "ValueError" in text


def test_libraries_are_heard_through_the_same_log(settings: Settings, log_file: LogFile) -> None:
    """What asyncio or websockets warn of is a line like any other; their chatter is not."""
    parent_logger(settings, log_file)

    logging.getLogger("websockets").info("chatter")
    logging.getLogger("asyncio").error("Task exception was %s", "never retrieved")

    (line,) = lines_of(settings.log_path)
    assert (line["event"], line["library"]) == ("library_message", "asyncio")
    assert line["message"] == "Task exception was never retrieved"


def test_what_json_cannot_hold_is_printed(settings: Settings, log_file: LogFile) -> None:
    """A log line never raises, whatever it is given."""
    log = parent_logger(settings, log_file)

    log.info("odd", huge=2**70, half="\ud800", path=Path("/x"))

    (line,) = lines_of(settings.log_path)
    assert line["event"] == "odd"
    assert line["huge"] == str(2**70)
    assert line["half"] == "\\ud800"


def test_a_line_is_bounded(settings: Settings, log_file: LogFile) -> None:
    """An endless value is cut, and the line says so."""
    log = parent_logger(settings, log_file)

    log.info("endless", text="x" * limits.LOG_LINE_BYTES_MAX)

    assert settings.log_path.stat().st_size <= limits.LOG_LINE_BYTES_MAX
    (line,) = lines_of(settings.log_path)
    assert (line["event"], line["cut"]) == ("endless", True)


def test_the_log_is_its_owners_alone(settings: Settings, log_file: LogFile) -> None:
    """Trades are nobody else's business."""
    assert log_file.fd >= 0
    assert settings.log_path.stat().st_mode & 0o077 == 0


def test_a_rotation_keeps_all_lines_of_all_writers(settings: Settings, log_file: LogFile) -> None:
    """The owner renames; another writer follows with its next line; older files move up."""
    other = LogFile(os.dup(log_file.fd), settings.log_path)

    other.write(b"first\n")
    assert log_file.rotate_if_full(max_bytes=6, kept_files=2)
    other.write(b"second\n")
    log_file.write(b"third\n")
    assert log_file.rotate_if_full(max_bytes=6, kept_files=2)
    other.write(b"fourth\n")
    other.close()

    newest, older, oldest = (
        settings.log_path.with_name(f"genesis.jsonl{age}").read_text() for age in ("", ".1", ".2")
    )
    assert (oldest, older, newest) == ("first\n", "second\nthird\n", "fourth\n")


def test_the_oldest_files_are_dropped(settings: Settings, log_file: LogFile) -> None:
    """No more files are kept than the configuration says."""
    for line in (b"1\n", b"2\n", b"3\n", b"4\n"):
        log_file.write(line)
        log_file.rotate_if_full(max_bytes=1, kept_files=2)

    kept = {path.name: path.read_text() for path in settings.log_path.parent.iterdir()}
    assert kept == {"genesis.jsonl": "", "genesis.jsonl.1": "4\n", "genesis.jsonl.2": "3\n"}


def test_a_file_that_is_not_full_is_left_alone(settings: Settings, log_file: LogFile) -> None:
    """Rotation goes by size."""
    log_file.write(b"line\n")

    assert not log_file.rotate_if_full(max_bytes=6, kept_files=2)
    assert settings.log_path.read_text() == "line\n"


def test_a_full_disk_costs_lines_but_never_raises() -> None:
    """The lines lost are counted, and the count is told as soon as one can be written."""
    full = LogFile(os.open("/dev/full", os.O_WRONLY), Path("/dev/full"))
    full.write(b'{"event":"one"}\n')
    full.write(b'{"event":"two"}\n')
    reader, writer = os.pipe()
    os.dup2(writer, full.fd)

    full.write(b'{"event":"three"}\n')

    assert os.read(reader, 1000) == (b'\n{"event":"log_lines_lost","count":2}\n{"event":"three"}\n')
    full.close()
    os.close(reader)
    os.close(writer)


def test_lines_go_on_where_the_directory_is_gone(settings: Settings, log_file: LogFile) -> None:
    """A writer that cannot follow a rename keeps the file it has."""
    settings.log_path.unlink()
    settings.log_path.parent.rmdir()

    log_file.write(b"line\n")

    assert os.fstat(log_file.fd).st_size == len(b"line\n")


def test_a_path_that_cannot_be_written_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    """It is told before anything is started, with the setting to change."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"^logs\.path: "):
        LogFile.open(tmp_path / "file" / "genesis.jsonl")
