"""Pre-trade risk: every intent becomes an approved order or a refusal that names its rule.

Only this module makes an `ApprovedOrder` or an `ApprovedOrderList`, and the gateway takes nothing
else. Each rule is one function over the same facts (`risk_facts.py`); a missing or stale input
refuses, and an intent that can only shrink a position is never held back by a limit.
"""

from typing import Final

import msgspec

from genesis.domain.filters import check_filters, check_list_filters
from genesis.domain.order_lists import OrderListIntent, form_error
from genesis.domain.orders import OrderIntent, Refusal, RefusalRule, Side
from genesis.engine.prudence import PRUDENCE
from genesis.engine.risk_facts import (
    RiskCase,
    RiskFacts,
    RiskLimits,
    RiskRule,
    amount_refusal,
    is_reduction,
    refusal_of,
)
from genesis.engine.state_machine import EngineState
from genesis.units import Nanos


class ApprovedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An intent that passed every rule. Only `judge` in this module makes one."""

    intent: OrderIntent
    approved_at: Nanos


class ApprovedOrderList(msgspec.Struct, frozen=True, kw_only=True):
    """A protective pair that passed every rule. Only `judge_list` in this module makes one."""

    intent: OrderListIntent
    approved_at: Nanos


def judge(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, now: Nanos
) -> ApprovedOrder | Refusal:
    """Judge one intent: total over any input, first refusing rule wins.

    Rules of possibility (the engine's state, the venue's filters, what is held, what can be sent)
    bind every order; rules of prudence bind only orders that enlarge a position.
    """
    rules = _POSSIBILITY if is_reduction(intent) else _EVERY_RULE
    case = RiskCase(intent, facts, limits, now)
    for rule in rules:
        refusal = rule(case)
        if refusal is not None:
            return refusal
    return ApprovedOrder(intent=intent, approved_at=now)


def judge_list(
    intent: OrderListIntent, facts: RiskFacts, limits: RiskLimits, now: Nanos
) -> ApprovedOrderList | Refusal:
    """Judge a protective pair: total over any input, first refusing rule wins.

    A pair can only shrink a position, so rules of possibility alone bind it. Its legs share their
    lots: `working_exit` must count neither of them, nor what the pair is to replace.
    """
    wrong = form_error(intent)
    if wrong:
        return refusal_of(RefusalRule.FORM, "a stop and a target of one position", wrong)
    case = RiskCase(intent.stop, facts, limits, now)
    refusal = (
        _check_state(case)
        or check_list_filters(intent, facts.instrument, facts.filters)
        or _check_holding(case)
        or _check_venue(case)
    )
    return refusal or ApprovedOrderList(intent=intent, approved_at=now)


def _check_state(case: RiskCase) -> Refusal | None:
    allowed = {EngineState.RUNNING}
    if is_reduction(case.intent):
        # Stopping, too: what has filled in the last moment is to be protected.
        allowed |= {EngineState.REDUCING, EngineState.HALTED, EngineState.STOPPING}
    if case.facts.state in allowed:
        return None
    return refusal_of(RefusalRule.ENGINE_STATE, EngineState.RUNNING.name, case.facts.state.name)


def _check_filters(case: RiskCase) -> Refusal | None:
    return check_filters(case.intent, case.facts.instrument, case.facts.filters)


def _check_holding(case: RiskCase) -> Refusal | None:
    """Refuse to sell more than the strategy holds: a spot account has no shorts."""
    if case.intent.side is not Side.SELL:
        return None
    free = case.facts.held - case.facts.working_exit
    return (
        None
        if case.intent.quantity <= free
        else amount_refusal(RefusalRule.HOLDING, free, case.intent.quantity)
    )


def _check_venue(case: RiskCase) -> Refusal | None:
    """Refuse what would not be sent: nothing is written down only to be taken back."""
    hold = case.facts.venue.hold(case.intent)
    return None if hold is None else hold.refusal


_POSSIBILITY: Final[tuple[RiskRule, ...]] = (
    _check_state,
    _check_filters,
    _check_holding,
    _check_venue,
)
_EVERY_RULE: Final = _POSSIBILITY + PRUDENCE
