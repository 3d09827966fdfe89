"""The receiving end of `bench_feed.py`, ours."""

import gc
import sys
from pathlib import Path
from typing import Final

from genesis.clock import EngineClock
from genesis.data.market_feed import MarketDataFeed
from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.exchange.stream_connection import connect_stream
from genesis.ipc.board import StatusBoard
from genesis.ipc.histogram import Stage
from genesis.ipc.links import RingPublisher
from genesis.ipc.tables import DepthTable, QuoteTable, VolumeTable
from genesis.units import SCALE, Nanos
from scripts.feed.case import EVENT_AGE_MAX, Case, Meter, market_ring, read_snapshots, run_case
from workers.feed_publisher import MarketPublisher
from workers.feed_streams import FrameIntake


def instruments_of(symbols: list[str]) -> InstrumentCatalogue:
    """Return instruments of these names; nothing here looks at their rules."""
    return InstrumentCatalogue(
        Instrument(
            instrument_id=row,
            symbol=symbol,
            base_asset=symbol,
            quote_asset="USDT",
            tick_size=1,
            step_size=1,
            min_price=1,
            max_price=SCALE * SCALE,
            min_quantity=1,
            max_quantity=SCALE * SCALE,
            market_max_quantity=SCALE * SCALE,
            min_notional=1,
            max_notional=SCALE * SCALE,
        )
        for row, symbol in enumerate(symbols)
    )


async def our_transport(url: str, meter: Meter) -> None:
    """Count messages by `StreamConnection`."""
    clock = EngineClock.start()
    await connect_stream(url, lambda messages, _: meter.take(len(messages)), clock.now)
    await meter.done.wait()


async def our_loop(url: str, meter: Meter) -> None:
    """Run the feed as `workers/feed.py` does, tables, board and histograms included."""
    clock = EngineClock.start()
    snapshots = read_snapshots(Path(sys.argv[4]))
    catalogue = instruments_of(list(snapshots))
    feed = MarketDataFeed(catalogue, event_age_max=EVENT_AGE_MAX)
    for instrument in catalogue:
        feed.receive_snapshot(instrument.instrument_id, snapshots[instrument.symbol], clock.now())
    board = StatusBoard.create(1)
    page = board.writer(0, epoch=1)
    ring = RingPublisher(market_ring(), epoch=1)
    publisher = MarketPublisher(
        ring,
        QuoteTable.create(len(catalogue)),
        DepthTable.create(len(catalogue)),
        page,
        clock.now,
        volumes=VolumeTable.create(len(catalogue)),
    )
    intake = FrameIntake(feed, publisher, clock, lambda: None)

    def receive(messages: list[bytes], received_at: Nanos) -> None:
        for notice in intake.receive(messages, received_at):
            raise AssertionError(f"a tape holds no {notice}")
        meter.take(len(messages))

    gc.collect()
    gc.freeze()
    gc.disable()  # as the feed does
    await connect_stream(url, receive, clock.now)
    await meter.done.wait()
    state = board.reader(0).read()
    assert state is not None
    hop = state.histograms[Stage.SOCKET_TO_PUBLISHED]
    meter.facts["published"] = ring.cursor
    meter.facts["publish_p99_us"] = hop.percentile(99) / 1_000
    meter.facts["dropped"] = feed.counts.dropped
    meter.facts["books_synced"] = feed.books_synced


CASES: Final[dict[str, Case]] = {"transport": our_transport, "loop": our_loop}

if __name__ == "__main__":
    run_case(CASES[sys.argv[1]])
