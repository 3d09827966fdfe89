"""`genesis.venue.book`: one side of a public book."""

import random

import pytest

from genesis.domain.orders import Side
from genesis.venue.book import BookSide, PriceLadder


@pytest.mark.parametrize(("side", "best", "worst"), [(Side.BUY, 9, 1), (Side.SELL, 1, 9)])
def test_best_price_comes_first(side: Side, best: int, worst: int) -> None:
    """The best bid is the highest, the best ask the lowest."""
    book = BookSide(side)
    for price in (5, 1, 9, 3):
        book.set(price, 10)

    assert book.ladder.best == best
    assert book.ladder.worst == worst
    assert [price for price, _ in book.levels()] == sorted([5, 1, 9, 3], reverse=side is Side.BUY)


def test_an_empty_side_has_no_best_price() -> None:
    """Nothing offered, no price."""
    assert BookSide(Side.BUY).ladder.best is None


def test_setting_a_level_returns_what_it_was_and_zero_removes_it() -> None:
    """Quantities are absolute; removing what is not there is normal."""
    book = BookSide(Side.SELL)

    assert book.set(5, 10) == 0
    assert book.set(5, 7) == 10
    assert book.set(5, 0) == 7
    assert book.set(5, 0) == 0
    assert len(book) == 0


def test_better_and_reach_look_from_the_takers_side() -> None:
    """A taker with a limit trades at its limit and at better prices."""
    bids, asks = PriceLadder(Side.BUY), PriceLadder(Side.SELL)

    assert bids.is_better(10, than=9)
    assert asks.is_better(9, than=10)
    assert not asks.is_better(9, than=9)
    assert bids.reaches(10, limit=10)
    assert not bids.reaches(9, limit=10)
    assert asks.reaches(9, limit=10)
    assert not asks.reaches(11, limit=10)


def test_ladder_stays_in_order_under_random_changes() -> None:
    """Whatever is added and removed, the ladder is the sorted set of prices with a quantity."""
    chance = random.Random(3)
    book = BookSide(Side.BUY)
    expected: dict[int, int] = {}
    for _ in range(2_000):
        price, quantity = chance.randrange(1, 50), chance.choice([0, 0, 1, 2, 3])
        assert book.set(price, quantity) == expected.pop(price, 0)
        if quantity:
            expected[price] = quantity

        assert list(book.levels()) == sorted(expected.items(), reverse=True)
