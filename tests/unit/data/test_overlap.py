"""One connection going on for another: each event once, no gap where there is none."""

import random
from typing import Final

import pytest

from genesis.data.events import FeedEvent
from genesis.data.frames import StreamKind
from genesis.data.market_feed import MarketDataFeed
from genesis.domain.market import Bar, MarketGap, Quote, TradeTick
from genesis.limits import OVERLAP_EXPECTED, SEQUENCE_CORROBORATIONS
from genesis.units import NANOS_PER_SECOND, Nanos
from tests.support.market_frames import NOW, depth, kline, snapshot, ticker, trade
from tests.support.tape import catalogue_of


def make_feed() -> MarketDataFeed:
    """Return a feed of one instrument."""
    return MarketDataFeed(catalogue_of("BTCUSDT"), event_age_max=60 * NANOS_PER_SECOND)


def numbers(events: list[FeedEvent]) -> list[int]:
    """Return the numbers of quotes and trades, in order."""
    return [
        event.update_id if isinstance(event, Quote) else event.trade_id
        for event in events
        if isinstance(event, Quote | TradeTick)
    ]


@pytest.mark.parametrize("frame_of", [ticker, trade], ids=["quotes", "trades"])
def test_an_overlap_is_told_from_a_fault(frame_of: type) -> None:
    """What comes again is dropped without being counted as a fault; then numbers go on."""
    feed = make_feed()
    before = feed.receive_frames([frame_of(number) for number in range(1, 11)], NOW)

    assert feed.succeed(feed.stream_names, NOW, has_gap=False) == []
    after = feed.receive_frames([frame_of(number) for number in range(8, 13)], NOW - 1)

    assert numbers(before + after) == list(range(1, 13))
    assert feed.counts.dropped == 0
    assert feed.counts.by_reason() == {"overlapped": 3}
    assert feed.counts.trades_missed == 0


def test_long_overlap_is_not_taken_for_a_new_count() -> None:
    """A venue that counts anew is believed after many refusals; an overlap never is that."""
    feed = make_feed()
    count = 2 * SEQUENCE_CORROBORATIONS
    feed.receive_frames([trade(number) for number in range(1, count + 1)], NOW)
    feed.succeed(feed.stream_names, NOW, has_gap=False)

    events = feed.receive_frames([trade(number) for number in range(1, count + 2)], NOW)

    assert numbers(events) == [count + 1]
    assert feed.counts.sequences_restarted == 0


def test_venue_that_counts_anew_is_believed_in_the_end() -> None:
    """What is still refused long after the change was no overlap."""
    feed = make_feed()
    feed.receive_frame(trade(1_000_000), NOW)
    feed.succeed(feed.stream_names, NOW, has_gap=False)
    later = NOW + OVERLAP_EXPECTED + 1

    events = feed.receive_frames(
        [trade(number) for number in range(1, SEQUENCE_CORROBORATIONS + 1)], later
    )

    assert numbers(events) == [SEQUENCE_CORROBORATIONS]
    assert feed.counts.sequences_restarted == 1


def test_bars_overlap_too() -> None:
    """The last frame of a bar comes by both connections, and is one bar."""
    feed = make_feed()
    feed.receive_frame(kline(), NOW)
    feed.succeed(feed.stream_names, NOW, has_gap=False)

    events = feed.receive_frames([kline(), kline(open_ms=120_000)], NOW)

    assert len([event for event in events if isinstance(event, Bar)]) == 1
    assert feed.counts.by_reason() == {"overlapped": 1}


def test_book_is_kept_over_a_change_of_connections() -> None:
    """Deltas that the book holds are passed over, and those behind them join on to it."""
    feed = make_feed()
    feed.receive_frame(depth(8, 9), NOW)
    feed.receive_snapshot(0, snapshot(9), NOW)
    feed.receive_frame(depth(10, 14), NOW)
    feed.succeed(feed.stream_names, NOW, has_gap=False)

    feed.receive_frames([depth(10, 14), depth(13, 17), depth(18, 18)], NOW)

    assert feed.books_synced == 1
    assert feed.counts.book_gaps == 0
    assert feed.counts.by_reason() == {"overlapped": 1}


def test_hole_in_spite_of_an_overlap_is_found() -> None:
    """Numbers tell what no connection brought: trades one by one, and the book."""
    feed = make_feed()
    feed.receive_frames([trade(5), depth(8, 9)], NOW)
    feed.receive_snapshot(0, snapshot(9), NOW)
    feed.succeed(feed.stream_names, NOW, has_gap=False)

    events = feed.receive_frames([trade(8), depth(12, 13)], NOW)

    assert [event.missed for event in events if isinstance(event, MarketGap)] == [2, 2]
    assert feed.counts.trades_missed == 2
    assert feed.counts.book_gaps == 1


def test_gap_between_connections_is_told_of_each_instrument() -> None:
    """Quotes have no numbers in a row, so only the shell knows; the book may still join on."""
    feed = make_feed()
    feed.receive_frame(depth(8, 9), NOW)
    feed.receive_snapshot(0, snapshot(9), NOW)

    assert feed.succeed(feed.stream_names, NOW, has_gap=True) == [MarketGap(0, 0, 0, NOW)]
    feed.receive_frame(depth(10, 11), NOW)

    assert feed.books_synced == 1
    assert feed.counts.interruptions == 1


def test_it_is_told_when_a_stream_was_heard() -> None:
    """Only a good frame counts, and only of that stream."""
    feed = make_feed()
    quotes, trades = (f"btcusdt@{kind}" for kind in (StreamKind.BOOK_TICKER, StreamKind.TRADE))
    feed.receive_frames([ticker(5, a="1.00000000"), trade(1)], NOW)
    assert (feed.heard_at(quotes), feed.heard_at(trades)) == (0, NOW)


LAG_MAX: Final = 40


@pytest.mark.parametrize("seed", range(20))
def test_any_overlap_delivers_each_trade_once(seed: int) -> None:
    """Two sockets that lag as they like: the old one's frames, then the new one's, are the whole.

    The seed names the lags.
    """
    chance = random.Random(seed)
    feed = make_feed()
    events: list[FeedEvent] = []
    now: Nanos = NOW
    heard_from, latest = 1, 0
    for _ in range(6):
        last = heard_from + chance.randrange(1, 3 * LAG_MAX)  # what this socket brings in its time
        latest = max(latest, last)
        events += feed.receive_frames([trade(n) for n in range(heard_from, last + 1)], now)
        heard_from = max(1, last + 1 - chance.randrange(LAG_MAX))  # where the new socket began
        now += chance.randrange(NANOS_PER_SECOND)
        feed.succeed(feed.stream_names, now, has_gap=False)
    assert numbers(events) == list(range(1, latest + 1))
    assert feed.counts.dropped == 0
    assert not [event for event in events if isinstance(event, MarketGap)]
