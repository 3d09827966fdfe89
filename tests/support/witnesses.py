"""What clients that others wrote are given, and the venue's own books to compare theirs with."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from genesis.domain.orders import Side
from genesis.units import decimal_from_fixed
from genesis.venue.config import SIM_ACCOUNT_ID, VenueConfig
from genesis.venue.exchange import Exchange
from genesis.venue.ledger import HistoryRange
from genesis.venue.signatures import RegisteredKey
from tests.support.venue import model_config

API_KEY: Final = "witness-key"
SECRET: Final = "s" * 64
"""Of the kind that both witnesses use unless told otherwise: HMAC."""


def witnessed_config() -> VenueConfig:
    """Return a venue that knows the witnesses' key."""
    key = RegisteredKey(api_key=API_KEY, account_id=SIM_ACCOUNT_ID, algorithm="hmac", secret=SECRET)
    return model_config(keys=(key,))


def balances_of(exchange: Exchange) -> dict[str, tuple[Decimal, Decimal]]:
    """Return free and locked of every asset that the venue holds for the account."""
    return {
        asset: (decimal_from_fixed(balance.free), decimal_from_fixed(balance.locked))
        for asset, balance in exchange.account(SIM_ACCOUNT_ID).balances.items()
    }


def trades_of(exchange: Exchange, symbol: str) -> list[Mapping[str, object]]:
    """Return the account's trades on a symbol, oldest first, in words that all understand."""
    wanted = HistoryRange(account_id=SIM_ACCOUNT_ID, symbol=symbol, limit=1_000)
    return [
        {
            "id": str(trade.trade_id),
            "order": str(trade.order_id),
            "side": "buy" if trade.side is Side.BUY else "sell",
            "price": decimal_from_fixed(trade.price),
            "quantity": decimal_from_fixed(trade.quantity),
            "cost": decimal_from_fixed(trade.quote_quantity),
            "fee": decimal_from_fixed(trade.commission),
            "fee_asset": trade.commission_asset,
            "is_maker": trade.is_maker,
        }
        for trade in exchange.trades(wanted)
    ]
