"""The venue's rate limits: kept under a storm, and its refusals for rate waited out.

Whenever two times are compared here, both are of the venue's clock: nothing is measured.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.orders import OrderType, RefusalRule, ReportKind, Side
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.circuit_breaker import BreakerState
from genesis.exchange.gateway import Accepted, NoAnswer, NotSent, Rejected, SubmitOutcome
from genesis.exchange.request_cost import LimitKind
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from genesis.venue.exchange import ExchangeRules
from genesis.venue.ledger import HistoryRange
from genesis.venue.request_limits import RateLimit, RateLimits
from genesis.venue.server import VenueServer
from tests.support.builders import LOT, risk_limits, signal, strategy
from tests.support.exchange_builders import (
    ED25519_PEM,
    ORDER_ID,
    approved,
    failure,
    order_reply,
    success,
)
from tests.support.gateways import (
    DEADLINE_S,
    READY_WITHIN,
    GateKit,
    gateway_to,
    make_gateway,
    running,
)
from tests.support.scripted_venue import Answer, Request, ScriptedVenue, replies
from tests.support.trader import FAR_BELOW, EngineEvents, Trader
from tests.support.venue import API_KEY, endpoints_of, model_config, open_venue

SYMBOL: Final = "BTCUSDT"
POLL_S: Final = 0.02
STRATEGIES: Final = 40
WAVES_APART_S: Final = 0.15  # a strategy may signal ten times a second
ORDERS_IN_WINDOW: Final = 10
ENTRIES_IN_WINDOW: Final = 8  # a fifth is for orders that shrink a position
SMALL: Final = RateLimits(orders=RateLimit(ORDERS_IN_WINDOW, 1_000), weight=RateLimit(600, 60_000))
EAGER: Final = msgspec.structs.replace(
    risk_limits(), orders_per_second_max=1_000, open_orders_max=1_000
)


def venue_now_ms() -> int:
    """Return the time of a scripted venue."""
    return time.time_ns() // NANOS_PER_MS


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not is_so():  # noqa: ASYNC110, what holds is said by nobody
            await asyncio.sleep(POLL_S)


# A storm.


@asynccontextmanager
async def trading(kit: GateKit) -> AsyncIterator[tuple[Trader, VenueServer]]:
    """Start an engine of many strategies on a venue that allows little."""
    events = EngineEvents()
    config = model_config(rules=ExchangeRules(limits=SMALL))
    async with open_venue(config) as (server, address):
        signer = make_signer(API_KEY, ED25519_PEM)
        socket = make_gateway(endpoints_of(address).ws_api_url, events, kit=kit, signer=signer)
        async with running(socket):
            await socket.wait_ready(READY_WITHIN)
            listed = await socket.instruments((SYMBOL,))
            assert isinstance(listed, tuple)
            trader = Trader(
                socket,
                InstrumentCatalogue(listed),
                kit.clock,
                roster=[strategy(number, f"s-{number}") for number in range(STRATEGIES)],
                limits=EAGER,
            )
            events.engine = trader.engine
            await trader.engine.start("boot")
            await trader.engine.recovered()
            yield trader, server
            await trader.engine.begin_stop()
            await trader.engine.finish_stop()


async def storm(trader: Trader, sequence: int) -> None:
    """Have every strategy wish to buy, far below the market, so that the order stays unfilled."""
    expires_at = trader.clock.now() + 60 * NANOS_PER_SECOND
    await trader.engine.execute_trade(
        *(
            signal(
                sequence,
                strategy_number=number,
                quantity=LOT,
                order_type=OrderType.LIMIT,
                limit_price=FAR_BELOW,
                expires_at=expires_at,
                received_at=trader.clock.now(),
            )
            for number in range(STRATEGIES)
        )
    )


def orders_at(server: VenueServer) -> int:
    """Count all orders that the account ever had."""
    return len(server.exchange.orders(HistoryRange(account_id=1, symbol=SYMBOL, limit=1_000)))


async def test_a_storm_of_signals_never_earns_a_refusal_for_rate() -> None:
    """Over several windows: what has no room is refused by us, before an order is written down."""
    kit = GateKit()
    async with trading(kit) as (trader, server):
        sequence = 0
        async with asyncio.timeout(DEADLINE_S):
            while orders_at(server) < 2 * ORDERS_IN_WINDOW:  # no window takes that many
                sequence += 1
                await storm(trader, sequence)
                trader.engine.on_time()
                await asyncio.sleep(WAVES_APART_S)
        prepared = trader.core.ledger.state.orders_prepared
        assert prepared == orders_at(server), "nothing was written down only to be not sent"
        refused = [told for told in trader.told if told.kind is ReportKind.REFUSED]

    assert kit.gate.counters.throttled == 0
    assert RefusalRule.RATE_LIMIT.code in {told.reason_code for told in refused}


async def test_limits_are_those_that_the_venue_lists() -> None:
    """Read with the listing, before the first order has been answered."""
    kit = GateKit()
    async with trading(kit):
        limits = {
            (usage.kind, usage.interval_ms): usage.limit
            for usage in kit.gate.usage()
            if usage.kind is not LimitKind.RAW_REQUESTS
        }

    assert limits == {
        (LimitKind.REQUEST_WEIGHT, 60_000): 600,
        (LimitKind.ORDERS, 1_000): ORDERS_IN_WINDOW,
        (LimitKind.ORDERS, 86_400_000): 200_000,
    }


# Refusals for rate.


def refuses(code: int, status: int, until_ms: int) -> Answer:
    """Return an answer that refuses for rate until a time, and then accepts."""

    async def answer(connection: ServerConnection, request: Request) -> None:
        if venue_now_ms() < until_ms:
            frame = failure(request.id, code, "Too much.", status=status, retry_at_ms=until_ms)
        else:
            frame = success(request.id, order_reply(status="CANCELED"))
        await connection.send(frame, text=True)

    return answer


async def test_a_refusal_of_orders_is_waited_out_and_cancels_go_on() -> None:
    """-1015: the order is not followed by another before its time; nothing is sent meanwhile."""
    async with ScriptedVenue() as venue, gateway_to(venue.url, kit=GateKit()) as gateway:
        retry_at_ms = gateway.timestamp_ms() + 400
        venue.on("order.place", refuses(-1015, 429, retry_at_ms))
        venue.on("order.cancel", replies(order_reply(clientOrderId="c", status="CANCELED")))

        refused = await gateway.submit(approved(), timestamp_ms=gateway.timestamp_ms())
        assert refused == Rejected(-1015, "Too much.", retryable=True, retry_at_ms=retry_at_ms)
        held = await gateway.submit(approved(), timestamp_ms=gateway.timestamp_ms())
        assert isinstance(held, NotSent)
        assert held.retry_at_ms == retry_at_ms
        assert isinstance(await gateway.cancel(SYMBOL, ORDER_ID), Accepted)

        await until(lambda: gateway.timestamp_ms() >= held.retry_at_ms)
        sent = await gateway.submit(approved(), timestamp_ms=gateway.timestamp_ms())
        assert isinstance(sent, Accepted)
        assert len(await venue.received("order.place", 2)) == 2


async def test_a_refusal_for_weight_is_waited_out_by_everything() -> None:
    """-1003: cancels and queries too, since who goes on asking is banned."""
    async with ScriptedVenue() as venue, gateway_to(venue.url, kit=GateKit()) as gateway:
        retry_at_ms = gateway.timestamp_ms() + 400
        venue.on("order.status", refuses(-1003, 429, retry_at_ms))
        before = len(venue.requests)
        refused = await gateway.query(SYMBOL, ORDER_ID)
        assert isinstance(refused, NoAnswer)
        assert refused.retry_at_ms == retry_at_ms
        held = [
            await gateway.query(SYMBOL, ORDER_ID),
            await gateway.cancel(SYMBOL, ORDER_ID),
            await gateway.submit(approved(), timestamp_ms=gateway.timestamp_ms()),
            await gateway.venue_time_ms(),
            await gateway.account(),
        ]
        assert all(isinstance(answer, NoAnswer | NotSent) for answer in held)
        assert {
            answer.retry_at_ms for answer in held if isinstance(answer, NoAnswer | NotSent)
        } == {retry_at_ms}
        assert len(venue.requests) == before + 1

        await until(lambda: gateway.timestamp_ms() >= retry_at_ms)
        assert not isinstance(await gateway.query(SYMBOL, ORDER_ID), NoAnswer)


async def test_a_ban_keeps_every_connection_away_until_it_is_lifted() -> None:
    """418: the socket stays while it lives; when it is gone, none is opened before its time."""
    kit = GateKit()
    async with ScriptedVenue() as venue, gateway_to(venue.url, kit=kit) as gateway:
        retry_at_ms = gateway.timestamp_ms() + 600
        venue.on("order.status", refuses(-1003, 418, retry_at_ms))
        assert isinstance(await gateway.query(SYMBOL, ORDER_ID), NoAnswer)
        venue.cut()
        times = len(await venue.received("time"))
        await venue.received("time", times + 1)  # the first thing that a new connection is asked
        assert venue_now_ms() >= retry_at_ms
        await until(lambda: gateway.is_ready)
        assert gateway.connections == 2
        assert not isinstance(await gateway.query(SYMBOL, ORDER_ID), NoAnswer)


async def test_what_the_gate_holds_is_never_sent() -> None:
    """A held order is definite: neither the end of the hold nor a new connection brings it out."""
    kit = GateKit()
    async with ScriptedVenue() as venue, gateway_to(venue.url, kit=kit) as gateway:
        venue.on("order.place", replies(order_reply(clientOrderId="second")))
        retry_at_ms = gateway.timestamp_ms() + 100
        kit.limits.throttle_orders(retry_at_ms, gateway.timestamp_ms())
        prepared = gateway.build_submit(approved(), timestamp_ms=gateway.timestamp_ms())
        assert isinstance(await gateway.submit_prepared(prepared), NotSent)
        venue.cut()
        await until(lambda: gateway.connections == 2 and gateway.is_ready)
        await until(lambda: gateway.timestamp_ms() >= retry_at_ms)
        second = approved(client_order_id="second")
        await gateway.submit(second, timestamp_ms=gateway.timestamp_ms())
        requests = await venue.received("order.place")
    assert [request.params["newClientOrderId"] for request in requests] == ["second"]


# A venue that fails.


async def fails(connection: ServerConnection, request: Request) -> None:
    """Answer as a venue that does not manage."""
    await connection.send(failure(request.id, -1000, "Unknown error.", status=500), text=True)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL], ids=["entry", "exit"])
async def test_a_venue_that_fails_orders_gets_no_entry_until_it_answers_a_probe(side: Side) -> None:
    """Exits are still tried; the probe is a harmless read that the gate sees to by itself."""
    kit = GateKit(failures_max=3, cool_down=20 * NANOS_PER_MS)
    async with ScriptedVenue() as venue, gateway_to(venue.url, kit=kit) as gateway:

        async def submit() -> SubmitOutcome:
            return await gateway.submit(approved(side=side), timestamp_ms=gateway.timestamp_ms())

        venue.on("order.place", fails)
        for _ in range(3):
            await submit()
        assert kit.gate.breaker_state is BreakerState.OPEN
        venue.on("order.place", replies(order_reply()))
        outcome = await submit()
        if side is Side.SELL:
            assert isinstance(outcome, Accepted)
        else:
            assert isinstance(outcome, NotSent)
            assert "circuit_breaker" in outcome.reason
            assert len(await venue.received("order.place")) == 3

        probing = asyncio.create_task(kit.gate.keep_probing(gateway.venue_time_ms))
        await until(lambda: kit.gate.breaker_state is BreakerState.CLOSED)
        probing.cancel()
        await asyncio.wait({probing})
        assert isinstance(await submit(), Accepted)


async def test_a_venue_that_is_gone_opens_the_breaker_and_its_return_closes_it() -> None:
    """Connections that fail are failures like any; a session that opens is better than a probe."""
    kit = GateKit(failures_max=3, cool_down=1_000 * NANOS_PER_SECOND)
    async with ScriptedVenue() as venue, gateway_to(venue.url, kit=kit) as gateway:
        await venue.stop()
        await until(lambda: kit.gate.breaker_state is BreakerState.OPEN)
        assert gateway.order_hold(is_reduction=False, ahead=0) is not None
        await venue.start()
        await until(lambda: gateway.is_ready)
        assert kit.gate.breaker_state is BreakerState.CLOSED
        assert gateway.order_hold(is_reduction=False, ahead=0) is None
