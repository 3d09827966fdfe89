"""ccxt, unmodified, trades on the simulated venue: REST, WebSocket API and user events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal, getcontext
from typing import Any

import pytest
from ccxt.base.errors import InsufficientFunds, OrderImmediatelyFillable, OrderNotFound
from ccxt.pro.binance import binance

from genesis.venue.server import VenueServer
from tests.support.venue import DEADLINE_SECONDS, open_venue
from tests.support.witnesses import API_KEY, SECRET, balances_of, trades_of, witnessed_config

SYMBOL = "BTC/USDT"


@pytest.fixture(autouse=True)
def _decimal_context_kept() -> Iterator[None]:
    """Undo what ccxt does to this thread's decimal context: other tests round in it."""
    context = getcontext()
    before = context.copy()
    yield
    context.prec, context.rounding = before.prec, before.rounding
    context.traps.update(before.traps)


@contextlib.asynccontextmanager
async def witness() -> AsyncIterator[tuple[binance, VenueServer]]:
    """Open a venue and a client that was told nothing but where it is."""
    options = {
        "fetchMarkets": {"types": ["spot"]},  # else it asks three other exchanges as well
        "fetchCurrencies": False,
        "fetchMargins": False,
    }
    async with open_venue(witnessed_config()) as (server, address):
        client = binance({"apiKey": API_KEY, "secret": SECRET, "options": options})
        client.number = Decimal
        base = address.replace("ws://", "http://")
        client.urls["api"] |= {
            "public": f"{base}/api/v3",
            "private": f"{base}/api/v3",
            "sapi": f"{base}/sapi/v1",
        }
        client.urls["api"]["ws"] |= {
            "spot": f"{address}/stream-sim/ws",  # it knows spot by the word `stream`
            "ws-api": {"spot": f"{address}/ws-api/v3"},
        }
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                yield client, server
        finally:
            await client.close()


class OrderReports:
    """What user events said of each order last."""

    def __init__(self, client: binance) -> None:
        self._client = client
        self._latest: dict[str, dict[str, Any]] = {}
        self._news = asyncio.Event()

    async def watch(self) -> None:
        """Take note of events, for ever."""
        while True:
            for order in await self._client.watch_orders(SYMBOL):
                self._latest[order["id"]] = order
            self._news.set()

    async def until(self, order_id: str, status: str) -> dict[str, Any]:
        """Return an order once it is so."""
        while self._latest.get(order_id, {}).get("status") != status:
            self._news.clear()
            await self._news.wait()
        return self._latest[order_id]


async def test_ccxt_trades_and_its_books_are_the_venues() -> None:
    """Orders over REST and by WebSocket are placed, found, canceled and reported."""
    async with witness() as (client, server):
        await client.load_markets()
        await client.authenticate({"type": "spot"})
        reports = OrderReports(client)
        watching = asyncio.ensure_future(reports.watch())
        bought = await client.create_order(SYMBOL, "market", "buy", 0.01)
        assert (bought["status"], bought["filled"]) == ("closed", Decimal("0.01"))
        reported = await reports.until(bought["id"], "closed")
        assert (reported["filled"], reported["cost"]) == (bought["filled"], bought["cost"])

        above = client.price_to_precision(SYMBOL, bought["average"] * 2)
        waits = await client.create_order(SYMBOL, "limit", "sell", 0.005, above, {"postOnly": True})
        assert await client.fetch_open_orders(SYMBOL) == [
            await client.fetch_order(waits["id"], SYMBOL)
        ]
        await client.cancel_order(waits["id"], SYMBOL)
        assert (await reports.until(waits["id"], "canceled"))["filled"] == 0
        sold = await client.create_order_ws(SYMBOL, "market", "sell", 0.004)
        assert sold["status"] == "closed"
        await reports.until(sold["id"], "closed")
        watching.cancel()

        balance = await client.fetch_balance()
        assert {
            asset: (balance[asset]["free"], balance[asset]["used"]) for asset in ("BTC", "USDT")
        } == balances_of(server.exchange)
        assert [
            {
                "id": trade["id"],
                "order": trade["order"],
                "side": trade["side"],
                "price": trade["price"],
                "quantity": trade["amount"],
                "cost": trade["cost"],
                "fee": trade["fee"]["cost"],
                "fee_asset": trade["fee"]["currency"],
                "is_maker": trade["takerOrMaker"] == "maker",
            }
            for trade in await client.fetch_my_trades(SYMBOL)
        ] == trades_of(server.exchange, "BTCUSDT")
        assert len(trades_of(server.exchange, "BTCUSDT")) >= 2


async def test_ccxt_understands_the_venues_refusals_and_market() -> None:
    """Each by the exception that stands for it; tickers, books and candles are read."""
    async with witness() as (client, _):
        await client.load_markets()
        ticker = await client.fetch_ticker(SYMBOL)
        assert ticker["bid"] < ticker["ask"]
        with pytest.raises(InsufficientFunds):
            await client.create_order(SYMBOL, "limit", "sell", 1, ticker["ask"])
        crossing = client.price_to_precision(SYMBOL, ticker["ask"] * Decimal("1.01"))
        with pytest.raises(OrderImmediatelyFillable):
            await client.create_order(SYMBOL, "limit", "buy", 0.01, crossing, {"postOnly": True})
        with pytest.raises(OrderNotFound):
            await client.cancel_order("12345", SYMBOL)
        with pytest.raises(OrderNotFound):
            await client.fetch_order("12345", SYMBOL)
        book = await client.watch_order_book(SYMBOL)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert (await client.fetch_ohlcv(SYMBOL, "1m"))[-1][4] > 0
        assert (await client.fetch_trading_fee(SYMBOL))["maker"] == Decimal("0.001")
