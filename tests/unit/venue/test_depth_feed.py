"""`genesis.venue.depth_feed`: events without a gap, and snapshots that fit them."""

import random

import msgspec

from genesis.domain.orders import Side
from genesis.limits import VENUE_SNAPSHOT_LAG_MAX
from genesis.venue.depth_feed import DepthFeed, DepthSnapshot, PublishedBook
from genesis.venue.matching import InstrumentBook
from genesis.venue.stream_payloads import DepthDiff


def test_each_event_begins_where_the_last_one_ended() -> None:
    """U is the previous u plus 1; a level that changed twice is told once, as it is now."""
    book = InstrumentBook()
    feed = DepthFeed(book, 100)
    book.set_public(Side.BUY, 5, 1)
    feed.collect()
    book.set_public(Side.BUY, 5, 2)
    book.set_public(Side.SELL, 6, 1)
    feed.collect()

    assert feed.flush() == DepthDiff(101, 103, ((Side.BUY, 5, 2), (Side.SELL, 6, 1)))
    assert feed.flush() is None
    assert feed.collect() is False
    book.set_public(Side.SELL, 6, 0)
    feed.collect()
    assert feed.flush() == DepthDiff(104, 104, ((Side.SELL, 6, 0),))


def test_a_client_that_follows_the_rule_has_the_book() -> None:
    """From a snapshot of any age, applying what comes after it leads to the same book."""
    chance = random.Random(11)
    book = InstrumentBook()
    feed = DepthFeed(book, 0)
    diffs: list[DepthDiff] = []
    for step in range(400):
        side = chance.choice(list(Side))
        price = 50 - side.value * chance.randrange(1, 20)
        book.set_public(side, price, chance.choice([0, 1, 2, 3]))
        feed.collect()
        if step % 3 == 0 and (diff := feed.flush()) is not None:
            diffs.append(diff)
        lag = chance.randrange(VENUE_SNAPSHOT_LAG_MAX + 1)
        snapshot = feed.published.snapshot(1_000, lag)
        client = PublishedBook(0)
        client.replace(snapshot)
        for diff in diffs:
            if diff.last_update_id > snapshot.last_update_id:
                assert diff.first_update_id <= client.last_update_id + 1, "the seam fits"
                client.apply(diff)

        assert client.snapshot(1_000) == feed.published.snapshot(1_000)


def test_a_snapshot_is_cut_and_printed() -> None:
    """The best levels only, as the depth request shows them."""
    book = PublishedBook(0)
    book.replace(DepthSnapshot(9, [(3, 1), (2, 1)], [(4, 1), (5, 1)]))
    snapshot = book.snapshot(1)

    assert snapshot == DepthSnapshot(9, [(3, 1)], [(4, 1)])
    assert msgspec.json.decode(snapshot.json()) == {
        "lastUpdateId": 9,
        "bids": [["0.00000003", "0.00000001"]],
        "asks": [["0.00000004", "0.00000001"]],
    }


def test_nobody_can_have_an_earlier_book_than_the_first() -> None:
    """A snapshot never goes back to before the book began."""
    book = InstrumentBook()
    book.set_public(Side.BUY, 5, 1)
    feed = DepthFeed(book, 100)
    feed.begin()

    assert feed.published.snapshot(10, VENUE_SNAPSHOT_LAG_MAX) == DepthSnapshot(101, [(5, 1)], [])
