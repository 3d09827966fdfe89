"""The order and the deadlines of a stop."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.engine.roles import Role
from genesis.engine.shutdown import ShutdownSequence, StopAction, StopOrder
from genesis.limits import STOP_REAP, STOP_REPEAT, SUPERVISION_PERIOD
from genesis.units import NANOS_PER_SECOND, Nanos

TIMEOUT = 27 * NANOS_PER_SECOND
CHILDREN: dict[str, Role] = {
    "venue": "venue",
    "executor": "executor",
    "feed": "feed",
    "worker-0": "strategy",
    "worker-1": "strategy",
}


def stop(name: str) -> StopAction:
    """Return the order to stop one child."""
    return StopAction(name, StopOrder.STOP)


def kill(name: str) -> StopAction:
    """Return the order to kill one child."""
    return StopAction(name, StopOrder.KILL)


def test_children_that_obey_stop_in_order() -> None:
    """Workers, then the executor (drained, then stopped), then the feed, then the venue."""
    sequence = ShutdownSequence(CHILDREN, TIMEOUT, 0)
    living = set(CHILDREN)
    assert sequence.advance(living, set(), 1) == [stop("worker-0"), stop("worker-1")]
    assert sequence.advance(living, set(), 2) == []
    living.remove("worker-1")
    assert sequence.advance(living, set(), 3) == []
    living.remove("worker-0")
    assert sequence.advance(living, set(), 4) == [StopAction("executor", StopOrder.DRAIN)]
    assert sequence.advance(living, {"executor"}, 5) == [stop("executor")]
    living.remove("executor")
    assert sequence.advance(living, {"executor"}, 6) == [stop("feed")]
    living.remove("feed")
    assert sequence.advance(living, {"executor"}, 7) == [stop("venue")]
    assert not sequence.finished
    assert sequence.advance(set(), {"executor"}, 8) == []
    assert sequence.finished
    assert sequence.overran == []


def test_stages_without_anyone_are_passed_over() -> None:
    """A start that failed leaves fewer children; the stop takes those there are."""
    sequence = ShutdownSequence({"venue": "venue"}, TIMEOUT, 0)
    assert sequence.advance({"venue"}, set(), 1) == [stop("venue")]


def test_a_stop_without_children_is_finished_at_once() -> None:
    """Nothing to stop is nothing to wait for."""
    sequence = ShutdownSequence({}, TIMEOUT, 0)
    assert sequence.advance(set(), set(), 1) == []
    assert sequence.finished


def test_a_stage_that_overruns_is_killed_once_and_waited_for() -> None:
    """A worker that does not end within its share is killed; the next stage begins at its end."""
    sequence = ShutdownSequence({"worker-0": "strategy", "feed": "feed"}, TIMEOUT, 0)
    sequence.advance({"worker-0", "feed"}, set(), 0)
    late = TIMEOUT * 12 // 100
    assert sequence.advance({"worker-0", "feed"}, set(), late - 1) == []
    assert sequence.advance({"worker-0", "feed"}, set(), late) == [kill("worker-0")]
    assert sequence.advance({"worker-0", "feed"}, set(), late + 1) == []
    assert sequence.advance({"feed"}, set(), late + 2) == [stop("feed")]
    assert sequence.overran == ["worker-0"]


def test_a_drain_that_overruns_is_left_and_the_executor_stopped() -> None:
    """Replies that do not come are settled at the next start; no reason to kill the executor."""
    sequence = ShutdownSequence({"executor": "executor"}, TIMEOUT, 0)
    assert sequence.advance({"executor"}, set(), 0) == [StopAction("executor", StopOrder.DRAIN)]
    assert sequence.advance({"executor"}, set(), TIMEOUT * 26 // 100) == [stop("executor")]
    assert sequence.overran == []


def test_an_executor_that_died_while_draining_is_passed_over() -> None:
    """The dead are not waited for."""
    sequence = ShutdownSequence({"executor": "executor", "feed": "feed"}, TIMEOUT, 0)
    sequence.advance({"executor", "feed"}, set(), 0)
    assert sequence.advance({"feed"}, set(), 1) == [stop("feed")]


def test_a_signal_within_two_seconds_is_a_repeat() -> None:
    """A supervisor that signals twice at once does not cut the drain short."""
    sequence = ShutdownSequence({"executor": "executor"}, TIMEOUT, 0)
    sequence.advance({"executor"}, set(), 0)
    sequence.repeat(STOP_REPEAT - 1)
    assert sequence.advance({"executor"}, set(), 4 * NANOS_PER_SECOND) == []


def test_the_second_signal_shortens_and_the_third_kills() -> None:
    """Whoever asks again does not want to wait; whoever asks a third time wants the end now."""
    sequence = ShutdownSequence(CHILDREN, TIMEOUT, 0)
    sequence.advance(set(CHILDREN), set(), 0)
    now = 2 * NANOS_PER_SECOND
    sequence.repeat(now)
    assert sequence.advance(set(CHILDREN), set(), now) == []
    now += NANOS_PER_SECOND
    assert sequence.advance(set(CHILDREN), set(), now) == [kill("worker-0"), kill("worker-1")]
    living = {"venue", "executor", "feed"}
    assert sequence.advance(living, set(), now) == [StopAction("executor", StopOrder.DRAIN)]
    now += NANOS_PER_SECOND
    assert sequence.advance(living, set(), now) == [stop("executor")]
    sequence.repeat(now)
    assert sequence.advance(living, set(), now) == [kill("venue"), kill("executor"), kill("feed")]
    assert sequence.advance(set(), set(), now + 1) == []
    assert sequence.finished


def test_what_cannot_even_be_killed_does_not_hold_the_end_up() -> None:
    """A process stuck in the kernel survives SIGKILL for a while; the stop ends without it."""
    sequence = ShutdownSequence({"feed": "feed"}, TIMEOUT, 0)
    sequence.advance({"feed"}, set(), 0)
    assert sequence.advance({"feed"}, set(), TIMEOUT) == [kill("feed")]
    assert not sequence.finished
    assert sequence.advance({"feed"}, set(), TIMEOUT + STOP_REAP) == []
    assert sequence.finished
    assert sequence.overran == ["feed"]


@pytest.mark.parametrize("signals", [0, 1, 2, 3])
@given(seed=st.integers(0, 2**32))
def test_a_stop_always_ends_in_time(signals: int, seed: int) -> None:
    """Whoever obeys, hangs or dies: it ends, each is told once, and none out of order."""
    chance = random.Random(seed)
    sequence = ShutdownSequence(CHILDREN, TIMEOUT, 0)
    living, drained = set(CHILDREN), set[str]()
    obeys_at: dict[str, Nanos] = {}
    told: list[StopAction] = []
    signals_at = sorted(chance.randrange(TIMEOUT) for _ in range(signals))
    now = 0
    while not sequence.finished:
        now += SUPERVISION_PERIOD
        assert now <= TIMEOUT + STOP_REAP + SUPERVISION_PERIOD
        while signals_at and signals_at[0] <= now:
            sequence.repeat(signals_at.pop(0))
        living -= {name for name in living if chance.random() < 0.002}
        for name in [name for name, at in obeys_at.items() if at <= now]:
            living.discard(name)
        for action in sequence.advance(living, drained, now):
            told.append(action)
            if action.order is StopOrder.DRAIN:
                drained |= {action.name} if chance.random() < 0.5 else set()
            elif action.order is StopOrder.KILL:
                obeys_at[action.name] = now + SUPERVISION_PERIOD
            elif chance.random() < 0.7:
                obeys_at[action.name] = now + chance.randrange(3 * NANOS_PER_SECOND)
    assert len(told) == len(set(told))
    assert not living
    stops = [action.name for action in told if action.order is StopOrder.STOP]
    assert stops == sorted(stops, key=["worker-0", "worker-1", "executor", "feed", "venue"].index)
