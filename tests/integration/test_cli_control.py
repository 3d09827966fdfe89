"""`genesis status` and `genesis stop` against a process that serves the control socket."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from genesis.cli import main
from genesis.errors import EXIT_USAGE
from tests.support.statuses import TRADING

StartEngine: TypeAlias = Callable[..., "subprocess.Popen[str]"]
DEADLINE_S = 30


@pytest.fixture
def start_engine(state_dir: Path) -> Iterator[StartEngine]:
    """Return a function that starts a stand-in engine on the state directory; none outlives it."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.support.control_stand_in"]
        process = subprocess.Popen(
            [*command, str(state_dir / "control.sock"), *words],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=DEADLINE_S)
    (state_dir / "control.sock").unlink(missing_ok=True)  # what a killed one leaves behind


def test_status_shows_the_engine_to_a_person(
    start_engine: StartEngine, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page comes from the running engine's own document."""
    start_engine()

    assert main(["status", "--state", str(state_dir)]) == 0
    assert "98 fills" in capsys.readouterr().out


def test_status_as_json_is_the_whole_document(
    start_engine: StartEngine, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program gets every figure, under the names of the document."""
    start_engine()

    assert main(["status", "--json", "--state", str(state_dir)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["equity"] == TRADING.equity
    assert document["processes"][0]["name"] == "worker-0"


def test_stop_returns_when_the_engine_is_gone(
    start_engine: StartEngine, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After `genesis stop`, the state directory is free: no socket, no process."""
    engine = start_engine()

    assert main(["stop", "--state", str(state_dir)]) == 0

    assert capsys.readouterr().out == f"stopped: engine {engine.pid}\n"
    assert engine.wait(DEADLINE_S) == 0
    assert list(state_dir.iterdir()) == []


def test_execute_passes_an_operator_s_words_on(
    start_engine: StartEngine, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was opened comes back in a line; an order is ended by its number."""
    start_engine()
    curve = state_dir.parent / "curve.txt"
    curve.write_text("3\n1\n")
    words = ["--side", "buy", "--notional", "50000", "--algo", "vwap", "--over", "1m"]
    state = ["--state", str(state_dir)]

    assert main(["execute", *words, "--curve", str(curve), *state]) == 0
    assert capsys.readouterr().out.startswith("opened: parent parent, buy")
    assert main(["execute", "--cancel", "3", *state]) == 0
    assert capsys.readouterr().out == "canceled: parent 3\n"
    assert main(["execute", "--cancel", "3", *words, *state]) == 64
    assert "--cancel N stands alone" in capsys.readouterr().err


def test_an_engine_that_does_not_stop_is_named(
    start_engine: StartEngine,
    state_dir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stop that takes too long says which process to look at."""
    monkeypatch.setattr("genesis.cli.control._STOP_SLACK_S", -5)
    engine = start_engine("deaf")

    stop = ["stop", "--state", str(state_dir), "--set", "supervision.stop_timeout_s=5"]
    assert main(stop) == 70
    assert f"engine {engine.pid} still runs after 0 s" in capsys.readouterr().err


def test_a_killed_engine_leaves_no_riddle(
    start_engine: StartEngine, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A socket that nobody serves is told like one that is not there, and the next engine binds."""
    engine = start_engine()
    engine.kill()
    engine.wait(DEADLINE_S)

    assert main(["status", "--state", str(state_dir)]) == 69
    assert "no engine runs on this state" in capsys.readouterr().err

    start_engine()
    assert main(["status", "--state", str(state_dir)]) == 0
    assert main(["stop", "--state", str(state_dir)]) == 0


def test_python_without_assertions_is_refused() -> None:
    """The invariants are asserts: an engine without them would trade on without a net."""
    checked = subprocess.run(
        [sys.executable, "-O", "-m", "genesis", "check"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )

    assert checked.returncode == 78
    assert "start it without -O" in checked.stderr


def test_kill_looks_on_until_everything_is_closed(
    start_engine: StartEngine, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints each change, and what is left."""
    start_engine()

    assert main(["kill", "--yes", "--state", str(state_dir)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "kill: 2 orders and 1 positions are left",
        "kill: everything of ours is closed, 1 too small for the venue",
        "left: 0.1 BTCUSDT of a: dust",
    ]


def test_kill_names_what_it_could_not_wait_for(
    start_engine: StartEngine, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine goes on with it, and a script hears that it is not over."""
    start_engine("deaf")

    assert main(["kill", "--yes", "--wait", "0", "--state", str(state_dir)]) != 0
    said = capsys.readouterr()
    assert "left: 0.5 BTCUSDT of a: dust\n" in said.out
    assert "the engine goes on with it" in said.err


def test_kill_and_resume_want_their_own_word(
    start_engine: StartEngine,
    state_dir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Typed at a terminal, or --yes; anything else does nothing."""
    start_engine()
    monkeypatch.setattr("genesis.cli.emergency.sys.stdin", io.StringIO())
    assert main(["kill", "--state", str(state_dir)]) == EXIT_USAGE
    assert "no terminal to confirm at; add --yes" in capsys.readouterr().err
    monkeypatch.setattr("genesis.cli.emergency.sys.stdin", _Terminal())
    monkeypatch.setattr("click.prompt", lambda *_words, **_options: "yes")
    assert main(["kill", "--state", str(state_dir)]) == EXIT_USAGE
    assert "nothing was done" in capsys.readouterr().err
    monkeypatch.setattr("click.prompt", lambda *_words, **_options: "resume")
    assert main(["resume", "--state", str(state_dir)]) == 0
    assert "resumed: RUNNING\n" in capsys.readouterr().out
    assert main(["resume", "--yes", "--accept-differences", "--state", str(state_dir)]) == 0
    assert capsys.readouterr().out == "resumed: yes\n"


class _Terminal:
    def isatty(self) -> bool:
        return True


def test_a_stop_keeps_or_sells(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both at once mean nothing."""
    assert main(["stop", "--cancel", "--flatten", "--state", str(state_dir)]) == EXIT_USAGE
    assert "name one" in capsys.readouterr().err
