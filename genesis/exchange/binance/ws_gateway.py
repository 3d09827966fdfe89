"""The gateway to Binance spot over one WebSocket API connection: requests and user events.

Each new connection is opened in the same way: measure the venue's clock, log on if the key can,
subscribe to user events, and only then be ready. Nothing is ever sent twice on the caller's behalf.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from structlog.typing import FilteringBoundLogger
from websockets.exceptions import InvalidHandshake

from genesis.clock import EngineClock
from genesis.domain.instruments import Instrument
from genesis.domain.orders import ExecutionReport, Fill
from genesis.engine.risk_engine import ApprovedOrder
from genesis.errors import VenueError, VenueRejected, VenueUnreachable
from genesis.exchange.binance import requests
from genesis.exchange.binance.catalogue import decode_instruments
from genesis.exchange.binance.messages import (
    decode_account,
    decode_orders,
    decode_time,
    decode_trades,
)
from genesis.exchange.binance.outcomes import (
    Fate,
    Reply,
    Unwritten,
    cancel_outcome,
    query_outcome,
    read_outcome,
    submit_outcome,
)
from genesis.exchange.binance.requests import RequestBuilder
from genesis.exchange.binance.signing import Params, Signer
from genesis.exchange.binance.venue_clock import TimeSample, VenueClock
from genesis.exchange.binance.ws_session import SessionCounters, WsSession
from genesis.exchange.gateway import (
    Account,
    CancelOutcome,
    NoAnswer,
    PreparedRequest,
    QueryOutcome,
    StreamGap,
    SubmitOutcome,
    UserEvent,
)
from genesis.exchange.request_connection import RequestConnection, connect_requests
from genesis.exchange.websocket_manager import ConnectionPolicy, WebSocketManager
from genesis.limits import (
    CLOCK_REFRESH,
    CLOCK_SAMPLES,
    ORDER_PAGES_MAX,
    ORDERS_PER_PAGE_MAX,
    READ_TIMEOUT,
    TRADE_PAGES_MAX,
    TRADES_PER_PAGE_MAX,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

_T = TypeVar("_T")


class WsGateway:
    """Implements `genesis.exchange.gateway.Gateway`.

    Run `run()` as a task, await `wait_ready`, and cancel the task to close. `on_event` is called in
    the order of the wire, from inside the read; it must not block, and what it raises ends `run`.
    """

    def __init__(
        self,
        url: str,
        signer: Signer,
        on_event: Callable[[UserEvent], None],
        *,
        clock: EngineClock,
        log: FilteringBoundLogger,
        recv_window_ms: int,
        reply_timeout_ms: int,
        policy: ConnectionPolicy | None = None,
    ) -> None:
        self._url = url
        self._on_event = on_event
        self._clock = clock
        self._log = log.bind(connection="ws_api")
        self._requests = RequestBuilder(signer, recv_window_ms)
        self._reply_timeout: Nanos = reply_timeout_ms * NANOS_PER_MS
        self._venue_clock = VenueClock()
        self._ready = asyncio.Event()
        self._session: WsSession | None = None
        self._failure: VenueError = VenueUnreachable("no connection was tried yet")
        # When the last stream of user events ended; None before there was one, and while it lives.
        self._stream_ended_at: Nanos | None = None
        self._stream_end = ""
        self.counters = SessionCounters()
        self._manager: WebSocketManager[RequestConnection] = WebSocketManager(
            connect=self._connect,
            serve=self._serve,
            clock=clock,
            log=self._log,
            policy=policy,
        )

    async def run(self) -> None:
        """Keep a session with the venue until cancelled."""
        await self._manager.run()

    async def wait_ready(self, timeout: Nanos) -> None:  # noqa: ASYNC109, an error with its reason
        """Return once requests can be sent and user events flow.

        Raises:
            VenueRejected: The last try ended with the venue refusing the key.
            VenueUnreachable: Time is up for any other reason.
        """
        try:
            async with asyncio.timeout(timeout / NANOS_PER_SECOND):
                await self._ready.wait()
        except TimeoutError:
            raise self._failure from None

    @property
    def is_ready(self) -> bool:
        """Tell whether requests can be sent and user events flow."""
        return self._ready.is_set()

    @property
    def connections(self) -> int:
        """How many connections were made so far."""
        return self._manager.connections

    @property
    def clock_offset(self) -> Nanos:
        """The venue's clock less ours, as last measured."""
        return self._venue_clock.offset

    def timestamp_ms(self) -> int:
        """Return the venue's time as estimated now."""
        return self._venue_clock.timestamp_ms(self._clock.now())

    def build_submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> PreparedRequest:
        """Encode and sign an order. See the port."""
        intent = order.intent
        request_id, frame = self._requests.private(
            "order.place", requests.place_params(intent), timestamp_ms
        )
        return PreparedRequest(
            request_id=request_id,
            client_order_id=intent.client_order_id,
            symbol=intent.symbol,
            timestamp_ms=timestamp_ms,
            frame=frame,
        )

    def submit_prepared(self, prepared: PreparedRequest) -> "asyncio.Future[SubmitOutcome]":
        """Write a prepared order before returning. See the port."""

        def read(fate: Fate) -> SubmitOutcome:
            return submit_outcome(fate, prepared.client_order_id)

        return self._send(prepared.request_id, prepared.frame, read, self._reply_timeout)

    async def submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> SubmitOutcome:
        """Build, write and await one order. See the port."""
        return await self.submit_prepared(self.build_submit(order, timestamp_ms=timestamp_ms))

    async def cancel(self, symbol: str, client_order_id: str) -> CancelOutcome:
        """Cancel one open order. See the port."""
        params = requests.order_params(symbol, client_order_id)
        return await self._private(
            "order.cancel", params, lambda fate: cancel_outcome(fate, client_order_id)
        )

    async def query(self, symbol: str, client_order_id: str) -> QueryOutcome:
        """Ask for one order by our id. See the port."""
        params = requests.order_params(symbol, client_order_id)
        return await self._private(
            "order.status", params, lambda fate: query_outcome(fate, client_order_id)
        )

    async def open_orders(self, symbol: str | None) -> tuple[ExecutionReport, ...] | NoAnswer:
        """List the orders that are open. See the port."""
        return await self._read(
            "openOrders.status",
            requests.open_orders_params(symbol),
            lambda reply: decode_orders(reply.envelope.result, reply.received_at),
        )

    async def orders_since(
        self, symbol: str, since: Nanos
    ) -> tuple[ExecutionReport, ...] | NoAnswer:
        """List every order made since a time. See the port."""
        orders: list[ExecutionReport] = []
        params = requests.orders_since_params(symbol, since)
        for _ in range(ORDER_PAGES_MAX):
            page = await self._read(
                "allOrders",
                params,
                lambda reply: decode_orders(reply.envelope.result, reply.received_at),
            )
            if isinstance(page, NoAnswer):
                return page
            orders.extend(page)
            if len(page) < ORDERS_PER_PAGE_MAX:
                return tuple(orders)
            params = requests.orders_from_params(symbol, page[-1].venue_order_id + 1)
        return NoAnswer(f"more than {ORDER_PAGES_MAX} pages of orders", retryable=False)

    async def trades_since(self, symbol: str, from_id: int) -> tuple[Fill, ...] | NoAnswer:
        """List every trade from an id on. See the port."""
        return await self._trades(
            from_id, lambda page_from: requests.trades_from_params(symbol, page_from)
        )

    async def trades_of_order(
        self, symbol: str, venue_order_id: int
    ) -> tuple[Fill, ...] | NoAnswer:
        """List the trades of one order. See the port."""
        return await self._trades(
            0, lambda page_from: requests.trades_of_order_params(symbol, venue_order_id, page_from)
        )

    async def account(self) -> Account | NoAnswer:
        """Read all balances. See the port."""
        return await self._read(
            "account.status",
            requests.account_params(),
            lambda reply: decode_account(reply.envelope.result, reply.received_at),
        )

    async def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...] | NoAnswer:
        """Read trading rules. See the port."""
        request_id, frame = self._requests.public(
            "exchangeInfo", requests.instruments_params(symbols)
        )

        def read(fate: Fate) -> tuple[Instrument, ...] | NoAnswer:
            return read_outcome(
                fate, lambda reply: decode_instruments(reply.envelope.result, symbols)
            )

        return await self._send(request_id, frame, read, READ_TIMEOUT)

    async def venue_time_ms(self) -> int | NoAnswer:
        """Ask the venue for its clock. See the port."""
        session = self._session
        if session is None:
            return NoAnswer("not connected")
        return await self._ask_time(session)

    def _send(
        self, request_id: int, frame: bytes, read: Callable[[Fate], _T], timeout: Nanos
    ) -> "asyncio.Future[_T]":
        if self._session is None:
            future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
            future.set_result(read(Unwritten("not connected")))
            return future
        return self._session.request(request_id, frame, read, timeout)

    def _private(
        self, method: str, params: Params, read: Callable[[Fate], _T]
    ) -> "asyncio.Future[_T]":
        request_id, frame = self._requests.private(method, params, self.timestamp_ms())
        return self._send(request_id, frame, read, self._reply_timeout)

    async def _read(
        self, method: str, params: Params, decode: Callable[[Reply], _T]
    ) -> _T | NoAnswer:
        request_id, frame = self._requests.private(method, params, self.timestamp_ms())

        def read(fate: Fate) -> _T | NoAnswer:
            return read_outcome(fate, decode)

        return await self._send(request_id, frame, read, READ_TIMEOUT)

    async def _trades(
        self, from_id: int, page_params: Callable[[int], Params]
    ) -> tuple[Fill, ...] | NoAnswer:
        """Read `myTrades` page by page until one is not full: half a list would lose fills."""
        fills: list[Fill] = []
        for _ in range(TRADE_PAGES_MAX):
            page = await self._read(
                "myTrades",
                page_params(from_id),
                lambda reply: decode_trades(reply.envelope.result),
            )
            if isinstance(page, NoAnswer):
                return page
            fills.extend(page)
            if len(page) < TRADES_PER_PAGE_MAX:
                return tuple(fills)
            from_id = page[-1].trade_id + 1
        return NoAnswer(f"more than {TRADE_PAGES_MAX} pages of trades", retryable=False)

    async def _connect(self) -> RequestConnection:
        try:
            return await connect_requests(self._url, self._clock.now)
        except (OSError, InvalidHandshake) as error:
            self._failure = VenueUnreachable(f"{self._url}: {str(error) or type(error).__name__}")
            raise

    async def _serve(self, connection: RequestConnection) -> str:
        """Live on one connection until it ends or is due to be replaced."""
        session = WsSession(
            connection,
            on_event=self._on_event,
            on_unreadable_event=self._report_unreadable,
            clock=self._clock,
            log=self._log,
            counters=self.counters,
        )
        connection.listen(session.receive)
        closing = asyncio.create_task(connection.until_closed())
        living = asyncio.create_task(self._live(session))
        why = "cancelled"
        try:
            await asyncio.wait({closing, living}, return_when=asyncio.FIRST_COMPLETED)
            # A fault of a listener outweighs what it did to the session.
            why = await (closing if closing.done() else living)
        except VenueError as error:
            self._failure = error
            why = str(error)
        finally:
            self._end_session(session, why)
            await _cancel(closing)
            await _cancel(living)
        return why

    async def _live(self, session: WsSession) -> str:
        await self._open(session)
        self._begin_session(session)
        while session.replacement is None:
            await session.attention(CLOCK_REFRESH)
            if session.replacement is None:
                await self._measure_clock(session)
        self._ready.clear()
        await session.drain()
        return session.replacement

    async def _open(self, session: WsSession) -> None:
        """Bring a new connection to where requests are taken and events flow.

        Raises:
            VenueUnreachable: A step was not answered.
            VenueRejected: The venue refuses the key.
        """
        if not await self._measure_clock(session):
            raise VenueUnreachable("the venue does not tell the time")
        if not self._requests.logs_on:
            await self._step(session, "userDataStream.subscribe.signature", is_signed=True)
            return
        await self._step(session, "session.logon", is_signed=True)
        await self._step(session, "userDataStream.subscribe", is_signed=False)

    async def _step(self, session: WsSession, method: str, *, is_signed: bool) -> None:
        if is_signed:
            request_id, frame = self._requests.signed(method, {}, self.timestamp_ms())
        else:
            request_id, frame = self._requests.public(method, {})
        answer = await session.request(
            request_id,
            frame,
            lambda fate: read_outcome(fate, lambda _: None),
            self._reply_timeout,
        )
        if answer is None:
            return
        self._log.error("session_step_failed", method=method, code=answer.code, why=answer.reason)
        if answer.retryable:
            raise VenueUnreachable(f"{method}: {answer.reason}")
        raise VenueRejected(answer.code, f"{method}: {answer.reason}")

    async def _measure_clock(self, session: WsSession) -> bool:
        """Measure the venue's clock by several round trips; False if none came back."""
        samples = []
        for _ in range(CLOCK_SAMPLES):
            sent_at = self._clock.now()
            answer = await self._ask_time(session)
            if isinstance(answer, NoAnswer):
                self._log.warning("clock_not_measured", why=answer.reason)
                break
            received_at = self._clock.now()
            samples.append(
                TimeSample(sent_at=sent_at, received_at=received_at, venue_time_ms=answer)
            )
        if not samples:
            return False
        before = self._venue_clock.offset
        self._venue_clock.adjust(samples)
        self._log.info(
            "clock_measured",
            offset_us=self._venue_clock.offset // 1000,
            moved_us=(self._venue_clock.offset - before) // 1000,
        )
        return True

    def _ask_time(self, session: WsSession) -> "asyncio.Future[int | NoAnswer]":
        request_id, frame = self._requests.public("time", {})

        def read(fate: Fate) -> int | NoAnswer:
            return read_outcome(fate, lambda reply: decode_time(reply.envelope.result))

        return session.request(request_id, frame, read, self._reply_timeout)

    def _begin_session(self, session: WsSession) -> None:
        self._session = session
        self._ready.set()
        self._log.info("session_ready")
        if self._stream_ended_at is not None:
            gap_from, self._stream_ended_at = self._stream_ended_at, None
            self._report_gap(self._stream_end, gap_from)

    def _end_session(self, session: WsSession, why: str) -> None:
        if self._session is session:
            self._session = None
            self._ready.clear()
            self._stream_ended_at = self._clock.now()
            self._stream_end = why
        session.abandon(why)

    def _report_unreadable(self, why: str) -> None:
        self._report_gap(f"unreadable event: {why}", self._clock.now())

    def _report_gap(self, why: str, from_at: Nanos) -> None:
        self._on_event(StreamGap(why=why, from_at=from_at, to_at=self._clock.now()))


async def _cancel(task: "asyncio.Task[_T]") -> None:
    """End a task of ours and take what it leaves; its failure was taken already, or is moot."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
