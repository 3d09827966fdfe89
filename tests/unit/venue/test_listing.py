"""`genesis.venue.listing` and `exchange_info`: the rules, and how clients read them."""

import msgspec
import pytest

from genesis.errors import ConfigError
from genesis.units import NANOS_PER_MS, SCALE
from genesis.venue.exchange_info import exchange_info
from genesis.venue.listing import LISTINGS, derived_listing, known_listing, split_symbol
from genesis.venue.request_limits import RateLimits
from genesis.venue.time_units import encode_json
from tests.support.venue import NOW, at, each


def test_real_values_of_a_symbol() -> None:
    """As on the live venue: BTCUSDT ticks by a cent, steps by 0.00001, and is worth 5 at least."""
    listing = LISTINGS["BTCUSDT"]

    assert (listing.base_asset, listing.quote_asset) == ("BTC", "USDT")
    assert (listing.tick_size, listing.step_size) == (SCALE // 100, SCALE // 100_000)
    assert listing.min_notional == 5 * SCALE
    assert listing.floor_quantity(SCALE + 1) == SCALE


@pytest.mark.parametrize(
    ("symbol", "assets"),
    [("ETHBTC", ("ETH", "BTC")), ("FDUSDUSDT", ("FDUSD", "USDT")), ("BTCFDUSD", ("BTC", "FDUSD"))],
)
def test_symbols_are_split_by_their_quote_asset(symbol: str, assets: tuple[str, str]) -> None:
    """The longest known quote asset wins."""
    assert split_symbol(symbol) == assets


def test_an_unknown_quote_asset_is_a_fault_of_the_tape() -> None:
    """The error says what to do."""
    with pytest.raises(ConfigError, match="leave the symbol out"):
        split_symbol("XYZ")


def test_derived_rules_keep_notionals_exact() -> None:
    """Tick times step has at most eight decimals, whatever the tape's numbers looked like."""
    listing = derived_listing("NEWUSDT", 10, 10)

    assert listing.tick_size * listing.step_size % SCALE == 0
    assert known_listing("BTCUSDT") is LISTINGS["BTCUSDT"]
    assert known_listing("OLDUSDT").base_asset == "OLD"


def test_exchange_info_lists_filters_in_the_live_order() -> None:
    """Clients read tick, step and minimum from it; only what this venue does is offered."""
    info = exchange_info([LISTINGS["BTCUSDT"]], RateLimits(), NOW)

    assert msgspec.json.decode(encode_json(info))["serverTime"] == NOW // NANOS_PER_MS
    symbol = at(info, "symbols", 0)
    assert each(at(symbol, "filters"), "filterType") == [
        "PRICE_FILTER",
        "LOT_SIZE",
        "MARKET_LOT_SIZE",
        "PERCENT_PRICE_BY_SIDE",
        "NOTIONAL",
        "MAX_NUM_ORDERS",
        "MAX_NUM_ORDER_LISTS",
        "MAX_NUM_ALGO_ORDERS",
    ]
    assert at(symbol, "orderTypes") == [
        *("LIMIT", "LIMIT_MAKER", "MARKET"),
        *("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
    ]
    assert at(symbol, "ocoAllowed") is True
    assert at(symbol, "filters", 0, "tickSize") == "0.01000000"
