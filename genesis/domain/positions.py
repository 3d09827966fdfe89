"""Positions and balances as a fold over fills, in exact integers.

Nothing but a fill with the venue's own trade id moves a position. A fee taken in the base asset
shrinks the lots received; a fee in the quote asset shrinks the proceeds or raises the cost; a fee
in any third asset is booked under that asset, and charged at what it was worth at the time.
"""

from bisect import bisect_left
from copy import copy
from typing import Final, Protocol

import msgspec

from genesis.domain.orders import Fill
from genesis.domain.strategy_record import RoundTrip, StrategyRecord
from genesis.limits import POSITION_TRADES_KEPT
from genesis.units import Amount, Nanos, Price, Quantity, notional


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


class TradedPair(AssetPair, Protocol):
    """The order that a fill is of, as far as a position asks."""

    @property
    def step_size(self) -> Quantity:
        """The step in which lots may be sold, 0 if it is not known."""
        ...

    @property
    def stop_price(self) -> Price:
        """The price at which its lots were to be sold at a loss, 0 for none."""
        ...


class PositionTrade(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What one fill does to a position: lots in or out, and what was paid or got for them.

    `lots` and `amount` are never negative; both have the fees in their own asset in them. `charge`
    is a fee in a third asset, at what that was worth in the quote asset. Lots fewer than `step`
    cannot be sold (0: not known). `price` is the trade's for a sale; for a buy it is the stop price
    of its order, 0 for none.
    """

    trade_id: int
    is_buy: bool
    lots: Quantity
    amount: Amount
    charge: Amount
    price: Price
    step: Quantity
    traded_at: Nanos


def trade_of(fill: Fill, order: TradedPair, charge: Amount = 0) -> PositionTrade:
    """Return what a fill of an order does to its position; `charge` as in a `PositionTrade`."""
    lots, amount, fee = fill.quantity, fill.quote_amount, fill.fee
    assert lots > 0
    assert fee >= 0
    is_buy = fill.side > 0
    if fee:
        if fill.fee_asset == order.quote_asset:
            amount += fee if is_buy else -fee
        elif fill.fee_asset == order.base_asset:
            lots -= fee if is_buy else -fee
    return PositionTrade(
        fill.trade_id,
        is_buy,
        lots,
        amount,
        charge,
        order.stop_price if is_buy else fill.price,
        order.step_size,
        fill.traded_at,
    )


class PositionFigures(msgspec.Struct, gc=False):
    """What the trades of one strategy in one instrument add up to, at average cost.

    `cost` is what the lots still held have cost, fees included; `realized` is closed PnL after all
    fees, `charged` the part of these that was paid in third assets: PnL, but none of this money.
    All are in the quote asset. When the last lot is sold, `cost` returns to exactly 0.

    What a sale leaves below one step of the venue's, as fees in the base asset do, is *dust*: it
    belongs to the house until the strategy buys the instrument again, and then comes back at its
    cost. `opened_at` is 0 while no round trip is under way; then `trip_realized` is what was
    realized before it and `trip_paid` what its buys cost.
    """

    quantity: Quantity = 0
    cost: Amount = 0
    realized: Amount = 0
    charged: Amount = 0
    fills: int = 0
    dust: Quantity = 0
    dust_cost: Amount = 0
    opened_at: Nanos = 0
    trip_realized: Amount = 0
    trip_paid: Amount = 0
    stop_price: Price = 0
    record: StrategyRecord = msgspec.field(default_factory=StrategyRecord)

    @property
    def average_entry_price(self) -> Price:
        """Return cost per unit held, 0 when flat."""
        return self.cost * 10**8 // self.quantity if self.quantity else 0

    @property
    def lots(self) -> Quantity:
        """Return all of the base asset that its trades have left, dust too."""
        return self.quantity + self.dust

    @property
    def cash(self) -> Amount:
        """Return what its trades have brought (or, below 0, taken) of the quote asset itself."""
        return self.realized + self.charged - self.cost - self.dust_cost

    def unrealized(self, mark_price: Price) -> Amount:
        """Return open PnL at `mark_price`."""
        return notional(mark_price, self.quantity) - self.cost

    def take(self, trade: PositionTrade) -> None:
        """Add one trade, later than all before it."""
        if trade.is_buy:
            self._buy(trade)
        else:
            self._sell(trade)

    def _buy(self, trade: PositionTrade) -> None:
        self.fills += 1
        cost = trade.amount
        if self.dust:
            self.quantity += self.dust
            self.cost += self.dust_cost
            self.dust = self.dust_cost = 0
        if self.quantity < 0:
            # More was sold than held: trades are missing, or another's lots were sold. What covers
            # that has its cost realized, so that a flat position has none.
            covering = min(-self.quantity, trade.lots)
            covered = cost * covering // trade.lots if covering else 0
            self.realized -= covered
            cost -= covered
        self.quantity += trade.lots
        self.cost += cost
        if self.quantity > 0:
            if not self.opened_at:
                self.opened_at = trade.traded_at
                self.trip_realized = self.realized
                self.trip_paid = self.stop_price = 0
            self.trip_paid += cost + trade.charge
            if trade.price:
                self.stop_price = trade.price
        if trade.charge:
            self.realized -= trade.charge
            self.charged += trade.charge

    def _sell(self, trade: PositionTrade) -> None:
        self.fills += 1
        lots, held, cost = trade.lots, self.quantity, self.cost
        # The share of cost that leaves is floored; what the floor kept back leaves with the last
        # lot, so that realized PnL over a closed position is exact.
        released = cost if lots >= held else cost * lots // held
        self.quantity = left = held - lots
        self.cost = cost - released
        self.realized += trade.amount - released - trade.charge
        if trade.charge:
            self.charged += trade.charge
        if left <= 0 or left < trade.step:
            self._close(trade)

    def _close(self, trade: PositionTrade) -> None:
        """End the round trip, and give to the house what cannot be sold."""
        if self.quantity > 0:
            self.dust, self.dust_cost = self.quantity, self.cost
            self.quantity = self.cost = 0
        if not self.opened_at:
            return
        result = self.realized - self.trip_realized
        self.record.add(
            RoundTrip(
                self.opened_at,
                trade.traded_at,
                self.trip_paid,
                result,
                result < 0 and trade.price <= self.stop_price,
            )
        )
        self.opened_at = 0


_FIGURES: Final = PositionFigures.__struct_fields__


class Position(PositionFigures, gc=False):
    """Lots of one strategy in one instrument, whatever the order in which its fills arrive.

    Average cost depends on the order of buys and sales, and the order that counts is the venue's:
    by trade id. Up to twice `POSITION_TRADES_KEPT` trades are kept, with the figures before the
    first of them, so one that arrives late is put in its place and all behind it are taken again:
    at most 128 trades, 0.1 ms. One that comes later still is taken as the first of those kept and
    counted as `misplaced`: then realized and unrealized PnL may each be off by what its place would
    have made of it, and their sum never is.
    """

    misplaced: int = 0
    forgotten_until: int = 0
    trades: list[PositionTrade] = msgspec.field(default_factory=list)
    base: PositionFigures = msgspec.field(default_factory=PositionFigures)
    middle: PositionFigures = msgspec.field(default_factory=PositionFigures)

    def apply(self, fill: Fill, order: TradedPair, charge: Amount = 0) -> None:
        """Book one fill of an order, and a fee in a third asset at its worth.

        The caller has made sure that this fill was not booked before; one that is still kept,
        however, is known and changes nothing.
        """
        trade = trade_of(fill, order, charge)
        trades = self.trades
        if trades and fill.trade_id <= trades[-1].trade_id:
            self._insert(trade)
            return
        trades.append(trade)
        if trade.is_buy:  # as `take`, one call shorter
            self._buy(trade)
        else:
            self._sell(trade)
        if not len(trades) % POSITION_TRADES_KEPT:
            self._keep()

    def charge_later(self, value: Amount) -> None:
        """Take off what a fee in a third asset was worth, which was not known when it was booked.

        It belongs to no round trip: those may have been closed, and acted upon, long ago.
        """
        for figures in (self, self.base, self.middle):
            figures.realized -= value
            figures.charged += value
            figures.trip_realized -= value

    def _insert(self, trade: PositionTrade) -> None:
        """Put a late trade in its place, and take again what is behind it."""
        place = bisect_left(self.trades, trade.trade_id, key=_trade_id)
        if place < len(self.trades) and self.trades[place].trade_id == trade.trade_id:
            return
        self.misplaced += trade.trade_id < self.forgotten_until
        trades = self.trades
        trades.insert(place, trade)
        self._return_to(self.base)
        for number, each in enumerate(trades, start=1):
            self.take(each)
            if number == POSITION_TRADES_KEPT:
                self.middle = self._figures()
        if len(trades) == 2 * POSITION_TRADES_KEPT:
            self._keep()

    def _keep(self) -> None:
        """Note the figures at this place; forget the trades before the last place but one."""
        if len(self.trades) > POSITION_TRADES_KEPT:
            self.base = self.middle
            self.forgotten_until = self.trades[POSITION_TRADES_KEPT - 1].trade_id
            del self.trades[:POSITION_TRADES_KEPT]
        self.middle = self._figures()

    def _figures(self) -> PositionFigures:
        copied = PositionFigures(*(getattr(self, name) for name in _FIGURES))
        copied.record = copy(self.record)
        return copied

    def _return_to(self, figures: PositionFigures) -> None:
        for name in _FIGURES:
            setattr(self, name, getattr(figures, name))
        self.record = copy(figures.record)


def _trade_id(trade: PositionTrade) -> int:
    return trade.trade_id


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
        if fill.side > 0:
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
