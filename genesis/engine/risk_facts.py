"""What the rules of risk look at: the limits, the facts of one intent, and how a rule says no."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import msgspec

from genesis.domain.filters import FilterFacts
from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.orders import (
    Hold,
    OrderIntent,
    OrderType,
    Refusal,
    RefusalRule,
    Side,
)
from genesis.engine.correlation import CorrelationRules
from genesis.engine.flash_crash import FlashCrashRules
from genesis.engine.pause_rules import PauseRules
from genesis.engine.risk_state import LossLimits, Pause, RiskState
from genesis.engine.state_machine import EngineState
from genesis.units import Amount, Nanos, Quantity, notional, text_from_fixed

BASIS_POINTS: Final = 10_000


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one tier, as scaled integers, basis points, counts and nanoseconds.

    Shares are of equity, but for `correlated_bps`, which is of the exposure that is allowed, and
    `depth_bps`, which is of what a book shows. `reduced_bps` is what losses leave of sizes and
    limits once they have reduced them.
    """

    position_bps: int
    strategy_bps: int
    instrument_bps: int
    exposure_bps: int
    correlated_bps: int
    order_notional_max: Amount
    open_orders_max: int
    open_orders_per_strategy_max: int
    orders_per_second_max: int
    cancels_per_second_max: int
    price_collar_bps: int
    spread_max_bps: int
    depth_bps: int
    data_age_max: Nanos
    mark_age_max: Nanos
    reduced_bps: int
    losses: LossLimits
    flash_crash: FlashCrashRules
    correlation: CorrelationRules
    pauses: PauseRules

    def reduced(self) -> "RiskLimits":
        """Return what losses leave of these limits once they have reduced them."""
        shares = ("position_bps", "strategy_bps", "instrument_bps", "exposure_bps")
        names = (*shares, "order_notional_max")
        return msgspec.structs.replace(
            self,
            **{name: getattr(self, name) * self.reduced_bps // BASIS_POINTS for name in names},
        )


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
    `working_entry` the unfilled quantity of its entries there, `available` the quote balance not
    reserved by working entries, `canary` what a canary allows while there is one. Exposures are
    the marked value of positions and working entries: of all, of this strategy, in this instrument,
    and in all that move together with it. `mark_age` is the age of the oldest price that something
    held is valued at, None where nothing is. `visible` is what the book offers up to the order's
    limit or the collar, None where it is not known. `fall_bps` is how far the instrument has fallen
    within the window of the guard against flash crashes, `pause` why entries stop for a while.
    `protected_here` counts the positions of other strategies in the instrument that have a stop or
    will want one, None where there is no protection; `unprotected_for` is for how long the worst
    protected position has lacked one, 0 while none does for too long.
    """

    state: EngineState
    risk: RiskState
    risk_cause: str
    pause: Pause | None
    instrument: Instrument
    quote: Quote | None
    mark_age: Nanos | None
    visible: Quantity | None
    fall_bps: int
    held: Quantity
    working_entry: Quantity
    working_exit: Quantity
    exposure: Amount
    exposure_of_strategy: Amount
    exposure_of_instrument: Amount
    exposure_correlated: Amount
    available: Amount
    equity: Amount
    peak_equity: Amount
    day_profit: Amount
    open_orders: int
    open_orders_of_strategy: int
    orders_in_last_second: int
    cancels_in_last_second: int
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


def is_resting(intent: OrderIntent, quote: Quote) -> bool:
    """Tell whether an entry waits in the book at this quote, and takes nothing from it."""
    if intent.order_type is OrderType.LIMIT_MAKER:
        return True
    return 0 < intent.limit_price < quote.ask_price


def entry_notional(intent: OrderIntent) -> Amount:
    """Return what an entry reserves: quantity at its limit price, or at the reference price."""
    return notional(intent.limit_price or intent.reference_price, intent.quantity)


def refusal_of(rule: RefusalRule, limit: object, observed: object) -> Refusal:
    """Say no: which rule, its limit, what was seen."""
    return Refusal(rule=rule, limit=str(limit), observed=str(observed))


def amount_refusal(rule: RefusalRule, limit: int, observed: int) -> Refusal:
    """Say no to an amount, a price or a quantity."""
    return refusal_of(rule, text_from_fixed(limit), text_from_fixed(observed))
