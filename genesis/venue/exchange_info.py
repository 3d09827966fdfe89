"""The exchangeInfo reply: what is listed and by which rules (`binance-spot.md` section 8.2)."""

from collections.abc import Iterable
from typing import Final

from genesis.units import DECIMALS, Nanos, text_from_fixed
from genesis.venue.listing import (
    AVERAGE_PRICE_MINUTES,
    MAX_NOTIONAL,
    MAX_NUM_ALGO_ORDERS,
    MAX_NUM_ORDER_LISTS,
    MAX_NUM_ORDERS,
    MULTIPLIER_DOWN,
    MULTIPLIER_UP,
    Listing,
)
from genesis.venue.orders import SelfTradePrevention
from genesis.venue.reports import JsonObject
from genesis.venue.request_limits import RateLimit, RateLimits
from genesis.venue.time_units import VenueTime

_ZERO: Final = text_from_fixed(0)


def exchange_info(listings: Iterable[Listing], limits: RateLimits, now: Nanos) -> JsonObject:
    """Return the whole reply for these symbols."""
    return {
        "timezone": "UTC",
        "serverTime": VenueTime(now),
        "rateLimits": [
            _limit("REQUEST_WEIGHT", limits.weight),
            _limit("ORDERS", limits.orders),
            _limit("ORDERS", limits.orders_a_day),
            _limit("CONNECTIONS", limits.connections),
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(listing) for listing in listings],
    }


def _limit(kind: str, limit: RateLimit) -> JsonObject:
    unit, number = limit.interval
    return {
        "rateLimitType": kind,
        "interval": unit,
        "intervalNum": number,
        "limit": limit.limit,
    }


def _symbol(listing: Listing) -> JsonObject:
    """Only what this venue does is offered: strict clients take the flags at their word."""
    return {
        "symbol": listing.symbol,
        "status": listing.status,
        "baseAsset": listing.base_asset,
        "baseAssetPrecision": DECIMALS,
        "quoteAsset": listing.quote_asset,
        "quotePrecision": DECIMALS,
        "quoteAssetPrecision": DECIMALS,
        "baseCommissionPrecision": DECIMALS,
        "quoteCommissionPrecision": DECIMALS,
        "orderTypes": [
            *("LIMIT", "LIMIT_MAKER", "MARKET"),
            *("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
        ],
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(listing),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": SelfTradePrevention.EXPIRE_MAKER,
        "allowedSelfTradePreventionModes": list(SelfTradePrevention),
    }


def _filters(listing: Listing) -> list[JsonObject]:
    """Return the filters in the order the live venue lists and tests them."""
    up, down = text_from_fixed(MULTIPLIER_UP), text_from_fixed(MULTIPLIER_DOWN)
    step = text_from_fixed(listing.step_size)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": text_from_fixed(listing.tick_size),
            "maxPrice": text_from_fixed(listing.max_price),
            "tickSize": text_from_fixed(listing.tick_size),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": step,
            "maxQty": text_from_fixed(listing.max_quantity),
            "stepSize": step,
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": _ZERO,
            "maxQty": text_from_fixed(listing.market_max_quantity),
            "stepSize": _ZERO,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": up,
            "bidMultiplierDown": down,
            "askMultiplierUp": up,
            "askMultiplierDown": down,
            "avgPriceMins": AVERAGE_PRICE_MINUTES,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": text_from_fixed(listing.min_notional),
            "applyMinToMarket": True,
            "maxNotional": text_from_fixed(MAX_NOTIONAL),
            "applyMaxToMarket": False,
            "avgPriceMins": AVERAGE_PRICE_MINUTES,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MAX_NUM_ORDERS},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": MAX_NUM_ORDER_LISTS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MAX_NUM_ALGO_ORDERS},
    ]
