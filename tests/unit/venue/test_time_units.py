"""`genesis.venue.time_units`: the unit of times, as it is asked for and as it is written."""

import msgspec
import pytest

from genesis.units import NANOS_PER_MS, NANOS_PER_US
from genesis.venue.refusals import Refused
from genesis.venue.time_units import (
    TimeUnit,
    VenueTime,
    encode_json,
    in_milliseconds,
    time_unit_of_headers,
    time_unit_of_url,
)

AT = 1_780_000_000_123_456_789


@pytest.mark.parametrize(
    ("target", "unit"),
    [
        ("/stream", TimeUnit.MILLISECOND),
        ("/ws-api/v3?returnRateLimits=false", TimeUnit.MILLISECOND),
        ("/ws-api/v3?timeUnit=MILLISECOND", TimeUnit.MILLISECOND),
        ("/ws/btcusdt@trade?timeUnit=MICROSECOND", TimeUnit.MICROSECOND),
        ("/stream?streams=btcusdt@trade&timeUnit=microsecond", TimeUnit.MICROSECOND),
    ],
)
def test_a_url_asks_for_a_unit(target: str, unit: TimeUnit) -> None:
    """In upper or lower case; milliseconds, if it does not say."""
    assert time_unit_of_url(target) is unit


def test_a_header_asks_for_a_unit() -> None:
    """Milliseconds, if there is none."""
    assert time_unit_of_headers({}) is TimeUnit.MILLISECOND
    assert time_unit_of_headers({"x-mbx-time-unit": "MICROSECOND"}) is TimeUnit.MICROSECOND


@pytest.mark.parametrize("name", ["", "NANOSECOND", "us", "1"])
def test_another_unit_is_refused(name: str) -> None:
    """-1194, in the live venue's words."""
    with pytest.raises(Refused, match="Invalid value for time unit; expected either") as caught:
        time_unit_of_url(f"/stream?timeUnit={name}")
    assert caught.value.code == -1194
    with pytest.raises(Refused):
        time_unit_of_headers({"x-mbx-time-unit": name})


def test_a_document_is_written_in_either_unit() -> None:
    """However deep a time stands; a time that has not begun its unit is not rounded up to it."""
    document = {"E": VenueTime(AT), "rows": [[VenueTime(AT), 1]], "id": AT}

    assert msgspec.json.decode(encode_json(document)) == {
        "E": AT // NANOS_PER_MS,
        "rows": [[AT // NANOS_PER_MS, 1]],
        "id": AT,
    }
    in_us = msgspec.json.decode(encode_json(document, TimeUnit.MICROSECOND))
    assert in_us["E"] == in_us["rows"][0][0] == AT // NANOS_PER_US


def test_what_is_no_part_of_a_document_is_our_own_bug() -> None:
    """It raises, and is not written as something else."""
    with pytest.raises(TypeError, match="a object is no part of a document"):
        encode_json({"x": object()})


def test_what_has_not_sixteen_digits_is_not_shortened() -> None:
    """A tape may hold times in milliseconds; a frame may break off in the middle of one."""
    for payload in (b'{"E":1780000000123,"T":5}', b'{"E":178000000012345', b"{}"):
        assert in_milliseconds(payload) == payload
