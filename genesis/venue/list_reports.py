"""What clients read of order lists: replies and the listStatus event (section 7.5 and 10.2)."""

from collections.abc import Sequence

from genesis.units import Nanos
from genesis.venue.order_lists import ListStatus, VenueOrderList
from genesis.venue.orders import ResponseType
from genesis.venue.reports import JsonObject, cancel_reply, placement_reply
from genesis.venue.time_units import VenueTime

_CONTINGENCY = "OCO"
_STATUS_TYPES = {ListStatus.EXECUTING: "EXEC_STARTED", ListStatus.ALL_DONE: "ALL_DONE"}


def list_reply(order_list: VenueOrderList) -> JsonObject:
    """Return the result of orderList.status, and an element of the other queries."""
    return {
        "orderListId": order_list.list_id,
        "contingencyType": _CONTINGENCY,
        "listStatusType": _STATUS_TYPES[order_list.status],
        "listOrderStatus": order_list.status,
        "listClientOrderId": order_list.list_client_id,
        "transactionTime": VenueTime(order_list.updated_at),
        "symbol": order_list.symbol,
        "orders": [
            {
                "symbol": leg.symbol,
                "orderId": leg.order_id,
                "clientOrderId": leg.client_order_id,
            }
            for leg in order_list.legs
        ],
    }


def list_placement_reply(order_list: VenueOrderList, response_type: ResponseType) -> JsonObject:
    """Return the result of orderList.place.oco at the wanted level of detail."""
    reports = [placement_reply(leg, (), response_type) for leg in order_list.legs]
    return _with_reports(order_list, reports)


def list_cancel_reply(order_list: VenueOrderList, cancel_id: str) -> JsonObject:
    """Return the result of orderList.cancel, and of a cancel of one of its legs."""
    return _with_reports(order_list, [cancel_reply(leg, cancel_id) for leg in order_list.legs])


def list_status(order_list: VenueOrderList, event_at: Nanos) -> JsonObject:
    """Return the listStatus event of a list as it is now."""
    return {
        "e": "listStatus",
        "E": VenueTime(event_at),
        "s": order_list.symbol,
        "g": order_list.list_id,
        "c": _CONTINGENCY,
        "l": _STATUS_TYPES[order_list.status],
        "L": order_list.status,
        "r": "NONE",
        "C": order_list.list_client_id,
        "T": VenueTime(order_list.updated_at),
        "O": [
            {"s": leg.symbol, "i": leg.order_id, "c": leg.client_order_id}
            for leg in order_list.legs
        ],
    }


def _with_reports(order_list: VenueOrderList, reports: Sequence[JsonObject]) -> JsonObject:
    return {**list_reply(order_list), "orderReports": list(reports)}
