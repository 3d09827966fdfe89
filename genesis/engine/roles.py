"""The kinds of child process, and the order in which they start and stop."""

from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["venue", "feed", "strategy", "executor", "recorder"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)

# Each stage is started when the one before it works: the venue is there to be asked, and what is in
# doubt is resolved and the first quote read before any signal can come. The recorder reads what the
# executor has made. Those of one stage do not need each other, and load their code side by side.
START_STAGES: Final[tuple[tuple[Role, ...], ...]] = (
    ("venue",),
    ("executor", "feed"),
    ("strategy", "recorder"),
)

# Signals end before what judges them, the venue answers until the last order is settled, and the
# last entry of the journal is recorded.
STOP_ORDER: Final[tuple[Role, ...]] = ("strategy", "executor", "feed", "venue", "recorder")

# Trading goes on without it: its start holds up nobody, and its end stops nothing.
DISPENSABLE_ROLES: Final[frozenset[Role]] = frozenset({"recorder"})

assert sorted(role for stage in START_STAGES for role in stage) == sorted(ROLES), (
    "every role is started, once"
)
assert set(STOP_ORDER) == set(ROLES), "every role is stopped"
