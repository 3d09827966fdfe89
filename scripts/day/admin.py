"""The venue's admin call, from outside: which faults it was given, and how often each struck."""

import urllib.request
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from scripts.day.schedule import Planned

_TIMEOUT_S: Final = 10.0


class _Record(msgspec.Struct):
    number: int
    struck: int


class _Report(msgspec.Struct):
    faults: list[_Record]


class _Numbers(msgspec.Struct):
    numbers: list[int]


class VenueAdmin:
    """The call of the venue on a port of this machine; it knows which fault has which name."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/admin/faults"
        self._names: dict[int, str] = {}

    def give(self, faults: Sequence[Planned]) -> None:
        """Give faults to the venue; their times count from now."""
        body = msgspec.json.encode([fault.document for fault in faults])
        told = msgspec.json.decode(self._call("POST", body), type=_Numbers)
        self._names.update(zip(told.numbers, (fault.name for fault in faults), strict=True))

    def strikes(self) -> Counter[str]:
        """Return how often each kind of fault has struck."""
        struck: Counter[str] = Counter()
        for record in msgspec.json.decode(self._call("GET"), type=_Report).faults:
            struck[self._names[record.number]] += record.struck
        return struck

    def clear(self) -> None:
        """End all faults."""
        self._call("DELETE")

    def _call(self, verb: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self._url, body, method=verb)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:  # noqa: S310
            return bytes(reply.read())
