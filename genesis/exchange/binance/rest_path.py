"""The REST API as a way to the venue for whatever may be asked again: never for new orders."""

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.config_exchange import TimeUnit
from genesis.exchange.binance.clock_samples import sample_clock
from genesis.exchange.binance.errors import TIMESTAMP_OUTSIDE_WINDOW
from genesis.exchange.binance.outcomes import Fate, Reply, Unwritten
from genesis.exchange.binance.rest_client import RestClient
from genesis.exchange.binance.rest_requests import public_request, signed_request
from genesis.exchange.binance.signing import Params, Signer
from genesis.exchange.binance.venue_clock import VenueClock
from genesis.exchange.binance.venue_path import BinancePath
from genesis.exchange.gateway import NoAnswer
from genesis.exchange.request_gate import RequestGate
from genesis.limits import CLOCK_REFRESH
from genesis.units import NANOS_PER_MS, Nanos

_T = TypeVar("_T")


class RestPath(BinancePath):
    """Implements `genesis.exchange.gateway.VenuePath`; close it at the end.

    It measures the venue's clock for itself, when it is first used and from time to time: what it
    needs must not come by the path that it stands in for. `gate` keeps the process's own limits:
    the venue counts all of an address's requests together.
    """

    def __init__(
        self,
        url: str,
        signer: Signer,
        *,
        tls: ssl.SSLContext | None,
        gate: RequestGate,
        clock: EngineClock,
        log: FilteringBoundLogger,
        recv_window_ms: int,
        reply_timeout_ms: int,
        time_unit: TimeUnit = "millisecond",
    ) -> None:
        super().__init__(gate, reply_timeout_ms * NANOS_PER_MS)
        self._signer = signer
        self._clock = clock
        self._recv_window_ms = recv_window_ms
        self._venue_clock = VenueClock()
        self._clock_due: Nanos = 0
        self._measuring = asyncio.Lock()
        self._client = RestClient(
            url,
            tls=tls,
            gate=gate,
            clock=clock,
            log=log,
            venue_ms=self._venue_ms,
            time_unit=time_unit,
        )

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    async def _ask(
        self, method: str, params: Params, read: Callable[[Fate], _T], within: Nanos
    ) -> _T:
        return read(await self._client.send(public_request(method, params), within))

    async def _ask_private(
        self, method: str, params: Params, read: Callable[[Fate], _T], within: Nanos
    ) -> _T:
        async with self._measuring:
            silence = await self._measure_clock() if self._clock.now() >= self._clock_due else None
        if silence is not None:
            reason = f"the venue does not tell the time: {silence.reason}"
            return read(Unwritten(reason, silence.retry_at_ms))
        request = signed_request(
            method,
            params,
            self._signer,
            recv_window_ms=self._recv_window_ms,
            timestamp_ms=self._venue_ms(),
        )
        fate = await self._client.send(request, within)
        if isinstance(fate, Reply) and _is_out_of_time(fate):
            self._clock_due = 0
        return read(fate)

    def _venue_ms(self) -> int:
        return self._venue_clock.timestamp_ms(self._clock.now())

    async def _measure_clock(self) -> NoAnswer | None:
        """Measure the venue's clock by several round trips; return the silence of all, if so."""
        samples = await sample_clock(self.venue_time, self._clock.now)
        if isinstance(samples, NoAnswer):
            return samples
        self._venue_clock.adjust(samples)
        self._clock_due = self._clock.now() + CLOCK_REFRESH
        return None


def _is_out_of_time(reply: Reply) -> bool:
    fault = reply.envelope.fault
    return fault is not None and fault.code == TIMESTAMP_OUTSIDE_WINDOW
