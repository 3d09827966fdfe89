"""Methods of order lists: placing, canceling and looking (section 7.5)."""

from typing import Final

from genesis.venue import refusals
from genesis.venue.api_call import Call, Method, Result, Security, costs
from genesis.venue.ledger import HistoryRange
from genesis.venue.list_reports import list_cancel_reply, list_placement_reply, list_reply
from genesis.venue.order_entry import read_list_key, read_new_order_list
from genesis.venue.orders import ResponseType

LISTS_DEFAULT: Final = 500
LISTS_MAX: Final = 1_000


def _place(call: Call) -> Result:
    request = read_new_order_list(call.parameters, call.exchange.generated_id)
    order_list = call.exchange.place_list(call.account_id, request, call.now)
    is_told = "newOrderRespType" in call.parameters
    return list_placement_reply(
        order_list, request.above.response_type if is_told else ResponseType.RESULT
    )


def _cancel(call: Call) -> Result:
    parameters, exchange = call.parameters, call.exchange
    key = read_list_key(parameters, call.account_id, "listClientOrderId")
    cancel_id = parameters.client_order_id("newClientOrderId") or exchange.generated_id()
    symbol = parameters.required_text("symbol")
    order_list = exchange.cancel_list(symbol, key, cancel_id, call.now)
    return list_cancel_reply(order_list, cancel_id)


def _status(call: Call) -> Result:
    key = read_list_key(call.parameters, call.account_id, "origClientOrderId")
    return list_reply(call.exchange.query_list(key))


def _open(call: Call) -> Result:
    return [list_reply(each) for each in call.exchange.open_lists(call.account_id)]


def _all(call: Call) -> Result:
    parameters = call.parameters
    wanted = HistoryRange(
        account_id=call.account_id,
        symbol="",
        limit=min(parameters.integer("limit") or LISTS_DEFAULT, LISTS_MAX),
        from_id=parameters.integer("fromId"),
        start_at=parameters.time("startTime"),
        end_at=parameters.last_time("endTime"),
    )
    if wanted.from_id is not None and (wanted.start_at, wanted.end_at) != (None, None):
        raise refusals.bad_combination()
    return [list_reply(each) for each in call.exchange.order_lists(wanted)]


LIST_METHODS: Final[dict[str, Method]] = {
    "orderList.place.oco": Method(costs(1), Security.TRADE, _place, reaches_engine=True),
    "orderList.cancel": Method(costs(1), Security.TRADE, _cancel, reaches_engine=True),
    "orderList.status": Method(costs(4), Security.USER_DATA, _status),
    "openOrderLists.status": Method(costs(6), Security.USER_DATA, _open),
    "allOrderLists": Method(costs(20), Security.USER_DATA, _all),
}
