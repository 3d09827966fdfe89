"""Lean with the side of the book on which more is waiting. Pure."""

from typing import Annotated

import msgspec

from genesis.analytics.indicators import book_imbalance
from genesis.domain.market import Depth
from genesis.limits import DEPTH_LEVELS
from genesis.strategies.base import Signals, Subscriptions
from genesis.strategies.round_trip import RoundTripParameters, RoundTripState, RoundTripStrategy


class BookImbalanceParameters(RoundTripParameters, frozen=True, kw_only=True):
    """Parameters of `book_imbalance`."""

    levels: Annotated[int, msgspec.Meta(ge=1, le=DEPTH_LEVELS)] = 5
    """How many price levels of each side are summed."""
    smoothing: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 10
    """Period of the average over the states of the book; the venue sends ten a second."""
    entry_imbalance: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.35
    exit_imbalance: Annotated[float, msgspec.Meta(gt=-1, lt=1)] = -0.1
    """A position is closed when the average is below this."""

    def __post_init__(self) -> None:
        if self.exit_imbalance >= self.entry_imbalance:
            raise ValueError(
                f"exit_imbalance {self.exit_imbalance} must be below "
                f"entry_imbalance {self.entry_imbalance}"
            )


class BookImbalanceState(RoundTripState, kw_only=True):
    """The smoothed imbalance, and how many states of the book it has seen."""

    imbalance: float = 0.0
    books_seen: int = 0


class BookImbalance(RoundTripStrategy):
    """Enter while much more is bid than asked; leave when the book turns.

    Over some seconds the imbalance moves before the price does (Á. Cartea, S. Jaimungal, J.
    Penalva, Algorithmic and High-Frequency Trading, 2015, section 12.2).
    """

    kind = "book_imbalance"
    parameters_type = BookImbalanceParameters
    state_type = BookImbalanceState
    subscriptions = Subscriptions(quotes=True, depth=True)
    parameters: BookImbalanceParameters
    state: BookImbalanceState

    @property
    def news(self) -> int:
        """Quotes bring none: convictions come of states of the book."""
        return self.state.news_seen

    def on_depth(self, depth: Depth) -> Signals:
        """Take one state of the book into the average, and act on it."""
        if not (depth.bids and depth.asks):
            return None
        levels = self.parameters.levels
        state = self.state
        imbalance = book_imbalance(
            sum(level.quantity for level in depth.bids[:levels]),
            sum(level.quantity for level in depth.asks[:levels]),
        )
        period = self.parameters.smoothing
        state.books_seen = min(state.books_seen + 1, period)
        state.imbalance += (imbalance - state.imbalance) / state.books_seen
        return self.act(self.conviction(), depth.bids[0].price, depth.asks[0].price)

    def conviction(self) -> float:
        """Be as confident as the book is lopsided, once the average has warmed up."""
        state = self.state
        if state.books_seen < self.parameters.smoothing:
            return 0.0
        if state.imbalance >= self.parameters.entry_imbalance:
            return 0.5 + 0.5 * state.imbalance
        return -1.0 if state.imbalance < self.parameters.exit_imbalance else 0.0
