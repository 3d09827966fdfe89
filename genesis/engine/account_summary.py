"""The account as the executor shows it to its parent: once a second, and once more at its end."""

from itertools import islice

from genesis.domain.orders import RefusalRule
from genesis.engine.canary import Canary
from genesis.engine.control import AccountSummary, PositionSummary
from genesis.engine.coverage import CoverageFigures
from genesis.engine.execution import ExecutionCore
from genesis.engine.external import ExternalActivity
from genesis.engine.liquidation import Liquidation
from genesis.engine.results import summarize_results
from genesis.engine.slicing.summary import summarize_parents
from genesis.limits import (
    ACCOUNT_DIFFERENCES_MAX,
    ACCOUNT_POSITIONS_MAX,
    ACCOUNT_REFUSED_MAX,
    ACCOUNT_SUSPENDED_MAX,
    EXTERNAL_SHOWN_MAX,
    EXTERNAL_SYMBOLS_SHOWN_MAX,
    LIQUIDATION_SHOWN_MAX,
)
from genesis.status import (
    CanarySummary,
    ExternalOrderSummary,
    ExternalSummary,
    LiquidationSummary,
    ProtectionSummary,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos, text_from_fixed


def summarize(core: ExecutionCore, now: Nanos) -> AccountSummary:
    """Return equity, PnL, positions (the largest first) and the state of the books at `now`."""
    state = core.ledger.state
    valuation = core.valuation
    held = [
        (strategy_id, symbol, position)
        for strategy_id, positions in state.positions.items()
        for symbol, position in positions.items()
        if position.fills
    ]
    held.sort(key=lambda row: (-row[2].cost, row[0], row[1]))
    return AccountSummary(
        equity=text_from_fixed(valuation.equity),
        realized_pnl=text_from_fixed(valuation.realized),
        unrealized_pnl=text_from_fixed(valuation.unrealized),
        fees=text_from_fixed(state.fees_paid),
        results=summarize_results(core.ledger, valuation, _running(core)),
        open_orders=len(state.live_orders),
        in_doubt=sum(order.is_in_doubt for order in core.ledger.unsettled()),
        fills=state.fills_booked,
        orders=state.orders_prepared,
        refusals=_refusals(core),
        refusals_by_strategy=_refusals_by_strategy(core),
        positions=tuple(
            PositionSummary(
                strategy_id=strategy_id,
                symbol=symbol,
                quantity=text_from_fixed(position.quantity),
                average_entry_price=text_from_fixed(position.average_entry_price),
                realized=text_from_fixed(position.realized),
                unrealized=text_from_fixed(valuation.unrealized_of(strategy_id, symbol)),
            )
            for strategy_id, symbol, position in held[:ACCOUNT_POSITIONS_MAX]
        ),
        ledger_equal=core.comparison.equal,
        ledger_differences=tuple(
            f"{difference.asset}: ours {text_from_fixed(difference.ours)}, "
            f"venue {text_from_fixed(difference.venue)}"
            for difference in core.comparison.differences[:ACCOUNT_DIFFERENCES_MAX]
        ),
        suspended={
            instrument.symbol: instrument.status
            for instrument in core.listing.suspended[:ACCOUNT_SUSPENDED_MAX]
        },
        external=_summarize_external(core.external, state.external_fills),
        halt_reason=state.halt_reason or core.entries_stopped,
        must_liquidate=state.must_liquidate,
        liquidation=_summarize_liquidation(core.liquidation),
        risk=core.risk.summarize(),
        canary=_summarize_canary(core.canary),
        parents=summarize_parents(state, core.slicing, now),
        protection=_summarize_protection(core.coverage.figures()),
    )


def _summarize_protection(figures: CoverageFigures) -> ProtectionSummary:
    return ProtectionSummary(
        covered=figures.covered,
        uncovered=figures.uncovered,
        exiting=figures.exiting,
        dust=figures.dust,
        overdue=figures.overdue,
        longest_ms=figures.longest // NANOS_PER_MS,
        worst="" if figures.worst is None else " ".join(figures.worst),
    )


def _summarize_liquidation(liquidation: Liquidation) -> LiquidationSummary | None:
    if not liquidation.is_on:
        return None
    left = liquidation.remainder()
    named = (
        f"{text_from_fixed(lots.quantity)} {lots.symbol} of {lots.strategy_id}"
        f"{': ' if lots.why else ''}{lots.why}"
        for lots in (*left.lots, *left.dust)
    )
    return LiquidationSummary(
        is_over=left.is_nothing,
        orders=left.orders,
        lots=len(left.lots),
        dust=len(left.dust),
        left=tuple(islice(named, LIQUIDATION_SHOWN_MAX)),
    )


def _refusals(core: ExecutionCore) -> dict[str, int]:
    """Return refusals by rule; those of signals that came again count for this life alone."""
    refusals = dict(core.ledger.state.refusals)
    if core.duplicates:
        refusals[RefusalRule.DUPLICATE] = core.duplicates
    return refusals


def _refusals_by_strategy(core: ExecutionCore) -> dict[str, int]:
    """Return the strategies that are refused most, each with how often."""
    counts = core.ledger.state.refusals_by_strategy
    most = sorted(counts, key=lambda number: (-counts[number], number))[:ACCOUNT_REFUSED_MAX]
    return {core.strategy_id(number): counts[number] for number in most}


def _summarize_external(external: ExternalActivity, fills: int) -> ExternalSummary:
    """Return what others do: the symbols with most orders, and the latest orders first."""
    orders = external.orders_by_symbol
    symbols = sorted(orders, key=lambda symbol: (-orders[symbol], symbol))
    latest = external.orders[: -EXTERNAL_SHOWN_MAX - 1 : -1]
    return ExternalSummary(
        orders=sum(orders.values()),
        open_orders=len(external.open_orders),
        fills=fills,
        symbols={symbol: orders[symbol] for symbol in symbols[:EXTERNAL_SYMBOLS_SHOWN_MAX]},
        last_orders=tuple(
            ExternalOrderSummary(
                client_order_id=report.client_order_id,
                symbol=report.symbol,
                side=report.side.name,
                state=report.state.name.lower(),
                quantity=text_from_fixed(report.quantity),
                filled_quantity=text_from_fixed(report.filled_quantity),
            )
            for report in latest
        ),
    )


def _summarize_canary(canary: Canary) -> CanarySummary | None:
    phase = canary.phase
    if phase is None:
        return None
    return CanarySummary(
        phase=phase,
        max_notional=text_from_fixed(canary.max_notional),
        remaining_s=-(-canary.remaining // NANOS_PER_SECOND),
        untested=len(canary.untested) if canary.is_under_way else 0,
    )


def _running(core: ExecutionCore) -> frozenset[str]:
    return frozenset(spec.strategy_id for spec in core.strategies.values())
