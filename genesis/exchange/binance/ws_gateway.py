"""The gateway to Binance spot over the WebSocket API: the port's questions as its requests.

The sessions they are asked in are `ws_sessions.py`'s. Every request of the gateway, without
exception, goes out by `WsGateway._send`.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.domain.orders import Hold
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList
from genesis.engine.risk_facts import is_reduction
from genesis.exchange.binance import requests
from genesis.exchange.binance.outcomes import (
    Fate,
    order_test_outcome,
    submit_list_outcome,
    submit_outcome,
)
from genesis.exchange.binance.requests import Request, RequestBuilder
from genesis.exchange.binance.session_opening import SessionOpener
from genesis.exchange.binance.signing import Params, Signer
from genesis.exchange.binance.venue_clock import VenueClock
from genesis.exchange.binance.venue_path import BinancePath
from genesis.exchange.binance.ws_session import SessionCounters
from genesis.exchange.binance.ws_sessions import WsSessions
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.connection_life import ConnectionPolicy
from genesis.exchange.gateway import (
    Accepted,
    ListAccepted,
    ListSubmitOutcome,
    NoAnswer,
    OrderTestOutcome,
    PreparedOrderList,
    PreparedRequest,
    SubmitOutcome,
    UserEvent,
    VenuePath,
)
from genesis.exchange.request_cost import ENTRY_COST, EXIT_COST, EXIT_PAIR_COST
from genesis.exchange.request_gate import RequestGate
from genesis.limits import READ_TIMEOUT
from genesis.units import NANOS_PER_MS, Nanos

_T = TypeVar("_T")

_PLACE: Final = "order.place"
_PLACE_PAIR: Final = "orderList.place.oco"


class WsGateway(BinancePath):
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
        gate: RequestGate,
        venue_clock: VenueClock,
        clock: EngineClock,
        log: FilteringBoundLogger,
        recv_window_ms: int,
        reply_timeout_ms: int,
        list_timeout: Nanos = READ_TIMEOUT,
        tls: ssl.SSLContext | None = None,
        budget: ConnectionBudget,
        policy: ConnectionPolicy | None = None,
    ) -> None:
        super().__init__(gate, reply_timeout_ms * NANOS_PER_MS, list_timeout)
        log = log.bind(connection="ws_api")
        self._requests = RequestBuilder(signer, recv_window_ms)
        self._opener = SessionOpener(
            self._requests,
            venue_clock=venue_clock,
            clock=clock,
            log=log,
            reply_timeout=self._reply_timeout,
        )
        self._sessions = WsSessions(
            url,
            self._opener,
            on_event,
            gate=gate,
            clock=clock,
            log=log,
            budget=budget,
            tls=tls,
            policy=policy,
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
    def trouble(self) -> str:
        """Why there is no session with the venue; "" while there is one."""
        return self._sessions.trouble

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

    def order_hold(self, *, is_reduction: bool, ahead: int) -> Hold | None:
        """Tell why one more order would not be sent now. See the port."""
        return self._gate.order_hold(is_reduction=is_reduction, ahead=ahead)

    def build_submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> PreparedRequest:
        """Encode and sign an order. See the port."""
        intent = order.intent
        request = self._requests.private(_PLACE, requests.place_params(intent), timestamp_ms)
        return PreparedRequest(
            request_id=request.request_id,
            client_order_id=intent.client_order_id,
            symbol=intent.symbol,
            timestamp_ms=timestamp_ms,
            is_reduction=is_reduction(intent),
            frame=request.frame,
        )

    def submit_prepared(self, prepared: PreparedRequest) -> "asyncio.Future[SubmitOutcome]":
        """Write a prepared order before returning. See the port."""
        cost = EXIT_COST if prepared.is_reduction else ENTRY_COST
        request = Request(prepared.request_id, _PLACE, prepared.frame, cost)
        return self._place(request, lambda fate: submit_outcome(fate, prepared.client_order_id))

    async def submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> SubmitOutcome:
        """Build, write and await one order. See the port."""
        return await self.submit_prepared(self.build_submit(order, timestamp_ms=timestamp_ms))

    def build_submit_list(
        self, order_list: ApprovedOrderList, *, timestamp_ms: int
    ) -> PreparedOrderList:
        """Encode and sign a protective pair. See the port."""
        intent = order_list.intent
        params = requests.place_list_params(intent)
        request = self._requests.private(_PLACE_PAIR, params, timestamp_ms)
        return PreparedOrderList(
            request_id=request.request_id,
            list_client_order_id=intent.list_client_order_id,
            symbol=intent.symbol,
            timestamp_ms=timestamp_ms,
            frame=request.frame,
        )

    def submit_prepared_list(
        self, prepared: PreparedOrderList
    ) -> "asyncio.Future[ListSubmitOutcome]":
        """Write a prepared pair before returning. See the port."""
        list_id = prepared.list_client_order_id
        request = Request(prepared.request_id, _PLACE_PAIR, prepared.frame, EXIT_PAIR_COST)
        return self._place(request, lambda fate: submit_list_outcome(fate, list_id))

    async def submit_list(
        self, order_list: ApprovedOrderList, *, timestamp_ms: int
    ) -> ListSubmitOutcome:
        """Build, write and await one pair. See the port."""
        prepared = self.build_submit_list(order_list, timestamp_ms=timestamp_ms)
        return await self.submit_prepared_list(prepared)

    async def test_order(self, order: ApprovedOrder) -> OrderTestOutcome:
        """Ask whether the venue would take an order. See the port."""
        params = requests.place_params(order.intent)
        return await self._ask_private(
            "order.test", params, order_test_outcome, self._reply_timeout
        )

    async def on_one_path(
        self, ask: Callable[[VenuePath], Awaitable[_T | NoAnswer]]
    ) -> _T | NoAnswer:
        """Ask on this one. See the port."""
        return await ask(self)

    def _place(self, request: Request, outcome_of: Callable[[Fate], _T]) -> "asyncio.Future[_T]":
        """Write a placement now; whatever the venue takes, it also tells of by an event."""
        sessions = self._sessions
        seen = sessions.counters.events

        def read(fate: Fate) -> _T:
            outcome = outcome_of(fate)
            if isinstance(outcome, Accepted | ListAccepted):
                sessions.expect_event(seen)
            return outcome

        return self._send(request, read, self._reply_timeout)

    def _send(
        self, request: Request, read: Callable[[Fate], _T], timeout: Nanos
    ) -> "asyncio.Future[_T]":
        """Write a request now, or have `read` say what it means that it was not written."""
        return self._sessions.request(request, read, timeout)

    def _ask(
        self, method: str, params: Params, read: Callable[[Fate], _T], within: Nanos
    ) -> "asyncio.Future[_T]":
        return self._send(self._requests.public(method, params), read, within)

    def _ask_private(
        self, method: str, params: Params, read: Callable[[Fate], _T], within: Nanos
    ) -> "asyncio.Future[_T]":
        request = self._requests.private(method, params, self.timestamp_ms())
        return self._send(request, read, within)
