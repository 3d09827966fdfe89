"""Which child is well, which must be killed, when it may come back, and when to stop trying: pure.

Facts go in (pulses read from the status board, deaths, `now`), verdicts come out; the orchestrator
carries them out. Nothing here signals, spawns or reads a clock.
"""

import enum
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from genesis.engine.roles import DISPENSABLE_ROLES, Role
from genesis.errors import (
    EXIT_CONFIG,
    EXIT_INTERNAL,
    EXIT_LOCK_HELD,
    EXIT_RESOURCE,
    EXIT_STORAGE,
    EXIT_USAGE,
)
from genesis.limits import SUPERVISION_PERIOD
from genesis.units import NANOS_PER_MS, Nanos


class Verdict(enum.Enum):
    """What is to be done about a child."""

    LEAVE = "leave"
    WARN = "warn"  # it is late; nothing is done yet
    DUMP_AND_KILL = "dump_and_kill"  # SIGABRT, so that it shows where it hangs
    KILL = "kill"  # SIGKILL: it did not end of the dump
    RESTART = "restart"  # start a successor now
    GIVE_UP = "give_up"  # it stays down, the others trade on
    HALT = "halt"  # stop the engine in order, and exit with `exit_code`


class Pulse(NamedTuple):
    """A child's sign of life, as its board page shows it.

    `strategy_number` is the strategy whose callback ran when the page was read, if one did.
    """

    epoch: int
    heartbeat_at: Nanos
    strategy_number: int | None = None


class Death(NamedTuple):
    """A child that has ended: its exit code, or minus the signal that ended it."""

    name: str
    epoch: int
    return_code: int
    reason: str  # its own last words, or ""
    strategy_number: int | None = None


class Judgement(NamedTuple):
    """A verdict on one child, with its reason in words."""

    name: str
    verdict: Verdict
    reason: str
    strategy_number: int | None = None
    exit_code: int = EXIT_INTERNAL


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionPolicy:
    """When a child is late, and how often it may come back. Restarts are counted per window."""

    heartbeat_stale: Nanos
    boot_timeout: Nanos
    dump_grace: Nanos
    restart_delay: Nanos
    restart_delay_max: Nanos
    child_restarts: int
    child_window: Nanos
    total_restarts: int
    total_window: Nanos


class _Phase(enum.Enum):
    STARTING = enum.auto()
    RUNNING = enum.auto()
    DUMPING = enum.auto()
    KILLED = enum.auto()
    WAITING = enum.auto()
    RESTARTING = enum.auto()
    GIVEN_UP = enum.auto()


@dataclass(slots=True)
class _Child:
    role: Role
    epoch: int
    phase: _Phase
    since: Nanos  # when this phase began, or the last heartbeat, or when the restart is due
    excused: Nanos = 0  # how much of the time since then the parent itself was away
    warned: bool = False
    was_ready: bool = False  # in any life
    restarts: deque[Nanos] = field(default_factory=deque)


# The codes that mean the same in the next life: starting again cannot help.
_FATAL_CODES: Final = frozenset({EXIT_CONFIG, EXIT_USAGE, EXIT_STORAGE})

# What a child that never worked may pass on as the engine's own exit code.
_START_CODES: Final = _FATAL_CODES | {EXIT_RESOURCE, EXIT_LOCK_HELD}

_STARVED_AFTER: Final[Nanos] = 3 * SUPERVISION_PERIOD
_WATCHED: Final = frozenset({_Phase.STARTING, _Phase.RUNNING, _Phase.DUMPING})


class HealthMonitor:
    """Judges every child of a run, each time `judge` is called (every `SUPERVISION_PERIOD`).

    A child's time runs only while the parent looks: what `judge` was late by, because the host
    starved the parent or was suspended, counts against nobody.

    `chance` returns numbers in [0, 1); it spreads restarts in time.
    """

    def __init__(self, policy: SupervisionPolicy, chance: Callable[[], float]) -> None:
        self._policy = policy
        self._chance = chance
        self._children: dict[str, _Child] = {}
        self._restarts: deque[Nanos] = deque()
        self._judged_at: Nanos | None = None
        self.starved = 0
        """How many times the parent was too late to blame anyone."""

    def started(self, name: str, role: Role, epoch: int, now: Nanos) -> None:
        """Note a child's start: its first, or the one that a RESTART verdict asked for."""
        child = self._children.get(name)
        if child is None:
            self._children[name] = _Child(role, epoch, _Phase.STARTING, now)
            return
        assert child.phase is _Phase.RESTARTING, "a successor starts only when told to"
        assert epoch > child.epoch, "an epoch is never used twice"
        child.epoch = epoch
        self._enter(child, _Phase.STARTING, now)

    def ready(self, name: str, now: Nanos) -> None:
        """Note that a child said it works. From now on its heartbeat counts."""
        child = self._children[name]
        if child.phase is _Phase.STARTING:
            child.was_ready = True
            self._enter(child, _Phase.RUNNING, now)

    def judge(
        self, pulses: Mapping[str, Pulse], deaths: Iterable[Death], now: Nanos
    ) -> list[Judgement]:
        """Return what is to be done now; a child that is to be left alone is not mentioned."""
        self._excuse(now)
        judgements = [self._judge_death(death, now) for death in deaths]
        for name, child in self._children.items():
            judgement = self._judge_child(name, child, pulses.get(name), now)
            if judgement.verdict is not Verdict.LEAVE:
                judgements.append(judgement)
        return judgements

    def is_well(self, name: str) -> bool:
        """Tell whether a child works and is not late."""
        child = self._children[name]
        return child.phase is _Phase.RUNNING and not child.warned

    def restarts(self, name: str) -> int:
        """Return how many restarts of a child are remembered; older than its window are not."""
        return len(self._children[name].restarts)

    def _excuse(self, now: Nanos) -> None:
        """Measure how long the parent was away, and take it from every child's account."""
        away = 0 if self._judged_at is None else now - self._judged_at
        self._judged_at = now
        if away < _STARVED_AFTER:
            return
        self.starved += 1
        for child in self._children.values():
            child.excused += away - SUPERVISION_PERIOD

    def _judge_child(self, name: str, child: _Child, pulse: Pulse | None, now: Nanos) -> Judgement:
        if child.phase is _Phase.WAITING and now >= child.since:
            self._enter(child, _Phase.RESTARTING, now)
            return Judgement(name, Verdict.RESTART, "its wait is over")
        if child.phase not in _WATCHED:
            return Judgement(name, Verdict.LEAVE, "")
        if child.phase is _Phase.RUNNING:
            self._hear(child, pulse)
        number = pulse.strategy_number if pulse and pulse.epoch == child.epoch else None
        verdict, reason = self._judge_silence(child, now)
        return Judgement(name, verdict, reason, number)

    def _judge_silence(self, child: _Child, now: Nanos) -> tuple[Verdict, str]:
        """Hold the time since the last sign of life against what this phase allows."""
        silent = max(0, now - child.since - child.excused)
        if child.phase is _Phase.DUMPING:
            if silent < self._policy.dump_grace:
                return Verdict.LEAVE, ""
            self._enter(child, _Phase.KILLED, now)
            return Verdict.KILL, "it did not end of its dump"
        if child.phase is _Phase.STARTING:
            limit, reason = self._policy.boot_timeout, "not ready"
        else:
            limit, reason = self._policy.heartbeat_stale, "no heartbeat"
        reason = f"{reason} for {silent // NANOS_PER_MS} ms"
        if silent >= limit:
            self._enter(child, _Phase.DUMPING, now)
            return Verdict.DUMP_AND_KILL, reason
        if silent >= limit // 2 and not child.warned:
            child.warned = True
            return Verdict.WARN, reason
        return Verdict.LEAVE, ""

    def _hear(self, child: _Child, pulse: Pulse | None) -> None:
        """Take a newer heartbeat of this life; a page may still show the predecessor's."""
        if pulse and pulse.epoch == child.epoch and pulse.heartbeat_at > child.since:
            self._enter(child, _Phase.RUNNING, pulse.heartbeat_at)

    def _judge_death(self, death: Death, now: Nanos) -> Judgement:
        child = self._children[death.name]
        assert death.epoch == child.epoch, "a death is told once, before its successor starts"
        reason = describe_death(death)
        number = death.strategy_number
        code = death.return_code
        if code in _FATAL_CODES or (not child.was_ready and code >= 0):
            exit_code = code if code in _START_CODES else EXIT_INTERNAL
            self._enter(child, _Phase.GIVEN_UP, now)
            if child.role in DISPENSABLE_ROLES:
                return Judgement(death.name, Verdict.GIVE_UP, reason, number)
            return Judgement(death.name, Verdict.HALT, reason, number, exit_code)
        _forget(child.restarts, now - self._policy.child_window)
        _forget(self._restarts, now - self._policy.total_window)
        is_missed = child.role not in DISPENSABLE_ROLES
        if is_missed and len(self._restarts) >= self._policy.total_restarts:
            self._enter(child, _Phase.GIVEN_UP, now)
            reason = f"{reason}; {len(self._restarts)} restarts of all children: too many"
            return Judgement(death.name, Verdict.HALT, reason, number)
        if len(child.restarts) >= self._policy.child_restarts:
            self._enter(child, _Phase.GIVEN_UP, now)
            reason = f"{reason}; {len(child.restarts)} restarts of it: too many"
            verdict = Verdict.GIVE_UP if self._can_lose(child) else Verdict.HALT
            return Judgement(death.name, verdict, reason, number)
        delay = self._delay(len(child.restarts))
        child.restarts.append(now)
        if is_missed:  # else it must not use up what the others may need
            self._restarts.append(now)
        self._enter(child, _Phase.WAITING, now + delay)
        reason = f"{reason}; restarts in {delay // NANOS_PER_MS} ms"
        return Judgement(death.name, Verdict.WARN, reason, number)

    def _can_lose(self, child: _Child) -> bool:
        """Tell whether the engine can trade on without this child: another worker still runs."""
        if child.role in DISPENSABLE_ROLES:
            return True
        return child.role == "strategy" and any(
            other.role == "strategy" and other.phase is not _Phase.GIVEN_UP
            for other in self._children.values()
        )

    def _delay(self, restarts: int) -> Nanos:
        """Return the wait before the next restart: doubled each time, capped, spread by a half."""
        policy = self._policy
        doubled = policy.restart_delay << min(restarts, 30)
        return int(min(doubled, policy.restart_delay_max) * (0.75 + self._chance() / 2))

    def _enter(self, child: _Child, phase: _Phase, since: Nanos) -> None:
        child.phase = phase
        child.since = since
        child.excused = 0
        child.warned = False


def describe_death(death: Death) -> str:
    """Say in words how a child ended."""
    code = death.return_code
    how = f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
    return f"{death.reason} ({how})" if death.reason else how


def _forget(times: deque[Nanos], before: Nanos) -> None:
    while times and times[0] <= before:
        times.popleft()
