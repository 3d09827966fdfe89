"""From events to ring, tables and board: bursts, the latest quote, what is counted."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog

from genesis.clock import EngineClock
from genesis.data.counts import DropReason, FeedCounts
from genesis.data.events import (
    ConnectionNotice,
    FeedEvent,
    ShutdownNotice,
    SubscriptionReply,
)
from genesis.data.market_feed import MarketDataFeed
from genesis.domain.market import MarketEvent, MarketGap, Quote, TradedVolume, TradeTick
from genesis.ipc.board import BoardPage, BoardPageWriter, Counter, StatusBoard
from genesis.ipc.codec import decode_market
from genesis.ipc.histogram import Stage
from genesis.ipc.links import (
    RingPublisher,
    RingSubscriber,
    close_ring,
    create_ring,
    market_ring_spec,
)
from genesis.ipc.tables import DepthTable, QuoteTable, VolumeTable
from genesis.limits import (
    DROPS_LOGGED_PERIOD,
    INTAKE_BURST_MAX,
    STREAM_CONNECTIONS_MAX,
    STREAMS_PER_CONNECTION_MAX,
)
from genesis.units import NANOS_PER_SECOND, SCALE
from tests.support.market_frames import NOW, depth, ticker, trade
from tests.support.tape import catalogue_of
from workers.feed import DropReport
from workers.feed_publisher import MarketPublisher
from workers.feed_streams import FrameIntake, deal_streams

RING_SLOTS = 64


@dataclass
class Links:
    """One publisher with everything it writes, and a reader of it."""

    publisher: MarketPublisher
    writer: RingPublisher
    ring: RingSubscriber[MarketEvent]
    quotes: QuoteTable
    depths: DepthTable
    volumes: VolumeTable
    board: StatusBoard
    page: BoardPageWriter

    def seen(self) -> BoardPage:
        """Return the page as others see it."""
        page = self.board.reader(0).read()
        assert page is not None
        return page


@pytest.fixture
def links() -> Iterator[Links]:
    """Return links for two instruments, on a small ring."""
    handle = create_ring(market_ring_spec(RING_SLOTS, readers=1))
    ring = RingPublisher(handle.writer_end(), epoch=1)
    reader = RingSubscriber(handle.reader_end(0), 0, "cursor", decode_market)
    quotes, depths, board = QuoteTable.create(2), DepthTable.create(2), StatusBoard.create(1)
    page = board.writer(0, epoch=1)
    volumes = VolumeTable.create(2)
    publisher = MarketPublisher(ring, quotes, depths, page, lambda: NOW + 5, volumes=volumes)
    yield Links(publisher, ring, reader, quotes, depths, volumes, board, page)
    for link in (ring, reader, quotes, depths, volumes, board):
        link.close()
    close_ring(handle)


def quote(update_id: int, instrument_id: int = 0) -> Quote:
    """Return a quote that can be told by its number."""
    return Quote(instrument_id, SCALE, SCALE, 2 * SCALE, SCALE, update_id, 0, NOW)


def tick(quantity: int, trade_id: int) -> TradeTick:
    """Return a public trade of the second instrument."""
    return TradeTick(1, SCALE, quantity, trade_id, buyer_is_maker=True, event_at=0, received_at=NOW)


def test_burst_is_published_in_order_and_the_last_quote_is_the_latest(links: Links) -> None:
    """Of several quotes of an instrument in one burst, the table gets the last, with its place."""
    burst: list[FeedEvent] = [quote(1), quote(1, 1), quote(2), MarketGap(0, 0, 0, NOW), quote(3)]

    assert links.publisher.publish(burst, NOW) == []

    events = links.ring.drain()
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert {event.published_at for event in events} == {NOW + 5}
    assert links.quotes.get(0) == events[4]
    assert links.quotes.get(1) == events[1]


def test_traded_volume_adds_up_over_a_restarted_feed(links: Links) -> None:
    """What the public trades is shown at each count, and a successor goes on from there."""
    links.publisher.publish([tick(3, 1), quote(1)], NOW)
    links.publisher.publish([tick(4, 2)], NOW)
    assert links.volumes.get(1) is None
    links.publisher.count()
    assert links.volumes.get(1) == TradedVolume(1, 7, 2)

    successor = MarketPublisher(
        links.writer,
        links.quotes,
        links.depths,
        links.page,
        lambda: NOW,
        volumes=links.volumes,
    )
    successor.publish([tick(5, 3)], NOW)
    successor.count()
    assert links.volumes.get(1) == TradedVolume(1, 12, 3)
    assert links.volumes.get(0) is None


def test_notices_go_back_to_the_connection(links: Links) -> None:
    """What is said of the connection is no record of the market."""
    notices: list[ConnectionNotice] = [SubscriptionReply(1, ""), ShutdownNotice(NOW)]

    assert links.publisher.publish([notices[0], quote(1), notices[1]], NOW) == notices
    assert links.publisher.publish(notices, NOW) == notices
    assert links.publisher.publish([], NOW) == []
    assert len(links.ring.drain()) == 1


def test_burst_longer_than_the_ring_does_not_break_it(links: Links) -> None:
    """A reader this far behind has lost records either way; the writer goes on."""
    links.publisher.publish([quote(n) for n in range(1, 3 * RING_SLOTS + 1)], NOW)

    assert links.ring.drain() == []
    assert links.ring.missed > 0
    latest = links.quotes.get(0)
    assert latest is not None
    assert (latest.update_id, latest.sequence) == (3 * RING_SLOTS, 3 * RING_SLOTS)


def test_board_shows_counts_and_latencies(links: Links) -> None:
    """Each kind is counted for itself; the first hop is on the venue's clock as we measured it."""
    feed = MarketDataFeed(catalogue_of("BTCUSDT"), event_age_max=2 * NANOS_PER_SECOND)
    links.publisher.venue_offset = NANOS_PER_SECOND
    events = feed.receive_frames([ticker(1), trade(1), trade(4)], NOW)

    links.publisher.publish(events, NOW)
    links.publisher.count()
    links.publisher.count()

    page = links.seen()
    assert page.counters[Counter.QUOTES_PUBLISHED] == 1
    assert page.counters[Counter.TRADES_PUBLISHED] == 2
    assert page.counters[Counter.GAPS_PUBLISHED] == 1
    assert page.histograms[Stage.SOCKET_TO_PUBLISHED].total == 4
    assert page.histograms[Stage.VENUE_TO_SOCKET].percentile(50) >= NANOS_PER_SECOND


async def test_intake_slows_depths_only_in_a_flood(links: Links) -> None:
    """The first change is put at once, those right behind it together, a little later."""
    feed = MarketDataFeed(catalogue_of("BTCUSDT"), event_age_max=2 * NANOS_PER_SECOND)
    clock = EngineClock.start()
    nudges: list[str] = []
    intake = FrameIntake(feed, links.publisher, clock, lambda: nudges.append("wanted"))

    def put() -> int:
        return links.seen().counters.get(Counter.DEPTHS_PUBLISHED, 0)

    intake.receive([depth(1, 2)], clock.now())
    assert (put(), nudges) == (1, ["wanted"])
    for first_id in (3, 4, 5):
        intake.receive([depth(first_id, first_id)], clock.now())
    assert put() == 1

    intake.put_depths()
    assert put() == 2


async def test_intake_publishes_a_long_read_in_bursts(links: Links) -> None:
    """The first messages of a long read do not wait for its last; none is lost between bursts."""
    feed = MarketDataFeed(catalogue_of("BTCUSDT"), event_age_max=2 * NANOS_PER_SECOND)
    intake = FrameIntake(feed, links.publisher, EngineClock.start(), lambda: None)
    count = INTAKE_BURST_MAX + 10

    intake.receive([ticker(n) for n in range(1, count + 1)], NOW)

    latest = links.quotes.get(0)
    assert latest is not None
    assert (latest.update_id, latest.sequence) == (count, count)
    assert feed.counts.frames == count


def test_reason_is_logged_at_once_and_then_rarely(links: Links) -> None:
    """A venue that sends rubbish for an hour fills counters, not the log."""
    counts = FeedCounts()
    with structlog.testing.capture_logs() as lines:
        report = DropReport(counts, links.page, structlog.get_logger())
        for second in range(90):
            counts.drops[DropReason.CROSSED] += 1
            report.show(NOW + second * NANOS_PER_SECOND)

    assert [(line["reason"], line["count"]) for line in lines] == [
        ("crossed", 1),
        ("crossed", DROPS_LOGGED_PERIOD // NANOS_PER_SECOND),
    ]
    assert links.seen().counters[Counter.FRAMES_CROSSED] == 90


def test_streams_are_dealt_to_few_connections() -> None:
    """No connection carries more than the venue likes, and neighbors stay together."""
    names = [f"stream{n}" for n in range(2 * STREAMS_PER_CONNECTION_MAX + 1)]

    hands = deal_streams(names)

    assert [len(hand) for hand in hands] == [200, 200, 1]
    assert [name for hand in hands for name in hand] == names
    with pytest.raises(ValueError, match="more than the"):
        deal_streams(names * STREAM_CONNECTIONS_MAX)
