"""exchangeInfo, from the venue's filters to an instrument's rules."""

import msgspec
import pytest

from genesis.domain.instruments import PriceBand
from genesis.errors import MalformedMessage
from genesis.exchange.binance.catalogue import decode_instruments
from genesis.units import SCALE, fixed_from_text
from tests.support.exchange_builders import Json, symbol_entry

INT64_MAX = 2**63 - 1


def listing(*symbols: Json, **changes: Json) -> msgspec.Raw:
    """Return the result of exchangeInfo."""
    plain: dict[str, Json] = {"timezone": "UTC", "symbols": list(symbols)}
    return msgspec.Raw(msgspec.json.encode(plain | changes))


def changed_filter(kind: str, **changes: Json) -> dict[str, Json]:
    """Return a listed symbol with one filter changed."""
    entry = symbol_entry()
    filters = entry["filters"]
    assert isinstance(filters, list)
    for rule in filters:
        assert isinstance(rule, dict)
        if rule["filterType"] == kind:
            rule.update(changes)
    return entry


def test_an_instrument_has_the_rules_of_its_filters() -> None:
    """Tick, step, bounds and notional are exact; filters nobody knows yet are passed over."""
    (instrument,) = decode_instruments(listing(symbol_entry()), ["BTCUSDT"])
    assert (instrument.symbol, instrument.base_asset, instrument.quote_asset) == (
        "BTCUSDT",
        "BTC",
        "USDT",
    )
    assert (instrument.tick_size, instrument.step_size) == (SCALE // 100, SCALE // 100_000)
    assert (instrument.min_price, instrument.max_price) == (SCALE // 100, 1_000_000 * SCALE)
    assert (instrument.min_quantity, instrument.max_quantity) == (1_000, 9000 * SCALE)
    assert instrument.market_max_quantity == fixed_from_text("141.67845966")
    assert (instrument.min_notional, instrument.max_notional) == (5 * SCALE, 9_000_000 * SCALE)


def test_the_filters_that_bind_our_orders_are_read() -> None:
    """Price band by side, market lots, which side of the notional binds at the market, counts."""
    (instrument,) = decode_instruments(
        listing(
            symbol_entry(),
            exchangeFilters=[
                {"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000},
                {"filterType": "EXCHANGE_MAX_OF_TOMORROW", "limit": 1},
            ],
        ),
        None,
    )
    assert instrument.price_band == PriceBand(
        filter_name="PERCENT_PRICE_BY_SIDE",
        bid_multiplier_up=5 * SCALE,
        bid_multiplier_down=SCALE // 5,
        ask_multiplier_up=4 * SCALE,
        ask_multiplier_down=SCALE // 4,
    )
    assert (instrument.market_min_quantity, instrument.market_step_size) == (0, 0)
    assert instrument.is_min_notional_for_market
    assert not instrument.is_max_notional_for_market
    assert instrument.notional_filter == "NOTIONAL"
    assert (instrument.max_open_orders, instrument.max_open_orders_of_account) == (200, 1000)
    assert instrument.max_position == 0
    assert (instrument.max_order_lists, instrument.max_algo_orders) == (20, 5)


def test_the_older_price_band_holds_for_both_sides() -> None:
    """PERCENT_PRICE has one pair of multipliers."""
    entry = changed_filter(
        "PERCENT_PRICE_BY_SIDE",
        filterType="PERCENT_PRICE",
        multiplierUp="1.2",
        multiplierDown="0.8",
    )
    (instrument,) = decode_instruments(listing(entry), None)
    band = instrument.price_band
    assert band is not None
    assert band.filter_name == "PERCENT_PRICE"
    assert (band.bid_multiplier_up, band.ask_multiplier_up) == (12 * SCALE // 10,) * 2
    assert (band.bid_multiplier_down, band.ask_multiplier_down) == (8 * SCALE // 10,) * 2


def test_a_symbol_without_optional_filters_has_none() -> None:
    """What is not listed binds nothing."""
    entry = symbol_entry()
    filters = entry["filters"]
    assert isinstance(filters, list)
    needed = ("PRICE_FILTER", "LOT_SIZE", "NOTIONAL")
    entry["filters"] = [
        rule for rule in filters if isinstance(rule, dict) and rule["filterType"] in needed
    ]
    (instrument,) = decode_instruments(listing(entry), None)
    assert instrument.price_band is None
    assert (instrument.max_open_orders, instrument.market_max_quantity) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "TRADING"),
        ({"status": "HALT"}, "HALT"),
        ({"status": "STATUS_OF_TOMORROW"}, "STATUS_OF_TOMORROW"),
        ({"isSpotTradingAllowed": False}, "NO_SPOT_TRADING"),
    ],
)
def test_a_symbol_that_was_chosen_has_whatever_status(
    changes: dict[str, Json], status: str
) -> None:
    """It is listed with the venue's own word, and trades only if that is TRADING."""
    (instrument,) = decode_instruments(listing(symbol_entry() | changes), ["BTCUSDT"])
    assert instrument.status == status
    assert instrument.is_trading is (status == "TRADING")


def test_rows_follow_the_order_asked_for() -> None:
    """An instrument's id is its row, and the row is the caller's choice, not the venue's."""
    result = listing(symbol_entry("ETHUSDT"), symbol_entry("BTCUSDT"), symbol_entry("SOLUSDT"))
    instruments = decode_instruments(result, ["SOLUSDT", "BTCUSDT"])
    assert [(entry.instrument_id, entry.symbol) for entry in instruments] == [
        (0, "SOLUSDT"),
        (1, "BTCUSDT"),
    ]


def test_all_means_those_that_trade() -> None:
    """Without a choice, halted symbols and those without spot trading are left out."""
    result = listing(
        symbol_entry("ETHUSDT", status="HALT"),
        symbol_entry("BTCUSDT"),
        symbol_entry("SOLUSDT", isSpotTradingAllowed=False),
    )
    assert [entry.symbol for entry in decode_instruments(result, None)] == ["BTCUSDT"]


def test_a_zero_switches_a_bound_off() -> None:
    """A maximum of zero binds nothing, and a step of zero leaves the precision of the asset."""
    entry = changed_filter("PRICE_FILTER", tickSize="0.00000000", maxPrice="0.00000000")
    (instrument,) = decode_instruments(listing(entry), None)
    assert (instrument.tick_size, instrument.max_price) == (1, INT64_MAX)


def test_a_maximum_beyond_a_record_is_cut() -> None:
    """Bounds that no order of ours reaches still fit the links."""
    entry = changed_filter("LOT_SIZE", maxQty="99999999999999.00000000")
    (instrument,) = decode_instruments(listing(entry), None)
    assert instrument.max_quantity == INT64_MAX


def test_the_older_notional_filter_serves() -> None:
    """MIN_NOTIONAL has no maximum, and its own word for what binds at the market."""
    entry = symbol_entry()
    filters = entry["filters"]
    assert isinstance(filters, list)
    filters[-1] = {
        "filterType": "MIN_NOTIONAL",
        "minNotional": "5.00000000",
        "applyToMarket": False,
        "avgPriceMins": 5,
    }
    (instrument,) = decode_instruments(listing(entry), None)
    assert (instrument.min_notional, instrument.max_notional) == (5 * SCALE, INT64_MAX)
    assert instrument.notional_filter == "MIN_NOTIONAL"
    assert not instrument.is_min_notional_for_market


@pytest.mark.parametrize(
    ("result", "symbols"),
    [
        pytest.param(listing(symbol_entry()), ["ETHUSDT"], id="a symbol is missing"),
        pytest.param(listing(symbol_entry(filters=[])), None, id="no filters"),
        pytest.param(listing(changed_filter("PRICE_FILTER", tickSize="1e-2")), None, id="exponent"),
        pytest.param(listing(changed_filter("LOT_SIZE", minQty="-1")), None, id="negative"),
        pytest.param(msgspec.Raw(b'{"symbols":3}'), None, id="no list"),
    ],
)
def test_an_unusable_listing_is_malformed(result: msgspec.Raw, symbols: list[str] | None) -> None:
    """No instrument is made up from half its rules."""
    with pytest.raises(MalformedMessage):
        decode_instruments(result, symbols)
