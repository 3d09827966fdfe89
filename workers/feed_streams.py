"""One connection of the feed: its subscriptions, its messages, its end."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.data.events import ConnectionNotice, ShutdownNotice
from genesis.data.frames import SubscribeRequest
from genesis.data.market_feed import MarketDataFeed
from genesis.exchange.stream_connection import (
    AnyStreamConnection,
    StreamConnectionType,
    connect_stream,
)
from genesis.exchange.websocket_manager import Tenure
from genesis.ipc.board import BoardPageWriter, Counter
from genesis.limits import (
    DEPTH_PUBLISH_PERIOD,
    INTAKE_BURST_MAX,
    STREAM_CONNECTIONS_MAX,
    STREAMS_PER_CONNECTION_MAX,
    SUBSCRIBE_SPACING,
    SUBSCRIBE_STREAMS_MAX,
)
from genesis.units import NANOS_PER_SECOND, Nanos
from workers.feed_publisher import MarketPublisher

_MESSAGE_TOO_BIG: Final = 1009  # RFC 6455, 7.4.1
_REFUSED_WRITE: Final = "the connection took no subscription"
_SHUTDOWN: Final = "the venue announced its shutdown"


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

    def receive(self, messages: list[bytes], received_at: Nanos) -> list[ConnectionNotice]:
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

    def put_depths(self) -> None:
        """Put every changed book's top in the table, and have lost books looked after."""
        self._depths_timer = None
        self._depths_put_at = now = self._clock.now()
        self._publisher.put_depths(self._feed.take_depths(now))
        if self._feed.next_snapshot_at() is not None:
            self._on_snapshot_wanted()


class StreamLink:
    """The streams of one connection, over all its lives; `WebSocketManager` runs it.

    `is_open` is set while a connection is there and has been asked for every stream.
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
        self.is_open = asyncio.Event()
        self._url = url
        self._stream_names = tuple(stream_names)
        self._intake = intake
        self._connection_type = connection_type
        self._tls = tls
        self._clock = clock
        self._log = log
        self._board = board
        self._on_oversize = on_oversize
        self._shutdown = asyncio.Event()

    async def connect(self) -> AnyStreamConnection:
        """Open the connection; its messages go to the feed from the first on."""
        self._shutdown.clear()
        return await connect_stream(
            self._url,
            self._receive,
            self._clock.now,
            connection_type=self._connection_type,
            tls=self._tls,
        )

    async def serve(self, connection: AnyStreamConnection, tenure: Tenure) -> str:
        """Subscribe, and wait for the end; return why it came.

        An end that came by itself is a gap; when this is canceled the feed itself ends, and its
        readers see that by its epoch.
        """
        self._board.add(Counter.CONNECTIONS_OPENED)
        tenure.become_ready()
        why = await self._subscribe_and_wait(connection)
        self._board.add(Counter.CONNECTIONS_LOST)
        self._intake.interrupt(self._stream_names)
        return why

    async def _subscribe_and_wait(self, connection: AnyStreamConnection) -> str:
        ending = asyncio.ensure_future(connection.until_closed())
        warned = asyncio.ensure_future(self._shutdown.wait())
        try:
            if not await self._subscribe(connection):
                return _REFUSED_WRITE
            self.is_open.set()
            await asyncio.wait((ending, warned), return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                return _SHUTDOWN
            self._note_oversize(connection)
            return ending.result()
        finally:
            self.is_open.clear()
            ending.cancel()
            warned.cancel()

    def _receive(self, messages: list[bytes], received_at: Nanos) -> None:
        for notice in self._intake.receive(messages, received_at):
            self._take_notice(notice)

    def _take_notice(self, notice: ConnectionNotice) -> None:
        if isinstance(notice, ShutdownNotice):
            self._shutdown.set()
        elif notice.fault:
            self._log.error(
                "subscription_refused", request_id=notice.request_id, reason=notice.fault
            )

    async def _subscribe(self, connection: AnyStreamConnection) -> bool:
        """Ask for the streams in a few requests, slower than the venue's five messages a second."""
        names = self._stream_names
        for request_id, start in enumerate(range(0, len(names), SUBSCRIBE_STREAMS_MAX), start=1):
            if start:
                await asyncio.sleep(SUBSCRIBE_SPACING / NANOS_PER_SECOND)
            chunk = list(names[start : start + SUBSCRIBE_STREAMS_MAX])
            request = SubscribeRequest("SUBSCRIBE", chunk, request_id)
            if not connection.write_text(msgspec.json.encode(request)):
                return False
        return True

    def _note_oversize(self, connection: AnyStreamConnection) -> None:
        sent = connection.protocol.close_sent
        if sent is not None and sent.code == _MESSAGE_TOO_BIG:
            self._on_oversize()


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
