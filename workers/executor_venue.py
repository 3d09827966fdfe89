"""The executor's two ways to the venue: the one that orders take, and the one beside it.

The venue counts them together, so they share the limits of requests and the budget of connections.
Only the way that orders take has a breaker.
"""

import asyncio
from collections.abc import Callable

from genesis.engine.rules import breaker_policy, connection_policy, rate_limits
from genesis.exchange.address_ban import AddressBan
from genesis.exchange.binance.rest_path import RestPath
from genesis.exchange.binance.signing import Signer
from genesis.exchange.binance.venue_clock import VenueClock
from genesis.exchange.binance.ws_gateway import WsGateway
from genesis.exchange.circuit_breaker import CircuitBreaker
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.endpoints import Endpoints
from genesis.exchange.fallback_gateway import FallbackGateway
from genesis.exchange.gateway import UserEvent
from genesis.exchange.rate_limits import EXECUTOR_SHARES
from genesis.exchange.request_gate import RequestGate
from genesis.exchange.tls import tls_for
from genesis.limits import CONNECTIONS_OF_EXECUTOR, READ_PATIENCE
from workers.process import ChildContext


class VenueWays:
    """Both ways, behind the one port: `gateway`. `gate` is what orders pass."""

    def __init__(
        self, context: ChildContext, signer: Signer, on_event: Callable[[UserEvent], None]
    ) -> None:
        endpoints = context.spec.endpoints
        assert endpoints is not None, "the venue is up before the executor"
        self._context = context
        self._signer = signer
        self._limits = rate_limits(context.settings, EXECUTOR_SHARES)
        self._budget = ConnectionBudget(
            context.board.connection_attempts,
            CONNECTIONS_OF_EXECUTOR,
            AddressBan(context.board.venue_ban, context.peer_bans()),
        )
        self._venue_clock = VenueClock(self._limits.follow_clock)
        self.gate = self._make_gate(CircuitBreaker(breaker_policy(context.settings)))
        self.socket = self._make_socket(endpoints, on_event)
        self._rest = self._make_rest(endpoints)
        self.gateway = FallbackGateway(self.socket, self._rest, context.log)

    async def run(self) -> None:
        """Keep the session, and find out whether a venue that failed works again; until cancelled.

        Both ways are closed at the end.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.socket.run())
                group.create_task(self.gate.keep_probing(self.socket.venue_time_ms))
        finally:
            await self._rest.close()

    @property
    def trouble(self) -> str:
        """Why orders cannot be sent now; "" while they can."""
        why = self.socket.trouble
        return f"WebSocket API: {why}" if why else ""

    def _make_gate(self, breaker: CircuitBreaker | None) -> RequestGate:
        """Make the gate before one way. Windows are told by one clock, or they would not be one."""
        clock, venue_clock = self._context.clock, self._venue_clock
        return RequestGate(
            self._limits,
            venue_ms=lambda: venue_clock.timestamp_ms(clock.now()),
            budget=self._budget,
            clock=clock,
            log=self._context.log,
            breaker=breaker,
        )

    def _make_socket(
        self, endpoints: Endpoints, on_event: Callable[[UserEvent], None]
    ) -> WsGateway:
        """Make the way that orders take, and whatever is asked while it works."""
        context, orders = self._context, self._context.settings.orders
        return WsGateway(
            endpoints.ws_api_url,
            self._signer,
            on_event,
            gate=self.gate,
            venue_clock=self._venue_clock,
            clock=context.clock,
            log=context.log,
            recv_window_ms=orders.recv_window_ms,
            reply_timeout_ms=orders.reply_timeout_ms,
            list_timeout=READ_PATIENCE,  # then REST is asked, which may take its time
            tls=tls_for(endpoints.ws_api_url, endpoints.ca_file),
            budget=self._budget,
            policy=connection_policy(context.settings),
        )

    def _make_rest(self, endpoints: Endpoints) -> RestPath:
        """Make the way on which doubts are resolved and books compared while the other is down."""
        context, orders = self._context, self._context.settings.orders
        return RestPath(
            endpoints.rest_url,
            self._signer,
            tls=tls_for(endpoints.rest_url, endpoints.ca_file),
            gate=self._make_gate(None),
            clock=context.clock,
            log=context.log,
            recv_window_ms=orders.recv_window_ms,
            reply_timeout_ms=orders.reply_timeout_ms,
            time_unit=endpoints.time_unit,
        )
