"""Instruments and their trading rules, as the venue lists them."""

from collections.abc import Iterable, Iterator

import msgspec

from genesis.units import Amount, Price, Quantity, notional


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable symbol of the venue, with its rules (`binance-spot.md` section 9).

    `instrument_id` is the row of this instrument in every shared table; it holds for one run of the
    engine. What outlives a run (journal, records, files) names the `symbol`.
    """

    instrument_id: int
    symbol: str
    base_asset: str
    quote_asset: str
    tick_size: Price
    step_size: Quantity
    min_price: Price
    max_price: Price
    min_quantity: Quantity
    max_quantity: Quantity
    market_max_quantity: Quantity
    min_notional: Amount
    max_notional: Amount

    def floor_price(self, price: Price) -> Price:
        """Round a price down to a whole tick."""
        return price - price % self.tick_size

    def ceil_price(self, price: Price) -> Price:
        """Round a price up to a whole tick."""
        return price + -price % self.tick_size

    def floor_quantity(self, quantity: Quantity) -> Quantity:
        """Round a quantity down to a whole step."""
        return quantity - quantity % self.step_size

    def meets_min_notional(self, price: Price, quantity: Quantity) -> bool:
        """Tell whether an order of this size is large enough for the venue."""
        return notional(price, quantity) >= self.min_notional


class InstrumentCatalogue:
    """The instruments of one run, found by id or by symbol."""

    __slots__ = ("_by_symbol", "_instruments")

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._instruments = tuple(instruments)
        assert all(
            instrument.instrument_id == row for row, instrument in enumerate(self._instruments)
        ), "an instrument's id is its row"
        self._by_symbol = {instrument.symbol: instrument for instrument in self._instruments}
        assert len(self._by_symbol) == len(self._instruments), "a symbol names one instrument"

    def __len__(self) -> int:
        return len(self._instruments)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._instruments)

    def __getitem__(self, instrument_id: int) -> Instrument:
        return self._instruments[instrument_id]

    def by_symbol(self, symbol: str) -> Instrument | None:
        """Return the instrument the venue calls `symbol`, or None if this run does not trade it."""
        return self._by_symbol.get(symbol)
