"""Requests over HTTPS: a way to the venue beside its sockets, with connections of its own.

Nothing of the environment has a say (no proxy, no `.netrc`), no redirect is followed, bodies and
times are bounded, and a request is sent once. What failed is a fate, never an exception.
"""

import asyncio
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Final, NamedTuple, Self

import httpx
from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.config_exchange import TimeUnit
from genesis.domain.orders import Hold
from genesis.exchange.binance.outcomes import Fate, Lost, Reply, Unwritten
from genesis.exchange.binance.rate_replies import counts_from_headers, reply_facts
from genesis.exchange.binance.rest_replies import envelope_of
from genesis.exchange.binance.rest_requests import RestRequest
from genesis.exchange.reachability import why_unreachable
from genesis.exchange.request_gate import Admission, RequestGate
from genesis.limits import (
    CONNECT_TIMEOUT,
    MESSAGE_BYTES_MAX,
    REST_CONNECTIONS_MAX,
    REST_IDLE_MAX,
    REST_RETRY_MAX,
    REST_RETRY_MIN,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

_KEY_HEADER: Final = "X-MBX-APIKEY"
_TIME_UNIT_HEADER: Final = "X-MBX-TIME-UNIT"
_HEADERS: Final = {
    "Accept": "application/json",
    # Only what is not inflated is as long as it was when it was counted.
    "Accept-Encoding": "identity",
    "User-Agent": "genesis",
}
_ORDINARY: Final = 400  # an error of the request's own, told to whoever asked
_WRITING: Final = "http11.send_request_headers.started"


class _RawReply(NamedTuple):
    status: int
    headers: httpx.Headers
    body: bytes


class _BodyTooLong(httpx.HTTPError):
    """A body is beyond what is read."""


class _Progress:
    """Whether a request began to be written: then the venue may have it."""

    def __init__(self) -> None:
        self.has_begun = False

    async def note(self, event: str, _detail: object) -> None:
        """Take one step that the HTTP library reports."""
        if event == _WRITING:
            self.has_begun = True


class ConnectionRetreat:
    """When a server that could not be reached is tried again. Pure: `now` is passed in.

    Orders in doubt ask all at once, and none of them knows of the others: without this, each
    question would be an attempt to connect. Whatever fails while it stays away counts once.
    """

    __slots__ = ("_setbacks", "_why", "until")

    def __init__(self) -> None:
        self.until: Nanos = 0
        self._setbacks = 0
        self._why = ""

    def reason(self, now: Nanos) -> str:
        """Return why nothing is tried now; "" if it may be."""
        return self._why if now < self.until else ""

    def fail(self, why: str, now: Nanos) -> None:
        """Note that no connection could be made; stay away for twice as long as the last time."""
        if now < self.until:
            return
        self._why = why
        self.until = now + min(REST_RETRY_MIN << self._setbacks, REST_RETRY_MAX)
        if self.until - now < REST_RETRY_MAX:
            self._setbacks += 1

    def succeed(self) -> None:
        """Note that there is a connection."""
        self._setbacks = 0


class RestClient:
    """Sends requests to one base URL, such as `https://venue/api/v3`; close it at the end.

    `tls` is what `tls_for` makes of that URL; every request passes `gate`. `venue_ms` returns the
    venue's time as estimated now; `time_unit` is what its times are asked for in.
    """

    def __init__(
        self,
        url: str,
        *,
        tls: ssl.SSLContext | None,
        gate: RequestGate,
        clock: EngineClock,
        log: FilteringBoundLogger,
        venue_ms: Callable[[], int],
        time_unit: TimeUnit = "millisecond",
        body_bytes_max: int = MESSAGE_BYTES_MAX,
    ) -> None:
        self._url = url.rstrip("/")
        self._gate = gate
        self._clock = clock
        self._log = log.bind(connection="rest")
        self._venue_ms = venue_ms
        self._body_bytes_max = body_bytes_max
        self._retreat = ConnectionRetreat()
        self._client = httpx.AsyncClient(
            headers={**_HEADERS, _TIME_UNIT_HEADER: time_unit.upper()},
            follow_redirects=False,
            trust_env=False,
            # A plain URL needs no trust, so it gets a context that trusts nobody.
            verify=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT / NANOS_PER_SECOND),
            limits=httpx.Limits(
                max_connections=REST_CONNECTIONS_MAX,
                max_keepalive_connections=REST_CONNECTIONS_MAX,
                keepalive_expiry=REST_IDLE_MAX / NANOS_PER_SECOND,
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    async def send(self, request: RestRequest, within: Nanos) -> Fate:
        """Send one request, once, and return what became of it within a time."""
        away = self._retreat.reason(self._clock.now())
        if away:
            return Unwritten(away)
        admission = self._gate.admit(request.cost)
        if isinstance(admission, Hold):
            return Unwritten(admission.reason, admission.retry_at_ms)
        progress = _Progress()
        try:
            async with asyncio.timeout(within / NANOS_PER_SECOND):
                reply = await self._exchange(request, progress)
        except TimeoutError:
            what = "reply" if progress.has_begun else "connection"
            why = f"no {what} within {within // NANOS_PER_MS} ms"
        except httpx.HTTPError as error:
            why = why_unreachable(error)
        except asyncio.CancelledError:
            self._give_back(admission, progress, "given up")
            raise
        else:
            return self._take_reply(request, admission, reply)
        reason = f"{self._url}: {why}"
        self._log.warning("rest_request_failed", method=request.method, reason=reason)
        if not progress.has_begun:
            self._retreat.fail(reason, self._clock.now())
        return self._give_back(admission, progress, reason)

    def _give_back(
        self, admission: Admission, progress: _Progress, reason: str
    ) -> Lost | Unwritten:
        if progress.has_begun:
            self._gate.lose(admission, reason, is_failure=True)
            return Lost(reason)
        self._gate.take_back(admission)
        return Unwritten(reason)

    def _take_reply(self, request: RestRequest, admission: Admission, reply: _RawReply) -> Reply:
        self._retreat.succeed()
        envelope = envelope_of(reply.status, reply.headers, reply.body, self._venue_ms())
        fault = envelope.fault
        facts = reply_facts(reply.status, fault, counts_from_headers(reply.headers))
        retry_at_ms = self._gate.answer(admission, facts)
        if fault is not None and reply.status != _ORDINARY:
            self._log.warning(
                "rest_request_refused",
                method=request.method,
                status=fault.status,
                code=fault.code,
                reason=fault.reason,
            )
        return Reply(envelope, self._clock.now(), retry_at_ms)

    async def _exchange(self, request: RestRequest, progress: _Progress) -> _RawReply:
        async with self._client.stream(
            request.verb,
            self._url + request.target,
            headers={_KEY_HEADER: request.api_key} if request.api_key else None,
            extensions={"trace": progress.note},
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._body_bytes_max:
                    raise _BodyTooLong(f"a reply of more than {self._body_bytes_max} bytes")
            return _RawReply(response.status_code, response.headers, bytes(body))
