"""Carrying out what the health monitor says: spawn, signal, reap, restart (I/O).

Callbacks of the loop only take notes; everything is done in `tick`, in one place and one order:
reap, judge, act. So a verdict always rests on facts that are complete.
"""

import random
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.config import SupervisionSettings
from genesis.engine.boot import BootSpec
from genesis.engine.control import (
    AccountSummary,
    Drained,
    Failed,
    Instructed,
    Ready,
    RecordsTold,
    Stopped,
    ToChild,
    ToParent,
    Trouble,
)
from genesis.engine.health_monitor import (
    Death,
    HealthMonitor,
    Judgement,
    Pulse,
    SupervisionPolicy,
    Verdict,
    describe_death,
)
from genesis.engine.spawn import ChildProcess
from genesis.engine.wiring import Seat
from genesis.errors import EXIT_RESOURCE, ResourceError
from genesis.ipc.board import NO_STRATEGY, BoardPage, BoardPageReader, StatusBoard
from genesis.limits import DUMP_GRACE
from genesis.status import RecordsSummary
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND


def make_monitor(settings: SupervisionSettings) -> HealthMonitor:
    """Make the health monitor of a run, with the limits that the operator set."""
    policy = SupervisionPolicy(
        heartbeat_stale=settings.heartbeat_stale_ms * NANOS_PER_MS,
        boot_timeout=settings.boot_timeout_ms * NANOS_PER_MS,
        dump_grace=DUMP_GRACE,
        restart_delay=settings.restart_delay_ms * NANOS_PER_MS,
        restart_delay_max=settings.restart_delay_max_ms * NANOS_PER_MS,
        child_restarts=settings.child_restarts,
        child_window=settings.child_window_s * NANOS_PER_SECOND,
        total_restarts=settings.total_restarts,
        total_window=settings.total_window_s * NANOS_PER_SECOND,
    )
    return HealthMonitor(policy, random.random)


class ChildSpawner(Protocol):
    """What starts a child; `Spawner` is the one of a real engine."""

    def spawn(self, spec: BootSpec) -> ChildProcess:
        """Start the child that `spec` describes."""
        ...


@dataclass(slots=True)
class Post:
    """A seat, who holds it now, and what was heard from there."""

    seat: Seat
    reader: BoardPageReader
    child: ChildProcess | None = None
    epoch: int = 0
    restarts: int = 0
    is_ready: bool = False
    has_drained: bool = False
    detail: Mapping[str, str | int] = field(default_factory=dict)
    summary: Mapping[str, str | int] = field(default_factory=dict)
    failure: Failed | None = None
    problem: str = ""
    trouble: str = ""


class Supervisor:
    """The children of one run, from their first start to their last.

    `make_spec` writes the boot document for a seat, with an epoch never used before. `on_news` is
    called when something happened that `tick` should look at before its period is over.
    """

    def __init__(
        self,
        *,
        monitor: HealthMonitor,
        spawner: ChildSpawner,
        make_spec: Callable[[Seat], BootSpec],
        clock: EngineClock,
        log: FilteringBoundLogger,
        on_news: Callable[[], None],
    ) -> None:
        self._monitor = monitor
        self._spawner = spawner
        self._make_spec = make_spec
        self._clock = clock
        self._log = log
        self._on_news = on_news
        self._ended: list[ChildProcess] = []
        self._deaths: list[Death] = []
        self._is_stopping = False
        self.posts: dict[str, Post] = {}
        self.account: AccountSummary | None = None
        self.records: RecordsSummary | None = None
        self.on_instructed: Callable[[Instructed], None] = lambda _answer: None
        """Takes a child's answer to an operator's command."""
        self.halt: Judgement | None = None
        """The verdict that ends the run, once there is one."""

    def start(self, seat: Seat, board: StatusBoard) -> None:
        """Start the first child on a seat.

        Raises:
            ResourceError: The system refused it.
        """
        assert seat.name not in self.posts, "a seat is filled once; successors come by verdict"
        self.posts[seat.name] = Post(seat, board.reader(seat.board_page))
        self._spawn(self.posts[seat.name])

    def is_ready(self, seats: Sequence[Seat]) -> bool:
        """Tell whether each of these children works now."""
        return all(self.posts[seat.name].is_ready for seat in seats)

    def tick(self) -> None:
        """Reap the dead, judge the living, and act on each verdict."""
        for child in self._ended:
            self._reap(child)
        self._ended.clear()
        if self._is_stopping:
            return
        deaths, self._deaths = self._deaths, []
        for judgement in self._monitor.judge(self._pulses(), deaths, self._clock.now()):
            self._act(judgement)
        for name, post in self.posts.items():
            if post.problem and self._monitor.is_well(name):
                post.problem = ""

    def begin_stop(self) -> None:
        """Restart and judge nobody from now on: `ShutdownSequence` decides."""
        self._is_stopping = True
        for post in self.posts.values():
            post.failure = None  # what is told from now on is a failure of the stop

    def living(self) -> set[str]:
        """Return the names of the children that have not been reaped."""
        return {name for name, post in self.posts.items() if post.child is not None}

    def drained(self) -> set[str]:
        """Return the names of the children that have nothing under way any more."""
        return {name for name, post in self.posts.items() if post.has_drained}

    def send(self, name: str, message: ToChild) -> bool:
        """Tell a child something; one that does not hear is dealt with by its deadline."""
        post = self.posts.get(name)
        if post is None or post.child is None:
            return False
        is_told = post.child.send(message)
        if not is_told:
            self._log.warning("child_not_told", child=name, message=type(message).__name__)
        return is_told

    def kill(self, name: str) -> None:
        """SIGKILL a child with all that it started."""
        child = self.posts[name].child
        if child is not None:
            self._log.error("child_killed", child=name, child_pid=child.pid)
            child.kill()

    def pages(self) -> dict[str, BoardPage]:
        """Read the board: the page of each child, live or dead, that ever wrote one."""
        pages = {name: post.reader.read() for name, post in self.posts.items()}
        return {name: page for name, page in pages.items() if page is not None}

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong now, child by child."""
        return tuple(
            f"{name}: {what}"
            for name, post in self.posts.items()
            for what in (post.problem, post.trouble)
            if what
        )

    def _spawn(self, post: Post) -> None:
        spec = self._make_spec(post.seat)
        post.epoch = spec.epoch
        post.is_ready = post.has_drained = False
        post.failure = None
        self._monitor.started(spec.name, spec.role, spec.epoch, self._clock.now())
        child = self._spawner.spawn(spec)
        post.child = child
        child.watch(self._on_message, self._on_exit)
        self._log.info(
            "child_started", child=spec.name, child_epoch=spec.epoch, child_pid=child.pid
        )

    def _on_message(self, child: ChildProcess, message: ToParent) -> None:
        post = self.posts[child.name]
        match message:
            case Ready(detail):
                post.is_ready = True
                post.detail = detail
                self._monitor.ready(child.name, self._clock.now())
                self._log.info("child_ready", child=child.name, **detail)
            case Drained():
                post.has_drained = True
            case Stopped(summary):
                post.summary = summary
            case Failed():
                post.failure = message
            case Trouble(reason):
                post.trouble = reason
            case Instructed():
                self.on_instructed(message)
            case AccountSummary():
                self.account = message
                return  # it comes every second and changes nothing here
            case RecordsTold(summary):
                self.records = summary
                return
        self._on_news()

    def _on_exit(self, child: ChildProcess) -> None:
        self._ended.append(child)
        self._on_news()

    def _reap(self, child: ChildProcess) -> None:
        post = self.posts[child.name]
        return_code, last_words = child.reap()
        for message in last_words:
            self._on_message(child, message)
        post.child = None
        post.is_ready = False
        post.trouble = ""  # it was its own; why it ended is a problem
        reason = post.failure.message if post.failure is not None else ""
        page = post.reader.read()
        number = _strategy_of(page) if page is not None and page.epoch == child.epoch else None
        death = Death(child.name, child.epoch, return_code, reason, number)
        self._deaths.append(death)
        self._log.info(
            "child_ended",
            child=child.name,
            child_epoch=child.epoch,
            child_pid=child.pid,
            how=describe_death(death),
            **post.summary,
        )

    def _pulses(self) -> dict[str, Pulse]:
        return {
            name: Pulse(page.epoch, page.heartbeat_at, _strategy_of(page))
            for name, page in self.pages().items()
        }

    def _act(self, judgement: Judgement) -> None:
        post = self.posts[judgement.name]
        event_log = self._log.bind(
            child=judgement.name, reason=judgement.reason, strategy_number=judgement.strategy_number
        )
        match judgement.verdict:
            case Verdict.WARN:
                event_log.warning("child_unwell")
                post.problem = judgement.reason
            case Verdict.DUMP_AND_KILL:
                event_log.error("child_hangs")
                post.problem = judgement.reason
                if post.child is not None:
                    post.child.signal(signal.SIGABRT)
            case Verdict.KILL:
                self.kill(judgement.name)
            case Verdict.RESTART:
                self._restart(post)
            case Verdict.GIVE_UP:
                event_log.error("child_given_up")
                post.problem = f"given up: {judgement.reason}"
            case Verdict.HALT:
                event_log.error("engine_halted", exit_code=judgement.exit_code)
                post.problem = judgement.reason
                self.halt = self.halt or judgement
            case Verdict.LEAVE:
                pass

    def _restart(self, post: Post) -> None:
        """Start a successor; that the system refuses one is this successor's death."""
        post.restarts += 1
        try:
            self._spawn(post)
        except ResourceError as error:
            death = Death(post.seat.name, post.epoch, EXIT_RESOURCE, str(error))
            self._deaths.append(death)


def _strategy_of(page: BoardPage) -> int | None:
    return None if page.strategy_number == NO_STRATEGY else page.strategy_number
