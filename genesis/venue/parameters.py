"""Reading the parameters of a request: the text of each value, checked as the venue checks it.

Clients send numbers as JSON strings or as JSON numbers, booleans as themselves or as words; all are
read as text here, a number exactly as it was written, which is also what signatures are of.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from genesis.units import DECIMALS, NANOS_PER_US, SCALE, Nanos, nanos_from_stamp
from genesis.venue import refusals

DEFAULT_RECEIVE_WINDOW_MS: Final = 5_000
MAX_RECEIVE_WINDOW_MS: Final = 60_000
_LEG_NAMES: Final = {
    "newClientOrderId": "clientOrderId",
    **{
        name: name
        for name in ("type", "price", "stopPrice", "timeInForce", "icebergQty", "trailingDelta")
    },
}
_TIME_MAX: Final[Nanos] = 2**63 - 1  # what a ledger can compare with

_NUMBER: Final = re.compile(refusals.NUMBER_RANGE)
_INTEGER: Final = re.compile(refusals.ORDER_ID_RANGE)
_CLIENT_ORDER_ID: Final = re.compile(refusals.CLIENT_ORDER_ID_RANGE)
_RECEIVE_WINDOW: Final = re.compile(r"([0-9]{1,5})(?:\.([0-9]{1,3})0*)?")
_DECODE_TEXT: Final = msgspec.json.Decoder(str)
_DECODE_NAMES: Final = msgspec.json.Decoder(list[str])


class Parameters:
    """The parameters of one request, by name, as text. A null counts as not sent."""

    __slots__ = ("_named", "_texts")

    def __init__(
        self, texts: Mapping[str, str], named: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._texts = texts
        self._named = named

    def leg(self, prefix: str) -> "Parameters":
        """Return these parameters as those of one leg of an order list.

        What a leg has for itself is found, and refused, under its prefixed name (section 7.5).
        """
        named = {name: f"{prefix}{own[0].upper()}{own[1:]}" for name, own in _LEG_NAMES.items()}
        return Parameters(self._texts, named)

    @classmethod
    def from_json(cls, values: Mapping[str, msgspec.Raw]) -> "Parameters":
        """Take the members of a JSON object."""
        texts: dict[str, str] = {}
        for name, raw in values.items():
            written = bytes(raw).decode()
            if written.startswith('"'):
                texts[name] = _DECODE_TEXT.decode(raw)
            elif written != "null":
                texts[name] = written
        return cls(texts)

    @property
    def texts(self) -> Mapping[str, str]:
        """Every parameter as text, by name."""
        return self._texts

    def __contains__(self, name: str) -> bool:
        return self.name(name) in self._texts

    def name(self, name: str) -> str:
        """Return the name under which a parameter was sent, or would have been."""
        return self._named.get(name, name)

    def text(self, name: str) -> str | None:
        """Return an optional value, or None if it was not sent."""
        name = self.name(name)
        value = self._texts.get(name)
        if value == "":
            raise refusals.empty_parameter(name)
        return value

    def required_text(self, name: str) -> str:
        """Return a mandatory value."""
        name = self.name(name)
        value = self._texts.get(name)
        if not value:
            raise refusals.missing_parameter(name)
        return value

    def integer(self, name: str) -> int | None:
        """Return an optional whole number."""
        value = self.text(name)
        if value is None:
            return None
        if _INTEGER.fullmatch(value) is None:
            raise refusals.illegal_characters(self.name(name), refusals.ORDER_ID_RANGE)
        return int(value)

    def required_number(self, name: str) -> int:
        """Return a mandatory decimal number as a scaled integer."""
        return _fixed(self.name(name), self.required_text(name))

    def flag(self, name: str) -> bool | None:
        """Return an optional boolean."""
        value = self.text(name)
        if value is None:
            return None
        if value not in ("true", "false"):
            raise refusals.illegal_characters(name, "^(true|false)$")
        return value == "true"

    def names(self, name: str) -> list[str] | None:
        """Return an optional array of text, sent as an array or as its JSON text."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return _DECODE_NAMES.decode(value)
        except msgspec.MsgspecError:
            raise refusals.illegal_characters(name, "an array of names") from None

    def client_order_id(self, name: str) -> str | None:
        """Return an optional client order id."""
        value = self.text(name)
        if value is not None and _CLIENT_ORDER_ID.fullmatch(value) is None:
            raise refusals.illegal_characters(self.name(name), refusals.CLIENT_ORDER_ID_RANGE)
        return value

    def timestamp_us(self) -> int:
        """Return the request's timestamp in microseconds, whether sent in those or in ms."""
        value = self.required_text("timestamp")
        if _INTEGER.fullmatch(value) is None:
            raise refusals.illegal_characters("timestamp", refusals.ORDER_ID_RANGE)
        return nanos_from_stamp(int(value)) // NANOS_PER_US

    def time(self, name: str) -> Nanos | None:
        """Return the beginning of an optional time, sent in milliseconds or in microseconds."""
        value = self.integer(name)
        return None if value is None else min(nanos_from_stamp(value), _TIME_MAX)

    def last_time(self, name: str) -> Nanos | None:
        """Return the end of an optional time: that unit's last nanosecond."""
        value = self.integer(name)
        return None if value is None else min(nanos_from_stamp(value + 1) - 1, _TIME_MAX)

    def receive_window_us(self) -> int:
        """Return the recvWindow in microseconds; it may have three decimals of a ms."""
        value = self.text("recvWindow")
        if value is None:
            return DEFAULT_RECEIVE_WINDOW_MS * 1000
        match = _RECEIVE_WINDOW.fullmatch(value)
        if match is None:
            raise refusals.receive_window_too_long()
        whole, fraction = match.groups(default="")
        window_us = int(whole) * 1000 + int(fraction.ljust(3, "0"))
        if window_us > MAX_RECEIVE_WINDOW_MS * 1000:
            raise refusals.receive_window_too_long()
        return window_us


def _fixed(name: str, text: str) -> int:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise refusals.illegal_characters(name, refusals.NUMBER_RANGE)
    whole, fraction = match.group(1), (match.group(2) or ".")[1:]
    if fraction[DECIMALS:].strip("0"):
        raise refusals.too_precise(name)
    return int(whole) * SCALE + int(fraction[:DECIMALS].ljust(DECIMALS, "0"))


def check_timing(timestamp_us: int, window_us: int, now_us: int) -> None:
    """Refuse a request from the future, or older than its window.

    It is called when a request comes in, and again just before it is matched.

    Raises:
        Refused: -1021; the request was not executed.
    """
    if timestamp_us >= now_us + 1_000_000:
        raise refusals.ahead_of_server()
    if now_us - timestamp_us > window_us:
        raise refusals.outside_receive_window()
