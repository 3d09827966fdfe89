"""In which unit a client reads the venue's times (`binance-spot.md` section 2). Pure.

The venue keeps every time in nanoseconds. Documents hold them as `VenueTime` until they are
encoded for somebody; market messages, which many get, are formatted in microseconds, and shortened
for those who did not ask for them.
"""

import enum
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from genesis.units import NANOS_PER_MS, NANOS_PER_US, Nanos
from genesis.venue import refusals

URL_PARAMETER: Final = "timeUnit"
HEADER: Final = "x-mbx-time-unit"

_MICROSECOND_DIGITS: Final = 16
_SURPLUS_DIGITS: Final = 3

# Where times stand in a market message that has any; `t` is one only where a kline begins. They
# come before its levels, which are long.
_EVENT_MARK: Final = b'"E":'
_OTHER_MARKS: Final = (b'{"t":', b'"T":')
_TIMES_WITHIN: Final = 400


class TimeUnit(enum.IntEnum):
    """What the integers of times count; the value is that in nanoseconds."""

    MILLISECOND = NANOS_PER_MS
    MICROSECOND = NANOS_PER_US


class VenueTime:
    """A time within a document, to be written in the unit of whoever gets it."""

    __slots__ = ("at",)

    def __init__(self, at: Nanos) -> None:
        self.at = at


def _encoder(unit: TimeUnit) -> msgspec.json.Encoder:
    def write(value: object) -> int:
        if isinstance(value, VenueTime):
            return value.at // unit
        raise TypeError(f"a {type(value).__name__} is no part of a document")

    return msgspec.json.Encoder(enc_hook=write)


_ENCODERS: Final = {unit: _encoder(unit) for unit in TimeUnit}


def encode_json(document: object, unit: TimeUnit = TimeUnit.MILLISECOND) -> bytes:
    """Return a document as JSON, its times in a unit."""
    return _ENCODERS[unit].encode(document)


def read_time_unit(name: str) -> TimeUnit:
    """Return the unit of this name, in upper or lower case.

    Raises:
        Refused: -1194, there is none.
    """
    unit = TimeUnit.__members__.get(name.upper())
    if unit is None:
        raise refusals.invalid_time_unit()
    return unit


def time_unit_of_url(target: str) -> TimeUnit:
    """Return the unit that a WebSocket's URL asks for: milliseconds, if it does not say.

    Raises:
        Refused: -1194, there is no such unit.
    """
    named = parse_qs(urlsplit(target).query, keep_blank_values=True).get(URL_PARAMETER)
    return TimeUnit.MILLISECOND if named is None else read_time_unit(named[-1])


def time_unit_of_headers(headers: Mapping[str, str]) -> TimeUnit:
    """Return the unit that a REST request asks for: milliseconds, if it does not say.

    Raises:
        Refused: -1194, there is no such unit.
    """
    named = headers.get(HEADER)
    return TimeUnit.MILLISECOND if named is None else read_time_unit(named)


def in_milliseconds(payload: bytes) -> bytes:
    """Return a market message with its times shortened from microseconds."""
    found = payload.find(_EVENT_MARK, 0, _TIMES_WITHIN)
    if found < 0:
        return payload
    payload = _shortened(payload, found + len(_EVENT_MARK))
    for mark in _OTHER_MARKS:
        found = payload.find(mark, 0, _TIMES_WITHIN)
        if found >= 0:
            payload = _shortened(payload, found + len(mark))
    return payload


def _shortened(payload: bytes, start: int) -> bytes:
    end = start + _MICROSECOND_DIGITS
    if end > len(payload) or not payload[start:end].isdigit():
        return payload
    return payload[: end - _SURPLUS_DIGITS] + payload[end:]
