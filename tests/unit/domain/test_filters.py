"""The venue's filters before an order is sent: each at its bound, in the venue's order."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.filters import check_filters
from genesis.domain.instruments import Instrument, PriceBand
from genesis.domain.orders import OrderIntent, OrderType, Refusal, RefusalRule, Side
from genesis.units import SCALE, fixed_from_text, notional
from tests.support.builders import LOT, PRICE, btc, filter_facts, intent

TICK = SCALE // 100
STEP = SCALE // 100_000
UNLIMITED = 2**63 - 1


def limit(price: int = PRICE, quantity: int = LOT, side: Side = Side.BUY) -> OrderIntent:
    return intent(order_type=OrderType.LIMIT, limit_price=price, quantity=quantity, side=side)


def market(quantity: int = LOT, side: Side = Side.BUY) -> OrderIntent:
    return intent(quantity=quantity, side=side)


def lots(text: str) -> int:
    return fixed_from_text(text)


BAND = PriceBand(
    filter_name="PERCENT_PRICE_BY_SIDE",
    bid_multiplier_up=12 * SCALE // 10,
    bid_multiplier_down=9 * SCALE // 10,
    ask_multiplier_up=13 * SCALE // 10,
    ask_multiplier_down=8 * SCALE // 10,
)
NARROW = btc(price_band=BAND)
OLD_BAND = btc(price_band=msgspec.structs.replace(BAND, filter_name="PERCENT_PRICE"))
OLD_NOTIONAL = btc(notional_filter="MIN_NOTIONAL")
MARKET_LOTS = btc(market_min_quantity=lots("0.01"), market_step_size=lots("0.01"))
CAPPED_AT_MARKET = btc(max_notional=1_000 * SCALE, is_max_notional_for_market=True)
BIG_AT_MARKET = btc(max_notional=50 * SCALE)
FREE_AT_MARKET = btc(is_min_notional_for_market=False)
FEW = btc(max_open_orders=3, max_open_orders_of_account=7)
SMALL_POSITION = btc(max_position=10 * LOT)

# The order, the rules, what is seen; the rule and the filter that say no, if any.
CASES: dict[str, tuple[OrderIntent, Instrument, dict[str, object], str, str]] = {
    "an ordinary order": (limit(), btc(), {}, "", ""),
    "lowest price": (
        limit(TICK, 90 * SCALE),
        btc(price_band=None, min_notional=0),
        {},
        "",
        "",
    ),
    "below the lowest price": (
        limit(TICK, 90 * SCALE),
        btc(min_price=2 * TICK),
        {},
        "price_filter",
        "PRICE_FILTER",
    ),
    "highest price": (limit(1_000_000 * SCALE, STEP), btc(price_band=None), {}, "", ""),
    "above the highest price": (
        limit(1_000_000 * SCALE + TICK, STEP),
        btc(price_band=None),
        {},
        "price_filter",
        "PRICE_FILTER",
    ),
    "off the tick": (limit(PRICE + 1), btc(), {}, "price_filter", "PRICE_FILTER"),
    "a market order has no price": (market(), btc(min_price=2 * PRICE), {}, "", ""),
    "fewest lots": (market(STEP), btc(min_notional=0), {}, "", ""),
    "no lots": (market(0), btc(min_quantity=0, min_notional=0), {}, "lot_size", "LOT_SIZE"),
    "too few lots": (
        market(STEP),
        btc(min_quantity=2 * STEP, min_notional=0),
        {},
        "lot_size",
        "LOT_SIZE",
    ),
    "most lots": (limit(quantity=150 * SCALE), btc(), {}, "", ""),
    "too many lots": (
        limit(quantity=9_000 * SCALE + STEP),
        btc(max_notional=UNLIMITED),
        {},
        "lot_size",
        "LOT_SIZE",
    ),
    "off the step": (market(LOT + 1), btc(), {}, "lot_size", "LOT_SIZE"),
    "most lots at the market": (market(141 * SCALE), btc(), {}, "", ""),
    "too many lots at the market": (
        market(141 * SCALE + STEP),
        btc(),
        {},
        "market_lot_size",
        "MARKET_LOT_SIZE",
    ),
    "fewest lots at the market": (market(lots("0.01")), MARKET_LOTS, {}, "", ""),
    "too few lots at the market": (
        market(lots("0.009")),
        MARKET_LOTS,
        {},
        "market_lot_size",
        "MARKET_LOT_SIZE",
    ),
    "off the market's step": (
        market(lots("0.015")),
        MARKET_LOTS,
        {},
        "market_lot_size",
        "MARKET_LOT_SIZE",
    ),
    "the market's lots bind no limit order": (
        limit(quantity=lots("0.005")),
        MARKET_LOTS,
        {},
        "",
        "",
    ),
    "zero switches the market's lots off": (
        market(150 * SCALE),
        btc(market_max_quantity=0),
        {},
        "",
        "",
    ),
    "bid at the top of the band": (limit(72_000 * SCALE), NARROW, {}, "", ""),
    "bid above the band": (
        limit(72_000 * SCALE + TICK),
        NARROW,
        {},
        "percent_price",
        "PERCENT_PRICE_BY_SIDE",
    ),
    "bid at the bottom of the band": (limit(54_000 * SCALE), NARROW, {}, "", ""),
    "bid below the band": (
        limit(54_000 * SCALE - TICK),
        NARROW,
        {},
        "percent_price",
        "PERCENT_PRICE_BY_SIDE",
    ),
    "ask at the top of its own band": (limit(78_000 * SCALE, side=Side.SELL), NARROW, {}, "", ""),
    "ask above the band": (
        limit(78_000 * SCALE + TICK, side=Side.SELL),
        NARROW,
        {},
        "percent_price",
        "PERCENT_PRICE_BY_SIDE",
    ),
    "ask below the band": (
        limit(48_000 * SCALE - TICK, side=Side.SELL),
        NARROW,
        {},
        "percent_price",
        "PERCENT_PRICE_BY_SIDE",
    ),
    "the older band has the older name": (
        limit(80_000 * SCALE),
        OLD_BAND,
        {},
        "percent_price",
        "PERCENT_PRICE",
    ),
    "no quote, no band": (limit(80_000 * SCALE), NARROW, {"market_price": 0}, "", ""),
    "a market order has no band": (market(), NARROW, {"market_price": 10 * PRICE}, "", ""),
    "smallest worth": (limit(50_000 * SCALE, lots("0.0001")), btc(), {}, "", ""),
    "too small a worth": (
        limit(50_000 * SCALE - TICK, lots("0.0001")),
        btc(),
        {},
        "min_notional",
        "NOTIONAL",
    ),
    "the older filter of worth": (
        limit(50_000 * SCALE - TICK, lots("0.0001")),
        OLD_NOTIONAL,
        {},
        "min_notional",
        "MIN_NOTIONAL",
    ),
    "smallest worth at the market has a margin": (
        market(lots("0.0001")),
        btc(),
        {"market_price": 50_500 * SCALE},
        "",
        "",
    ),
    "inside the margin": (
        market(lots("0.0001")),
        btc(),
        {"market_price": 50_500 * SCALE - TICK},
        "min_notional",
        "NOTIONAL",
    ),
    "without a quote, the price it was sized at": (
        market(lots("0.0001")),
        btc(),
        {"market_price": 0},
        "",
        "",
    ),
    "no smallest worth at the market": (market(STEP), FREE_AT_MARKET, {}, "", ""),
    "largest worth": (limit(quantity=150 * SCALE), btc(), {}, "", ""),
    "too large a worth": (
        limit(quantity=150 * SCALE + STEP),
        btc(),
        {},
        "max_notional",
        "NOTIONAL",
    ),
    "largest worth at the market has a margin": (
        market(lots("0.0165")),
        CAPPED_AT_MARKET,
        {},
        "",
        "",
    ),
    "beyond that margin": (
        market(lots("0.01651")),
        CAPPED_AT_MARKET,
        {},
        "max_notional",
        "NOTIONAL",
    ),
    "no largest worth at the market": (market(), BIG_AT_MARKET, {}, "", ""),
    "last open order": (limit(), FEW, {"open_orders": 2}, "", ""),
    "too many open orders": (limit(), FEW, {"open_orders": 3}, "max_num_orders", "MAX_NUM_ORDERS"),
    "last open order of the account": (limit(), FEW, {"open_orders_of_account": 6}, "", ""),
    "too many of the account": (
        limit(),
        FEW,
        {"open_orders_of_account": 7},
        "exchange_max_num_orders",
        "EXCHANGE_MAX_NUM_ORDERS",
    ),
    "position at its maximum": (
        limit(),
        SMALL_POSITION,
        {"base_balance": 6 * LOT, "open_buy_quantity": 3 * LOT},
        "",
        "",
    ),
    "position too large": (
        limit(),
        SMALL_POSITION,
        {"base_balance": 6 * LOT, "open_buy_quantity": 3 * LOT + 1},
        "max_position",
        "MAX_POSITION",
    ),
    "a sale does not mind the maximum": (
        limit(side=Side.SELL),
        SMALL_POSITION,
        {"base_balance": 60 * LOT, "sellable": 60 * LOT},
        "",
        "",
    ),
    "the last lots, enough of them": (
        market(lots("0.0001"), Side.SELL),
        btc(),
        {"sellable": lots("0.0001"), "market_price": 50_500 * SCALE},
        "",
        "",
    ),
    "the last lots are dust": (
        market(lots("0.0001"), Side.SELL),
        btc(),
        {"sellable": lots("0.000109"), "market_price": 50_500 * SCALE - TICK},
        "dust",
        "NOTIONAL",
    ),
    "less than a step is dust": (
        market(0, Side.SELL),
        btc(),
        {"sellable": STEP - 1},
        "dust",
        "LOT_SIZE",
    ),
    "a part too small, of more that is held": (
        market(lots("0.00005"), Side.SELL),
        btc(),
        {"sellable": LOT},
        "min_notional",
        "NOTIONAL",
    ),
    "nothing held is no dust": (market(0, Side.SELL), btc(), {}, "lot_size", "LOT_SIZE"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_filter_at_its_bound(case: str) -> None:
    """The filter that is meant says no just beyond its bound, and nobody does at it."""
    wanted, rules, seen, rule, filter_name = CASES[case]
    refusal = check_filters(wanted, rules, filter_facts(**seen))
    if not rule:
        assert refusal is None
        return
    assert refusal is not None
    assert (refusal.rule, refusal.wording) == (rule, f"Filter failure: {filter_name}")


def test_the_first_failure_in_the_venue_s_order_is_reported() -> None:
    """A price off the tick, lots off the step, far from the market and worth nothing: the first."""
    facts = filter_facts(open_orders=1_000)
    failures = [
        (limit(1, 1), "price_filter"),
        (limit(TICK, 1), "lot_size"),
        (limit(TICK, STEP), "percent_price"),
        (limit(PRICE, STEP), "min_notional"),
        (limit(PRICE, LOT), "max_num_orders"),
    ]
    for wanted, rule in failures:
        refusal = check_filters(wanted, btc(), facts)
        assert refusal is not None
        assert refusal.rule == rule


@pytest.mark.parametrize(
    "status", ["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY", "UNLISTED", "NEW1"]
)
@pytest.mark.parametrize("side", Side)
def test_a_suspended_symbol_takes_no_order(status: str, side: Side) -> None:
    """Whatever the venue calls it, unless it trades: not even a sale of what is held."""
    refusal = check_filters(market(side=side), btc(status=status), filter_facts(sellable=LOT))
    assert refusal == Refusal(
        rule=RefusalRule.SUSPENDED, limit="TRADING", observed=status, wording="Market is closed."
    )


def test_a_refusal_names_limit_and_what_was_seen() -> None:
    """A trader reads from it what to change."""
    refusal = check_filters(limit(PRICE + 1), btc(), filter_facts())
    assert refusal is not None
    assert refusal.limit == "0.01000000..1000000.00000000 by 0.01000000"
    assert refusal.observed == "60000.00000001"


@given(
    st.builds(
        intent,
        side=st.sampled_from(Side),
        order_type=st.sampled_from(OrderType),
        limit_price=st.integers(-(10**12), 10**15),
        quantity=st.integers(-(10**12), 10**15),
    ),
    st.integers(0, 10**13),
    st.integers(-(10**9), 10**9),
)
def test_filters_are_total_and_what_passes_holds(
    wanted: OrderIntent, seen: int, sellable: int
) -> None:
    """Any order has a verdict; one that passes is on tick and step, and worth enough."""
    rules = btc()
    if check_filters(wanted, rules, filter_facts(market_price=seen, sellable=sellable)) is None:
        assert wanted.quantity > 0
        assert wanted.quantity % rules.step_size == 0
        if wanted.order_type is OrderType.MARKET:
            assert notional(seen or PRICE, wanted.quantity) > rules.min_notional
        else:
            assert wanted.limit_price % rules.tick_size == 0
            assert notional(wanted.limit_price, wanted.quantity) >= rules.min_notional
