"""Equity at the mark."""

from genesis.domain.positions import Position
from genesis.engine.account_summary import summarize
from genesis.engine.effects import FetchInstruments
from genesis.engine.entries import EquityMarked
from genesis.engine.execution import ExecutionCore
from genesis.engine.ledger import Ledger
from genesis.engine.reconciliation import VenueView
from genesis.engine.valuation import Valuation
from genesis.units import SCALE
from tests.support.builders import (
    CAPITAL,
    LOT,
    NOW,
    PRICE,
    SECOND,
    btc,
    catalogue,
    order_rules,
    quote,
    risk_limits,
    signal_rules,
    strategy,
)

DAY = 86_400 * SECOND


def held() -> Ledger:
    ledger = Ledger()
    ledger.state.positions["ema_cross-1"] = {
        "BTCUSDT": Position(quantity=LOT, cost=60 * SCALE, realized=-5 * SCALE, fills=1)
    }
    ledger.state.pairs = {"BTCUSDT": ("BTC", "USDT")}
    ledger.state.balance_changes = {"BTC": LOT, "USDT": -65 * SCALE}
    ledger.state.fees_paid = 61 * SCALE
    ledger.state.unvalued_fees = {"ema_cross-1": {"BTCUSDT": {"BNB": 9}}}
    return ledger


def test_a_position_without_a_mark_is_carried_at_cost() -> None:
    """Until its instrument is quoted it has no open profit."""
    valuation = Valuation(held(), catalogue(), CAPITAL)
    assert valuation.unrealized == 0
    assert valuation.equity == CAPITAL - 5 * SCALE
    assert valuation.cash == valuation.equity - 60 * SCALE


def test_positions_are_marked_at_the_bid() -> None:
    """That is what a sale would get."""
    valuation = Valuation(held(), catalogue(), CAPITAL)
    valuation.mark({0: quote(middle=PRICE + 1_000 * SCALE, spread=2 * SCALE)})
    assert valuation.unrealized == (999 * SCALE) // 1_000
    assert valuation.unrealized_of("ema_cross-1", "BTCUSDT") == valuation.unrealized


def test_peak_and_day_come_from_the_journal() -> None:
    """A new day opens at its first mark; within a day the opening stays."""
    ledger = held()
    valuation = Valuation(ledger, catalogue(), CAPITAL)
    assert valuation.day_profit == 0, "no day has been opened"
    first = valuation.entry(NOW)
    ledger.apply(first)
    assert (first.peak_equity, first.day_opening_equity) == (CAPITAL, CAPITAL - 5 * SCALE)
    ledger.state.positions["ema_cross-1"]["BTCUSDT"].realized = 0
    valuation.refresh()
    assert valuation.day_profit == 5 * SCALE
    assert valuation.entry(NOW + SECOND).day_opening_equity == CAPITAL - 5 * SCALE
    assert valuation.entry(NOW + DAY).day_opening_equity == CAPITAL
    ledger.apply(EquityMarked(0, 2 * CAPITAL, 1, 1, NOW))
    assert valuation.peak_equity == 2 * CAPITAL


def test_the_summary_is_decimal_text() -> None:
    """Fees are at what they were worth; what had no price is told of by its asset."""
    core = ExecutionCore(
        catalogue=catalogue(),
        strategies=[strategy()],
        limits=risk_limits(),
        signal_rules=signal_rules(),
        order_rules=order_rules(),
        capital=CAPITAL,
        ledger=held(),
        epoch=1,
    )
    core.valuation.mark({0: quote(middle=PRICE, spread=0)})
    core.ledger.state.opening_balances["USDT"] = 65 * SCALE + 2
    asked = core.compare_now(NOW)
    view = VenueView(
        venue_ms=0,
        open_orders=(),
        orders=(),
        trades=(),
        balances={"USDT": 1, "BTC": LOT},
        balances_at=NOW,
    )
    core.on_venue_view(view, asked, NOW)
    halted = btc(0, "ETHUSDT", "ETH", status="HALT")
    core.on_listing(FetchInstruments(("ETHUSDT",)), (halted,), NOW)
    summary = summarize(core, NOW)
    assert summary.fees == "61.00000000"
    assert summary.results.unvalued_fees == {"BNB": "0.00000009"}
    assert summary.equity == "99995.00000000"
    (position,) = summary.positions
    assert position.average_entry_price == "60000.00000000"
    assert position.realized == "-5.00000000"
    assert summary.ledger_differences == ("USDT: ours 0.00000002, venue 0.00000001",)
    assert summary.ledger_equal is False
    assert summary.suspended == {"ETHUSDT": "HALT"}
