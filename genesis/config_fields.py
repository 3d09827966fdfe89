"""What settings are made of: the frozen section, and the kinds of values that several share."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from genesis import limits


class Section(BaseModel):
    """A part of the settings: frozen, no unknown keys, fields documented by description."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


Money = Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=8)]
"""A positive amount of the quote asset, exact to the eighth decimal."""

Fraction = Annotated[Decimal, Field(gt=0, le=1, decimal_places=8)]
"""A share of a whole: 0.05 is 5 %."""

FeeRate = Annotated[Decimal, Field(ge=0, lt=1, decimal_places=8)]
"""A fee as a share of the amount traded: 0.001 is 0.1 %."""


def _absolute(value: Path) -> Path:
    return value.expanduser().absolute()


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
"""A path; `~` is the user's home, a relative one starts where `genesis` was called."""


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        below = 1 << (value.bit_length() - 1)
        raise ValueError(f"must be a power of two: use {below} or {2 * below}")
    return value


RingSlots = Annotated[
    int, Field(ge=limits.RING_SLOTS_MIN, le=limits.RING_SLOTS_MAX), AfterValidator(_power_of_two)
]
"""Slots of one ring; a slot is found by masking its sequence, hence the power of two."""

Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,20}$")]
"""The venue's own name of an instrument."""
