"""A running gateway and the user events it handed out."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from genesis.clock import EngineClock
from genesis.exchange.binance.signing import Signer, make_signer
from genesis.exchange.binance.venue_clock import VenueClock
from genesis.exchange.binance.ws_gateway import WsGateway
from genesis.exchange.circuit_breaker import BreakerPolicy, CircuitBreaker
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.connection_life import ConnectionPolicy
from genesis.exchange.gateway import UserEvent
from genesis.exchange.rate_limits import EXECUTOR_SHARES, RateLimits
from genesis.exchange.request_gate import RequestGate
from genesis.limits import READ_TIMEOUT
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from tests.support.exchange_builders import API_KEY, ED25519_PEM, quiet_log

DEADLINE_S: Final = 20
READY_WITHIN: Final[Nanos] = 10 * NANOS_PER_SECOND
QUICK_RETURN: Final = ConnectionPolicy(delay_min=NANOS_PER_MS, delay_max=20 * NANOS_PER_MS)

AMPLE: Final = 10_000
"""More connections than a test makes."""

_Event = TypeVar("_Event")


class EventLog:
    """Every user event in order, with a way to wait for one."""

    def __init__(self) -> None:
        self.events: list[UserEvent] = []
        self._arrived = asyncio.Event()

    def take(self, event: UserEvent) -> None:
        """Keep one event."""
        self.events.append(event)
        self._arrived.set()

    async def first(
        self, kind: type[_Event], matches: Callable[[_Event], bool] = lambda _: True
    ) -> _Event:
        """Wait for the first event of a kind that matches."""
        return (await self.several(kind, 1, matches))[0]

    async def several(
        self, kind: type[_Event], count: int, matches: Callable[[_Event], bool] = lambda _: True
    ) -> list[_Event]:
        """Wait for so many events of a kind that match; return all there are."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found: list[_Event] = []
                for event in self.events:
                    if isinstance(event, kind) and matches(event):
                        found.append(event)  # noqa: PERF401, mypy narrows it nowhere else
                if len(found) >= count:
                    return found
                self._arrived.clear()
                await self._arrived.wait()


def ample_budget() -> ConnectionBudget:
    """Return a budget that no test spends."""
    return ConnectionBudget([0] * (AMPLE + 1), AMPLE)


class GateKit:
    """A gate, and the clocks and budget it goes by: for a gateway or a session to be made with.

    By default no number of failures opens its breaker.
    """

    def __init__(
        self,
        limits: RateLimits | None = None,
        *,
        failures_max: int = 1_000_000,
        cool_down: Nanos = NANOS_PER_SECOND,
        frozen_ms: int | None = None,
    ) -> None:
        """Keep the venue's time at `frozen_ms`, so that no window ends during a test."""
        self.clock = EngineClock.start()
        self._frozen_ms = frozen_ms
        self.budget = ample_budget()
        self.limits = limits or RateLimits(EXECUTOR_SHARES, reserve_bps=2_000)
        self.venue_clock = VenueClock(self.limits.follow_clock)
        self.gate = RequestGate(
            self.limits,
            venue_ms=self.venue_ms,
            clock=self.clock,
            log=quiet_log(),
            budget=self.budget,
            breaker=CircuitBreaker(
                BreakerPolicy(
                    failures_max=failures_max, cool_down=cool_down, cool_down_max=16 * cool_down
                )
            ),
        )

    def gate_beside(self) -> RequestGate:
        """Return a gate before another way of the same process, which takes no orders."""
        return RequestGate(
            self.limits,
            venue_ms=self.venue_ms,
            budget=self.budget,
            clock=self.clock,
            log=quiet_log(),
        )

    def venue_ms(self) -> int:
        """Return the venue's time as estimated now."""
        if self._frozen_ms is not None:
            return self._frozen_ms
        return self.venue_clock.timestamp_ms(self.clock.now())


def make_gateway(
    url: str,
    log: EventLog,
    *,
    kit: GateKit | None = None,
    signer: Signer | None = None,
    reply_timeout_ms: int = 10_000,
    list_timeout: Nanos = READ_TIMEOUT,
    tls: ssl.SSLContext | None = None,
    policy: ConnectionPolicy = QUICK_RETURN,
    recv_window_ms: int = 2_000,
) -> WsGateway:
    """Return a gateway to `url`, not yet running; its events go to `log`."""
    kit = kit or GateKit()
    return WsGateway(
        url,
        signer or make_signer(API_KEY, ED25519_PEM),
        log.take,
        gate=kit.gate,
        venue_clock=kit.venue_clock,
        clock=kit.clock,
        log=quiet_log(),
        recv_window_ms=recv_window_ms,
        reply_timeout_ms=reply_timeout_ms,
        list_timeout=list_timeout,
        tls=tls,
        budget=kit.budget,
        policy=policy,
    )


@asynccontextmanager
async def running(gateway: WsGateway) -> AsyncIterator[WsGateway]:
    """Run a gateway, closed at the end. A fault of its own fails the test that uses it."""
    task = asyncio.create_task(gateway.run())
    try:
        yield gateway
    finally:
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        await task


@asynccontextmanager
async def gateway_to(
    url: str,
    *,
    log: EventLog | None = None,
    kit: GateKit | None = None,
    signer: Signer | None = None,
    reply_timeout_ms: int = 10_000,
    policy: ConnectionPolicy = QUICK_RETURN,
) -> AsyncIterator[WsGateway]:
    """Run a gateway to `url` that is ready."""
    gateway = make_gateway(
        url,
        log or EventLog(),
        kit=kit,
        signer=signer,
        reply_timeout_ms=reply_timeout_ms,
        policy=policy,
    )
    async with running(gateway):
        await gateway.wait_ready(READY_WITHIN)
        yield gateway
