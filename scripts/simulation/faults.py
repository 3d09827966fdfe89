"""What may go wrong in one run, and how often: a random subset of faults, each at random strength.

Runs with few faults reach depths that runs with all of them never do (swarm testing).
"""

import random
from dataclasses import dataclass, fields

from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

_RARE = 0.02
_ON_SHARE = 0.5
_EXTREME_SHARE = 0.2
_NEVER: Nanos = 10**9 * NANOS_PER_SECOND

MS = NANOS_PER_MS
SECOND = NANOS_PER_SECOND


@dataclass(slots=True, kw_only=True)
class Faults:
    """Shares are of the times a thing could go wrong, `every` mean times between two, `max` bounds.

    The defaults are a world where all goes well.
    """

    crash_share: float = 0.0
    crash_every: Nanos = _NEVER
    power_share: float = 0.0
    pause_share: float = 0.0
    pause_max: Nanos = 0
    commit_max: Nanos = 2 * MS
    commit_fails_share: float = 0.0
    request_lost_share: float = 0.0
    reply_lost_share: float = 0.0
    reply_twice_share: float = 0.0
    late_share: float = 0.0
    late_max: Nanos = 0
    server_error_share: float = 0.0
    throttled_share: float = 0.0
    forward_max: Nanos = 2 * MS
    queue_max: Nanos = 2 * MS
    lag_share: float = 0.0
    lag_max: Nanos = 0
    partial_share: float = 0.0
    event_lost_share: float = 0.0
    event_twice_share: float = 0.0
    event_late_max: Nanos = 0
    disconnect_every: Nanos = _NEVER
    clock_error_max: Nanos = 2 * MS
    clock_jump_every: Nanos = _NEVER
    clock_jump_max: Nanos = 0
    external_trade_every: Nanos = _NEVER
    transfer_every: Nanos = _NEVER
    worker_restart_every: Nanos = _NEVER
    halt_every: Nanos = _NEVER
    strike_every: Nanos = _NEVER
    stale_quote_share: float = 0.0
    liquidate_share: float = 0.0

    def calm(self) -> None:
        """End all faults, for good."""
        peaceful = Faults()
        for field in fields(self):
            setattr(self, field.name, getattr(peaceful, field.name))


def happens(chance: random.Random, share: float) -> bool:
    """Tell whether something of this probability happens now."""
    return chance.random() < share


def draw(chance: random.Random, most: Nanos) -> Nanos:
    """Draw a time up to the longest, which is itself drawn often: bounds break at their ends."""
    return most if happens(chance, _EXTREME_SHARE) else chance.randrange(most + 1)


def swarm(chance: random.Random) -> Faults:
    """Draw the faults of one run."""

    def share(most: float) -> float:
        return chance.random() ** 2 * most if happens(chance, _ON_SHARE) else 0.0

    def every(least: Nanos, most: Nanos) -> Nanos:
        return chance.randrange(least, most) if happens(chance, _ON_SHARE) else _NEVER

    def longest(most: Nanos, usual: Nanos = 0) -> Nanos:
        return chance.randrange(1, most) if happens(chance, _ON_SHARE) else usual

    return Faults(
        crash_share=share(0.05),
        crash_every=every(1 * SECOND, 20 * SECOND),
        power_share=share(1.0),
        pause_share=share(0.03),
        pause_max=longest(6 * SECOND, usual=20 * MS),
        commit_max=longest(300 * MS, usual=2 * MS),
        commit_fails_share=share(_RARE),
        request_lost_share=share(0.2),
        reply_lost_share=share(0.4),
        reply_twice_share=share(0.3),
        late_share=share(0.4),
        late_max=longest(5 * SECOND),
        server_error_share=share(0.3),
        throttled_share=share(0.3),
        forward_max=longest(3 * SECOND, usual=2 * MS),
        queue_max=longest(5 * SECOND, usual=2 * MS),
        lag_share=share(0.8),
        lag_max=longest(4 * SECOND),
        partial_share=share(0.8),
        event_lost_share=share(0.5),
        event_twice_share=share(0.5),
        event_late_max=longest(4 * SECOND),
        disconnect_every=every(2 * SECOND, 30 * SECOND),
        clock_error_max=longest(900 * MS, usual=2 * MS),
        clock_jump_every=every(2 * SECOND, 30 * SECOND),
        clock_jump_max=longest(30 * SECOND, usual=1 * SECOND),
        external_trade_every=every(15 * SECOND, 300 * SECOND),
        transfer_every=every(15 * SECOND, 300 * SECOND),
        worker_restart_every=every(5 * SECOND, 60 * SECOND),
        stale_quote_share=share(0.1),
        halt_every=every(5 * SECOND, 60 * SECOND),
        strike_every=every(2 * SECOND, 30 * SECOND),
        liquidate_share=share(0.5),
    )
