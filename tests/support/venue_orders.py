"""Orders of one account at a venue with a model market, and what became of them."""

import asyncio
from typing import Final

from genesis.venue.ledger import HistoryRange
from genesis.venue.server import VenueServer
from tests.support.venue import DEADLINE_SECONDS, ApiClient, now_ms, signed

MARKET_BUY: Final = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
RESTING_BUY: Final = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.001",
    "price": "40000.00",
}


def order(name: str = "mine", **changes: object) -> dict[str, object]:
    """Return a signed market order."""
    return signed({**MARKET_BUY, "newClientOrderId": name, "timestamp": now_ms(), **changes})


def resting_order(name: str = "mine", **changes: object) -> dict[str, object]:
    """Return a signed limit order that waits far below the market."""
    return order(name, **{**RESTING_BUY, **changes})


def naming(name: str = "mine", **changes: object) -> dict[str, object]:
    """Return the signed parameters of a query or cancel."""
    named = {"symbol": "BTCUSDT", "origClientOrderId": name, "timestamp": now_ms(), **changes}
    return signed(named)


async def send_order(client: ApiClient, name: str = "mine", **changes: object) -> int:
    """Send a signed market order without waiting for anything; return the request's id."""
    return await client.send("order.place", **order(name, **changes))


async def status_of(client: ApiClient, name: str = "mine") -> dict[str, object]:
    """Return the whole reply to a query."""
    return await client.call("order.status", **naming(name))


async def until_known(client: ApiClient, name: str = "mine") -> dict[str, object]:
    """Ask until the order is there."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        reply = await status_of(client, name)
        while reply["status"] != 200:
            await asyncio.sleep(0.02)  # each question costs weight
            reply = await status_of(client, name)
    return reply


def code_of(reply: dict[str, object]) -> object:
    """Return the code of a refusal."""
    error = reply["error"]
    assert isinstance(error, dict), reply
    return error["code"]


def trades_in_books(server: VenueServer) -> int:
    """Count the account's trades."""
    wanted = HistoryRange(account_id=1, symbol="BTCUSDT", limit=1_000)
    return len(server.exchange.trades(wanted))
