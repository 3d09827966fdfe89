"""From a request's parameters to an order: form, combination and vocabulary (section 7.3)."""

from collections.abc import Callable
from typing import Final

import msgspec

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.venue import refusals
from genesis.venue.order_lists import ListKey, NewOrderList
from genesis.venue.orders import NewOrder, ResponseType, SelfTradePrevention
from genesis.venue.parameters import Parameters

_SIDES: Final = {side.name: side for side in Side}
_ORDER_TYPES: Final = {kind.name: kind for kind in OrderType}
_TIMES_IN_FORCE: Final = {tif.name: tif for tif in TimeInForce}
_STP_MODES: Final = {mode.value: mode for mode in SelfTradePrevention}
_OTHER_STP_MODES: Final = frozenset({"DECREMENT", "TRANSFER"})
_RESPONSE_TYPES: Final = {kind.value: kind for kind in ResponseType}

_AT_MARKET: Final = ("timeInForce", "price", "trailingDelta", "icebergQty")
_LIMIT: Final = ("quoteOrderQty", "trailingDelta", "icebergQty")
_UNUSED_BY_TYPE: Final = {
    OrderType.LIMIT: (*_LIMIT, "stopPrice"),
    OrderType.LIMIT_MAKER: (*_LIMIT, "stopPrice", "timeInForce"),
    OrderType.MARKET: (*_AT_MARKET, "stopPrice"),
    OrderType.STOP_LOSS: (*_AT_MARKET, "quoteOrderQty"),
    OrderType.STOP_LOSS_LIMIT: _LIMIT,
    OrderType.TAKE_PROFIT: (*_AT_MARKET, "quoteOrderQty"),
    OrderType.TAKE_PROFIT_LIMIT: _LIMIT,
}
assert _UNUSED_BY_TYPE.keys() == set(OrderType), "every type has a row"

_FULL_BY_DEFAULT: Final = frozenset({OrderType.LIMIT, OrderType.MARKET})
_PROFITS: Final = frozenset(
    {OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which order to cancel. `cancel_id` is the id of the cancel itself."""

    symbol: str
    order_id: int
    client_order_id: str
    cancel_id: str
    only_status: str


def read_new_order(parameters: Parameters, generated_id: str) -> NewOrder:
    """Read the parameters of order.place; `generated_id` names an order without a client's id.

    Raises:
        Refused: A parameter is missing, malformed, too precise, or not for this order type.
    """
    symbol = parameters.required_text("symbol")
    side = _SIDES.get(parameters.required_text("side"))
    if side is None:
        raise refusals.invalid_side()
    order_type = _read_type(parameters.required_text("type"))
    for name in _UNUSED_BY_TYPE[order_type]:
        if name in parameters:
            raise refusals.unneeded_parameter(parameters.name(name))
    quantity, quote_quantity = _read_size(parameters, order_type)
    return NewOrder(
        symbol=symbol,
        side=side,
        order_type=order_type,
        time_in_force=_read_time_in_force(parameters, order_type),
        price=0 if order_type.trades_at_market else parameters.required_number("price"),
        quantity=quantity,
        quote_quantity=quote_quantity,
        client_order_id=parameters.client_order_id("newClientOrderId") or generated_id,
        stp_mode=_read_stp_mode(parameters),
        response_type=_read_response_type(parameters, order_type),
        stop_price=parameters.required_number("stopPrice") if order_type.is_conditional else 0,
    )


def read_new_order_list(parameters: Parameters, generate_id: Callable[[], str]) -> NewOrderList:
    """Read the parameters of orderList.place.oco (section 7.5).

    Raises:
        Refused: As for an order; or the legs are no pair.
    """
    legs = [read_new_order(parameters.leg(prefix), generate_id()) for prefix in ("above", "below")]
    above, below = legs
    _check_leg_types(above, below)
    return NewOrderList(
        list_client_id=parameters.client_order_id("listClientOrderId") or generate_id(),
        above=above,
        below=below,
    )


def _check_leg_types(above: NewOrder, below: NewOrder) -> None:
    """Refuse what is no pair: one leg takes the profit, on the better side, the other stops."""
    kinds = (above.order_type, below.order_type)
    if kinds == (OrderType.LIMIT_MAKER, OrderType.LIMIT_MAKER):
        raise refusals.no_leg_is_contingent()
    if any(kind not in _PROFITS and not kind.is_stop for kind in kinds):
        raise refusals.leg_type_not_supported()
    is_buy = above.side is Side.BUY
    profit, stop = (below, above) if is_buy else (above, below)
    if stop.order_type is OrderType.LIMIT_MAKER:
        raise refusals.limit_must_be_below() if is_buy else refusals.limit_must_be_above()
    if profit.order_type not in _PROFITS or not stop.order_type.is_stop:
        raise refusals.new_order_rejected(refusals.BAD_PRICE_RELATION)


def read_list_key(parameters: Parameters, account_id: int, id_name: str) -> ListKey:
    """Read which list is meant; `id_name` is what the method calls the client's id.

    Raises:
        Refused: -1102, when neither id was sent.
    """
    list_id = parameters.integer("orderListId")
    client_id = parameters.client_order_id(id_name)
    if list_id is None and client_id is None:
        raise refusals.missing_either("orderListId", id_name)
    return ListKey(account_id=account_id, list_id=list_id, list_client_id=client_id or "")


def read_cancel(parameters: Parameters, generated_id: str) -> CancelRequest:
    """Read the parameters of order.cancel.

    Raises:
        Refused: No order is named, or a value is malformed.
    """
    symbol = parameters.required_text("symbol")
    order_id, client_order_id = read_order_ids(parameters)
    restriction = parameters.text("cancelRestrictions")
    if restriction not in (None, "ONLY_NEW", "ONLY_PARTIALLY_FILLED"):
        raise refusals.invalid_cancel_restrictions()
    return CancelRequest(
        symbol=symbol,
        order_id=order_id,
        client_order_id=client_order_id,
        cancel_id=parameters.client_order_id("newClientOrderId") or generated_id,
        only_status="" if restriction is None else restriction.removeprefix("ONLY_"),
    )


def read_order_ids(parameters: Parameters) -> tuple[int, str]:
    """Return order id and client order id of the order meant; 0 and "" where not sent.

    Raises:
        Refused: -1102, when neither was sent.
    """
    order_id = parameters.integer("orderId")
    client_order_id = parameters.client_order_id("origClientOrderId")
    if order_id is None and client_order_id is None:
        raise refusals.missing_either("origClientOrderId", "orderId")
    return order_id or 0, client_order_id or ""


def _read_type(text: str) -> OrderType:
    order_type = _ORDER_TYPES.get(text)
    if order_type is None:
        raise refusals.invalid_order_type()
    return order_type


def _read_size(parameters: Parameters, order_type: OrderType) -> tuple[int, int]:
    """Return quantity and quote quantity, one of which is 0."""
    if order_type is OrderType.MARKET and "quoteOrderQty" in parameters:
        if "quantity" in parameters:
            raise refusals.unneeded_parameter("quoteOrderQty")
        return 0, _positive(parameters.required_number("quoteOrderQty"))
    return _positive(parameters.required_number("quantity")), 0


def _positive(number: int) -> int:
    if number == 0:
        raise refusals.new_order_rejected(refusals.ZERO_NOTIONAL)
    return number


def _read_time_in_force(parameters: Parameters, order_type: OrderType) -> TimeInForce:
    if order_type.trades_at_market or order_type is OrderType.LIMIT_MAKER:
        return TimeInForce.GTC
    time_in_force = _TIMES_IN_FORCE.get(parameters.required_text("timeInForce"))
    if time_in_force is None:
        raise refusals.invalid_time_in_force()
    return time_in_force


def _read_stp_mode(parameters: Parameters) -> SelfTradePrevention:
    text = parameters.text("selfTradePreventionMode")
    if text is None:
        return SelfTradePrevention.EXPIRE_MAKER
    mode = _STP_MODES.get(text)
    if mode is not None:
        return mode
    if text in _OTHER_STP_MODES:
        raise refusals.stp_not_allowed()
    raise refusals.bad_parameter_data("selfTradePreventionMode")


def _read_response_type(parameters: Parameters, order_type: OrderType) -> ResponseType:
    text = parameters.text("newOrderRespType")
    if text is None:
        return ResponseType.FULL if order_type in _FULL_BY_DEFAULT else ResponseType.ACK
    response_type = _RESPONSE_TYPES.get(text)
    if response_type is None:
        raise refusals.bad_parameter_data("newOrderRespType")
    return response_type
