"""Does the signal work against what is under way already."""

from genesis.domain.orders import OrderType, Refusal, RefusalRule
from genesis.engine.signals.case import SignalCase
from genesis.units import text_from_fixed


def check_conflict(case: SignalCase) -> SignalCase | Refusal:
    """Refuse what works against, or repeats, an order of the same strategy that still works."""
    context = case.context
    if context.working_exit:
        return Refusal(
            rule=RefusalRule.CONFLICT, limit="no working exit", observed=str(context.working_exit)
        )
    if context.working_entry and case.is_entry:
        return Refusal(
            rule=RefusalRule.CONFLICT, limit="no working entry", observed=str(context.working_entry)
        )
    return case


def check_opposition(case: SignalCase) -> SignalCase | Refusal:
    """Refuse an entry that would buy from another strategy of ours.

    Strategies may be of opposite minds on one instrument: each has its own reasons, horizon and
    lots, and the account holds the sum. What they must not do is meet in the book: such a trade
    costs two fees, moves nothing, and is a wash trade to the venue. An entry gives way, since it
    can wait; an exit never does. Orders whose place in the book is not known block nobody.
    """
    sale = case.context.sale_of_others
    if sale is None or not case.is_entry or case.price < sale:
        return case
    if case.signal.order_type is OrderType.LIMIT_MAKER:
        return case  # it takes nothing from the book
    return Refusal(
        rule=RefusalRule.OPPOSITION,
        limit=f"below our own sale at {text_from_fixed(sale)}",
        observed=text_from_fixed(case.price),
    )


def check_position_belief(case: SignalCase) -> SignalCase | Refusal:
    """Refuse an entry wished for by a strategy that did not know what it holds.

    A fill, or a recovered order, may have come between the wish and its judgement: the strategy
    would then buy a second time what it has already got. It is told, and may wish again.
    """
    believed, held = case.signal.position, case.context.held
    if not case.is_entry or believed == held:
        return case
    return Refusal(
        rule=RefusalRule.POSITION_BELIEF,
        limit=text_from_fixed(held),
        observed=text_from_fixed(believed),
    )
