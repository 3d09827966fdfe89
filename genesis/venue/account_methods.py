"""Methods of an account: its orders, trades, balances, fees and order counts.

Each takes a `Call` and returns its result, as an object or as JSON that is ready
(`binance-spot.md` sections 7 and 8). The session's own methods (logon, subscriptions) are in
`api_session.py`.
"""

from typing import Final

from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from genesis.venue import refusals
from genesis.venue.api_call import Call, Method, Result, Run, Security, Weigh, costs
from genesis.venue.ledger import HistoryRange, OrderKey
from genesis.venue.list_reports import list_cancel_reply
from genesis.venue.order_entry import read_cancel, read_new_order, read_order_ids
from genesis.venue.parameters import Parameters
from genesis.venue.reports import (
    account_reply,
    cancel_reply,
    commission_reply,
    order_commission_reply,
    order_reply,
    placement_reply,
    trade_reply,
)

HISTORY_LIMIT_DEFAULT: Final = 500
HISTORY_LIMIT_MAX: Final = 1_000

# From the first moment of the first millisecond to the last one of the last.
_HISTORY_SPAN_MAX: Final[Nanos] = 86_400 * NANOS_PER_SECOND + NANOS_PER_MS


def _place(call: Call) -> Result:
    request = read_new_order(call.parameters, call.exchange.generated_id())
    placement = call.exchange.place(call.account_id, request, call.now)
    return placement_reply(placement.order, placement.fills, request.response_type)


def _weight_of_test(parameters: Parameters) -> int:
    return 20 if parameters.flag("computeCommissionRates") else 1


def _test(call: Call) -> Result:
    request = read_new_order(call.parameters, call.exchange.generated_id())
    call.exchange.check(call.account_id, request, call.now)
    if not call.parameters.flag("computeCommissionRates"):
        return {}
    rules = call.exchange.rules
    return order_commission_reply(rules.maker_fee, rules.taker_fee, fees_in_bnb=rules.fees_in_bnb)


def _order_key(call: Call) -> OrderKey:
    symbol = call.parameters.required_text("symbol")
    order_id, client_order_id = read_order_ids(call.parameters)
    return OrderKey(
        account_id=call.account_id,
        symbol=symbol,
        order_id=order_id,
        client_order_id=client_order_id,
    )


def _cancel(call: Call) -> Result:
    request = read_cancel(call.parameters, call.exchange.generated_id())
    order_list = call.exchange.open_list_of(_order_key(call))
    order = call.exchange.cancel(call.account_id, request, call.now)
    if order_list is not None:
        return list_cancel_reply(order_list, request.cancel_id)
    return cancel_reply(order, request.cancel_id)


def _cancel_all(call: Call) -> Result:
    symbol = call.parameters.required_text("symbol")
    lists = [each for each in call.exchange.open_lists(call.account_id) if each.symbol == symbol]
    legs = {leg.order_id for each in lists for leg in each.legs}
    orders = call.exchange.cancel_all(call.account_id, symbol, call.now)
    replies = [
        cancel_reply(order, order.client_order_id) for order in orders if order.order_id not in legs
    ]
    return replies + [list_cancel_reply(each, each.list_client_id) for each in lists]


def _order_status(call: Call) -> Result:
    return order_reply(call.exchange.query(_order_key(call)))


def _weight_of_open_orders(parameters: Parameters) -> int:
    return 6 if "symbol" in parameters else 80


def _open_orders(call: Call) -> Result:
    orders = call.exchange.open_orders(call.account_id, call.parameters.text("symbol"))
    return [order_reply(order) for order in orders]


def _all_orders(call: Call) -> Result:
    wanted = _history(call, from_id="orderId", order_id=None)
    return [order_reply(order) for order in call.exchange.orders(wanted)]


def _weight_of_my_trades(parameters: Parameters) -> int:
    return 5 if "orderId" in parameters else 20


def _my_trades(call: Call) -> Result:
    wanted = _history(call, from_id="fromId", order_id="orderId")
    return [trade_reply(trade) for trade in call.exchange.trades(wanted)]


def _history(call: Call, *, from_id: str, order_id: str | None) -> HistoryRange:
    """Read which rows of a history are wanted.

    Raises:
        Refused: An id together with times, or times more than a day apart.
    """
    parameters = call.parameters
    start_at, end_at = parameters.time("startTime"), parameters.last_time("endTime")
    wanted = HistoryRange(
        account_id=call.account_id,
        symbol=parameters.required_text("symbol"),
        limit=min(parameters.integer("limit") or HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX),
        from_id=parameters.integer(from_id),
        order_id=None if order_id is None else parameters.integer(order_id),
        start_at=start_at,
        end_at=end_at,
    )
    has_times = start_at is not None or end_at is not None
    if has_times and (wanted.from_id is not None or wanted.order_id is not None):
        raise refusals.bad_combination()
    if start_at is not None and end_at is not None and end_at - start_at > _HISTORY_SPAN_MAX:
        raise refusals.range_too_long()
    return wanted


def _account(call: Call) -> Result:
    exchange = call.exchange
    return account_reply(
        exchange.account(call.account_id),
        exchange.rules.maker_fee,
        exchange.rules.taker_fee,
        omit_zero_balances=call.parameters.flag("omitZeroBalances") is True,
    )


def _commission(call: Call) -> Result:
    rules = call.exchange.rules
    listing = call.exchange.listing(call.parameters.required_text("symbol"))
    return commission_reply(
        listing.symbol, rules.maker_fee, rules.taker_fee, fees_in_bnb=rules.fees_in_bnb
    )


def _order_counts(call: Call) -> Result:
    return call.exchange.order_counts(call.account_id, call.now)


def _account_method(weigh: Weigh, run: Run) -> Method:
    return Method(weigh, Security.USER_DATA, run)


def _engine_method(run: Run) -> Method:
    return Method(costs(1), Security.TRADE, run, reaches_engine=True)


ACCOUNT_METHODS: Final[dict[str, Method]] = {
    "order.place": _engine_method(_place),
    "order.test": Method(_weight_of_test, Security.TRADE, _test),
    "order.cancel": _engine_method(_cancel),
    "openOrders.cancelAll": _engine_method(_cancel_all),
    "order.status": _account_method(costs(4), _order_status),
    "openOrders.status": _account_method(_weight_of_open_orders, _open_orders),
    "allOrders": _account_method(costs(20), _all_orders),
    "myTrades": _account_method(_weight_of_my_trades, _my_trades),
    "account.status": _account_method(costs(20), _account),
    "account.commission": _account_method(costs(20), _commission),
    "account.rateLimits.orders": _account_method(costs(40), _order_counts),
}
