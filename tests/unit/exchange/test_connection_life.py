"""When connections are opened, replaced and given up: decided without a socket or a clock."""

import itertools
import random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.connection_life import ConnectionLife, ConnectionPolicy, Verdict
from genesis.limits import (
    CONNECTION_WINDOW,
    CONNECTIONS_OF_EXECUTOR,
    CONNECTIONS_OF_FEED,
    ROTATION_AGE,
    ROTATION_SPREAD,
    STREAM_CONNECTIONS_MAX,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

POLICY: Final = ConnectionPolicy()
START: Final[Nanos] = 1_780_000_000 * NANOS_PER_SECOND
HELD: Final = POLICY.stable_after


def serving(life: ConnectionLife, now: Nanos = START) -> int:
    """Bring a connection into use; return its number."""
    number = life.tried(now, 0.0)
    life.opened(number, now)
    life.became_ready(number, now)
    return number


def failed(life: ConnectionLife, now: Nanos = START, chance: float = 0.0) -> Nanos:
    """Try a connection that cannot be made; return how long to wait."""
    delay = life.ended(life.tried(now, 0.0), now, chance)
    assert delay is not None
    return delay


def test_delays_double_up_to_the_longest() -> None:
    """From 100 ms to 30 s, and never above."""
    life = ConnectionLife(POLICY)
    delays = [failed(life) for _ in range(12)]
    assert delays[:4] == [100 * NANOS_PER_MS << step for step in range(4)]
    assert delays[-1] == delays[-2] == 15 * NANOS_PER_SECOND
    assert failed(life, chance=1 - 2**-53) <= 30 * NANOS_PER_SECOND


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=40))
def test_every_delay_is_within_bounds(chances: list[float]) -> None:
    """Whatever the jitter, a delay is neither a hammering nor an absence."""
    life = ConnectionLife(POLICY)
    for chance in chances:
        assert POLICY.delay_min <= failed(life, chance=chance) <= POLICY.delay_max


def test_a_connection_that_held_begins_anew() -> None:
    """Only a connection that was of use for a while makes the next delay short again."""
    life = ConnectionLife(POLICY)
    for _ in range(6):
        failed(life)
    number = serving(life)
    assert life.ended(number, START + HELD, 0.0) == POLICY.delay_min


def test_a_connection_that_was_never_ready_proves_nothing() -> None:
    """A venue that accepts and then does not answer is left alone ever longer too."""
    life = ConnectionLife(POLICY)
    failed(life)
    number = life.tried(START, 0.0)
    life.opened(number, START)
    assert life.ended(number, START + HELD, 0.0) == 2 * POLICY.delay_min


def test_one_connection_is_opened_at_a_time() -> None:
    """While one is on its way, no other is due."""
    life = ConnectionLife(POLICY)
    assert life.next_try_at == 0
    number = life.tried(START, 0.0)
    assert life.next_try_at is None
    life.opened(number, START)
    assert life.next_try_at is None


def test_a_connection_is_rotated_before_the_venue_ends_it() -> None:
    """At 23 h, or up to a 24th of that earlier; the venue's own limit is 24 h."""
    life = ConnectionLife(POLICY)
    serving(life)
    assert life.next_try_at == START + ROTATION_AGE


@given(st.floats(0, 1, exclude_max=True))
def test_sockets_opened_together_rotate_apart(chance: float) -> None:
    """The jitter is bounded, so that a first successor may fail and there is time for more."""
    life = ConnectionLife(POLICY)
    number = life.tried(START, chance)
    life.opened(number, START)
    life.became_ready(number, START)
    due_at = life.next_try_at
    assert due_at is not None
    assert ROTATION_AGE - ROTATION_AGE // ROTATION_SPREAD <= due_at - START <= ROTATION_AGE


def test_the_old_connection_is_retired_by_its_ready_successor() -> None:
    """Make before break: not by its being opened, only by its being ready."""
    life = ConnectionLife(POLICY)
    old = serving(life)
    at = START + ROTATION_AGE
    successor = life.tried(at, 0.0)
    life.opened(successor, at)
    assert life.became_ready(successor, at) == old
    assert life.ended(old, at, 0.0) is None
    assert life.next_try_at == at + ROTATION_AGE


def test_a_notice_asks_for_a_successor_almost_at_once() -> None:
    """A server that shuts down names no time; only the jitter keeps its clients apart."""
    life = ConnectionLife(POLICY)
    number = serving(life)
    at = START + HELD
    life.wants_successor(number, at, 0.0)
    assert life.next_try_at == at + POLICY.delay_min
    life.wants_successor(number, at + 1, 0.0)
    assert life.next_try_at == at + POLICY.delay_min


def test_a_successor_that_fails_leaves_the_old_in_use() -> None:
    """The next attempt comes by back-off, again and again, while the old connection lives."""
    life = ConnectionLife(POLICY)
    number = serving(life)
    at = START + HELD
    life.wants_successor(number, at, 0.0)
    first, second = failed(life, at), failed(life, at)
    assert second == 2 * first
    assert life.next_try_at == at + second
    assert life.verdict(number, at, at) is None


def test_a_successor_on_its_way_takes_the_place_of_a_dead_one() -> None:
    """When the old one dies meanwhile no further attempt is made, and nobody is retired."""
    life = ConnectionLife(POLICY)
    old = serving(life)
    at = START + HELD
    life.wants_successor(old, at, 0.0)
    successor = life.tried(at, 0.0)
    assert life.ended(old, at, 0.0) == 0
    assert life.next_try_at is None
    life.opened(successor, at)
    assert life.became_ready(successor, at) is None


def test_venue_that_announces_its_end_at_once_is_not_hammered() -> None:
    """A successor that is told to go in its turn is followed by a later one."""
    life = ConnectionLife(POLICY)
    old = serving(life)
    now = START + HELD
    life.wants_successor(old, now, 0.0)
    waits = []
    for _ in range(6):
        due_at = life.next_try_at
        assert due_at is not None
        waits.append(due_at - now)
        now = due_at
        successor = life.tried(now, 0.0)
        life.opened(successor, now)
        life.wants_successor(successor, now, 0.0)
        retired = life.became_ready(successor, now)
        assert retired is not None
        life.ended(retired, now, 0.0)
    assert all(later == 2 * earlier for earlier, later in itertools.pairwise(waits))


def test_silence_counts_from_the_last_read() -> None:
    """The venue pings every 20 s, so 65 s without a byte mean a dead socket."""
    life = ConnectionLife(POLICY)
    number = serving(life)
    limit = START + 65 * NANOS_PER_SECOND
    assert life.verdict(number, START, limit) is None
    assert life.verdict(number, START, limit + 1) is Verdict.SILENT


def test_a_successor_has_so_long_to_become_ready() -> None:
    """One that never speaks is given up, and the old one stays in use."""
    life = ConnectionLife(POLICY)
    old = serving(life)
    at = START + ROTATION_AGE
    successor = life.tried(at, 0.0)
    life.opened(successor, at)
    limit = at + POLICY.ready_within
    assert life.verdict(successor, limit, limit) is None
    assert life.verdict(successor, limit, limit + 1) is Verdict.NOT_READY
    assert life.verdict(old, limit, limit + 1) is None


def test_without_an_incumbent_slowness_is_borne() -> None:
    """There is nothing better to be had than a slow connection."""
    life = ConnectionLife(POLICY)
    number = life.tried(START, 0.0)
    life.opened(number, START)
    later = START + 10 * POLICY.ready_within
    assert life.verdict(number, later, later) is None


def test_a_retired_connection_has_so_long_to_drain() -> None:
    """Replies under way are awaited up to their timeouts, and not beyond."""
    life = ConnectionLife(POLICY)
    old = serving(life)
    at = START + ROTATION_AGE
    successor = life.tried(at, 0.0)
    life.opened(successor, at)
    life.became_ready(successor, at)
    limit = at + POLICY.drain_max
    assert life.verdict(old, limit, limit) is None
    assert life.verdict(old, limit, limit + 1) is Verdict.NOT_DRAINED


class Storm:
    """Sockets of one process before a venue that does anything at all, on a clock that jumps."""

    def __init__(self, seed: int, sockets: int, share: int) -> None:
        self.tried_at: list[Nanos] = []
        self._random = random.Random(seed)
        self._memory = [0] * (share + 1)
        self._share = share
        self._budget = ConnectionBudget(self._memory, share)
        self._lives = [ConnectionLife(POLICY) for _ in range(sockets)]
        self._open: dict[tuple[int, int], bool] = {}
        self._now = START

    def blow(self, until: Nanos) -> None:
        """Open what is due, let anything befall what is open, let time pass."""
        while self._now < until:
            for socket in range(len(self._lives)):
                self._try(socket)
            self._befall()
            self._now += int(self._random.choice((1, 30, 400, 3_000)) * NANOS_PER_MS)

    def restart(self) -> None:
        """Begin another life of the process on the same memory."""
        self._budget = ConnectionBudget(self._memory, self._share)
        self._lives = [ConnectionLife(POLICY) for _ in self._lives]
        self._open.clear()

    def _try(self, socket: int) -> None:
        life = self._lives[socket]
        due_at = life.next_try_at
        if due_at is None:
            return
        allowed_at = self._budget.next_spare_at if life.can_wait else self._budget.next_at
        if max(due_at, allowed_at) > self._now:
            return
        self._budget.take(self._now)
        self.tried_at.append(self._now)
        number = life.tried(self._now, self._random.random())
        if self._random.random() < 0.3:
            life.ended(number, self._now, self._random.random())
        else:
            life.opened(number, self._now)
            self._open[socket, number] = False

    def _befall(self) -> None:
        for socket, number in list(self._open):
            life, chance = self._lives[socket], self._random.random()
            is_ready = self._open[socket, number]
            if chance < 0.3:
                del self._open[socket, number]
                life.ended(number, self._now, self._random.random())
            elif chance < 0.6:
                life.wants_successor(number, self._now, self._random.random())
            elif not is_ready:
                self._open[socket, number] = True
                life.became_ready(number, self._now)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("sockets", "share"),
    [(1, CONNECTIONS_OF_EXECUTOR), (STREAM_CONNECTIONS_MAX + 1, CONNECTIONS_OF_FEED)],
    ids=["executor", "feed"],
)
def test_a_storm_keeps_the_share(seed: int, sockets: int, share: int) -> None:
    """Whatever befalls its connections, in three lives, a process stays within its share.

    The seed names the storm.
    """
    storm = Storm(seed, sockets, share)
    for life in range(1, 4):
        storm.blow(START + life * CONNECTION_WINDOW // 2)
        storm.restart()
    tried_at = storm.tried_at
    for index, first in enumerate(tried_at):
        window = [at for at in tried_at[index:] if at < first + CONNECTION_WINDOW]
        assert len(window) <= share
    assert len(tried_at) > 10 + sockets, "the storm raged"
