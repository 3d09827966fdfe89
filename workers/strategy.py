"""A strategy worker: market ring in, callbacks, signal ring out, the executor's reports in between.

What is decided here is decided in `genesis.strategies`; this shell moves records.
"""

import asyncio
import gc
import time
from collections.abc import Sequence
from typing import TypeVar

from genesis.analytics.market_indicators import IndicatorPool
from genesis.domain.market import MarketEvent, MarketGap, Quote
from genesis.domain.orders import OrderReport, Signal
from genesis.engine.control import Drain, Drained, PauseStrategy
from genesis.engine.strategy_registry import StrategyRegistry, StrategyStatus
from genesis.errors import RingFull
from genesis.ipc.board import BoardPageWriter, Counter, Gauge, ProcessState
from genesis.ipc.codec import decode_market, decode_reports, encode_signal
from genesis.ipc.histogram import Stage
from genesis.ipc.links import RingPublisher, RingSubscriber
from genesis.ipc.parking import ParkingLot
from genesis.ipc.tables import DepthTable, QuoteTable
from genesis.limits import (
    COLLECT_PERIOD_IDLE,
    COLLECT_PERIOD_MAX,
    CONFLATION_DRAINS_MAX,
    CONFLATION_LAG,
    DEPTH_POLL_PERIOD,
    DRAIN_SLOTS_MAX,
    HOUSEKEEPING_PERIOD,
    OVER_BUDGET_LOG_PERIOD,
)
from genesis.strategies.base import BaseStrategy, StrategyContext
from genesis.strategies.conflation import conflate
from genesis.strategies.dispatch import ALL_INSTRUMENTS, Dispatcher, OverBudget, Raised
from genesis.strategies.loader import create_strategies
from genesis.units import Nanos
from workers.process import ChildContext, run_child

T = TypeVar("T")


class StrategyWorker:
    """One shard: its strategies, and the links they live on."""

    def __init__(self, context: ChildContext) -> None:
        spec = context.spec
        assert spec.market_ring is not None
        assert spec.market_reader is not None
        assert spec.report_ring is not None
        assert spec.report_reader is not None
        self._context = context
        self._clock = context.clock
        self._log = context.log
        self._board = context.board
        self._market: RingSubscriber[MarketEvent] = RingSubscriber(
            spec.market_ring, spec.market_reader, "latest", decode_market
        )
        # What the ring still holds of earlier reports tells a restarted worker what its strategies
        # hold and since when. Signals that old reports may cause have expired before they are sent.
        self._reports: RingSubscriber[OrderReport] = RingSubscriber(
            spec.report_ring, spec.report_reader, "oldest", decode_reports
        )
        (signal_ring,) = spec.signal_rings
        self._signals = RingPublisher(signal_ring, spec.epoch)
        self._quotes = QuoteTable.attach(spec.quote_table_fd)
        self._depths = DepthTable.attach(spec.depth_table_fd)
        indicators = IndicatorPool()
        strategies = create_strategies(
            spec.strategies,
            context.settings.tier,
            context.catalogue,
            StrategyContext(spec.epoch, indicators),
        )
        self._registry = StrategyRegistry([spec.strategies])
        self._instruments = sorted({one.instrument.instrument_id for one in strategies})
        self._dispatcher = Dispatcher(
            strategies, indicators, self._board, time.perf_counter, self._publish
        )
        self._market_counts = ReaderCounts(self._board, self._market, Gauge.MARKET_LAG)
        self._report_counts = ReaderCounts(self._board, self._reports, Gauge.REPORT_LAG)
        self._collector = Collector(context.clock.now())
        self._read_at: Nanos = 0
        self._missed = 0
        self._books_seen: dict[int, int] = {}
        self._books_due: Nanos = 0
        self._housekeeping_due: Nanos = 0
        self._over_budget_told: dict[str, Nanos] = {}
        self._is_draining = False

    async def run(self) -> None:
        """Work until the parent says stop."""
        context = self._context
        loop = asyncio.get_running_loop()
        lot = ParkingLot(loop, (self._market, self._reports))
        listener = loop.create_task(self._obey(lot))
        try:
            while self._read_reports():
                pass
            self._prime()
            context.ready({"strategies": len(self._registry)})
            gc.disable()  # `Collector` runs it when there is time
            while not context.stopping.is_set():
                if self._turn():
                    await asyncio.sleep(0)
                else:
                    self._collector.collect_if_due(self._clock.now(), is_idle=True)
                    await lot.park()
        finally:
            listener.cancel()
            lot.close()
            self._keep_house(self._clock.now())
        quarantined = self._registry.count(StrategyStatus.QUARANTINED)
        context.summary["strategies_quarantined"] = quarantined

    def close(self) -> None:
        """Unmap every link."""
        for link in (self._market, self._reports, self._signals, self._quotes, self._depths):
            link.close()

    def _turn(self) -> bool:
        """Handle what is there; tell whether there was anything."""
        was_busy = self._read_reports()
        now = self._clock.now()
        if not self._is_draining:
            was_busy |= self._read_market()
            if now >= self._books_due:
                self._books_due = now + DEPTH_POLL_PERIOD
                self._read_books()
        if now >= self._housekeeping_due:
            self._housekeeping_due = now + HOUSEKEEPING_PERIOD
            self._keep_house(now)
        return was_busy

    def _read_market(self) -> bool:
        events = self._market.drain()
        if self._market.missed != self._missed:
            self._recover()
        if not events:
            return False
        if len(events) == DRAIN_SLOTS_MAX and self._market.lag > CONFLATION_LAG:
            events = self._catch_up(events)
        self._dispatch(events)
        self._market.commit(self._market.sequence)
        return True

    def _dispatch(self, events: Sequence[MarketEvent]) -> None:
        self._read_at = self._clock.now()
        self._dispatcher.dispatch(events, self._read_at)

    def _catch_up(self, backlog: list[MarketEvent]) -> list[MarketEvent]:
        """Drain what more there is, keep what matters of it, and tell of the rest."""
        for _ in range(CONFLATION_DRAINS_MAX):
            more = self._market.drain()
            backlog += more
            if len(more) < DRAIN_SLOTS_MAX:
                break
        conflated = conflate(backlog)
        now = self._read_at = self._clock.now()
        for instrument_id, skipped in conflated.skipped.items():
            self._board.add(Counter.QUOTES_CONFLATED, skipped)
            gap = MarketGap(instrument_id, skipped, event_at=0, received_at=now)
            self._dispatcher.announce_skipped(gap, now)
        return conflated.events

    def _recover(self) -> None:
        """Go on after records were lost: tell every strategy, and begin with what is latest."""
        lost = self._market.missed - self._missed
        self._missed = self._market.missed
        self._log.warning("market_records_lost", count=lost)
        now = self._clock.now()
        gap = MarketGap(ALL_INSTRUMENTS, lost, event_at=0, received_at=now, published_at=now)
        self._dispatch([gap])
        self._prime()

    def _prime(self) -> None:
        """Give the strategies the latest quotes, but for those the ring is about to bring."""
        quotes = (self._quotes.get(instrument_id) for instrument_id in self._instruments)
        known: list[Quote] = [
            quote
            for quote in quotes
            if quote is not None and quote.sequence <= self._market.sequence
        ]
        self._read_at = self._clock.now()
        self._dispatcher.prime(known, self._read_at)

    def _read_books(self) -> None:
        """Bring the books that have changed since the last look to those who want them."""
        for instrument_id in self._dispatcher.depth_instruments():
            depth = self._depths.get(instrument_id)
            if depth is not None and depth.update_id != self._books_seen.get(instrument_id):
                self._books_seen[instrument_id] = depth.update_id
                self._read_at = self._clock.now()
                self._dispatcher.dispatch_depth(depth, self._read_at)

    def _read_reports(self) -> bool:
        reports = self._reports.drain()
        if not reports:
            return False
        self._read_at = self._clock.now()
        applied = sum(self._dispatcher.dispatch_report(report, self._read_at) for report in reports)
        self._board.add(Counter.REPORTS_APPLIED, applied)
        self._reports.commit(self._reports.sequence)
        return True

    def _publish(self, strategy: BaseStrategy, signals: Sequence[Signal]) -> None:
        """Send what a callback returned. A full ring is the strategy's to know, at once."""
        for signal in signals:
            signal.position = strategy.state.position
            signal.read_at = self._read_at
            signal.published_at = self._clock.now()
            try:
                self._signals.publish(encode_signal(signal))
            except RingFull:
                self._board.add(Counter.SIGNALS_RING_FULL)
                strategy.on_ring_full(signal)
                continue
            self._board.add(Counter.SIGNALS_PUBLISHED)
            self._board.histograms.record(
                Stage.READ_TO_SIGNAL, signal.published_at - signal.read_at
            )

    async def _obey(self, lot: ParkingLot) -> None:
        """Do what the parent says; `Stop` is the main loop's to see."""
        async for message in self._context.control.messages():
            match message:
                case Drain():
                    self._is_draining = True
                    self._board.set_state(ProcessState.DRAINING)
                    self._context.control.send(Drained())
                case PauseStrategy(strategy_id):
                    self._pause(strategy_id)
                case _:
                    pass
            lot.interrupt()

    def _pause(self, strategy_id: str) -> None:
        if self._registry.move(strategy_id, StrategyStatus.PAUSED):
            self._dispatcher.pause(strategy_id)
            self._log.info("strategy_paused", strategy_id=strategy_id)

    def _keep_house(self, now: Nanos) -> None:
        """Show counters and gauges, and log what went wrong."""
        self._market_counts.show()
        self._report_counts.show()
        self._board.set_gauge(Gauge.STRATEGIES_RUNNING, self._dispatcher.running)
        self._collector.collect_if_due(now, is_idle=False)
        for incident in self._dispatcher.take_incidents():
            if isinstance(incident, Raised):
                self._log_raised(incident)
            else:
                self._log_over_budget(incident, now)

    def _log_raised(self, incident: Raised) -> None:
        strategy_log = self._log.bind(strategy_id=incident.strategy_id)
        strategy_log.error("strategy_raised", exc_info=incident.error)
        if incident.is_quarantined:
            self._registry.move(incident.strategy_id, StrategyStatus.QUARANTINED)
            strategy_log.error("strategy_quarantined", running=self._dispatcher.running)

    def _log_over_budget(self, incident: OverBudget, now: Nanos) -> None:
        told_at = self._over_budget_told.get(incident.strategy_id)
        if told_at is None or now - told_at >= OVER_BUDGET_LOG_PERIOD:
            self._over_budget_told[incident.strategy_id] = now
            self._log.warning(
                "callback_over_budget", strategy_id=incident.strategy_id, took_ns=incident.took
            )


class ReaderCounts:
    """Shows on the board what one ring reader counts; several may add to the same counters."""

    def __init__(self, board: BoardPageWriter, reader: RingSubscriber[T], lag: Gauge) -> None:
        self._board = board
        self._reader = reader
        self._lag = lag
        self._shown: dict[Counter, int] = {}
        self._sequence = reader.sequence

    def show(self) -> None:
        """Add what has come since the last time, and show how far behind the reader is."""
        reader = self._reader
        counts = {
            Counter.RECORDS_MISSED: reader.missed,
            Counter.RECORDS_TORN: reader.torn,
            Counter.RECORDS_BAD_CHECKSUM: reader.bad_checksum,
            Counter.RECORDS_STALE_EPOCH: reader.stale_epoch,
            Counter.RECORDS_FOREIGN: reader.foreign,
        }
        for counter, count in counts.items():
            if count != self._shown.get(counter, 0):
                self._board.add(counter, count - self._shown.get(counter, 0))
                self._shown[counter] = count
        self._board.add(Counter.RECORDS_READ, reader.sequence - self._sequence)
        self._sequence = reader.sequence
        self._board.set_gauge(self._lag, reader.lag)


class Collector:
    """Runs the garbage collector in idle moments, so that no callback waits for it.

    What start-up built is frozen; records and signals hold no cycles. Left are cycles that a
    strategy makes, which is why a worker that is never idle still collects now and then.
    """

    def __init__(self, now: Nanos) -> None:
        self._collected_at = now

    def collect_if_due(self, now: Nanos, *, is_idle: bool) -> None:
        """Collect, if the last time is long enough ago for how busy the worker is."""
        if now - self._collected_at >= (COLLECT_PERIOD_IDLE if is_idle else COLLECT_PERIOD_MAX):
            gc.collect()
            self._collected_at = now


async def main(context: ChildContext) -> None:
    """Be a strategy worker."""
    worker = StrategyWorker(context)
    try:
        await worker.run()
    finally:
        worker.close()


if __name__ == "__main__":
    run_child(main)
