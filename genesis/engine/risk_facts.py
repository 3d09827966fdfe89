"""What the rules of risk look at: the limits, the facts of one intent, and how a rule says no."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import msgspec

from genesis.domain.filters import FilterFacts
from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.orders import Hold, OrderIntent, Refusal, RefusalRule, Side
from genesis.engine.state_machine import EngineState
from genesis.units import Amount, Nanos, Quantity, notional, text_from_fixed

BASIS_POINTS: Final = 10_000


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one tier, as scaled integers, basis points, counts and nanoseconds."""

    position_bps: int
    exposure_bps: int
    order_notional_max: Amount
    open_orders_max: int
    open_orders_per_strategy_max: int
    orders_per_second_max: int
    price_collar_bps: int
    data_age_max: Nanos
    daily_loss_max: Amount
    drawdown_halt_bps: int


class CanaryCap(msgspec.Struct, frozen=True):
    """What a canary allows of one symbol: entries of this notional, once an order was tried."""

    notional: Amount
    is_tested: bool


class VenueNow(msgspec.Struct, frozen=True):
    """The venue at the moment of a judgement: its clock, and what keeps orders from being sent.

    `entry` holds orders that may enlarge a position, `exit` those that can only shrink one.
    """

    time_ms: int
    entry: Hold | None = None
    exit: Hold | None = None

    def hold(self, intent: OrderIntent) -> Hold | None:
        """Return what keeps one order from being sent; None if nothing does."""
        return self.exit if is_reduction(intent) else self.entry


class RiskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at, gathered for one intent.

    Amounts are in the quote asset. `held` is the strategy's own position in the instrument,
    `working_entry` the unfilled quantity of its entries there, `exposure` the marked value of all
    positions and working entries, `available` the quote balance not reserved by working entries,
    `canary` what a canary allows while there is one. `protected_here` counts the positions of other
    strategies in the instrument that have a stop or will want one, None where there is no
    protection; `unprotected_for` is for how
    long the worst protected position has lacked one, 0 while none does for too long.
    """

    state: EngineState
    instrument: Instrument
    quote: Quote | None
    held: Quantity
    working_entry: Quantity
    working_exit: Quantity
    exposure: Amount
    available: Amount
    equity: Amount
    peak_equity: Amount
    day_profit: Amount
    open_orders: int
    open_orders_of_strategy: int
    orders_in_last_second: int
    filters: FilterFacts
    venue: VenueNow
    canary: CanaryCap | None = None
    protected_here: int | None = None
    unprotected_for: Nanos = 0


class RiskCase(NamedTuple):
    """One intent before the rules."""

    intent: OrderIntent
    facts: RiskFacts
    limits: RiskLimits
    now: Nanos


RiskRule: TypeAlias = Callable[[RiskCase], Refusal | None]
"""Says no, or nothing. It is total: any facts have an answer."""


def is_reduction(intent: OrderIntent) -> bool:
    """Tell whether an order can only shrink a position: on a spot account, every sale of own lots.

    `_check_holding` proves that the lots are there.
    """
    return intent.side is Side.SELL


def entry_notional(intent: OrderIntent) -> Amount:
    """Return what an entry reserves: quantity at its limit price, or at the reference price."""
    return notional(intent.limit_price or intent.reference_price, intent.quantity)


def refusal_of(rule: RefusalRule, limit: object, observed: object) -> Refusal:
    """Say no: which rule, its limit, what was seen."""
    return Refusal(rule=rule, limit=str(limit), observed=str(observed))


def amount_refusal(rule: RefusalRule, limit: int, observed: int) -> Refusal:
    """Say no to an amount, a price or a quantity."""
    return refusal_of(rule, text_from_fixed(limit), text_from_fixed(observed))
