"""The parent: starts the children in order, keeps them running, stops them in order (I/O).

It decides nothing about trading, and little else: `HealthMonitor` judges, `ShutdownSequence` orders
the stop. Its loop never runs strategy or database code, so its deadlines hold.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from structlog.typing import FilteringBoundLogger

from genesis import __version__, limits
from genesis.clock import EngineClock
from genesis.config import Settings
from genesis.control_socket import Command, ControlServer, Peer
from genesis.credentials import check_key_file
from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.engine.boot import PARENT_BOARD_PAGE
from genesis.engine.control import Drain, Stop, StopPolicy, stop_policy
from genesis.engine.emergency_line import EmergencyLine
from genesis.engine.engine_report import EngineReport, write_report
from genesis.engine.health_monitor import Judgement
from genesis.engine.instructions import Instructions
from genesis.engine.listing_check import check_listing
from genesis.engine.locks import InstanceLock
from genesis.engine.roles import DISPENSABLE_ROLES, START_STAGES
from genesis.engine.run_plan import RunPlan
from genesis.engine.run_status import RunStatus
from genesis.engine.shutdown import ShutdownSequence, StopAction, StopOrder
from genesis.engine.spawn import Spawner
from genesis.engine.state_directory import StateDirectory
from genesis.engine.supervision import Supervisor, make_monitor
from genesis.engine.surroundings import Surroundings
from genesis.engine.wiring import Seat, Wiring, seats_of
from genesis.errors import (
    EXIT_CONFIG,
    EXIT_INTERNAL,
    EXIT_LOCK_HELD,
    EXIT_OK,
    EXIT_RESOURCE,
    EXIT_STORAGE,
    ChildFailed,
    ConfigError,
    GenesisError,
    LockHeld,
    ResourceError,
    StorageError,
    UsageError,
    VenueRejected,
    VenueThrottled,
    VenueUnreachable,
)
from genesis.ipc.board import ProcessState
from genesis.logs import LogFile, parent_logger
from genesis.status import EngineState, StatusDocument
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

OnStatus: TypeAlias = Callable[[StatusDocument], None]

_PERIOD_S: Final = limits.SUPERVISION_PERIOD / NANOS_PER_SECOND
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ERROR_OF_CODE: Final[Mapping[int, type[GenesisError]]] = {
    EXIT_CONFIG: ConfigError,
    EXIT_RESOURCE: ResourceError,
    EXIT_STORAGE: StorageError,
    EXIT_LOCK_HELD: LockHeld,
}


def run_engine(
    settings: Settings,
    *,
    on_status: OnStatus,
    duration_s: float | None = None,
    report_path: Path | None = None,
    surroundings: Surroundings | None = None,
) -> int:
    """Run the engine in the foreground until it is told to stop; return 0.

    `on_status` is shown the engine once a second and at every change of its state. With
    `duration_s` it stops by itself, that long after everything runs. The report is written whatever
    the end, once the run has begun.

    Raises:
        GenesisError: The engine could not start, or could not go on. Nothing is left behind.
    """
    surroundings = surroundings or Surroundings()
    if settings.credentials.key_file is not None and not settings.is_simulated:
        check_key_file(settings.credentials.key_file)
    state = StateDirectory(settings.state_dir)
    state.prepare()
    with contextlib.ExitStack() as owned:
        owned.enter_context(InstanceLock.acquire(state.lock_path))
        state.claim_mode(settings.mode)
        log_file = LogFile.open(settings.log_path)
        owned.callback(log_file.close)
        output_fd = state.open_output()
        owned.callback(os.close, output_fd)
        seats = seats_of(settings)
        wiring = Wiring(settings, pages=1 + len(seats))
        owned.callback(wiring.close)
        plan = RunPlan(settings, state, wiring, EngineClock.start(), log_file.fd)
        orchestrator = Orchestrator(
            plan, seats, surroundings, Spawner(output_fd, surroundings.modules), log_file
        )
        try:
            asyncio.run(orchestrator.run(on_status, duration_s))
        finally:
            if report_path is not None:
                write_report(report_path, orchestrator.report())
    return EXIT_OK


class Orchestrator:
    """One run of the engine, from its first child to its last."""

    def __init__(
        self,
        plan: RunPlan,
        seats: Sequence[Seat],
        surroundings: Surroundings,
        spawner: Spawner,
        log_file: LogFile,
    ) -> None:
        settings, clock = plan.settings, plan.clock
        self._plan = plan
        self._seats = seats
        self._surroundings = surroundings
        self._settings = settings
        self._clock = clock
        self._log_file = log_file
        self._log: FilteringBoundLogger = parent_logger(settings, log_file)
        self._news = asyncio.Event()
        self._supervisor = Supervisor(
            monitor=make_monitor(settings.supervision),
            spawner=spawner,
            make_spec=plan.spec_for,
            clock=clock,
            log=self._log,
            on_news=self._news.set,
        )
        self._instructions = Instructions(partial(self._supervisor.send, "executor"))
        self._supervisor.on_instructed = self._instructions.take
        self._emergencies = EmergencyLine(self._supervisor, self._instructions, clock, self._log)
        self._stop_policy: StopPolicy = "hold"
        epoch = plan.state.next_epoch()
        self._page = plan.wiring.board.writer(PARENT_BOARD_PAGE, epoch)
        self._status = RunStatus(plan, self._supervisor, epoch)
        self._state: EngineState = "starting"
        self._on_status: OnStatus | None = None
        self._status_due_at: Nanos = 0
        self._shutdown: ShutdownSequence | None = None
        self._ending = ""  # why the run ends, once it is to end
        self._exit_code = EXIT_INTERNAL

    async def run(self, on_status: OnStatus, duration_s: float | None) -> None:
        """Start, serve, stop, and raise what made the run end if nobody asked for it.

        A process boundary: whatever goes wrong, the children are stopped in order first.
        """
        self._on_status = on_status
        self._take_signals()
        async with contextlib.AsyncExitStack() as served:
            server = ControlServer(self._settings.control_socket_path, self._respond)
            await server.start()
            served.push_async_callback(server.close)
            self._log.info("engine_started", version=__version__, market=self._plan.market_name)
            failure: GenesisError | None = None
            try:
                if await self._start_children():
                    await self._serve(duration_s)
            except GenesisError as error:
                failure = error
            except Exception as error:
                self._log.exception("engine_failed")
                failure = GenesisError(f"internal error, see {self._settings.log_path}: {error!r}")
            if failure is None and self._supervisor.halt is not None:
                failure = self._error_of(self._supervisor.halt)
            self._ending = self._ending or str(failure)
            await self._stop_children()
            failure = failure or self._failure_of_stop()
            self._exit_code = EXIT_OK if failure is None else failure.exit_code
            self._enter("stopped")
            self._log.info("engine_stopped", exit_code=self._exit_code, ended=self._ending)
        if failure is not None:
            raise failure

    def report(self) -> EngineReport:
        """Return the summary of the run, which has ended."""
        return self._status.report(self._ending, self._exit_code)

    async def _start_children(self) -> bool:
        """Fill the seats, a stage when the one before it works; False if the run is to end."""
        board = self._plan.wiring.board
        for stage in START_STAGES:
            seats = [seat for role in stage for seat in self._seats if seat.role == role]
            for seat in seats:
                self._supervisor.start(seat, board)
            needed = [seat for seat in seats if seat.role not in DISPENSABLE_ROLES]
            if not await self._until(partial(self._supervisor.is_ready, needed)):
                return False
            if "venue" in stage and not await self._learn_market(seats):
                return False
        self._enter("running")
        return True

    async def _learn_market(self, venues: Sequence[Seat]) -> bool:
        """Ask the venue what it lists, and deal the roster over it; False if the run is to end.

        Where it listens, a venue of ours has said.
        """
        for venue in venues:
            self._plan.learn_venue(self._supervisor.posts[venue.name].detail)
        instruments = await self._list_instruments()
        if instruments is None:
            return False
        check_listing(self._settings, instruments)
        state = self._plan.state
        shards = self._surroundings.plan_shards(
            self._settings, InstrumentCatalogue(instruments), state.number_strategies
        )
        self._plan.learn_market(instruments, shards)
        return True

    async def _list_instruments(self) -> tuple[Instrument, ...] | None:
        """Ask until the venue answers, a few times; None if the run is to end before.

        A venue that has asked to wait is waited for, however long: each start that asks before its
        time makes the ban longer.
        """
        attempts = 0
        while True:
            listing = asyncio.ensure_future(asyncio.to_thread(self._fetch_instruments))
            listing.add_done_callback(lambda _listing: self._news.set())
            if not await self._until(listing.done):
                listing.cancel()
                return None
            try:
                return listing.result()
            except VenueThrottled as error:
                wait = error.retry_at - self._clock.now()
                self._log.error("listing_held", reason=str(error), for_ms=wait // NANOS_PER_MS)
                self._status.waits_for = f"venue: it has asked to wait ({error})"
            except VenueUnreachable:
                attempts += 1
                if attempts == limits.LISTING_ATTEMPTS_MAX:
                    raise
                wait = limits.LISTING_RETRY_DELAY
            if not await self._until(self._after(wait)):
                return None
            self._status.waits_for = ""

    def _fetch_instruments(self) -> tuple[Instrument, ...]:
        """Ask the venue; it blocks, so it runs in a thread while the children are tended."""
        symbols = self._settings.named_symbols or None
        try:
            return self._surroundings.fetch_instruments(
                self._plan.endpoints, symbols, limits.LISTING_TIMEOUT
            )
        except VenueRejected as error:
            raise ConfigError(f"strategies.symbols: the venue refused: {error}") from error

    async def _serve(self, duration_s: float | None) -> None:
        """Tend the children until the run is to end."""
        if duration_s is None:
            await self._until(lambda: False)
            return
        if await self._until(self._after(int(duration_s * NANOS_PER_SECOND))):
            self._ending = f"ran for {duration_s:g} s"

    def _after(self, delay: Nanos) -> Callable[[], bool]:
        """Return the claim that this much time has passed from now on."""
        ends_at = self._clock.now() + delay
        return lambda: self._clock.now() >= ends_at

    async def _until(self, is_done: Callable[[], bool]) -> bool:
        """Tend the children until `is_done`; False if the run is to end before."""
        while True:
            self._tend()
            if self._ending or self._supervisor.halt is not None:
                return False
            if is_done():
                return True
            await self._next_news()

    async def _stop_children(self) -> None:
        """Stop whoever lives, in order, within the time that the settings allow."""
        self._enter("stopping")
        self._supervisor.begin_stop()
        self._log.info("engine_stopping", reason=self._ending)
        now = self._clock.now()
        timeout = self._settings.supervision.stop_timeout_s * NANOS_PER_SECOND
        roles = {seat.name: seat.role for seat in self._seats}
        self._shutdown = ShutdownSequence(roles, timeout, now)
        while not self._shutdown.finished:
            self._tend()
            supervisor = self._supervisor
            for action in self._shutdown.advance(
                supervisor.living(), supervisor.drained(), self._clock.now()
            ):
                self._carry_out(action)
            if not self._shutdown.finished:
                await self._next_news()
        if self._shutdown.overran:
            self._log.error("children_overran_stop", children=self._shutdown.overran)

    def _carry_out(self, action: StopAction) -> None:
        match action.order:
            case StopOrder.DRAIN:
                self._supervisor.send(action.name, Drain(self._stop_policy))
            case StopOrder.STOP:
                self._supervisor.send(action.name, Stop())
            case StopOrder.KILL:
                self._supervisor.kill(action.name)

    async def _next_news(self) -> None:
        """Wait until something happened, or a period is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PERIOD_S):
                await self._news.wait()
        self._news.clear()

    def _tend(self) -> None:
        """Look after everything once: children, own heartbeat, status, log."""
        self._supervisor.tick()
        if self._shutdown is None:
            self._emergencies.tend()
        now = self._clock.now()
        self._page.beat(now)
        if now >= self._status_due_at:
            self._status_due_at = now + limits.STATUS_PERIOD
            self._show_status()
            logs = self._settings.logs
            self._log_file.rotate_if_full(logs.max_bytes, logs.kept_files)

    def _enter(self, state: EngineState) -> None:
        self._state = state
        self._page.set_state(_PAGE_STATE[state])
        self._show_status()

    def _show_status(self) -> None:
        if self._on_status is not None:
            self._on_status(self._status.document(self._state))

    def _error_of(self, judgement: Judgement) -> GenesisError:
        """Return what to raise for a child without which the engine cannot go on.

        A failure that an operator can cure is told in the child's own words, which name the place.
        """
        kind = _ERROR_OF_CODE.get(judgement.exit_code)
        failure = self._supervisor.posts[judgement.name].failure
        if kind is not None and failure is not None:
            return kind(failure.message)
        reason = f"{judgement.name}: {judgement.reason}; see {self._plan.state.output_path}"
        return ChildFailed(reason) if kind is None else kind(reason)

    def _failure_of_stop(self) -> GenesisError | None:
        """Return the failure of a child that could not end in good order, if one could not."""
        for name, post in self._supervisor.posts.items():
            is_missed = post.seat.role not in DISPENSABLE_ROLES
            if post.failure is not None and post.child is None and is_missed:
                kind = _ERROR_OF_CODE.get(post.failure.exit_code, ChildFailed)
                return kind(f"{name}: {post.failure.message}")
        return None

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means what it says
                loop.add_signal_handler(number, self._ask_to_stop, signal.Signals(number).name)

    def _ask_to_stop(self, reason: str) -> None:
        """Note that somebody wants the end; asked again, the stop under way is shortened."""
        self._ending = self._ending or reason
        if self._shutdown is not None:
            self._shutdown.repeat(self._clock.now())
        self._news.set()

    async def _respond(self, command: Command, peer: Peer) -> Mapping[str, object]:
        """Carry out one command of the control socket."""
        self._log.info("command_received", command=command.command, peer_pid=peer.pid)
        match command.command:
            case "status":
                document: dict[str, object] = msgspec.to_builtins(
                    self._status.document(self._state)
                )
                return document
            case "stop":
                self._stop_policy = stop_policy(command.arguments)
                self._ask_to_stop(f"stop asked for by process {peer.pid}")
                return {}
            case "kill":
                self._emergencies.begin(f"kill asked for by process {peer.pid}")
                self._news.set()
                return {}
            case "execute" | "cancel_parent" | "resume":
                return await self._instructions.carry_out(command.command, command.arguments)
            case _:
                raise UsageError(f"unknown command {command.command!r}: {', '.join(_COMMANDS)}")


_COMMANDS: Final = ("status", "stop", "kill", "resume", "execute", "cancel_parent")
_PAGE_STATE: Final[Mapping[EngineState, ProcessState]] = {
    "starting": ProcessState.STARTING,
    "running": ProcessState.RUNNING,
    "stopping": ProcessState.STOPPING,
    "stopped": ProcessState.STOPPED,
}
