"""Carries an order to close everything to the executor; kills one that does not take it (I/O)."""

import asyncio
from typing import Final

from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.engine.emergency import Emergency, EmergencyStep, ExecutorSeen
from genesis.engine.instructions import Instructions
from genesis.engine.supervision import Supervisor
from genesis.errors import GenesisError

_EXECUTOR: Final = "executor"


class EmergencyLine:
    """The last such order that was given, until it is taken. `tend` it while the engine serves."""

    def __init__(
        self,
        supervisor: Supervisor,
        instructions: Instructions,
        clock: EngineClock,
        log: FilteringBoundLogger,
    ) -> None:
        self._supervisor = supervisor
        self._instructions = instructions
        self._clock = clock
        self._log = log
        self._emergency: Emergency | None = None
        self._telling: set[asyncio.Task[None]] = set()

    def begin(self, reason: str) -> None:
        """Take up an order to close everything; one that is under way is enough."""
        if self._emergency is None or self._emergency.is_taken:
            self._log.error("emergency_begun", reason=reason)
            self._emergency = Emergency(reason)

    def tend(self) -> None:
        """Do what is due of it."""
        emergency = self._emergency
        if emergency is None or emergency.is_taken:
            return
        match emergency.advance(self._executor(), self._clock.now()):
            case EmergencyStep.TELL:
                telling = asyncio.get_running_loop().create_task(self._tell(emergency))
                self._telling.add(telling)
                telling.add_done_callback(self._telling.discard)
            case EmergencyStep.KILL:
                self._supervisor.kill(_EXECUTOR)
            case EmergencyStep.WAIT:
                pass

    def _executor(self) -> ExecutorSeen | None:
        post = self._supervisor.posts.get(_EXECUTOR)
        if post is None or post.child is None:
            return None
        page = post.reader.read()
        is_own = page is not None and page.epoch == post.epoch
        heartbeat_at = page.heartbeat_at if page is not None and is_own else 0
        return ExecutorSeen(post.epoch, post.is_ready, heartbeat_at)

    async def _tell(self, emergency: Emergency) -> None:
        try:
            await self._instructions.carry_out("kill", {"reason": emergency.reason})
        except GenesisError as error:
            self._log.error("emergency_not_taken", reason=str(error))
            emergency.take_no_answer()
            return
        self._log.warning("emergency_taken", reason=emergency.reason)
        emergency.take_answer()
