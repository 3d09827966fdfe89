"""Scaled integers and time: the one place where text and Decimal meet the engine's numbers.

Prices, quantities and amounts are integers scaled by 10**8 (`SCALE`) everywhere inside Genesis.
Eight decimals are the precision of every asset on Binance spot, so text from the venue converts
exactly, and sums never drift.
"""

import re
from decimal import Decimal
from typing import Final, TypeAlias

Nanos: TypeAlias = int
"""A point in time (nanoseconds since 1970, UTC) or a duration, in nanoseconds."""

Price: TypeAlias = int
"""Quote units per base unit, scaled by 10**8."""

Quantity: TypeAlias = int
"""Base units, scaled by 10**8."""

Amount: TypeAlias = int
"""Units of any one asset (a balance, a notional, a fee), scaled by 10**8."""

DECIMALS: Final = 8
SCALE: Final = 10**DECIMALS

NANOS_PER_US: Final = 1_000
NANOS_PER_MS: Final = 1_000_000
NANOS_PER_SECOND: Final = 1_000_000_000

MICROSECONDS_FROM: Final = 9 * 10**12
"""A venue's time from here on is in microseconds, below in milliseconds.

As the one that is a day in 1970, as the other in 2255; in nanoseconds both fit 63 bits.
"""

_NUMBER: Final = re.compile(r"(-?)([0-9]{1,20})(?:\.([0-9]{1,20}))?")
_SCALE_DECIMAL: Final = Decimal(SCALE)


def fixed_from_text(text: str) -> int:
    """Convert plain decimal text, such as the venue sends, to a scaled integer, exactly.

    Raises:
        ValueError: The text is not a plain decimal number (an exponent, a blank, a plus sign,
            NaN), or has significant digits beyond the eighth decimal.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a plain decimal number")
    sign, whole, fraction = match.groups(default="")
    if len(fraction) > DECIMALS:
        if fraction[DECIMALS:].strip("0"):
            raise ValueError(f"{text[:40]!r} has more than {DECIMALS} decimals")
        fraction = fraction[:DECIMALS]
    magnitude = int(whole) * SCALE + int(fraction.ljust(DECIMALS, "0"))
    return -magnitude if sign else magnitude


def text_from_fixed(value: int) -> str:
    """Print a scaled integer with eight decimals and no exponent, as the venue does."""
    whole, fraction = divmod(abs(value), SCALE)
    return f"{'-' if value < 0 else ''}{whole}.{fraction:08d}"


def fixed_from_decimal(value: Decimal) -> int:
    """Convert a Decimal to a scaled integer, exactly.

    Raises:
        ValueError: The value is not finite, or has significant digits beyond the eighth decimal.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not finite")
    scaled = value * _SCALE_DECIMAL
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value} has more than {DECIMALS} decimals")
    return int(scaled)


def decimal_from_fixed(value: int) -> Decimal:
    """Convert a scaled integer to a Decimal, exactly."""
    return Decimal(value).scaleb(-DECIMALS)


def nanos_from_stamp(stamp: int) -> Nanos:
    """Convert a venue's time, in milliseconds or microseconds: it tells which by its size."""
    return stamp * (NANOS_PER_MS if stamp < MICROSECONDS_FROM else NANOS_PER_US)


def first_ms_from_stamp(stamp: int) -> int:
    """Convert a venue's time to the first whole millisecond that is not before it."""
    return -(-nanos_from_stamp(stamp) // NANOS_PER_MS)


def notional(price: Price, quantity: Quantity) -> Amount:
    """Return price times quantity as a quote amount, digits beyond the eighth decimal cut off.

    On a listed instrument tick size times step size has at most eight decimals, so nothing is cut.
    """
    return price * quantity // SCALE
