"""Instruments: trading rules applied without a rounding that the venue would refuse."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.instruments import Instrument, InstrumentCatalogue
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


@pytest.mark.parametrize(("quantity", "is_enough"), [("0.00008", False), ("0.0001", True)])
def test_an_order_below_the_smallest_notional_is_known(quantity: str, is_enough: bool) -> None:  # noqa: FBT001 - a case
    """The venue refuses orders below its smallest notional; at it, they pass."""
    instrument = make_instrument()

    assert instrument.meets_min_notional(50_000 * SCALE, fixed_from_text(quantity)) is is_enough


def test_a_catalogue_finds_instruments_by_row_and_by_symbol() -> None:
    """Shared tables name the row, files and the venue name the symbol."""
    bitcoin, ether = make_instrument(0, "BTCUSDT"), make_instrument(1, "ETHUSDT")
    catalogue = InstrumentCatalogue([bitcoin, ether])

    assert len(catalogue) == 2
    assert list(catalogue) == [bitcoin, ether]
    assert catalogue[1] is ether
    assert catalogue.by_symbol("BTCUSDT") is bitcoin
    assert catalogue.by_symbol("DOGEUSDT") is None


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
