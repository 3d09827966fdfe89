"""Who ends when the parent ends, however it ends; and who does not when it should not."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.engine_program import StandInProgram, is_alive, process_of


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_parent_ends_all_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and a closed terminal end the run as a supervisor's TERM does: exit 0, nothing left.

    The same signals sent to the children change nothing: the parent orders the stop.
    """
    with StandInProgram(tmp_path) as engine:
        engine.wait_until_running()
        for pid in engine.all_pids():
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGINT)
        assert engine.stop(number) == 0
        assert not any(is_alive(pid) for pid in engine.all_pids())
        ended = [event for event in engine.log_events() if event["event"] == "child_ended"]
        assert [event["how"] for event in ended] == ["exit code 0"] * 6


def test_no_child_outlives_a_killed_parent(tmp_path: Path) -> None:
    """After kill -9 of the parent all children end, and the next engine starts on the state."""
    with StandInProgram(tmp_path) as engine:
        engine.wait_until_running()
        children = engine.all_pids()
        assert len(children) == 6
        engine.process.kill()
        engine.process.wait()
        engine.wait_until_gone(children)
    with StandInProgram(tmp_path) as successor:
        status = successor.wait_until_running()
        assert process_of(status, "executor").epoch > 6
        assert successor.stop() == 0


def test_an_executor_that_hangs_does_not_outlive_the_parent_either(tmp_path: Path) -> None:
    """It is told, not killed; a timer in the kernel ends it when it does not listen."""
    behaviors = {"executor": "hang_once"}
    with StandInProgram(tmp_path, behaviors, heartbeat_stale_ms=20_000) as engine:
        engine.wait_for(lambda now: now.state == "running")
        children = engine.all_pids()
        engine.process.kill()
        engine.process.wait()
        engine.wait_until_gone(children)
    (tmp_path / "control.sock").unlink()  # a killed parent leaves its name; the next one takes it


def test_a_start_that_fails_ends_in_one_line_and_the_right_code(tmp_path: Path) -> None:
    """What a child could not do is the parent's last word, and leaves nothing behind."""
    with StandInProgram(tmp_path, {"venue": "refuse"}) as engine:
        assert engine.wait() == 78
        assert engine.process.stderr is not None
        assert engine.process.stderr.read() == b"genesis: venue.port: 80 is in use\n"
