"""Numbers of frames: read fast, exactly, or not at all."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.data.frames import (
    DepthPayload,
    NegativeNumber,
    StreamKind,
    decode_depth,
    fixed_from_frame,
    levels_from_text,
    spare_digits,
    stream_name,
)
from genesis.limits import FIXED_MAX
from genesis.units import text_from_fixed
from tests.support.tape import catalogue_of

fixed = st.one_of(st.integers(0, 10**10), st.integers(0, 1 << 50), st.integers(0, FIXED_MAX))
levels = st.lists(st.tuples(st.integers(1, 1 << 52), st.integers(0, 1 << 52)), max_size=8)


def depth_text(bids: list[tuple[int, int]], asks: list[tuple[int, int]], mark: str = "") -> str:
    """Write a depth event as the venue does; `mark` stands after each text."""
    sides = [
        "["
        + ",".join(
            f'["{text_from_fixed(price)}"{mark},"{text_from_fixed(quantity)}"{mark}]'
            for price, quantity in side
        )
        + "]"
        for side in (bids, asks)
    ]
    return f'{{"e":"depthUpdate","E":5,"s":"X","U":7,"u":9,"b":{sides[0]},"a":{sides[1]}}}'


def decoded(text: str, spare: bytes = b"00") -> DepthPayload:
    """Decode a depth event."""
    return decode_depth(msgspec.Raw(text.encode()), spare)


@given(fixed)
def test_number_with_eight_decimals_is_exact(value: int) -> None:
    """Every number that fits a record is read without the loss of a unit."""
    assert fixed_from_frame(text_from_fixed(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 500_000_000),
        ("5.1", 510_000_000),
        ("007.50000000", 750_000_000),
        ("0.00000000", 0),
        ("0.00000001", 1),
        ("1.230000000000", 123_000_000),
        ("92233720368.54775807", FIXED_MAX),
        ("90071992.54740993", 9_007_199_254_740_993),
    ],
)
def test_number_of_another_form_is_exact(text: str, value: int) -> None:
    """Fewer decimals, more zeros and numbers beyond a double's digits lose nothing either."""
    assert fixed_from_frame(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "1e5", "nan", "inf", "1_0", " 1", "+1", "1.", ".5", "1.2.3", "1,5", '1","2'),
        *("0.123456789", "5600000.123456789", "99999999999.00000000", "1" * 100),
        "\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """Exponents, signs, blanks, a ninth decimal and numbers too wide are no numbers of a frame."""
    with pytest.raises(ValueError, match=r"decimal|record"):
        fixed_from_frame(text)


def test_negative_number_says_that_it_is_one() -> None:
    """A number below zero is told apart from what is no number."""
    with pytest.raises(NegativeNumber):
        fixed_from_frame("-1.00000000")


@given(levels, levels, st.sampled_from([b"", b"00"]), st.sampled_from(["", " ", "\n", "\t", "\r"]))
def test_depth_levels_are_exact(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], spare: bytes, mark: str
) -> None:
    """Whatever digits are thought spare and whatever spacing there is, no level loses a unit."""
    depth = decoded(depth_text(bids, asks, mark), spare)

    assert (depth.bids, depth.asks) == (bids, asks)
    assert (depth.event_stamp, depth.first_id, depth.last_id) == (5, 7, 9)


@pytest.mark.parametrize("spare", [b"", b"00"])
@pytest.mark.parametrize("number", ["100", "1500", "7", "2.500", "3.00"])
def test_depth_numbers_without_eight_decimals_keep_their_value(spare: bytes, number: str) -> None:
    """Zeros before the point, or without one, are never taken for spare digits."""
    text = depth_text([(1, 1)], []).replace("0.00000001", number)

    depth = decoded(text, spare)

    assert depth.bids == levels_from_text([(number, number)])


@pytest.mark.parametrize(
    ("number", "error"),
    [
        ("-0.00000001", NegativeNumber),
        ("0.00000000", NegativeNumber),
        ("0.000000001", ValueError),
        ("1e2", ValueError),
        ("", ValueError),
    ],
)
def test_bad_depth_price_is_named(number: str, error: type[ValueError]) -> None:
    """A price that is not above zero, or no number, makes the whole event bad."""
    text = depth_text([(1, 3)], []).replace("0.00000001", number)

    with pytest.raises(error):
        decoded(text)


def test_depth_of_another_shape_is_refused() -> None:
    """A level that is no pair, or a missing field, is no depth event."""
    for text in (
        depth_text([], []).replace('"U":7,', ""),
        '{"E":1,"U":1,"u":1,"b":[["1"]],"a":[]}',
    ):
        with pytest.raises(msgspec.ValidationError):
            decoded(text)


def test_spare_digits_are_those_no_number_of_the_instrument_needs() -> None:
    """Two zeros are spare unless tick or step reach into the last two decimals."""
    instrument = catalogue_of("BTCUSDT")[0]

    assert spare_digits(instrument) == b"00"
    assert spare_digits(msgspec.structs.replace(instrument, tick_size=1)) == b""
    assert spare_digits(msgspec.structs.replace(instrument, step_size=10)) == b""


def test_stream_names_are_the_venues() -> None:
    """Symbols are lower case, kinds keep their case (4.1)."""
    assert stream_name("BTCUSDT", StreamKind.BOOK_TICKER) == "btcusdt@bookTicker"
    assert stream_name("BTCUSDT", StreamKind.DEPTH) == "btcusdt@depth@100ms"
    assert stream_name("BTCUSDT", StreamKind.BAR_1M) == "btcusdt@kline_1m"
