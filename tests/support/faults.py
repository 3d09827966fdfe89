"""Faults on demand: a test says which one befalls the next request, event, frame or connection.

A fault is a value of `genesis.venue`: what it is (its class), which occasion it waits for (its
fields), how often it strikes (`times`, `after`). The classes are in

- `request_faults`: RequestLost, ReplyLost, Answered(code=-1007, executed=True), ErrorPage, ...
- `stream_faults`: EventLost, EventDoubled, StreamSilenced, FrameLost, FrameCrossed, ...
- `connection_faults`: ConnectionCut, ConnectionSilenced, ConnectionDarkened, HandshakeRefused, ...
- `venue_acts`: ClockStepped, SymbolHalted, RulesChanged, AddressBanned, ServerShutdown, ...

In the test's own process, beside a venue that it has opened::

    async with open_venue(model_config()) as (server, address):
        faults = LocalFaults(server)
        await faults.strike(ReplyLost(method="order.place"))           # the next placement
        async with faults.during(RequestLost(method="order.status", times=0)):
            ...                                                        # every query meanwhile

With a venue in another process (`venue.admin = true`), the same by its admin call::

    faults = AdminFaults(f"http://127.0.0.1:{port}")
    (number,) = await faults.strike(ConnectionCut(kind="streams"))
    await faults.until_struck(number)

`during` fails the test if one of its faults struck nothing: such a test would have shown nothing.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import Final

import httpx
import msgspec

from genesis.venue.fault_terms import Fault
from genesis.venue.server import VenueServer

DEADLINE_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.005
_PATH: Final = "/admin/faults"


class FaultCounts(msgspec.Struct, frozen=True):
    """What the record says of one fault."""

    number: int
    state: str
    struck: int


class StrikeRecord(msgspec.Struct, frozen=True):
    """One strike of the record."""

    number: int
    fault: str
    on: str


class Record(msgspec.Struct, frozen=True):
    """A venue's record of its faults, as far as tests look at it."""

    faults: list[FaultCounts]
    strikes: list[StrikeRecord]


class VenueFaults(ABC):
    """The faults of one venue, whichever way they get there."""

    async def strike(self, *faults: Fault) -> list[int]:
        """Give the venue faults; return their numbers. They are in force when this returns."""
        return await self._give(faults)

    @contextlib.asynccontextmanager
    async def during(self, *faults: Fault) -> AsyncIterator[list[int]]:
        """Keep faults in force for a while; each must have struck by its end, and is cleared."""
        numbers = await self.strike(*faults)
        try:
            yield numbers
            struck = await self._struck()
        finally:
            for number in numbers:
                await self.clear(number)
        idle = [fault for number, fault in zip(numbers, faults, strict=True) if not struck[number]]
        assert not idle, f"{idle} struck nothing"

    async def until_struck(self, number: int, times: int = 1) -> None:
        """Wait until a fault has struck so often."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                if (await self._struck())[number] >= times:
                    return
                await asyncio.sleep(POLL_SECONDS)

    @abstractmethod
    async def clear(self, number: int) -> None:
        """End a fault, and what lasts of it."""

    @abstractmethod
    async def record(self) -> Record:
        """Return what has become of the faults."""

    @abstractmethod
    async def _give(self, faults: Sequence[Fault]) -> list[int]: ...

    async def _struck(self) -> dict[int, int]:
        return {fault.number: fault.struck for fault in (await self.record()).faults}


class LocalFaults(VenueFaults):
    """The faults of a venue in this process."""

    def __init__(self, server: VenueServer) -> None:
        self._stage = server.stage

    async def clear(self, number: int) -> None:
        assert self._stage.clear(number), f"no fault {number}"

    async def record(self) -> Record:
        return msgspec.convert(msgspec.to_builtins(self._stage.report()), Record)

    async def _give(self, faults: Sequence[Fault]) -> list[int]:
        return self._stage.give(faults)


class AdminFaults(VenueFaults):
    """The faults of a venue that takes them by HTTP at an address, as in http://127.0.0.1:1."""

    def __init__(self, address: str) -> None:
        self._client = httpx.AsyncClient(base_url=address, trust_env=False)

    async def clear(self, number: int) -> None:
        await self._ask("DELETE", params={"number": number})

    async def record(self) -> Record:
        return msgspec.json.decode(await self._ask("GET"), type=Record)

    async def close(self) -> None:
        """Close the connection. Faults stay."""
        await self._client.aclose()

    async def _give(self, faults: Sequence[Fault]) -> list[int]:
        answer = await self._ask("POST", content=msgspec.json.encode(faults))
        return msgspec.json.decode(answer, type=dict[str, list[int]])["numbers"]

    async def _ask(
        self, verb: str, *, content: bytes = b"", params: dict[str, int] | None = None
    ) -> bytes:
        response = await self._client.request(verb, _PATH, content=content, params=params)
        assert response.is_success, response.text
        return response.content
