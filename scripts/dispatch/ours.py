"""The Genesis side of `bench_dispatch.py`: a worker's own loop on a real ring and board.

Cases: `dispatch` is what a worker does with each record, from the drained ring to the last
callback, supervision and histograms on. `histograms` runs two workers side by side on alternating
batches, one that measures and one that does not, so that the machine's moods fall on both alike.
"""

import gc
import sys
import time
from typing import Annotated, Final

import msgspec

from genesis.analytics.market_indicators import IndicatorPool, IndicatorRequests
from genesis.domain.instruments import Instrument
from genesis.domain.market import MarketEvent, Quote
from genesis.ipc.board import StatusBoard
from genesis.ipc.codec import decode_market, encode_quote
from genesis.ipc.links import RingPublisher, RingSubscriber, create_ring, market_ring_spec
from genesis.limits import DRAIN_SLOTS_MAX
from genesis.strategies.base import BaseStrategy, StrategyContext, StrategyParameters, StrategySpec
from genesis.strategies.dispatch import Dispatcher
from genesis.units import SCALE
from scripts.dispatch.case import (
    QUOTES,
    SPACING_NS,
    START_NS,
    STRATEGIES,
    bids,
    cost_of,
    periods,
    tell,
)

RING_SLOTS: Final = 1 << 15
CENT: Final = SCALE // 100

assert QUOTES < RING_SLOTS, "all quotes are published before the first is read"


class TwoAveragesParameters(StrategyParameters, frozen=True, kw_only=True):
    """Parameters of `two_averages`."""

    fast_period: Annotated[int, msgspec.Meta(ge=1)]
    slow_period: Annotated[int, msgspec.Meta(ge=2)]


class TwoAverages(BaseStrategy):
    """Counts crossings of two averages."""

    kind = "two_averages"
    parameters_type = TwoAveragesParameters
    parameters: TwoAveragesParameters

    is_above = False
    crossings = 0

    def bind(self, indicators: IndicatorRequests) -> None:
        """Take both averages."""
        self.fast = indicators.ema(self.parameters.fast_period)
        self.slow = indicators.ema(self.parameters.slow_period)

    def on_quote(self, quote: Quote) -> None:  # noqa: ARG002 - the price is not needed
        """Compare the averages, which are up to date, and NaN until they are warm."""
        if self.fast.offset > self.slow.offset:
            if not self.is_above:
                self.is_above = True
                self.crossings += 1
        elif self.is_above:
            self.is_above = False
            self.crossings += 1


class Shard:
    """A hundred strategies behind a dispatcher, with a board page of their own."""

    def __init__(self, board: StatusBoard, page: int, *, is_measured: bool) -> None:
        pool = IndicatorPool()
        context = StrategyContext(1, pool)
        self.strategies = [_strategy(row, context) for row in range(STRATEGIES)]
        self.dispatcher = Dispatcher(
            self.strategies,
            pool,
            board.writer(page, epoch=1),
            time.perf_counter,
            lambda _strategy, _signals: None,
            is_measured=is_measured,
        )

    @property
    def crossings(self) -> int:
        """All crossings that were seen."""
        return sum(strategy.crossings for strategy in self.strategies)


def _strategy(row: int, context: StrategyContext) -> TwoAverages:
    fast, slow = periods(row)
    parameters: dict[str, float | int | str] = {"fast_period": fast, "slow_period": slow}
    spec = StrategySpec(f"two-{row}", row + 1, "two_averages", "BTCUSDT", parameters)
    return TwoAverages(spec, _btc(), context)


def _btc() -> Instrument:
    return Instrument(
        instrument_id=0,
        symbol="BTCUSDT",
        base_asset="BTC",
        quote_asset="USDT",
        tick_size=CENT,
        step_size=1_000,
        min_price=CENT,
        max_price=1_000_000 * SCALE,
        min_quantity=1_000,
        max_quantity=9_000 * SCALE,
        market_max_quantity=100 * SCALE,
        min_notional=5 * SCALE,
        max_notional=9_000_000 * SCALE,
    )


def published(walk: list[int]) -> RingSubscriber[MarketEvent]:
    """Publish every quote, and return the reader that has them all before it."""
    handle = create_ring(market_ring_spec(RING_SLOTS, 1))
    subscriber: RingSubscriber[MarketEvent] = RingSubscriber(handle, 0, "latest", decode_market)
    publisher = RingPublisher(handle, epoch=1)
    for row, bid in enumerate(walk):
        at = START_NS + row * SPACING_NS
        quote = Quote(0, bid * CENT, SCALE, (bid + 1) * CENT, SCALE, row + 1, at, at, at)
        publisher.publish(encode_quote(quote))
    return subscriber


def run_dispatch(walk: list[int], board: StatusBoard) -> None:
    """Do a worker's work on every quote."""
    market = published(walk)
    shard = Shard(board, 0, is_measured=True)

    def work() -> None:
        while events := market.drain():
            shard.dispatcher.dispatch(events, START_NS + QUOTES * SPACING_NS)
            market.commit()

    gc.collect()
    gc.freeze()
    gc.disable()
    cost = cost_of(work)
    tell(microseconds=cost, crossings=shard.crossings)


def run_histograms(walk: list[int], board: StatusBoard) -> None:
    """Measure the cost of measuring."""
    market = published(walk)
    shards = [Shard(board, page, is_measured=page == 0) for page in range(2)]
    costs = [0, 0]
    gc.disable()
    turn = 0
    while events := market.drain(DRAIN_SLOTS_MAX // 4):
        turn += 1
        for shard in (0, 1) if turn % 2 else (1, 0):
            start = time.thread_time_ns()
            shards[shard].dispatcher.dispatch(events, START_NS + QUOTES * SPACING_NS)
            costs[shard] += time.thread_time_ns() - start
    tell(ratio=costs[0] / costs[1])


def main() -> None:
    """Run one case."""
    case, walk = sys.argv[1], bids(int(sys.argv[2]), float(sys.argv[3]))
    board = StatusBoard.create(2)
    {"dispatch": run_dispatch, "histograms": run_histograms}[case](walk, board)


if __name__ == "__main__":
    main()
