"""The feed's connections: what each carries, and how one goes on where another one ends."""

import asyncio
import ssl
from collections.abc import Callable, Sequence

from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.data.events import ConnectionNotice
from genesis.data.market_feed import MarketDataFeed
from genesis.exchange.stream_connection import StreamConnectionType, connect_stream
from genesis.exchange.websocket_manager import Tenure
from genesis.ipc.board import BoardPageWriter, Counter
from genesis.limits import (
    CONNECTION_STABLE_AFTER,
    DEPTH_PUBLISH_PERIOD,
    INTAKE_BURST_MAX,
    OVERLAP_LINGER,
    STREAM_CONNECTIONS_MAX,
    STREAMS_PER_CONNECTION_MAX,
    SUBSCRIBE_SPACING,
    SUBSCRIBE_SPACING_MAX,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from workers.feed_publisher import MarketPublisher
from workers.feed_session import Messages, StreamSession

_SUCCEEDED = "succeeded"


class FrameIntake:
    """Takes the messages of all connections through the feed to where others read them.

    A read of hundreds of messages is published in bursts of `INTAKE_BURST_MAX`, so that its first
    do not wait for its last.
    The tops of books follow at most `DEPTH_PUBLISH_PERIOD` after the frame that changed them: at
    once when none was put lately, so that only a flood is slowed.
    """

    def __init__(
        self,
        feed: MarketDataFeed,
        publisher: MarketPublisher,
        clock: EngineClock,
        on_snapshot_wanted: Callable[[], None],
    ) -> None:
        self._feed = feed
        self._publisher = publisher
        self._clock = clock
        self._on_snapshot_wanted = on_snapshot_wanted
        self._depths_put_at: Nanos = 0
        self._depths_timer: asyncio.TimerHandle | None = None

    def receive(self, messages: Messages, received_at: Nanos) -> list[ConnectionNotice]:
        """Judge and publish what one read brought; return what it said of the connection itself."""
        notices: list[ConnectionNotice] = []
        for start in range(0, len(messages), INTAKE_BURST_MAX):
            burst = messages[start : start + INTAKE_BURST_MAX]
            events = self._feed.receive_frames(burst, received_at)
            notices += self._publisher.publish(events, received_at)
        if self._feed.has_changed_books and self._depths_timer is None:
            since = received_at - self._depths_put_at
            if since >= DEPTH_PUBLISH_PERIOD:
                self.put_depths()
            else:
                delay = (DEPTH_PUBLISH_PERIOD - since) / NANOS_PER_SECOND
                self._depths_timer = asyncio.get_running_loop().call_later(delay, self.put_depths)
        return notices

    def interrupt(self, stream_names: Sequence[str]) -> None:
        """Tell everybody that these streams may have missed something."""
        now = self._clock.now()
        self._publisher.publish(self._feed.interrupt(stream_names, now), now)
        self.put_depths()

    def succeed(
        self,
        stream_names: Sequence[str],
        kept: Sequence[tuple[Messages, Nanos]],
        *,
        has_gap: bool,
    ) -> list[ConnectionNotice]:
        """Go on with these streams on another connection, with what it brought until now.

        See `MarketDataFeed.succeed`. Returns what those frames said of the connection itself.
        """
        now = self._clock.now()
        gaps = self._feed.succeed(stream_names, now, has_gap=has_gap)
        self._publisher.publish(gaps, now)
        notices: list[ConnectionNotice] = []
        for messages, received_at in kept:
            notices += self.receive(messages, received_at)
        self.put_depths()
        return notices

    def heard_at(self, stream_name: str) -> Nanos:
        """Return when the last good frame of a stream came, 0 before the first."""
        return self._feed.heard_at(stream_name)

    def put_depths(self) -> None:
        """Put every changed book's top in the table, and have lost books looked after."""
        if self._depths_timer is not None:
            self._depths_timer.cancel()
            self._depths_timer = None
        self._depths_put_at = now = self._clock.now()
        self._publisher.put_depths(self._feed.take_depths(now))
        if self._feed.next_snapshot_at() is not None:
            self._on_snapshot_wanted()


class StreamLink:
    """A share of the streams over all the connections that carry it; `WebSocketManager` runs it.

    Of two connections at once one is heard: what the other one brings is kept, until the first has
    said its last word. Then every stream is judged in one row, first the frames of the old
    connection, then those of the new, and what came by both is told by its number: the change costs
    neither a frame nor its place. `was_opened` is set once every stream has been asked for.
    """

    def __init__(
        self,
        url: str,
        stream_names: Sequence[str],
        intake: FrameIntake,
        *,
        connection_type: StreamConnectionType,
        tls: ssl.SSLContext | None = None,
        clock: EngineClock,
        log: FilteringBoundLogger,
        board: BoardPageWriter,
        on_oversize: Callable[[], None],
    ) -> None:
        assert 0 < len(stream_names) <= STREAMS_PER_CONNECTION_MAX
        self.was_opened = asyncio.Event()
        self._url = url
        self._stream_names = tuple(stream_names)
        self._intake = intake
        self._connection_type = connection_type
        self._tls = tls
        self._clock = clock
        self._log = log
        self._board = board
        self._on_oversize = on_oversize
        self._heard: StreamSession | None = None
        self._waiting: StreamSession | None = None
        self._spacing = SUBSCRIBE_SPACING

    async def connect(self) -> StreamSession:
        """Open a connection; its messages are taken from the first on."""
        session = StreamSession(
            self._stream_names,
            spacing=self._spacing,
            on_messages=self._receive,
            heard_at=self._intake.heard_at,
            clock=self._clock,
            log=self._log,
        )
        session.connection = await connect_stream(
            self._url,
            session.receive,
            self._clock.now,
            connection_type=self._connection_type,
            tls=self._tls,
        )
        return session

    async def serve(self, session: StreamSession, tenure: Tenure) -> str:
        """Subscribe, take over if there is something to take over, and wait for the end.

        An end that came by itself, with no successor there, is a gap; when this is canceled the
        feed itself ends, and its readers see that by its epoch.
        """
        opened_at = self._clock.now()
        self._board.add(Counter.CONNECTIONS_OPENED)
        self._admit(session)
        session.begin(tenure)
        tasks = [
            asyncio.create_task(session.connection.until_closed()),
            asyncio.create_task(session.keep_subscribed()),
            asyncio.create_task(self._hold(session, tenure)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            why = await next(task for task in tasks if task.done())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        self._leave(session)
        self._learn_pace(session, self._clock.now() - opened_at)
        return why

    async def _hold(self, session: StreamSession, tenure: Tenure) -> str:
        """Come to be heard, and stay it until a successor is."""
        await session.until(lambda: session.is_subscribed)
        predecessor = self._heard
        if predecessor is not None and predecessor is not session:
            await self._take_over(session, predecessor)
        tenure.become_ready()
        self.was_opened.set()
        await tenure.retired.wait()
        return _SUCCEEDED

    async def _take_over(self, session: StreamSession, predecessor: StreamSession) -> None:
        """Be heard instead of another one, as soon as nothing is missed by it.

        If the other one ends meanwhile, `_leave` sees to the same.
        """
        await session.until(
            lambda: self._heard is session or session.is_speaking or session.is_full
        )
        if session.is_speaking:
            session.is_bridged = await predecessor.say_last_word()
            if session.is_bridged:
                await session.until(lambda: self._heard is session, within=OVERLAP_LINGER)
        if self._heard is not session:
            predecessor.is_relieved = True
            self._put_in_place(session)

    def _receive(self, session: StreamSession, messages: Messages, received_at: Nanos) -> None:
        if session is not self._heard:
            if session.is_relieved:
                return
            self._admit(session)
            if session is self._waiting:
                messages = session.keep(messages, received_at)
        if messages:
            session.take_notices(self._intake.receive(messages, received_at))

    def _admit(self, session: StreamSession) -> None:
        """Hear a session if no other one is heard; else let it wait."""
        if self._heard is None:
            self._heard = session
            session.be_heard(self._clock.now())
        elif self._heard is not session:
            self._waiting = session

    def _put_in_place(self, session: StreamSession) -> None:
        """Hear the session that waited, what it kept first."""
        self._heard, self._waiting = session, None
        kept = session.be_heard(self._clock.now())
        self._log.info("streams_taken_over", is_bridged=session.is_bridged, kept=len(kept))
        has_gap = not session.is_bridged
        session.take_notices(self._intake.succeed(self._stream_names, kept, has_gap=has_gap))

    def _leave(self, session: StreamSession) -> None:
        """Take note of a connection's end; tell of a gap, or hear the one that waits."""
        session.end()
        session.is_relieved = True  # what still comes until it is closed is of no account
        if session.was_sent_too_much:
            self._on_oversize()
        if session is self._waiting:
            self._waiting = None
        if session is not self._heard:
            return
        self._board.add(Counter.CONNECTIONS_LOST)
        self._heard = None
        if self._waiting is not None:
            self._put_in_place(self._waiting)
        else:
            self._intake.interrupt(self._stream_names)

    def _learn_pace(self, session: StreamSession, held: Nanos) -> None:
        """Ask more slowly on the next connection if the venue found this one too fast."""
        if session.was_found_too_fast:
            self._spacing = min(2 * self._spacing, SUBSCRIBE_SPACING_MAX)
            self._log.warning("subscribing_slower", spacing_ms=self._spacing // NANOS_PER_MS)
        elif held >= CONNECTION_STABLE_AFTER:
            self._spacing = SUBSCRIBE_SPACING


def deal_streams(stream_names: Sequence[str]) -> list[tuple[str, ...]]:
    """Deal streams to as few connections as hold them, neighbors together.

    Raises:
        ValueError: They are too many for the connections one address may have.
    """
    links = [
        tuple(stream_names[start : start + STREAMS_PER_CONNECTION_MAX])
        for start in range(0, len(stream_names), STREAMS_PER_CONNECTION_MAX)
    ]
    if len(links) > STREAM_CONNECTIONS_MAX:
        most = STREAM_CONNECTIONS_MAX * STREAMS_PER_CONNECTION_MAX
        raise ValueError(f"{len(stream_names)} streams are more than the {most} one feed takes")
    return links
