"""A book that leans for a while is followed, until it turns."""

import pytest

from genesis.domain.market import Depth
from genesis.domain.orders import ReportKind, Signal, SignalAction
from genesis.strategies.base import BaseStrategy, ParameterValue
from genesis.units import NANOS_PER_SECOND, SCALE
from tests.support.builders import LOT, NOW, PRICE
from tests.support.strategy_builders import answer, depth, feed, make, quotes_of

RULES: dict[str, ParameterValue] = {"smoothing": 4, "entry_imbalance": 0.4, "exit_imbalance": -0.2}
SECOND = NANOS_PER_SECOND


def book(bid_share: int, number: int) -> Depth:
    """Return a book with a share of 10 on the bid side."""
    return depth(bid_share * SCALE, (10 - bid_share) * SCALE, number)


def lean(strategy: BaseStrategy, bid_share: int, times: int, second: int) -> list[Signal]:
    """Show a strategy the same book several times, after one quote."""
    feed(strategy, quotes_of([PRICE], start=NOW + second * SECOND))
    signals: list[Signal] = []
    for number in range(times):
        signals += strategy.on_depth(book(bid_share, number)) or ()
    return signals


def test_a_book_that_leans_to_the_bid_is_entered() -> None:
    """Once the average has warmed up and passed its bound, there is one entry."""
    strategy = make("book_imbalance", RULES)
    assert lean(strategy, 8, 3, 0) == []

    (signal,) = lean(strategy, 8, 3, 1)
    assert signal.action is SignalAction.ENTER
    assert signal.confidence == pytest.approx(0.8)
    assert signal.received_at == NOW + SECOND


def test_a_balanced_book_is_not_traded() -> None:
    """As much bid as asked says nothing."""
    assert lean(make("book_imbalance", RULES), 5, 50, 0) == []


def test_a_book_that_turns_is_left() -> None:
    """When the average falls below its lower bound, the position is closed."""
    strategy = make("book_imbalance", RULES)
    (signal,) = lean(strategy, 8, 4, 0)
    strategy.receive_report(answer(signal, ReportKind.FILLED, position=LOT))

    assert lean(strategy, 8, 5, 2) == []
    (leaving,) = lean(strategy, 1, 10, 3)
    assert leaving.action is SignalAction.EXIT


def test_a_position_ends_by_quotes_alone() -> None:
    """Stop, target and time are watched on quotes, also while no book comes."""
    strategy = make("book_imbalance", RULES | {"hold_max_s": 20.0})
    (signal,) = lean(strategy, 8, 4, 0)
    strategy.receive_report(answer(signal, ReportKind.FILLED, position=LOT))

    (leaving,) = feed(strategy, quotes_of([PRICE], start=NOW + 20 * SECOND))
    assert leaving.action is SignalAction.EXIT


def test_a_lost_book_is_no_opinion() -> None:
    """An empty side is a book being rebuilt, not a market without sellers."""
    strategy = make("book_imbalance", RULES)
    lost = book(8, 1)
    lost.asks = []
    assert all(strategy.on_depth(lost) is None for _ in range(10))


def test_the_bounds_must_leave_room() -> None:
    """A position is not closed by what opened it."""
    with pytest.raises(ValueError, match=r"exit_imbalance 0\.4 must be below"):
        make("book_imbalance", {"entry_imbalance": 0.4, "exit_imbalance": 0.4})
