"""`genesis.venue.parameters`: the text of values, and the venue's refusals of malformed ones."""

import msgspec
import pytest

from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, NANOS_PER_US
from genesis.venue.parameters import Parameters, check_timing
from genesis.venue.refusals import Refused


def parameters(text: str) -> Parameters:
    """Read a JSON object as a request's parameters."""
    return Parameters.from_json(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))


def test_values_are_taken_as_they_were_written() -> None:
    """Signatures are of the text of a value: a number keeps its zeros, a null was not sent."""
    read = parameters('{"a":"x\\u00e9","b":0.10,"c":true,"d":null,"e":["A","B"]}')

    assert dict(read.texts) == {"a": "xé", "b": "0.10", "c": "true", "e": '["A","B"]'}
    assert "d" not in read


@pytest.mark.parametrize(
    ("text", "scaled"),
    [("1", 100_000_000), ("0.00000001", 1), ("1.50", 150_000_000), ("2.100000000", 210_000_000)],
)
def test_numbers_become_scaled_integers(text: str, scaled: int) -> None:
    """Exactly, whether sent as text or as a number; trailing zeros are no precision."""
    assert Parameters({"q": text}).required_number("q") == scaled


@pytest.mark.parametrize("text", ["1e3", "-1", "+1", " 1", "1.", ".5", "NaN", "\uff11", "1" * 21])
def test_a_number_of_another_form_is_refused(text: str) -> None:
    """No exponent, no sign, no blank, nothing but ASCII digits."""
    with pytest.raises(Refused) as caught:
        Parameters({"quantity": text}).required_number("quantity")
    assert caught.value.code == -1100
    assert caught.value.text == (
        "Illegal characters found in parameter 'quantity'; "
        "legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'."
    )


def test_more_than_eight_decimals_are_too_precise() -> None:
    """-1111 names the parameter."""
    with pytest.raises(Refused, match=r"Parameter 'price' has too much precision\.") as caught:
        Parameters({"price": "1.000000001"}).required_number("price")
    assert caught.value.code == -1111


@pytest.mark.parametrize("texts", [{}, {"symbol": ""}])
def test_a_mandatory_parameter_must_have_a_value(texts: dict[str, str]) -> None:
    """Missing and empty are the same."""
    with pytest.raises(Refused) as caught:
        Parameters(texts).required_text("symbol")
    assert (caught.value.code, caught.value.text) == (
        -1102,
        "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
    )


def test_an_optional_parameter_may_not_be_empty() -> None:
    """-1105."""
    with pytest.raises(Refused, match=r"Parameter 'symbol' was empty\.") as caught:
        Parameters({"symbol": ""}).text("symbol")
    assert caught.value.code == -1105


def test_whole_numbers_booleans_and_lists() -> None:
    """They may come as themselves or as text; None means that they did not come."""
    read = Parameters({"i": "12", "t": "true", "f": "false", "n": '["A"]'})

    assert read.integer("i") == 12
    assert read.integer("none") is None
    assert read.flag("t") is True
    assert read.flag("f") is False
    assert read.flag("none") is None
    assert read.names("n") == ["A"]
    assert read.names("none") is None


@pytest.mark.parametrize(
    ("name", "value"), [("integer", "x1"), ("flag", "yes"), ("names", "A"), ("names", '{"A":1}')]
)
def test_malformed_optional_values_are_refused(name: str, value: str) -> None:
    """-1100 for each of them."""
    read = Parameters({"p": value})
    with pytest.raises(Refused) as caught:
        {"integer": read.integer, "flag": read.flag, "names": read.names}[name]("p")
    assert caught.value.code == -1100


@pytest.mark.parametrize("text", ["a" * 37, "a b", "é", "a.b"])
def test_a_client_order_id_has_a_narrow_alphabet(text: str) -> None:
    """1 to 36 of letters, digits, dash and underscore."""
    with pytest.raises(Refused, match="newClientOrderId"):
        Parameters({"newClientOrderId": text}).client_order_id("newClientOrderId")
    assert Parameters({"c": "aZ0-_"}).client_order_id("c") == "aZ0-_"


def test_timestamps_come_in_ms_or_us() -> None:
    """They are told apart by their digits."""
    assert Parameters({"timestamp": "1700000000000"}).timestamp_us() == 1_700_000_000_000_000
    assert Parameters({"timestamp": "1700000000000123"}).timestamp_us() == 1_700_000_000_000_123
    with pytest.raises(Refused, match="timestamp"):
        Parameters({"timestamp": "soon"}).timestamp_us()


def test_a_time_begins_and_ends_with_its_unit() -> None:
    """A span given in ms holds what the venue kept of its last millisecond, to the nanosecond."""
    for text, unit in (("1700000000000", NANOS_PER_MS), ("1700000000000000", NANOS_PER_US)):
        read = Parameters({"t": text})
        assert read.time("t") == 1_700_000_000 * NANOS_PER_SECOND
        assert read.last_time("t") == 1_700_000_000 * NANOS_PER_SECOND + unit - 1
    assert Parameters({}).time("t") is None
    assert Parameters({}).last_time("t") is None


def test_a_time_beyond_all_times_is_the_last() -> None:
    """No ledger can compare with more than 63 bits."""
    read = Parameters({"t": "9" * 20})
    assert read.time("t") == 2**63 - 1
    assert read.last_time("t") == 2**63 - 1


@pytest.mark.parametrize(
    ("text", "window_us"),
    [("5000", 5_000_000), ("0.5", 500), ("60000", 60_000_000), ("1.250", 1_250)],
)
def test_receive_window_has_three_decimals(text: str, window_us: int) -> None:
    """Its default is 5 s."""
    assert Parameters({"recvWindow": text}).receive_window_us() == window_us
    assert Parameters({}).receive_window_us() == 5_000_000


@pytest.mark.parametrize("text", ["60001", "1.2345", "-1", "x", "100000"])
def test_a_receive_window_beyond_its_bounds_is_refused(text: str) -> None:
    """-1131."""
    with pytest.raises(Refused, match="recvWindow must be less than 60000") as caught:
        Parameters({"recvWindow": text}).receive_window_us()
    assert caught.value.code == -1131


@pytest.mark.parametrize(
    ("timestamp_ms", "text"),
    [
        (10_999, None),
        (11_000, "Timestamp for this request was 1000ms ahead of the server's time."),
        (8_000, None),
        (7_999, "Timestamp for this request is outside of the recvWindow."),
    ],
)
def test_timing_at_its_bounds(timestamp_ms: int, text: str | None) -> None:
    """A request is good from less than a second ahead to recvWindow behind, both told apart."""
    now_us, window_us = 10_000_000, 2_000_000
    if text is None:
        check_timing(timestamp_ms * 1000, window_us, now_us)
        return
    with pytest.raises(Refused) as caught:
        check_timing(timestamp_ms * 1000, window_us, now_us)
    assert (caught.value.code, caught.value.text) == (-1021, text)
