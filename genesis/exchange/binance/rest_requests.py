"""Requests of the REST API, as the twins of the WebSocket API's methods (`binance-spot.md` 8)."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from genesis.exchange.binance.request_costs import cost_of
from genesis.exchange.binance.signing import Params, Signer, query_string, signed_query
from genesis.exchange.request_cost import RequestCost


class RestRequest(NamedTuple):
    """One request: the method whose twin it is, its verb, and path and query below the base URL.

    `target` is sent as it is: a signature holds for these bytes alone. `api_key` is "" for a
    request that needs none.
    """

    method: str
    verb: str
    target: str
    cost: RequestCost
    api_key: str = ""


# New orders are absent on purpose: they go over one path, and once.
TWINS: Final[Mapping[str, tuple[str, str]]] = {
    "time": ("GET", "/time"),
    "exchangeInfo": ("GET", "/exchangeInfo"),
    "depth": ("GET", "/depth"),
    "order.status": ("GET", "/order"),
    "order.cancel": ("DELETE", "/order"),
    "openOrders.status": ("GET", "/openOrders"),
    "orderList.status": ("GET", "/orderList"),
    "orderList.cancel": ("DELETE", "/orderList"),
    "openOrderLists.status": ("GET", "/openOrderList"),
    "allOrders": ("GET", "/allOrders"),
    "myTrades": ("GET", "/myTrades"),
    "account.status": ("GET", "/account"),
}
"""Verb and path of each method that is asked over REST."""


def public_request(method: str, params: Params) -> RestRequest:
    """Return a request that needs no key."""
    verb, path = TWINS[method]
    target = f"{path}?{query_string(params)}" if params else path
    return RestRequest(method, verb, target, cost_of(method, params))


def signed_request(
    method: str, params: Params, signer: Signer, *, recv_window_ms: int, timestamp_ms: int
) -> RestRequest:
    """Return a request on the account's behalf; REST has no sessions, so each is signed."""
    verb, path = TWINS[method]
    stamped = {**params, "recvWindow": recv_window_ms, "timestamp": timestamp_ms}
    target = f"{path}?{signed_query(stamped, signer)}"
    return RestRequest(method, verb, target, cost_of(method, params), signer.api_key)
