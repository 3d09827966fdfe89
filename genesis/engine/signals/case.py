"""One signal before the stages: what is known of it, its rules, and what a stage is."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import msgspec

from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.orders import OrderType, Refusal, Side, Signal, SignalAction
from genesis.units import Amount, Nanos, Price, Quantity


class SizingRules(msgspec.Struct, frozen=True, kw_only=True):
    """How large an entry is where the strategy names no quantity (`sizing.py`).

    Each strategy is allotted an equal share of `allotment_bps` of equity, and an entry never takes
    more than `position_bps` of it.
    """

    allotment_bps: int
    position_bps: int
    strategy_count: int


class SignalRules(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of all stages."""

    sizing: SizingRules
    signals_per_second_max: int


class SignalContext(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the signal's strategy and instrument when it is judged.

    `entry_max` bounds what is sized here, while a canary is under way.
    """

    strategy_id: str
    instrument: Instrument
    quote: Quote | None
    equity: Amount
    held: Quantity
    working_entry: Quantity
    working_exit: Quantity
    signals_in_last_second: int
    halt_reason: str
    entry_max: Amount | None = None


class SignalCase(NamedTuple):
    """A signal and what the stages before have made of it.

    `limit_price` is the signal's on a whole tick, rounded away from the market: a buyer pays at
    most, a seller gets at least, what the strategy said. `reference_price` is what the market would
    give now, 0 without one.
    """

    signal: Signal
    context: SignalContext
    rules: SignalRules
    now: Nanos
    limit_price: Price
    reference_price: Price
    quantity: Quantity = 0

    @property
    def is_entry(self) -> bool:
        """Tell whether the signal wishes for a position, or for the end of one."""
        return self.signal.action is SignalAction.ENTER

    @property
    def price(self) -> Price:
        """Return the price that size and checks are made at."""
        return self.limit_price or self.reference_price


Stage: TypeAlias = Callable[[SignalCase], SignalCase | Refusal]
"""Passes a case on, as it is or with something added to it, or says no. It is pure and total."""


def open_case(signal: Signal, context: SignalContext, rules: SignalRules, now: Nanos) -> SignalCase:
    """Return a signal as it comes before the first stage. Nothing in it is believed yet."""
    quote, instrument = context.quote, context.instrument
    is_buy = signal.side is Side.BUY
    reference_price = 0
    if quote is not None:
        reference_price = quote.ask_price if is_buy else quote.bid_price
    limit_price = 0
    if signal.order_type is not OrderType.MARKET:
        round_price = instrument.floor_price if is_buy else instrument.ceil_price
        limit_price = round_price(signal.limit_price)
    return SignalCase(signal, context, rules, now, limit_price, reference_price)
