"""The kinds of child process, and the order in which they start and stop."""

from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["venue", "feed", "strategy", "executor"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)

# Each is started after those whose work it needs: the executor resolves what is in doubt before any
# signal can come, and nobody misses the first quote because workers come last.
START_ORDER: Final[tuple[Role, ...]] = ("venue", "executor", "feed", "strategy")

# Signals end before what judges them, and the venue answers until the last order is settled.
STOP_ORDER: Final[tuple[Role, ...]] = ("strategy", "executor", "feed", "venue")

assert set(START_ORDER) == set(ROLES), "every role is started"
assert set(STOP_ORDER) == set(ROLES), "every role is stopped"
