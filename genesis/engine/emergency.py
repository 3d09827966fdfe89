"""An order to close everything, on its way to an executor that takes it: pure.

The executor writes it down and says so. One that neither answers nor shows a sign of life is
killed, which frees its lock, and its successor is told, with a new epoch. One that lives but has no
answer for long is killed as well: its journal holds whatever it was doing.
"""

import enum
from typing import NamedTuple

from genesis.limits import EMERGENCY_ANSWER_MAX, EMERGENCY_SILENCE_MAX
from genesis.units import Nanos


class EmergencyStep(enum.Enum):
    """What is to be done now."""

    WAIT = "wait"
    TELL = "tell"
    KILL = "kill"


class ExecutorSeen(NamedTuple):
    """The executor as its parent sees it. One that is not ready hears no commands yet."""

    epoch: int
    is_ready: bool
    heartbeat_at: Nanos


class Emergency:
    """One such order, from the person who gave it to the executor's word that it is durable."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.is_taken = False
        self._epoch = 0  # which was told last
        self._told_at: Nanos = 0
        self._is_told = False
        self._is_killed = False

    def advance(self, executor: ExecutorSeen | None, now: Nanos) -> EmergencyStep:
        """Return the next step; each is returned once, and to be carried out then."""
        if self.is_taken or executor is None or not executor.is_ready:
            return EmergencyStep.WAIT  # its start has a deadline of its own
        if executor.epoch != self._epoch:
            self._epoch, self._told_at = executor.epoch, now
            self._is_told = self._is_killed = False
        if not self._is_told:
            self._is_told = True
            return EmergencyStep.TELL
        waited = now - self._told_at
        silence = min(waited, now - executor.heartbeat_at)
        is_hung = silence >= EMERGENCY_SILENCE_MAX or waited >= EMERGENCY_ANSWER_MAX
        if is_hung and not self._is_killed:
            self._is_killed = True
            return EmergencyStep.KILL
        return EmergencyStep.WAIT

    def take_no_answer(self) -> None:
        """Note that an executor did not answer in time: it is told again, which harms nothing."""
        self._is_told = False

    def take_answer(self) -> None:
        """Note that an executor has written it down: it goes on by itself, whatever comes."""
        self.is_taken = True
