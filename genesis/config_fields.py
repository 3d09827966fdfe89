"""What settings are made of: the frozen section, and the kinds of values that several share."""

from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

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


def is_loopback(host: str) -> bool:
    """Tell whether a host, by address or as `localhost`, is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


_UNENCRYPTED: Final = {"wss": "ws", "https": "http"}


def _check_url(value: str, scheme: str) -> str:
    url = urlsplit(value)
    host = url.hostname
    plain = _UNENCRYPTED[scheme]
    if url.scheme not in (scheme, plain) or not host:
        raise ValueError(f"must be a URL such as {scheme}://host:port/path")
    if url.scheme == plain and not is_loopback(host):
        raise ValueError(
            f"must begin with {scheme}://: anybody on the way could read and change an unencrypted "
            "connection to another machine"
        )
    if url.query or url.fragment or "@" in url.netloc:
        raise ValueError("must be scheme, host, port and path alone")
    _port = url.port  # it raises for one that is no number
    return value


def _socket_url(value: str) -> str:
    return _check_url(value, "wss")


def _rest_url(value: str) -> str:
    return _check_url(value, "https").rstrip("/")


SocketUrl = Annotated[str, AfterValidator(_socket_url)]
"""Where WebSockets are opened: `wss`, or `ws` on a loopback address."""

RestUrl = Annotated[str, AfterValidator(_rest_url)]
"""Where REST calls are made, with the path of their version: `https`, or `http` on loopback."""
