"""The share of connection attempts: never exceeded, not by a storm and not by a restart."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.exchange.connection_budget import ConnectionBudget, refused_until
from genesis.limits import CONNECT_REFUSED_WAIT, CONNECT_REFUSED_WAIT_MAX, CONNECTION_WINDOW
from genesis.units import NANOS_PER_SECOND, Nanos

NOW: Final[Nanos] = 1_780_000_000 * NANOS_PER_SECOND
SHARE: Final = 4


def words() -> list[int]:
    """Return fresh memory for a budget, with more room than its share."""
    return [0] * 10


def spend(budget: ConnectionBudget, times: list[Nanos]) -> None:
    """Make an attempt at each of some times."""
    for at in times:
        budget.take(at)


def test_a_fresh_budget_may_be_spent_at_once() -> None:
    """A start needs all its connections now, not one by one."""
    budget = ConnectionBudget(words(), SHARE)
    for _ in range(SHARE):
        assert budget.next_at <= NOW
        budget.take(NOW)
    assert budget.next_at == NOW + CONNECTION_WINDOW


def test_an_attempt_comes_back_when_the_window_has_left_it() -> None:
    """Each attempt is one word of the window that slides, whatever lies between them."""
    budget = ConnectionBudget(words(), SHARE)
    spend(budget, [NOW, NOW + 1, NOW + 5, NOW + 9])
    budget.take(NOW + CONNECTION_WINDOW)
    assert budget.next_at == NOW + 1 + CONNECTION_WINDOW


def test_more_than_the_share_is_a_fault_of_ours() -> None:
    """Whoever connects has asked before."""
    budget = ConnectionBudget(words(), SHARE)
    spend(budget, [NOW] * SHARE)
    with pytest.raises(AssertionError, match="share"):
        budget.take(NOW)


def test_a_restart_is_worth_no_attempt() -> None:
    """The next life of a process finds in its memory what the one before has spent."""
    memory = words()
    spend(ConnectionBudget(memory, SHARE), [NOW] * SHARE)
    assert ConnectionBudget(memory, SHARE).next_at == NOW + CONNECTION_WINDOW


def test_who_dies_while_counting_shuts_nobody_out() -> None:
    """Killed between its two stores, a process has tried nothing: its successor may."""
    memory = words()
    spend(ConnectionBudget(memory, SHARE), [NOW, NOW, NOW])
    memory[0] += 1  # the first of the two stores, without the second

    budget = ConnectionBudget(memory, SHARE)

    assert budget.next_at == NOW + CONNECTION_WINDOW
    budget.take(NOW + CONNECTION_WINDOW)


def test_half_of_the_share_is_for_emergencies() -> None:
    """Whoever has a connection that works waits; whoever has none does not."""
    budget = ConnectionBudget(words(), SHARE)
    budget.take(NOW)
    assert budget.next_spare_at <= NOW
    budget.take(NOW + 1)
    assert budget.next_spare_at == NOW + CONNECTION_WINDOW
    assert budget.next_at <= NOW
    spend(budget, [NOW + 2, NOW + 3, NOW + CONNECTION_WINDOW, NOW + CONNECTION_WINDOW + 1])
    assert budget.next_spare_at == NOW + 2 * CONNECTION_WINDOW


def test_a_refusal_holds_for_every_socket() -> None:
    """The latest word of the venue's counts, if it is the longer one."""
    budget = ConnectionBudget(words(), SHARE)
    budget.postpone(NOW + 7)
    budget.postpone(NOW + 3)
    assert budget.next_at == NOW + 7


@given(st.lists(st.integers(0, CONNECTION_WINDOW), min_size=1, max_size=60))
def test_no_window_ever_holds_more_than_the_share(pauses: list[Nanos]) -> None:
    """However impatient: an attempt is made as soon as it may, restarts in between."""
    memory = words()
    made: list[Nanos] = []
    now = NOW
    for pause in pauses:
        budget = ConnectionBudget(memory, SHARE)
        now = max(now + pause, budget.next_at)
        budget.take(now)
        made.append(now)
    for first in made:
        window = [at for at in made if first <= at < first + CONNECTION_WINDOW]
        assert len(window) <= SHARE


@pytest.mark.parametrize(
    ("status", "retry_after", "wait"),
    [
        pytest.param(429, "7", 7 * NANOS_PER_SECOND, id="slow down"),
        pytest.param(418, "120", 120 * NANOS_PER_SECOND, id="banned"),
        pytest.param(418, None, CONNECT_REFUSED_WAIT, id="banned without a word"),
        pytest.param(429, "Wed, 21 Oct 2026 07:28:00 GMT", CONNECT_REFUSED_WAIT, id="a date"),
        pytest.param(429, "9" * 5_000, CONNECT_REFUSED_WAIT, id="nonsense"),
        pytest.param(418, "999999999", CONNECT_REFUSED_WAIT_MAX, id="beyond the longest ban"),
        pytest.param(403, "60", 0, id="firewall"),
        pytest.param(503, "60", 0, id="out of service"),
    ],
)
def test_a_refused_handshake_is_honored(status: int, retry_after: str | None, wait: Nanos) -> None:
    """429 and 418 forbid the address; any other status is met by back-off alone."""
    assert refused_until(status, retry_after, NOW) == (NOW + wait if wait else 0)
