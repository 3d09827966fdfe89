"""The feed's questions to the venue: snapshots of books, and its time.

They are asked over the WebSocket API, and over REST while that is down or silent.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.data.frames import SnapshotPayload, decode_snapshot
from genesis.data.market_feed import MarketDataFeed
from genesis.domain.instruments import InstrumentCatalogue
from genesis.errors import MalformedMessage, VenueUnreachable
from genesis.exchange.binance.clock_samples import sample_clock
from genesis.exchange.binance.outcomes import Fate, Reply, Unwritten, read_outcome
from genesis.exchange.binance.request_costs import cost_of
from genesis.exchange.binance.requests import Request
from genesis.exchange.binance.rest_client import RestClient
from genesis.exchange.binance.rest_requests import public_request
from genesis.exchange.binance.signing import Params
from genesis.exchange.binance.venue_clock import VenueClock
from genesis.exchange.binance.venue_path import read_time
from genesis.exchange.binance.ws_session import SessionCounters, WsSession
from genesis.exchange.endpoints import Endpoints
from genesis.exchange.gateway import NoAnswer
from genesis.exchange.request_connection import RequestConnection, connect_requests
from genesis.exchange.request_gate import RequestGate
from genesis.exchange.tls import tls_for
from genesis.exchange.websocket_manager import Tenure
from genesis.limits import (
    FEED_CLOCK_PERIOD,
    FEED_CLOCK_SPACING,
    READ_PATIENCE,
    READ_TIMEOUT,
    SNAPSHOT_LEVELS,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos


class VenueQuestions:
    """Asks for what the feed wants to know, and for the venue's time.

    `run` asks; `WebSocketManager` keeps a connection for it by `connect` and `serve`. A question
    that is answered on neither way is told to the feed, which asks for it again; nothing here
    decides when.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        feed: MarketDataFeed,
        catalogue: InstrumentCatalogue,
        *,
        gate: RequestGate,
        venue_clock: VenueClock,
        clock: EngineClock,
        log: FilteringBoundLogger,
        on_books_changed: Callable[[], None],
    ) -> None:
        self.venue_clock = venue_clock
        self._url = endpoints.ws_api_url
        self._tls = tls_for(endpoints.ws_api_url, endpoints.ca_file)
        self._feed = feed
        self._catalogue = catalogue
        self._clock = clock
        self._log = log
        self._on_books_changed = on_books_changed
        self._gate = gate
        self._rest = RestClient(
            endpoints.rest_url,
            tls=tls_for(endpoints.rest_url, endpoints.ca_file),
            gate=gate,
            clock=clock,
            log=log,
            venue_ms=lambda: venue_clock.timestamp_ms(clock.now()),
            time_unit=endpoints.time_unit,
        )
        self._counters = SessionCounters()
        self._request_ids = itertools.count(1)
        self._session: WsSession | None = None
        self._tried = asyncio.Event()
        self._wanted = asyncio.Event()
        self._clock_due: Nanos = 0
        self._clock_asked_at: Nanos = 0

    def doubt_clock(self) -> None:
        """Ask for the venue's time as soon as may be: what comes in does not agree with ours."""
        self._clock_due = min(self._clock_due, self._clock_asked_at + FEED_CLOCK_SPACING)
        self._wanted.set()

    def nudge(self) -> None:
        """Look again at what the feed wants: it may be more than before."""
        self._wanted.set()

    async def run(self) -> None:
        """Ask until cancelled, from when a first connection was tried on."""
        await self._tried.wait()
        async with self._rest, asyncio.TaskGroup() as group:
            while True:
                now = self._clock.now()
                if now >= self._clock_due:
                    self._clock_asked_at = now
                    self._clock_due = now + FEED_CLOCK_PERIOD
                    group.create_task(self._measure_clock())
                instrument_id = self._feed.take_snapshot_wanted(now)
                if instrument_id is not None:
                    group.create_task(self._fetch_snapshot(instrument_id))
                next_at = self._feed.next_snapshot_at()
                until = self._clock_due if next_at is None else min(self._clock_due, next_at)
                await self._wait((until - self._clock.now()) / NANOS_PER_SECOND)

    async def connect(self) -> RequestConnection:
        """Open a connection to the WebSocket API; market questions need no key.

        Raises:
            VenueUnreachable: The venue allows no connection now.
        """
        hold = self._gate.admit_connection()
        if hold is not None:
            self._tried.set()
            raise VenueUnreachable(f"{self._url}: {hold.reason}")
        try:
            return await connect_requests(self._url, self._clock.now, tls=self._tls)
        except BaseException:
            self._tried.set()
            raise

    async def serve(self, connection: RequestConnection, tenure: Tenure) -> str:
        """Let questions be asked until the connection ends or was succeeded; return why."""
        session = WsSession(
            connection,
            on_event=self._refuse_event,
            on_unreadable_event=self._refuse_event,
            on_successor_wanted=tenure.want_successor,
            gate=self._gate,
            clock=self._clock,
            log=self._log,
            counters=self._counters,
        )
        connection.listen(session.receive)
        self._begin(session)
        tenure.become_ready()
        retiring = asyncio.ensure_future(tenure.retired.wait())
        closing = asyncio.ensure_future(connection.until_closed())
        try:
            await asyncio.wait({retiring, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not closing.done():
                await session.drain()
                return "succeeded"
            return closing.result()
        finally:
            for task in (retiring, closing):
                task.cancel()
            if self._session is session:
                self._session = None
            session.abandon("connection closed")

    def _begin(self, session: WsSession) -> None:
        """Ask on this session from now on, for the time first."""
        self._session = session
        self._clock_due = 0
        self._tried.set()
        self._wanted.set()

    def _refuse_event(self, event: object) -> None:
        """Say that an event came which nobody subscribed; it is of no account."""
        self._log.warning("user_event_unasked", content=repr(event))

    async def _wait(self, seconds: float) -> None:
        """Sleep until the next question is due, or one more is wanted."""
        self._wanted.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                await self._wanted.wait()

    async def _over_socket(self, method: str, params: Params) -> Fate:
        session = self._session
        if session is None:
            return Unwritten("not connected")
        request_id = next(self._request_ids)
        frame = msgspec.json.encode({"id": request_id, "method": method, "params": params})
        request = Request(request_id, method, frame, cost_of(method, params))
        return await session.request(request, lambda fate: fate, READ_PATIENCE)

    async def _over_rest(self, method: str, params: Params) -> Fate:
        return await self._rest.send(public_request(method, params), READ_TIMEOUT)

    async def _fetch_snapshot(self, instrument_id: int) -> None:
        symbol = self._catalogue[instrument_id].symbol
        params: Params = {"symbol": symbol, "limit": SNAPSHOT_LEVELS}
        answer = read_outcome(await self._over_socket("depth", params), _read_snapshot)
        if isinstance(answer, NoAnswer) and answer.is_silence:
            answer = read_outcome(await self._over_rest("depth", params), _read_snapshot)
        now = self._clock.now()
        if isinstance(answer, NoAnswer):
            self._log.warning("snapshot_missed", symbol=symbol, reason=answer.reason)
            if answer.retry_at_ms:
                ahead = answer.retry_at_ms * NANOS_PER_MS - self.venue_clock.offset
                self._feed.postpone_snapshots(ahead)
            self._feed.miss_snapshot(instrument_id, now)
        elif self._feed.receive_snapshot(instrument_id, answer, now):
            self._log.info("book_synced", symbol=symbol)
        self._on_books_changed()

    async def _measure_clock(self) -> None:
        """Measure the venue's clock by one way: what was waited for on another is no round trip."""
        samples = await sample_clock(partial(_ask_time, self._over_socket), self._clock.now)
        if isinstance(samples, NoAnswer) and samples.is_silence:
            samples = await sample_clock(partial(_ask_time, self._over_rest), self._clock.now)
        if isinstance(samples, NoAnswer):
            return
        self.venue_clock.adjust(samples)
        self._feed.receive_venue_time(self.venue_clock.offset)


async def _ask_time(ask: Callable[[str, Params], Awaitable[Fate]]) -> Nanos | NoAnswer:
    return read_time(await ask("time", {}))


def _read_snapshot(reply: Reply) -> SnapshotPayload:
    try:
        return decode_snapshot(reply.envelope.result)
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"depth: {error}") from None
