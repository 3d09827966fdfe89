"""When a fault begins, what it waits for, and how often it strikes. Pure.

Every fault is a value that can be written as a JSON object: `fault` names its kind, the other
members are its fields. All times are of the venue's clock, in ms.
"""

import re
from typing import Annotated, Final, TypeAlias

import msgspec

from genesis.limits import VENUE_FAULT_MS_MAX, VENUE_FAULT_TEXT_CHARS_MAX
from genesis.units import NANOS_PER_MS, Nanos

Milliseconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=VENUE_FAULT_MS_MAX)]
Text: TypeAlias = Annotated[
    str, msgspec.Meta(max_length=VENUE_FAULT_TEXT_CHARS_MAX, pattern=r"^[ -~]*$")
]

_WORD: Final = re.compile("(?<!^)(?=[A-Z])")


def _kind(class_name: str) -> str:
    """Return a fault's kind as documents spell it: ReplyLost is `reply_lost`."""
    return _WORD.sub("_", class_name).lower()


class Fault(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="fault",
    tag=_kind,
):
    """One thing that goes wrong.

    It begins `in_ms` after it was given to the venue. With `every_ms` it begins again and again, at
    random times that are so far apart on average, drawn from the venue's seed, and never nearer
    than 1 ms.
    """

    in_ms: Milliseconds = 0.0
    every_ms: Milliseconds = 0.0

    @property
    def kind(self) -> str:
        """The name of its kind."""
        return _kind(type(self).__name__)


class OccasionalFault(Fault, frozen=True, kw_only=True):
    """A fault that waits for its occasions, each time that it has begun.

    It lets the first `after` of them pass, then strikes `times`; with 0, every one until it is
    cleared. With a `share` below 1 it strikes each with that chance. It ends by itself after
    `for_ms`, unless that is 0.
    """

    times: Annotated[int, msgspec.Meta(ge=0)] = 1
    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    for_ms: Milliseconds = 0.0


def nanos(ms: float) -> Nanos:
    """Return a fault's time in ns."""
    return int(ms * NANOS_PER_MS)


def fits(wanted: str, seen: str) -> bool:
    """Tell whether an occasion's property is the one a fault waits for; "" waits for any."""
    return wanted in ("", seen)
