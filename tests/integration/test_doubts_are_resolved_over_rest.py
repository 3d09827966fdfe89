"""An engine whose socket dies with an order on its way: REST says what became of it.

Engine, gateway and REST client are the real ones, and so is the venue with its matching.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from genesis.clock import EngineClock
from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.orders import OrderState, OrderType
from genesis.engine.engine import TradingEngine
from genesis.engine.execution import ExecutionCore
from genesis.engine.ledger import Ledger
from genesis.exchange.binance.rest_path import RestPath
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.connection_life import ConnectionPolicy
from genesis.exchange.fallback_gateway import FallbackGateway
from genesis.exchange.gateway import Gateway, UserEvent
from genesis.ipc.histogram import BUCKETS, HistogramRecorder, Stage
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, SCALE
from genesis.venue.connection_faults import ConnectionCut, ConnectionSilenced, HandshakeRefused
from genesis.venue.fault_terms import Fault
from genesis.venue.ledger import HistoryRange
from genesis.venue.request_faults import ReplyLost, RequestLost
from genesis.venue.server import VenueServer
from genesis.venue.stream_faults import EventLost
from tests.support.bench import SlowDisk
from tests.support.builders import (
    CAPITAL,
    PRICE,
    order_rules,
    quote,
    risk_limits,
    signal,
    sizing_rules,
    strategy,
)
from tests.support.desk import ORDER
from tests.support.exchange_builders import ED25519_PEM, quiet_log
from tests.support.faults import LocalFaults
from tests.support.gateways import (
    DEADLINE_S,
    READY_WITHIN,
    EventLog,
    GateKit,
    make_gateway,
    running,
)
from tests.support.venue import API_KEY, endpoints_of, model_config, open_venue

SYMBOL: Final = "BTCUSDT"
POLL_S: Final = 0.02
REPLY_TIMEOUT_MS: Final = 300
LOT: Final = SCALE // 1_000
BACK_SOON: Final = ConnectionPolicy(delay_min=20 * NANOS_PER_MS, delay_max=200 * NANOS_PER_MS)

# Every handshake of the WebSocket API fails, so that what follows the cut comes over REST alone.
STAYS_AWAY: Final = HandshakeRefused(kind="api", times=0)


class EngineEvents(EventLog):
    """Hands user events to an engine, as the executor does."""

    def __init__(self) -> None:
        super().__init__()
        self.engine: TradingEngine | None = None

    def take(self, event: UserEvent) -> None:
        """Pass one event on."""
        super().take(event)
        if self.engine is not None:
            self.engine.on_user_event(event)


class Trader:
    """One engine at one venue."""

    def __init__(
        self, gateway: Gateway, catalogue: InstrumentCatalogue, clock: EngineClock
    ) -> None:
        self.gateway = gateway
        self.clock = clock
        self.core = ExecutionCore(
            catalogue=catalogue,
            strategies=[strategy()],
            limits=risk_limits(),
            sizing=sizing_rules(),
            order_rules=msgspec.structs.replace(
                order_rules(is_synced=True), receive_window_ms=2_000, fence_margin_ms=100
            ),
            capital=CAPITAL,
            ledger=Ledger(),
            epoch=1,
        )
        counts = memoryview(bytearray(8 * BUCKETS * len(Stage))).cast("Q")
        self.engine = TradingEngine(
            core=self.core,
            gateway=gateway,
            journal=SlowDisk(),
            clock=clock,
            log=quiet_log(),
            histograms=HistogramRecorder(counts),
            quote_of=self.quote_of,
            tell=lambda _report: None,
        )

    def quote_of(self, instrument_id: int) -> Quote:
        """Return a fresh quote."""
        return quote(instrument_id, received_at=self.clock.now())

    async def buy(self) -> None:
        """Take a signal to buy a lot at the market."""
        expires_at = self.clock.now() + 60 * NANOS_PER_SECOND
        await self.engine.execute_trade(signal(quantity=LOT, expires_at=expires_at))

    async def rest(self) -> None:
        """Take a signal to buy far below the market."""
        wish = signal(
            quantity=LOT,
            order_type=OrderType.LIMIT,
            limit_price=PRICE * 995 // 1_000,
            expires_at=self.clock.now() + 60 * NANOS_PER_SECOND,
        )
        await self.engine.execute_trade(wish)

    def position(self) -> int:
        """Return what the strategy holds."""
        return self.core.ledger.position("ema_cross-1", SYMBOL).quantity

    def state(self) -> OrderState | None:
        """Return where the order stands; None before it was made."""
        order = self.core.ledger.find_order(ORDER)
        return None if order is None else order.state

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Do what falls due until something holds."""
        async with asyncio.timeout(DEADLINE_S):
            while not is_so():
                self.engine.on_time()
                await asyncio.sleep(POLL_S)


@asynccontextmanager
async def trading() -> AsyncIterator[tuple[Trader, LocalFaults, VenueServer]]:
    """Start an engine on a venue that it reaches by both ways."""
    signer = make_signer(API_KEY, ED25519_PEM)
    kit, events = GateKit(), EngineEvents()
    async with open_venue(model_config()) as (server, address):
        endpoints = endpoints_of(address)
        socket = make_gateway(
            endpoints.ws_api_url,
            events,
            kit=kit,
            signer=signer,
            reply_timeout_ms=REPLY_TIMEOUT_MS,
            list_timeout=REPLY_TIMEOUT_MS * NANOS_PER_MS,
            policy=BACK_SOON,
        )
        rest = RestPath(
            endpoints.rest_url,
            signer,
            tls=None,
            gate=kit.gate_beside(),
            clock=kit.clock,
            log=quiet_log(),
            recv_window_ms=2_000,
            reply_timeout_ms=DEADLINE_S * 1_000,
        )
        async with running(socket):
            await socket.wait_ready(READY_WITHIN)
            listed = await rest.instruments((SYMBOL,))
            assert isinstance(listed, tuple)
            gateway = FallbackGateway(socket, rest, quiet_log())
            trader = Trader(gateway, InstrumentCatalogue(listed), kit.clock)
            events.engine = trader.engine
            await trader.engine.start("boot")
            await trader.engine.recovered()
            yield trader, LocalFaults(server), server
            await trader.engine.begin_stop()
            await trader.engine.finish_stop()
            await rest.close()


def orders_at(server: VenueServer) -> int:
    """Count all orders that the account ever had."""
    return len(server.exchange.orders(HistoryRange(account_id=1, symbol=SYMBOL, limit=1_000)))


async def trade_into_the_dark(trader: Trader, faults: LocalFaults, *what: Fault) -> None:
    """Send an order that suffers faults, and lose the socket under it, for good."""
    number, *_ = await faults.strike(*what, STAYS_AWAY)
    await trader.buy()
    await faults.until_struck(number)
    await faults.strike(ConnectionCut(kind="api"))
    await trader.until(lambda: trader.state() is OrderState.OUTCOME_UNKNOWN)


async def test_an_order_that_was_executed_is_found_and_booked() -> None:
    """Reply and fills went down with the socket: order, trades and balances come over REST."""
    async with trading() as (trader, faults, server):
        await trade_into_the_dark(
            trader, faults, ReplyLost(method="order.place"), EventLost(times=0)
        )
        await trader.until(lambda: trader.state() is OrderState.FILLED)
        await trader.until(lambda: trader.position() > 0)
        await trader.engine.compare()
        assert trader.core.comparison.equal is True
        assert orders_at(server) == 1


async def test_an_order_that_never_arrived_is_proven_dead() -> None:
    """It is not found, and that counts behind the fence alone, whose clock comes over REST too."""
    async with trading() as (trader, faults, server):
        await trade_into_the_dark(trader, faults, RequestLost(method="order.place"))
        await trader.until(lambda: trader.state() is OrderState.NOT_EXECUTED)
        assert orders_at(server) == 0
        await trader.engine.compare()
        assert trader.core.comparison.equal is True


async def test_a_socket_that_went_mute_holds_nothing_up() -> None:
    """It looks open and answers nothing: each question waits for it a little, then takes REST."""
    async with trading() as (trader, faults, server):
        await faults.strike(STAYS_AWAY, ConnectionSilenced(kind="api"))
        await trader.buy()
        await trader.until(lambda: trader.state() is OrderState.FILLED)
        await trader.until(lambda: trader.position() > 0)
        assert orders_at(server) == 1


async def test_a_resting_order_is_canceled_over_rest() -> None:
    """An order that must not stay is ended while the socket is down; its end is booked."""
    async with trading() as (trader, faults, _):
        await trader.rest()
        await trader.until(lambda: trader.state() is OrderState.ACCEPTED)
        await faults.strike(STAYS_AWAY, ConnectionCut(kind="api"))
        await trader.until(lambda: not trader.gateway.is_ready)
        await trader.engine.begin_stop()
        await trader.until(lambda: trader.state() is OrderState.CANCELED)
