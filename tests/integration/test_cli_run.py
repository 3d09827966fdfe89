"""`genesis run` as an operator starts it: real processes, real exit codes, nothing left behind."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from genesis.cli import main

StartRun: TypeAlias = Callable[..., "subprocess.Popen[str]"]
DEADLINE_S = 60

# Small enough to start fast on a busy machine; nothing here depends on how much is traded.
SMALL = ("--set", "strategies.count=8", "--set", "market.instruments=4")


@pytest.fixture
def start_run(state_dir: Path) -> Iterator[StartRun]:
    """Return a function that starts `genesis run`; no engine outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "genesis", "run", "--state", str(state_dir), *SMALL]
        process = subprocess.Popen(
            [*command, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=DEADLINE_S)


def wait_until_running(process: "subprocess.Popen[str]") -> None:
    """Read the run's output up to the line that says that it trades."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.split()[1:2] == ["healthy"]:
            return
    pytest.fail(f"the engine did not start: {process.communicate()[1]}")


def test_a_run_ends_by_itself_and_reports(
    start_run: StartRun, state_dir: Path, tmp_path: Path
) -> None:
    """`--for` is the time it trades; the report is whole, and what is left is the state alone."""
    report_path = tmp_path / "report.json"
    process = start_run("--for", "3s", "--report", str(report_path))

    output, errors = process.communicate(timeout=DEADLINE_S)

    assert (process.returncode, errors) == (0, "")
    assert output.splitlines()[-1] == "stopped"
    report = json.loads(report_path.read_text())
    assert report["exit_code"] == 0
    assert report["strategies"] == 8
    assert report["messages"] > 0
    assert not (state_dir / "control.sock").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_in_good_order(start_run: StartRun, number: signal.Signals) -> None:
    """Ctrl-C and a supervisor's TERM are orders, not faults: exit 0."""
    process = start_run()
    wait_until_running(process)

    process.send_signal(number)

    output, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")
    assert output.splitlines()[-1] == "stopped"


def test_status_and_stop_speak_with_a_run(
    start_run: StartRun, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands reach the engine of the state directory they are given."""
    process = start_run()
    wait_until_running(process)

    assert main(["status", "--json", "--state", str(state_dir)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["pid"] == process.pid
    assert {row["name"] for row in document["processes"]} == {
        "parent",
        "venue",
        "executor",
        "feed",
        "worker-0",
        "worker-1",
        "recorder",
    }
    assert main(["stop", "--state", str(state_dir)]) == 0
    assert process.wait(DEADLINE_S) == 0


def test_a_second_run_on_the_same_state_is_refused(start_run: StartRun) -> None:
    """Exit 75, in one line, and the first one does not notice."""
    first = start_run()
    wait_until_running(first)

    second = start_run()
    _, errors = second.communicate(timeout=DEADLINE_S)

    assert second.returncode == 75
    assert errors.startswith("genesis: ")
    assert errors.count("\n") == 1
    assert first.poll() is None


def test_a_port_in_use_is_named(start_run: StartRun) -> None:
    """Exit 71, with the port that somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start_run("--set", f"venue.port={port}")
        _, errors = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 71
    assert str(port) in errors
    assert errors.count("\n") == 1


def test_an_unknown_strategy_is_named_with_the_nearest_known(start_run: StartRun) -> None:
    """Exit 78: the configuration is wrong, and another start would end the same way."""
    roster = [{"strategy_id": "a", "kind": "ema_crss", "symbol": "BTCUSDT"}]
    process = start_run(
        "--set", f"strategies.roster={json.dumps(roster)}", "--set", "strategies.workers=1"
    )

    _, errors = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 78
    assert "did you mean 'ema_cross'?" in errors
    assert errors.count("\n") == 1


def test_a_frame_file_without_frames_is_named(start_run: StartRun, tmp_path: Path) -> None:
    """Exit 78, with the file, before anything trades on it."""
    tape = tmp_path / "tape.ndjson"
    tape.write_text("no frames here\n")
    process = start_run("--market", f"replay:{tape}")

    _, errors = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 78
    assert str(tape) in errors
    assert errors.count("\n") == 1
