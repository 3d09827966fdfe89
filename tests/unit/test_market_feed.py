"""The feed: which frames become market events, and what is said of the others."""

import json
from collections.abc import Callable
from typing import Final

import pytest

from genesis.data.counts import DropReason
from genesis.data.events import FeedEvent, ShutdownNotice, SubscriptionReply
from genesis.data.frames import StreamKind, stream_name
from genesis.data.market_feed import MarketDataFeed
from genesis.domain.market import Bar, MarketGap, Quote, TradeTick
from genesis.limits import (
    PRICE_CORROBORATIONS,
    SEQUENCE_CORROBORATIONS,
    STREAM_SILENCE_MAX,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, SCALE, Nanos
from tests.support.market_frames import (
    NOW,
    NOW_MS,
    depth,
    kline,
    snapshot,
    ticker,
    trade,
)
from tests.support.tape import catalogue_of

AGE_MAX: Final = 2 * NANOS_PER_SECOND


def make_feed(*symbols: str) -> MarketDataFeed:
    """Return a feed of these instruments."""
    return MarketDataFeed(catalogue_of(*(symbols or ("BTCUSDT",))), event_age_max=AGE_MAX)


def dropped(feed: MarketDataFeed, frame: bytes, at: Nanos = NOW) -> dict[str, int]:
    """Give the feed a frame that it must drop; return the counts by reason."""
    assert feed.receive_frame(frame, at) == []
    return feed.counts.by_reason()


class TestEvents:
    """What good frames say."""

    def test_book_ticker_becomes_a_quote(self) -> None:
        """Every number is exact, and the time is that of the read: the stream has no other."""
        assert make_feed().receive_frame(ticker(5), NOW) == [
            Quote(0, 100 * SCALE, 15 * SCALE // 10, 101 * SCALE, 25 * SCALE // 10, 5, 0, NOW)
        ]

    def test_only_what_changed_is_read_anew(self) -> None:
        """Numbers that a frame repeats keep their value, those it changes take the new one."""
        feed = make_feed()
        feed.receive_frame(ticker(5), NOW)

        for update_id, (key, field) in enumerate(
            [("b", "bid_price"), ("B", "bid_quantity"), ("a", "ask_price"), ("A", "ask_quantity")],
            start=6,
        ):
            (quote,) = feed.receive_frame(ticker(update_id, **{key: "100.50000000"}), NOW)

            assert getattr(quote, field) == 1005 * SCALE // 10

    def test_trade_becomes_a_tick(self) -> None:
        """The tick carries the venue's event time."""
        assert make_feed().receive_frame(trade(7), NOW + 3) == [
            TradeTick(
                0, 100 * SCALE, SCALE, 7, buyer_is_maker=True, event_at=NOW, received_at=NOW + 3
            )
        ]

    def test_closed_bar_is_published_once(self) -> None:
        """An open bar says nothing yet; of two last frames the second is a duplicate."""
        feed = make_feed()
        assert feed.receive_frame(kline(x=False), NOW) == []

        assert feed.receive_frame(kline(), NOW) == [
            Bar(
                instrument_id=0,
                interval_ms=60_000,
                open_price=100 * SCALE,
                high_price=103 * SCALE,
                low_price=99 * SCALE,
                close_price=102 * SCALE,
                volume=12 * SCALE,
                trade_count=34,
                open_at=60 * NANOS_PER_SECOND,
                event_at=NOW,
                received_at=NOW,
            )
        ]
        assert dropped(feed, kline()) == {"duplicate": 1}

    def test_instruments_and_intervals_are_apart(self) -> None:
        """Each stream counts for itself: the same number on two of them is no duplicate."""
        feed = make_feed("BTCUSDT", "ETHUSDT")

        quotes = feed.receive_frames([ticker(5), ticker(5, "ETHUSDT")], NOW)
        bars = feed.receive_frames([kline(), kline(kind=StreamKind.BAR_1S)], NOW)

        assert [event.instrument_id for event in quotes if isinstance(event, Quote)] == [0, 1]
        assert [event.interval_ms for event in bars if isinstance(event, Bar)] == [60_000, 1_000]
        assert feed.counts.dropped == 0

    def test_spacing_and_order_of_keys_do_not_matter(self) -> None:
        """A frame means the same however the venue writes its JSON."""
        feed = make_feed()
        frame = json.loads(ticker(5))
        loose = json.dumps({"data": frame["data"], "stream": frame["stream"]}, indent=1)

        assert feed.receive_frame(loose.encode(), NOW) == make_feed().receive_frame(ticker(5), NOW)


class TestBadFrames:
    """Bad frames are dropped, counted and named."""

    @pytest.mark.parametrize(
        ("frame", "reason"),
        [
            (b"", "not_json"),
            (b"no json", "not_json"),
            (b"\xff\xfe", "not_json"),
            (ticker()[:-1], "not_json"),
            (ticker() + b"}", "not_json"),
            (ticker()[:-20] + b"\xff" + ticker()[-19:], "not_json"),
            (b'{"stream":"btcusdt@trade","data":' + b"[" * 50_000, "not_json"),
            (b'{"x":' + b"[" * 50_000, "not_json"),
            (ticker(symbol="DOGEUSDT"), "unknown_stream"),
            (b'{"stream":"btcusdt@aggTrade","data":{}}', "unknown_stream"),
            (b'{"e":"executionReport","s":"BTCUSDT"}', "unknown_stream"),
            (b'{"stream":"btcusdt@trade","data":{}}', "malformed"),
            (b'{"stream":"btcusdt@trade","data":[]}', "malformed"),
            (b"[]", "malformed"),
            (b"{}", "malformed"),
            (b"7", "malformed"),
            (ticker(u="5"), "malformed"),
            (ticker(u=-5), "malformed"),
            (ticker(u=10**30), "malformed"),
            (ticker(b=100), "malformed"),
            (ticker(a=None), "malformed"),
            (ticker(b="1e2"), "bad_number"),
            (ticker(B="0.123456789"), "bad_number"),
            (ticker(A="nan"), "bad_number"),
            (ticker(A="99999999999.00000000"), "bad_number"),
            (ticker(b="-1.00000000"), "negative"),
            (ticker(b="0.00000000"), "negative"),
            (ticker(B="0.00000000"), "negative"),
            (ticker(A="-0.00000001"), "negative"),
            (ticker(a="100.00000000"), "crossed"),
            (ticker(a="99.00000000"), "crossed"),
            (trade(p="0.00000000"), "negative"),
            (trade(q="-3.00000000"), "negative"),
            (trade(E=10**18), "malformed"),
            (kline(l="0.00000000"), "negative"),
            (kline(h="101.00000000"), "malformed"),
            (kline(o="98.00000000"), "malformed"),
            (kline(open_ms=60_001), "malformed"),
            (depth(9, 8), "malformed"),
            (depth(8, 9, b=[["100.00000000"]]), "malformed"),
            (depth(8, 9, b=[["-1.00000000", "1.00000000"]]), "negative"),
            (depth(8, 9, b=[["0.00000000", "1.00000000"]]), "negative"),
            (depth(8, 9, a=[["1.00000000", "-1.00000000"]]), "negative"),
            (depth(8, 9, a=[["x", "1.00000000"]]), "bad_number"),
        ],
    )
    def test_bad_frame_is_named(self, frame: bytes, reason: str) -> None:
        """It makes no event, raises nothing, and is counted under its reason alone."""
        feed = make_feed()

        assert dropped(feed, frame) == {reason: 1}
        assert feed.counts.frames == 1

    def test_bad_frame_leaves_no_trace(self) -> None:
        """The frame after a bad one is judged as if that had never been."""
        feed = make_feed()
        for bad in (ticker(900, a="1.00000000"), ticker(901, B="0.00000000"), ticker(902, A="x")):
            feed.receive_frame(bad, NOW)

        assert feed.receive_frame(ticker(5), NOW) == make_feed().receive_frame(ticker(5), NOW)

    def test_bad_frame_does_not_stop_a_burst(self) -> None:
        """Frames of one read are judged each for itself."""
        feed = make_feed()

        events = feed.receive_frames([ticker(5), b"rubbish", ticker(6), ticker(6)], NOW)

        assert len(events) == 2
        assert feed.counts.by_reason() == {"not_json": 1, "duplicate": 1}

    def test_old_update_is_out_of_order(self) -> None:
        """A quote older than the last one would move the market back."""
        feed = make_feed()
        feed.receive_frame(ticker(5), NOW)

        assert dropped(feed, ticker(4)) == {"out_of_order": 1}
        assert dropped(feed, ticker(5)) == {"out_of_order": 1, "duplicate": 1}
        assert len(feed.receive_frame(ticker(6), NOW)) == 1

    def test_old_trade_and_bar_are_out_of_order(self) -> None:
        """Trades and bars are in order or not at all."""
        feed = make_feed()
        feed.receive_frames([trade(7), kline(120_000)], NOW)

        assert dropped(feed, trade(6)) == {"out_of_order": 1}
        assert dropped(feed, kline(60_000)) == {"out_of_order": 2}
        assert dropped(feed, trade(7)) == {"out_of_order": 2, "duplicate": 1}

    @pytest.mark.parametrize("write", [ticker, trade])
    def test_venue_that_counts_anew_is_believed(self, write: Callable[[int], bytes]) -> None:
        """After so many old numbers without a new one, the old count is over."""
        feed = make_feed()
        feed.receive_frame(write(1_000_000), NOW)

        events = [feed.receive_frame(write(n), NOW) for n in range(1, SEQUENCE_CORROBORATIONS + 5)]

        assert sum(map(len, events)) == 5
        assert feed.counts.sequences_restarted == 1

    @pytest.mark.parametrize("frame", [trade(E=NOW_MS - 2_001), depth(1, 2, E=NOW_MS - 2_001)])
    def test_late_event_is_stale(self, frame: bytes) -> None:
        """An event that came more than the allowed age after others did is not passed on."""
        feed = make_feed()
        feed.receive_frame(trade(1), NOW)

        assert dropped(feed, frame) == {"stale": 1}

    def test_late_bar_is_stale(self) -> None:
        """Bars are checked by their event's time, not by their interval's."""
        feed = make_feed()
        feed.receive_frame(trade(1), NOW)

        assert dropped(feed, kline(), NOW + AGE_MAX + NANOS_PER_MS) == {"stale": 1}

    def test_event_ahead_of_time_is_dropped(self) -> None:
        """An event made after it was received, beyond what clocks explain, is nonsense."""
        feed = make_feed()
        feed.receive_frame(trade(1), NOW)

        assert dropped(feed, trade(2, E=NOW_MS + 1_001)) == {"ahead": 1}

    def test_price_far_from_the_market_is_refused(self) -> None:
        """One quote or trade ten times off is not believed, several in a row are."""
        feed = make_feed()
        feed.receive_frames([ticker(1), trade(1)], NOW)

        far = {"b": "1000.00000000", "a": "1001.00000000"}
        assert dropped(feed, ticker(2, **far)) == {"price_band": 1}
        assert dropped(feed, trade(2, p="1000.00000000")) == {"price_band": 2}

        again = [ticker(3 + n, **far) for n in range(PRICE_CORROBORATIONS - 1)]
        assert len(feed.receive_frames(again, NOW)) == 1

    def test_message_too_long_for_the_connection_is_counted(self) -> None:
        """The connection ends at it, and status tells why."""
        feed = make_feed()

        feed.note_oversize()

        assert feed.counts.by_reason() == {"oversize": 1}


class TestGaps:
    """What is missing is said."""

    def test_missing_trades_are_counted_before_the_next_one(self) -> None:
        """Trade numbers have no gaps at the venue, so a jump is a loss."""
        feed = make_feed()
        feed.receive_frame(trade(7), NOW)

        gap, tick = feed.receive_frame(trade(10), NOW)

        assert gap == MarketGap(0, 2, NOW, NOW)
        assert isinstance(tick, TradeTick)
        assert feed.counts.trades_missed == 2

    def test_missing_bars_are_counted_before_the_next_one(self) -> None:
        """A bar that does not follow the last one tells how many are missing."""
        feed = make_feed()
        feed.receive_frame(kline(60_000), NOW)

        gap, _ = feed.receive_frame(kline(240_000), NOW)

        assert gap == MarketGap(0, 2, NOW, NOW)
        assert feed.counts.bars_missed == 2

    def test_lost_connection_is_a_gap_of_each_instrument(self) -> None:
        """Quotes have no count of their own; whoever needs every one is told."""
        feed = make_feed("BTCUSDT", "ETHUSDT")
        feed.receive_frame(ticker(1_000), NOW)

        gaps = feed.interrupt([name for name in feed.stream_names if "btc" in name], NOW)

        assert gaps == [MarketGap(0, 0, 0, NOW)]
        assert len(feed.receive_frame(ticker(3), NOW)) == 1


class TestBooks:
    """Local books, from the depth stream and snapshots."""

    def test_book_is_published_once_it_is_complete(self) -> None:
        """Deltas wait for the snapshot that is asked for, then the top is there."""
        feed = make_feed()
        feed.receive_frame(depth(8, 9), NOW)
        assert [(seen.bids, seen.asks) for seen in feed.take_depths(NOW)] == [([], [])]
        assert feed.take_snapshot_wanted(NOW) == 0

        assert feed.receive_snapshot(0, snapshot(8), NOW)

        (top,) = feed.take_depths(NOW)
        assert [(level.price, level.quantity) for level in top.bids] == [
            (100 * SCALE, 3 * SCALE),
            (99 * SCALE, SCALE),
        ]
        assert [level.price for level in top.asks] == [101 * SCALE, 102 * SCALE]
        assert (top.update_id, top.event_at) == (9, NOW)
        assert feed.books_synced == 1
        assert feed.next_snapshot_at() is None
        assert not feed.has_changed_books

    def test_snapshot_that_does_not_fit_is_asked_for_again(self) -> None:
        """Too old, unreadable or missing: each time the next attempt is later."""
        feed = make_feed()
        feed.receive_frame(depth(8, 9), NOW)
        feed.take_depths(NOW)
        assert feed.take_snapshot_wanted(NOW) == 0

        assert not feed.receive_snapshot(0, snapshot(7), NOW)
        first_retry = feed.next_snapshot_at()
        assert first_retry is not None
        assert feed.take_snapshot_wanted(first_retry) == 0
        assert not feed.receive_snapshot(0, snapshot(8, bid="x"), first_retry)
        second_retry = feed.next_snapshot_at()
        assert second_retry is not None
        assert feed.take_snapshot_wanted(second_retry) == 0
        feed.miss_snapshot(0, second_retry)
        third_retry = feed.next_snapshot_at()
        assert third_retry is not None

        assert feed.counts.snapshots_unfit == 2
        assert NOW < first_retry < second_retry < third_retry

    def test_gap_empties_the_depth_and_wants_a_snapshot(self) -> None:
        """Readers of the table must not take a book with a hole for the market."""
        feed = make_feed()
        feed.receive_frame(depth(8, 9), NOW)
        feed.receive_snapshot(0, snapshot(9), NOW)
        feed.take_depths(NOW)

        assert feed.receive_frame(depth(12, 13), NOW) == [MarketGap(0, 2, NOW, NOW)]

        (top,) = feed.take_depths(NOW)
        assert (top.bids, top.asks) == ([], [])
        assert feed.take_snapshot_wanted(NOW) == 0
        assert feed.counts.book_gaps == 1

    def test_crossed_book_is_thrown_away(self) -> None:
        """No venue leaves a crossed book standing, so ours is wrong."""
        feed = make_feed()
        feed.receive_snapshot(0, snapshot(9), NOW)

        feed.receive_frame(depth(10, 11, b=[["500.00000000", "1.00000000"]]), NOW)

        assert feed.books_synced == 0
        assert feed.counts.book_mismatches == 1

    def test_book_that_contradicts_the_quote_is_thrown_away(self) -> None:
        """As of the same update, the book's top and the quote are the same numbers."""
        feed = make_feed()
        feed.receive_snapshot(0, snapshot(9), NOW)
        agreeing = ticker(11, B="3.00000000", A="4.00000000")
        feed.receive_frames([agreeing, depth(10, 11)], NOW)
        assert feed.books_synced == 1

        feed.receive_frames([ticker(12, B="7.00000000"), depth(12, 12)], NOW)

        assert feed.books_synced == 0
        assert feed.counts.book_mismatches == 1

    def test_repeated_delta_is_a_duplicate(self) -> None:
        """What the book holds already is dropped."""
        feed = make_feed()
        feed.receive_snapshot(0, snapshot(9), NOW)

        assert dropped(feed, depth(8, 9)) == {"duplicate": 1}

    def test_interrupted_book_starts_anew(self) -> None:
        """After a lost connection the procedure begins with the next delta."""
        feed = make_feed()
        feed.receive_snapshot(0, snapshot(9), NOW)
        feed.take_depths(NOW)
        feed.interrupt(feed.stream_names, NOW)

        (top,) = feed.take_depths(NOW)
        assert top.bids == []
        assert feed.next_snapshot_at() is None
        feed.receive_frame(depth(20, 21), NOW)
        feed.take_depths(NOW)
        assert feed.next_snapshot_at() == NOW

    def test_venue_can_postpone_snapshots(self) -> None:
        """When the address has asked too much, nothing is asked before the venue's time."""
        feed = make_feed()
        feed.receive_frame(depth(8, 9), NOW)
        feed.take_depths(NOW)

        feed.postpone_snapshots(NOW + 5)

        assert feed.next_snapshot_at() == NOW + 5


class TestConnection:
    """What the venue says of the connection itself."""

    @pytest.mark.parametrize(
        ("frame", "reply"),
        [
            (b'{"result":null,"id":3}', SubscriptionReply(3, "")),
            (b'{"id":3,"result":null}', SubscriptionReply(3, "")),
            (b'{"error":{"code":2,"msg":"bad"},"id":3}', SubscriptionReply(3, "2: bad")),
            (b'{"code":2,"msg":"bad","id":3}', SubscriptionReply(3, "2: bad")),
            (b'{"e":"serverShutdown","E":1}', ShutdownNotice(NOW)),
            (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown"}}', ShutdownNotice(NOW)),
        ],
    )
    def test_notice_is_passed_on(self, frame: bytes, reply: FeedEvent) -> None:
        """Replies to requests come in both shapes of an error; a shutdown in both envelopes."""
        feed = make_feed()

        assert feed.receive_frame(frame, NOW) == [reply]
        assert feed.counts.dropped == 0

    def test_reply_to_nobody_is_malformed(self) -> None:
        """A refusal that names no request cannot be told to anyone."""
        assert dropped(make_feed(), b'{"code":3,"msg":"Invalid JSON"}') == {"malformed": 1}

    def test_streams_are_those_of_every_instrument(self) -> None:
        """Streams of one instrument stand together, so that one connection carries them."""
        names = make_feed("BTCUSDT", "ETHUSDT").stream_names

        assert len(names) == 2 * len(StreamKind)
        assert names[: len(StreamKind)] == tuple(
            stream_name("BTCUSDT", kind) for kind in StreamKind
        )

    def test_silent_streams_are_told_once(self) -> None:
        """A stream falls silent once, and is heard again once."""
        feed = make_feed()
        feed.receive_frame(ticker(1), NOW)
        late = NOW + STREAM_SILENCE_MAX + 1

        fell, heard = feed.check_silence(NOW + 1)
        assert stream_name("BTCUSDT", StreamKind.BOOK_TICKER) not in fell
        assert (len(fell), heard) == (len(StreamKind) - 1, [])

        assert feed.check_silence(late) == ([stream_name("BTCUSDT", StreamKind.BOOK_TICKER)], [])
        assert feed.check_silence(late) == ([], [])
        assert feed.instruments_silent == 1
        feed.receive_frame(ticker(2), late)
        assert feed.check_silence(late) == ([], [stream_name("BTCUSDT", StreamKind.BOOK_TICKER)])

    def test_measured_clock_step_is_followed(self) -> None:
        """When our clock stood still for a while, the venue's events are not from the future."""
        feed = make_feed()
        feed.receive_venue_time(0)
        feed.receive_frame(trade(1), NOW)
        slept = 3_600 * NANOS_PER_SECOND

        feed.receive_venue_time(slept)

        assert len(feed.receive_frame(trade(2), NOW - slept)) == 1


def test_every_reason_has_a_name_of_its_own() -> None:
    """Reasons are counted by their number and shown by their name."""
    assert sorted(DropReason) == list(range(len(DropReason)))
    assert len({reason.label for reason in DropReason}) == len(DropReason)
