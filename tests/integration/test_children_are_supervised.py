"""Real child processes that die, hang or misbehave, under the real parent."""

import os
import signal
from functools import partial
from pathlib import Path

from genesis.status import StatusDocument
from tests.support.engine_program import StandInProgram, all_run, is_alive, process_of


def is_back(name: str, status: StatusDocument) -> bool:
    """Tell whether every process works, this one in its second life."""
    return all_run(status) and process_of(status, name).restarts == 1


def test_a_killed_child_is_replaced_and_nobody_else_notices(tmp_path: Path) -> None:
    """After kill -9 of any child it is back, with a new epoch; the others run on."""
    with StandInProgram(tmp_path) as engine:
        status = engine.wait_until_running()
        for name in ("worker-0", "feed", "executor", "venue"):
            before = {process.name: process for process in status.processes}
            os.kill(before[name].pid, signal.SIGKILL)
            status = engine.wait_for(partial(is_back, name))
            after = process_of(status, name)
            assert after.epoch > max(process.epoch for process in before.values())
            assert after.pid != before[name].pid
            others = set(before) - {name}
            assert all(process_of(status, one).pid == before[one].pid for one in others)
        assert status.problems == ()
        assert status.messages == 6 * 10 + 4 * 10  # the board counts on over restarts
        assert engine.stop() == 0
        assert not any(is_alive(pid) for pid in engine.all_pids())


def test_a_child_that_hangs_shows_where_and_is_replaced(tmp_path: Path) -> None:
    """A busy loop is found by its silence; the stack is dumped and the strategy is named."""
    with StandInProgram(tmp_path, {"worker-1": "hang_once"}) as engine:
        engine.wait_for(partial(is_back, "worker-1"))
        hung = next(event for event in engine.log_events() if event["event"] == "child_hangs")
        assert hung["child"] == "worker-1"
        assert hung["strategy_number"] == 7
        dump = (tmp_path / "children.out").read_text()
        assert "Fatal Python error: Aborted" in dump
        assert "stand_in.py" in dump
        assert engine.stop() == 0


def test_a_stopped_child_cannot_dump_and_is_killed(tmp_path: Path) -> None:
    """A process that takes no signal takes SIGKILL; its successor starts when it is dead."""
    with StandInProgram(tmp_path) as engine:
        status = engine.wait_until_running()
        stopped = process_of(status, "feed").pid
        os.kill(stopped, signal.SIGSTOP)
        engine.wait_for(partial(is_back, "feed"))
        assert not is_alive(stopped)
        events = [event["event"] for event in engine.log_events() if event.get("child") == "feed"]
        assert events.index("child_hangs") < events.index("child_killed")
        assert engine.stop() == 0


def test_children_that_fail_once_are_replaced(tmp_path: Path) -> None:
    """A bug in a callback, an end nobody asked for, a start that hangs: the next life works."""
    behaviors = {
        "feed": "leave_once",
        "worker-0": "callback_raises_once",
        "worker-1": "hang_in_start_once",
    }
    with StandInProgram(tmp_path, behaviors, boot_timeout_ms=6000) as engine:
        status = engine.wait_for(lambda now: all_run(now) and now.restarts == 3)
        assert {process_of(status, name).restarts for name in behaviors} == {1}
        assert engine.stop() == 0


def test_a_worker_that_cannot_be_kept_up_is_given_up_and_the_rest_trades_on(tmp_path: Path) -> None:
    """One shard past its restart intensity stays down, and the status says so."""
    behaviors = {"worker-0": "keeps_crashing"}
    with StandInProgram(tmp_path, behaviors, child_restarts=2, restart_delay_ms=10) as engine:
        status = engine.wait_for(lambda now: any("given up" in problem for problem in now.problems))
        assert process_of(status, "worker-0").state == "down"
        assert process_of(status, "worker-0").restarts == 2
        assert process_of(status, "worker-1").state == "running"
        assert engine.stop() == 0


def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    """A strategy that starts processes of its own leaves none behind."""
    with StandInProgram(tmp_path, {"worker-0": "grandchild"}) as engine:
        status = engine.wait_until_running()
        notes = (tmp_path / "notes").read_text().split()
        grandchild = int(notes[notes.index("worker-0") + 1])
        assert is_alive(grandchild)
        os.kill(process_of(status, "worker-0").pid, signal.SIGKILL)
        engine.wait_until_gone({grandchild})
        assert engine.stop() == 0


def test_a_child_that_will_not_stop_is_killed_in_time(tmp_path: Path) -> None:
    """The stop goes on without it, and ends well."""
    with StandInProgram(tmp_path, {"worker-1": "deaf"}, stop_timeout_s=5) as engine:
        engine.wait_until_running()
        assert engine.stop() == 0
        events = [event for event in engine.log_events() if event["event"] == "child_killed"]
        assert [event["child"] for event in events] == ["worker-1"]
