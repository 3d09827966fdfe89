"""Parents as status and report show them: against their schedule and arrival price. Pure."""

from genesis.engine.ledger_state import LedgerState
from genesis.engine.slicing.desk import SlicingDesk
from genesis.engine.slicing.parent import ParentOrder
from genesis.limits import PARENT_WORDS_CHARS_MAX, PARENTS_SHOWN_MAX
from genesis.status import ParentSummary
from genesis.units import Nanos, text_from_fixed


def summarize_parents(
    state: LedgerState, desk: SlicingDesk, now: Nanos
) -> tuple[ParentSummary, ...]:
    """Return the parents that are worked, the oldest first, then those that ended last."""
    worked = list(state.parents.values())
    ended = list(state.ended_parents.values())[::-1]
    return tuple(
        _summarize(parent, desk.holds.get(parent.number, ""), now)
        for parent in (worked + ended)[:PARENTS_SHOWN_MAX]
    )


def _summarize(parent: ParentOrder, held_by: str, now: Nanos) -> ParentSummary:
    whole = parent.quantity
    due = parent.due(parent.ended_at or now) if parent.plan.has_schedule else parent.filled_quantity
    return ParentSummary(
        number=parent.number,
        strategy_id=parent.strategy_id,
        symbol=parent.symbol,
        side=parent.side.name,
        algorithm=parent.plan.algorithm.value,
        quantity=text_from_fixed(whole),
        filled_quantity=text_from_fixed(parent.filled_quantity),
        arrival_price=text_from_fixed(parent.arrival_price),
        average_price=text_from_fixed(parent.average_price),
        slippage_bps=round(parent.slippage_bps, 3),
        schedule_error=round(parent.schedule_error / whole, 6),
        behind=round((due - parent.filled_quantity) / whole, 6),
        children=parent.children,
        opened_at=parent.opened_at,
        ended_at=parent.ended_at,
        held_by=held_by[:PARENT_WORDS_CHARS_MAX],
        end=parent.end[:PARENT_WORDS_CHARS_MAX],
    )
