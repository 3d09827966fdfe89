"""The feed's questions to the WebSocket API: snapshots of books, and the venue's time."""

import asyncio
import contextlib
import functools
import itertools
from collections.abc import Callable

import msgspec
from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.data.frames import SnapshotPayload, decode_snapshot
from genesis.data.market_feed import MarketDataFeed
from genesis.domain.instruments import InstrumentCatalogue
from genesis.errors import MalformedMessage, VenueUnreachable
from genesis.exchange.binance.messages import decode_time
from genesis.exchange.binance.outcomes import Fate, Reply, read_outcome
from genesis.exchange.binance.request_costs import cost_of
from genesis.exchange.binance.requests import Request
from genesis.exchange.binance.venue_clock import TimeSample, VenueClock
from genesis.exchange.binance.ws_session import SessionCounters, WsSession
from genesis.exchange.endpoints import Endpoints
from genesis.exchange.gateway import NoAnswer
from genesis.exchange.request_connection import RequestConnection, connect_requests
from genesis.exchange.request_gate import RequestGate
from genesis.exchange.tls import tls_for
from genesis.exchange.websocket_manager import Tenure
from genesis.limits import FEED_CLOCK_PERIOD, READ_TIMEOUT, SNAPSHOT_LEVELS
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos


class VenueQuestions:
    """Asks for what the feed wants to know, over one connection at a time.

    `WebSocketManager` runs it. A question that is not answered is told to the feed, which asks for
    it again; nothing here decides when.
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
        self._counters = SessionCounters()
        self._request_ids = itertools.count(1)
        self._wanted = asyncio.Event()

    def nudge(self) -> None:
        """Look again at what the feed wants: it may be more than before."""
        self._wanted.set()

    async def connect(self) -> RequestConnection:
        """Open a connection to the WebSocket API; market questions need no key.

        Raises:
            VenueUnreachable: The venue allows no connection now.
        """
        hold = self._gate.admit_connection()
        if hold is not None:
            raise VenueUnreachable(f"{self._url}: {hold.reason}")
        return await connect_requests(self._url, self._clock.now, tls=self._tls)

    async def serve(self, connection: RequestConnection, tenure: Tenure) -> str:
        """Ask until the connection ends or was succeeded; return why."""
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
        tenure.become_ready()
        asking = asyncio.ensure_future(self._ask(session))
        retiring = asyncio.ensure_future(tenure.retired.wait())
        closing = asyncio.ensure_future(connection.until_closed())
        try:
            await asyncio.wait({retiring, closing}, return_when=asyncio.FIRST_COMPLETED)
            asking.cancel()
            if not closing.done():
                await session.drain()
                return "succeeded"
            return closing.result()
        finally:
            for task in (asking, retiring, closing):
                task.cancel()
            session.abandon("connection closed")

    def _refuse_event(self, event: object) -> None:
        """Say that an event came which nobody subscribed; it is of no account."""
        self._log.warning("user_event_unasked", content=repr(event))

    async def _ask(self, session: WsSession) -> None:
        clock_due = self._clock.now()
        while True:
            now = self._clock.now()
            if now >= clock_due:
                clock_due = now + FEED_CLOCK_PERIOD
                self._request(session, "time", {}, functools.partial(self._take_time, now))
            instrument_id = self._feed.take_snapshot_wanted(now)
            if instrument_id is not None:
                symbol = self._catalogue[instrument_id].symbol
                params: dict[str, str | int] = {"symbol": symbol, "limit": SNAPSHOT_LEVELS}
                take = functools.partial(self._take_snapshot, instrument_id)
                self._request(session, "depth", params, take)
            next_at = self._feed.next_snapshot_at()
            until = clock_due if next_at is None else min(clock_due, next_at)
            await self._wait((until - self._clock.now()) / NANOS_PER_SECOND)

    async def _wait(self, seconds: float) -> None:
        """Sleep until the next question is due, or one more is wanted."""
        self._wanted.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                await self._wanted.wait()

    def _request(
        self,
        session: WsSession,
        method: str,
        params: dict[str, str | int],
        take: Callable[[Fate], None],
    ) -> None:
        request_id = next(self._request_ids)
        frame = msgspec.json.encode({"id": request_id, "method": method, "params": params})
        request = Request(request_id, method, frame, cost_of(method, params))
        session.request(request, take, READ_TIMEOUT)

    def _take_snapshot(self, instrument_id: int, fate: Fate) -> None:
        now = self._clock.now()
        symbol = self._catalogue[instrument_id].symbol
        answer = read_outcome(fate, _read_snapshot)
        if isinstance(answer, NoAnswer):
            self._log.warning("snapshot_missed", symbol=symbol, reason=answer.reason)
            if answer.retry_at_ms:
                ahead = answer.retry_at_ms * NANOS_PER_MS - self.venue_clock.offset
                self._feed.postpone_snapshots(ahead)
            self._feed.miss_snapshot(instrument_id, now)
        elif self._feed.receive_snapshot(instrument_id, answer, now):
            self._log.info("book_synced", symbol=symbol)
        self._on_books_changed()

    def _take_time(self, sent_at: Nanos, fate: Fate) -> None:
        answer = read_outcome(fate, lambda reply: decode_time(reply.envelope.result))
        if isinstance(answer, NoAnswer) or not isinstance(fate, Reply):
            return
        sample = TimeSample(sent_at=sent_at, received_at=fate.received_at, venue_time_ms=answer)
        self.venue_clock.adjust((sample,))
        self._feed.receive_venue_time(sample.offset)


def _read_snapshot(reply: Reply) -> SnapshotPayload:
    try:
        return decode_snapshot(reply.envelope.result)
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"depth: {error}") from None
