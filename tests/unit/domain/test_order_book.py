"""The order book against a model that is two dictionaries."""

from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.order_book import Level, OrderBook
from genesis.limits import BOOK_ORDERED_MAX, BOOK_ORDERED_MIN

prices = st.integers(1, 400)
quantities = st.one_of(st.just(0), st.integers(1, 9))
sides = st.lists(st.tuples(prices, quantities), max_size=60)
updates = st.lists(st.tuples(sides, sides), max_size=20)


def modeled(sides: list[list[Level]]) -> dict[int, int]:
    """Return what is left of one side after all its updates."""
    levels: dict[int, int] = {}
    for side in sides:
        levels.update(side)
    return {price: quantity for price, quantity in levels.items() if quantity}


@given(updates)
def test_book_is_what_its_updates_say(updates: list[tuple[list[Level], list[Level]]]) -> None:
    """After any updates, each side is the last quantity of each price, best price first."""
    book = OrderBook()
    for bids, asks in updates:
        book.apply(bids, asks)

    bids = sorted(modeled([side for side, _ in updates]).items(), reverse=True)
    asks = sorted(modeled([side for _, side in updates]).items())
    assert book.top_bids(1_000) == bids
    assert book.top_asks(1_000) == asks
    assert book.top_bids(20) == bids[:20]
    assert book.top_asks(20) == asks[:20]
    assert book.best_bid() == (bids[0] if bids else None)
    assert book.best_ask() == (asks[0] if asks else None)
    assert book.level_counts() == (len(bids), len(asks))
    assert book.is_crossed() == bool(bids and asks and bids[0][0] >= asks[0][0])


@given(sides, sides)
def test_snapshot_replaces_everything(bids: list[Level], asks: list[Level]) -> None:
    """A snapshot's levels may come in any order, and nothing from before it stays."""
    book = OrderBook()
    book.apply([(401, 1)], [(402, 1)])

    book.load(bids, asks)

    assert book.top_bids(1_000) == sorted(modeled([bids]).items(), reverse=True)
    assert book.top_asks(1_000) == sorted(modeled([asks]).items())


@given(st.lists(sides, max_size=8), st.integers(1, 40))
def test_side_never_holds_more_than_its_limit(updates: list[list[Level]], limit: int) -> None:
    """A book that is told of more levels than it may keep forgets the worst, and stays ordered."""
    book = OrderBook(levels_max=limit)

    for side in updates:
        book.apply(side, side)

        bids, asks = book.top_bids(1_000), book.top_asks(1_000)
        assert book.level_counts() == (len(bids), len(asks))
        assert max(len(bids), len(asks)) <= limit
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)


def test_worst_levels_are_forgotten_first() -> None:
    """What a full book forgets is the lowest bids and the highest asks."""
    book = OrderBook(levels_max=3)

    book.apply([(price, 1) for price in range(1, 7)], [(price, 1) for price in range(11, 17)])

    assert [price for price, _ in book.top_bids(10)] == [6, 5, 4]
    assert [price for price, _ in book.top_asks(10)] == [11, 12, 13]


def test_best_levels_return_from_below_when_the_market_moves() -> None:
    """When the ordered levels run low, the next best of all known ones take their place."""
    levels = 4 * BOOK_ORDERED_MAX
    book = OrderBook()
    book.load([(price, price) for price in range(1, levels + 1)], [])

    for price in range(levels, 1, -1):
        book.apply([(price, 0)], [])

        assert book.best_bid() == (price - 1, price - 1)
        assert len(book.top_bids(BOOK_ORDERED_MIN)) == min(BOOK_ORDERED_MIN, price - 1)


def test_removing_an_unknown_level_is_normal() -> None:
    """The venue removes levels that lie beyond the snapshot; nothing happens (4.4, step 6)."""
    book = OrderBook()
    book.load([(100, 5)], [(101, 6)])

    book.apply([(50, 0)], [(200, 0)])

    assert book.level_counts() == (1, 1)
    assert (book.bid_quantity(100), book.ask_quantity(101)) == (5, 6)
    assert (book.bid_quantity(50), book.ask_quantity(200)) == (0, 0)


def test_cleared_book_knows_nothing() -> None:
    """A cleared book has no best levels and is not crossed."""
    book = OrderBook()
    book.load([(100, 5)], [(101, 6)])

    book.clear()

    assert (book.best_bid(), book.best_ask()) == (None, None)
    assert not book.is_crossed()
