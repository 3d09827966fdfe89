"""What the processes of one engine under attack are told, beside their settings."""

import os
from typing import Final, Literal

import msgspec

VARIABLE: Final = "KILL_CAMPAIGN"

Control = Literal["no-fence", "no-journal", "local-clock", "no-dedup"]
"""What is taken out of the engine, so that the campaign must find a violation."""

CONTROLS: Final[tuple[Control, ...]] = ("no-fence", "no-journal", "local-clock", "no-dedup")


class AttackPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`fuses` names the roles whose lives may end at a named point, with chance `fuse_share` each.

    The venue's clock is `venue_behind_ms` behind everybody else's, so that nobody can pass by
    looking at the wrong one. Another `boot_id` than before means that the machine itself died.
    """

    seed: int
    fuse_share: float = 0.0
    fuses: tuple[str, ...] = ()
    venue_behind_ms: int = 800
    control: Control | None = None
    boot_id: str = ""

    def as_variable(self) -> str:
        """Return the plan as the environment carries it."""
        return msgspec.json.encode(self).decode()


def plan_of_this_process() -> AttackPlan:
    """Read the plan that the campaign left in the environment."""
    return msgspec.json.decode(os.environ[VARIABLE], type=AttackPlan)
