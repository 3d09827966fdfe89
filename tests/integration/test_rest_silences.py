"""The way over REST when it leads nowhere, or only to limits: what is lost, kept and given up."""

import asyncio
import time
from typing import Final

from genesis.clock import EngineClock
from genesis.exchange.binance.outcomes import Fate, Lost, Reply
from genesis.exchange.binance.rest_client import RestClient
from genesis.exchange.binance.rest_requests import public_request
from genesis.exchange.gateway import (
    Found,
    NoAnswer,
    NotSent,
    Unknown,
)
from genesis.exchange.rate_limits import EXECUTOR_SHARES, FEED_SHARES, MINUTE_MS, RateLimits
from genesis.exchange.request_cost import LimitKind
from genesis.exchange.request_gate import RequestGate
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from tests.support.exchange_builders import (
    ORDER_ID,
    order_reply,
    quiet_log,
)
from tests.support.gateways import DEADLINE_S, ample_budget
from tests.support.rest_paths import path_to
from tests.support.scripted_rest import (
    RestAnswer,
    RestCall,
    ScriptedRest,
    answers,
    stays_mute,
)

SYMBOL: Final = "BTCUSDT"
SOON_MS: Final = 500
POLL_S: Final = 0.01


def weight_used(limits: RateLimits, now_ms: int) -> int:
    """Return what is used of the address's weight at a time."""
    (weight,) = (
        usage.used for usage in limits.usage(now_ms) if usage.kind is LimitKind.REQUEST_WEIGHT
    )
    return weight


# What it does to the address's limits.


async def test_counts_in_headers_are_learned() -> None:
    """What else uses the address is found out with the next reply, over REST as anywhere."""
    limits = RateLimits(EXECUTOR_SHARES, reserve_bps=2_000)
    async with ScriptedRest() as rest, path_to(rest.url, limits=limits) as path:
        used = answers({"serverTime": 5}, X_MBX_USED_WEIGHT="4321", X_MBX_USED_WEIGHT_1M="4321")
        rest.on("GET", "/time", used)
        assert await path.venue_time_ms() == 5
    assert weight_used(limits, time.time_ns() // NANOS_PER_MS) == 4321


async def test_an_address_that_is_told_to_wait_asks_nothing() -> None:
    """A ban is obeyed before the next request is written; whoever asks is told until when."""
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        banned = answers({"code": -1003, "msg": "Banned."}, 418, Retry_After="600")
        rest.on("GET", "/time", banned)
        refused = await path.venue_time_ms()
        held = await path.venue_time_ms()
        assert len(await rest.received("/time")) == 1
    assert isinstance(refused, NoAnswer)
    assert isinstance(held, NoAnswer)
    assert held.retry_at_ms == refused.retry_at_ms > 0


async def test_a_question_that_is_given_up_is_accounted_for() -> None:
    """Whoever no longer waits has asked all the same: the venue counted it, in one window."""
    limits = RateLimits(EXECUTOR_SHARES, reserve_bps=2_000)
    async with ScriptedRest() as rest, path_to(rest.url, limits=limits) as path:
        rest.on("GET", "/time", stays_mute)
        asking = asyncio.create_task(path.venue_time_ms())
        await rest.received("/time")
        asking.cancel()
        await asyncio.wait({asking})
    now_ms = time.time_ns() // NANOS_PER_MS
    assert asking.cancelled()
    assert weight_used(limits, now_ms) == 1
    assert weight_used(limits, now_ms + 2 * MINUTE_MS) == 0


# What is not answered.


async def test_a_mute_venue_is_given_up() -> None:
    """A cancel may have been taken; a question is simply unanswered."""
    async with ScriptedRest() as rest, path_to(rest.url, reply_timeout_ms=SOON_MS) as path:
        rest.on("DELETE", "/order", stays_mute)
        rest.on("GET", "/order", stays_mute)
        canceled, seen = await asyncio.gather(
            path.cancel(SYMBOL, ORDER_ID), path.query(SYMBOL, ORDER_ID)
        )
    assert isinstance(canceled, Unknown)
    assert f"no reply within {SOON_MS} ms" in canceled.reason
    assert isinstance(seen, NoAnswer)


async def test_nothing_is_sent_to_a_venue_that_is_not_there() -> None:
    """A refused connection took not one byte of a cancel."""
    async with ScriptedRest() as rest:
        url = rest.url
    async with path_to(url) as path:
        assert isinstance(await path.cancel(SYMBOL, ORDER_ID), NotSent)
        answer = await path.venue_time_ms()
    assert isinstance(answer, NoAnswer)
    assert "connection refused" in answer.reason
    assert url in answer.reason


async def test_a_connection_that_died_between_questions_is_replaced() -> None:
    """A kept connection that the venue has closed costs nobody an answer."""

    async def once(_call: RestCall) -> RestAnswer:
        return RestAnswer(body=b'{"serverTime":5}', headers=(("Connection", "close"),))

    async with ScriptedRest() as rest, path_to(rest.url) as path:
        rest.on("GET", "/time", once)
        assert [await path.venue_time_ms() for _ in range(3)] == [5, 5, 5]
        assert rest.connections == 3


async def test_a_venue_that_cannot_be_reached_is_not_stormed() -> None:
    """Orders in doubt ask many times a second; attempts to connect grow rarer all the same."""
    attempts = 0

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v3"
        async with path_to(url) as path:
            answers_seen = [await path.venue_time_ms() for _ in range(200)]
    assert all(isinstance(answer, NoAnswer) and answer.is_silence for answer in answers_seen)
    assert 0 < attempts < 20


async def test_a_venue_that_is_back_is_reached_again() -> None:
    """The retreat ends by itself."""
    async with ScriptedRest() as rest:
        port = rest.port
    async with path_to(rest.url) as path:
        assert isinstance(await path.venue_time_ms(), NoAnswer)
        async with ScriptedRest(port=port), asyncio.timeout(DEADLINE_S):
            answer = await path.venue_time_ms()
            while isinstance(answer, NoAnswer):
                await asyncio.sleep(POLL_S)
                answer = await path.venue_time_ms()


async def test_an_endless_body_is_cut_off() -> None:
    """Whoever sends more than is ever asked for is not read to the end."""
    clock, log = EngineClock.start(), quiet_log()
    limits = RateLimits(FEED_SHARES, reserve_bps=2_000)

    async def flood(_call: RestCall) -> RestAnswer:
        return RestAnswer(body=b" " * 2_000)

    async with ScriptedRest() as rest:
        client = RestClient(
            rest.url,
            tls=None,
            gate=RequestGate(
                limits, venue_ms=lambda: 0, budget=ample_budget(), clock=clock, log=log
            ),
            clock=clock,
            log=log,
            venue_ms=lambda: 0,
            body_bytes_max=1_000,
        )
        async with client:
            rest.on("GET", "/depth", flood)
            fate: Fate = await client.send(public_request("depth", {}), 20 * NANOS_PER_SECOND)
            assert isinstance(fate, Lost)
            assert "more than 1000 bytes" in fate.reason
            fate = await client.send(public_request("time", {}), 20 * NANOS_PER_SECOND)
            assert isinstance(fate, Reply)


async def test_questions_may_be_asked_side_by_side() -> None:
    """Many at once share a few connections, and each gets its own answer."""

    async def echo(call: RestCall) -> RestAnswer:
        client_order_id = call.params["origClientOrderId"]
        return await answers(order_reply(orderId=int(client_order_id)))(call)

    async with ScriptedRest() as rest, path_to(rest.url) as path:
        rest.on("GET", "/order", echo)
        async with asyncio.timeout(DEADLINE_S):
            seen = await asyncio.gather(*(path.query(SYMBOL, str(n)) for n in range(1, 31)))
        assert rest.connections <= 8
        assert len(await rest.received("/time")) == 5
    found = [outcome.report.venue_order_id for outcome in seen if isinstance(outcome, Found)]
    assert found == list(range(1, 31))
