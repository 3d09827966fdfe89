"""The NautilusTrader side of `bench_dispatch.py`; it runs in that peer's own environment.

The strategy is written as its documentation does: indicators registered for quotes, values read in
`on_quote_tick`. Of the ways to write it this one was the fastest: updating the averages in the
callback takes a tenth more, asking `indicators_initialized()` some percent.
"""

import sys

# mypy: disable-error-code="import-not-found, untyped-decorator, call-arg, misc"
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, PriceType
from nautilus_trader.model.identifiers import InstrumentId, Venue
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from scripts.dispatch.case import (
    SPACING_NS,
    START_NS,
    STRATEGIES,
    bids,
    cost_of,
    periods,
    tell,
)


class TwoAveragesConfig(StrategyConfig, frozen=True):
    """Parameters of `TwoAverages`."""

    instrument_id: InstrumentId
    fast_period: int
    slow_period: int


class TwoAverages(Strategy):
    """Counts crossings of two averages."""

    def __init__(self, config: TwoAveragesConfig) -> None:
        super().__init__(config)
        self.fast = ExponentialMovingAverage(config.fast_period, PriceType.MID)
        self.slow = ExponentialMovingAverage(config.slow_period, PriceType.MID)
        self.is_above = False
        self.crossings = 0

    def on_start(self) -> None:
        """Register both averages, and subscribe."""
        instrument_id = self.config.instrument_id
        self.register_indicator_for_quote_ticks(instrument_id, self.fast)
        self.register_indicator_for_quote_ticks(instrument_id, self.slow)
        self.subscribe_quote_ticks(instrument_id)

    def on_quote_tick(self, tick: QuoteTick) -> None:  # noqa: ARG002 - the price is not needed
        """Compare the averages, which are up to date."""
        if not self.slow.initialized:
            return
        if self.fast.value > self.slow.value:
            if not self.is_above:
                self.is_above = True
                self.crossings += 1
        elif self.is_above:
            self.is_above = False
            self.crossings += 1


def engine_with(instrument: Instrument) -> BacktestEngine:
    """Return an engine that logs and analyzes nothing, with one venue."""
    engine = BacktestEngine(
        BacktestEngineConfig(logging=LoggingConfig(log_level="ERROR"), run_analysis=False)
    )
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(1_000_000, USDT), Money(10, BTC)],
    )
    engine.add_instrument(instrument)
    return engine


def main() -> None:
    """Run the only case."""
    seed, moving = int(sys.argv[2]), float(sys.argv[3])
    instrument = TestInstrumentProvider.btcusdt_binance()
    engine = engine_with(instrument)
    size = instrument.make_qty(1)
    engine.add_data(
        [
            QuoteTick(
                instrument.id,
                instrument.make_price(bid / 100),
                instrument.make_price((bid + 1) / 100),
                size,
                size,
                START_NS + row * SPACING_NS,
                START_NS + row * SPACING_NS,
            )
            for row, bid in enumerate(bids(seed, moving))
        ]
    )
    strategies = []
    for row in range(STRATEGIES):
        fast, slow = periods(row)
        config = TwoAveragesConfig(
            instrument_id=instrument.id, fast_period=fast, slow_period=slow, order_id_tag=f"{row}"
        )
        strategies.append(TwoAverages(config))
        engine.add_strategy(strategies[-1])
    cost = cost_of(engine.run)
    tell(microseconds=cost, crossings=sum(strategy.crossings for strategy in strategies))


if __name__ == "__main__":
    main()
