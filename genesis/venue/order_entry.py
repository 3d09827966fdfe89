"""From a request's parameters to an order: form, combination and vocabulary (section 7.3)."""

from typing import Final

import msgspec

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.venue import refusals
from genesis.venue.orders import NewOrder, ResponseType, SelfTradePrevention
from genesis.venue.parameters import Parameters

_SIDES: Final = {side.name: side for side in Side}
_ORDER_TYPES: Final = {kind.name: kind for kind in OrderType if not kind.is_conditional}
_TIMES_IN_FORCE: Final = {tif.name: tif for tif in TimeInForce}
_STP_MODES: Final = {mode.value: mode for mode in SelfTradePrevention}
_OTHER_STP_MODES: Final = frozenset({"DECREMENT", "TRANSFER"})
_RESPONSE_TYPES: Final = {kind.value: kind for kind in ResponseType}

_UNUSED_BY_TYPE: Final = {
    OrderType.LIMIT: ("quoteOrderQty", "stopPrice", "trailingDelta", "icebergQty"),
    OrderType.LIMIT_MAKER: (
        "timeInForce",
        "quoteOrderQty",
        "stopPrice",
        "trailingDelta",
        "icebergQty",
    ),
    OrderType.MARKET: ("timeInForce", "price", "stopPrice", "trailingDelta", "icebergQty"),
}
assert _UNUSED_BY_TYPE.keys() == set(_ORDER_TYPES.values()), "every type has a row"


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
            raise refusals.unneeded_parameter(name)
    quantity, quote_quantity = _read_size(parameters, order_type)
    return NewOrder(
        symbol=symbol,
        side=side,
        order_type=order_type,
        time_in_force=_read_time_in_force(parameters, order_type),
        price=0 if order_type is OrderType.MARKET else parameters.required_number("price"),
        quantity=quantity,
        quote_quantity=quote_quantity,
        client_order_id=parameters.client_order_id("newClientOrderId") or generated_id,
        stp_mode=_read_stp_mode(parameters),
        response_type=_read_response_type(parameters, order_type),
    )


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
    if order_type is not None:
        return order_type
    if refusals.is_unsupported_order_type(text):
        raise refusals.unsupported_order_type(text)
    raise refusals.invalid_order_type()


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
    if order_type is not OrderType.LIMIT:
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
        is_maker_only = order_type is OrderType.LIMIT_MAKER
        return ResponseType.ACK if is_maker_only else ResponseType.FULL
    response_type = _RESPONSE_TYPES.get(text)
    if response_type is None:
        raise refusals.bad_parameter_data("newOrderRespType")
    return response_type
