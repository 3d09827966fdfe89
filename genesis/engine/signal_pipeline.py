"""From a strategy's signal to a sized intent: stages in a row, each of which may refuse.

A stage is a function from a case to a case or a refusal (`signals/case.py`), so one more stage is
one more function in `STAGES`. What comes out of the last one is an intent; the risk engine judges
it.
"""

from collections.abc import Sequence
from typing import Final

from genesis.domain.orders import OrderIntent, Refusal, Signal
from genesis.engine.signals.case import SignalContext, SignalRules, Stage, open_case
from genesis.engine.signals.confidence import check_confidence
from genesis.engine.signals.conflicts import (
    check_conflict,
    check_opposition,
    check_position_belief,
)
from genesis.engine.signals.form import (
    check_duplicate,
    check_expiry,
    check_form,
    check_halted,
    check_market,
    check_protection,
    check_signal_rate,
)
from genesis.engine.signals.sizing import size_order
from genesis.units import Nanos

STAGES: Final[tuple[Stage, ...]] = (
    check_duplicate,
    check_form,
    check_expiry,
    check_signal_rate,
    check_halted,
    check_market,
    check_protection,
    check_confidence,
    check_conflict,
    check_opposition,
    check_position_belief,
    size_order,
)
"""The stages of every signal, in their order: what costs least to know is asked first."""


def make_intent(
    signal: Signal,
    context: SignalContext,
    rules: SignalRules,
    *,
    client_order_id: str,
    now: Nanos,
    stages: Sequence[Stage] = STAGES,
) -> OrderIntent | Refusal:
    """Take one signal through every stage; the first refusal ends it."""
    case = open_case(signal, context, rules, now)
    for stage in stages:
        outcome = stage(case)
        if isinstance(outcome, Refusal):
            return outcome
        case = outcome
    return OrderIntent(
        client_order_id=client_order_id,
        strategy_id=context.strategy_id,
        symbol=context.instrument.symbol,
        instrument_id=context.instrument.instrument_id,
        side=signal.side,
        action=signal.action,
        order_type=signal.order_type,
        time_in_force=signal.time_in_force,
        quantity=case.quantity,
        limit_price=case.limit_price,
        reference_price=case.reference_price,
        stop_price=signal.stop_price,
        target_price=signal.target_price,
        expires_at=signal.expires_at,
        confidence_bps=case.confidence_bps,
    )
