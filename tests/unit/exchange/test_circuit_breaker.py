"""The breaker: what opens it, what it lets through, how it closes, and what it learns from that."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.exchange.circuit_breaker import (
    BreakerChange,
    BreakerPolicy,
    BreakerState,
    CircuitBreaker,
)
from genesis.units import NANOS_PER_SECOND, Nanos

POLICY: Final = BreakerPolicy(
    failures_max=3, cool_down=NANOS_PER_SECOND, cool_down_max=8 * NANOS_PER_SECOND
)
NOW: Final = 1_000 * NANOS_PER_SECOND


def fail(
    breaker: CircuitBreaker, count: int = 1, now: Nanos = NOW, chance: float = 0.0
) -> BreakerChange | None:
    """Report failures of requests sent now; return what the last of them changed."""
    change = None
    for _ in range(count):
        change = breaker.fail("no reply", breaker.period, now, chance)
    return change


def opened(chance: float = 0.0) -> CircuitBreaker:
    """Return a breaker that has just opened."""
    breaker = CircuitBreaker(POLICY)
    fail(breaker, POLICY.failures_max, chance=chance)
    return breaker


def due(breaker: CircuitBreaker) -> Nanos:
    """Return when the next probe is due."""
    assert breaker.probe_due_at is not None
    return breaker.probe_due_at


def half_opened() -> CircuitBreaker:
    """Return a breaker whose probe is under way."""
    breaker = opened()
    assert breaker.begin_probe(due(breaker)) is not None
    return breaker


def test_failures_on_end_open_it() -> None:
    """The last one names the reason; the cool-down is half of the longest, and up to all of it."""
    breaker = CircuitBreaker(POLICY)
    assert fail(breaker, 2) is None

    assert fail(breaker) == BreakerChange(
        state=BreakerState.OPEN, reason="no reply", failures=3, cool_down=NANOS_PER_SECOND // 2
    )
    assert breaker.state is BreakerState.OPEN
    assert due(breaker) == NOW + NANOS_PER_SECOND // 2


def test_a_success_in_between_begins_the_count_anew() -> None:
    """Single failures are the network's everyday life."""
    breaker = CircuitBreaker(POLICY)
    fail(breaker, 2)
    assert breaker.succeed(breaker.period, NOW) is None
    fail(breaker, 2)

    assert breaker.state is BreakerState.CLOSED


def test_while_it_is_open_nothing_moves_it_but_time() -> None:
    """Cancels and exits that are still tried may fail or succeed; the cool-down stands."""
    breaker = opened()
    assert fail(breaker, 5) is None
    assert breaker.succeed(breaker.period, NOW) is None
    assert breaker.begin_probe(due(breaker) - 1) is None

    assert breaker.state is BreakerState.OPEN


def test_one_probe_is_sent_when_the_cool_down_is_over() -> None:
    """And no second one before its fate is known."""
    breaker = opened()
    change = breaker.begin_probe(due(breaker))

    assert change is not None
    assert change.state is BreakerState.HALF_OPEN
    assert breaker.begin_probe(NOW + 3_600 * NANOS_PER_SECOND) is None


def test_an_answered_probe_closes_it() -> None:
    """Whatever the answer: the venue speaks."""
    breaker = half_opened()
    change = breaker.succeed(breaker.period, NOW)

    assert change is not None
    assert change.state is BreakerState.CLOSED
    assert fail(breaker, POLICY.failures_max - 1) is None  # the failures of before are history


def test_a_failed_probe_opens_it_for_twice_as_long() -> None:
    """Up to the bound."""
    breaker = opened()
    now = NOW
    waits = []
    for _ in range(5):
        now = due(breaker)
        breaker.begin_probe(now)
        change = fail(breaker, now=now)
        assert change is not None
        waits.append(change.cool_down // NANOS_PER_SECOND)

    assert waits == [1, 2, 4, 4, 4]


def test_a_request_from_before_the_probe_says_nothing_of_it() -> None:
    """A time-out that was under way when the breaker opened is no failure of the probe."""
    breaker = opened()
    before = breaker.period - 1
    breaker.begin_probe(due(breaker))

    assert breaker.fail("no reply", before, NOW, 0.0) is None
    assert breaker.succeed(before, NOW) is None
    assert breaker.state is BreakerState.HALF_OPEN


def test_a_new_session_closes_it_at_once() -> None:
    """Connection, logon and subscription were all answered: that is more than a probe asks."""
    for breaker in (opened(), half_opened()):
        change = breaker.reconnect(NOW)
        assert change is not None
        assert change.state is BreakerState.CLOSED
        assert breaker.probe_due_at is None
    assert CircuitBreaker(POLICY).reconnect(NOW) is None


def test_a_venue_that_answers_probes_and_fails_orders_is_trusted_ever_more_rarely() -> None:
    """Being closed for a moment does not make the next cool-down short."""
    breaker = opened()
    breaker.begin_probe(due(breaker))
    breaker.succeed(breaker.period, NOW)
    change = fail(breaker, POLICY.failures_max, now=NOW + POLICY.cool_down_max - 1)

    assert change is not None
    assert change.cool_down == POLICY.cool_down


def test_a_venue_that_held_begins_with_the_shortest_cool_down() -> None:
    """Yesterday's outage is no reason to stay away longer today."""
    breaker = opened()
    breaker.begin_probe(due(breaker))
    breaker.succeed(breaker.period, NOW)
    change = fail(breaker, POLICY.failures_max, now=NOW + POLICY.cool_down_max)

    assert change is not None
    assert change.cool_down == POLICY.cool_down // 2


def play(breaker: CircuitBreaker, step: str, now: Nanos, chance: float) -> BreakerChange | None:
    """Let one thing happen to a breaker."""
    match step:
        case "fail":
            return fail(breaker, now=now, chance=chance)
        case "succeed":
            return breaker.succeed(breaker.period, now)
        case "probe":
            return breaker.begin_probe(now)
        case "reconnect":
            return breaker.reconnect(now)
    return None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["fail", "succeed", "probe", "reconnect", "wait"]),
            st.floats(0, 1, exclude_max=True),
        ),
        max_size=200,
    )
)
def test_every_transition_is_legal_and_bounded(steps: list[tuple[str, float]]) -> None:
    """From any history: closed opens, open is probed or reconnected, half open closes or opens."""
    breaker = CircuitBreaker(POLICY)
    now = NOW
    legal = {
        BreakerState.CLOSED: {BreakerState.OPEN},
        BreakerState.OPEN: {BreakerState.HALF_OPEN, BreakerState.CLOSED},
        BreakerState.HALF_OPEN: {BreakerState.CLOSED, BreakerState.OPEN},
    }
    for step, chance in steps:
        before, period = breaker.state, breaker.period
        change = play(breaker, step, now, chance)
        now += int(chance * POLICY.cool_down_max) if step == "wait" else 0
        assert (breaker.probe_due_at is not None) == (breaker.state is BreakerState.OPEN)
        if change is None:
            assert (breaker.state, breaker.period) == (before, period)
            continue
        assert change.state in legal[before]
        assert breaker.state is change.state
        if change.state is BreakerState.OPEN:
            assert POLICY.cool_down // 2 <= change.cool_down <= POLICY.cool_down_max


@pytest.mark.parametrize("chance", [0.0, 0.5, 1 - 2**-53])
def test_jitter_keeps_within_half_and_all(chance: float) -> None:
    """Clients that failed together do not probe together."""
    wait = due(opened(chance)) - NOW

    assert POLICY.cool_down // 2 <= wait <= POLICY.cool_down
