"""What every child does at start and at end, seen from a parent that is only a test."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from genesis.clock import EngineClock
from genesis.domain.instruments import InstrumentCatalogue
from genesis.engine.boot import BootSpec
from genesis.engine.control import Failed, Ready, Stop, Stopped, ToParent
from genesis.engine.roles import ROLES
from genesis.engine.run_plan import RunPlan
from genesis.engine.spawn import ChildProcess, Spawner
from genesis.engine.state_directory import StateDirectory
from genesis.engine.wiring import Wiring, seats_of
from genesis.errors import ResourceError
from tests.support.stand_in_engine import MODULE, environment, stand_in_settings, surroundings

DEADLINE_S = 30.0


class Nursery:
    """Starts stand-in children one by one, and waits for them without a loop."""

    def __init__(self, plan: RunPlan, output: Path) -> None:
        self._plan = plan
        self._output = output.open("ab")
        self._spawner = Spawner(self._output.fileno(), dict.fromkeys(ROLES, MODULE))
        self._living: list[ChildProcess] = []

    def start(self, name: str, behavior: str = "", **changes: object) -> ChildProcess:
        """Start one child, told something else than it should be if `changes` say so."""
        seat = next(seat for seat in seats_of(self._plan.settings) if seat.name == name)
        spec: BootSpec = msgspec.structs.replace(self._plan.spec_for(seat), **changes)
        with environment({name: behavior}):
            child = self._spawner.spawn(spec)
        self._living.append(child)
        return child

    def end_of(self, child: ChildProcess) -> tuple[int, list[ToParent]]:
        """Wait for the end of a child; return its exit code and all that it said."""
        assert select.select([child._pidfd], [], [], DEADLINE_S)[0], "it does not end"
        self._living.remove(child)
        return child.reap()

    def close(self) -> None:
        """End whoever still lives."""
        for child in self._living:
            child.kill()
            child.reap()
        self._output.close()


def wait_ready(child: ChildProcess) -> Ready:
    """Wait until a child says that it works."""
    end = child._control._socket
    assert select.select([end], [], [], DEADLINE_S)[0], "it is not ready"
    message = child._control.read_rest()[0]
    assert isinstance(message, Ready)
    return message


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    """Yield a place to start children in."""
    settings = stand_in_settings(tmp_path / "state")
    state = StateDirectory(settings.state_dir)
    state.prepare()
    state.next_epoch()
    wiring = Wiring(settings, pages=1 + len(seats_of(settings)))
    log_fd = os.open(settings.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    plan = RunPlan(settings, state, wiring, EngineClock.start(), log_fd)
    outside = surroundings()
    plan.learn_venue({"port": 1})
    instruments = outside.fetch_instruments(plan.endpoints, None, 1)
    catalogue = InstrumentCatalogue(instruments)
    plan.learn_market(
        instruments, outside.plan_shards(settings, catalogue, state.number_strategies)
    )
    nursery = Nursery(plan, tmp_path / "output")
    yield nursery
    nursery.close()
    os.close(log_fd)
    wiring.close()


def test_a_child_says_that_it_works_and_how_it_ended(nursery: Nursery) -> None:
    """Ready, then on `Stop` its own summary, and exit 0."""
    child = nursery.start("venue")
    assert wait_ready(child).detail == {"port": 4711}
    assert child.send(Stop())
    assert nursery.end_of(child) == (0, [Stopped({"strategies": 0})])


def test_last_words_of_a_failing_child_name_the_reason(nursery: Nursery) -> None:
    """What the parent cannot see from an exit code, the child has said before."""
    code, words = nursery.end_of(nursery.start("feed", "crash"))
    assert code == 70
    assert words == [Failed(70, "ValueError: a bug")]


def test_a_child_of_somebody_else_ends_before_it_does_anything(nursery: Nursery) -> None:
    """If the parent died while the child was started, there is nobody to work for."""
    code, words = nursery.end_of(nursery.start("feed", parent_pid=1))
    assert (code, words) == (71, [])


@pytest.mark.parametrize(
    ("name", "behavior", "code"),
    [
        ("feed", "", 70),
        ("executor", "", 0),
        ("executor", "deaf", -signal.SIGALRM),
        ("worker-0", "deaf", 70),
    ],
)
def test_a_closed_channel_ends_a_child(
    nursery: Nursery, name: str, behavior: str, code: int
) -> None:
    """All end at once but the executor, which has half a second to write down what came."""
    child = nursery.start(name, behavior)
    wait_ready(child)
    child._control.close()
    assert nursery.end_of(child)[0] == code


def test_a_document_that_cannot_be_used_is_told_on_stderr(nursery: Nursery, tmp_path: Path) -> None:
    """Before there is a log or a parent to tell, the reason goes where the output goes."""
    code, _ = nursery.end_of(nursery.start("feed", board_pages=99))
    assert code == 71
    assert "status board" in (tmp_path / "output").read_text()


def test_a_child_started_by_hand_says_what_it_is() -> None:
    """Without a parent's document there is nothing to do."""
    command = [sys.executable, "-m", MODULE, "--boot-fd", "0"]
    with environment({}):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 71
    assert done.stderr.decode().startswith("descriptor 0 holds no boot document")


def test_an_error_that_nobody_asked_for_is_logged(nursery: Nursery) -> None:
    """A task that fails unobserved ends nothing, but is not silent."""
    child = nursery.start("feed", "loses_task")
    wait_ready(child)
    child.send(Stop())
    assert nursery.end_of(child)[0] == 0
    log = nursery._plan.settings.log_path.read_text()
    assert '"event":"task_failed"' in log
    assert "ValueError('lost')" in log


def test_what_the_system_refuses_is_told(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start without descriptors or memory is an error with a name, and leaves nothing open."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(ResourceError, match="feed cannot be started: Resource temporarily"):
        nursery.start("feed")
    assert len(os.listdir("/proc/self/fd")) == before


def test_each_secret_is_inherited_by_the_one_that_needs_it(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key in the environment is for the process that signs, a password for the recorder."""
    variables = ("GENESIS_PRIVATE_KEY", "GENESIS_RECORDS_PASSWORD", "PGPASSWORD")
    for variable in variables:
        monkeypatch.setenv(variable, "canary")
    holds: dict[str, list[str]] = {}
    for name in ("feed", "executor", "recorder"):
        child = nursery.start(name)
        wait_ready(child)
        environ = Path(f"/proc/{child.pid}/environ").read_text()
        holds[name] = [each for each in variables if f"{each}=canary" in environ]
        child.send(Stop())
        nursery.end_of(child)
    assert holds == {"feed": [], "executor": [variables[0]], "recorder": [*variables[1:]]}
