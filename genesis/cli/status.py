"""How the engine's status reads: one line for the terminal, a page for `genesis status`. Pure."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from genesis.status import (
    CanarySummary,
    ExternalSummary,
    LiquidationSummary,
    ParentSummary,
    ProtectionSummary,
    RecordsSummary,
    ResultsSummary,
    RiskSummary,
    StatusDocument,
    StrategyResult,
)

_SHOWN_MAX: Final = 5
_CENT: Final = Decimal("0.01")


def render_status_line(status: StatusDocument) -> str:
    """Return the engine's state in one line, what matters most first."""
    return "  ".join(
        (
            _duration(status.uptime_s),
            render_health(status),
            _render_equity(status),
            f"{status.fills} fills",
            f"{status.orders} orders",
            f"{status.signals} signals",
            f"{status.strategies} strategies",
            f"{status.messages_per_second:.0f} msg/s",
            f"{status.restarts} restarts",
            f"{status.gaps} gaps",
        )
    )


def _render_equity(status: StatusDocument) -> str:
    equity = Decimal(status.equity)
    if not equity:
        return "no account yet"
    pnl = Decimal(status.realized_pnl) + Decimal(status.unrealized_pnl)
    return f"equity {_money(equity)} (P&L {_signed(pnl)})"


def render_health(status: StatusDocument) -> str:
    """Return what to say of the engine's health: its first problem, or that there is none."""
    if status.halt_reason:
        return "HALTED"
    if status.ledger_equal is False:
        return "LEDGER DIFFERS"
    if status.problems:
        more = f" (+{len(status.problems) - 1})" if len(status.problems) > 1 else ""
        return f"{status.problems[0]}{more}"
    if status.state != "running":
        return status.state
    if status.risk.state != "active":
        return f"RISK {status.risk.state.upper()}"
    is_canary = status.canary is not None and status.canary.phase in _CANARY_UNDER_WAY
    return "healthy (canary)" if is_canary else "healthy"


def render_status_page(status: StatusDocument) -> str:
    """Return everything that the status holds, for a person to read."""
    return "\n".join(_page_lines(status)) + "\n"


def _page_lines(status: StatusDocument) -> Iterator[str]:
    yield render_status_line(status)
    yield ""
    yield f"mode        {status.mode}, market {status.market}, tier {status.tier}, pid {status.pid}"
    yield (
        f"strategies  {status.strategies} running, {status.strategies_paused} paused, "
        f"{status.strategies_quarantined} quarantined"
    )
    yield (
        f"orders      {status.orders} sent, {status.open_orders} open, {status.in_doubt} in doubt, "
        f"{status.fills} fills"
    )
    yield (
        f"P&L         realized {_signed(Decimal(status.realized_pnl))}, "
        f"unrealized {_signed(Decimal(status.unrealized_pnl))}, "
        f"fees {_money(Decimal(status.fees))}{_unvalued(status.results)}"
    )
    yield from _results_lines(status.results)
    yield f"ledger      {_LEDGER[status.ledger_equal]}"
    if status.halt_reason:
        yield f"halted      {status.halt_reason}"
    yield from _liquidation_lines(status.liquidation)
    yield f"protection  {_protection(status.protection)}"
    yield from _risk_lines(status.risk)
    if status.canary is not None:
        yield f"canary      {_canary(status.canary)}"
    if status.rate_limits:
        yield f"venue       {_rate_limits(status)}"
    if status.records is not None:
        yield f"records     {_records(status.records)}"
    yield f"market      {status.messages} messages, {status.gaps} gaps, {status.torn} torn records"
    yield f"dropped     {_counts(status.dropped)}"
    yield f"refused     {_counts(status.refusals)}"
    if status.refusals_by_strategy:
        yield f"refused of  {_most(status.refusals_by_strategy)}"
    if status.suspended:
        shown = (f"{symbol} ({word})" for symbol, word in sorted(status.suspended.items()))
        yield f"suspended   {', '.join(shown)}"
    for parent in status.parents:
        yield f"parent      {_parent(parent)}"
    yield from _external_lines(status.external)
    for problem in status.problems:
        yield f"problem     {problem}"
    yield from _process_lines(status)
    yield from _latency_lines(status)


def _liquidation_lines(liquidation: LiquidationSummary | None) -> Iterator[str]:
    """Show how far it is, and what is left."""
    if liquidation is not None:
        yield f"closing     {render_liquidation(liquidation)}"
        for left in liquidation.left:
            yield f"            {left}"


def render_liquidation(liquidation: LiquidationSummary) -> str:
    """Say how far it is with closing everything of ours."""
    dust = f", {liquidation.dust} too small for the venue" if liquidation.dust else ""
    if liquidation.is_over:
        return f"everything of ours is closed{dust}"
    return f"{liquidation.orders} orders and {liquidation.lots} positions are left{dust}"


def _risk_lines(risk: RiskSummary) -> Iterator[str]:
    """Show what losses have left, and what is not bought for a while."""
    cause = f": {risk.cause}" if risk.state != "active" else ""
    yield (
        f"risk        {risk.state}{cause}; {_money(Decimal(risk.drawdown))} below the highest "
        f"equity, {_money(Decimal(risk.day_loss))} lost today"
    )
    for name, why in risk.pauses.items():
        yield f"paused      {name}: {why}"


def _external_lines(external: ExternalSummary) -> Iterator[str]:
    """Show what others do on the account, if they do anything."""
    if not external.orders and not external.fills:
        return
    yield (
        f"external    {external.orders} orders seen, {external.open_orders} open, "
        f"{external.fills} fills; by symbol: {_counts(external.symbols)}"
    )
    for order in external.last_orders:
        yield (
            f"            {order.symbol} {order.side} {order.filled_quantity} of {order.quantity} "
            f"{order.state} {order.client_order_id}"
        )


def _parent(parent: ParentSummary) -> str:
    """Say what it is, how far, how well against its arrival, and what holds or ended it."""
    state = parent.end or (f"held: {parent.held_by}" if parent.held_by else "working")
    schedule = "" if parent.algorithm == "iceberg" else f", behind {parent.behind:.2%}"
    return (
        f"{parent.number} {parent.side} {parent.symbol} for {parent.strategy_id} by "
        f"{parent.algorithm}: {parent.filled_quantity} of {parent.quantity}, arrival "
        f"{parent.arrival_price}, average {parent.average_price} ({parent.slippage_bps:+.2f} bps)"
        f"{schedule}, {parent.children} children, {state}"
    )


def _unvalued(results: ResultsSummary) -> str:
    fees = (f"{amount} {asset}" for asset, amount in results.unvalued_fees.items())
    return f" and {', '.join(fees)} that have no price" if results.unvalued_fees else ""


def _results_lines(results: ResultsSummary) -> Iterator[str]:
    """Show the drawdown, who made and who lost most, and what is nobody's."""
    yield (
        f"drawdown    {Decimal(results.drawdown):.2%} below the peak of "
        f"{_money(Decimal(results.peak_equity))}, today {_signed(Decimal(results.day_profit))}"
    )
    for label, several in (("best", results.best), ("worst", results.worst)):
        if several:
            yield f"{label:<12}{', '.join(map(_result, several))}"
    if results.house:
        held = (f"{amount} {asset}" for asset, amount in results.house.items())
        yield f"house       {', '.join(held)}"


def _result(result: StrategyResult) -> str:
    made = Decimal(result.realized) + Decimal(result.unrealized)
    row = f", {result.losses_in_row} lost in a row" if result.losses_in_row > 1 else ""
    return f"{result.strategy_id} {_signed(made)} ({result.wins} of {result.trips} won{row})"


_CANARY_UNDER_WAY: Final = ("testing", "capped")


def _protection(cover: ProtectionSummary) -> str:
    """Say how many positions have a live stop at the venue, and what the others are."""
    parts = [f"{cover.covered} positions with a live stop"]
    parts += [f"{cover.uncovered} without"] if cover.uncovered else []
    parts += [f"{cover.exiting} being sold"] if cover.exiting else []
    parts += [f"{cover.dust} too small for one"] if cover.dust else []
    if cover.uncovered:
        parts.append(f"{cover.worst} for {cover.longest_ms} ms")
    return ", ".join(parts)


def _canary(canary: CanarySummary) -> str:
    """Say how far it is, what it allows and what it still asks for."""
    if canary.phase not in _CANARY_UNDER_WAY:
        return canary.phase
    to_try = f", {canary.untested} symbols still to be tried" if canary.untested else ""
    return (
        f"{canary.phase}{to_try}, entries up to {_money(Decimal(canary.max_notional))}, "
        f"{_duration(canary.remaining_s)} still to be confirmed"
    )


def _records(records: RecordsSummary) -> str:
    """Say how far they are, and what to do about them."""
    advice = f"; {records.advice}" if records.advice else ""
    return f"{records.recorded} entries, {records.behind} behind; {records.place}{advice}"


def _rate_limits(status: StatusDocument) -> str:
    used = (f"{name} {use.used}/{use.limit}" for name, use in status.rate_limits.items())
    waiting = f", wants none for {status.throttled_for_ms} ms" if status.throttled_for_ms else ""
    return (
        f"{', '.join(used)}; {status.held} requests held, {status.throttled} refused for rate"
        f"{waiting}; breaker {status.breaker}"
    )


_LEDGER: Final = {
    None: "not compared yet",
    True: "equals the venue's",
    False: "differs from the venue's",
}


def _process_lines(status: StatusDocument) -> Iterator[str]:
    if not status.processes:
        return
    yield ""
    yield (
        f"{'process':<12}{'pid':>8}  {'state':<10}{'epoch':>6}{'restarts':>9}"
        f"{'beat ms':>9}{'MiB':>8}{'cpu s':>9}"
    )
    for process in status.processes:
        yield (
            f"{process.name:<12}{process.pid:>8}  {process.state:<10}{process.epoch:>6}"
            f"{process.restarts:>9}{process.heartbeat_age_ms:>9}{process.memory_mib:>8.1f}"
            f"{process.cpu_seconds:>9.1f}"
        )


def _latency_lines(status: StatusDocument) -> Iterator[str]:
    if not status.latency:
        return
    yield ""
    yield f"{'stage':<24}{'count':>10}{'p50 us':>10}{'p99 us':>10}{'p99.9 us':>10}"
    for stage, latency in status.latency.items():
        yield (
            f"{stage:<24}{latency.count:>10}{latency.p50_us:>10.0f}{latency.p99_us:>10.0f}"
            f"{latency.p999_us:>10.0f}"
        )


def _most(counts: Mapping[str, int]) -> str:
    """Name who has most, and how many there are beside them."""
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    shown = ", ".join(f"{name} {counts[name]}" for name in ranked[:_SHOWN_MAX])
    return f"{shown}, ..." if len(ranked) > _SHOWN_MAX else shown


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{count} {name}" for name, count in sorted(counts.items()) if count]
    return ", ".join(shown) or "none"


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}"


def _money(amount: Decimal) -> str:
    return f"{amount.quantize(_CENT, ROUND_HALF_EVEN):,}"


def _signed(amount: Decimal) -> str:
    return f"{amount.quantize(_CENT, ROUND_HALF_EVEN):+,}"
