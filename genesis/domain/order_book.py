"""The price levels of one instrument, kept by absolute updates."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Final, TypeAlias

from genesis.limits import BOOK_LEVELS_MAX, BOOK_ORDERED_MAX, BOOK_ORDERED_MIN
from genesis.units import Price, Quantity

Level: TypeAlias = tuple[Price, Quantity]

_ORDERED_ANEW: Final = (BOOK_ORDERED_MIN + BOOK_ORDERED_MAX) // 2
_BELOW_ANY_PRICE: Final = 0
_ABOVE_ANY_PRICE: Final = 1 << 63


class _Side:
    """One side's levels: all of them by price, the best of them in order too.

    Most changes are near the best price and most levels are not, and a short list is cheap to keep
    in order; when it runs low, it is taken anew from all levels. `prices` is ascending, and holds
    every price from `_worst` on.
    """

    __slots__ = ("_levels_max", "_worst", "prices", "quantities")

    def __init__(self, levels_max: int) -> None:
        self.prices: list[Price] = []
        self.quantities: dict[Price, Quantity] = {}
        self._levels_max = levels_max
        self._order()

    def load(self, levels: Iterable[Level]) -> None:
        quantities = dict(levels)
        self.quantities = {price: quantities[price] for price in quantities if quantities[price]}
        self._order()

    def _order_if_due(self) -> None:
        """Order anew, unless what is in order is few because few levels are known."""
        if (
            len(self.prices) > BOOK_ORDERED_MAX
            or len(self.prices) < len(self.quantities)
            or len(self.quantities) > self._levels_max
        ):
            self._order()

    def _order(self) -> None:
        raise NotImplementedError

    def _keep(self, best_first: list[Price]) -> list[Price]:
        """Forget the worst levels beyond the limit; return which of the best to keep in order."""
        for price in best_first[self._levels_max :]:
            del self.quantities[price]
        return best_first[: min(_ORDERED_ANEW, self._levels_max)]

    def _levels(self, prices: Iterable[Price]) -> list[Level]:
        quantities = self.quantities
        return [(price, quantities[price]) for price in prices]


class _Bids(_Side):
    """Bids: the best is the highest, the last in `prices`."""

    __slots__ = ()

    def apply(self, levels: Iterable[Level]) -> None:
        prices, quantities, worst = self.prices, self.quantities, self._worst
        for price, quantity in levels:
            if not quantity:
                if quantities.pop(price, None) is not None and price >= worst:
                    del prices[bisect_left(prices, price)]
            else:
                if price >= worst and price not in quantities:
                    insort(prices, price)
                quantities[price] = quantity
        if not BOOK_ORDERED_MIN <= len(prices) <= BOOK_ORDERED_MAX:
            self._order_if_due()
        elif len(quantities) > self._levels_max:
            self._order()

    def best(self) -> Level | None:
        return self._levels(self.prices[-1:])[0] if self.prices else None

    def top(self, levels: int) -> list[Level]:
        prices = self.prices if levels <= BOOK_ORDERED_MIN else sorted(self.quantities)
        return self._levels(prices[: -levels - 1 : -1])

    def _order(self) -> None:
        kept = self._keep(sorted(self.quantities, reverse=True))
        self._worst = kept[-1] if len(kept) < len(self.quantities) else _BELOW_ANY_PRICE
        self.prices = kept[::-1]


class _Asks(_Side):
    """Asks: the best is the lowest, the first in `prices`."""

    __slots__ = ()

    def apply(self, levels: Iterable[Level]) -> None:
        prices, quantities, worst = self.prices, self.quantities, self._worst
        for price, quantity in levels:
            if not quantity:
                if quantities.pop(price, None) is not None and price <= worst:
                    del prices[bisect_left(prices, price)]
            else:
                if price <= worst and price not in quantities:
                    insort(prices, price)
                quantities[price] = quantity
        if not BOOK_ORDERED_MIN <= len(prices) <= BOOK_ORDERED_MAX:
            self._order_if_due()
        elif len(quantities) > self._levels_max:
            self._order()

    def best(self) -> Level | None:
        return self._levels(self.prices[:1])[0] if self.prices else None

    def top(self, levels: int) -> list[Level]:
        prices = self.prices if levels <= BOOK_ORDERED_MIN else sorted(self.quantities)
        return self._levels(prices[:levels])

    def _order(self) -> None:
        self.prices = kept = self._keep(sorted(self.quantities))
        self._worst = kept[-1] if len(kept) < len(self.quantities) else _ABOVE_ANY_PRICE


class OrderBook:
    """Bids and asks of one instrument: quantities at prices, best first.

    An update sets the whole quantity at a price; 0 removes the level, and removing one that is not
    there is normal. Each side keeps its `levels_max` best levels and forgets the rest, as if it had
    never been told: they stay unknown until they change.
    """

    __slots__ = ("_asks", "_bids")

    def __init__(self, levels_max: int = BOOK_LEVELS_MAX) -> None:
        assert levels_max > 0
        self._bids = _Bids(levels_max)
        self._asks = _Asks(levels_max)

    def load(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace everything by a snapshot, its levels in any order."""
        self._bids.load(bids)
        self._asks.load(asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Set the quantity at each of these prices."""
        self._bids.apply(bids)
        self._asks.apply(asks)

    def clear(self) -> None:
        """Forget every level."""
        self.load((), ())

    def best_bid(self) -> Level | None:
        """Return the highest bid and what is wanted there, or None if nobody bids."""
        return self._bids.best()

    def best_ask(self) -> Level | None:
        """Return the lowest ask and what is offered there, or None if nobody asks."""
        return self._asks.best()

    def is_crossed(self) -> bool:
        """Tell whether somebody bids as much as somebody asks, which no venue leaves standing."""
        bids, asks = self._bids.prices, self._asks.prices
        return bool(bids) and bool(asks) and bids[-1] >= asks[0]

    def top_bids(self, levels: int) -> list[Level]:
        """Return the highest bids, best first, at most `levels` of them."""
        return self._bids.top(levels)

    def top_asks(self, levels: int) -> list[Level]:
        """Return the lowest asks, best first, at most `levels` of them."""
        return self._asks.top(levels)

    def bid_quantity(self, price: Price) -> Quantity:
        """Return what is bid at exactly this price."""
        return self._bids.quantities.get(price, 0)

    def ask_quantity(self, price: Price) -> Quantity:
        """Return what is asked at exactly this price."""
        return self._asks.quantities.get(price, 0)

    def level_counts(self) -> tuple[int, int]:
        """Return how many bid levels and how many ask levels are known."""
        return len(self._bids.quantities), len(self._asks.quantities)
