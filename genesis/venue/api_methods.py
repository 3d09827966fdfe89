"""Every method of the API: one table, which both transports serve (`binance-spot.md` 6.4 and 8)."""

from typing import Final

from genesis.venue.account_methods import ACCOUNT_METHODS
from genesis.venue.api_call import Method
from genesis.venue.list_methods import LIST_METHODS
from genesis.venue.market_methods import MARKET_METHODS

METHODS: Final[dict[str, Method]] = {**MARKET_METHODS, **ACCOUNT_METHODS, **LIST_METHODS}
ORDER_METHODS: Final = frozenset({"order.place", "orderList.place.oco"})
"""Methods that add an order: their replies show order counts, and a late one is counted."""

assert len(METHODS) == len(MARKET_METHODS) + len(ACCOUNT_METHODS) + len(LIST_METHODS), (
    "a method has one meaning"
)
