"""What a trade costs, and in which asset (`binance-spot.md` section 9.2). Pure.

A commission is charged on what is received, in that asset. An account that pays in BNB pays less
there, for as long as it has enough of it free: the asset may change between two fills of one order.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from genesis.domain.orders import Side
from genesis.units import SCALE, Amount, Price, notional
from genesis.venue.account import Account
from genesis.venue.listing import Listing
from genesis.venue.matching import Execution

FEE_ASSET: Final = "BNB"
DISCOUNTED: Final[Amount] = SCALE * 3 // 4
"""What is left of a commission that is paid in BNB, scaled by 10**8."""


class Commission(NamedTuple):
    """An amount of an asset, cut off at the eighth decimal."""

    amount: Amount
    asset: str


class Commissions:
    """The rates of a venue, scaled by 10**8.

    `fee_asset_price` says what one BNB costs in a quote asset, 0 if nobody knows; it is None where
    accounts do not pay in BNB.
    """

    def __init__(
        self, maker: Amount, taker: Amount, fee_asset_price: Callable[[str], Price] | None = None
    ) -> None:
        self._maker = maker
        self._taker = taker
        self._fee_asset_price = fee_asset_price

    def of(
        self,
        account: Account,
        listing: Listing,
        side: Side,
        execution: Execution,
        *,
        is_maker: bool,
    ) -> Commission:
        """Return what an account pays for its side of a trade, as it stands now."""
        rate = self._maker if is_maker else self._taker
        if side is Side.BUY:
            usual = Commission(execution.quantity * rate // SCALE, listing.base_asset)
            worth = notional(execution.price, usual.amount)
        else:
            quote = notional(execution.price, execution.quantity)
            usual = Commission(quote * rate // SCALE, listing.quote_asset)
            worth = usual.amount
        if self._fee_asset_price is None:
            return usual
        if usual.asset == FEE_ASSET:
            return Commission(usual.amount * DISCOUNTED // SCALE, FEE_ASSET)
        price = self._fee_asset_price(listing.quote_asset)
        amount = worth * DISCOUNTED // price if price else 0
        if price == 0 or amount > account.free(FEE_ASSET):
            return usual
        return Commission(amount, FEE_ASSET)
