"""What an order would meet in a book, before it is let in. Pure."""

from typing import NamedTuple

from genesis.domain.orders import Side
from genesis.units import Amount, Price, notional
from genesis.venue.matching import InstrumentBook
from genesis.venue.orders import VenueOrder


class Reach(NamedTuple):
    """How far an order may follow the price.

    `wish` is its own limit, None for a market order; `limit` is the nearer of that and what the
    symbol's price range allows.
    """

    side: Side
    wish: Price | None
    limit: Price | None

    def is_cut_short(self, book: InstrumentBook) -> bool:
        """Tell whether the order would take what is left of the book if the range let it."""
        best = book.best_price(self.side.opposite)
        if best is None or self.wish == self.limit:
            return False
        return self.wish is None or _is_within(self.side, best, self.wish)


def nearer(side: Side, one: Price, other: Price) -> Price:
    """Return the limit that lets a taker go less far."""
    return min(one, other) if side is Side.BUY else max(one, other)


def crosses(order: VenueOrder, book: InstrumentBook) -> bool:
    """Tell whether an order would trade at once."""
    best = book.best_price(order.side.opposite)
    return best is not None and _is_within(order.side, best, order.price)


def can_fill(order: VenueOrder, book: InstrumentBook, limit: Price | None) -> bool:
    """Tell whether the book holds the whole of an order down to a limit."""
    wanted = order.quantity
    for price, offered in book.offers_to(order):
        if limit is not None and not _is_within(order.side, price, limit):
            return False
        wanted -= offered
        if wanted <= 0:
            return True
    return False


def market_cost(order: VenueOrder, book: InstrumentBook) -> Amount:
    """Return what a market buy will pay, as far as the book reaches."""
    wanted, cost = order.quantity, 0
    for price, offered in book.offers_to(order):
        taken = min(wanted, offered)
        cost += notional(price, taken)
        wanted -= taken
        if wanted == 0:
            break
    return cost


def _is_within(side: Side, price: Price, limit: Price) -> bool:
    """Tell whether a taker with this limit trades at a price."""
    return (price - limit) * side.value <= 0
