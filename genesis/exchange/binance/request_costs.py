"""What each method costs, and what we ask it for (`binance-spot.md` section 6.4). Pure.

REST endpoints weigh what their twins on the WebSocket API weigh (section 8), and are named here as
those are.
"""

from collections.abc import Mapping
from typing import Final

from genesis.exchange.binance.signing import ParamValue
from genesis.exchange.request_cost import ENTRY_COST, EXIT_PAIR_COST, Purpose, RequestCost

_SESSION: Final = Purpose.SESSION
_RECONCILE: Final = Purpose.RECONCILE

_COSTS: Final = {
    "ping": RequestCost(_SESSION, 1),
    "time": RequestCost(_SESSION, 1),
    "session.logon": RequestCost(_SESSION, 2),
    "session.status": RequestCost(_SESSION, 2),
    "session.logout": RequestCost(_SESSION, 2),
    "userDataStream.subscribe": RequestCost(_SESSION, 2),
    "userDataStream.subscribe.signature": RequestCost(_SESSION, 2),
    "userDataStream.unsubscribe": RequestCost(_SESSION, 2),
    "order.status": RequestCost(_RECONCILE, 4),
    "order.place": ENTRY_COST,
    "order.test": RequestCost(Purpose.READ, 1),
    "order.cancel": RequestCost(Purpose.CANCEL, 1, is_refunded=True),
    "orderList.place.oco": EXIT_PAIR_COST,
    "orderList.cancel": RequestCost(Purpose.CANCEL, 1, is_refunded=True),
    "orderList.status": RequestCost(_RECONCILE, 4),
    "openOrderLists.status": RequestCost(_RECONCILE, 6),
    "openOrders.cancelAll": RequestCost(Purpose.CANCEL, 1, is_refunded=True),
    "allOrders": RequestCost(_RECONCILE, 20),
    "account.status": RequestCost(_RECONCILE, 20),
    "account.rateLimits.orders": RequestCost(_RECONCILE, 40),
    "exchangeInfo": RequestCost(_RECONCILE, 20),  # our rules against the venue's
}
_OPEN_ORDERS_OF_ONE: Final = RequestCost(_RECONCILE, 6)
_OPEN_ORDERS_OF_ALL: Final = RequestCost(_RECONCILE, 80)
_TRADES: Final = RequestCost(_RECONCILE, 20)
_TRADES_OF_ORDER: Final = RequestCost(_RECONCILE, 5)
_DEPTHS: Final = tuple(
    (levels, RequestCost(Purpose.READ, weight))
    for levels, weight in ((100, 5), (500, 25), (1_000, 50), (5_000, 250))
)
_DEPTH_LEVELS: Final = 100  # where a request names no `limit`


def cost_of(method: str, params: Mapping[str, ParamValue]) -> RequestCost:
    """Return what a request costs.

    An order counts as an entry: only who knows the position can say that it shrinks one. A pair of
    orders shrinks one always: nothing else is made of two.
    """
    match method:
        case "depth":
            levels = params.get("limit", _DEPTH_LEVELS)
            assert isinstance(levels, int), "a number of levels is a number"
            return next((cost for most, cost in _DEPTHS if levels <= most), _DEPTHS[-1][1])
        case "openOrders.status":
            return _OPEN_ORDERS_OF_ONE if "symbol" in params else _OPEN_ORDERS_OF_ALL
        case "myTrades":
            return _TRADES_OF_ORDER if "orderId" in params else _TRADES
        case _:
            return _COSTS[method]
