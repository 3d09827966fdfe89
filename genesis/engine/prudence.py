"""Rules of prudence: how much is risked. They bind orders that enlarge a position, and no other."""

from typing import Final

from genesis.domain.orders import Refusal, RefusalRule
from genesis.engine.risk_facts import (
    BASIS_POINTS,
    RiskCase,
    RiskRule,
    amount_refusal,
    entry_notional,
    is_resting,
    refusal_of,
)
from genesis.engine.risk_state import RiskState
from genesis.limits import UNCOVERED_MAX
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, notional, text_from_fixed


def _check_risk_state(case: RiskCase) -> Refusal | None:
    """Refuse every entry once losses have left none; a reduced state has its own limits."""
    facts = case.facts
    if facts.risk <= RiskState.REDUCED:
        return None
    return refusal_of(
        RefusalRule.RISK_STATE, RiskState.REDUCED.word, f"{facts.risk.word}: {facts.risk_cause}"
    )


def _check_pause(case: RiskCase) -> Refusal | None:
    pause = case.facts.pause
    if pause is None or case.now >= pause.until:
        return None
    left = -(-(pause.until - case.now) // NANOS_PER_SECOND)
    return refusal_of(pause.rule, pause.limit, f"{pause.observed}; for {left} s more")


def _check_data_age(case: RiskCase) -> Refusal | None:
    limit_ms = case.limits.data_age_max // NANOS_PER_MS
    if case.facts.quote is None:
        return refusal_of(RefusalRule.DATA_AGE, f"{limit_ms} ms", "no quote")
    age = case.now - case.facts.quote.received_at
    if age > case.limits.data_age_max:
        return refusal_of(RefusalRule.DATA_AGE, f"{limit_ms} ms", f"{age // NANOS_PER_MS} ms")
    return None


def _check_mark_age(case: RiskCase) -> Refusal | None:
    """Refuse an entry while what is held has no fresh price: exposure and loss are not known."""
    age, limit = case.facts.mark_age, case.limits.mark_age_max
    if age is None or age <= limit:
        return None
    return refusal_of(
        RefusalRule.MARK_AGE, f"{limit // NANOS_PER_MS} ms", f"{age // NANOS_PER_MS} ms"
    )


def _check_spread(case: RiskCase) -> Refusal | None:
    quote, limit = case.facts.quote, case.limits.spread_max_bps
    if quote is None:
        return refusal_of(RefusalRule.SPREAD, f"{limit} bps", "no quote")
    spread, twice_middle = quote.ask_price - quote.bid_price, quote.bid_price + quote.ask_price
    if 2 * spread * BASIS_POINTS <= limit * twice_middle:
        return None
    limit_price = limit * twice_middle // (2 * BASIS_POINTS)
    return amount_refusal(RefusalRule.SPREAD, limit_price, spread)


def _check_flash_crash(case: RiskCase) -> Refusal | None:
    fall, rules = case.facts.fall_bps, case.limits.flash_crash
    if fall < rules.fall_bps:
        return None
    window = rules.window // NANOS_PER_SECOND
    return refusal_of(RefusalRule.FLASH_CRASH, f"{rules.fall_bps} bps in {window} s", f"{fall} bps")


def _check_price_collar(case: RiskCase) -> Refusal | None:
    if case.facts.quote is None:
        return refusal_of(
            RefusalRule.PRICE_COLLAR, f"{case.limits.price_collar_bps} bps", "no quote"
        )
    middle = (case.facts.quote.bid_price + case.facts.quote.ask_price) // 2
    price = case.intent.limit_price or case.intent.reference_price
    if abs(price - middle) * BASIS_POINTS > case.limits.price_collar_bps * middle:
        return refusal_of(
            RefusalRule.PRICE_COLLAR,
            f"{case.limits.price_collar_bps} bps of {text_from_fixed(middle)}",
            text_from_fixed(price),
        )
    return None


def _check_canary(case: RiskCase) -> Refusal | None:
    """Refuse an entry that is large, or was never tried, while a canary is under way."""
    cap = case.facts.canary
    if cap is None:
        return None
    if not cap.is_tested:
        return refusal_of(RefusalRule.CANARY, "order.test passed", "not yet")
    worth = entry_notional(case.intent)
    return (
        None if worth <= cap.notional else amount_refusal(RefusalRule.CANARY, cap.notional, worth)
    )


def _check_order_notional(case: RiskCase) -> Refusal | None:
    worth = entry_notional(case.intent)
    if worth > case.limits.order_notional_max:
        return amount_refusal(RefusalRule.ORDER_NOTIONAL, case.limits.order_notional_max, worth)
    return None


def _check_position(case: RiskCase) -> Refusal | None:
    """Refuse an entry that could carry the position past its limit.

    Working entries count as filled, so two orders in flight cannot pass a limit together.
    """
    price = case.intent.limit_price or case.intent.reference_price
    after = notional(price, case.facts.held + case.facts.working_entry + case.intent.quantity)
    limit = case.facts.equity * case.limits.position_bps // BASIS_POINTS
    return None if after <= limit else amount_refusal(RefusalRule.POSITION_LIMIT, limit, after)


def _check_strategy(case: RiskCase) -> Refusal | None:
    after = case.facts.exposure_of_strategy + entry_notional(case.intent)
    return _check_share(case, RefusalRule.STRATEGY_LIMIT, case.limits.strategy_bps, after)


def _check_instrument(case: RiskCase) -> Refusal | None:
    after = case.facts.exposure_of_instrument + entry_notional(case.intent)
    return _check_share(case, RefusalRule.INSTRUMENT_LIMIT, case.limits.instrument_bps, after)


def _check_correlated(case: RiskCase) -> Refusal | None:
    """Refuse to have most of what may be risked in instruments that fall together."""
    after = case.facts.exposure_correlated + entry_notional(case.intent)
    share_bps = case.limits.exposure_bps * case.limits.correlated_bps // BASIS_POINTS
    return _check_share(case, RefusalRule.CORRELATED_EXPOSURE, share_bps, after)


def _check_share(case: RiskCase, rule: RefusalRule, share_bps: int, after: int) -> Refusal | None:
    limit = case.facts.equity * share_bps // BASIS_POINTS
    return None if after <= limit else amount_refusal(rule, limit, after)


def _check_liquidity(case: RiskCase) -> Refusal | None:
    """Refuse an entry that would take too much of the book; one that rests takes nothing."""
    intent, quote, share_bps = case.intent, case.facts.quote, case.limits.depth_bps
    if quote is not None and is_resting(intent, quote):
        return None
    visible = case.facts.visible
    if visible is None:
        return refusal_of(RefusalRule.LIQUIDITY, f"{share_bps} bps of the book", "no book")
    if intent.quantity * BASIS_POINTS <= share_bps * visible:
        return None
    return amount_refusal(
        RefusalRule.LIQUIDITY, share_bps * visible // BASIS_POINTS, intent.quantity
    )


def _check_exposure(case: RiskCase) -> Refusal | None:
    after = case.facts.exposure + entry_notional(case.intent)
    return _check_share(case, RefusalRule.EXPOSURE, case.limits.exposure_bps, after)


def _check_balance(case: RiskCase) -> Refusal | None:
    needed = entry_notional(case.intent)
    if needed > case.facts.available:
        return amount_refusal(RefusalRule.BALANCE, case.facts.available, needed)
    return None


def _check_open_orders(case: RiskCase) -> Refusal | None:
    if case.facts.open_orders >= case.limits.open_orders_max:
        return refusal_of(
            RefusalRule.OPEN_ORDERS, case.limits.open_orders_max, case.facts.open_orders
        )
    if case.facts.open_orders_of_strategy >= case.limits.open_orders_per_strategy_max:
        return refusal_of(
            RefusalRule.OPEN_ORDERS_OF_STRATEGY,
            case.limits.open_orders_per_strategy_max,
            case.facts.open_orders_of_strategy,
        )
    return None


def _check_order_rate(case: RiskCase) -> Refusal | None:
    if case.facts.orders_in_last_second >= case.limits.orders_per_second_max:
        return refusal_of(
            RefusalRule.ORDER_RATE,
            case.limits.orders_per_second_max,
            case.facts.orders_in_last_second,
        )
    return None


def _check_cancel_rate(case: RiskCase) -> Refusal | None:
    """Refuse to open more while orders are being canceled at a rate that cannot be meant."""
    seen, limit = case.facts.cancels_in_last_second, case.limits.cancels_per_second_max
    return None if seen < limit else refusal_of(RefusalRule.CANCEL_RATE, limit, seen)


def _check_daily_loss(case: RiskCase) -> Refusal | None:
    if -case.facts.day_profit >= case.limits.losses.daily_loss_max:
        return amount_refusal(
            RefusalRule.DAILY_LOSS, case.limits.losses.daily_loss_max, -case.facts.day_profit
        )
    return None


def _check_drawdown(case: RiskCase) -> Refusal | None:
    fall = case.facts.peak_equity - case.facts.equity
    limit = case.facts.peak_equity * case.limits.losses.drawdown_halt_bps // BASIS_POINTS
    return None if fall < limit else amount_refusal(RefusalRule.DRAWDOWN, limit, fall)


def _check_coverage(case: RiskCase) -> Refusal | None:
    """Refuse to open anything while a position has been without a live stop for too long."""
    if not case.facts.unprotected_for:
        return None
    limit, seen = UNCOVERED_MAX // NANOS_PER_MS, case.facts.unprotected_for // NANOS_PER_MS
    return refusal_of(RefusalRule.UNPROTECTED, f"a stop within {limit} ms", f"none for {seen} ms")


def _check_protection_room(case: RiskCase) -> Refusal | None:
    """Refuse an entry whose protection would find no room at the venue.

    A symbol has few places for conditional orders and lists, and each position takes one of each;
    of its open orders, an entry and its protection may take three.
    """
    rules, filters = case.facts.instrument, case.facts.filters
    ours = case.facts.protected_here
    if ours is None:
        return None
    theirs_algo = max(0, filters.open_algo_orders - filters.own_algo_orders)
    theirs = max(0, filters.open_orders - filters.own_orders)
    rooms = [rules.max_algo_orders - theirs_algo] if rules.max_algo_orders else []
    rooms += [rules.max_order_lists] if rules.max_order_lists else []
    if rules.max_open_orders:
        rooms.append((rules.max_open_orders - theirs) // _ORDERS_PER_POSITION)
    room = min(rooms, default=ours + 1)
    return None if ours < room else refusal_of(RefusalRule.PROTECTION_ROOM, max(0, room), ours)


_ORDERS_PER_POSITION: Final = 3

PRUDENCE: Final[tuple[RiskRule, ...]] = (
    _check_risk_state,
    _check_pause,
    _check_data_age,
    _check_mark_age,
    _check_price_collar,
    _check_spread,
    _check_flash_crash,
    _check_canary,
    _check_coverage,
    _check_protection_room,
    _check_order_notional,
    _check_liquidity,
    _check_position,
    _check_strategy,
    _check_instrument,
    _check_exposure,
    _check_correlated,
    _check_balance,
    _check_open_orders,
    _check_order_rate,
    _check_cancel_rate,
    _check_daily_loss,
    _check_drawdown,
)
