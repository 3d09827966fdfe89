"""A strategy worker of the comparison: among the real kinds, one that answers marked quotes."""

from collections.abc import Sequence
from typing import Final

from genesis.config import Tier
from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.orders import TimeInForce
from genesis.strategies.base import BaseStrategy, Signals, StrategyContext, StrategySpec
from genesis.strategies.loader import create_strategies
from genesis.units import NANOS_PER_SECOND
from scripts.pipeline.marks import is_marked, price_for, quantity_for
from workers import strategy
from workers.process import run_child

KIND: Final = "answer_marks"


class AnswerMarks(BaseStrategy):
    """Buys on every marked quote, below the market, at once or not at all."""

    kind = KIND

    def on_quote(self, quote: Quote) -> Signals:
        """Answer a marked quote."""
        self.signals.trigger = quote
        if not is_marked(quote.update_id):
            return None
        return [
            self.signals.enter(
                1.0,
                valid_for=NANOS_PER_SECOND,
                limit_price=price_for(quote.bid_price),
                time_in_force=TimeInForce.IOC,
                quantity=quantity_for(quote.update_id),
            )
        ]


def _create_strategies(
    specs: Sequence[StrategySpec],
    tier: Tier,
    catalogue: InstrumentCatalogue,
    context: StrategyContext,
) -> list[BaseStrategy]:
    made: list[BaseStrategy] = []
    for spec in specs:
        if spec.kind == KIND:
            instrument = catalogue.by_symbol(spec.symbol)
            assert instrument is not None, "the model lists it"
            made.append(AnswerMarks(spec, instrument, context))
        else:
            made += create_strategies([spec], tier, catalogue, context)
    return made


vars(strategy)["create_strategies"] = _create_strategies

if __name__ == "__main__":
    run_child(strategy.main)
