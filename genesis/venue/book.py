"""One side of a public order book: quantity by price, best price first."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from genesis.domain.orders import Side
from genesis.units import Price, Quantity


class PriceLadder:
    """Prices of one side in order of priority.

    A price's key is the price itself among asks and its negative among bids, so that the smallest
    key is the best price on either side.
    """

    __slots__ = ("_keys", "sign")

    def __init__(self, side: Side) -> None:
        self.sign = -side.value
        self._keys: list[int] = []

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Price]:
        sign = self.sign
        return (key * sign for key in self._keys)

    @property
    def best(self) -> Price | None:
        """The best price, or None if the side is empty."""
        return self._keys[0] * self.sign if self._keys else None

    @property
    def worst(self) -> Price:
        """The worst price of a side that is not empty."""
        return self._keys[-1] * self.sign

    def add(self, price: Price) -> None:
        """Insert a price that is not there yet."""
        insort(self._keys, price * self.sign)

    def remove(self, price: Price) -> None:
        """Remove a price that is there."""
        index = bisect_left(self._keys, price * self.sign)
        assert self._keys[index] == price * self.sign, "only a price that is there is removed"
        del self._keys[index]

    def is_better(self, price: Price, than: Price) -> bool:
        """Tell whether `price` comes before `than`."""
        return price * self.sign < than * self.sign

    def reaches(self, price: Price, limit: Price) -> bool:
        """Tell whether a taker with that limit trades at `price`: it is no worse for the taker."""
        return price * self.sign <= limit * self.sign


class BookSide:
    """Public quantity by price, best price first."""

    __slots__ = ("ladder", "quantities")

    def __init__(self, side: Side) -> None:
        self.ladder = PriceLadder(side)
        self.quantities: dict[Price, Quantity] = {}

    def __len__(self) -> int:
        return len(self.quantities)

    def set(self, price: Price, quantity: Quantity) -> Quantity:
        """Set a level to an absolute quantity, 0 to remove it; return what it was."""
        previous = self.quantities.get(price, 0)
        if quantity:
            if not previous:
                self.ladder.add(price)
            self.quantities[price] = quantity
        elif previous:
            self.ladder.remove(price)
            del self.quantities[price]
        return previous

    def levels(self) -> Iterator[tuple[Price, Quantity]]:
        """Yield the levels, best first. The side must not change meanwhile."""
        quantities = self.quantities
        return ((price, quantities[price]) for price in self.ladder)
