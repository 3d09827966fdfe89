"""The venue's procedure for a local book, step by step and against random losses."""

import random
from collections.abc import Iterator

import pytest

from genesis.data.book_sync import BookDelta, BookOutcome, BookSnapshot, BookSync
from genesis.limits import BOOK_DELTAS_BUFFERED_MAX

SEEDS = 200


def delta(first_id: int, last_id: int, bid: int = 100, quantity: int = 1) -> BookDelta:
    """Return a delta that sets one bid."""
    return BookDelta(first_id, last_id, [(bid, quantity)], [], event_at=last_id)


def snapshot(last_id: int) -> BookSnapshot:
    """Return a snapshot with one level a side."""
    return BookSnapshot(last_id, [(90, 9)], [(200, 9)])


def synced(last_id: int = 10) -> BookSync:
    """Return a book as of update `last_id`."""
    sync = BookSync()
    assert sync.receive_snapshot(snapshot(last_id)) is BookOutcome.SYNCED
    return sync


def test_snapshot_older_than_the_buffer_is_not_used() -> None:
    """Step 3: without the update before the first buffered one, another snapshot is wanted."""
    sync = BookSync()
    sync.receive_delta(delta(11, 15))

    assert sync.receive_snapshot(snapshot(10)) is BookOutcome.SNAPSHOT_TOO_OLD
    assert not sync.is_synced
    assert sync.receive_snapshot(snapshot(11)) is BookOutcome.SYNCED
    assert sync.last_id == 15


def test_deltas_within_the_snapshot_are_dropped_and_the_rest_applied() -> None:
    """Steps 4 to 6: the delta that spans the seam is applied whole, older ones not at all."""
    sync = BookSync()
    sync.receive_delta(delta(5, 8, bid=101))
    sync.receive_delta(delta(9, 12, bid=102))
    sync.receive_delta(delta(13, 14, bid=103))

    assert sync.receive_snapshot(snapshot(10)) is BookOutcome.SYNCED
    assert sync.book.top_bids(9) == [(103, 1), (102, 1), (90, 9)]
    assert (sync.last_id, sync.event_at) == (14, 14)


def test_snapshot_newer_than_all_deltas_is_fine() -> None:
    """The buffer is used up, and the next delta joins on."""
    sync = BookSync()
    sync.receive_delta(delta(5, 8))

    assert sync.receive_snapshot(snapshot(20)) is BookOutcome.SYNCED
    assert sync.receive_delta(delta(19, 22, bid=101)) is BookOutcome.APPLIED
    assert sync.book.best_bid() == (101, 1)


def test_delta_older_than_the_book_is_ignored() -> None:
    """Step 6: what the book holds already changes nothing."""
    sync = synced(10)

    assert sync.receive_delta(delta(9, 10, bid=150)) is BookOutcome.IGNORED
    assert sync.book.best_bid() == (90, 9)


def test_missing_update_ends_the_book() -> None:
    """Step 6: after a gap the book is gone, and deltas are collected for the next one."""
    sync = synced(10)

    assert sync.receive_delta(delta(12, 13, bid=101)) is BookOutcome.GAP
    assert not sync.is_synced
    assert sync.book.level_counts() == (0, 0)
    assert sync.receive_delta(delta(14, 15, bid=102)) is BookOutcome.BUFFERED
    assert sync.receive_snapshot(snapshot(12)) is BookOutcome.SYNCED
    assert sync.book.top_bids(2) == [(102, 1), (101, 1)]


def test_hole_in_the_buffer_starts_it_anew() -> None:
    """No snapshot can mend a hole, so deltas before it are useless, and repeated ones too."""
    sync = BookSync()
    sync.receive_delta(delta(1, 2))
    sync.receive_delta(delta(5, 6))
    assert sync.receive_delta(delta(5, 6)) is BookOutcome.IGNORED

    assert sync.receive_snapshot(snapshot(2)) is BookOutcome.SNAPSHOT_TOO_OLD
    assert sync.receive_snapshot(snapshot(5)) is BookOutcome.SYNCED


def test_crossed_book_is_not_kept() -> None:
    """A book whose bid reaches its ask is wrong somewhere: by a delta, or by the snapshot."""
    sync = synced(10)
    assert sync.receive_delta(delta(11, 12, bid=200)) is BookOutcome.CROSSED
    assert not sync.is_synced

    crossed = BookSnapshot(20, [(201, 1)], [(200, 1)])
    assert sync.receive_snapshot(crossed) is BookOutcome.CROSSED
    assert not sync.is_synced


def test_second_snapshot_changes_nothing() -> None:
    """A late reply to an earlier request must not set the book back."""
    sync = synced(10)
    sync.receive_delta(delta(11, 12, bid=101))

    assert sync.receive_snapshot(snapshot(5)) is BookOutcome.IGNORED
    assert sync.last_id == 12


def test_buffer_is_bounded() -> None:
    """A snapshot that never comes costs no more than the last deltas."""
    sync = BookSync()
    for n in range(3 * BOOK_DELTAS_BUFFERED_MAX):
        sync.receive_delta(delta(n, n))

    oldest = 2 * BOOK_DELTAS_BUFFERED_MAX
    assert sync.receive_snapshot(snapshot(oldest - 1)) is BookOutcome.SNAPSHOT_TOO_OLD
    assert sync.receive_snapshot(snapshot(oldest)) is BookOutcome.SYNCED


class Venue:
    """A book that changes at random, as the venue has it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.last_id = 0
        self.bids: dict[int, int] = {}
        self.history: list[dict[int, int]] = [{}]

    def changes(self, count: int) -> Iterator[BookDelta]:
        """Change the book, some updates a delta."""
        for _ in range(count):
            first_id = self.last_id + 1
            changed = {}
            for _ in range(self._chance.randint(1, 4)):
                price = self._chance.randint(1, 30)
                changed[price] = self._chance.choice([0, 0, 1, 2, 3])
                self.last_id += 1
                self.bids[price] = changed[price]
                self.history.append({p: q for p, q in self.bids.items() if q})
            yield BookDelta(first_id, self.last_id, list(changed.items()), [], event_at=0)

    def snapshot(self) -> BookSnapshot:
        """Answer a request for depth, some updates late."""
        last_id = max(0, self.last_id - self._chance.randint(0, 12))
        return BookSnapshot(last_id, list(self.history[last_id].items()), [])


@pytest.mark.parametrize("seed", range(SEEDS))
def test_synced_book_is_always_the_venues(seed: int) -> None:
    """Lose, repeat and delay at random: whenever the book says it is synced, it is right."""
    chance = random.Random(seed)
    venue = Venue(chance)
    sync = BookSync()
    last: BookDelta | None = None
    times_synced = 0

    for change in venue.changes(120):
        if chance.random() < 0.04:
            continue
        sync.receive_delta(change)
        if last is not None and chance.random() < 0.05:
            sync.receive_delta(last)
        last = change
        if not sync.is_synced and chance.random() < 0.3:
            times_synced += sync.receive_snapshot(venue.snapshot()) is BookOutcome.SYNCED
        if sync.is_synced:
            assert dict(sync.book.top_bids(99)) == venue.history[sync.last_id]

    assert times_synced > 0
