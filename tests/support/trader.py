"""A trading engine at a venue over real sockets: signals by hand, time that can be leapt over."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from genesis.clock import EngineClock
from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.orders import OrderReport, OrderState, OrderType, Side, TimeInForce
from genesis.engine.engine import TradingEngine
from genesis.engine.execution import ExecutionCore
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.protection import ProtectionRules
from genesis.engine.risk_facts import RiskLimits
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.gateway import Gateway, UserEvent
from genesis.ipc.histogram import BUCKETS, HistogramRecorder, Stage
from genesis.strategies.base import StrategySpec
from genesis.units import NANOS_PER_SECOND, Nanos, Price, Quantity
from genesis.venue.config import VenueConfig
from genesis.venue.server import VenueServer
from tests.support.bench import SlowDisk
from tests.support.builders import (
    CAPITAL,
    LOT,
    PRICE,
    order_rules,
    quote,
    risk_limits,
    signal,
    signal_rules,
    strategy,
)
from tests.support.exchange_builders import ED25519_PEM, quiet_log
from tests.support.gateways import DEADLINE_S, READY_WITHIN, EventLog, make_gateway, running
from tests.support.venue import API_KEY, endpoints_of, model_config, open_venue

FAR_BELOW: Final[Price] = PRICE * 995 // 1_000
_POLL_S: Final = 0.02


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
    """One engine at one venue. Its own signals are of one strategy, in the first instrument.

    Another `roster` is for tests that give the engine its signals themselves.
    """

    def __init__(
        self,
        gateway: Gateway,
        catalogue: InstrumentCatalogue,
        clock: EngineClock,
        *,
        roster: Sequence[StrategySpec] = (),
        limits: RiskLimits | None = None,
        events: EventLog | None = None,
        recv_window_ms: int = 2_000,
        protection: ProtectionRules | None = None,
    ) -> None:
        self.gateway = gateway
        self.catalogue = catalogue
        self.clock = clock
        self.told: list[OrderReport] = []
        self.middle: Price = PRICE  # of the quotes that it is shown
        self.core = ExecutionCore(
            catalogue=catalogue,
            strategies=roster or [strategy(symbol=catalogue[0].symbol)],
            limits=limits or risk_limits(),
            signal_rules=signal_rules(),
            order_rules=msgspec.structs.replace(
                order_rules(is_synced=True), receive_window_ms=recv_window_ms, fence_margin_ms=100
            ),
            capital=CAPITAL,
            ledger=Ledger(),
            epoch=1,
            protection_rules=protection,
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
            tell=self.told.append,
        )
        self._signals = 0
        self.events = events or EventLog()

    def quote_of(self, instrument_id: int) -> Quote:
        """Return a fresh quote around what a test says the price is."""
        return quote(instrument_id, self.middle, received_at=self.clock.now())

    async def buy(self) -> None:
        """Take a signal to buy a lot at the market."""
        await self.wish(OrderType.MARKET)

    async def rest(self, limit_price: Price = FAR_BELOW, quantity: Quantity = LOT) -> None:
        """Take a signal to buy far below the market."""
        await self.wish(OrderType.LIMIT, limit_price, quantity=quantity)

    def position(self) -> int:
        """Return what the strategy holds."""
        return self.core.ledger.position("ema_cross-1", self.catalogue[0].symbol).quantity

    def order(self, attempt: int = 1, signal_number: int = 0) -> Order | None:
        """Return an order of the last signal, or of another; None before it was made."""
        number = signal_number or self._signals
        return self.core.ledger.find_order(f"G00-7-1-{number}-{attempt}0")

    def state(self, attempt: int = 1, signal_number: int = 0) -> OrderState | None:
        """Return where that order stands."""
        order = self.order(attempt, signal_number)
        return None if order is None else order.state

    def leap(self, span: Nanos) -> None:
        """Let the engine's time pass at once, and do what has fallen due."""
        self.clock.offset += span
        self.engine.on_time()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Do what falls due until something holds."""
        async with asyncio.timeout(DEADLINE_S):
            while not is_so():
                self.engine.on_time()
                await asyncio.sleep(_POLL_S)

    async def wish(
        self,
        order_type: OrderType,
        limit_price: Price = 0,
        *,
        side: Side = Side.BUY,
        time_in_force: TimeInForce = TimeInForce.GTC,
        quantity: Quantity = LOT,
        target_price: Price = 0,
    ) -> None:
        """Take a signal for a lot unless told otherwise, good for a minute."""
        self._signals += 1
        wish = signal(
            self._signals,
            side=side,
            quantity=quantity,
            order_type=order_type,
            time_in_force=time_in_force,
            limit_price=limit_price,
            target_price=target_price,
            position=self.position(),
            expires_at=self.clock.now() + 60 * NANOS_PER_SECOND,
            received_at=self.clock.now(),
        )
        await self.engine.execute_trade(wish)


@asynccontextmanager
async def trading_at_a_venue(
    *symbols: str,
    config: VenueConfig | None = None,
    recv_window_ms: int = 2_000,
    protection: ProtectionRules | None = None,
) -> AsyncIterator[tuple[Trader, VenueServer, str]]:
    """Start an engine on a venue of its own; yield also the venue and its address."""
    events = EngineEvents()
    async with open_venue(config or model_config()) as (server, address):
        gateway = make_gateway(
            endpoints_of(address).ws_api_url,
            events,
            signer=make_signer(API_KEY, ED25519_PEM),
            recv_window_ms=recv_window_ms,
        )
        async with running(gateway):
            await gateway.wait_ready(READY_WITHIN)
            listed = await gateway.instruments(symbols)
            assert isinstance(listed, tuple)
            trader = Trader(
                gateway,
                InstrumentCatalogue(listed),
                EngineClock.start(),
                events=events,
                recv_window_ms=recv_window_ms,
                protection=protection,
            )
            events.engine = trader.engine
            await trader.engine.start("boot")
            await trader.engine.recovered()
            yield trader, server, address
            await trader.engine.begin_stop()
            await trader.engine.finish_stop()
