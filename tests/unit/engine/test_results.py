"""How well the capital does, as the status shows it."""

import pytest

from genesis.domain.positions import Position
from genesis.domain.strategy_record import StrategyRecord
from genesis.engine.ledger import Ledger
from genesis.engine.results import summarize_results
from genesis.engine.valuation import Valuation
from genesis.limits import RESULTS_STRATEGIES_MAX
from genesis.units import SCALE
from tests.support.builders import CAPITAL, LOT, PRICE, catalogue, quote


def test_the_best_and_the_worst_are_shown_apart() -> None:
    """By realized and unrealized together; a strategy that made nothing is in neither."""
    ledger = Ledger()
    ledger.state.pairs["BTCUSDT"] = "BTC", "USDT"
    for made in range(-7, 8):
        record = StrategyRecord(trips=3, wins=1, losses_in_row=2)
        ledger.state.positions[f"s{made:+d}"] = {
            "BTCUSDT": Position(realized=made * SCALE, fills=1, record=record)
        }
    summary = summarize_results(ledger, Valuation(ledger, catalogue(), CAPITAL), {"s+1"})
    assert [each.strategy_id for each in summary.best] == ["s+7", "s+6", "s+5", "s+4", "s+3"]
    assert [each.strategy_id for each in summary.worst] == ["s-7", "s-6", "s-5", "s-4", "s-3"]
    assert len(summary.best) == RESULTS_STRATEGIES_MAX
    first = summary.best[0]
    assert (first.realized, first.trips, first.wins, first.losses_in_row) == ("7.00000000", 3, 1, 2)


def test_open_lots_count_at_the_mark() -> None:
    """A strategy that has sold nothing may be the worst."""
    ledger = Ledger()
    ledger.state.positions["a"] = {"BTCUSDT": Position(quantity=LOT, cost=60 * SCALE, fills=1)}
    valuation = Valuation(ledger, catalogue(), CAPITAL)
    valuation.mark({0: quote(middle=PRICE - 1_000 * SCALE, spread=0)})
    ledger.state.pairs["BTCUSDT"] = "BTC", "USDT"
    summary = summarize_results(ledger, valuation, {"a"})
    assert not summary.best
    assert summary.worst[0].unrealized == "-1.00000000"
    assert summary.drawdown == "0.00001000"
    assert summary.peak_equity == "100000.00000000"


@pytest.mark.parametrize(("running", "house"), [({"a"}, {"BTC": 3}), (set(), {"BTC": LOT + 3})])
def test_the_house_is_shown_in_assets_that_were_touched(
    running: set[str], house: dict[str, int]
) -> None:
    """Dust, and lots of strategies that do not run; an account may hold hundreds of others."""
    ledger = Ledger()
    ledger.state.opening_balances["XRP"] = 5
    ledger.state.balance_changes["BTC"] = LOT + 3
    ledger.state.pairs["BTCUSDT"] = "BTC", "USDT"
    ledger.state.positions["a"] = {"BTCUSDT": Position(quantity=LOT, dust=3)}
    summary = summarize_results(ledger, Valuation(ledger, catalogue(), CAPITAL), running)
    assert summary.house == {asset: f"0.{amount:08d}" for asset, amount in house.items()}
