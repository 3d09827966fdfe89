"""The feed as a process, before a venue that sends rubbish, loses updates and drops connections."""

import socket
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Response

from genesis.domain.market import Bar, MarketGap, Quote, TradeTick
from genesis.engine.control import Ready, Stopped, Trouble
from genesis.exchange.endpoints import Endpoints
from genesis.ipc.board import Counter, Gauge
from genesis.ipc.histogram import Stage
from genesis.limits import CLOCK_CORROBORATIONS, CLOCK_SAMPLES
from genesis.units import NANOS_PER_MS, SCALE
from tests.support.feed_run import FeedRun
from tests.support.feed_scene import STREAMS, market, now_ms, snapshot
from tests.support.market_frames import depth, kline, ticker, trade
from tests.support.scripted_rest import ScriptedRest, answers
from tests.support.scripted_venue import (
    Request,
    ScriptedVenue,
    replies,
    stays_silent,
)
from tests.support.stream_venue import StreamVenue


async def test_market_reaches_ring_and_tables(tmp_path: Path) -> None:
    """Quotes, trades, bars and books: each arrives where the other processes read it."""
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        await scene.feed.until_ready()
        peer.send(
            ticker(1),
            trade(7, E=now_ms()),
            kline(event_ms=now_ms()),
            ticker(2, b="100.50000000"),
            depth(10, 12, E=now_ms()),
        )
        (bar,) = await scene.feed.take(Bar)
        quotes = await scene.feed.take(Quote, 2)
        (tick,) = await scene.feed.take(TradeTick)
        await scene.feed.until_counted(Counter.BOOK_RESYNCS)

        top = scene.feed.depths.get(0)
        assert top is not None
        assert [level.price // SCALE for level in top.bids] == [100, 99]
        assert [quote.update_id for quote in quotes] == [1, 2]
        assert (bar.close_price, tick.trade_id) == (102 * SCALE, 7)
        assert 0 < tick.event_at <= tick.received_at + NANOS_PER_MS
        assert tick.received_at <= tick.published_at
        assert scene.feed.quotes.get(0) == quotes[-1]
        assert quotes[-1].sequence == scene.feed.market.sequence
        (asked,) = await scene.requests.received("depth")
        assert asked.params["symbol"] == "BTCUSDT"


async def test_board_shows_what_the_feed_does(tmp_path: Path) -> None:
    """Counters, gauges and stages are on the page while the feed runs, and its end is in order."""
    async with market(tmp_path, "BTCUSDT", "ETHUSDT") as scene:
        peer = await scene.connection(symbols=2)
        peer.send(ticker(1), ticker(1, "ETHUSDT"), trade(7, E=now_ms()), depth(10, 12, E=now_ms()))
        await scene.feed.until_counted(Counter.BOOK_RESYNCS)
        await scene.feed.until_counted(Counter.QUOTES_PUBLISHED, 2)
        page = scene.feed.page()
        assert page is not None
        assert page.gauges[Gauge.BOOKS_IN_SYNC] == 1
        assert page.counters[Counter.TRADES_PUBLISHED] == 1
        assert page.counters[Counter.FRAMES_RECEIVED] >= 4
        assert page.counters[Counter.DEPTHS_PUBLISHED] >= 1
        assert page.counters[Counter.CONNECTIONS_OPENED] == 1
        assert page.histograms[Stage.SOCKET_TO_PUBLISHED].total == 3
        assert page.histograms[Stage.VENUE_TO_SOCKET].total == 1
        (ready,) = [one for one in scene.feed.said if isinstance(one, Ready)]
        assert ready.detail == {"connections": 1, "streams": 2 * STREAMS}
        assert await scene.feed.stop() == 0
        (stopped,) = [one for one in scene.feed.said if isinstance(one, Stopped)]
        assert stopped.summary["frames_dropped"] == 0


async def test_rubbish_is_dropped_counted_and_named(tmp_path: Path) -> None:
    """Frames that are not JSON, crossed, negative, stale or out of order stop nothing."""
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        peer.send(trade(1, E=now_ms()), ticker(5))
        peer.send(
            b"rubbish",
            ticker(6, a="1.00000000"),
            ticker(7, B="-1.00000000"),
            trade(2, E=now_ms() - 60_000),
            ticker(4),
            ticker(5),
            ticker(8, b="x"),
            ticker(9, b="1000.00000000", a="1001.00000000"),
            b'{"stream":"btcusdt@nothing","data":{}}',
            b'{"stream":"btcusdt@trade","data":{}}',
            ticker(10),
        )
        quotes = await scene.feed.take(Quote, 2)
        await scene.feed.until_counted(Counter.FRAMES_MALFORMED)

        assert [quote.update_id for quote in quotes] == [5, 10]
        for counter in (
            *(Counter.FRAMES_NOT_JSON, Counter.FRAMES_CROSSED, Counter.FRAMES_NEGATIVE),
            *(Counter.FRAMES_STALE, Counter.FRAMES_OUT_OF_ORDER, Counter.FRAMES_DUPLICATE),
            *(Counter.FRAMES_BAD_NUMBER, Counter.FRAMES_OUT_OF_BAND, Counter.FRAMES_UNKNOWN),
        ):
            assert scene.feed.count(counter) == 1, counter.name
        named = {entry["reason"] for entry in scene.feed.log("frames_dropped")}
        assert {"not_json", "crossed", "negative", "stale", "out_of_order"} <= named


async def test_lost_connection_is_replaced_and_told(tmp_path: Path) -> None:
    """The feed comes back by itself, asks for everything again, and its readers know of the gap."""
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        peer.send(ticker(1), trade(7, E=now_ms()), depth(10, 12, E=now_ms()))
        await scene.feed.until_counted(Counter.BOOK_RESYNCS)

        peer.drop()
        (gap,) = await scene.feed.take(MarketGap)
        successor = await scene.connection(1)
        scene.requests.on("depth", replies(snapshot(30)))
        successor.send(ticker(2), trade(10, E=now_ms()), depth(30, 31, E=now_ms()))
        await scene.feed.take(Quote, 2)
        gaps = await scene.feed.take(MarketGap, 2)
        await scene.feed.until_counted(Counter.BOOK_RESYNCS, 2)

        assert (gap.instrument_id, gap.missed) == (0, 0)
        assert gaps[1].missed == 2
        assert scene.feed.count(Counter.TRADES_MISSED) == 2
        assert scene.feed.count(Counter.CONNECTIONS_LOST) == 1
        assert sorted(successor.streams) == sorted(peer.streams)


async def test_lost_update_rebuilds_the_book(tmp_path: Path) -> None:
    """A hole in the depth stream costs the book until a new snapshot, and nothing else."""
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        peer.send(depth(10, 12, E=now_ms()))
        await scene.feed.until_counted(Counter.BOOK_RESYNCS)
        scene.requests.on("depth", replies(snapshot(20)))

        peer.send(depth(20, 21, E=now_ms()))
        await scene.feed.until_counted(Counter.BOOK_RESYNCS, 2)

        (gap,) = await scene.feed.take(MarketGap)
        assert gap.missed == 7
        assert scene.feed.count(Counter.BOOK_GAPS) == 1
        assert len(await scene.requests.received("depth", 2)) == 2


async def test_snapshot_is_asked_for_until_it_fits(tmp_path: Path) -> None:
    """Refused, unreadable, too old: the next request comes later, and the last one serves."""
    answers = iter(
        [
            replies({"lastUpdateId": "x", "bids": [], "asks": []}),
            replies(snapshot(3)),
            replies(snapshot(10)),
        ]
    )

    async def answer(connection: ServerConnection, request: Request) -> None:
        await next(answers)(connection, request)

    async with market(tmp_path) as scene:
        scene.requests.on("depth", answer)
        peer = await scene.connection()
        peer.send(depth(10, 12, E=now_ms()))
        await scene.feed.until_counted(Counter.BOOK_RESYNCS)

        assert len(await scene.requests.received("depth", 3)) == 3
        assert scene.feed.count(Counter.SNAPSHOTS_UNFIT) == 1
        assert len(scene.feed.log("snapshot_missed")) == 1


async def test_requests_are_repeated_on_the_next_connection(tmp_path: Path) -> None:
    """A snapshot asked for on a connection that broke is asked for again."""
    async with market(tmp_path) as scene:
        scene.requests.on("depth", stays_silent)
        peer = await scene.connection()
        peer.send(depth(10, 12, E=now_ms()))
        await scene.requests.received("depth")

        scene.requests.on("depth", replies(snapshot(10)))
        scene.requests.cut()

        await scene.feed.until_counted(Counter.BOOK_RESYNCS)


@pytest.mark.parametrize("is_mute", [False, True], ids=["away", "mute"])
async def test_books_are_synced_over_rest_meanwhile(tmp_path: Path, *, is_mute: bool) -> None:
    """A WebSocket API that is down, or answers nothing, costs no book; once back, it is asked."""
    async with StreamVenue() as streams, ScriptedVenue() as requests, ScriptedRest() as rest:
        rest.on("GET", "/depth", answers(snapshot(10)))
        requests.on("depth", stays_silent)
        if not is_mute:
            await requests.stop()
        endpoints = Endpoints(streams_url=streams.url, ws_api_url=requests.url, rest_url=rest.url)
        async with FeedRun(tmp_path, endpoints, "BTCUSDT") as feed:
            peer = await streams.peer(0, STREAMS)
            peer.send(depth(10, 12, E=now_ms()))
            await feed.until_counted(Counter.BOOK_RESYNCS)

            requests.on("depth", replies(snapshot(20)))
            if not is_mute:
                await requests.start()
                await requests.received("time")
            peer.send(depth(20, 21, E=now_ms()))
            await feed.until_counted(Counter.BOOK_RESYNCS, 2)
        (asked,) = await rest.received("/depth")
    assert asked.params == {"symbol": "BTCUSDT", "limit": "1000"}


async def test_events_that_overtake_their_subscription_count(tmp_path: Path) -> None:
    """The first delta may come before the answer to SUBSCRIBE: the book begins with it."""
    async with StreamVenue() as streams, ScriptedVenue() as requests:
        requests.on("depth", replies(snapshot(10)))
        streams.hasty = (ticker(1), depth(10, 12, E=now_ms()))
        endpoints = Endpoints(
            streams_url=streams.url, ws_api_url=requests.url, rest_url=requests.rest_url
        )
        async with FeedRun(tmp_path, endpoints, "BTCUSDT") as feed:
            await feed.until_counted(Counter.BOOK_RESYNCS)
            (quote,) = await feed.take(Quote)
            assert quote.update_id == 1
            top = feed.depths.get(0)
            assert top is not None
            assert (await streams.peer(0, STREAMS)).is_open


async def test_venue_that_stays_away_is_told_to_the_parent(tmp_path: Path) -> None:
    """A feed that cannot connect is well, and says what is wrong until it can."""

    def trouble() -> str | None:
        told = [one.reason for one in feed.said if isinstance(one, Trouble)]
        return told[-1] if told else None

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody listens
        away = f"ws://127.0.0.1:{held.getsockname()[1]}/"
        endpoints = Endpoints(streams_url=away, ws_api_url=away, rest_url="http://127.0.0.1:9/")
        async with FeedRun(tmp_path, endpoints, "BTCUSDT") as feed:
            await feed.until(lambda: bool(trouble()))
            assert "not connected: connection refused" in str(trouble())


async def test_announced_shutdown_is_not_waited_for(tmp_path: Path) -> None:
    """When the venue says that it will close the connection, the feed opens another at once."""
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        peer.send(b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')

        successor = await scene.connection(1)

        successor.send(ticker(1))
        assert len(await scene.feed.take(Quote)) == 1


async def test_oversize_message_is_counted(tmp_path: Path) -> None:
    """A message beyond the limit costs its connection; the reason is counted."""
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        peer.send(b" " * (2 << 20))

        await scene.connection(1)

        await scene.feed.until_counted(Counter.FRAMES_OVERSIZE)


async def test_refused_subscription_is_logged(tmp_path: Path) -> None:
    """A stream that the venue will not send is named; the others go on."""
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        peer.send(b'{"error":{"code":2,"msg":"invalid stream"},"id":1}', ticker(1))
        await scene.feed.until(lambda: bool(scene.feed.log("subscription_refused")))
        await scene.feed.take(Quote)

        (line,) = scene.feed.log("subscription_refused")
        assert line["reason"] == "2: invalid stream"


async def test_restarted_feed_goes_on_where_the_ring_is(tmp_path: Path) -> None:
    """After kill -9 the successor publishes behind its predecessor's last record."""
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        peer.send(ticker(1))
        await scene.feed.take(Quote)
        assert scene.feed.child is not None
        scene.feed.child.kill()
        await scene.feed.end()

        await scene.feed.start()
        successor = await scene.connection(1)
        successor.send(ticker(2))
        quotes = await scene.feed.take(Quote, 2)

        assert [quote.update_id for quote in quotes] == [1, 2]
        assert quotes[1].sequence > quotes[0].sequence
        assert scene.feed.market.torn == 0


async def test_frames_are_taken_again_soon_after_the_venues_clock_was_set_back(
    tmp_path: Path,
) -> None:
    """They come stale in a row; so the venue is asked for its time long before that is due."""
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        await scene.feed.until_ready()
        peer.send(trade(7, E=now_ms()))
        await scene.feed.take(TradeTick)
        scene.requests.clock_offset_ms = -60_000
        number = 8

        def is_taken() -> bool:
            nonlocal number
            peer.send(trade(number, E=now_ms() - 60_000))
            number += 1
            scene.feed.events.extend(scene.feed.market.drain())
            return sum(isinstance(event, TradeTick) for event in scene.feed.events) > 1

        await scene.feed.until(is_taken)
        assert scene.feed.count(Counter.FRAMES_STALE) >= CLOCK_CORROBORATIONS


@pytest.mark.parametrize("refuses", ["streams", "requests"])
async def test_a_ban_that_one_socket_is_told_of_holds_for_all(tmp_path: Path, refuses: str) -> None:
    """A refused handshake is meant for the address: nothing is asked over an open socket either."""
    ban = Response(418, "", Headers({"Retry-After": "300", "Content-Length": "0"}))
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        await scene.feed.until_ready()
        await scene.requests.received("time", CLOCK_SAMPLES)
        if refuses == "streams":
            scene.streams.refusals.append(ban)
            peer.drop()
        else:
            scene.requests.refusals.append(ban)
            scene.requests.drop_all()
        await scene.feed.until(lambda: scene.feed.held_for_ms() > 250_000)
        if refuses == "streams":
            assert len(scene.requests.requests) == CLOCK_SAMPLES
