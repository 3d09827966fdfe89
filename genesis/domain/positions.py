"""Positions and balances as a fold over fills, in exact integers.

Nothing but a fill with the venue's own trade id moves a position. A fee taken in the base asset
shrinks the lots received; a fee in the quote asset shrinks the proceeds or raises the cost; a fee
in any third asset is booked under that asset and leaves the position alone.
"""

from typing import Protocol

import msgspec

from genesis.domain.orders import Fill, Side
from genesis.units import Amount, Price, Quantity, notional


class AssetPair(Protocol):
    """What was traded against what: an instrument, or an order that outlived its listing."""

    @property
    def base_asset(self) -> str:
        """The asset that a buyer receives."""
        ...

    @property
    def quote_asset(self) -> str:
        """The asset that a buyer pays with."""
        ...


class Position(msgspec.Struct):
    """Lots of one strategy in one instrument, at average cost.

    `cost` is what the lots still held have cost, fees included; `realized` is closed PnL after
    fees. Both are in the quote asset. When the last lot is sold, `cost` returns to exactly 0.
    """

    quantity: Quantity = 0
    cost: Amount = 0
    realized: Amount = 0
    fills: int = 0

    @property
    def average_entry_price(self) -> Price:
        """Return cost per unit held, 0 when flat."""
        return self.cost * 10**8 // self.quantity if self.quantity else 0

    def unrealized(self, mark_price: Price) -> Amount:
        """Return open PnL at `mark_price`."""
        return notional(mark_price, self.quantity) - self.cost

    def apply(self, fill: Fill, pair: AssetPair) -> None:
        """Book one fill. The caller has made sure that this fill was not booked before."""
        assert fill.quantity > 0
        assert fill.fee >= 0
        self.fills += 1
        base_fee = fill.fee if fill.fee_asset == pair.base_asset else 0
        quote_fee = fill.fee if fill.fee_asset == pair.quote_asset else 0
        if fill.side is Side.BUY:
            self.quantity += fill.quantity - base_fee
            self.cost += fill.quote_amount + quote_fee
            return
        sold = fill.quantity + base_fee
        # The share of cost that leaves is floored; what the floor kept back leaves with the last
        # lot, so that realized PnL over a closed position is exact.
        released = self.cost if sold >= self.quantity else self.cost * sold // self.quantity
        self.quantity -= sold
        self.cost -= released
        self.realized += fill.quote_amount - quote_fee - released


class BalanceFold:
    """What fills and transfers have done to each asset's balance since the opening balance.

    It adds into the mapping it is given, asset by asset.
    """

    __slots__ = ("_changes",)

    def __init__(self, changes: dict[str, Amount]) -> None:
        self._changes = changes

    def apply_fill(self, fill: Fill, pair: AssetPair) -> None:
        """Book the three movements of a fill: base, quote and fee."""
        changes, base, quote = self._changes, pair.base_asset, pair.quote_asset
        if fill.side is Side.BUY:
            changes[base] = changes.get(base, 0) + fill.quantity
            changes[quote] = changes.get(quote, 0) - fill.quote_amount
        else:
            changes[base] = changes.get(base, 0) - fill.quantity
            changes[quote] = changes.get(quote, 0) + fill.quote_amount
        if fill.fee:
            changes[fill.fee_asset] = changes.get(fill.fee_asset, 0) - fill.fee

    def apply_transfer(self, asset: str, amount: Amount) -> None:
        """Book a deposit (positive) or a withdrawal (negative); neither is PnL."""
        self._changes[asset] = self._changes.get(asset, 0) + amount
