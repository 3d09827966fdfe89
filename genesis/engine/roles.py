"""The kinds of child process, and the order in which they start and stop."""

from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["venue", "feed", "strategy", "executor", "recorder"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)

# Each is started after those whose work it needs: the executor resolves what is in doubt before any
# signal can come, and nobody misses the first quote because workers come after the feed. The
# recorder reads what the executor has made.
START_ORDER: Final[tuple[Role, ...]] = ("venue", "executor", "feed", "strategy", "recorder")

# Signals end before what judges them, the venue answers until the last order is settled, and the
# last entry of the journal is recorded.
STOP_ORDER: Final[tuple[Role, ...]] = ("strategy", "executor", "feed", "venue", "recorder")

# Trading goes on without it: its start holds up nobody, and its end stops nothing.
DISPENSABLE_ROLES: Final[frozenset[Role]] = frozenset({"recorder"})

assert set(START_ORDER) == set(ROLES), "every role is started"
assert set(STOP_ORDER) == set(ROLES), "every role is stopped"
