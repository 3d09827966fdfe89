"""The feed: venue streams in, market ring and latest-value tables out.

A thin shell. `MarketDataFeed` judges, `MarketPublisher` writes, a `StreamLink` for each connection
and one `VenueQuestions` talk to the venue, and `WebSocketManager` keeps their connections alive.
"""

import asyncio
import gc
from typing import Final

from structlog.typing import FilteringBoundLogger

from genesis.data.counts import DropReason, FeedCounts
from genesis.data.market_feed import MarketDataFeed
from genesis.engine.rules import connection_policy, rate_limits
from genesis.errors import ConfigError
from genesis.exchange.address_ban import AddressBan
from genesis.exchange.binance.venue_clock import VenueClock
from genesis.exchange.connection_budget import ConnectionBudget
from genesis.exchange.endpoints import Endpoints
from genesis.exchange.rate_limits import FEED_SHARES
from genesis.exchange.request_connection import RequestConnection
from genesis.exchange.request_gate import RequestGate
from genesis.exchange.stream_self_test import choose_connection_type
from genesis.exchange.tls import tls_for
from genesis.exchange.websocket_manager import WebSocketManager
from genesis.ipc.board import BoardPageWriter, Counter, Gauge
from genesis.ipc.links import RingPublisher
from genesis.ipc.tables import DepthTable, QuoteTable, VolumeTable
from genesis.limits import (
    CLOCK_CORROBORATIONS,
    CONNECTIONS_OF_FEED,
    DROPS_LOGGED_PERIOD,
    FEED_COLLECT_PERIOD,
    FEED_COUNT_PERIOD,
    STREAM_SILENCE_MAX,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from workers.feed_publisher import MarketPublisher
from workers.feed_session import StreamSession
from workers.feed_snapshots import VenueQuestions
from workers.feed_streams import FrameIntake, StreamLink, deal_streams
from workers.gate_report import GateReport
from workers.process import ChildContext, run_child

_DROPS: Final = {
    DropReason.NOT_JSON: Counter.FRAMES_NOT_JSON,
    DropReason.UNKNOWN_STREAM: Counter.FRAMES_UNKNOWN,
    DropReason.MALFORMED: Counter.FRAMES_MALFORMED,
    DropReason.BAD_NUMBER: Counter.FRAMES_BAD_NUMBER,
    DropReason.NEGATIVE: Counter.FRAMES_NEGATIVE,
    DropReason.CROSSED: Counter.FRAMES_CROSSED,
    DropReason.DUPLICATE: Counter.FRAMES_DUPLICATE,
    DropReason.OUT_OF_ORDER: Counter.FRAMES_OUT_OF_ORDER,
    DropReason.STALE: Counter.FRAMES_STALE,
    DropReason.AHEAD: Counter.FRAMES_AHEAD,
    DropReason.PRICE_BAND: Counter.FRAMES_OUT_OF_BAND,
    DropReason.OVERSIZE: Counter.FRAMES_OVERSIZE,
    DropReason.OVERLAPPED: Counter.FRAMES_OVERLAPPED,
}
assert _DROPS.keys() == set(DropReason), "every reason has a counter"


class DropReport:
    """Shows the feed's counts on the board, and each kind of bad frame in the log.

    A venue that sends rubbish sends much of it: a reason is logged when it first occurs, then at
    most once in `DROPS_LOGGED_PERIOD`, with how often it occurred.
    """

    def __init__(
        self, counts: FeedCounts, board: BoardPageWriter, log: FilteringBoundLogger
    ) -> None:
        self._counts = counts
        self._board = board
        self._log = log
        self._shown = dict.fromkeys((*_DROPS.values(), *self._other_counts()), 0)
        self._logged_at: dict[DropReason, Nanos] = {}
        self._logged = dict.fromkeys(DropReason, 0)

    def show(self, now: Nanos) -> None:
        """Add what was counted since the last call; log the reasons whose time it is."""
        for counter, value in self._other_counts().items():
            self._add(counter, value)
        for reason, counter in _DROPS.items():
            self._add(counter, self._counts.drops[reason])
            self._log_drops(reason, now)

    def _add(self, counter: Counter, value: int) -> None:
        if value != self._shown[counter]:
            self._board.add(counter, value - self._shown[counter])
            self._shown[counter] = value

    def _log_drops(self, reason: DropReason, now: Nanos) -> None:
        if reason is DropReason.OVERLAPPED:
            return
        count = self._counts.drops[reason] - self._logged[reason]
        due = self._logged_at.get(reason, now - DROPS_LOGGED_PERIOD) + DROPS_LOGGED_PERIOD
        if count and now >= due:
            self._log.warning("frames_dropped", reason=reason.label, count=count)
            self._logged_at[reason] = now
            self._logged[reason] = self._counts.drops[reason]

    def _other_counts(self) -> dict[Counter, int]:
        counts = self._counts
        return {
            Counter.FRAMES_RECEIVED: counts.frames,
            Counter.TRADES_MISSED: counts.trades_missed,
            Counter.BARS_MISSED: counts.bars_missed,
            Counter.BOOK_GAPS: counts.book_gaps,
            Counter.BOOK_MISMATCHES: counts.book_mismatches,
            Counter.BOOK_RESYNCS: counts.books_synced,
            Counter.SNAPSHOTS_UNFIT: counts.snapshots_unfit,
        }


class _Feed:
    """One life of the feed process."""

    def __init__(self, context: ChildContext) -> None:
        spec = context.spec
        assert spec.market_ring is not None, "the feed writes the market ring"
        assert spec.endpoints is not None, "the feed knows where the venue is"
        self._context = context
        self._log = context.log
        self._board = context.board
        self._feed = MarketDataFeed(
            context.catalogue,
            event_age_max=context.settings.risk.data_max_age_ms * NANOS_PER_MS,
        )
        self._ring = RingPublisher(spec.market_ring, spec.epoch)
        self._quotes = QuoteTable.attach(spec.quote_table_fd, writable=True)
        self._depths = DepthTable.attach(spec.depth_table_fd, writable=True)
        self._volumes = VolumeTable.attach(spec.volume_table_fd, writable=True)
        self._publisher = MarketPublisher(
            self._ring,
            self._quotes,
            self._depths,
            self._board,
            context.clock.now,
            volumes=self._volumes,
        )
        self._report = DropReport(self._feed.counts, self._board, self._log)
        self._intake = FrameIntake(self._feed, self._publisher, context.clock, self._ask_snapshots)
        self._budget = ConnectionBudget(
            self._board.connection_attempts,
            CONNECTIONS_OF_FEED,
            AddressBan(self._board.venue_ban, context.peer_bans()),
        )
        limits = rate_limits(context.settings, FEED_SHARES)
        venue_clock = VenueClock(limits.follow_clock)
        self._gate = RequestGate(
            limits,
            venue_ms=lambda: venue_clock.timestamp_ms(context.clock.now()),
            budget=self._budget,
            clock=context.clock,
            log=self._log,
        )
        self._gate_report = GateReport(self._gate, self._board)
        self._questions = VenueQuestions(
            spec.endpoints,
            self._feed,
            context.catalogue,
            gate=self._gate,
            venue_clock=venue_clock,
            clock=context.clock,
            log=self._log,
            on_books_changed=self._intake.put_depths,
        )
        self._links = self._make_links(spec.endpoints)
        self._managers: dict[
            str, WebSocketManager[StreamSession] | WebSocketManager[RequestConnection]
        ] = {}
        self._policy = connection_policy(context.settings)
        self._stale_seen = 0

    async def run(self) -> None:
        """Work until the parent says stop."""
        async with asyncio.TaskGroup() as group:
            keepers = [
                group.create_task(self._keep_asking()),
                group.create_task(self._questions.run()),
            ]
            keepers += [
                group.create_task(self._keep_open(number, link))
                for number, link in enumerate(self._links)
            ]
            keepers.append(group.create_task(self._keep_counting()))
            keepers.append(group.create_task(self._become_ready()))
            await self._context.stopping.wait()
            for keeper in keepers:
                keeper.cancel()
        self._count()
        self._context.summary.update(
            frames=self._feed.counts.frames, frames_dropped=self._feed.counts.dropped
        )
        self._ring.close()
        self._quotes.close()
        self._depths.close()
        self._volumes.close()

    def _make_links(self, endpoints: Endpoints) -> list[StreamLink]:
        """Plan the connections, all of the fastest kind that is sound.

        Raises:
            ConfigError: There are more instruments than connections can carry.
        """
        tls = tls_for(endpoints.streams_url, endpoints.ca_file)
        connection_type, fault = choose_connection_type()
        if fault:
            self._log.warning("fast_path_unsound", reason=fault)
        try:
            hands = deal_streams(self._feed.stream_names)
        except ValueError as error:
            raise ConfigError(f"{error}: trade fewer instruments (strategies.symbols)") from None
        return [
            StreamLink(
                endpoints.streams_url,
                stream_names,
                self._intake,
                connection_type=connection_type,
                tls=tls,
                clock=self._context.clock,
                log=self._log.bind(connection=number),
                board=self._board,
                on_oversize=self._feed.note_oversize,
            )
            for number, stream_names in enumerate(hands)
        ]

    async def _keep_open(self, number: int, link: StreamLink) -> None:
        manager = WebSocketManager(
            connect=link.connect,
            serve=link.serve,
            clock=self._context.clock,
            log=self._log,
            budget=self._budget,
            policy=self._policy,
        )
        self._managers[f"streams {number}"] = manager
        await manager.run()

    async def _keep_asking(self) -> None:
        manager = WebSocketManager(
            connect=self._questions.connect,
            serve=self._questions.serve,
            clock=self._context.clock,
            log=self._log.bind(connection="questions"),
            budget=self._budget,
            policy=self._policy,
        )
        self._managers["WebSocket API"] = manager
        await manager.run()

    def _trouble(self) -> str:
        """Return the first connection that is wanting, and why; "" if all are there."""
        troubles = ((name, manager.trouble) for name, manager in self._managers.items())
        return next((f"{name}: {why}" for name, why in troubles if why), "")

    async def _become_ready(self) -> None:
        """Say so once every stream has been asked for; the parent does not wait for ever."""
        for link in self._links:
            await link.was_opened.wait()
        self._context.ready({"connections": len(self._links), "streams": self._stream_count})
        # Records die by their reference count; looking for cycles among them costs 2 % of the loop.
        gc.disable()

    async def _keep_counting(self) -> None:
        silence_due = self._context.clock.now() + STREAM_SILENCE_MAX
        collection_due = self._context.clock.now() + FEED_COLLECT_PERIOD
        while True:
            await asyncio.sleep(FEED_COUNT_PERIOD / NANOS_PER_SECOND)
            self._count()
            self._look_at_stale_frames()
            self._context.tell_trouble(self._trouble())
            now = self._context.clock.now()
            if now >= silence_due:
                silence_due = now + STREAM_SILENCE_MAX
                self._look_for_silence(now)
            if now >= collection_due:
                collection_due = now + FEED_COLLECT_PERIOD
                gc.collect()  # what start-up left is frozen: there is little to look at

    def _look_at_stale_frames(self) -> None:
        """Have the venue's clock measured when frames come stale in numbers: it may have stepped.

        Until that is known, nothing that bears a time would be taken any more.
        """
        stale = self._feed.counts.drops[DropReason.STALE]
        if stale - self._stale_seen >= CLOCK_CORROBORATIONS:
            self._questions.doubt_clock()
        self._stale_seen = stale

    def _count(self) -> None:
        self._publisher.venue_offset = self._questions.venue_clock.offset
        self._board.set_gauge(Gauge.BOOKS_IN_SYNC, self._feed.books_synced)
        self._publisher.count()
        self._report.show(self._context.clock.now())
        self._gate_report.show()
        self._board.set_gauge(Gauge.VENUE_CLOCK_OFFSET_NS, self._questions.venue_clock.offset)

    def _look_for_silence(self, now: Nanos) -> None:
        fell, heard = self._feed.check_silence(now)
        if fell:
            self._log.warning("streams_silent", count=len(fell), first=fell[0])
        if heard:
            self._log.info("streams_heard", count=len(heard), first=heard[0])
        self._board.set_gauge(Gauge.INSTRUMENTS_STALE, self._feed.instruments_silent)

    def _ask_snapshots(self) -> None:
        self._questions.nudge()

    @property
    def _stream_count(self) -> int:
        return len(self._feed.stream_names)


async def run(context: ChildContext) -> None:
    """Be the feed until the parent says stop."""
    await _Feed(context).run()


if __name__ == "__main__":
    run_child(run)
