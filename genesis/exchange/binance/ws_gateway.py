"""The gateway to Binance spot over the WebSocket API: the port's questions as its requests.

The sessions they are asked in are `ws_sessions.py`'s. Every request of the gateway, without
exception, goes out by `WsGateway._send`.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, TypeVar

from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.domain.instruments import Instrument
from genesis.domain.orders import ExecutionReport, Fill
from genesis.engine.risk_engine import ApprovedOrder
from genesis.exchange.binance import requests
from genesis.exchange.binance.catalogue import decode_instruments
from genesis.exchange.binance.messages import decode_account, decode_orders, decode_trades
from genesis.exchange.binance.outcomes import (
    Fate,
    Reply,
    cancel_outcome,
    order_test_outcome,
    query_outcome,
    read_outcome,
    submit_outcome,
)
from genesis.exchange.binance.requests import Request, RequestBuilder
from genesis.exchange.binance.session_opening import SessionOpener, read_time
from genesis.exchange.binance.signing import Params, Signer
from genesis.exchange.binance.ws_session import SessionCounters
from genesis.exchange.binance.ws_sessions import WsSessions
from genesis.exchange.gateway import (
    Account,
    CancelOutcome,
    NoAnswer,
    OrderTestOutcome,
    PreparedRequest,
    QueryOutcome,
    SubmitOutcome,
    UserEvent,
)
from genesis.exchange.websocket_manager import ConnectionPolicy
from genesis.limits import (
    ORDER_PAGES_MAX,
    ORDERS_PER_PAGE_MAX,
    READ_TIMEOUT,
    TRADE_PAGES_MAX,
    TRADES_PER_PAGE_MAX,
)
from genesis.units import NANOS_PER_MS, Nanos

_T = TypeVar("_T")

_PLACE: Final = "order.place"


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
        tls: ssl.SSLContext | None = None,
        policy: ConnectionPolicy | None = None,
    ) -> None:
        log = log.bind(connection="ws_api")
        self._requests = RequestBuilder(signer, recv_window_ms)
        self._reply_timeout: Nanos = reply_timeout_ms * NANOS_PER_MS
        self._opener = SessionOpener(
            self._requests, clock=clock, log=log, reply_timeout=self._reply_timeout
        )
        self._sessions = WsSessions(
            url, self._opener, on_event, clock=clock, log=log, tls=tls, policy=policy
        )

    async def run(self) -> None:
        """Keep a session with the venue until cancelled."""
        await self._sessions.run()

    async def wait_ready(self, timeout: Nanos) -> None:  # noqa: ASYNC109, an error with its reason
        """Return once requests can be sent and user events flow.

        Raises:
            VenueRejected: The last try ended with the venue refusing the key.
            VenueUnreachable: Time is up for any other reason.
        """
        await self._sessions.wait_ready(timeout)

    @property
    def is_ready(self) -> bool:
        """Tell whether requests can be sent and user events flow."""
        return self._sessions.is_ready

    @property
    def connections(self) -> int:
        """How many connections were made so far."""
        return self._sessions.connections

    @property
    def counters(self) -> SessionCounters:
        """What went by so far."""
        return self._sessions.counters

    @property
    def clock_offset(self) -> Nanos:
        """The venue's clock less ours, as last measured."""
        return self._opener.clock_offset

    def timestamp_ms(self) -> int:
        """Return the venue's time as estimated now."""
        return self._opener.timestamp_ms()

    def build_submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> PreparedRequest:
        """Encode and sign an order. See the port."""
        intent = order.intent
        request = self._requests.private(_PLACE, requests.place_params(intent), timestamp_ms)
        return PreparedRequest(
            request_id=request.request_id,
            client_order_id=intent.client_order_id,
            symbol=intent.symbol,
            timestamp_ms=timestamp_ms,
            frame=request.frame,
        )

    def submit_prepared(self, prepared: PreparedRequest) -> "asyncio.Future[SubmitOutcome]":
        """Write a prepared order before returning. See the port."""

        def read(fate: Fate) -> SubmitOutcome:
            return submit_outcome(fate, prepared.client_order_id)

        request = Request(prepared.request_id, _PLACE, prepared.frame)
        return self._send(request, read, self._reply_timeout)

    async def submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> SubmitOutcome:
        """Build, write and await one order. See the port."""
        return await self.submit_prepared(self.build_submit(order, timestamp_ms=timestamp_ms))

    async def test_order(self, order: ApprovedOrder) -> OrderTestOutcome:
        """Ask whether the venue would take an order. See the port."""
        return await self._private(
            "order.test", requests.place_params(order.intent), order_test_outcome
        )

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
        request = self._requests.public("exchangeInfo", requests.instruments_params(symbols))

        def read(fate: Fate) -> tuple[Instrument, ...] | NoAnswer:
            return read_outcome(
                fate, lambda reply: decode_instruments(reply.envelope.result, symbols)
            )

        return await self._send(request, read, READ_TIMEOUT)

    async def venue_time_ms(self) -> int | NoAnswer:
        """Ask the venue for its clock. See the port."""
        request = self._requests.public("time", {})
        return await self._send(request, read_time, self._reply_timeout)

    def _send(
        self, request: Request, read: Callable[[Fate], _T], timeout: Nanos
    ) -> "asyncio.Future[_T]":
        """Write a request now, or have `read` say what it means that it was not written."""
        return self._sessions.request(request, read, timeout)

    def _private(
        self, method: str, params: Params, read: Callable[[Fate], _T]
    ) -> "asyncio.Future[_T]":
        request = self._requests.private(method, params, self.timestamp_ms())
        return self._send(request, read, self._reply_timeout)

    async def _read(
        self, method: str, params: Params, decode: Callable[[Reply], _T]
    ) -> _T | NoAnswer:
        request = self._requests.private(method, params, self.timestamp_ms())

        def read(fate: Fate) -> _T | NoAnswer:
            return read_outcome(fate, decode)

        return await self._send(request, read, READ_TIMEOUT)

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
