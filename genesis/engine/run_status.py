"""What a run says of itself, gathered from the board, the supervisor and the kernel (I/O)."""

import os
from typing import Final

import msgspec

from genesis import __version__
from genesis.engine.boot import PARENT_BOARD_PAGE
from genesis.engine.engine_report import EngineReport, build_report
from genesis.engine.process_usage import UsageMeter
from genesis.engine.run_plan import RunPlan
from genesis.engine.status_document import ProcessFacts, RunFacts, StatusBuilder
from genesis.engine.supervision import Supervisor
from genesis.ipc.board import BoardPage
from genesis.status import EngineState, ProcessSummary, StatusDocument

_PARENT: Final = "parent"


class RunStatus:
    """Makes the status documents of one run, and at its end the report.

    `epoch` is the parent's own, as its board page shows it.
    """

    def __init__(self, plan: RunPlan, supervisor: Supervisor, epoch: int) -> None:
        settings, self._clock = plan.settings, plan.clock
        self._supervisor = supervisor
        self._epoch = epoch
        self._own_page = plan.wiring.board.reader(PARENT_BOARD_PAGE)
        self._usage = UsageMeter()
        self._builder = StatusBuilder(
            RunFacts(os.getpid(), self._clock.now(), settings.mode, plan.market_name, settings.tier)
        )
        self._before_stop: tuple[ProcessSummary, ...] = ()
        self.waits_for = ""
        """What the start waits for that is wrong; "" while nothing is."""

    def document(self, state: EngineState) -> StatusDocument:
        """Return the engine at this moment."""
        document = self._builder.build(
            state,
            self._pages(),
            self._processes(),
            self._supervisor.account,
            (*filter(None, [self.waits_for]), *self._supervisor.problems()),
            now=self._clock.now(),
        )
        document = msgspec.structs.replace(document, records=self._supervisor.records)
        if state == "running":
            self._before_stop = document.processes
        return document

    def report(self, ended: str, exit_code: int) -> EngineReport:
        """Return the summary of the run, which has ended.

        Its processes are shown as they last ran: of the dead the kernel tells no cost.
        """
        posts = self._supervisor.posts
        document = self.document("stopped")
        return build_report(
            msgspec.structs.replace(document, processes=self._before_stop or document.processes),
            self._pages().values(),
            self._supervisor.account,
            {name: post.summary for name, post in posts.items() if post.summary},
            version=__version__,
            ended=ended,
            exit_code=exit_code,
        )

    def _pages(self) -> dict[str, BoardPage]:
        own = self._own_page.read()
        pages = self._supervisor.pages()
        return pages if own is None else {_PARENT: own, **pages}

    def _processes(self) -> list[ProcessFacts]:
        own = self._usage.read(_PARENT, os.getpid())
        rows = [ProcessFacts(_PARENT, os.getpid(), self._epoch, 0, *own)]
        for name, post in self._supervisor.posts.items():
            pid = None if post.child is None else post.child.pid
            usage = self._usage.read(name, pid)
            rows.append(ProcessFacts(name, pid, post.epoch, post.restarts, *usage))
        return rows
