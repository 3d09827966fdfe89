"""The feed on real frames of Binance, as they were received."""

import json
from typing import Final

import pytest

from genesis.data.frames import decode_snapshot
from genesis.data.market_feed import MarketDataFeed
from genesis.limits import DEPTH_LEVELS
from genesis.units import NANOS_PER_SECOND
from tests.support.tape import ABSENT, SYMBOLS, catalogue_of, read_tape, tape_files

AGE_MAX: Final = 2 * NANOS_PER_SECOND
TAPE_FRAMES: Final = 6_000  # of each symbol: some 50 s of a busy market
CUT_FRAMES: Final = 8

pytestmark = pytest.mark.skipif(len(tape_files()) < len(SYMBOLS), reason=ABSENT)


def make_feed(*symbols: str) -> MarketDataFeed:
    """Return a feed of these instruments."""
    return MarketDataFeed(catalogue_of(*symbols), event_age_max=AGE_MAX)


def test_every_frame_is_good_and_every_book_is_right() -> None:
    """The recorder's clock was 1.27 s behind: nothing is stale, nothing is dropped.

    Each book is compared with a dictionary that all deltas since the snapshot went into.
    """
    feed = make_feed(*SYMBOLS)
    models: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    streamed = events = 0
    for received_at, symbol, frame in read_tape(TAPE_FRAMES):
        row = SYMBOLS.index(symbol)
        if frame.startswith(b'{"lastUpdateId"'):
            reply = decode_snapshot(frame)
            assert feed.receive_snapshot(row, reply, received_at)
            models[symbol] = (dict(reply.bids), dict(reply.asks))
        else:
            streamed += 1
            events += len(feed.receive_frame(frame, received_at))
            apply_to_model(models, symbol, frame)

    assert feed.counts.by_reason() == {}
    assert (feed.counts.trades_missed, feed.counts.book_gaps) == (0, 0)
    assert feed.counts.book_mismatches == 0
    assert events > 0.8 * streamed
    assert feed.books_synced == len(SYMBOLS)
    for row, symbol in enumerate(SYMBOLS):
        bids, asks = models[symbol]
        book = feed.book(row)
        assert book.top_bids(DEPTH_LEVELS) == best_of(bids, highest=True)
        assert book.top_asks(DEPTH_LEVELS) == best_of(asks, highest=False)


def test_no_cut_or_mangled_frame_gets_through() -> None:
    """A frame that lost any one byte raises nothing: it is dropped, or an event of its kind."""
    for received_at, symbol, frame in read_tape(CUT_FRAMES):
        if b'"stream"' not in frame or len(frame) > 400:
            continue
        whole = make_feed(symbol).receive_frame(frame, received_at)
        for cut in range(len(frame)):
            feed = make_feed(symbol)
            events = feed.receive_frame(frame[:cut] + frame[cut + 1 :], received_at)
            assert not events or feed.counts.dropped == 0
            if feed.counts.dropped == 0 and events and whole:
                assert type(events[-1]) is type(whole[-1])


def apply_to_model(
    models: dict[str, tuple[dict[str, str], dict[str, str]]], symbol: str, frame: bytes
) -> None:
    """Put a delta into a symbol's dictionaries, if it has them by now."""
    if symbol in models and b"@depth" in frame[:40]:
        data = json.loads(frame)["data"]
        for side, levels in zip(models[symbol], (data["b"], data["a"]), strict=True):
            side.update(levels)


def best_of(side: dict[str, str], *, highest: bool) -> list[tuple[int, int]]:
    """Return the best levels of a model's side, in the book's numbers."""
    levels = [
        (int(price.replace(".", "")), int(quantity.replace(".", "")))
        for price, quantity in side.items()
        if float(quantity)
    ]
    return sorted(levels, reverse=highest)[:DEPTH_LEVELS]
