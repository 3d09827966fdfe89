"""An engine whose socket dies with an order on its way: REST says what became of it.

Engine, gateway and REST client are the real ones, and so is the venue with its matching.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.orders import OrderState
from genesis.exchange.binance.rest_path import RestPath
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.connection_life import ConnectionPolicy
from genesis.exchange.fallback_gateway import FallbackGateway
from genesis.units import NANOS_PER_MS
from genesis.venue.connection_faults import ConnectionCut, ConnectionSilenced, HandshakeRefused
from genesis.venue.fault_terms import Fault
from genesis.venue.ledger import HistoryRange
from genesis.venue.request_faults import ReplyLost, RequestLost
from genesis.venue.server import VenueServer
from genesis.venue.stream_faults import EventLost
from tests.support.exchange_builders import ED25519_PEM, quiet_log
from tests.support.faults import LocalFaults
from tests.support.gateways import (
    DEADLINE_S,
    READY_WITHIN,
    GateKit,
    make_gateway,
    running,
)
from tests.support.trader import EngineEvents, Trader
from tests.support.venue import API_KEY, endpoints_of, model_config, open_venue

SYMBOL: Final = "BTCUSDT"
REPLY_TIMEOUT_MS: Final = 300
BACK_SOON: Final = ConnectionPolicy(delay_min=20 * NANOS_PER_MS, delay_max=200 * NANOS_PER_MS)

# Every handshake of the WebSocket API fails, so that what follows the cut comes over REST alone.
STAYS_AWAY: Final = HandshakeRefused(kind="api", times=0)


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
