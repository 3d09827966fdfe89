"""The venue's listing: which instruments there are and by which rules they trade. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from genesis.domain.instruments import NO_SPOT_TRADING, TRADING, Instrument, PriceBand
from genesis.errors import MalformedMessage
from genesis.limits import FIXED_MAX
from genesis.units import fixed_from_text


class _Filter(msgspec.Struct, rename="camel"):
    """Any filter; only those of `binance-spot.md` section 9 that bind an order of ours are read."""

    filter_type: str
    min_price: str = "0"
    max_price: str = "0"
    tick_size: str = "0"
    min_qty: str = "0"
    max_qty: str = "0"
    step_size: str = "0"
    min_notional: str = "0"
    max_notional: str = "0"
    apply_to_market: bool = True
    apply_min_to_market: bool = True
    apply_max_to_market: bool = False
    multiplier_up: str = "0"
    multiplier_down: str = "0"
    bid_multiplier_up: str = "0"
    bid_multiplier_down: str = "0"
    ask_multiplier_up: str = "0"
    ask_multiplier_down: str = "0"
    max_num_orders: int = 0
    max_num_algo_orders: int = 0
    max_num_order_lists: int = 0
    max_position: str = "0"


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[_Filter]
    is_spot_trading_allowed: bool = True


class _ExchangeInfo(msgspec.Struct, rename="camel"):
    symbols: list[_Symbol]
    exchange_filters: list[_Filter] = []


_NONE: Final = _Filter(filter_type="")
_decoder = msgspec.json.Decoder(_ExchangeInfo)


def decode_instruments(
    result: msgspec.Raw, symbols: Sequence[str] | None
) -> tuple[Instrument, ...]:
    """Read the result of `exchangeInfo`.

    `instrument_id` counts from 0 in the order of `symbols`, or in the venue's own order for None,
    which means every symbol that trades now.

    Raises:
        MalformedMessage: It cannot be read, lacks one of `symbols`, or one lacks a filter that
            orders depend on.
    """
    try:
        listing = _decoder.decode(result)
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"exchangeInfo: {error}") from None
    if symbols is None:
        chosen = [entry for entry in listing.symbols if _trades(entry)]
    else:
        by_symbol = {entry.symbol: entry for entry in listing.symbols}
        missing = [symbol for symbol in symbols if symbol not in by_symbol]
        if missing:
            raise MalformedMessage(f"exchangeInfo: lacks {', '.join(missing)}")
        chosen = [by_symbol[symbol] for symbol in symbols]
    of_account = _by_type(listing.exchange_filters)
    return tuple(_instrument(row, entry, of_account) for row, entry in enumerate(chosen))


def _trades(entry: _Symbol) -> bool:
    return _status(entry) == TRADING


def _status(entry: _Symbol) -> str:
    if entry.status == TRADING and not entry.is_spot_trading_allowed:
        return NO_SPOT_TRADING
    return entry.status


def _by_type(filters: list[_Filter]) -> Mapping[str, _Filter]:
    return {rule.filter_type: rule for rule in filters}


def _instrument(row: int, entry: _Symbol, of_account: Mapping[str, _Filter]) -> Instrument:
    """Read one symbol. A bound of 0 is switched off, for the venue and so for us.

    Filters that no order of ours can meet (icebergs, trailing stops) are passed over like those
    that nobody knows yet.
    """
    filters = _by_type(entry.filters)
    price = filters.get("PRICE_FILTER")
    lot = filters.get("LOT_SIZE")
    worth = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL")
    if price is None or lot is None or worth is None:
        raise MalformedMessage(f"exchangeInfo: {entry.symbol} lacks a filter that orders need")
    market_lot = filters.get("MARKET_LOT_SIZE", _NONE)
    return Instrument(
        instrument_id=row,
        symbol=entry.symbol,
        base_asset=entry.base_asset,
        quote_asset=entry.quote_asset,
        tick_size=_fixed(price.tick_size) or 1,
        step_size=_fixed(lot.step_size) or 1,
        min_price=_fixed(price.min_price),
        max_price=_fixed(price.max_price) or FIXED_MAX,
        min_quantity=_fixed(lot.min_qty),
        max_quantity=_fixed(lot.max_qty) or FIXED_MAX,
        market_max_quantity=_fixed(market_lot.max_qty),
        min_notional=_fixed(worth.min_notional),
        max_notional=_fixed(worth.max_notional) or FIXED_MAX,
        status=_status(entry),
        market_min_quantity=_fixed(market_lot.min_qty),
        market_step_size=_fixed(market_lot.step_size),
        is_min_notional_for_market=worth.apply_to_market and worth.apply_min_to_market,
        is_max_notional_for_market=worth.apply_max_to_market,
        notional_filter=worth.filter_type,
        price_band=_price_band(filters),
        max_position=_fixed(filters.get("MAX_POSITION", _NONE).max_position),
        max_open_orders=filters.get("MAX_NUM_ORDERS", _NONE).max_num_orders,
        max_open_orders_of_account=of_account.get("EXCHANGE_MAX_NUM_ORDERS", _NONE).max_num_orders,
        max_algo_orders=filters.get("MAX_NUM_ALGO_ORDERS", _NONE).max_num_algo_orders,
        max_order_lists=filters.get("MAX_NUM_ORDER_LISTS", _NONE).max_num_order_lists,
    )


def _price_band(filters: Mapping[str, _Filter]) -> PriceBand | None:
    by_side, plain = filters.get("PERCENT_PRICE_BY_SIDE"), filters.get("PERCENT_PRICE")
    if by_side is not None:
        return PriceBand(
            filter_name=by_side.filter_type,
            bid_multiplier_up=_fixed(by_side.bid_multiplier_up),
            bid_multiplier_down=_fixed(by_side.bid_multiplier_down),
            ask_multiplier_up=_fixed(by_side.ask_multiplier_up),
            ask_multiplier_down=_fixed(by_side.ask_multiplier_down),
        )
    if plain is None:
        return None
    up, down = _fixed(plain.multiplier_up), _fixed(plain.multiplier_down)
    return PriceBand(
        filter_name=plain.filter_type,
        bid_multiplier_up=up,
        bid_multiplier_down=down,
        ask_multiplier_up=up,
        ask_multiplier_down=down,
    )


def _fixed(text: str) -> int:
    try:
        value = fixed_from_text(text)
    except ValueError as error:
        raise MalformedMessage(f"exchangeInfo: {error}") from None
    if value < 0:
        raise MalformedMessage(f"exchangeInfo: {text[:40]!r} is negative")
    return min(value, FIXED_MAX)
