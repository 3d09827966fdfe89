"""The way over REST, before a scripted server on real sockets: what each answer is taken for."""

from typing import Final

import pytest

from genesis.domain.orders import OrderState
from genesis.exchange.binance.signing import make_signer
from genesis.exchange.gateway import (
    Accepted,
    CancelOutcome,
    Found,
    NoAnswer,
    NotFound,
    NotOpen,
    NotSent,
    QueryOutcome,
    Rejected,
    Unknown,
)
from genesis.units import NANOS_PER_MS
from tests.support.exchange_builders import (
    API_KEY,
    ED25519_PEM,
    HMAC_SECRET,
    ORDER_ID,
    Json,
    is_signed_by_test_key,
    order_reply,
    symbol_entry,
    trade_row,
)
from tests.support.gateways import DEADLINE_S
from tests.support.rest_paths import path_to
from tests.support.scripted_rest import (
    Script,
    ScriptedRest,
    answers,
    cuts,
    shows_a_page,
)

SYMBOL: Final = "BTCUSDT"
SOON_MS: Final = 500
POLL_S: Final = 0.01


async def cancel_before(script: Script) -> CancelOutcome:
    """Return what a cancel is taken for whose request is answered so."""
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        rest.on("DELETE", "/order", script)
        outcome = await path.cancel(SYMBOL, ORDER_ID)
        assert len(await rest.received("/order")) == 1
    return outcome


async def query_before(script: Script) -> QueryOutcome:
    """Return what a query is taken for whose request is answered so."""
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        rest.on("GET", "/order", script)
        outcome = await path.query(SYMBOL, ORDER_ID)
        assert len(await rest.received("/order")) == 1
    return outcome


# What is asked.


async def test_the_clock_is_measured_before_the_first_signature() -> None:
    """A path that stands in for another relies on nothing that came by that one; once is enough."""
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        rest.clock_offset_ms = 120_000
        rest.on("GET", "/openOrders", answers([]))
        assert await path.open_orders(None) == ()
        assert await path.open_orders(SYMBOL) == ()
        venue_ms = await path.venue_time_ms()
        first, second = await rest.received("/openOrders", 2)
        assert [call.path for call in rest.calls[:6]] == ["/time"] * 5 + ["/openOrders"]
        assert len(await rest.received("/time")) == 6
    assert isinstance(venue_ms, int)
    assert abs(int(first.params["timestamp"]) - venue_ms) < DEADLINE_S * 1000
    assert "symbol" not in first.params
    assert second.params["symbol"] == SYMBOL


@pytest.mark.parametrize("is_hmac", [False, True], ids=["Ed25519", "HMAC"])
async def test_what_is_signed_is_what_is_sent(is_hmac: bool) -> None:  # noqa: FBT001, a case
    """The signature is over the query byte for byte, its non-ASCII letters encoded before."""
    symbol = "Ωλ1"
    signer = make_signer(API_KEY, HMAC_SECRET if is_hmac else ED25519_PEM)
    async with ScriptedRest() as rest, path_to(rest.url, signer=signer) as path:
        rest.on("GET", "/order", answers(order_reply(symbol=symbol)))
        assert isinstance(await path.query(symbol, ORDER_ID), Found)
        (call,) = await rest.received("/order")
    query, mark, _ = call.query.rpartition("&signature=")
    assert mark
    assert query.startswith(f"symbol=%CE%A9%CE%BB1&origClientOrderId={ORDER_ID}&recvWindow=2000&")
    if is_hmac:
        assert call.params["signature"] == signer.sign(query.encode())
    else:
        assert is_signed_by_test_key(call.params, query.encode())
    assert call.headers["x-mbx-apikey"] == API_KEY


async def test_a_public_question_bears_no_key() -> None:
    """The listing is asked with its symbols as a JSON array, encoded, and without a signature."""
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        listing: Json = {"symbols": [symbol_entry("BTCUSDT"), symbol_entry("ETHUSDT")]}
        rest.on("GET", "/exchangeInfo", answers(listing))
        instruments = await path.instruments(("ETHUSDT", "BTCUSDT"))
        (call,) = await rest.received("/exchangeInfo")
    assert isinstance(instruments, tuple)
    assert [entry.symbol for entry in instruments] == ["ETHUSDT", "BTCUSDT"]
    assert call.query == "symbols=%5B%22ETHUSDT%22%2C%22BTCUSDT%22%5D&showPermissionSets=false"
    assert "x-mbx-apikey" not in call.headers


async def test_connections_are_kept_and_take_no_compression() -> None:
    """One connection serves one question after the other; a body is as long as it seems."""
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        for _ in range(3):
            assert isinstance(await path.venue_time_ms(), int)
        assert rest.connections == 1
        assert rest.calls[0].headers["accept-encoding"] == "identity"


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that happens to be set for other programs sees nothing of the account."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        assert isinstance(await path.venue_time_ms(), int)


# What is answered.


async def test_an_order_is_found_canceled_and_listed() -> None:
    """The same decoders read both transports."""
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        rest.on("GET", "/order", answers(order_reply(status="FILLED", executedQty="0.00100000")))
        rest.on("DELETE", "/order", answers(order_reply(clientOrderId="c", status="CANCELED")))
        rest.on("GET", "/allOrders", answers([order_reply(orderId=7)]))
        rest.on("GET", "/myTrades", answers([trade_row(3)]))
        account: Json = {"canTrade": True, "updateTime": 5, "balances": []}
        rest.on("GET", "/account", answers(account))
        found = await path.query(SYMBOL, ORDER_ID)
        canceled = await path.cancel(SYMBOL, ORDER_ID)
        orders = await path.orders_since(SYMBOL, 5 * NANOS_PER_MS)
        trades = await path.trades_of_order(SYMBOL, 101)
        balances = await path.account()
    assert isinstance(found, Found)
    assert found.report.state is OrderState.FILLED
    assert isinstance(canceled, Accepted)
    assert (canceled.report.client_order_id, canceled.report.state) == (
        ORDER_ID,
        OrderState.CANCELED,
    )
    assert isinstance(orders, tuple)
    assert [order.venue_order_id for order in orders] == [7]
    assert isinstance(trades, tuple)
    assert [trade.trade_id for trade in trades] == [3]
    assert not isinstance(balances, NoAnswer)
    assert balances.can_trade


async def test_an_order_that_is_not_there_says_so() -> None:
    """Not found and not open are answers, and settle nothing without the fence."""
    not_found = answers({"code": -2013, "msg": "Order does not exist."}, 400)
    assert await query_before(not_found) == NotFound()
    not_open = answers({"code": -2011, "msg": "Unknown order sent."}, 400)
    assert await cancel_before(not_open) == NotOpen("Unknown order sent.")


RETRY_AFTER_S: Final = 600


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        pytest.param(
            answers({"code": -1102, "msg": "Mandatory parameter."}, 400),
            Rejected(-1102, "Mandatory parameter.", retryable=False),
            id="400",
        ),
        pytest.param(
            answers({"code": -2015, "msg": "Invalid API-key."}, 401),
            Rejected(-2015, "Invalid API-key.", retryable=False, forbids_trading=True),
            id="401",
        ),
        pytest.param(shows_a_page(403), Unknown, id="403 page"),
        pytest.param(shows_a_page(404), Unknown, id="404 page"),
        pytest.param(shows_a_page(410), Unknown, id="410 page"),
        pytest.param(
            answers({"code": -2021, "msg": "Half.", "data": {"cancelResult": "SUCCESS"}}, 409),
            Rejected(-2021, "Half.", retryable=False),
            id="409",
        ),
        pytest.param(shows_a_page(451), Unknown, id="451 page"),
        pytest.param(
            answers({"code": -1007, "msg": "Timeout waiting for backend."}, 408),
            Unknown,
            id="408",
        ),
        pytest.param(answers({"code": -1001, "msg": "Internal error."}, 500), Unknown, id="500"),
        pytest.param(shows_a_page(502), Unknown, id="502 page"),
        pytest.param(answers({"msg": "no code"}, 503), Unknown, id="503 without a code"),
        pytest.param(shows_a_page(504), Unknown, id="504 page"),
        pytest.param(shows_a_page(200), Unknown, id="200 page"),
        pytest.param(answers({"orderId": "one"}), Unknown, id="200 unreadable"),
        pytest.param(shows_a_page(302, Location="https://x/"), Unknown, id="redirect"),
        pytest.param(cuts, Unknown, id="cut"),
    ],
)
async def test_a_cancel_is_rejected_for_certain_or_unknown(
    script: Script, outcome: Rejected | type[Unknown]
) -> None:
    """Each row of `binance-spot.md` 8.4: what changes something is certain by its code alone."""
    answer = await cancel_before(script)
    if isinstance(outcome, Rejected):
        assert answer == outcome
    else:
        assert isinstance(answer, outcome)


@pytest.mark.parametrize(
    ("script", "reason", "retryable"),
    [
        pytest.param(answers({"code": -1121, "msg": "Invalid symbol."}, 400), "Inval", False),
        pytest.param(answers({"code": -2015, "msg": "Invalid key."}, 401), "Invalid key", False),
        pytest.param(shows_a_page(401), "HTTP 401: the key is refused", True),
        pytest.param(shows_a_page(403), "HTTP 403: the venue's firewall", True),
        pytest.param(shows_a_page(404), "HTTP 404: there is no such path", True),
        pytest.param(shows_a_page(410), "HTTP 410: the path was retired", True),
        pytest.param(shows_a_page(451), "HTTP 451: the venue does not serve", True),
        pytest.param(answers({"code": -1000, "msg": "Unknown."}, 500), "Unknown", True),
        pytest.param(shows_a_page(503), "HTTP 503: the venue failed", True),
        pytest.param(shows_a_page(200), "unreadable reply", True),
        pytest.param(shows_a_page(302, Location="https://x/y"), "https://x/y", True),
        pytest.param(shows_a_page(299), "HTTP 299: an answer of no known kind", True),
        pytest.param(cuts, "disconnected", True),
    ],
)
async def test_a_question_is_not_answered_and_says_why(
    script: Script,
    reason: str,
    retryable: bool,  # noqa: FBT001, a case
) -> None:
    """The same rows for what changes nothing: an operator reads what the status means."""
    answer = await query_before(script)
    assert isinstance(answer, NoAnswer)
    assert reason in answer.reason
    assert answer.retryable is retryable
    assert answer.retry_at_ms == 0


@pytest.mark.parametrize(
    "script",
    [
        answers({"code": -1003, "msg": "Too much."}, 429, Retry_After=str(RETRY_AFTER_S)),
        answers({"code": -1003, "msg": "Banned."}, 418, Retry_After=str(RETRY_AFTER_S)),
        shows_a_page(429, Retry_After=str(RETRY_AFTER_S)),
        shows_a_page(418, Retry_After=str(RETRY_AFTER_S)),
    ],
    ids=["429", "418", "429 page", "418 page"],
)
async def test_a_refusal_for_rate_says_from_when_on(script: Script) -> None:
    """`Retry-After` counts seconds from now; it becomes a time of the venue, page or not."""
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        rest.clock_offset_ms = 120_000
        rest.on("GET", "/openOrders", script)
        before_ms = await path.venue_time_ms()
        answer = await path.open_orders(None)
    assert isinstance(before_ms, int)
    assert isinstance(answer, NoAnswer)
    assert answer.retryable
    error_ms = DEADLINE_S * 1000
    assert abs(answer.retry_at_ms - before_ms - RETRY_AFTER_S * 1000) < error_ms


async def test_a_refused_timestamp_measures_the_clock_anew() -> None:
    """The venue's clock jumped: the next request is stamped with its time."""
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        rest.on("GET", "/openOrders", answers({"code": -1021, "msg": "outside"}, 400))
        refused = await path.open_orders(None)
        rest.clock_offset_ms = 300_000
        rest.on("GET", "/openOrders", answers([]))
        assert await path.open_orders(None) == ()
        before, after = await rest.received("/openOrders", 2)
        assert len(await rest.received("/time")) == 10
    assert isinstance(refused, NoAnswer)
    assert refused.code == -1021
    jump_ms = int(after.params["timestamp"]) - int(before.params["timestamp"])
    assert jump_ms >= 300_000 - DEADLINE_S * 1000


async def test_a_venue_that_does_not_tell_the_time_is_asked_nothing_signed() -> None:
    """A signature with a guessed time would be refused, or worse, live too long."""
    async with ScriptedRest() as rest, path_to(rest.url) as path:
        rest.on("GET", "/time", shows_a_page(503))
        cancel = await path.cancel(SYMBOL, ORDER_ID)
        query = await path.query(SYMBOL, ORDER_ID)
        assert all(call.path == "/time" for call in rest.calls)
    assert isinstance(cancel, NotSent)
    assert isinstance(query, NoAnswer)
    assert "does not tell the time" in query.reason
