"""Requests of the WebSocket API, from intents and ids to frames (`binance-spot.md` 6 and 7.3)."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from genesis.domain.order_lists import OrderListIntent
from genesis.domain.orders import OrderIntent, OrderType
from genesis.exchange.binance.request_costs import cost_of
from genesis.exchange.binance.signing import Params, ParamValue, Signer, websocket_payload
from genesis.exchange.request_cost import RequestCost
from genesis.limits import ORDERS_PER_PAGE_MAX, TRADES_PER_PAGE_MAX
from genesis.units import NANOS_PER_MS, Nanos, text_from_fixed

_encode = msgspec.json.Encoder().encode


class Request(NamedTuple):
    """One request, encoded: the number that its reply will bear, its frame, and what it costs."""

    request_id: int
    method: str
    frame: bytes
    cost: RequestCost


class RequestBuilder:
    """Makes frames: numbers them, stamps them and signs them as the key demands.

    A key that can log on signs once per session; afterwards its requests carry a timestamp only
    (section 6.2). Any other key signs each request.
    """

    def __init__(self, signer: Signer, recv_window_ms: int) -> None:
        self._signer = signer
        self._recv_window_ms = recv_window_ms
        self._request_ids = itertools.count(1)

    @property
    def logs_on(self) -> bool:
        """Tell whether a new session begins with `logon`."""
        return self._signer.can_log_on

    def public(self, method: str, params: Params) -> Request:
        """Return a request that needs no key."""
        request_id = next(self._request_ids)
        frame = _encode({"id": request_id, "method": method, "params": params})
        return Request(request_id, method, frame, cost_of(method, params))

    def private(self, method: str, params: Params, timestamp_ms: int) -> Request:
        """Return a request on the account's behalf."""
        if self._signer.can_log_on:
            return self.public(method, self._stamped(params, timestamp_ms))
        return self.signed(method, params, timestamp_ms)

    def signed(self, method: str, params: Params, timestamp_ms: int) -> Request:
        """Return a request that carries its own key and signature."""
        stamped = self._stamped(params, timestamp_ms)
        stamped["apiKey"] = self._signer.api_key
        stamped["signature"] = self._signer.sign(websocket_payload(stamped))
        return self.public(method, stamped)

    def _stamped(self, params: Params, timestamp_ms: int) -> dict[str, ParamValue]:
        return {**params, "recvWindow": self._recv_window_ms, "timestamp": timestamp_ms}


def place_params(intent: OrderIntent) -> Params:
    """Return the parameters of `order.place` (section 7.3).

    The reply is asked for in full, with its fills, so that it alone can book what was traded.
    """
    return {
        "symbol": intent.symbol,
        "side": intent.side.name,
        "type": intent.order_type.name,
        "quantity": text_from_fixed(intent.quantity),
        "newClientOrderId": intent.client_order_id,
        "newOrderRespType": "FULL",
        **_price_params(intent),
    }


def place_list_params(intent: OrderListIntent) -> Params:
    """Return the parameters of `orderList.place.oco` (section 7.5).

    Of a sale, the target is the leg above the market, the stop the one below.
    """
    return {
        "symbol": intent.symbol,
        "side": intent.stop.side.name,
        "quantity": text_from_fixed(intent.stop.quantity),
        "listClientOrderId": intent.list_client_order_id,
        "newOrderRespType": "FULL",
        **_leg_params("above", intent.target),
        **_leg_params("below", intent.stop),
    }


def _leg_params(prefix: str, leg: OrderIntent) -> dict[str, str]:
    named = {
        "type": leg.order_type.name,
        "clientOrderId": leg.client_order_id,
        **_price_params(leg),
    }
    return {f"{prefix}{name[0].upper()}{name[1:]}": text for name, text in named.items()}


def _price_params(intent: OrderIntent) -> dict[str, str]:
    """Return what a type says of its prices: the venue refuses what it has no use for."""
    kind, params = intent.order_type, {}
    if not kind.trades_at_market:
        params["price"] = text_from_fixed(intent.limit_price)
        if kind is not OrderType.LIMIT_MAKER:
            params["timeInForce"] = intent.time_in_force.name
    if kind.is_conditional:
        params["stopPrice"] = text_from_fixed(intent.trigger_price)
    return params


def order_params(symbol: str, client_order_id: str) -> Params:
    """Return the parameters of `order.status` and `order.cancel`."""
    return {"symbol": symbol, "origClientOrderId": client_order_id}


def cancel_list_params(symbol: str, list_client_order_id: str) -> Params:
    """Return the parameters of `orderList.cancel`."""
    return {"symbol": symbol, "listClientOrderId": list_client_order_id}


def list_params(list_client_order_id: str) -> Params:
    """Return the parameters of `orderList.status`."""
    return {"origClientOrderId": list_client_order_id}


def open_orders_params(symbol: str | None) -> Params:
    """Return the parameters of `openOrders.status`."""
    return {} if symbol is None else {"symbol": symbol}


def orders_since_params(symbol: str, since: Nanos) -> Params:
    """Return the parameters of `allOrders`, the first page of orders made since a time."""
    return {"symbol": symbol, "startTime": since // NANOS_PER_MS, "limit": ORDERS_PER_PAGE_MAX}


def orders_from_params(symbol: str, venue_order_id: int) -> Params:
    """Return the parameters of `allOrders`, one page from a venue order id on."""
    return {"symbol": symbol, "orderId": venue_order_id, "limit": ORDERS_PER_PAGE_MAX}


def trades_from_params(symbol: str, from_id: int) -> Params:
    """Return the parameters of `myTrades`, one page from trade id `from_id` on."""
    return {"symbol": symbol, "fromId": from_id, "limit": TRADES_PER_PAGE_MAX}


def trades_made_since_params(symbol: str, since: Nanos) -> Params:
    """Return the parameters of `myTrades`, the first page of trades made since a time."""
    return {"symbol": symbol, "startTime": since // NANOS_PER_MS, "limit": TRADES_PER_PAGE_MAX}


def trades_of_order_params(symbol: str, venue_order_id: int, from_id: int) -> Params:
    """Return the parameters of `myTrades` for one order, one page from `from_id` on."""
    return {**trades_from_params(symbol, from_id), "orderId": venue_order_id}


def instruments_params(symbols: Sequence[str] | None) -> Params:
    """Return the parameters of `exchangeInfo`; None asks for every symbol that trades."""
    if symbols is None:
        return {"symbolStatus": "TRADING", "showPermissionSets": False}
    return {"symbols": list(symbols), "showPermissionSets": False}


def account_params() -> Params:
    """Return the parameters of `account.status`."""
    return {"omitZeroBalances": True}
