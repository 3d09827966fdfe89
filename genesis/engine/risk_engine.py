"""Pre-trade risk: every intent becomes an approved order or a refusal that names its rule.

Only this module makes an `ApprovedOrder`, and the gateway takes nothing else. Each rule is one
function over the same facts; a missing or stale input refuses, and an intent that can only shrink a
position is never held back by a limit.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from genesis.domain.filters import FilterFacts, check_filters
from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.orders import Hold, OrderIntent, Refusal, RefusalRule, Side
from genesis.engine.state_machine import EngineState
from genesis.units import (
    NANOS_PER_MS,
    NANOS_PER_SECOND,
    Amount,
    Nanos,
    Quantity,
    notional,
    text_from_fixed,
)

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
    `canary` what a canary allows while there is one.
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


class ApprovedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An intent that passed every rule. Only `judge` in this module makes one."""

    intent: OrderIntent
    approved_at: Nanos


class _Case(NamedTuple):
    """One intent before the rules."""

    intent: OrderIntent
    facts: RiskFacts
    limits: RiskLimits
    now: Nanos


_Rule = Callable[[_Case], Refusal | None]


def judge(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, now: Nanos
) -> ApprovedOrder | Refusal:
    """Judge one intent: total over any input, first refusing rule wins.

    Rules of possibility (the engine's state, the venue's filters, what is held, what can be sent)
    bind every order; rules of prudence bind only orders that enlarge a position.
    """
    rules = _POSSIBILITY if is_reduction(intent) else _POSSIBILITY + _PRUDENCE
    case = _Case(intent, facts, limits, now)
    for rule in rules:
        refusal = rule(case)
        if refusal is not None:
            return refusal
    return ApprovedOrder(intent=intent, approved_at=now)


def is_reduction(intent: OrderIntent) -> bool:
    """Tell whether an order can only shrink a position: on a spot account, every sale of own lots.

    `_check_holding` proves that the lots are there.
    """
    return intent.side is Side.SELL


def _refusal(rule: RefusalRule, limit: object, observed: object) -> Refusal:
    return Refusal(rule=rule, limit=str(limit), observed=str(observed))


def _amount_refusal(rule: RefusalRule, limit: int, observed: int) -> Refusal:
    return _refusal(rule, text_from_fixed(limit), text_from_fixed(observed))


def _check_state(case: _Case) -> Refusal | None:
    allowed = {EngineState.RUNNING}
    if is_reduction(case.intent):
        allowed |= {EngineState.REDUCING, EngineState.HALTED}
    if case.facts.state in allowed:
        return None
    return _refusal(RefusalRule.ENGINE_STATE, EngineState.RUNNING.name, case.facts.state.name)


def _check_filters(case: _Case) -> Refusal | None:
    return check_filters(case.intent, case.facts.instrument, case.facts.filters)


def _check_holding(case: _Case) -> Refusal | None:
    """Refuse to sell more than the strategy holds: a spot account has no shorts."""
    if case.intent.side is not Side.SELL:
        return None
    free = case.facts.held - case.facts.working_exit
    return (
        None
        if case.intent.quantity <= free
        else _amount_refusal(RefusalRule.HOLDING, free, case.intent.quantity)
    )


def _check_venue(case: _Case) -> Refusal | None:
    """Refuse what would not be sent: nothing is written down only to be taken back."""
    hold = case.facts.venue.hold(case.intent)
    return None if hold is None else hold.refusal


def _check_data_age(case: _Case) -> Refusal | None:
    limit_ms = case.limits.data_age_max // NANOS_PER_MS
    if case.facts.quote is None:
        return _refusal(RefusalRule.DATA_AGE, f"{limit_ms} ms", "no quote")
    age = case.now - case.facts.quote.received_at
    if age > case.limits.data_age_max:
        return _refusal(RefusalRule.DATA_AGE, f"{limit_ms} ms", f"{age // NANOS_PER_MS} ms")
    return None


def _check_price_collar(case: _Case) -> Refusal | None:
    if case.facts.quote is None:
        return _refusal(RefusalRule.PRICE_COLLAR, f"{case.limits.price_collar_bps} bps", "no quote")
    middle = (case.facts.quote.bid_price + case.facts.quote.ask_price) // 2
    price = case.intent.limit_price or case.intent.reference_price
    if abs(price - middle) * BASIS_POINTS > case.limits.price_collar_bps * middle:
        return _refusal(
            RefusalRule.PRICE_COLLAR,
            f"{case.limits.price_collar_bps} bps of {text_from_fixed(middle)}",
            text_from_fixed(price),
        )
    return None


def _check_canary(case: _Case) -> Refusal | None:
    """Refuse an entry that is large, or was never tried, while a canary is under way."""
    cap = case.facts.canary
    if cap is None:
        return None
    if not cap.is_tested:
        return _refusal(RefusalRule.CANARY, "order.test passed", "not yet")
    worth = entry_notional(case.intent)
    return (
        None if worth <= cap.notional else _amount_refusal(RefusalRule.CANARY, cap.notional, worth)
    )


def _check_order_notional(case: _Case) -> Refusal | None:
    worth = entry_notional(case.intent)
    if worth > case.limits.order_notional_max:
        return _amount_refusal(RefusalRule.ORDER_NOTIONAL, case.limits.order_notional_max, worth)
    return None


def _check_position(case: _Case) -> Refusal | None:
    """Refuse an entry that could carry the position past its limit.

    Working entries count as filled, so two orders in flight cannot pass a limit together.
    """
    price = case.intent.limit_price or case.intent.reference_price
    after = notional(price, case.facts.held + case.facts.working_entry + case.intent.quantity)
    limit = case.facts.equity * case.limits.position_bps // BASIS_POINTS
    return None if after <= limit else _amount_refusal(RefusalRule.POSITION_LIMIT, limit, after)


def _check_exposure(case: _Case) -> Refusal | None:
    after = case.facts.exposure + entry_notional(case.intent)
    limit = case.facts.equity * case.limits.exposure_bps // BASIS_POINTS
    return None if after <= limit else _amount_refusal(RefusalRule.EXPOSURE, limit, after)


def _check_balance(case: _Case) -> Refusal | None:
    needed = entry_notional(case.intent)
    if needed > case.facts.available:
        return _amount_refusal(RefusalRule.BALANCE, case.facts.available, needed)
    return None


def _check_open_orders(case: _Case) -> Refusal | None:
    if case.facts.open_orders >= case.limits.open_orders_max:
        return _refusal(
            RefusalRule.OPEN_ORDERS, case.limits.open_orders_max, case.facts.open_orders
        )
    if case.facts.open_orders_of_strategy >= case.limits.open_orders_per_strategy_max:
        return _refusal(
            RefusalRule.OPEN_ORDERS_OF_STRATEGY,
            case.limits.open_orders_per_strategy_max,
            case.facts.open_orders_of_strategy,
        )
    return None


def _check_order_rate(case: _Case) -> Refusal | None:
    if case.facts.orders_in_last_second >= case.limits.orders_per_second_max:
        return _refusal(
            RefusalRule.ORDER_RATE,
            case.limits.orders_per_second_max,
            case.facts.orders_in_last_second,
        )
    return None


def _check_daily_loss(case: _Case) -> Refusal | None:
    if -case.facts.day_profit >= case.limits.daily_loss_max:
        return _amount_refusal(
            RefusalRule.DAILY_LOSS, case.limits.daily_loss_max, -case.facts.day_profit
        )
    return None


def _check_drawdown(case: _Case) -> Refusal | None:
    fall = case.facts.peak_equity - case.facts.equity
    limit = case.facts.peak_equity * case.limits.drawdown_halt_bps // BASIS_POINTS
    return None if fall < limit else _amount_refusal(RefusalRule.DRAWDOWN, limit, fall)


def entry_notional(intent: OrderIntent) -> Amount:
    """Return what an entry reserves: quantity at its limit price, or at the reference price."""
    return notional(intent.limit_price or intent.reference_price, intent.quantity)


_POSSIBILITY: Final[tuple[_Rule, ...]] = (
    _check_state,
    _check_filters,
    _check_holding,
    _check_venue,
)
_PRUDENCE: Final[tuple[_Rule, ...]] = (
    _check_data_age,
    _check_price_collar,
    _check_canary,
    _check_order_notional,
    _check_position,
    _check_exposure,
    _check_balance,
    _check_open_orders,
    _check_order_rate,
    _check_daily_loss,
    _check_drawdown,
)

RATE_WINDOW: Final[Nanos] = NANOS_PER_SECOND
