"""How well the capital does, as the status shows it: drawdown, strategies, the house. Pure."""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from genesis.engine.ledger import Ledger
from genesis.engine.sub_ledgers import house_balances
from genesis.engine.valuation import Valuation
from genesis.limits import RESULTS_ASSETS_MAX, RESULTS_STRATEGIES_MAX
from genesis.status import ResultsSummary, StrategyResult
from genesis.units import SCALE, Amount, text_from_fixed


class _Result(NamedTuple):
    strategy_id: str
    realized: Amount
    unrealized: Amount

    @property
    def total(self) -> Amount:
        return self.realized + self.unrealized


def summarize_results(
    ledger: Ledger, valuation: Valuation, running: Collection[str]
) -> ResultsSummary:
    """Return the results of all strategies that ever traded; `running` are those that do now."""
    results = [
        _Result(
            strategy_id,
            sum(position.realized for position in held.values()),
            sum(valuation.unrealized_of(strategy_id, symbol) for symbol in held),
        )
        for strategy_id, held in ledger.state.positions.items()
    ]
    results.sort(key=lambda result: (-result.total, result.strategy_id))
    best = [result for result in results[:RESULTS_STRATEGIES_MAX] if result.total > 0]
    worst = [result for result in results[: -RESULTS_STRATEGIES_MAX - 1 : -1] if result.total < 0]
    peak = valuation.peak_equity
    return ResultsSummary(
        peak_equity=text_from_fixed(peak),
        drawdown=text_from_fixed(valuation.drawdown * SCALE // peak if peak else 0),
        day_profit=text_from_fixed(valuation.day_profit),
        best=tuple(_shown(result, ledger) for result in best),
        worst=tuple(_shown(result, ledger) for result in worst),
        house=_house(ledger, running),
        unvalued_fees=_unvalued_fees(ledger),
    )


def _shown(result: _Result, ledger: Ledger) -> StrategyResult:
    record = ledger.record_of(result.strategy_id)
    return StrategyResult(
        strategy_id=result.strategy_id,
        realized=text_from_fixed(result.realized),
        unrealized=text_from_fixed(result.unrealized),
        trips=record.trips,
        wins=record.wins,
        losses_in_row=record.losses_in_row,
    )


def _house(ledger: Ledger, running: Collection[str]) -> dict[str, str]:
    """Return what the house holds of assets that were touched: an account may hold hundreds."""
    touched = ledger.state.balance_changes
    house = house_balances(ledger.state, running)
    shown = [(asset, amount) for asset, amount in house.items() if asset in touched]
    return {asset: text_from_fixed(amount) for asset, amount in shown[:RESULTS_ASSETS_MAX]}


def _unvalued_fees(ledger: Ledger) -> dict[str, str]:
    fees: Counter[str] = Counter()
    for by_symbol in ledger.state.unvalued_fees.values():
        for by_asset in by_symbol.values():
            fees.update(by_asset)
    return {asset: text_from_fixed(fees[asset]) for asset in sorted(fees)[:RESULTS_ASSETS_MAX]}
