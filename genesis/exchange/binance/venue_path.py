"""The port's questions and cancels as Binance's methods, whatever carries them.

Parameters and results are the same on both transports (`binance-spot.md` 6.4): only the envelope
differs, and a carrier knows about that.
"""

import abc
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from genesis.domain.instruments import Instrument
from genesis.domain.order_lists import OrderListReport
from genesis.domain.orders import ExecutionReport, Fill
from genesis.exchange.binance import requests
from genesis.exchange.binance.catalogue import decode_instruments
from genesis.exchange.binance.messages import (
    decode_account,
    decode_lists,
    decode_orders,
    decode_time,
    decode_trades,
)
from genesis.exchange.binance.outcomes import (
    Fate,
    Reply,
    cancel_list_outcome,
    cancel_outcome,
    or_not_listed,
    query_list_outcome,
    query_outcome,
    read_outcome,
)
from genesis.exchange.binance.rate_replies import limits_of_listing
from genesis.exchange.binance.signing import Params
from genesis.exchange.gateway import (
    Account,
    CancelOutcome,
    ListCancelOutcome,
    ListingOutcome,
    ListQueryOutcome,
    NoAnswer,
    NotListed,
    QueryOutcome,
)
from genesis.exchange.request_gate import RequestGate
from genesis.limits import (
    ORDER_PAGES_MAX,
    ORDERS_PER_PAGE_MAX,
    READ_TIMEOUT,
    TRADE_PAGES_MAX,
    TRADES_PER_PAGE_MAX,
)
from genesis.units import NANOS_PER_MS, Nanos

_T = TypeVar("_T")


class BinancePath(abc.ABC):
    """Implements `genesis.exchange.gateway.VenuePath` over what a subclass carries.

    `gate` is what every request of this way passes; the listing tells it the limits.
    `reply_timeout` is how long the answers are waited for that orders depend on: cancels, queries
    and the venue's time. Lists may take longer: `list_timeout`.
    """

    def __init__(
        self, gate: RequestGate, reply_timeout: Nanos, list_timeout: Nanos = READ_TIMEOUT
    ) -> None:
        self._gate = gate
        self._reply_timeout = reply_timeout
        self._list_timeout = list_timeout

    @abc.abstractmethod
    def _ask(
        self, method: str, params: Params, read: Callable[[Fate], _T], within: Nanos
    ) -> Awaitable[_T]:
        """Carry a request that needs no key; give `read` its fate and return what that makes.

        The fate is known `within` so long.
        """

    @abc.abstractmethod
    def _ask_private(
        self, method: str, params: Params, read: Callable[[Fate], _T], within: Nanos
    ) -> Awaitable[_T]:
        """Carry a request on the account's behalf, as `_ask` does."""

    async def cancel(self, symbol: str, client_order_id: str) -> CancelOutcome:
        """Cancel one open order. See the port."""
        return await self._ask_private(
            "order.cancel",
            requests.order_params(symbol, client_order_id),
            lambda fate: cancel_outcome(fate, client_order_id),
            self._reply_timeout,
        )

    async def cancel_list(self, symbol: str, list_client_order_id: str) -> ListCancelOutcome:
        """Cancel an open list. See the port."""
        return await self._ask_private(
            "orderList.cancel",
            requests.cancel_list_params(symbol, list_client_order_id),
            lambda fate: cancel_list_outcome(fate, list_client_order_id),
            self._reply_timeout,
        )

    async def query_list(self, list_client_order_id: str) -> ListQueryOutcome:
        """Ask for one list by our id. See the port."""
        return await self._ask_private(
            "orderList.status",
            requests.list_params(list_client_order_id),
            lambda fate: query_list_outcome(fate, list_client_order_id),
            self._reply_timeout,
        )

    async def open_lists(self) -> tuple[OrderListReport, ...] | NoAnswer:
        """List the order lists that are open. See the port."""
        return await self._list("openOrderLists.status", {}, _read_lists)

    async def query(self, symbol: str, client_order_id: str) -> QueryOutcome:
        """Ask for one order by our id. See the port."""
        return await self._ask_private(
            "order.status",
            requests.order_params(symbol, client_order_id),
            lambda fate: query_outcome(fate, client_order_id),
            self._reply_timeout,
        )

    async def open_orders(self, symbol: str | None) -> tuple[ExecutionReport, ...] | NoAnswer:
        """List the orders that are open. See the port."""
        params = requests.open_orders_params(symbol)
        return await self._list("openOrders.status", params, _read_orders)

    async def orders_since(
        self, symbol: str, since: Nanos
    ) -> tuple[ExecutionReport, ...] | NotListed | NoAnswer:
        """List every order made since a time. See the port."""
        orders: list[ExecutionReport] = []
        params = requests.orders_since_params(symbol, since)
        for _ in range(ORDER_PAGES_MAX):
            page = await self._list("allOrders", params, _read_orders)
            if isinstance(page, NoAnswer):
                return or_not_listed(page)
            orders.extend(page)
            if len(page) < ORDERS_PER_PAGE_MAX:
                return tuple(orders)
            params = requests.orders_from_params(symbol, page[-1].venue_order_id + 1)
        return NoAnswer(f"more than {ORDER_PAGES_MAX} pages of orders", retryable=False)

    async def trades_since(
        self, symbol: str, from_id: int
    ) -> tuple[Fill, ...] | NotListed | NoAnswer:
        """List every trade from an id on. See the port."""
        first = requests.trades_from_params(symbol, from_id)
        trades = await self._trades(first, partial(requests.trades_from_params, symbol))
        return or_not_listed(trades)

    async def trades_made_since(
        self, symbol: str, since: Nanos
    ) -> tuple[Fill, ...] | NotListed | NoAnswer:
        """List every trade from a time on. See the port."""
        first = requests.trades_made_since_params(symbol, since)
        trades = await self._trades(first, partial(requests.trades_from_params, symbol))
        return or_not_listed(trades)

    async def trades_of_order(
        self, symbol: str, venue_order_id: int
    ) -> tuple[Fill, ...] | NoAnswer:
        """List the trades of one order. See the port."""
        page_from = partial(requests.trades_of_order_params, symbol, venue_order_id)
        return await self._trades(page_from(0), page_from)

    async def account(self) -> Account | NoAnswer:
        """Read all balances. See the port."""
        return await self._list(
            "account.status",
            requests.account_params(),
            lambda reply: decode_account(reply.envelope.result, reply.received_at),
        )

    async def instruments(self, symbols: tuple[str, ...]) -> ListingOutcome:
        """Read trading rules. See the port."""

        def read(fate: Fate) -> tuple[Instrument, ...] | NoAnswer:
            return read_outcome(fate, decode)

        def decode(reply: Reply) -> tuple[Instrument, ...]:
            self._gate.state_limits(limits_of_listing(reply.envelope.result))
            return decode_instruments(reply.envelope.result, symbols)

        params = requests.instruments_params(symbols)
        return or_not_listed(await self._ask("exchangeInfo", params, read, self._list_timeout))

    async def venue_time_ms(self) -> int | NoAnswer:
        """Ask the venue for its clock. See the port."""
        venue_time = await self.venue_time()
        return venue_time if isinstance(venue_time, NoAnswer) else venue_time // NANOS_PER_MS

    async def venue_time(self) -> Nanos | NoAnswer:
        """Ask the venue for its clock, as finely as it tells it."""
        return await self._ask("time", {}, read_time, self._reply_timeout)

    async def _list(
        self, method: str, params: Params, decode: Callable[[Reply], _T]
    ) -> _T | NoAnswer:
        def read(fate: Fate) -> _T | NoAnswer:
            return read_outcome(fate, decode)

        return await self._ask_private(method, params, read, self._list_timeout)

    async def _trades(
        self, params: Params, params_from: Callable[[int], Params]
    ) -> tuple[Fill, ...] | NoAnswer:
        """Read `myTrades` page by page until one is not full: half a list would lose fills."""
        fills: list[Fill] = []
        for _ in range(TRADE_PAGES_MAX):
            page = await self._list("myTrades", params, _read_trades)
            if isinstance(page, NoAnswer):
                return page
            fills.extend(page)
            if len(page) < TRADES_PER_PAGE_MAX:
                return tuple(fills)
            params = params_from(page[-1].trade_id + 1)
        return NoAnswer(f"more than {TRADE_PAGES_MAX} pages of trades", retryable=False)


def read_time(fate: Fate) -> Nanos | NoAnswer:
    """Read the fate of a request for the venue's time."""
    return read_outcome(fate, lambda reply: decode_time(reply.envelope.result))


def _read_orders(reply: Reply) -> tuple[ExecutionReport, ...]:
    return decode_orders(reply.envelope.result, reply.received_at)


def _read_lists(reply: Reply) -> tuple[OrderListReport, ...]:
    return decode_lists(reply.envelope.result, reply.received_at)


def _read_trades(reply: Reply) -> tuple[Fill, ...]:
    return decode_trades(reply.envelope.result)
