"""Verdicts on children: who is late, who may come back, and when the engine must stop trying."""

import random
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.engine.health_monitor import (
    Death,
    HealthMonitor,
    Judgement,
    Pulse,
    SupervisionPolicy,
    Verdict,
    describe_death,
)
from genesis.engine.roles import Role
from genesis.limits import SUPERVISION_PERIOD
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

POLICY = SupervisionPolicy(
    heartbeat_stale=2_000 * NANOS_PER_MS,
    boot_timeout=20 * NANOS_PER_SECOND,
    dump_grace=NANOS_PER_SECOND,
    restart_delay=200 * NANOS_PER_MS,
    restart_delay_max=30 * NANOS_PER_SECOND,
    child_restarts=5,
    child_window=60 * NANOS_PER_SECOND,
    total_restarts=15,
    total_window=300 * NANOS_PER_SECOND,
)


class Engine:
    """A parent in a test: it judges every period, keeps the time and the epochs."""

    def __init__(self, chance: float = 0.5) -> None:
        self.monitor = HealthMonitor(POLICY, lambda: chance)
        self.now: Nanos = NANOS_PER_SECOND
        self.epoch = 0
        self.epochs: dict[str, int] = {}
        self.roles: dict[str, Role] = {}

    def start(self, name: str, role: Role = "strategy") -> None:
        """Start a child, for the first time or again."""
        self.epoch += 1
        self.epochs[name] = self.epoch
        self.roles[name] = role
        self.monitor.started(name, role, self.epoch, self.now)

    def start_ready(self, name: str, role: Role = "strategy") -> None:
        """Start a child that works at once."""
        self.start(name, role)
        self.monitor.ready(name, self.now)

    def pulse(self, name: str, strategy_number: int | None = None) -> dict[str, Pulse]:
        """Return a board on which this child has just beaten."""
        return {name: Pulse(self.epochs[name], self.now, strategy_number)}

    def judge(
        self, pulses: Mapping[str, Pulse] | None = None, deaths: Iterable[Death] = ()
    ) -> list[Judgement]:
        """Judge once, now."""
        return self.monitor.judge(pulses or {}, deaths, self.now)

    def run(
        self, duration: Nanos, pulses: Mapping[str, Pulse] | None = None
    ) -> list[tuple[Verdict, Nanos]]:
        """Judge every period while the board does not change; return what was said, and when."""
        said = []
        begin = self.now
        while self.now < begin + duration:
            self.now += SUPERVISION_PERIOD
            said += [(one.verdict, self.now - begin) for one in self.judge(pulses)]
        return said

    def die(self, name: str, return_code: int = -9, reason: str = "") -> Judgement:
        """Report a death and return the verdict on it."""
        death = Death(name, self.epochs[name], return_code, reason)
        judgement, *others = self.judge(deaths=[death])
        assert not others
        return judgement

    def come_back(self, name: str) -> Nanos:
        """Wait for the verdict that restarts a child, start it, and return how long it took."""
        begin = self.now
        while True:
            self.now += SUPERVISION_PERIOD
            judgements = self.judge()
            if any(one.name == name and one.verdict is Verdict.RESTART for one in judgements):
                break
        self.start_ready(name, self.roles[name])
        return self.now - begin


def test_a_beating_child_is_left_alone() -> None:
    """A child whose heartbeat is young is not mentioned."""
    engine = Engine()
    engine.start_ready("feed", "feed")
    for _ in range(100):
        engine.now += SUPERVISION_PERIOD
        assert engine.judge(engine.pulse("feed")) == []


def test_a_silent_child_is_warned_of_dumped_and_killed() -> None:
    """Half the stale time is told once, the whole is a stack dump, a second later SIGKILL."""
    engine = Engine()
    engine.start_ready("worker-0")
    said = engine.run(4 * NANOS_PER_SECOND)
    assert [verdict for verdict, _ in said] == [
        Verdict.WARN,
        Verdict.DUMP_AND_KILL,
        Verdict.KILL,
    ]
    assert [after // (100 * NANOS_PER_MS) for _, after in said] == [10, 20, 30]


def test_the_dump_alone_may_end_the_child() -> None:
    """A child that ends of SIGABRT is not killed again, and is restarted."""
    engine = Engine()
    engine.start_ready("worker-0")
    engine.run(2 * NANOS_PER_SECOND)
    assert engine.die("worker-0", -6).verdict is Verdict.WARN
    assert [verdict for verdict, _ in engine.run(NANOS_PER_SECOND)] == [Verdict.RESTART]


def test_the_strategy_that_runs_is_blamed() -> None:
    """The verdict on a hung child names the strategy whose callback its page shows."""
    engine = Engine()
    engine.start_ready("worker-0")
    pulse = Pulse(engine.epochs["worker-0"], engine.now, strategy_number=17)
    judgements = []
    for _ in range(21):
        engine.now += SUPERVISION_PERIOD
        judgements += engine.judge({"worker-0": pulse})
    assert [one.strategy_number for one in judgements] == [17, 17]


def test_a_page_of_the_predecessor_is_no_sign_of_life() -> None:
    """Until a successor writes its page, the page shows the dead: its beats and blame are void."""
    engine = Engine()
    engine.start_ready("worker-0")
    old = Pulse(engine.epochs["worker-0"], engine.now + 60 * NANOS_PER_SECOND, 17)
    engine.die("worker-0")
    engine.come_back("worker-0")
    said = []
    for _ in range(20):
        engine.now += SUPERVISION_PERIOD
        said += engine.judge({"worker-0": old})
    assert [one.verdict for one in said] == [Verdict.WARN, Verdict.DUMP_AND_KILL]
    assert [one.strategy_number for one in said] == [None, None]


def test_a_starting_child_is_given_the_boot_time() -> None:
    """Before it says that it works, a child need not beat, but it must not take for ever."""
    engine = Engine()
    engine.start("executor", "executor")
    said = engine.run(20 * NANOS_PER_SECOND)
    assert [verdict for verdict, _ in said] == [Verdict.WARN, Verdict.DUMP_AND_KILL]
    assert said[-1][1] == POLICY.boot_timeout


@pytest.mark.parametrize("away_s", [1, 10, 600], ids=["a second", "ten seconds", "a suspension"])
def test_nobody_is_blamed_for_the_parents_own_absence(away_s: int) -> None:
    """When the parent was starved or the host suspended, every child gets that time back."""
    engine = Engine()
    engine.start_ready("worker-0")
    engine.judge(engine.pulse("worker-0"))
    board = engine.pulse("worker-0")
    engine.now += away_s * NANOS_PER_SECOND
    assert engine.judge(board) == []
    assert engine.monitor.starved == 1
    said = engine.run(3 * NANOS_PER_SECOND, board)
    assert [verdict for verdict, _ in said][:2] == [Verdict.WARN, Verdict.DUMP_AND_KILL]


def test_lateness_within_three_periods_is_no_starvation() -> None:
    """A little lateness of the parent's loop is normal and widens nothing."""
    engine = Engine()
    engine.start_ready("worker-0")
    for _ in range(20):
        engine.now += 2 * SUPERVISION_PERIOD
        engine.judge(engine.pulse("worker-0"))
    assert engine.monitor.starved == 0


def test_waits_between_restarts_double_and_are_capped() -> None:
    """Each restart within the window waits twice as long as the one before, to a bound."""
    engine = Engine(chance=0.5)
    engine.start_ready("feed", "feed")
    waits = []
    for _ in range(POLICY.child_restarts):
        assert engine.die("feed").verdict is Verdict.WARN
        waits.append(engine.come_back("feed") / (100 * NANOS_PER_MS))
    assert waits == [2, 4, 8, 16, 32]


@pytest.mark.parametrize(("chance", "wait_ms"), [(0.0, 200), (0.999, 300)])
def test_waits_are_spread(chance: float, wait_ms: int) -> None:
    """Chance spreads a wait by a quarter to either side, so that children do not return at once."""
    engine = Engine(chance)
    engine.start_ready("feed", "feed")
    engine.die("feed")
    assert engine.come_back("feed") == wait_ms * NANOS_PER_MS


def test_a_worker_past_its_intensity_is_given_up_and_the_last_one_halts() -> None:
    """The engine trades on while one worker still can; without any it stops."""
    engine = Engine()
    engine.start_ready("worker-0")
    engine.start_ready("worker-1")
    for _ in range(POLICY.child_restarts):
        engine.die("worker-0")
        engine.come_back("worker-0")
    given_up = engine.die("worker-0")
    assert given_up.verdict is Verdict.GIVE_UP
    assert "5 restarts" in given_up.reason
    assert engine.judge(engine.pulse("worker-1")) == []

    for _ in range(POLICY.child_restarts):
        engine.die("worker-1")
        engine.come_back("worker-1")
    assert engine.die("worker-1").verdict is Verdict.HALT


@pytest.mark.parametrize("role", ["feed", "executor", "venue"])
def test_a_child_that_all_need_halts_the_engine_past_its_intensity(role: Role) -> None:
    """Without feed, executor or venue nothing can trade: exit 70, the supervisor decides."""
    engine = Engine()
    engine.start_ready("needed", role)
    for _ in range(POLICY.child_restarts):
        engine.die("needed")
        engine.come_back("needed")
    judgement = engine.die("needed")
    assert judgement.verdict is Verdict.HALT
    assert judgement.exit_code == 70


def test_restarts_are_forgotten_after_their_window() -> None:
    """A child that ran well for its window starts again with a short wait and a clean record."""
    engine = Engine()
    engine.start_ready("feed", "feed")
    for _ in range(POLICY.child_restarts):
        engine.die("feed")
        engine.come_back("feed")
    assert engine.monitor.restarts("feed") == POLICY.child_restarts
    for _ in range(700):
        engine.now += SUPERVISION_PERIOD
        engine.judge(engine.pulse("feed"))
    assert engine.die("feed").verdict is Verdict.WARN
    assert engine.come_back("feed") == 200 * NANOS_PER_MS


def test_many_restarts_of_many_children_halt_the_engine() -> None:
    """Sixteen restarts in five minutes, whoever they are of, are one too many."""
    engine = Engine()
    names = [f"worker-{number}" for number in range(8)]
    for name in names:
        engine.start_ready(name)
    for death in range(POLICY.total_restarts):
        assert engine.die(names[death % 8]).verdict is Verdict.WARN
        engine.come_back(names[death % 8])
    judgement = engine.die(names[-1])
    assert judgement.verdict is Verdict.HALT
    assert "all children" in judgement.reason


@pytest.mark.parametrize(
    ("code", "exit_code"), [(78, 78), (71, 71), (74, 74), (75, 75), (64, 64), (1, 70), (0, 70)]
)
def test_a_child_that_never_worked_halts_with_its_own_code(code: int, exit_code: int) -> None:
    """An exit before the first readiness cannot be helped by another try."""
    engine = Engine()
    engine.start("executor", "executor")
    judgement = engine.die("executor", code, "no key")
    assert judgement.verdict is Verdict.HALT
    assert judgement.exit_code == exit_code
    assert "no key" in judgement.reason


def test_a_child_killed_while_it_starts_is_tried_again() -> None:
    """A signal says nothing about the configuration."""
    engine = Engine()
    engine.start("feed", "feed")
    assert engine.die("feed", -9).verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (78, Verdict.HALT),
        (74, Verdict.HALT),
        (75, Verdict.WARN),
        (71, Verdict.WARN),
        (70, Verdict.WARN),
        (0, Verdict.WARN),
        (-11, Verdict.WARN),
    ],
)
def test_codes_of_a_child_that_had_worked(code: int, verdict: Verdict) -> None:
    """Wrong configuration and a failed disk are the same in the next life; the rest may pass."""
    engine = Engine()
    engine.start_ready("executor", "executor")
    assert engine.die("executor", code).verdict is verdict


def test_readiness_of_a_dead_child_is_void() -> None:
    """A message read after the death must not make a waiting child look alive."""
    engine = Engine()
    engine.start("feed", "feed")
    engine.die("feed")
    engine.monitor.ready("feed", engine.now)
    assert [verdict for verdict, _ in engine.run(NANOS_PER_SECOND)] == [Verdict.RESTART]


def test_deaths_are_told_in_words() -> None:
    """The reason an operator reads says how, and what the child said last."""
    assert describe_death(Death("feed", 1, -9, "")) == "killed by signal 9"
    assert describe_death(Death("feed", 1, 78, "bad port")) == "bad port (exit code 78)"


@given(seed=st.integers(0, 2**32))
def test_restarts_never_exceed_their_intensity(seed: int) -> None:
    """Whatever dies whenever, no window ever holds more restarts than allowed."""
    chance = random.Random(seed)
    engine = Engine(chance.random())
    names = ["feed", "worker-0", "worker-1", "worker-2"]
    for name in names:
        engine.start_ready(name, "feed" if name == "feed" else "strategy")
    alive = set(names)
    accepted: list[tuple[Nanos, str]] = []
    for _ in range(400):
        engine.now += chance.choice((1, 2, 50)) * SUPERVISION_PERIOD
        deaths = [
            Death(name, engine.epochs[name], -9, "")
            for name in sorted(alive)
            if chance.random() < 0.2
        ]
        dead = {death.name for death in deaths}
        alive -= dead
        pulses = {name: Pulse(engine.epochs[name], engine.now) for name in alive}
        judgements = engine.judge(pulses, deaths)
        if any(one.verdict is Verdict.HALT for one in judgements):
            break
        for one in judgements:
            if one.verdict is Verdict.WARN and one.name in dead:
                accepted.append((engine.now, one.name))
            if one.verdict is Verdict.RESTART:
                engine.start_ready(one.name, engine.roles[one.name])
                alive.add(one.name)
    for at, name in accepted:
        of_all = [a for a, _ in accepted if at - POLICY.total_window < a <= at]
        own = [a for a, n in accepted if n == name and at - POLICY.child_window < a <= at]
        assert len(own) <= POLICY.child_restarts
        assert len(of_all) <= POLICY.total_restarts


@pytest.mark.parametrize("code", [70, 71, 74, 78])
def test_a_recorder_that_cannot_start_is_given_up_and_stops_nothing(code: int) -> None:
    """Trading needs no records: what ends the engine for another child is only told of this one."""
    engine = Engine()
    engine.start("recorder", "recorder")
    judgement = engine.die("recorder", code, "no")
    assert judgement.verdict is Verdict.GIVE_UP
    assert "no" in judgement.reason


def test_a_recorder_uses_up_no_restart_of_the_others() -> None:
    """It comes back as often as any child, then stays down; the engine's own count is untouched."""
    engine = Engine()
    engine.start_ready("recorder", "recorder")
    engine.start_ready("executor", "executor")
    for _ in range(POLICY.child_restarts):
        assert engine.die("recorder").verdict is Verdict.WARN
        engine.come_back("recorder")
    assert engine.die("recorder").verdict is Verdict.GIVE_UP
    for _ in range(POLICY.child_restarts):
        judgement = engine.die("executor")
        assert judgement.verdict is Verdict.WARN
        assert "too many" not in judgement.reason
        engine.come_back("executor")
