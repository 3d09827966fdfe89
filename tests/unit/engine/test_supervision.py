"""Carrying out verdicts, over children that exist in this test only."""

import signal
from collections.abc import Callable, Iterator

import pytest
import structlog
from structlog.testing import LogCapture

from genesis.clock import EngineClock
from genesis.config import SupervisionSettings
from genesis.engine.boot import BootSpec
from genesis.engine.control import Drain, Drained, Failed, Ready, ToChild, ToParent, Trouble
from genesis.engine.spawn import ChildProcess
from genesis.engine.supervision import Supervisor, make_monitor
from genesis.engine.wiring import Seat
from genesis.errors import ResourceError
from genesis.ipc.board import StatusBoard
from genesis.units import NANOS_PER_SECOND, Nanos

FEED = Seat("feed", "feed", 0)


class StoppedClock(EngineClock):
    """A clock that only a test moves."""

    __slots__ = ("time",)

    def __init__(self) -> None:
        super().__init__(0)
        self.time: Nanos = NANOS_PER_SECOND

    def now(self) -> Nanos:
        """Return the test's time."""
        return self.time


class FakeChild(ChildProcess):
    """A child without a process, which does what the test says."""

    def __init__(self, spec: BootSpec) -> None:
        self.name, self.role, self.epoch, self.pid = spec.name, spec.role, spec.epoch, 1000
        self.told: list[ToChild] = []
        self.done_to_it: list[str] = []
        self.listens = True
        self.last_words: list[ToParent] = []
        self.return_code = -9

    def watch(
        self,
        on_message: Callable[[ChildProcess, ToParent], None],
        on_exit: Callable[[ChildProcess], None],
    ) -> None:
        """Keep what the loop would call."""
        self._on_message, self._on_exit = on_message, on_exit

    def say(self, message: ToParent) -> None:
        """Say something to the parent."""
        self._on_message(self, message)

    def die(self, return_code: int, *last_words: ToParent) -> None:
        """End, as the pidfd would tell."""
        self.return_code, self.last_words = return_code, list(last_words)
        self._on_exit(self)

    def send(self, message: ToChild) -> bool:
        """Take a message, if this child listens."""
        self.told.append(message)
        return self.listens

    def signal(self, number: signal.Signals) -> None:
        """Note a signal."""
        self.done_to_it.append(number.name)

    def kill(self) -> None:
        """Note a kill."""
        self.done_to_it.append("SIGKILL")

    def reap(self) -> tuple[int, list[ToParent]]:
        """Return the end that the test chose."""
        return self.return_code, self.last_words


class Parent:
    """A supervisor with its world: clock, log, and a spawner that can be made to refuse."""

    def __init__(self, board: StatusBoard) -> None:
        self.clock = StoppedClock()
        self.log = LogCapture()
        self.children: list[FakeChild] = []
        self.refuses = False
        self.news = 0
        self._board = board
        self.supervisor = Supervisor(
            monitor=make_monitor(SupervisionSettings()),
            spawner=self,
            make_spec=self._make_spec,
            clock=self.clock,
            log=structlog.wrap_logger(
                None,
                processors=[self.log],
                wrapper_class=structlog.make_filtering_bound_logger("info"),
            ),
            on_news=self._count_news,
        )

    def start(self) -> FakeChild:
        """Start the feed and let it be ready."""
        self.supervisor.start(FEED, self._board)
        self.children[-1].say(Ready())
        return self.children[-1]

    def spawn(self, spec: BootSpec) -> ChildProcess:
        """Make a child, or refuse."""
        if self.refuses:
            raise ResourceError("feed cannot be started: too many processes")
        self.children.append(FakeChild(spec))
        return self.children[-1]

    def tick_for(self, duration: Nanos) -> None:
        """Let time pass as the orchestrator does, in periods."""
        ends_at = self.clock.time + duration
        while self.clock.time < ends_at:
            self.clock.time += NANOS_PER_SECOND // 10
            self.supervisor.tick()

    def events(self) -> list[str]:
        """Return what was logged."""
        return [str(entry["event"]) for entry in self.log.entries]

    def _make_spec(self, seat: Seat) -> BootSpec:
        return BootSpec(
            role=seat.role,
            name=seat.name,
            epoch=len(self.events()) + 1,
            parent_pid=1,
            clock_offset=0,
            control_fd=-1,
            log_fd=-1,
            board_fd=self._board.fd,
            board_page=seat.board_page,
            board_pages=1,
            settings="{}",
        )

    def _count_news(self) -> None:
        self.news += 1


@pytest.fixture
def parent() -> Iterator[Parent]:
    """Yield a parent without children."""
    board = StatusBoard.create(1)
    yield Parent(board)
    board.close()


def test_callbacks_only_take_notes(parent: Parent) -> None:
    """A death is acted on in the next tick, when all facts are in, and the loop is told of it."""
    child = parent.start()
    news = parent.news
    child.die(-9)
    assert parent.news == news + 1
    assert parent.supervisor.living() == {"feed"}
    parent.supervisor.tick()
    assert parent.supervisor.living() == set()
    assert parent.supervisor.problems()[0].startswith("feed: killed by signal 9; restarts in")


def test_a_silent_child_is_dumped_killed_and_replaced(parent: Parent) -> None:
    """SIGABRT, SIGKILL, and a successor when the pidfd says dead."""
    child = parent.start()
    parent.tick_for(4 * NANOS_PER_SECOND)
    assert child.done_to_it == ["SIGABRT", "SIGKILL"]
    assert len(parent.children) == 1
    child.die(-9)
    parent.tick_for(NANOS_PER_SECOND)
    assert len(parent.children) == 2
    assert parent.supervisor.posts["feed"].restarts == 1


def test_what_a_child_cannot_do_is_a_problem_until_it_can(parent: Parent) -> None:
    """A child that works and is cut off is well, and the operator is told all the same."""
    child = parent.start()
    child.say(Trouble("streams 0: not connected: certificate refused: certificate has expired"))
    parent.supervisor.tick()
    (problem,) = parent.supervisor.problems()
    assert problem.startswith("feed: streams 0: not connected: certificate refused")
    child.say(Trouble(""))
    assert parent.supervisor.problems() == ()


def test_a_trouble_dies_with_its_child(parent: Parent) -> None:
    """A successor has its own, or none."""
    child = parent.start()
    child.say(Trouble("cut off"))
    child.die(-9)
    parent.supervisor.tick()
    assert not any("cut off" in problem for problem in parent.supervisor.problems())


def test_last_words_read_at_the_end_count(parent: Parent) -> None:
    """What a child said just before its end is its reason."""
    child = parent.start()
    child.die(78, Failed(78, "no such port"))
    parent.supervisor.tick()
    assert parent.supervisor.halt is not None
    assert parent.supervisor.halt.reason == "no such port (exit code 78)"
    assert parent.supervisor.halt.exit_code == 78


def test_a_successor_that_the_system_refuses_is_tried_again(parent: Parent) -> None:
    """That no process can be started now does not end the run: the next wait is longer."""
    parent.start().die(-9)
    parent.refuses = True
    parent.tick_for(NANOS_PER_SECOND // 2)
    assert parent.supervisor.posts["feed"].restarts == 1
    assert "too many processes (exit code 71)" in parent.supervisor.problems()[0]
    parent.refuses = False
    parent.tick_for(NANOS_PER_SECOND)
    assert len(parent.children) == 2
    parent.children[-1].say(Ready())
    parent.supervisor.tick()
    assert parent.supervisor.problems() == ()


def test_in_a_stop_nobody_is_restarted(parent: Parent) -> None:
    """Ends are expected then; who has nothing under way is known by name."""
    child = parent.start()
    parent.supervisor.begin_stop()
    parent.supervisor.send("feed", Drain())
    assert child.told == [Drain()]
    child.say(Drained())
    assert parent.supervisor.drained() == {"feed"}
    child.die(0)
    parent.tick_for(NANOS_PER_SECOND)
    assert len(parent.children) == 1
    parent.supervisor.send("feed", Drain())
    parent.supervisor.kill("feed")
    assert child.done_to_it == []


def test_a_child_that_cannot_be_told_is_named(parent: Parent) -> None:
    """The log says who did not hear what; the deadline of the stop does the rest."""
    child = parent.start()
    child.listens = False
    parent.supervisor.send("feed", Drain())
    assert "child_not_told" in parent.events()
