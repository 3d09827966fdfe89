"""python-binance, unmodified, trades on the simulated venue: REST, WebSocket API, user events."""

import asyncio
import contextlib
import warnings
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal

import pytest

from genesis.venue.server import VenueServer
from tests.support.venue import DEADLINE_SECONDS, open_venue
from tests.support.witnesses import API_KEY, SECRET, balances_of, trades_of, witnessed_config

with warnings.catch_warnings():
    # It names a class that `websockets` keeps for old times' sake.
    warnings.simplefilter("ignore", DeprecationWarning)
    from binance import AsyncClient, BinanceAPIException, BinanceSocketManager

SYMBOL = "BTCUSDT"
CLOSES_WITHIN_SECONDS = 1


@contextlib.asynccontextmanager
async def witness(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[tuple[AsyncClient, BinanceSocketManager, VenueServer]]:
    """Open a venue and a client that was told nothing but where it is."""
    async with open_venue(witnessed_config()) as (server, address):
        base = address.replace("ws://", "http://")
        monkeypatch.setattr(AsyncClient, "API_URL", f"{base}/api")
        monkeypatch.setattr(AsyncClient, "MARGIN_API_URL", f"{base}/sapi")
        monkeypatch.setattr(AsyncClient, "WS_API_URL", f"{address}/ws-api/v3")
        monkeypatch.setattr(BinanceSocketManager, "STREAM_URL", f"{address}/")
        async with asyncio.timeout(DEADLINE_SECONDS):
            client = await AsyncClient.create(API_KEY, SECRET)
            try:
                yield client, BinanceSocketManager(client), server
            finally:
                await client.close_connection()


def kind_of(event: Mapping[str, object]) -> tuple[object, ...]:
    """Return what an event says has happened."""
    return tuple(event[key] for key in ("e", "x", "X") if key in event)


async def test_python_binance_trades_and_its_books_are_the_venues(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Orders over REST and by WebSocket are placed, found, canceled, and reported in order."""
    async with witness(monkeypatch) as (client, manager, server), manager.user_socket() as user:
        bought = await client.order_market_buy(symbol=SYMBOL, quantity="0.01")
        assert (bought["status"], bought["executedQty"]) == ("FILLED", "0.01000000")
        events = [await user.recv() for _ in range(2 + len(bought["fills"]))]
        assert kind_of(events[0]) == ("executionReport", "NEW", "NEW")
        assert kind_of(events[-2]) == ("executionReport", "TRADE", "FILLED")
        assert [event["t"] for event in events[1:-1]] == [row["tradeId"] for row in bought["fills"]]
        assert kind_of(events[-1]) == ("outboundAccountPosition",)

        above = f"{Decimal(bought['fills'][0]['price']) * 2:.2f}"
        waits = await client.order_limit_sell(symbol=SYMBOL, quantity="0.005", price=above)
        named = {"symbol": SYMBOL, "orderId": waits["orderId"]}
        assert await client.get_open_orders(symbol=SYMBOL) == [await client.get_order(**named)]
        assert (await client.cancel_order(**named))["status"] == "CANCELED"
        events = [await user.recv() for _ in range(4)]
        assert [kind_of(event) for event in events[::2]] == [
            ("executionReport", "NEW", "NEW"),
            ("executionReport", "CANCELED", "CANCELED"),
        ]
        assert events[2]["C"] == waits["clientOrderId"]
        sold = await client.ws_create_order(
            symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.004"
        )
        assert sold["status"] == "FILLED"

        account = await client.get_account()
        assert {
            row["asset"]: (Decimal(row["free"]), Decimal(row["locked"]))
            for row in account["balances"]
        } == balances_of(server.exchange)
        assert [
            {
                "id": str(trade["id"]),
                "order": str(trade["orderId"]),
                "side": "buy" if trade["isBuyer"] else "sell",
                "price": Decimal(trade["price"]),
                "quantity": Decimal(trade["qty"]),
                "cost": Decimal(trade["quoteQty"]),
                "fee": Decimal(trade["commission"]),
                "fee_asset": trade["commissionAsset"],
                "is_maker": trade["isMaker"],
            }
            for trade in await client.get_my_trades(symbol=SYMBOL)
        ] == trades_of(server.exchange, SYMBOL)
        assert len(trades_of(server.exchange, SYMBOL)) >= 2
        # Its reader looks up only so often: 10 s, unless something comes.
        client.ws_api.TIMEOUT = CLOSES_WITHIN_SECONDS


async def test_python_binance_protects_a_position_by_a_pair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An OCO is placed, listed, canceled and refused as it expects; its events come in order."""
    async with witness(monkeypatch) as (client, manager, _), manager.user_socket() as user:
        bought = await client.order_market_buy(symbol=SYMBOL, quantity="0.01")
        for _ in range(2 + len(bought["fills"])):
            await user.recv()
        price = Decimal(bought["fills"][0]["price"])
        pair = {
            "symbol": SYMBOL,
            "quantity": "0.005",
            "aboveType": "LIMIT_MAKER",
            "abovePrice": f"{price * 2:.2f}",
            "belowType": "STOP_LOSS",
            "belowStopPrice": f"{price / 2:.2f}",
        }
        placed = await client.order_oco_sell(**pair)
        assert (placed["contingencyType"], placed["listOrderStatus"]) == ("OCO", "EXECUTING")
        assert [leg["type"] for leg in placed["orderReports"]] == ["LIMIT_MAKER", "STOP_LOSS"]
        events = [await user.recv() for _ in range(4)]
        assert [kind_of(event) for event in events] == [
            ("executionReport", "NEW", "NEW"),
            ("executionReport", "NEW", "NEW"),
            ("listStatus",),
            ("outboundAccountPosition",),
        ]
        listed = await client.get_open_oco_orders()
        assert [row["orderListId"] for row in listed] == [placed["orderListId"]]
        named = {"symbol": SYMBOL, "orderListId": placed["orderListId"]}
        canceled = await client.v3_delete_order_list(**named)
        assert [leg["status"] for leg in canceled["orderReports"]] == ["CANCELED", "CANCELED"]
        with pytest.raises(BinanceAPIException) as caught:
            await client.order_oco_sell(**{**pair, "belowStopPrice": f"{price * 3:.2f}"})
        assert caught.value.code == -2010
        client.ws_api.TIMEOUT = CLOSES_WITHIN_SECONDS


async def test_python_binance_understands_the_venues_refusals_and_market(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Code and wording arrive; books, trades, candles and tickers are read."""
    async with witness(monkeypatch) as (client, _, _):
        with pytest.raises(BinanceAPIException) as caught:
            await client.cancel_order(symbol=SYMBOL, orderId=12_345)
        assert (caught.value.code, caught.value.message) == (-2011, "Unknown order sent.")
        with pytest.raises(BinanceAPIException) as caught:
            await client.create_test_order(symbol="NOPE", side="BUY", type="MARKET", quantity=1)
        assert caught.value.code == -1121
        assert (
            await client.create_test_order(
                symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.01"
            )
            == {}
        )
        ticker = await client.get_orderbook_ticker(symbol=SYMBOL)
        assert Decimal(ticker["bidPrice"]) < Decimal(ticker["askPrice"])
        book = await client.get_order_book(symbol=SYMBOL)
        assert Decimal(book["bids"][0][0]) < Decimal(book["asks"][0][0])
        assert (await client.get_avg_price(symbol=SYMBOL))["mins"] == 5
        may = await client.get_account_api_permissions()
        assert (may["enableSpotAndMarginTrading"], may["enableWithdrawals"]) == (True, False)
