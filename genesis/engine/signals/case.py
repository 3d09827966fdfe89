"""One signal before the stages: what is known of it, its rules, and what a stage is."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import msgspec

from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.orders import OrderType, Refusal, Side, Signal, SignalAction
from genesis.domain.strategy_record import StrategyRecord
from genesis.units import Amount, Nanos, Price, Quantity

PARTS_PER_MILLION: Final = 1_000_000


class SizingRules(msgspec.Struct, frozen=True, kw_only=True):
    """How large an entry is where the strategy names no quantity (`sizing.py`).

    Parts are in millionths. Each strategy is allotted an equal share of `allotment_ppm` of equity,
    and no position is more than `position_ppm` of it.
    """

    allotment_ppm: int
    position_ppm: int
    strategy_count: int
    risk_ppm: int
    stop_assumed_ppm: int
    kelly_trips: int
    kelly_part_ppm: int
    kelly_least_ppm: int
    kelly_most_ppm: int
    volatility_full_ppm: int


class ConfidenceRules(msgspec.Struct, frozen=True, kw_only=True):
    """How far a signal must be believed (`confidence.py`), in ten-thousandths, and by what."""

    minimum: int
    prior_trips: int
    usual_spread_bps: int
    data_age_max: Nanos


class SignalRules(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of all stages."""

    sizing: SizingRules
    confidence: ConfidenceRules
    signals_per_second_max: int


class SignalContext(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the signal's strategy and instrument when it is judged.

    `is_judged`: this signal, or a later one of its strategy, has had its verdict. `sale_of_others`
    is the lowest price at which another strategy of ours sells in the book, if one does.
    `record` is of the strategy's closed round trips, in all instruments. `volatility_ppm` is one
    standard deviation of the instrument's movement in an hour, 0 while that cannot be told.
    `entry_max` bounds what is sized here, while a canary is under way.
    """

    strategy_id: str
    instrument: Instrument
    quote: Quote | None
    equity: Amount
    held: Quantity
    working_entry: Quantity
    working_exit: Quantity
    sale_of_others: Price | None
    is_judged: bool
    signals_in_last_second: int
    halt_reason: str
    record: StrategyRecord
    volatility_ppm: int
    entry_max: Amount | None = None


class SignalCase(NamedTuple):
    """A signal and what the stages before have made of it.

    `limit_price` is the signal's on a whole tick, rounded away from the market: a buyer pays at
    most, a seller gets at least, what the strategy said. `reference_price` is what the market would
    give now, 0 without one. `confidence_bps` is the score of an entry, in ten-thousandths.
    """

    signal: Signal
    context: SignalContext
    rules: SignalRules
    now: Nanos
    limit_price: Price
    reference_price: Price
    confidence_bps: int = 0
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
