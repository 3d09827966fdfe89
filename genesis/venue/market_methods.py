"""Methods that anybody may call: the venue's clock, its rules, and what the public did.

Each takes a `Call` and returns its result, as an object or as JSON that is ready
(`binance-spot.md` sections 8 and 8.1).
"""

import re
from collections.abc import Callable
from typing import Final

import msgspec

from genesis.limits import VENUE_DEPTH_LEVELS_MAX
from genesis.units import NANOS_PER_MS
from genesis.venue import refusals
from genesis.venue.api_call import Call, Method, Result, Security, Weigh, costs
from genesis.venue.exchange_info import exchange_info
from genesis.venue.klines import HOUR_MS, INTERVALS, MINUTE_MS
from genesis.venue.listing import AVERAGE_PRICE_MINUTES
from genesis.venue.market_reports import (
    average_price_reply,
    book_ticker_reply,
    day_ticker_reply,
    kline_reply,
    price_ticker_reply,
    public_trade_reply,
)
from genesis.venue.parameters import Parameters
from genesis.venue.stream_payloads import KlineState
from genesis.venue.time_units import VenueTime

DEPTH_LIMIT_DEFAULT: Final = 100
DEPTH_LIMIT_MAX: Final = VENUE_DEPTH_LEVELS_MAX
LIMIT_DEFAULT: Final = 500
LIMIT_MAX: Final = 1_000

_DEPTH_WEIGHTS: Final = ((100, 5), (500, 25), (1_000, 50))
_DEPTH_WEIGHT_MAX: Final = 250
_DAY_WEIGHTS: Final = ((20, 2), (100, 40))
_DAY_WEIGHT_MAX: Final = 80

_TIME_ZONE: Final = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-9]{2}))?")
_TIME_ZONE_MIN: Final = -12 * HOUR_MS
_TIME_ZONE_MAX: Final = 14 * HOUR_MS


def _ping(_: Call) -> Result:
    return {}


def _time(call: Call) -> Result:
    return {"serverTime": VenueTime(call.now)}


def _exchange_info(call: Call) -> Result:
    exchange = call.exchange
    listings = [exchange.listing(name) for name in _symbols(call)]
    return exchange_info(listings, exchange.rules.limits, call.now)


def _symbols(call: Call) -> list[str]:
    """Return the symbols that are asked for: one, several, or all."""
    symbol, symbols = call.parameters.text("symbol"), call.parameters.names("symbols")
    if symbol is not None and symbols is not None:
        raise refusals.bad_combination()
    if symbol is not None:
        return [symbol]
    return list(call.exchange.listings) if symbols is None else symbols


def _limit(parameters: Parameters, default: int, longest: int) -> int:
    """Read how many elements are wanted; what is beyond the longest answer is cut to it."""
    limit = parameters.integer("limit")
    if limit == 0:
        raise refusals.bad_parameter_data("limit")
    return default if limit is None else min(limit, longest)


def _weight_of_depth(parameters: Parameters) -> int:
    limit = _limit(parameters, DEPTH_LIMIT_DEFAULT, DEPTH_LIMIT_MAX)
    return _weight_by_size(limit, _DEPTH_WEIGHTS, _DEPTH_WEIGHT_MAX)


def _weight_by_size(size: int, steps: tuple[tuple[int, int], ...], beyond: int) -> int:
    return next((weight for size_max, weight in steps if size <= size_max), beyond)


def _depth(call: Call) -> Result:
    listing = call.exchange.listing(call.parameters.required_text("symbol"))
    limit = _limit(call.parameters, DEPTH_LIMIT_DEFAULT, DEPTH_LIMIT_MAX)
    return msgspec.Raw(call.exchange.depth(listing.symbol, limit).json())


def _recent_trades(call: Call) -> Result:
    listing = call.exchange.listing(call.parameters.required_text("symbol"))
    limit = _limit(call.parameters, LIMIT_DEFAULT, LIMIT_MAX)
    trades = call.exchange.market.klines.recent_trades(listing.symbol)
    return [public_trade_reply(trade) for trade in trades[-limit:]]


def _average_price(call: Call) -> Result:
    listing = call.exchange.listing(call.parameters.required_text("symbol"))
    market = call.exchange.market
    price = market.reference_price(listing.symbol, call.now)
    trades = market.klines.recent_trades(listing.symbol)
    traded_at = trades[-1].traded_at if trades else call.now
    return average_price_reply(AVERAGE_PRICE_MINUTES, price, traded_at)


# Klines.


def _klines(call: Call) -> Result:
    parameters = call.parameters
    listing = call.exchange.listing(parameters.required_text("symbol"))
    interval = parameters.required_text("interval")
    if interval not in INTERVALS:
        raise refusals.invalid_interval()
    known = call.exchange.market.klines.intervals(
        listing.symbol, interval, _time_zone_ms(parameters)
    )
    return [kline_reply(state) for state in _in_range(known, parameters)]


def _in_range(known: list[KlineState], parameters: Parameters) -> list[KlineState]:
    """Return those that open within the wanted times: the oldest with a start, else the newest."""
    limit = _limit(parameters, LIMIT_DEFAULT, LIMIT_MAX)
    start_at, end_at = parameters.time("startTime"), parameters.last_time("endTime")
    wanted = [
        state
        for state in known
        if (start_at is None or state.open_ms * NANOS_PER_MS >= start_at)
        and (end_at is None or state.open_ms * NANOS_PER_MS <= end_at)
    ]
    return wanted[-limit:] if start_at is None else wanted[:limit]


def _time_zone_ms(parameters: Parameters) -> int:
    """Read by how much days begin before those of UTC: "0", "-1:00", "+5:45"."""
    text = parameters.text("timeZone")
    if text is None:
        return 0
    match = _TIME_ZONE.fullmatch(text)
    if match is None:
        raise refusals.bad_parameter_data("timeZone")
    sign, hours, minutes = match.groups(default="0")
    shift = int(hours) * HOUR_MS + int(minutes) * MINUTE_MS
    shift = -shift if sign == "-" else shift
    if not _TIME_ZONE_MIN <= shift <= _TIME_ZONE_MAX:
        raise refusals.bad_parameter_data("timeZone")
    return shift


# Tickers.


def _for_symbols(reply: Callable[[Call, str], Result]) -> Callable[[Call], Result]:
    """Return a method that answers for one symbol with an object, for several with an array."""

    def run(call: Call) -> Result:
        symbols = [call.exchange.listing(name).symbol for name in _symbols(call)]
        replies = [reply(call, symbol) for symbol in symbols]
        return replies[0] if "symbol" in call.parameters else replies

    return run


def _weighs_one_or_many(one: int, many: int) -> Weigh:
    return lambda parameters: one if "symbol" in parameters else many


def _weight_of_day_tickers(parameters: Parameters) -> int:
    if "symbol" in parameters:
        return _DAY_WEIGHTS[0][1]
    symbols = parameters.names("symbols")
    if symbols is None:
        return _DAY_WEIGHT_MAX
    return _weight_by_size(len(symbols), _DAY_WEIGHTS, _DAY_WEIGHT_MAX)


def _price_ticker(call: Call, symbol: str) -> Result:
    return price_ticker_reply(symbol, call.exchange.market.klines.last_price(symbol))


def _book_ticker(call: Call, symbol: str) -> Result:
    return book_ticker_reply(symbol, call.exchange.market.book(symbol).top())


def _day_ticker(call: Call, symbol: str) -> Result:
    kind = call.parameters.text("type")
    if kind not in (None, "FULL", "MINI"):
        raise refusals.bad_parameter_data("type")
    market = call.exchange.market
    trades = market.klines.recent_trades(symbol)
    return day_ticker_reply(
        symbol,
        market.klines.day(symbol, call.now_ms),
        trades[-1].quantity if trades else 0,
        market.book(symbol).top(),
        is_mini=kind == "MINI",
    )


def _open_method(weigh: Weigh, run: Callable[[Call], Result]) -> Method:
    return Method(weigh, Security.NONE, run)


MARKET_METHODS: Final[dict[str, Method]] = {
    "ping": _open_method(costs(1), _ping),
    "time": _open_method(costs(1), _time),
    "exchangeInfo": _open_method(costs(20), _exchange_info),
    "depth": _open_method(_weight_of_depth, _depth),
    "trades.recent": _open_method(costs(25), _recent_trades),
    "klines": _open_method(costs(2), _klines),
    "uiKlines": _open_method(costs(2), _klines),
    "avgPrice": _open_method(costs(2), _average_price),
    "ticker.24hr": _open_method(_weight_of_day_tickers, _for_symbols(_day_ticker)),
    "ticker.price": _open_method(_weighs_one_or_many(2, 4), _for_symbols(_price_ticker)),
    "ticker.book": _open_method(_weighs_one_or_many(2, 4), _for_symbols(_book_ticker)),
}
