"""The order and the deadlines of a stop: pure.

Workers first, so that no signal is made that nobody will judge; then the executor, first drained,
then stopped; then the feed; then the venue, since the executor settles with it to the end; the
recorder last, since the journal must have ended. A stage that overruns its share of the time is
killed, and the next begins: a stop always ends.
"""

import enum
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from genesis import limits
from genesis.engine.roles import STOP_ORDER, Role
from genesis.units import Nanos


class StopOrder(enum.Enum):
    """What one child is told, or has done to it."""

    DRAIN = "drain"
    STOP = "stop"
    KILL = "kill"


class StopAction(NamedTuple):
    """One step for the orchestrator to carry out."""

    name: str
    order: StopOrder


class _Stage(NamedTuple):
    role: Role
    order: StopOrder
    share: int  # hundredths of the whole timeout


_STAGES: Final = (
    _Stage("strategy", StopOrder.STOP, limits.STOP_WORKERS_SHARE),
    _Stage("executor", StopOrder.DRAIN, limits.STOP_DRAIN_SHARE),
    _Stage("executor", StopOrder.STOP, limits.STOP_EXECUTOR_SHARE),
    _Stage("feed", StopOrder.STOP, limits.STOP_FEED_SHARE),
    _Stage("venue", StopOrder.STOP, limits.STOP_VENUE_SHARE),
    _Stage("recorder", StopOrder.STOP, limits.STOP_RECORDER_SHARE),
)
assert tuple(dict.fromkeys(stage.role for stage in _STAGES)) == STOP_ORDER


class ShutdownSequence:
    """One stop, from its first signal to its end.

    Call `advance` whenever a child ended or answered, and every `SUPERVISION_PERIOD`; carry out
    what it returns, each action once. `finished` tells when there is nothing left to wait for.
    """

    def __init__(self, children: Mapping[str, Role], timeout: Nanos, now: Nanos) -> None:
        self._children = dict(children)
        self._timeout = timeout
        self._ends_at = now + timeout
        self._stage = -1
        self._stage_ends_at = now
        self._signal_at = now
        self._hurried = False
        self._kill_all = False
        self.finished = False
        self.overran: list[str] = []
        """Children that had to be killed, in that order."""

    def repeat(self, now: Nanos) -> None:
        """Note another signal. Within 2 s it is a repeat of the last one and changes nothing.

        The second one ends the waiting for replies and cuts every stage to a second; the third
        kills whatever is left. Nothing is lost by either: the journal settles at the next start.
        """
        if now - self._signal_at < limits.STOP_REPEAT:
            return
        self._signal_at = now
        if self._hurried:
            self._kill_all = True
        self._hurried = True
        self._stage_ends_at = min(self._stage_ends_at, now + limits.STOP_HURRIED_STAGE)

    def advance(
        self, living: Collection[str], drained: Collection[str], now: Nanos
    ) -> list[StopAction]:
        """Return what is to be done now, given who still lives and who has nothing under way."""
        given_up = now >= self._ends_at + limits.STOP_REAP
        if not living or given_up:
            self.finished = True
            return []
        if self._kill_all or now >= self._ends_at:
            return self._kill(living)
        actions: list[StopAction] = []
        while True:
            waited_for = self._waited_for(living, drained)
            if waited_for and now < self._stage_ends_at:
                return actions
            if waited_for and _STAGES[self._stage].order is StopOrder.STOP:
                return actions + self._kill(waited_for)
            if self._stage + 1 == len(_STAGES):
                return actions
            actions += self._begin_next_stage(living, now)

    def _waited_for(self, living: Collection[str], drained: Collection[str]) -> list[str]:
        """Return whose answer or end the present stage still waits for."""
        if self._stage < 0:
            return []
        stage = _STAGES[self._stage]
        return [
            name
            for name in self._of_role(stage.role, living)
            if stage.order is StopOrder.STOP or name not in drained
        ]

    def _begin_next_stage(self, living: Collection[str], now: Nanos) -> list[StopAction]:
        self._stage += 1
        stage = _STAGES[self._stage]
        allowed = self._timeout * stage.share // 100
        if self._hurried:
            allowed = min(allowed, limits.STOP_HURRIED_STAGE)
        self._stage_ends_at = now + allowed
        return [StopAction(name, stage.order) for name in self._of_role(stage.role, living)]

    def _of_role(self, role: Role, living: Collection[str]) -> list[str]:
        return [name for name, own in self._children.items() if own == role and name in living]

    def _kill(self, names: Collection[str]) -> list[StopAction]:
        """Kill each child once; a killed one is waited for without being told again."""
        fresh = [name for name in self._children if name in names and name not in self.overran]
        self.overran += fresh
        return [StopAction(name, StopOrder.KILL) for name in fresh]
