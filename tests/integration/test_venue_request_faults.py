"""Faults that a test asks for befall requests, on real sockets: what clients and books say then.

Each strikes the request it was armed for and no other, over the WebSocket API and over REST.
"""

import asyncio

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from genesis.venue.answers import ANSWERS
from genesis.venue.request_faults import (
    Answered,
    CancelOvertaken,
    ErrorPage,
    EventFirst,
    OrderHidden,
    QueueDelayed,
    ReplyDelayed,
    ReplyDoubled,
    ReplyGarbled,
    ReplyLost,
    ReplyMisaddressed,
    RequestCut,
    RequestDelayed,
    RequestLost,
)
from tests.support.faults import LocalFaults
from tests.support.raw_http import raw_client
from tests.support.venue import DEADLINE_SECONDS, api_client, at, model_config, open_venue
from tests.support.venue_orders import (
    code_of,
    naming,
    order,
    resting_order,
    send_order,
    status_of,
    trades_in_books,
    until_known,
)


async def test_one_request_is_lost() -> None:
    """Neither executed nor answered; the next one is both."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        async with LocalFaults(server).during(RequestLost(method="order.place")):
            await send_order(client, "lost")
            await client.result("order.place", **order("found"))
        assert code_of(await status_of(client, "lost")) == -2013
        assert trades_in_books(server) == 1
        assert client.events == []


async def test_one_reply_is_lost() -> None:
    """The order fills, and only a query tells."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        async with LocalFaults(server).during(ReplyLost(method="order.place")):
            await send_order(client)
            await until_known(client)
        assert client.events == []


async def test_the_order_that_is_named_is_struck() -> None:
    """Of two orders on their way the one with the client order id."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        async with LocalFaults(server).during(RequestLost(client_order_id="second")):
            await client.result("order.place", **order("first"))
            await send_order(client, "second")
            await client.result("order.place", **order("third"))
        assert code_of(await status_of(client, "second")) == -2013


async def test_a_delayed_request_may_grow_too_old() -> None:
    """It is refused where it would have been matched; in the queue behind that it is not."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        faults = LocalFaults(server)
        async with faults.during(RequestDelayed(method="order.place", delay_ms=60)):
            reply = await client.call("order.place", **order(recvWindow=30))
            assert code_of(reply) == -1021
        async with faults.during(QueueDelayed(method="order.place", delay_ms=60)):
            assert (await client.call("order.place", **order(recvWindow=30)))["status"] == 200


@pytest.mark.parametrize("fault", [ReplyDelayed(delay_ms=40), EventFirst()], ids=["late", "first"])
async def test_events_overtake_their_reply(fault: ReplyDelayed | EventFirst) -> None:
    """The fill is told before the placement is answered."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.log_on()
        async with LocalFaults(server).during(fault):
            await client.result("order.place", **order())
        kinds = [at(event, "event", "e") for event in client.events]
        assert kinds[:2] == ["executionReport", "executionReport"]


async def test_a_reply_comes_twice() -> None:
    """Word for word."""
    async with (
        open_venue(model_config()) as (server, address),
        api_client(address) as client,
        LocalFaults(server).during(ReplyDoubled(method="ping", delay_ms=5)),
    ):
        await client.send("ping")
        async with asyncio.timeout(DEADLINE_SECONDS):
            first = await client.connection.recv()
            assert await client.connection.recv() == first


async def test_a_reply_cannot_be_read() -> None:
    """It breaks off in its middle; the order was executed."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        async with LocalFaults(server).during(ReplyGarbled(method="order.place")):
            await send_order(client)
            async with asyncio.timeout(DEADLINE_SECONDS):
                message = await client.connection.recv()
            with pytest.raises(msgspec.DecodeError):
                msgspec.json.decode(message)
        await until_known(client)


async def test_a_reply_is_nobodys() -> None:
    """It is whole, under an id that no request had."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        async with LocalFaults(server).during(ReplyMisaddressed(method="order.place")):
            sent = await send_order(client)
            async with asyncio.timeout(DEADLINE_SECONDS):
                reply = msgspec.json.decode(await client.connection.recv())
            assert reply["status"] == 200
            assert reply["id"] != sent
        await until_known(client)


async def test_a_request_is_answered_with_a_code() -> None:
    """Each in its own words and status; what it leaves open was not executed here."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        for code in sorted(ANSWERS):
            async with LocalFaults(server).during(Answered(code=code, method="order.place")):
                reply = await client.call("order.place", **order())
            assert code_of(reply) == code
            assert reply["status"] not in (200, None)
            if code in (-1003, -1015):
                retry_at, told_at = (
                    at(reply, "error", "data", name) for name in ("retryAfter", "serverTime")
                )
                assert isinstance(retry_at, int)
                assert isinstance(told_at, int)
                assert 0 < retry_at - told_at <= 1_000
        assert trades_in_books(server) == 0


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007])
async def test_what_is_unknown_may_be_executed_behind_the_answer(code: int) -> None:
    """The answer comes first; the order is in the books soon after."""
    fault = Answered(code=code, method="order.place", executed=True, delay_ms=40)
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        async with LocalFaults(server).during(fault):
            assert code_of(await client.call("order.place", **order())) == code
            assert trades_in_books(server) == 0
        await until_known(client)
        assert trades_in_books(server) >= 1


async def test_the_engine_refuses_in_any_words() -> None:
    """-2010 with the text of the moment, once."""
    text = "This symbol is restricted for this account."
    fault = Answered(code=-2010, text=text, method="order.place")
    async with (
        open_venue(model_config()) as (server, address),
        api_client(address) as client,
        LocalFaults(server).during(fault),
    ):
        reply = await client.call("order.place", **order())
        assert at(reply, "error", "msg") == text
        await client.result("order.place", **order())


@pytest.mark.parametrize("is_executed", [False, True], ids=["not executed", "executed"])
async def test_a_page_answers_in_place_of_the_venue(is_executed: bool) -> None:  # noqa: FBT001
    """Over REST it is HTML, on a socket JSON of that status; the order is in the books or not."""
    fault = ErrorPage(status=503, executed=is_executed, times=2)
    async with (
        open_venue(model_config()) as (server, address),
        api_client(address) as client,
        raw_client(address) as http,
    ):
        async with LocalFaults(server).during(fault):
            page = await http.ask("GET /api/v3/time")
            assert (page.status, page.headers["content-type"]) == (503, "text/html")
            assert page.body.startswith(b"<html>")
            assert (await client.call("order.place", **order()))["status"] == 503
        assert (trades_in_books(server) > 0) is is_executed
        assert (await http.ask("GET /api/v3/time")).status == 200


@pytest.mark.parametrize("status", [403, 451])
async def test_a_page_may_shut_clients_out(status: int) -> None:
    """The firewall's or the lawyers', until it is cleared."""
    async with open_venue(model_config()) as (server, address), raw_client(address) as http:
        async with LocalFaults(server).during(ErrorPage(status=status, times=0)):
            pages = [await http.ask("GET /api/v3/exchangeInfo") for _ in range(2)]
            assert [page.status for page in pages] == [status, status]
        assert (await http.ask("GET /api/v3/ping")).status == 200


@pytest.mark.parametrize("is_executed", [False, True], ids=["not executed", "executed"])
async def test_a_request_costs_its_connection(is_executed: bool) -> None:  # noqa: FBT001
    """No reply, no close; the order is in the books or not."""
    async with open_venue(model_config()) as (server, address):
        async with (
            LocalFaults(server).during(RequestCut(method="order.place", executed=is_executed)),
            api_client(address) as client,
        ):
            await send_order(client)
            with pytest.raises(ConnectionClosed) as caught:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    await client.connection.recv()
            assert caught.value.rcvd is None
        assert (trades_in_books(server) > 0) is is_executed


async def test_queries_are_blind_to_an_order_for_a_while() -> None:
    """-2013 about an order that has filled, then the truth."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        async with LocalFaults(server).during(OrderHidden(hidden_ms=200)):
            await client.result("order.place", **order())
            assert code_of(await status_of(client)) == -2013
        await until_known(client)


async def test_a_cancel_comes_too_late() -> None:
    """The order fills just before: -2011, its fill's event, and a query that says FILLED."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.log_on()
        await client.result("order.place", **resting_order())
        async with LocalFaults(server).during(CancelOvertaken()):
            reply = await client.call("order.cancel", **naming())
            assert (code_of(reply), at(reply, "error", "msg")) == (-2011, "Unknown order sent.")
        filled = await client.event(lambda event: event.get("X") == "FILLED")
        assert (filled["z"], filled["m"]) == ("0.00100000", True)
        assert at(await status_of(client), "result", "status") == "FILLED"


async def test_rest_is_struck_alone() -> None:
    """Both transports carry the same methods; a fault can name one of them."""
    async with (
        open_venue(model_config()) as (server, address),
        api_client(address) as client,
        raw_client(address) as http,
    ):
        faults = LocalFaults(server)
        async with faults.during(Answered(code=-1008, transport="rest", method="time")):
            await client.result("time")
            refused = await http.ask("GET /api/v3/time")
        assert (refused.status, msgspec.json.decode(refused.body)["code"]) == (503, -1008)
        async with faults.during(Answered(code=-1003, transport="rest", retry_after_ms=2_500)):
            assert (await http.ask("GET /api/v3/time")).headers["retry-after"] == "3"
        async with faults.during(ReplyGarbled(transport="rest", method="exchangeInfo")):
            garbled = await http.ask("GET /api/v3/exchangeInfo")
        assert garbled.status == 200
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(garbled.body)
        async with faults.during(RequestCut(transport="rest")):
            http.send(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await http.rest() == b""


async def test_rest_waits_for_a_reply_that_never_comes() -> None:
    """The connection stays open and silent; another one is served."""
    async with (
        open_venue(model_config()) as (server, address),
        raw_client(address) as http,
        raw_client(address) as other,
        LocalFaults(server).during(ReplyLost(method="ping")),
    ):
        http.send(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(20):
            assert (await other.ask("GET /api/v3/time")).status == 200
        assert await http.arrived() == b""
