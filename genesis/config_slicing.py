"""When the executor works an entry in slices by itself."""

from decimal import Decimal

from pydantic import Field

from genesis import limits
from genesis.config_fields import Section
from genesis.units import NANOS_PER_SECOND


class SlicingSettings(Section):
    """Large entries of strategies. How they are worked is the tier's: a TWAP, or an iceberg."""

    entries_above: Decimal = Field(
        Decimal(0),
        ge=0,
        decimal_places=8,
        description="Entries worth more than this are worked in slices, in `quote_asset`; 0: none.",
    )
    entry_duration_s: int = Field(
        20,
        ge=2,
        le=limits.PARENT_DURATION_MAX // NANOS_PER_SECOND,
        description="Over so long, s.",
    )
