"""The depth stream of one instrument and the snapshots that go with it.

Each changed level takes one book update id; every event covers the ids since the last one, so that
`U` is the previous `u` plus 1. Snapshots show the book as it was after one of the last events.
"""

from collections import deque
from typing import NamedTuple

from genesis.domain.orders import Side
from genesis.limits import VENUE_SNAPSHOT_LAG_MAX
from genesis.units import Price, Quantity
from genesis.venue.book import BookSide
from genesis.venue.matching import InstrumentBook
from genesis.venue.stream_payloads import DepthDiff, levels_text


class DepthSnapshot(NamedTuple):
    """A book as the `depth` request shows it, best levels first."""

    last_update_id: int
    bids: list[tuple[Price, Quantity]]
    asks: list[tuple[Price, Quantity]]

    def cut(self, limit: int) -> "DepthSnapshot":
        """Return the same book with `limit` levels a side."""
        return self._replace(bids=self.bids[:limit], asks=self.asks[:limit])

    def json(self) -> bytes:
        """Return the result of a depth request."""
        return (
            f'{{"lastUpdateId":{self.last_update_id},'
            f'"bids":[{levels_text(self.bids)}],"asks":[{levels_text(self.asks)}]}}'
        ).encode()


class _Undo(NamedTuple):
    """What takes a published book back before one event."""

    last_update_id: int
    changes: tuple[tuple[Side, Price, Quantity], ...]


class PublishedBook:
    """The book as a client has it that applied every event up to `last_update_id`."""

    __slots__ = ("_sides", "_undo", "last_update_id")

    def __init__(self, last_update_id: int) -> None:
        self.last_update_id = last_update_id
        self._sides = {side: BookSide(side) for side in Side}
        self._undo: deque[_Undo] = deque(maxlen=VENUE_SNAPSHOT_LAG_MAX)

    def apply(self, diff: DepthDiff) -> None:
        """Apply one event."""
        undo = tuple(
            (side, price, self._sides[side].set(price, quantity))
            for side, price, quantity in diff.changes
        )
        self._undo.append(_Undo(self.last_update_id, undo))
        self.last_update_id = diff.last_update_id

    def replace(self, snapshot: DepthSnapshot) -> None:
        """Start anew from a snapshot."""
        self._sides = {side: BookSide(side) for side in Side}
        self._undo.clear()
        for side, levels in ((Side.BUY, snapshot.bids), (Side.SELL, snapshot.asks)):
            for price, quantity in levels:
                self._sides[side].set(price, quantity)
        self.last_update_id = snapshot.last_update_id

    def forget(self) -> None:
        """Forget earlier states: there is no going back before this one."""
        self._undo.clear()

    def snapshot(self, limit: int, lag: int = 0) -> DepthSnapshot:
        """Return the best `limit` levels as they were `lag` events ago, as far as is known."""
        undone: dict[tuple[Side, Price], Quantity] = {}
        last_update_id = self.last_update_id
        for event in tuple(reversed(self._undo))[:lag]:
            last_update_id = event.last_update_id
            for side, price, quantity in event.changes:
                undone[side, price] = quantity
        return DepthSnapshot(
            last_update_id,
            self._levels(Side.BUY, undone)[:limit],
            self._levels(Side.SELL, undone)[:limit],
        )

    def _levels(
        self, side: Side, undone: dict[tuple[Side, Price], Quantity]
    ) -> list[tuple[Price, Quantity]]:
        if not undone:
            return list(self._sides[side].levels())
        before = BookSide(side)
        for price, quantity in self._sides[side].levels():
            before.set(price, quantity)
        for (changed_side, price), quantity in undone.items():
            if changed_side is side:
                before.set(price, quantity)
        return list(before.levels())


class DepthFeed:
    """Turns changes of a matching book into depth events."""

    __slots__ = ("_book", "_changed", "published", "update_id")

    def __init__(self, book: InstrumentBook, update_id: int) -> None:
        self._book = book
        self._changed: dict[tuple[Side, Price], None] = {}
        self.update_id = update_id
        self.published = PublishedBook(update_id)

    def collect(self) -> bool:
        """Take over the book's changes, one update id each; tell whether there were any."""
        changes = self._book.changes
        if not changes:
            return False
        self.update_id += len(changes)
        self._changed.update(changes)
        changes.clear()
        return True

    def begin(self) -> None:
        """Show the book as it is now as the first that anybody can have."""
        self.collect()
        self.flush()
        self.published.forget()

    def flush(self) -> DepthDiff | None:
        """Return the event for everything collected since the last one, or None."""
        if not self._changed:
            return None
        visible = self._book.visible_quantity
        diff = DepthDiff(
            self.published.last_update_id + 1,
            self.update_id,
            tuple((side, price, visible(side, price)) for side, price in self._changed),
        )
        self._changed.clear()
        self.published.apply(diff)
        return diff
