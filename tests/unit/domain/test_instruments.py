"""Instruments: trading rules applied without a rounding that the venue would refuse."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.instruments import (
    Instrument,
    InstrumentCatalogue,
    PriceBand,
    rule_changes,
)
from genesis.units import SCALE, fixed_from_text


def make_instrument(instrument_id: int = 0, symbol: str = "BTCUSDT") -> Instrument:
    """Return an instrument with the rules of Binance's BTCUSDT."""
    return Instrument(
        instrument_id=instrument_id,
        symbol=symbol,
        base_asset=symbol.removesuffix("USDT"),
        quote_asset="USDT",
        tick_size=fixed_from_text("0.01"),
        step_size=fixed_from_text("0.00001"),
        min_price=fixed_from_text("0.01"),
        max_price=fixed_from_text("1000000"),
        min_quantity=fixed_from_text("0.00001"),
        max_quantity=fixed_from_text("9000"),
        market_max_quantity=fixed_from_text("100"),
        min_notional=fixed_from_text("5"),
        max_notional=fixed_from_text("9000000"),
    )


@given(st.integers(0, 10**15))
def test_rounded_prices_are_the_nearest_ticks_on_either_side(price: int) -> None:
    """A price off the tick would be rejected; a rounded one is less than a tick away."""
    instrument = make_instrument()
    floor, ceiling = instrument.floor_price(price), instrument.ceil_price(price)

    assert floor % instrument.tick_size == 0
    assert ceiling % instrument.tick_size == 0
    assert floor <= price <= ceiling
    assert price - floor < instrument.tick_size
    assert ceiling - price < instrument.tick_size


@given(st.integers(0, 10**15))
def test_quantities_are_only_ever_rounded_down(quantity: int) -> None:
    """An order is never larger than what was decided."""
    instrument = make_instrument()
    floor = instrument.floor_quantity(quantity)

    assert floor % instrument.step_size == 0
    assert 0 <= quantity - floor < instrument.step_size


@pytest.mark.parametrize(
    ("quantity", "is_enough"),
    [("0.00010099", False), ("0.000101", True), ("0.00010199", True), ("0", False)],
)
def test_what_can_be_sold_at_the_market_is_known(
    quantity: str,
    is_enough: bool,  # noqa: FBT001 - a case
) -> None:
    """Whole steps must be worth the smallest notional, and 1 % more: the venue's price differs."""
    instrument = msgspec.structs.replace(make_instrument(), step_size=100)

    assert instrument.is_sellable(50_000 * SCALE, fixed_from_text(quantity)) is is_enough


def test_lots_below_the_smallest_order_cannot_be_sold() -> None:
    """Whatever they are worth; the market's own smallest order counts as well."""
    instrument = msgspec.structs.replace(
        make_instrument(), market_min_quantity=fixed_from_text("0.5")
    )

    assert not instrument.is_sellable(50_000 * SCALE, fixed_from_text("0.49999"))
    assert instrument.is_sellable(50_000 * SCALE, fixed_from_text("0.5"))


def test_changed_rules_are_told_in_words() -> None:
    """What an operator reads: each rule that differs, old and new, and nothing else."""
    old = make_instrument()
    band = PriceBand(
        filter_name="PERCENT_PRICE_BY_SIDE",
        bid_multiplier_up=2 * SCALE,
        bid_multiplier_down=SCALE // 2,
        ask_multiplier_up=2 * SCALE,
        ask_multiplier_down=SCALE // 2,
    )
    new = msgspec.structs.replace(
        old,
        instrument_id=7,
        status="HALT",
        tick_size=fixed_from_text("0.1"),
        max_open_orders=200,
        is_max_notional_for_market=True,
        price_band=band,
    )

    assert rule_changes(old, old) == ()
    assert rule_changes(old, new) == (
        "tick_size 0.01000000 to 0.10000000",
        "is_max_notional_for_market False to True",
        "price_band None to PERCENT_PRICE_BY_SIDE 0.50000000/2.00000000/0.50000000/2.00000000",
        "max_open_orders 0 to 200",
    )


def test_a_catalogue_finds_instruments_by_row_and_by_symbol() -> None:
    """Shared tables name the row, files and the venue name the symbol."""
    bitcoin, ether = make_instrument(0, "BTCUSDT"), make_instrument(1, "ETHUSDT")
    catalogue = InstrumentCatalogue([bitcoin, ether])

    assert len(catalogue) == 2
    assert list(catalogue) == [bitcoin, ether]
    assert catalogue[1] is ether
    assert catalogue.by_symbol("BTCUSDT") is bitcoin
    assert catalogue.by_symbol("DOGEUSDT") is None


def test_rules_are_renewed_in_their_place() -> None:
    """An instrument keeps its row and its symbol for the whole run, whatever else changes."""
    catalogue = InstrumentCatalogue([make_instrument(0), make_instrument(1, "ETHUSDT")])
    halted = msgspec.structs.replace(make_instrument(1, "ETHUSDT"), status="HALT")
    catalogue.renew(halted)

    assert catalogue[1] is halted
    assert catalogue.by_symbol("ETHUSDT") is halted
    with pytest.raises(AssertionError):
        catalogue.renew(make_instrument(1, "SOLUSDT"))


@pytest.mark.parametrize(
    "make_rows",
    [
        lambda: [make_instrument(1)],
        lambda: [make_instrument(0), make_instrument(1)],
    ],
    ids=["an id that is no row", "a symbol twice"],
)
def test_a_catalogue_of_clashing_instruments_is_a_bug(
    make_rows: Callable[[], list[Instrument]],
) -> None:
    """Rows of shared tables would be mixed up, so it is never built."""
    with pytest.raises(AssertionError):
        InstrumentCatalogue(make_rows())
