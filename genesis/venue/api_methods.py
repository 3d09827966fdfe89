"""What the WebSocket API's methods do on the exchange, each with its weight and security.

A method takes a `Call` and returns its result, as an object or as JSON that is ready. The session's
own methods (logon, subscriptions) are in `api_session.py`.
"""

import enum
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from genesis.units import NANOS_PER_MS, Nanos
from genesis.venue import refusals
from genesis.venue.exchange import Exchange
from genesis.venue.exchange_info import exchange_info
from genesis.venue.klines import DAY_MS
from genesis.venue.ledger import HistoryRange, OrderKey
from genesis.venue.order_entry import read_cancel, read_new_order, read_order_ids
from genesis.venue.parameters import Parameters
from genesis.venue.reports import (
    account_reply,
    cancel_reply,
    order_reply,
    placement_reply,
    trade_reply,
)

DEPTH_LIMIT_DEFAULT: Final = 100
DEPTH_LIMIT_MAX: Final = 5_000
HISTORY_LIMIT_DEFAULT: Final = 500
HISTORY_LIMIT_MAX: Final = 1_000

_DEPTH_WEIGHTS: Final = ((100, 5), (500, 25), (1_000, 50))
_DEPTH_WEIGHT_MAX: Final = 250


class Security(enum.Enum):
    """What a method asks of its caller."""

    NONE = enum.auto()
    SIGNED = enum.auto()
    TRADE = enum.auto()
    """Signed; the recvWindow is tested again just before matching, and success costs no weight."""


class Call(msgspec.Struct, frozen=True):
    """One admitted request. `account_id` is 0 where the method asks for no account."""

    exchange: Exchange
    account_id: int
    parameters: Parameters
    now: Nanos

    @property
    def now_ms(self) -> int:
        """The venue's time as replies show it."""
        return self.now // NANOS_PER_MS


Result: TypeAlias = object
Run: TypeAlias = Callable[[Call], Result]
Weigh: TypeAlias = Callable[[Parameters], int]


class Method(msgspec.Struct, frozen=True):
    """One method: what it costs, whom it serves, what it does."""

    weigh: Weigh
    security: Security
    run: Run


def _costs(weight: int) -> Weigh:
    return lambda _: weight


def _ping(_: Call) -> Result:
    return {}


def _time(call: Call) -> Result:
    return {"serverTime": call.now_ms}


def _exchange_info(call: Call) -> Result:
    exchange, parameters = call.exchange, call.parameters
    symbol, symbols = parameters.text("symbol"), parameters.names("symbols")
    if symbol is not None and symbols is not None:
        raise refusals.bad_combination()
    wanted = symbols if symbol is None else [symbol]
    names = exchange.listings if wanted is None else wanted
    listings = [exchange.listing(name) for name in names]
    return exchange_info(listings, exchange.rules.limits, call.now_ms)


def _depth_limit(parameters: Parameters) -> int:
    limit = parameters.integer("limit")
    return DEPTH_LIMIT_DEFAULT if limit is None else min(limit, DEPTH_LIMIT_MAX)


def _depth_weight(parameters: Parameters) -> int:
    limit = _depth_limit(parameters)
    for limit_max, weight in _DEPTH_WEIGHTS:
        if limit <= limit_max:
            return weight
    return _DEPTH_WEIGHT_MAX


def _depth(call: Call) -> Result:
    listing = call.exchange.listing(call.parameters.required_text("symbol"))
    limit = _depth_limit(call.parameters)
    if limit == 0:
        raise refusals.bad_parameter_data("limit")
    return msgspec.Raw(call.exchange.market.depth(listing.symbol, limit).json())


def _place(call: Call) -> Result:
    request = read_new_order(call.parameters, call.exchange.generated_id())
    placement = call.exchange.place(call.account_id, request, call.now)
    return placement_reply(placement.order, placement.fills, request.response_type)


def _test(call: Call) -> Result:
    request = read_new_order(call.parameters, call.exchange.generated_id())
    call.exchange.check(call.account_id, request, call.now)
    return {}


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
    order = call.exchange.cancel(call.account_id, request, call.now)
    return cancel_reply(order, request.cancel_id)


def _cancel_all(call: Call) -> Result:
    symbol = call.parameters.required_text("symbol")
    orders = call.exchange.cancel_all(call.account_id, symbol, call.now)
    return [cancel_reply(order, order.client_order_id) for order in orders]


def _order_status(call: Call) -> Result:
    return order_reply(call.exchange.query(_order_key(call)))


def _open_orders_weight(parameters: Parameters) -> int:
    return 6 if "symbol" in parameters else 80


def _open_orders(call: Call) -> Result:
    orders = call.exchange.open_orders(call.account_id, call.parameters.text("symbol"))
    return [order_reply(order) for order in orders]


def _all_orders(call: Call) -> Result:
    wanted = _history(call, from_id="orderId", order_id=None)
    return [order_reply(order) for order in call.exchange.orders(wanted)]


def _my_trades_weight(parameters: Parameters) -> int:
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
    start_ms, end_ms = parameters.integer("startTime"), parameters.integer("endTime")
    wanted = HistoryRange(
        account_id=call.account_id,
        symbol=parameters.required_text("symbol"),
        limit=min(parameters.integer("limit") or HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX),
        from_id=parameters.integer(from_id),
        order_id=None if order_id is None else parameters.integer(order_id),
        start_ms=start_ms,
        end_ms=end_ms,
    )
    has_times = start_ms is not None or end_ms is not None
    if has_times and (wanted.from_id is not None or wanted.order_id is not None):
        raise refusals.bad_combination()
    if start_ms is not None and end_ms is not None and end_ms - start_ms > DAY_MS:
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


METHODS: Final[dict[str, Method]] = {
    "ping": Method(_costs(1), Security.NONE, _ping),
    "time": Method(_costs(1), Security.NONE, _time),
    "exchangeInfo": Method(_costs(20), Security.NONE, _exchange_info),
    "depth": Method(_depth_weight, Security.NONE, _depth),
    "order.place": Method(_costs(1), Security.TRADE, _place),
    "order.test": Method(_costs(1), Security.SIGNED, _test),
    "order.cancel": Method(_costs(1), Security.TRADE, _cancel),
    "openOrders.cancelAll": Method(_costs(1), Security.TRADE, _cancel_all),
    "order.status": Method(_costs(4), Security.SIGNED, _order_status),
    "openOrders.status": Method(_open_orders_weight, Security.SIGNED, _open_orders),
    "allOrders": Method(_costs(20), Security.SIGNED, _all_orders),
    "myTrades": Method(_my_trades_weight, Security.SIGNED, _my_trades),
    "account.status": Method(_costs(20), Security.SIGNED, _account),
}
ORDER_METHODS: Final = frozenset({"order.place"})
"""Methods that add an order: their replies show order counts, and a late one is counted."""
