"""Instruments and their trading rules, as the venue lists them."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from genesis.limits import FIXED_MAX
from genesis.units import Amount, Price, Quantity, notional, text_from_fixed

TRADING: Final = "TRADING"
CANCEL_ONLY: Final = "CANCEL_ONLY"
NO_SPOT_TRADING: Final = "NO_SPOT_TRADING"
UNLISTED: Final = "UNLISTED"

_MARKET_MARGIN: Final = 100  # one part in so many
_COUNTS: Final = frozenset(
    {"max_open_orders", "max_open_orders_of_account", "max_algo_orders", "max_order_lists"}
)
_NAMES: Final = frozenset({"instrument_id", "symbol", "status"})


class PriceBand(msgspec.Struct, frozen=True, kw_only=True):
    """Between which multiples of the venue's reference price a limit price must lie, by side.

    `filter_name` is what the venue calls it: PERCENT_PRICE_BY_SIDE, or the older PERCENT_PRICE.
    """

    filter_name: str
    bid_multiplier_up: int
    bid_multiplier_down: int
    ask_multiplier_up: int
    ask_multiplier_down: int


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable symbol of the venue, with its rules (`binance-spot.md` section 9).

    `instrument_id` is the row of this instrument in every shared table; it holds for one run of the
    engine. What outlives a run (journal, records, files) names the `symbol`.

    `status` is the venue's word (section 7.1), or one of ours where the venue has none:
    NO_SPOT_TRADING, UNLISTED. A rule that has a default is switched off by it. `notional_filter` is
    what the venue calls the filter of `min_notional`: NOTIONAL, or the older MIN_NOTIONAL. The
    filters of the whole account (EXCHANGE_*) are repeated in each of its instruments.
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
    status: str = TRADING
    market_min_quantity: Quantity = 0
    market_step_size: Quantity = 0
    is_min_notional_for_market: bool = True
    is_max_notional_for_market: bool = False
    notional_filter: str = "NOTIONAL"
    price_band: PriceBand | None = None
    max_position: Quantity = 0
    max_open_orders: int = 0
    max_open_orders_of_account: int = 0
    max_algo_orders: int = 0
    max_order_lists: int = 0

    @property
    def is_trading(self) -> bool:
        """Tell whether the venue takes new orders."""
        return self.status == TRADING

    @property
    def takes_cancels(self) -> bool:
        """Tell whether the venue is known to take cancels."""
        return self.status in {TRADING, CANCEL_ONLY}

    def floor_price(self, price: Price) -> Price:
        """Round a price down to a whole tick."""
        return price - price % self.tick_size

    def ceil_price(self, price: Price) -> Price:
        """Round a price up to a whole tick."""
        return price + -price % self.tick_size

    def floor_quantity(self, quantity: Quantity) -> Quantity:
        """Round a quantity down to a whole step."""
        return quantity - quantity % self.step_size

    def largest_quantity(self, *, is_market: bool) -> Quantity:
        """Return the most lots that one order may have."""
        if is_market and self.market_max_quantity:
            return min(self.max_quantity, self.market_max_quantity)
        return self.max_quantity

    def notional_bounds(self, *, is_market: bool) -> tuple[Amount, Amount]:
        """Return what an order must be worth at least and at most.

        A market order is valued by the venue at its own reference or average price (sections 9 and
        12.5). That is not known, so at the present price 1 % is left on either side.
        """
        if not is_market:
            return self.min_notional, self.max_notional
        least = self.min_notional if self.is_min_notional_for_market else 0
        most = self.max_notional if self.is_max_notional_for_market else FIXED_MAX
        return least + least // _MARKET_MARGIN, most - most // _MARKET_MARGIN

    def is_sellable(self, price: Price, quantity: Quantity) -> bool:
        """Tell whether lots are many enough, and worth enough, to be sold at the market."""
        lots = self.floor_quantity(quantity)
        minimum = max(1, self.min_quantity, self.market_min_quantity)
        least_worth, _ = self.notional_bounds(is_market=True)
        return lots >= minimum and notional(price, lots) >= least_worth


def rule_changes(before: Instrument, after: Instrument) -> tuple[str, ...]:
    """Return in words what differs in the rules of an instrument; its status is not a rule."""
    return tuple(
        f"{name} {_words(name, old)} to {_words(name, new)}"
        for name in Instrument.__struct_fields__
        if name not in _NAMES and (old := getattr(before, name)) != (new := getattr(after, name))
    )


def _words(name: str, value: object) -> str:
    if isinstance(value, PriceBand):
        multipliers = (
            value.bid_multiplier_down,
            value.bid_multiplier_up,
            value.ask_multiplier_down,
            value.ask_multiplier_up,
        )
        return f"{value.filter_name} {'/'.join(map(text_from_fixed, multipliers))}"
    is_scaled = isinstance(value, int) and not isinstance(value, bool) and name not in _COUNTS
    return text_from_fixed(value) if is_scaled else str(value)  # type: ignore[arg-type]


class InstrumentCatalogue:
    """The instruments of one run, found by id or by symbol.

    Which instruments there are, and their ids, never change during a run; their rules may.
    """

    __slots__ = ("_by_symbol", "_instruments")

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._instruments = list(instruments)
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

    def renew(self, instrument: Instrument) -> None:
        """Put new rules in the place of an instrument's old ones."""
        old = self._instruments[instrument.instrument_id]
        assert old.symbol == instrument.symbol, "an id names one symbol for the whole run"
        self._instruments[instrument.instrument_id] = instrument
        self._by_symbol[instrument.symbol] = instrument
