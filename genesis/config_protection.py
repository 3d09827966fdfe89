"""How positions are protected at the venue, where strategies leave it open."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from genesis.config_fields import Section

Distance = Annotated[Decimal, Field(ge=0, lt=1)]
"""A share of a price; 0 switches off what it is for."""


class ProtectionSettings(Section):
    """The stop and the target that every position has at the venue, whatever becomes of us."""

    enabled: bool = Field(
        default=True,
        description="Place them. Mode live refuses false.",
    )
    stop: Annotated[Decimal, Field(gt=0, lt=1)] = Field(
        Decimal("0.02"),
        description="How far a stop is below what the lots have cost, where the strategy names "
        "none, as a share.",
    )
    trailing: Distance = Field(
        Decimal(0), description="Have stops follow the bid at this distance, as a share; 0: not."
    )
    trailing_step: Distance = Field(
        Decimal("0.001"),
        description="By how much a following stop must rise to be placed anew, as a share of it.",
    )
    hold_max_s: int = Field(
        0, ge=0, le=31_536_000, description="Sell what was held for so long, s; 0: never."
    )
