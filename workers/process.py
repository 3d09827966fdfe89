"""What every child does at its start and at its end, whatever its work is.

A child's module is `run_child(main)` and a coroutine: it builds its part from the `ChildContext`,
calls `ready()`, works until `stopping` is set, and returns. All about signals, the parent's
death, heartbeat, logs and exit codes is here, once.
"""

import argparse
import asyncio
import ctypes
import faulthandler
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeAlias

import uvloop
from structlog.typing import FilteringBoundLogger

from genesis import limits
from genesis.clock import EngineClock
from genesis.config import Settings
from genesis.domain.instruments import InstrumentCatalogue
from genesis.engine.boot import BOOT_ARGUMENT, BootSpec, read_boot_spec
from genesis.engine.control import Ready, Stopped, Trouble, decode_to_child, failed
from genesis.engine.control_channel import ChildControl, ControlChannel
from genesis.engine.roles import Role
from genesis.engine.trouble import TroubleWatch
from genesis.errors import EXIT_INTERNAL, EXIT_OK, EXIT_RESOURCE, EXIT_STORAGE, GenesisError
from genesis.ipc.board import BoardPageWriter, ProcessState, StatusBoard
from genesis.logs import child_logger
from genesis.units import NANOS_PER_SECOND

ChildMain: TypeAlias = Callable[["ChildContext"], Awaitable[None]]

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4

# Most have nothing to finish without a parent, and what a recorder has not written it will find in
# the journal again: the kernel kills them. The executor is told, so that replies under way are
# still written down.
_DEATH_SIGNAL: Final[dict[Role, signal.Signals]] = {
    "venue": signal.SIGKILL,
    "feed": signal.SIGKILL,
    "strategy": signal.SIGKILL,
    "executor": signal.SIGTERM,
    "recorder": signal.SIGKILL,
}

_HEARTBEAT_SECONDS: Final = limits.HEARTBEAT_PERIOD / NANOS_PER_SECOND
_ORPHAN_DRAIN_SECONDS: Final = limits.ORPHAN_DRAIN / NANOS_PER_SECOND


@dataclass(slots=True)
class ChildContext:
    """What a child has in its hands: its boot document and the parts made of it.

    `board` is its own page of the `status_board`; `summary` is what the child says of its life in
    its last message, `Stopped`.
    """

    spec: BootSpec
    settings: Settings
    clock: EngineClock
    log: FilteringBoundLogger
    board: BoardPageWriter
    control: ChildControl
    catalogue: InstrumentCatalogue
    status_board: StatusBoard
    summary: dict[str, str | int] = field(default_factory=dict)
    _trouble: TroubleWatch = field(default_factory=TroubleWatch)

    @property
    def stopping(self) -> asyncio.Event:
        """The event that ends this child: its parent said so, or is gone."""
        return self.control.stopping

    def tell_trouble(self, reason: str) -> None:
        """Have the parent show what this child cannot do now, "" for nothing; to be called often.

        It is told once it has stood for a while.
        """
        news = self._trouble.heed(reason[: limits.FAILURE_MESSAGE_CHARS_MAX], self.clock.now())
        if news is not None:
            self.control.send(Trouble(news))

    def peer_bans(self) -> list[memoryview]:
        """Return the words in which the others say what the venue told them of this address."""
        pages = (page for page in range(self.spec.board_pages) if page != self.spec.board_page)
        return [self.status_board.reader(page).venue_ban for page in pages]

    def ready(self, detail: dict[str, str | int] | None = None) -> None:
        """Tell the parent that this child works; call it once, when it does.

        What was built so far lives as long as the process, so the collector need never look at it
        again: frozen, it costs no pause in the working loop.
        """
        gc.collect()
        gc.freeze()
        self.board.set_state(ProcessState.RUNNING)
        self.control.send(Ready(detail or {}))
        self.log.info("process_ready", **(detail or {}))


def run_child(main: ChildMain) -> NoReturn:
    """Be a child: read the boot document, run `main`, and exit with the code that says why."""
    try:
        spec = read_boot_spec(_boot_fd(sys.argv[1:]))
        _bind_to_parent(spec)
        child = _Child(spec)
    except GenesisError as error:  # neither log nor parent can be told yet; stderr is kept
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    exit_code = child.run(main)
    if exit_code == EXIT_STORAGE:
        # An orderly end closes the journal, and with it writes to what has just failed.
        os._exit(exit_code)
    sys.exit(exit_code)


def _boot_fd(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description="A child process of the engine. It is started by `genesis run`, not by hand."
    )
    parser.add_argument(BOOT_ARGUMENT, type=int, required=True, dest="boot_fd")
    boot_fd = parser.parse_args(arguments).boot_fd
    assert isinstance(boot_fd, int)
    return boot_fd


def _bind_to_parent(spec: BootSpec) -> None:
    """Tie this process's life to its parent's, before anything else is done.

    The parent may have died before the request reached the kernel; a look at who the parent is now
    closes that race. No core is ever written: it would hold keys.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(_DEATH_SIGNAL[spec.role]), 0, 0, 0) != 0:
        os._exit(EXIT_RESOURCE)
    if os.getppid() != spec.parent_pid:
        os._exit(EXIT_RESOURCE)
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if spec.role == "executor":  # it holds the trading key: its memory is for no other process
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the group; the parent orders stops


class _Child:
    """One life of a child, from its boot document to its exit code."""

    def __init__(self, spec: BootSpec) -> None:
        self._spec = spec
        clock = EngineClock(spec.clock_offset)
        settings = Settings.model_validate_json(spec.settings)
        board = StatusBoard.attach(spec.board_fd, spec.board_pages)
        end = socket.socket(fileno=spec.control_fd)
        self._context = ChildContext(
            spec=spec,
            settings=settings,
            clock=clock,
            log=child_logger(settings, spec.log_fd, process=spec.name, epoch=spec.epoch),
            board=board.writer(spec.board_page, spec.epoch),
            control=ChildControl(ControlChannel(end, decode_to_child)),
            catalogue=InstrumentCatalogue(spec.instruments),
            status_board=board,
        )
        self._main: asyncio.Task[None] | None = None
        self._fault: Exception | None = None

    def run(self, main: ChildMain) -> int:
        """Run `main` on a loop of its own and return the exit code.

        A process boundary: whatever ends `main` becomes one log line, one message to the parent and
        an exit code.
        """
        signal.signal(signal.SIGTERM, lambda _number, _frame: self._on_sigterm())
        context = self._context
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._live(main))
        except GenesisError as error:
            reason = str(error)
            context.log.error(  # noqa: TRY400 -- a failure told to an operator, not a bug
                "process_failed", error=reason, exit_code=error.exit_code
            )
            return self._fail(error.exit_code, reason)
        except Exception as error:
            context.log.exception("process_crashed", exit_code=EXIT_INTERNAL)
            return self._fail(EXIT_INTERNAL, f"{type(error).__name__}: {error}")
        context.board.set_state(ProcessState.STOPPED)
        context.control.send(Stopped(context.summary))
        context.log.info("process_stopped", **context.summary)
        return EXIT_OK

    async def _live(self, main: ChildMain) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_loop_fault)
        self._context.board.set_state(ProcessState.STARTING)
        self._context.control.listen(self._on_orphaned)
        heartbeat = loop.create_task(self._beat())
        self._main = asyncio.ensure_future(main(self._context))
        try:
            await self._main
        except asyncio.CancelledError:
            if self._fault is None:
                raise
            raise self._fault from None
        finally:
            heartbeat.cancel()
            self._context.control.stop_listening()

    async def _beat(self) -> None:
        """Show that this loop turns. It must be this loop: a thread would beat for a hung one."""
        board, clock = self._context.board, self._context.clock
        while True:
            board.beat(clock.now())
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    def _on_loop_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """End the child when one of its callbacks raised: a loop would only log it and go on.

        A task or future that nobody asked for its error is a fault of less weight, since its
        owner is gone: one line tells of it.
        """
        del loop
        error = context.get("exception")
        if "handle" in context and isinstance(error, Exception) and self._main is not None:
            self._fault = self._fault or error
            self._main.cancel()
            return
        self._context.log.error("task_failed", reason=context.get("message"), error=repr(error))

    def _on_orphaned(self) -> None:
        """Act on the end of the control channel: without a parent nothing may trade on."""
        if self._spec.role != "executor":
            os._exit(EXIT_INTERNAL)
        _end_within_drain()

    def _on_sigterm(self) -> None:
        """Take SIGTERM for what it is: news of the parent's death, or a stray to be ignored.

        With `stopasgroup` a supervisor signals the children before the parent has acted; obeying
        would break the order of a stop.
        """
        if os.getppid() != self._spec.parent_pid:
            _end_within_drain()

    def _fail(self, exit_code: int, reason: str) -> int:
        self._context.board.set_state(ProcessState.FAILED)
        self._context.control.send(failed(exit_code, reason))
        return exit_code


def _end_within_drain() -> None:
    """Let the kernel end this process soon, however busy it is; an orderly end may come before."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, _ORPHAN_DRAIN_SECONDS)
