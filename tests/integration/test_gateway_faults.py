"""Faults on the order path, played by a scripted venue over real sockets.

Every scene ends in a typed outcome; none sends an order twice, none closes a connection that others
still need.
"""

import asyncio

import pytest
from websockets.asyncio.server import ServerConnection

from genesis.domain.orders import ExecutionReport, OrderState
from genesis.exchange.gateway import (
    Accepted,
    Gateway,
    NoAnswer,
    NotFound,
    NotOpen,
    NotSent,
    PreparedRequest,
    Rejected,
    StreamGap,
    SubmitOutcome,
    Unknown,
)
from genesis.units import NANOS_PER_MS
from tests.support.exchange_builders import (
    FILLED_NOW,
    MAKER_FILL,
    ORDER_ID,
    approved,
    failure,
    order_reply,
    report_event,
    success,
    trade_row,
    user_event,
)
from tests.support.gateways import DEADLINE_S, EventLog, gateway_to, make_gateway, running
from tests.support.scripted_venue import (
    Request,
    ScriptedVenue,
    cuts_the_connection,
    replies,
    stays_silent,
)

SOON_MS = 50


def prepare(gateway: Gateway, client_order_id: str = ORDER_ID) -> PreparedRequest:
    """Return an order ready to be written."""
    return gateway.build_submit(
        approved(client_order_id=client_order_id), timestamp_ms=gateway.timestamp_ms()
    )


async def submit(gateway: Gateway, client_order_id: str = ORDER_ID) -> SubmitOutcome:
    """Submit one order."""
    async with asyncio.timeout(DEADLINE_S):
        return await gateway.submit_prepared(prepare(gateway, client_order_id))


async def test_an_order_is_accepted_with_its_fills() -> None:
    """The reply alone says what was traded; the request carried the journaled timestamp."""
    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("order.place", replies(order_reply(**FILLED_NOW)))
        outcome = await gateway.submit(approved(), timestamp_ms=1780000000000)
        assert isinstance(outcome, Accepted)
        assert [fill.trade_id for fill in outcome.fills] == [56, 57]
        (request,) = await venue.received("order.place")
    assert request.params["timestamp"] == 1780000000000
    assert request.params["recvWindow"] == 2000
    assert "signature" not in request.params


async def test_an_order_is_written_before_submit_returns() -> None:
    """The caller knows at once whether bytes left, and may sign the next while this one travels."""
    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("order.place", replies(order_reply()))
        first, second = prepare(gateway), prepare(gateway)
        assert first.request_id != second.request_id
        pending = gateway.submit_prepared(first)
        assert not pending.done()
        await venue.received("order.place")
        assert isinstance(await pending, Accepted)


async def test_a_lost_reply_leaves_the_outcome_unknown_and_the_connection_open() -> None:
    """One silent request is given up; the next on the same connection is answered."""
    async with (
        ScriptedVenue() as venue,
        gateway_to(venue.url, reply_timeout_ms=SOON_MS) as gateway,
    ):
        venue.on("order.place", stays_silent)
        assert await submit(gateway) == Unknown(f"no reply within {SOON_MS} ms")
        venue.on("order.place", replies(order_reply(clientOrderId="G0a-1-2-4-00")))
        assert isinstance(await submit(gateway, "G0a-1-2-4-00"), Accepted)
        assert gateway.connections == 1
        assert len(await venue.received("order.place")) == 2


async def test_a_late_reply_is_not_taken_for_another() -> None:
    """The answer to the first order arrives during the second: each keeps its own fate."""
    held: list[Request] = []

    async def hold_the_first(connection: ServerConnection, request: Request) -> None:
        held.append(request)
        if len(held) == 2:
            late = failure(held[0].id, -2010, "Market is closed.")
            await connection.send(late, text=True)
            reply = order_reply(clientOrderId="G0a-1-2-4-00")
            await connection.send(success(request.id, reply), text=True)

    async with (
        ScriptedVenue() as venue,
        gateway_to(venue.url, reply_timeout_ms=SOON_MS * 4) as gateway,
    ):
        venue.on("order.place", hold_the_first)
        assert isinstance(await submit(gateway), Unknown)
        assert isinstance(await submit(gateway, "G0a-1-2-4-00"), Accepted)
        assert gateway.counters.late_replies == 1


async def test_replies_in_reverse_order_find_their_orders() -> None:
    """Ten orders in flight, answered last first."""
    ids = [f"G0a-1-2-{number}-00" for number in range(1, 10)]
    held: list[Request] = []

    async def answer_when_complete(connection: ServerConnection, request: Request) -> None:
        held.append(request)
        if len(held) == len(ids):
            for one in reversed(held):
                reply = order_reply(clientOrderId=one.params["newClientOrderId"])
                await connection.send(success(one.id, reply), text=True)

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("order.place", answer_when_complete)
        pending = [gateway.submit_prepared(prepare(gateway, client_id)) for client_id in ids]
        async with asyncio.timeout(DEADLINE_S):
            outcomes = await asyncio.gather(*pending)
    reports = [outcome.report for outcome in outcomes if isinstance(outcome, Accepted)]
    assert [report.client_order_id for report in reports] == ids


async def test_an_event_may_overtake_its_reply() -> None:
    """The fill is handed out before the placement is known to have been accepted."""

    async def fill_then_reply(connection: ServerConnection, request: Request) -> None:
        await connection.send(user_event(report_event(**MAKER_FILL)), text=True)
        await connection.send(success(request.id, order_reply()), text=True)

    events = EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=events) as gateway:
        venue.on("order.place", fill_then_reply)
        assert isinstance(await submit(gateway), Accepted)
        report = await events.first(ExecutionReport)
    assert report.fill is not None
    assert report.client_order_id == ORDER_ID


async def test_garbage_between_replies_is_passed_over() -> None:
    """Frames that are no JSON, no object or no protocol cost a counter each."""

    async def rave(connection: ServerConnection, request: Request) -> None:
        for frame in (b"<html>502</html>", b"[]", b'"x"', b'{"id":[]}', b"{"):
            await connection.send(frame, text=True)
        await connection.send(b"\x00\x01")
        await connection.send(success(request.id, order_reply()), text=True)

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("order.place", rave)
        assert isinstance(await submit(gateway), Accepted)
        assert gateway.counters.unreadable_messages == 6
        assert gateway.connections == 1


async def test_an_unreadable_success_is_unknown() -> None:
    """A status of 200 without a readable order proves nothing."""
    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("order.place", replies({"orderId": "one"}))
        assert isinstance(await submit(gateway), Unknown)


async def test_a_connection_cut_before_the_reply_leaves_the_outcome_unknown() -> None:
    """The order may be live. The gateway returns, tells of the gap, and repeats nothing."""
    events = EventLog()
    async with ScriptedVenue() as venue, gateway_to(venue.url, log=events) as gateway:
        venue.on("order.place", cuts_the_connection)
        outcome = await submit(gateway)
        assert isinstance(outcome, Unknown)
        gap = await events.first(StreamGap)
        assert gap.from_at <= gap.to_at
        assert gateway.is_ready
        assert len(await venue.received("order.place")) == 1


async def test_without_a_connection_nothing_is_sent() -> None:
    """An order is refused at once while the venue is away; reads have no answer."""
    async with ScriptedVenue() as venue:
        url = venue.url
    async with running(make_gateway(url, EventLog())) as gateway:
        assert await submit(gateway) == NotSent("not connected")
        assert await gateway.cancel("BTCUSDT", ORDER_ID) == NotSent("not connected")
        assert await gateway.query("BTCUSDT", ORDER_ID) == NoAnswer("not connected")
        assert await gateway.venue_time_ms() == NoAnswer("not connected")
        assert await gateway.account() == NoAnswer("not connected")


@pytest.mark.parametrize(
    ("code", "reason", "status", "outcome"),
    [
        (-1013, "Filter failure: LOT_SIZE", 400, Rejected),
        (-1022, "Signature for this request is not valid.", 400, Rejected),
        (-2010, "Account has insufficient balance for requested action.", 400, Rejected),
        (-2015, "Invalid API-key, IP, or permissions for action.", 401, Rejected),
        (-2010, "Duplicate order sent.", 400, Unknown),
        (-1000, "An unknown error occurred while processing the request.", 500, Unknown),
        (-1001, "Internal error; unable to process your request.", 500, Unknown),
        (-1006, "An unexpected response was received from the message bus.", 500, Unknown),
        (-1007, "Timeout waiting for response from backend server.", 408, Unknown),
    ],
)
async def test_every_refusal_is_final_or_unknown(
    code: int, reason: str, status: int, outcome: type[Rejected] | type[Unknown]
) -> None:
    """What the venue says decides what may follow, and the connection stays."""

    async def refuse(connection: ServerConnection, request: Request) -> None:
        await connection.send(failure(request.id, code, reason, status=status), text=True)

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("order.place", refuse)
        answer = await submit(gateway)
        assert isinstance(answer, outcome)
        assert not isinstance(answer, Rejected) or not answer.retryable
        assert gateway.connections == 1
        assert len(await venue.received("order.place")) == 1


@pytest.mark.parametrize(
    ("code", "status"), [(-1003, 429), (-1003, 418), (-1008, 503), (-1015, 429)]
)
async def test_a_refusal_for_rate_says_when_to_come_back(code: int, status: int) -> None:
    """It is definite, so a new intent may follow, after the time that the venue names."""

    async def refuse(connection: ServerConnection, request: Request) -> None:
        frame = failure(request.id, code, "Too much.", status=status, retry_at_ms=1780000060000)
        await connection.send(frame, text=True)

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("order.place", refuse)
        assert await submit(gateway) == Rejected(
            code, "Too much.", retryable=True, retry_at_ms=1780000060000
        )


async def test_a_refused_timestamp_measures_the_clock_anew() -> None:
    """The venue's clock jumped: -1021 is retryable, and the next order is stamped with its time."""
    jump_ms = 60_000

    async def refuse(connection: ServerConnection, request: Request) -> None:
        reason = "Timestamp for this request is outside of the recvWindow."
        await connection.send(failure(request.id, -1021, reason), text=True)

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        before = len(await venue.received("time"))
        venue.clock_offset_ms = jump_ms
        venue.on("order.place", refuse)
        outcome = await submit(gateway)
        assert isinstance(outcome, Rejected)
        assert outcome.retryable
        async with asyncio.timeout(DEADLINE_S):
            await venue.received("time", before + 5)
            await gateway.venue_time_ms()  # answered after those five
        assert abs(gateway.clock_offset - jump_ms * NANOS_PER_MS) < 5000 * NANOS_PER_MS


async def test_cancels_and_queries_name_the_order_by_our_id() -> None:
    """A cancel may find nothing open, a query nothing at all; both say so."""

    async def no_such_open_order(connection: ServerConnection, request: Request) -> None:
        await connection.send(failure(request.id, -2011, "Unknown order sent."), text=True)

    async def no_such_order(connection: ServerConnection, request: Request) -> None:
        await connection.send(failure(request.id, -2013, "Order does not exist."), text=True)

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("order.cancel", replies(order_reply(clientOrderId="c", status="CANCELED")))
        canceled = await gateway.cancel("BTCUSDT", ORDER_ID)
        assert isinstance(canceled, Accepted)
        assert canceled.report.state is OrderState.CANCELED
        venue.on("order.cancel", no_such_open_order)
        assert await gateway.cancel("BTCUSDT", ORDER_ID) == NotOpen("Unknown order sent.")
        venue.on("order.status", no_such_order)
        assert await gateway.query("BTCUSDT", ORDER_ID) == NotFound()
        (request,) = await venue.received("order.status")
    assert request.params["origClientOrderId"] == ORDER_ID


async def test_trades_are_read_to_the_last_page() -> None:
    """A full page is followed by the next, from the trade after its last."""
    first_page = [trade_row(trade_id) for trade_id in range(1000)]

    async def page(connection: ServerConnection, request: Request) -> None:
        rows = first_page if request.params["fromId"] == 0 else [trade_row(1000)]
        await connection.send(success(request.id, list(rows)), text=True)

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("myTrades", page)
        fills = await gateway.trades_of_order("BTCUSDT", 101)
        assert not isinstance(fills, NoAnswer)
        assert [fill.trade_id for fill in fills] == list(range(1001))
        requests = await venue.received("myTrades", 2)
    assert [request.params["fromId"] for request in requests] == [0, 1000]
    assert all(request.params["orderId"] == 101 for request in requests)


async def test_orders_are_read_to_the_last_page() -> None:
    """The first page begins at a time, each further one behind the last order of the one before."""
    first_page = [order_reply(orderId=number) for number in range(1, 1001)]

    async def page(connection: ServerConnection, request: Request) -> None:
        rows = first_page if "startTime" in request.params else [order_reply(orderId=1001)]
        await connection.send(success(request.id, list(rows)), text=True)

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("allOrders", page)
        orders = await gateway.orders_since("BTCUSDT", 5 * NANOS_PER_MS)
        assert isinstance(orders, tuple)
        assert [order.venue_order_id for order in orders] == list(range(1, 1002))
        first, second = await venue.received("allOrders", 2)
    assert first.params["startTime"] == 5
    assert second.params["orderId"] == 1001


async def test_half_a_list_of_orders_is_no_list() -> None:
    """An order that is missing from it would never be adopted."""

    async def fail(connection: ServerConnection, request: Request) -> None:
        await connection.send(failure(request.id, -1001, "Internal error.", status=500), text=True)

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("allOrders", fail)
        assert await gateway.orders_since("BTCUSDT", 0) == NoAnswer("Internal error.", -1001)


async def test_half_a_list_of_trades_is_no_list() -> None:
    """If a later page fails, nothing is returned: fills would be missing unnoticed."""

    async def fail_later(connection: ServerConnection, request: Request) -> None:
        if request.params["fromId"] == 0:
            rows = [trade_row(trade_id) for trade_id in range(1000)]
            await connection.send(success(request.id, list(rows)), text=True)
        else:
            await connection.send(
                failure(request.id, -1001, "Internal error.", status=500), text=True
            )

    async with ScriptedVenue() as venue, gateway_to(venue.url) as gateway:
        venue.on("myTrades", fail_later)
        assert await gateway.trades_since("BTCUSDT", 0) == NoAnswer("Internal error.", -1001)
