"""Killing the processes of one engine, again and again; then calm, and the audit."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from genesis.units import NANOS_PER_SECOND
from scripts.campaign.audit import Audit, audit_books
from scripts.campaign.engine_under_attack import (
    DISTURBANCES,
    EngineUnderAttack,
    Life,
    LogLine,
    WatchedEngine,
)
from scripts.campaign.fuses import BlownFuse
from scripts.campaign.plan import AttackPlan, Control

VICTIMS: Final = ("executor", "worker", "feed", "venue")
WORKERS: Final = 2

_WEIGHTS: Final = {"executor": 12, "worker": 3, "feed": 1, "venue": 2}
_ROLE_OF_VICTIM: Final = {
    "executor": "executor",
    "worker": "strategy",
    "venue": "venue",
}
_PATIENCE: Final = 3  # of the hunt for the others, against that for executors
_EARLY_SHARE: Final = 0.15  # of the kills hit a process that is still coming up
_STOP_SHARE: Final = 0.12
_STOP_S: Final = (0.1, 3.0)
_STUCK_S: Final = 60.0
START_S: Final = 60.0
_CALM_S: Final = 60.0
_END_S: Final = 60.0
_CALM_FILLS: Final = 5
_NEAR_FENCE_S: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The protocol's times, and the venue's delays that they are to outlast, ms."""

    recv_window: int
    fence_margin: int
    reply_timeout: int
    request_delay: int
    queue_delay: int
    query_lag: int
    reply_delay: int
    pause: tuple[float, float]
    """How long a process lives before it is killed, s."""
    fuse_share: float = 0.5
    """Of the lives that end at a named point, if they get so far."""
    other_share: float = 0.05
    """Of the venue's faults that befall requests other than new orders."""

    def __post_init__(self) -> None:
        assert self.queue_delay + self.query_lag < self.fence_margin, "what the margin is for"

    @property
    def fence_s(self) -> float:
        """How long an order may stay in doubt by the protocol alone, s."""
        return (self.recv_window + self.fence_margin) / 1_000

    def __str__(self) -> str:
        return (
            f"recvWindow {self.recv_window} ms, fence margin {self.fence_margin} ms, reply timeout "
            f"{self.reply_timeout} ms; venue delays up to: request {self.request_delay} ms, queue "
            f"{self.queue_delay} ms, query lag {self.query_lag} ms, reply {self.reply_delay} ms; "
            f"{self.other_share:.0%} of the faults befall questions and cancels"
        )


SCALED: Final = Scale(
    recv_window=150,
    fence_margin=250,
    reply_timeout=300,
    request_delay=1_100,
    queue_delay=130,
    query_lag=100,
    reply_delay=600,
    pause=(0.0, 0.9),
)
"""Shorter than the clocks are apart, so that only the right one helps."""

WIDER: Final = Scale(
    recv_window=500,
    fence_margin=700,
    reply_timeout=400,
    request_delay=1_500,
    queue_delay=400,
    query_lag=250,
    reply_delay=800,
    pause=(0.0, 1.2),
)
"""Longer than an executor needs to come up: its successor meets the fence of its orders."""

UNSCALED: Final = Scale(
    recv_window=2_000,
    fence_margin=10_000,
    reply_timeout=2_000,
    request_delay=4_000,
    queue_delay=5_000,
    query_lag=4_000,
    reply_delay=4_000,
    pause=(12.5, 15.5),
    fuse_share=0.15,
    other_share=0.0,
)
"""The defaults. Questions are answered: what is measured is how long the protocol itself takes."""

_FAULTS: Final = {
    "request_lost": 0.05,
    "request_delayed": 0.25,
    "queue_delayed": 0.25,
    "throttled": 0.03,
    "status_unknown": 0.1,
    "connection_cut": 0.005,
    "reply_lost": 0.07,
    "reply_delayed": 0.1,
    "reply_doubled": 0.05,
    "query_lags": 0.3,
    "event_lost": 0.05,
    "event_delayed": 0.2,
    "event_doubled": 0.1,
    "stream_silenced": 0.002,
}


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What one engine is to live through."""

    kills: int
    seed: int
    scale: Scale = SCALED
    victims: tuple[str, ...] = VICTIMS
    stops: bool = False
    control: Control | None = None
    strategies: int = 16
    durability: str = "full"


@dataclass
class Outcome:
    """What became of it."""

    kills: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    stops: int = 0
    ends_in_order: int = 0
    """1 if the engine ended well though it was under attack."""
    quick_recoveries: list[float] = field(default_factory=list)
    """From a kill of the executor to its successor's readiness where all else was well, s."""
    slow_recoveries: list[float] = field(default_factory=list)
    """The same where the venue kept silent, or another process was down meanwhile, s."""
    quick_doubts: list[float] = field(default_factory=list)
    """From preparation to settlement, of orders in doubt on which at most one executor died, and
    near the end of whose fence all processes lived and the venue could be reached, s."""
    slow_doubts: list[float] = field(default_factory=list)
    """The same of all other orders that were in doubt, s."""
    quick_bare: list[float] = field(default_factory=list)
    """How long a position had no live stop within one life of the executor, while all processes
    lived and the venue could be reached, s."""
    slow_bare: list[float] = field(default_factory=list)
    """The same of all other spells, s."""
    audit: Audit = field(default_factory=Audit)
    failures: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """Return everything that must never be."""
        return self.failures + self.audit.violations


class EngineFailed(Exception):
    """The engine does what it must not; the message says what."""


def attack(plan: Attack, state_dir: Path, progress: Callable[[str], None]) -> Outcome:
    """Carry an attack out on a fresh state directory, and audit what is left."""
    outcome = Outcome()
    troubles: list[tuple[float, float]] = []
    try:
        troubles = _rage(plan, state_dir, outcome, progress)
        calm(plan, state_dir)
    except EngineFailed as failure:
        outcome.failures.append(str(failure))
        if not any(state_dir.glob("*.journal.db")):
            return outcome  # it did not come so far as to have books
    outcome.audit = audit_books(state_dir)
    for doubt in outcome.audit.doubts:
        decided_s = doubt.began_at / NANOS_PER_SECOND + plan.scale.fence_s - _NEAR_FENCE_S
        ended_s = doubt.ended_at / NANOS_PER_SECOND
        was_troubled = any(since <= ended_s and until >= decided_s for since, until in troubles)
        is_quick = doubt.deaths <= 1 and not was_troubled
        waits = outcome.quick_doubts if is_quick else outcome.slow_doubts
        waits.append((doubt.ended_at - doubt.began_at) / NANOS_PER_SECOND)
    for spell in outcome.audit.bare_spells:
        began_s, ended_s = (at / NANOS_PER_SECOND for at in (spell.began_at, spell.ended_at))
        was_troubled = any(since <= ended_s and until >= began_s for since, until in troubles)
        (outcome.slow_bare if was_troubled else outcome.quick_bare).append(ended_s - began_s)
    return outcome


def _rage(
    plan: Attack, state_dir: Path, outcome: Outcome, progress: Callable[[str], None]
) -> list[tuple[float, float]]:
    """Kill until there were enough.

    Return when nobody could have settled an order: the executor's connection ended, or a process
    was stopped or killed, from and to, s since 1970.
    """
    fuses = tuple(_ROLE_OF_VICTIM[name] for name in plan.victims if name in _ROLE_OF_VICTIM)
    told = AttackPlan(
        seed=plan.seed, fuse_share=plan.scale.fuse_share, fuses=fuses, control=plan.control
    )
    with EngineUnderAttack(state_dir, told, overrides_of(plan, with_faults=True)) as engine:
        await_engine(engine, lambda: engine.is_running, START_S, "it does not start")
        killer = _Killer(plan, engine, outcome)
        while killer.kills < plan.kills:
            engine.watch(0.02)
            if engine.has_ended:
                raise EngineFailed("the engine gave up: exit code {}: {}".format(*engine.outcome()))
            for name in killer.act():
                progress(name)
        killer.let_go()
        # Somebody may just have died, or be about to: then it cannot end well, and need not.
        exit_code, _ = engine.stop(_END_S)
        outcome.ends_in_order += exit_code == 0
        killer.count_recoveries(engine.log)
        cuts = [line.seconds for line in engine.log if line.event == "connection_ended"]
        return killer.stops + [(at, at) for at in (*cuts, *killer.times_of_death)]


def calm(plan: Attack, state_dir: Path, boot_id: str = "") -> None:
    """Run on without a fault: everything resolves, trading goes on, the engine ends well.

    Raises:
        EngineFailed: It does not.
    """
    told = AttackPlan(seed=plan.seed, control=plan.control, boot_id=boot_id)
    with EngineUnderAttack(state_dir, told, overrides_of(plan, with_faults=False)) as engine:
        await_engine(engine, lambda: engine.is_running, START_S, "it does not start again")

        def is_well() -> bool:
            status = engine.status
            return (
                status is not None
                and status.in_doubt == 0
                and status.ledger_equal is True
                and status.fills >= _CALM_FILLS
                and not status.protection.overdue
            )

        await_engine(engine, is_well, _CALM_S, "it does not come to rest")
        end(engine)


def end(engine: WatchedEngine) -> None:
    """Stop an engine in order.

    Raises:
        EngineFailed: It ends otherwise.
    """
    exit_code, complaint = engine.stop(_END_S)
    if exit_code != 0:
        raise EngineFailed(f"the engine's end has exit code {exit_code}: {complaint}")


def await_engine(
    engine: WatchedEngine, is_so: Callable[[], bool], seconds: float, otherwise: str
) -> None:
    """Wait until it is so.

    Raises:
        EngineFailed: The engine has ended, or the time is over: `otherwise` in words.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        engine.watch(0.05)
        if engine.has_ended:
            raise EngineFailed("the engine gave up: exit code {}: {}".format(*engine.outcome()))
        if time.monotonic() > deadline:
            raise EngineFailed(f"{otherwise} within {seconds:g} s; it says {engine.status}")


class _Hunt:
    """Waits for one victim after the other, each for a while of its life."""

    def __init__(self, victims: Sequence[str], pause: tuple[float, float], chance: Random) -> None:
        self._victims = victims
        self._pause = pause
        self._chance = chance
        self._not_before = 0.0
        self._choose()

    def prey(self, lives: Mapping[str, Life], now: float) -> Life | None:
        """Return the process that is to be struck now, if one is, and choose the next."""
        life = lives.get(self._name)
        if life is None:
            return None
        since = life.born_at if self._is_early else life.ready_at
        if since is None or now < max(since, self._not_before) + self._wait:
            return None
        self._choose()
        self._not_before = now
        return life

    def _choose(self) -> None:
        (name,) = self._chance.choices(self._victims, [_WEIGHTS[name] for name in self._victims])
        self._name = f"worker-{self._chance.randrange(WORKERS)}" if name == "worker" else name
        self._is_early = self._chance.random() < _EARLY_SHARE
        self._wait = self._chance.uniform(*self._pause)


class _Killer:
    """Strikes at random moments, and counts what the fuses strike by themselves."""

    def __init__(self, plan: Attack, engine: EngineUnderAttack, outcome: Outcome) -> None:
        self._plan = plan
        self._engine = engine
        self._outcome = outcome
        self._chance = Random(plan.seed)  # noqa: S311 - a repeatable run is the point
        pause = plan.scale.pause
        others = tuple(name for name in plan.victims if name != "executor")
        self._hunts = []
        if "executor" in plan.victims:
            self._hunts.append(_Hunt(("executor",), pause, self._chance))
        if others:
            slower = (pause[0] * _PATIENCE, pause[1] * _PATIENCE)
            self._hunts.append(_Hunt(others, slower, self._chance))
        self._blown_seen = len(engine.blown)
        self._stopped: list[tuple[float, Life]] = []
        self.stops: list[tuple[float, float]] = []
        """When processes were stopped, from and to, s since 1970."""
        self._killed_at: list[tuple[float, str]] = []
        self._struck_at = time.time()

    @property
    def kills(self) -> int:
        """How many processes died of it."""
        return self._outcome.kills.total()

    @property
    def times_of_death(self) -> list[float]:
        """When processes were killed, s since 1970."""
        return [at for at, _name in self._killed_at]

    def act(self) -> list[str]:
        """Do what is due; return the names of those that died."""
        died = [self._note(blown.process, blown.at) for blown in self._new_blown()]
        now = time.time()
        self._resume(now)
        for hunt in self._hunts:
            life = hunt.prey(self._engine.lives, now)
            if life is not None and self._strike(life, now):
                died.append(self._note(life.name, now))
        if died:
            self._struck_at = now
        elif now - self._struck_at > _STUCK_S:
            raise EngineFailed(f"nobody came up to be killed for {_STUCK_S:g} s")
        return died

    def let_go(self) -> None:
        """Leave nobody stopped."""
        self._resume(float("inf"))

    def count_recoveries(self, log: Sequence[LogLine]) -> None:
        """Measure, from the log, how long the executor was away after each of its deaths."""
        deaths = sorted(self._killed_at)
        ready = [
            line.seconds for line in log if line.event == "child_ready" and line.child == "executor"
        ]
        troubles = [line.seconds for line in log if line.event in DISTURBANCES]
        for killed_at in (at for at, name in deaths if name == "executor"):
            ready_at = next((at for at in ready if at > killed_at), None)
            if ready_at is None:
                continue
            meanwhile = [name for at, name in deaths if killed_at < at < ready_at]
            if "executor" in meanwhile:
                continue  # the later death counts
            is_quick = not meanwhile and not any(killed_at < at < ready_at for at in troubles)
            outcome = self._outcome
            recoveries = outcome.quick_recoveries if is_quick else outcome.slow_recoveries
            recoveries.append(ready_at - killed_at)

    def _strike(self, life: Life, now: float) -> bool:
        """Kill or stop a process; True if it dies of it."""
        if self._plan.stops and self._chance.random() < _STOP_SHARE:
            if self._engine.strike(life.name, signal.SIGSTOP):
                ends_at = now + self._chance.uniform(*_STOP_S)
                self._stopped.append((ends_at, life))
                self.stops.append((now, ends_at))
                self._outcome.stops += 1
            return False
        return self._engine.strike(life.name, signal.SIGKILL)

    def _resume(self, now: float) -> None:
        for ends_at, life in self._stopped:
            if now >= ends_at and self._engine.lives.get(life.name) is life:
                self._engine.strike(life.name, signal.SIGCONT)
        self._stopped = [(ends_at, life) for ends_at, life in self._stopped if now < ends_at]

    def _new_blown(self) -> list[BlownFuse]:
        new = self._engine.blown[self._blown_seen :]
        self._blown_seen += len(new)
        self._outcome.points.update(
            f"{blown.process.partition('-')[0]}: {blown.point}" for blown in new
        )
        return new

    def _note(self, name: str, at: float) -> str:
        self._killed_at.append((at, name))
        self._outcome.kills[name.partition("-")[0]] += 1
        return name


def overrides_of(plan: Attack, *, with_faults: bool) -> list[str]:
    """Return the settings of an engine under this attack, as `genesis run --set` takes them."""
    scale = plan.scale
    settings: dict[str, object] = {
        "market.rate": 150,
        "market.instruments": 5,
        "market.seed": plan.seed,
        "strategies.count": plan.strategies,
        "strategies.workers": WORKERS,
        "orders.recv_window_ms": scale.recv_window,
        "orders.fence_margin_ms": scale.fence_margin,
        "orders.reply_timeout_ms": scale.reply_timeout,
        "orders.durability": plan.durability,
        "records.backups_kept": 0,  # nothing but the engine itself writes while it is attacked
        "risk.orders_per_second": 1000,
        "risk.signals_per_second": 1000,
        "risk.daily_loss.strategist": 99_000,
        "risk.drawdown_halt": 1,
        "risk.drawdown_restrict": 1,
        "risk.drawdown_reduce": 1,
        "risk.day_halt": 1,
        "risk.day_restrict": 1,
        "risk.flash_crash.fall": 1,
        "risk.pauses.storm_stops": 0,
        "risk.pauses.cool_down_s": 0,
        "risk.pauses.losses_in_row": 0,
        "risk.pauses.low_profit_trips": 0,
        "supervision.restart_delay_ms": 10,
        "supervision.restart_delay_max_ms": 50,
        "supervision.child_restarts": 100,
        "supervision.child_window_s": 1,
        "supervision.total_restarts": 1000,
        "supervision.total_window_s": 1,
        "links.market_slots": 2**14,
        "logs.max_bytes": 2**34,
    }
    if with_faults:
        settings |= {f"venue.faults.{name}": share for name, share in _FAULTS.items()}
        settings |= {
            "venue.faults.seed": plan.seed,
            "venue.faults.other_share": scale.other_share,
            "venue.faults.request_delay_max_ms": scale.request_delay,
            "venue.faults.queue_delay_max_ms": scale.queue_delay,
            "venue.faults.query_lag_max_ms": scale.query_lag,
            "venue.faults.reply_delay_max_ms": scale.reply_delay,
            "venue.faults.event_delay_max_ms": scale.reply_delay,
        }
    return [f"{name}={value}" for name, value in settings.items()]
