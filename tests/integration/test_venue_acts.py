"""What the venue does to all its clients when a test asks for it: clock, symbols, keys, funds."""

import asyncio

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from genesis.venue.exchange import ExchangeRules
from genesis.venue.request_faults import RequestLost
from genesis.venue.venue_acts import (
    ClockStepped,
    FundsMoved,
    KeyRevoked,
    PriceRangeSet,
    RulesChanged,
    SymbolDelisted,
    SymbolHalted,
)
from tests.support.faults import LocalFaults
from tests.support.raw_http import raw_client
from tests.support.venue import (
    DEADLINE_SECONDS,
    ApiClient,
    api_client,
    at,
    each,
    model_config,
    now_ms,
    open_venue,
    signed,
)
from tests.support.venue_orders import (
    MARKET_BUY,
    code_of,
    naming,
    order,
    resting_order,
    status_of,
    trades_in_books,
)

QUOTES = "btcusdt@bookTicker"


async def venue_ahead_ms(client: ApiClient) -> int:
    """Return how far the venue's clock is ahead of the machine's."""
    return int(str((await client.result("time"))["serverTime"])) - now_ms()


async def next_quote(connection: ClientConnection) -> None:
    """Wait for a quote of BTCUSDT."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while msgspec.json.decode(await connection.recv())["stream"] != QUOTES:
            pass


@pytest.mark.parametrize("step_ms", [40_000, -40_000], ids=["ahead", "behind"])
async def test_the_clock_jumps(step_ms: int) -> None:
    """Requests stamped by the old clock are refused -1021, by the new one taken; streams go on."""
    async with (
        open_venue(model_config()) as (server, address),
        api_client(address) as client,
        connect(f"{address}/stream?streams=btcusdt@trade/{QUOTES}") as stream,
    ):
        await next_quote(stream)
        await LocalFaults(server).strike(ClockStepped(step_ms=step_ms))
        assert abs(await venue_ahead_ms(client) - step_ms) < 20_000
        assert code_of(await client.call("order.place", **order())) == -1021
        placed = await client.call("order.place", **order(timestamp=now_ms() + step_ms))
        assert placed["status"] == 200
        for _ in range(20):
            await next_quote(stream)
        async with asyncio.timeout(DEADLINE_SECONDS):
            event = msgspec.json.decode(await stream.recv())
            while event["stream"] != "btcusdt@trade":
                event = msgspec.json.decode(await stream.recv())
        assert abs(event["data"]["E"] - now_ms() - step_ms) < 20_000


async def test_a_clock_step_moves_no_fault() -> None:
    """What was to begin in an hour begins in an hour, however the clock jumps."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        faults = LocalFaults(server)
        await faults.strike(RequestLost(in_ms=3_600_000), ClockStepped(step_ms=7_200_000))
        await client.result("ping")
        assert [fault.state for fault in (await faults.record()).faults] == ["waiting", "over"]


@pytest.mark.parametrize("status", ["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY"])
async def test_a_symbol_does_not_trade(status: str) -> None:
    """No new orders, and cancels with CANCEL_ONLY alone; cleared, all is as before."""
    async with (
        open_venue(model_config()) as (server, address),
        api_client(address) as client,
        connect(f"{address}/stream?streams={QUOTES}/ethusdt@bookTicker") as stream,
    ):
        await client.result("order.place", **resting_order())
        faults = LocalFaults(server)
        (number,) = await faults.strike(
            SymbolHalted(symbol="BTCUSDT", status=status)  # type: ignore[arg-type]
        )
        info = await client.result("exchangeInfo", symbol="BTCUSDT")
        assert each(info["symbols"], "status") == [status]
        refused = await client.call("order.place", **order("new"))
        assert (code_of(refused), at(refused, "error", "msg")) == (-2010, "Market is closed.")
        cancel = await client.call("order.cancel", **naming())
        assert (cancel["status"] == 200) is (status == "CANCEL_ONLY")
        other = await client.call("order.place", **order("e", symbol="ETHUSDT", quantity="0.01"))
        assert other["status"] == 200
        async with asyncio.timeout(DEADLINE_SECONDS):
            heard = [msgspec.json.decode(await stream.recv())["stream"] for _ in range(30)]
        assert QUOTES not in heard[15:]

        await faults.clear(number)
        await next_quote(stream)
        assert (await client.call("order.place", **order("after")))["status"] == 200


async def test_nobody_cancels_all_on_a_halted_symbol() -> None:
    """-2011, and the orders stay open."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.result("order.place", **resting_order())
        await LocalFaults(server).strike(SymbolHalted(symbol="BTCUSDT"))
        wanted = signed({"symbol": "BTCUSDT", "timestamp": now_ms()})
        assert code_of(await client.call("openOrders.cancelAll", **wanted)) == -2011
        assert at(await status_of(client), "result", "status") == "NEW"


async def test_a_symbol_is_delisted() -> None:
    """Its orders expire, with their event; it is listed no more, and refused."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.log_on()
        await client.result("order.place", **resting_order())
        await LocalFaults(server).strike(SymbolDelisted(symbol="BTCUSDT"))
        expired = await client.event(lambda event: event.get("x") == "EXPIRED")
        assert (expired["c"], expired["eR"]) == ("mine", "EXCHANGE_CANCELED")
        info = await client.result("exchangeInfo")
        assert "BTCUSDT" not in each(info["symbols"], "symbol")
        assert code_of(await client.call("order.place", **order("new"))) == -1121
        await LocalFaults(server).strike(SymbolDelisted(symbol="ETHUSDT"))


async def test_rules_change_between_two_orders() -> None:
    """ExchangeInfo says the new ones, orders by the old ones are refused -1013."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        rules = RulesChanged(
            symbol="BTCUSDT", tick_size="0.1", step_size="0.001", min_notional="50"
        )
        await LocalFaults(server).strike(rules)
        info = await client.result("exchangeInfo", symbol="BTCUSDT")
        filters = {at(row, "filterType"): row for row in each(info["symbols"], "filters", 0)}
        assert at(filters["PRICE_FILTER"], "tickSize") == "0.10000000"
        for changes, broken in (
            ({"price": "40000.01"}, "PRICE_FILTER"),
            ({"quantity": "0.0015"}, "LOT_SIZE"),
            ({"quantity": "0.001"}, "NOTIONAL"),
        ):
            reply = await client.call("order.place", **resting_order(broken, **changes))
            assert (code_of(reply), at(reply, "error", "msg")) == (
                -1013,
                f"Filter failure: {broken}",
            )
        fitting = resting_order(price="40000.1", quantity="0.002")
        assert (await client.call("order.place", **fitting))["status"] == 200


@pytest.mark.parametrize("side", ["BUY", "SELL"])
async def test_what_is_beyond_the_price_range_expires(side: str) -> None:
    """A taker trades as far as the range lets it, and is told why no further."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.result("order.place", **order("first", quantity="0.01"))
        faults = LocalFaults(server)
        price_range = PriceRangeSet(symbol="BTCUSDT", up="0.9", down="1.1")
        async with faults.during(price_range):
            wish = order("bound", side=side, quantity="0.005")
            bound = await client.result("order.place", **wish)
            assert (bound["status"], bound["executedQty"]) == ("EXPIRED", "0.00000000")
            assert bound["expiryReason"] == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
            limit = {"BUY": "90000", "SELL": "30000"}[side]
            fok = {"type": "LIMIT", "timeInForce": "FOK", "price": limit, "quantity": "0.005"}
            killed = await client.result("order.place", **order("fok", side=side, **fok))
            assert killed["expiryReason"] == "UNFILLED_FOK_ORDER_EXPIRED"
        free = await client.result("order.place", **order("free", side=side, quantity="0.005"))
        assert free["status"] == "FILLED"


async def test_a_session_loses_its_key() -> None:
    """The next request meets the 401 frame of nobody; then the session is not logged on."""
    async with (
        open_venue(model_config()) as (server, address),
        api_client(address) as client,
        raw_client(address) as http,
    ):
        await client.log_on()
        faults = LocalFaults(server)
        (number,) = await faults.strike(KeyRevoked())
        await client.send("order.place", **MARKET_BUY, timestamp=now_ms())
        async with asyncio.timeout(DEADLINE_SECONDS):
            frame = msgspec.json.decode(await client.connection.recv())
            ended = msgspec.json.decode(await client.connection.recv())
        assert (frame["id"], frame["status"], code_of(frame)) == (None, 401, -2015)
        assert at(ended, "event", "e") == "eventStreamTerminated"
        assert (await client.result("session.status"))["apiKey"] is None
        assert code_of(await client.call("order.place", **order())) == -2015
        query = "&".join(f"{name}={value}" for name, value in {"timestamp": now_ms()}.items())
        refused = await http.ask(
            f"GET /api/v3/account?{query}&signature=x", b"", X_MBX_APIKEY="sim-key"
        )
        assert (refused.status, msgspec.json.decode(refused.body)["code"]) == (401, -2015)
        assert trades_in_books(server) == 0

        await faults.clear(number)
        await client.log_on()
        assert (await client.call("order.place", **order()))["status"] == 200


async def test_funds_come_and_go() -> None:
    """BalanceUpdate says by how much, the position behind it how much there is."""
    async with open_venue(model_config()) as (server, address), api_client(address) as client:
        await client.log_on()
        faults = LocalFaults(server)
        await faults.strike(FundsMoved(asset="BNB", amount="1.5"))
        moved = await client.event(lambda event: event["e"] == "balanceUpdate")
        assert (moved["a"], moved["d"]) == ("BNB", "1.50000000")
        position = await client.event(lambda event: event["e"] == "outboundAccountPosition")
        assert position["B"] == [{"a": "BNB", "f": "1.50000000", "l": "0.00000000"}]
        await faults.strike(FundsMoved(asset="BNB", amount="-9"))
        moved = await client.event(lambda event: event["e"] == "balanceUpdate")
        assert moved["d"] == "-1.50000000"
        account = await client.result("account.status", timestamp=now_ms(), omitZeroBalances=True)
        assert each(account["balances"], "asset") == ["USDT"]


async def test_bnb_for_fees_runs_out() -> None:
    """A fee is charged in BNB while there is enough of it, then in what is received."""
    config = model_config(rules=ExchangeRules(fees_in_bnb=True))
    async with open_venue(config) as (server, address), api_client(address) as client:
        faults = LocalFaults(server)
        await faults.strike(FundsMoved(asset="BNB", amount="1"))
        rich = await client.result("order.place", **order("rich"))
        await faults.strike(FundsMoved(asset="BNB", amount="-1"))
        poor = await client.result("order.place", **order("poor"))
        assert set(each(rich["fills"], "commissionAsset")) == {"BNB"}
        assert set(each(poor["fills"], "commissionAsset")) == {"BTC"}
