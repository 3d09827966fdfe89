"""Scaled integers: text and Decimal convert exactly, or not at all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.units import (
    MICROSECONDS_FROM,
    SCALE,
    decimal_from_fixed,
    first_ms_from_stamp,
    fixed_from_decimal,
    fixed_from_text,
    nanos_from_stamp,
    notional,
    text_from_fixed,
)

FIXED = st.integers(min_value=-(10**26), max_value=10**26)


@given(FIXED)
def test_text_reads_back_as_the_same_number(value: int) -> None:
    """What is printed for the venue is what was meant, to the last unit."""
    assert fixed_from_text(text_from_fixed(value)) == value


@given(FIXED)
def test_decimals_convert_back_as_the_same_number(value: int) -> None:
    """Reports and configuration speak Decimal, and nothing is lost on the way."""
    assert fixed_from_decimal(decimal_from_fixed(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", SCALE),
        ("0.00000001", 1),
        ("-0.5", -SCALE // 2),
        ("007.10", 7 * SCALE + SCALE // 10),
        ("1.2500000000", SCALE + SCALE // 4),
    ],
)
def test_plain_decimal_text_is_read(text: str, value: int) -> None:
    """Zeros beyond the eighth decimal carry nothing, so they are cut off."""
    assert fixed_from_text(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "1e8", "+1", " 1", "1.", ".5", "NaN", "Infinity", "1,5", "\u0661", "1\n", "9" * 21],
)
def test_text_that_is_no_plain_decimal_is_refused(text: str) -> None:
    """The venue sends plain decimals only; whatever else comes is not a number to trade on."""
    with pytest.raises(ValueError, match="not a plain decimal number"):
        fixed_from_text(text)


def test_digits_beyond_the_eighth_decimal_are_refused() -> None:
    """Rounding money in silence would make books that differ from the venue's."""
    with pytest.raises(ValueError, match="more than 8 decimals"):
        fixed_from_text("0.000000001")
    with pytest.raises(ValueError, match="more than 8 decimals"):
        fixed_from_decimal(Decimal("0.000000001"))


def test_decimals_without_a_value_are_refused() -> None:
    """NaN and infinity have no integer."""
    with pytest.raises(ValueError, match="not finite"):
        fixed_from_decimal(Decimal("NaN"))


def test_notional_is_price_times_quantity() -> None:
    """Both are scaled, the product is scaled once."""
    assert notional(fixed_from_text("60000.5"), fixed_from_text("0.002")) == fixed_from_text(
        "120.001"
    )


@given(st.integers(0, 10**20), st.integers(0, 10**20))
def test_notional_is_cut_off_never_rounded_up(price: int, quantity: int) -> None:
    """No more is ever reckoned than what the venue would charge."""
    exact = decimal_from_fixed(price) * decimal_from_fixed(quantity)

    assert 0 <= exact - decimal_from_fixed(notional(price, quantity)) < Decimal(1) / SCALE


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        (0, 0),
        (1_780_000_000_123, 1_780_000_000_123_000_000),
        (1_780_000_000_123_456, 1_780_000_000_123_456_000),
    ],
)
def test_a_venues_time_tells_its_unit_by_its_size(stamp: int, at: int) -> None:
    """Thirteen digits are milliseconds, sixteen microseconds."""
    assert nanos_from_stamp(stamp) == at


def test_no_time_in_milliseconds_is_too_wide_for_a_record() -> None:
    """Where the sizes part, the larger unit still fits 63 bits."""
    assert nanos_from_stamp(MICROSECONDS_FROM - 1) < 2**63


@pytest.mark.parametrize(
    ("stamp", "ms"),
    [(0, 0), (1_780_000_000_123, 1_780_000_000_123), (1_780_000_000_123_001, 1_780_000_000_124)],
)
def test_a_whole_millisecond_is_never_before_the_time(stamp: int, ms: int) -> None:
    """What the venue allows from a moment on is not tried before it."""
    assert first_ms_from_stamp(stamp) == ms
