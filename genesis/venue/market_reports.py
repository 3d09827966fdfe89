"""What anybody reads of the market in replies (`binance-spot.md` section 8.1).

Numbers with a value are text of eight decimals, ids and times are integers.
"""

from typing import Final

from genesis.units import SCALE, Amount, Nanos, Price, Quantity, notional, text_from_fixed
from genesis.venue.reports import JsonObject
from genesis.venue.stream_payloads import KlineState, PublicTrade, TopOfBook
from genesis.venue.time_units import VenueTime

_THOUSANDTHS_OF_PERCENT: Final = 100_000
_MINI_KEYS: Final = (
    "symbol",
    "openPrice",
    "highPrice",
    "lowPrice",
    "lastPrice",
    "volume",
    "quoteVolume",
    "openTime",
    "closeTime",
    "firstId",
    "lastId",
    "count",
)


def public_trade_reply(trade: PublicTrade) -> JsonObject:
    """Return an element of trades."""
    return {
        "id": trade.trade_id,
        "price": text_from_fixed(trade.price),
        "qty": text_from_fixed(trade.quantity),
        "quoteQty": text_from_fixed(notional(trade.price, trade.quantity)),
        "time": VenueTime(trade.traded_at),
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }


def kline_reply(state: KlineState) -> list[VenueTime | int | str]:
    """Return an element of klines."""
    return [
        VenueTime(state.open_at),
        text_from_fixed(state.open_price),
        text_from_fixed(state.high_price),
        text_from_fixed(state.low_price),
        text_from_fixed(state.close_price),
        text_from_fixed(state.volume),
        VenueTime(state.close_at),
        text_from_fixed(state.quote_volume),
        state.trade_count,
        text_from_fixed(state.taker_buy_volume),
        text_from_fixed(state.taker_buy_quote_volume),
        "0",
    ]


def average_price_reply(minutes: int, price: Price, traded_at: Nanos) -> JsonObject:
    """Return the result of avgPrice; `traded_at` is the time of the last trade."""
    return {"mins": minutes, "price": text_from_fixed(price), "closeTime": VenueTime(traded_at)}


def price_ticker_reply(symbol: str, price: Price) -> JsonObject:
    """Return the result of ticker.price for one symbol; a price of 0 says that nothing traded."""
    return {"symbol": symbol, "price": text_from_fixed(price)}


def book_ticker_reply(symbol: str, top: TopOfBook) -> JsonObject:
    """Return the result of ticker.book for one symbol."""
    return {"symbol": symbol, **_top(top)}


def day_ticker_reply(
    symbol: str, day: KlineState, last_quantity: Quantity, top: TopOfBook, *, is_mini: bool
) -> JsonObject:
    """Return the result of ticker.24hr for one symbol, whole or without what the book adds.

    The price before the day, which the venue does not keep, is the day's first.
    """
    change = day.close_price - day.open_price
    reply = {
        "symbol": symbol,
        "priceChange": text_from_fixed(change),
        "priceChangePercent": _percent(change, day.open_price),
        "weightedAvgPrice": text_from_fixed(_average(day.quote_volume, day.volume)),
        "prevClosePrice": text_from_fixed(day.open_price),
        "lastPrice": text_from_fixed(day.close_price),
        "lastQty": text_from_fixed(last_quantity),
        **_top(top),
        "openPrice": text_from_fixed(day.open_price),
        "highPrice": text_from_fixed(day.high_price),
        "lowPrice": text_from_fixed(day.low_price),
        "volume": text_from_fixed(day.volume),
        "quoteVolume": text_from_fixed(day.quote_volume),
        "openTime": VenueTime(day.open_at),
        "closeTime": VenueTime(day.close_at),
        "firstId": day.first_trade_id,
        "lastId": day.last_trade_id,
        "count": day.trade_count,
    }
    return {key: reply[key] for key in _MINI_KEYS} if is_mini else reply


def _top(top: TopOfBook) -> JsonObject:
    return {
        "bidPrice": text_from_fixed(top.bid_price),
        "bidQty": text_from_fixed(top.bid_quantity),
        "askPrice": text_from_fixed(top.ask_price),
        "askQty": text_from_fixed(top.ask_quantity),
    }


def _average(quote_volume: Amount, volume: Quantity) -> Price:
    return quote_volume * SCALE // volume if volume else 0


def _percent(change: Price, price: Price) -> str:
    """Print a change with three decimals of a percent, the rest cut off."""
    thousandths = abs(change) * _THOUSANDTHS_OF_PERCENT // price if price else 0
    whole, fraction = divmod(thousandths, 1_000)
    return f"{'-' if change < 0 and thousandths else ''}{whole}.{fraction:03d}"
