"""How the feed goes from one connection to the next: each event once, in its place, no gap told."""

import asyncio
import random
from collections import deque
from pathlib import Path
from typing import Final

import pytest
from websockets.frames import Close, CloseCode, Frame, Opcode

from genesis.domain.market import MarketGap, Quote, TradeTick
from genesis.ipc.board import Counter
from genesis.limits import SUBSCRIBE_SPACING
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND
from tests.support.feed_run import FeedRun
from tests.support.feed_scene import STREAMS, Market, market, now_ms
from tests.support.market_frames import depth, ticker, trade
from tests.support.stream_venue import StreamPeer
from tests.support.venue import endpoints_of, model_config, open_venue

SHUTDOWN: Final = b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}'


def trades(first: int, last: int) -> list[bytes]:
    """Return the frames of some trades, made now."""
    return [trade(number, E=now_ms()) for number in range(first, last + 1)]


async def taken_over(feed: FeedRun, times: int = 1) -> None:
    """Wait until the feed has gone over to another connection so many times."""
    await feed.until(lambda: len(feed.log("streams_taken_over")) >= times)


def told(feed: FeedRun) -> list[int]:
    """Return the trades that the feed has published so far, in order."""
    return [event.trade_id for event in feed.events if isinstance(event, TradeTick)]


async def begin(scene: Market) -> StreamPeer:
    """Bring a feed to where it has a book and has seen trades 1 to 10."""
    peer = await scene.connection()
    peer.send(ticker(1), *trades(1, 10), depth(10, 12, E=now_ms()))
    await scene.feed.until_counted(Counter.BOOK_RESYNCS)
    return peer


async def test_an_overlap_delivers_each_event_once(tmp_path: Path) -> None:
    """The new connection began before the old one had said all: both together are the whole.

    The book is kept, quotes never go back, nobody is told of a gap, and no frame counts as bad.
    """
    async with market(tmp_path) as scene:
        old = await begin(scene)
        old.answers = False
        old.send(SHUTDOWN)
        new = await scene.connection(1)
        new.send(ticker(3), *trades(8, 20), depth(12, 14, E=now_ms()))
        await scene.streams.until(lambda: len(old.requests) == 2)  # its last word is asked for
        old.send(ticker(2), ticker(4), *trades(11, 15), depth(13, 13, E=now_ms()))
        old.send(b'{"result":[],"id":2}')
        await taken_over(scene.feed)
        new.send(ticker(5), *trades(21, 25), depth(15, 15, E=now_ms()))
        await scene.feed.take(TradeTick, 25)
        quotes = await scene.feed.take(Quote, 4)

        assert told(scene.feed) == list(range(1, 26))
        assert [quote.update_id for quote in quotes] == [1, 2, 4, 5]
        assert not [event for event in scene.feed.events if isinstance(event, MarketGap)]
        await scene.feed.until_counted(Counter.FRAMES_OVERLAPPED, 9)
        assert scene.feed.count(Counter.BOOK_RESYNCS) == 1
        assert scene.feed.count(Counter.BOOK_GAPS) == 0
        assert scene.feed.count(Counter.CONNECTIONS_LOST) == 0
        assert scene.feed.count(Counter.FRAMES_DUPLICATE) == 0
        assert scene.feed.count(Counter.FRAMES_OUT_OF_ORDER) == 0
        assert not scene.feed.log("frames_dropped")
        assert sorted(new.streams) == sorted(old.streams)


async def test_the_old_connection_is_heard_until_the_new_one_speaks(tmp_path: Path) -> None:
    """Acknowledged subscriptions are no sign of life: only a frame of the market is."""
    async with market(tmp_path) as scene:
        old = await begin(scene)
        old.send(SHUTDOWN)
        new = await scene.connection(1)
        old.send(*trades(11, 12))
        await scene.feed.take(TradeTick, 12)
        assert not scene.feed.log("streams_taken_over")
        new.send(*trades(12, 13))
        await taken_over(scene.feed)
        await scene.feed.take(TradeTick, 13)
        await asyncio.wait_for(old.closed.wait(), 20)

        assert told(scene.feed) == list(range(1, 14))
        assert not [event for event in scene.feed.events if isinstance(event, MarketGap)]


async def test_a_successor_takes_the_place_of_one_that_dies(tmp_path: Path) -> None:
    """What it brought meanwhile is not lost; that something may be missing is told."""
    async with market(tmp_path) as scene:
        old = await begin(scene)
        old.send(SHUTDOWN)
        new = await scene.connection(1)
        old.answers = False
        new.send(*trades(9, 14))
        await scene.streams.until(lambda: len(old.requests) == 2)
        old.drop()
        await scene.feed.take(TradeTick, 14)
        gaps = await scene.feed.take(MarketGap)

        assert told(scene.feed) == list(range(1, 15))
        assert [(gap.instrument_id, gap.missed) for gap in gaps] == [(0, 0)]
        assert scene.feed.count(Counter.CONNECTIONS_LOST) == 1


async def test_an_old_connection_that_does_not_answer_bridges_nothing(tmp_path: Path) -> None:
    """It may have been dead for a while: the change is a gap, told before what follows it."""
    async with market(tmp_path) as scene:
        old = await begin(scene)
        old.answers = False
        old.send(SHUTDOWN)
        new = await scene.connection(1)
        new.send(*trades(13, 14))
        await scene.feed.take(TradeTick, 12)
        gaps = await scene.feed.take(MarketGap, 2)

        assert told(scene.feed) == [*range(1, 11), 13, 14]
        assert [gap.missed for gap in gaps] == [0, 2]


async def test_a_successor_that_dies_costs_nothing(tmp_path: Path) -> None:
    """The old connection is heard on, and another successor follows."""
    async with market(tmp_path) as scene:
        old = await begin(scene)
        old.send(SHUTDOWN)
        dying = await scene.connection(1)
        dying.send(b"neither JSON nor long for this world")
        dying.drop()
        old.send(*trades(11, 12))
        new = await scene.connection(2)
        new.send(*trades(12, 13))
        await taken_over(scene.feed)
        await scene.feed.take(TradeTick, 13)

        assert told(scene.feed) == list(range(1, 14))
        assert not [event for event in scene.feed.events if isinstance(event, MarketGap)]


async def test_a_connection_is_replaced_at_its_age(tmp_path: Path) -> None:
    """Without any notice, before the venue would end it."""
    async with market(tmp_path, rotate_after_s=1) as scene:
        old = await begin(scene)
        new = await scene.connection(1)
        old.send(*trades(11, 12))
        new.send(*trades(11, 13))
        await scene.feed.take(TradeTick, 13)

        assert told(scene.feed) == list(range(1, 14))
        assert not [event for event in scene.feed.events if isinstance(event, MarketGap)]


class Tape:
    """A market that every open connection brings, each with a lag of its own that varies."""

    def __init__(self, scene: Market, seed: int) -> None:
        self.last = 0
        self._scene = scene
        self._chance = random.Random(seed)
        self._held: dict[int, deque[bytes]] = {}

    def tick(self) -> None:
        """Make a few trades; let some of what connections hold go out."""
        for _ in range(self._chance.randrange(1, 4)):
            self.last += 1
            for number, peer in enumerate(self._scene.streams.peers):
                if len(peer.streams) == STREAMS:
                    self._held.setdefault(number, deque()).append(trade(self.last, E=now_ms()))
        for number, held in self._held.items():
            for _ in range(self._chance.randrange(len(held) + 1)):
                self._scene.streams.peers[number].send(held.popleft())

    def run_out(self) -> None:
        """Let everything go out."""
        for number, held in self._held.items():
            self._scene.streams.peers[number].send(*held)
            held.clear()


@pytest.mark.parametrize("seed", range(3))
async def test_any_lag_delivers_every_trade_once(tmp_path: Path, seed: int) -> None:
    """Over several changes, with connections that lag as they like; the seed names the lags."""
    async with market(tmp_path) as scene:
        await scene.connection()
        tape = Tape(scene, seed)
        for change in range(1, 4):
            (await scene.connection(change - 1)).send(SHUTDOWN)
            while len(scene.feed.log("streams_taken_over")) < change:
                tape.tick()
                await asyncio.sleep(0.002)
        tape.run_out()
        await scene.feed.take(TradeTick, tape.last)

        assert told(scene.feed) == list(range(1, tape.last + 1))
        assert not [event for event in scene.feed.events if isinstance(event, MarketGap)]
        assert scene.feed.count(Counter.TRADES_MISSED) == 0
        assert scene.feed.count(Counter.FRAMES_OUT_OF_ORDER) == 0


async def test_a_venue_that_finds_us_too_fast_is_asked_more_slowly(tmp_path: Path) -> None:
    """Close code 1008 is no reason to come back with the same haste."""
    async with market(tmp_path) as scene:
        peer = await scene.connection()
        close = Close(CloseCode.POLICY_VIOLATION, "Too many requests").serialize()
        peer.write(Frame(Opcode.CLOSE, close).serialize(mask=False))
        await scene.connection(1)

        (line,) = scene.feed.log("subscribing_slower")
        assert line["spacing_ms"] == 2 * SUBSCRIBE_SPACING // NANOS_PER_MS


async def test_the_venues_own_notices_cost_nothing(tmp_path: Path) -> None:
    """Before a venue that ends every connection: the market goes on, trade by trade."""
    config = model_config(connection_life=2 * NANOS_PER_SECOND, shutdown_lead=1_700 * NANOS_PER_MS)
    async with (
        open_venue(config) as (_, address),
        FeedRun(tmp_path, endpoints_of(address), "BTCUSDT") as feed,
    ):
        await taken_over(feed, times=2)
        await feed.take(TradeTick)
        await feed.take(TradeTick, len(told(feed)) + 1)  # one that came after the last change

        trade_ids = told(feed)
        assert trade_ids == list(range(trade_ids[0], trade_ids[-1] + 1))
        assert not [event for event in feed.events if isinstance(event, MarketGap)]
        assert feed.count(Counter.FRAMES_DUPLICATE) == 0
        assert feed.count(Counter.FRAMES_OUT_OF_ORDER) == 0
        assert feed.count(Counter.BOOK_RESYNCS) == 1
        assert feed.count(Counter.CONNECTIONS_LOST) == 0
