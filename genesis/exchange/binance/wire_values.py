"""The venue's words and numbers as the domain's own; nonsense raises. Pure."""

from typing import Final

from genesis.domain.order_lists import OrderListState
from genesis.domain.orders import OrderState, OrderType, Side
from genesis.errors import MalformedMessage
from genesis.exchange.binance.wire_records import NO_REASON
from genesis.units import fixed_from_text

ORDER_TYPES: Final = {kind.name: kind for kind in OrderType}
"""The types that Genesis sends; the protocol may know others."""

_SIDES: Final = {side.name: side for side in Side}
_STATES: Final = {
    "NEW": OrderState.ACCEPTED,
    "PENDING_NEW": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}
_LIST_STATES: Final = {
    "EXECUTING": OrderListState.WORKING,
    "ALL_DONE": OrderListState.DONE,
    "REJECT": OrderListState.REJECTED,
}


def state_of(status: str, filled: int) -> OrderState:
    """Return what an order status means; a cancel under way has ended nothing."""
    if status == "PENDING_CANCEL":
        return OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED
    state = _STATES.get(status)
    if state is None:
        raise MalformedMessage(f"{status[:40]!r} is no order status")
    return state


def list_state_of(status: str) -> OrderListState:
    """Return what a list status means."""
    state = _LIST_STATES.get(status)
    if state is None:
        raise MalformedMessage(f"{status[:40]!r} is no order list status")
    return state


def is_waiting(order_type: OrderType | None, state: OrderState, working_stamp: int) -> bool:
    """Tell whether a conditional order has not been triggered: it has no working time yet."""
    is_conditional = order_type is not None and order_type.is_conditional
    return is_conditional and state is OrderState.ACCEPTED and working_stamp < 0


def reason_of(status: str, reject_reason: str, expiry_reason: str) -> str:
    """Return why an order was refused or has expired; "" for no reason."""
    for reason in (reject_reason, expiry_reason):
        if reason != NO_REASON:
            return reason
    return status if status == "EXPIRED_IN_MATCH" else ""


def side_of(text: str) -> Side:
    """Return a side by its name."""
    side = _SIDES.get(text)
    if side is None:
        raise MalformedMessage(f"{text[:40]!r} is no side")
    return side


def fixed(text: str) -> int:
    """Return a number as a scaled integer."""
    try:
        return fixed_from_text(text)
    except ValueError as error:
        raise MalformedMessage(str(error)) from None


def unsigned(text: str) -> int:
    """Return a number that is not negative."""
    value = fixed(text)
    if value < 0:
        raise MalformedMessage(f"{text[:40]!r} is negative")
    return value


def traded(text: str) -> int:
    """Return a quantity that is more than nothing."""
    value = fixed(text)
    if value <= 0:
        raise MalformedMessage(f"{text[:40]!r} is not a quantity")
    return value


def positive_id(trade_id: int) -> int:
    """Return a trade's id; the venue writes -1 where there is none."""
    if trade_id < 0:
        raise MalformedMessage(f"a trade has the id {trade_id}")
    return trade_id
