"""A strategy without a view of the market: it wishes all the time, in every form there is."""

from typing import Annotated, Final

import msgspec

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.orders import Signal, TimeInForce
from genesis.strategies.base import (
    BaseStrategy,
    Signals,
    StrategyParameters,
    StrategySpec,
    StrategyState,
)
from genesis.units import NANOS_PER_MS, SCALE, Nanos, Quantity

KIND: Final = "churn"
_FORMS: Final = 5
_AMOUNTS: Final = (20, 60, 300)  # of the quote asset; one is less than two minima, to leave dust
_PRIME: Final = 7919


class ChurnParameters(StrategyParameters, frozen=True, kw_only=True):
    """Parameters of `churn`."""

    spacing_ms: Annotated[int, msgspec.Meta(ge=1)] = 300
    """Between two wishes, ms."""


class ChurnState(StrategyState, kw_only=True):
    """When the next wish is due, and how many there were in all lives that were told of it."""

    next_at: Nanos = 0
    wishes: int = 0


class Churn(BaseStrategy):
    """Buys when it holds little, sells when it holds something; the form of each order varies."""

    kind = KIND
    parameters_type = ChurnParameters
    state_type = ChurnState
    parameters: ChurnParameters
    state: ChurnState

    def on_quote(self, quote: Quote) -> Signals:
        """Wish once in every spacing."""
        self.signals.trigger = quote
        state = self.state
        now = quote.received_at
        if now < state.next_at:
            return None
        state.next_at = now + self.parameters.spacing_ms * NANOS_PER_MS
        state.wishes += 1
        form = (state.wishes * _PRIME + self.spec.number + self.signals.epoch) % _FORMS
        is_flat = not self.instrument.is_sellable(quote.bid_price, state.position)
        wish = self._enter(form, quote) if is_flat else self._exit(form, quote)
        return [wish]

    def _enter(self, form: int, quote: Quote) -> Signal:
        quantity = self._quantity(_AMOUNTS[self.state.wishes % len(_AMOUNTS)], quote)
        valid_for = (150 + 150 * form) * NANOS_PER_MS
        if form == 0:
            return self.signals.enter(1.0, valid_for=valid_for, quantity=quantity)
        is_waiting = form >= _FORMS - 2
        price = quote.bid_price if is_waiting else quote.ask_price
        return self.signals.enter(
            1.0,
            valid_for=valid_for,
            limit_price=self.instrument.floor_price(price),
            time_in_force=TimeInForce.GTC if is_waiting else TimeInForce.IOC,
            quantity=quantity,
        )

    def _exit(self, form: int, quote: Quote) -> Signal:
        valid_for = (150 + 150 * form) * NANOS_PER_MS
        if form <= 1:
            return self.signals.exit(valid_for=valid_for)
        if form == 2:  # noqa: PLR2004 - one of the forms
            return self.signals.exit(valid_for=valid_for, quantity=self._quantity(20, quote))
        return self.signals.exit(
            valid_for=valid_for,
            limit_price=self.instrument.ceil_price(quote.ask_price),
        )

    def _quantity(self, amount: int, quote: Quote) -> Quantity:
        return self.instrument.floor_quantity(amount * SCALE * SCALE // quote.ask_price)


def churn_roster(
    catalogue: InstrumentCatalogue, count: int, spacing_ms: int
) -> list[tuple[str, str, dict[str, float | int | str]]]:
    """Return names, symbols and parameters of `count` strategies, dealt over the instruments."""
    return [
        (
            f"{KIND}-{place}",
            catalogue[place % len(catalogue)].symbol,
            {"spacing_ms": spacing_ms + place},
        )
        for place in range(count)
    ]


def churn_specs(
    catalogue: InstrumentCatalogue, count: int, spacing_ms: int, numbers: dict[str, int]
) -> list[StrategySpec]:
    """Return the roster with its permanent numbers."""
    return [
        StrategySpec(name, numbers[name], KIND, symbol, parameters)
        for name, symbol, parameters in churn_roster(catalogue, count, spacing_ms)
    ]
