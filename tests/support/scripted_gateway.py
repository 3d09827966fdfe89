"""A venue behind the gateway port that answers what a test has laid out."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from genesis.domain.order_lists import OrderListReport
from genesis.domain.orders import ExecutionReport, Fill, Hold
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList
from genesis.engine.risk_facts import is_reduction
from genesis.exchange.gateway import (
    Account,
    Balance,
    CancelOutcome,
    ListCancelOutcome,
    ListingOutcome,
    ListQueryOutcome,
    ListSubmitOutcome,
    NoAnswer,
    NotFound,
    NotListed,
    NotOpen,
    OrderTestOutcome,
    PreparedOrderList,
    PreparedRequest,
    QueryOutcome,
    SubmitOutcome,
    Valid,
    VenuePath,
)
from genesis.units import Nanos
from tests.support.builders import CAPITAL, NOW, VENUE_MS

_T = TypeVar("_T")


class ScriptedGateway:
    """Answers reads from its attributes, placements by futures the test resolves.

    `asked` lists the calls in order. What a test leaves alone answers as an account does that holds
    the capital and has no order.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_connected = True
        self.sent: dict[str, asyncio.Future[SubmitOutcome]] = {}
        self.lists_sent: dict[str, asyncio.Future[ListSubmitOutcome]] = {}
        self.list_cancels: deque[ListCancelOutcome] = deque()
        self.list_queries: deque[ListQueryOutcome] = deque()
        self.lists_open: tuple[OrderListReport, ...] | NoAnswer = ()
        self.now_ms: int | NoAnswer = VENUE_MS
        self.cancels: deque[CancelOutcome] = deque()
        self.queries: deque[QueryOutcome] = deque()
        self.order_tests: deque[OrderTestOutcome] = deque()
        self.open: tuple[ExecutionReport, ...] | NoAnswer = ()
        self.orders: tuple[ExecutionReport, ...] | NotListed | NoAnswer = ()
        self.trades: tuple[Fill, ...] | NotListed | NoAnswer = ()
        self.trades_found: dict[str, tuple[Fill, ...] | NotListed | NoAnswer] = {}
        self.listing: ListingOutcome = ()
        self.holds: dict[bool, tuple[int, Hold]] = {}
        self.balances: dict[str, int] | NoAnswer = {"USDT": CAPITAL}

    @property
    def is_ready(self) -> bool:
        """Ready, until a test takes the connection away."""
        return self.is_connected

    def timestamp_ms(self) -> int:
        """Return the venue's time."""
        return VENUE_MS

    def order_hold(self, *, is_reduction: bool, ahead: int) -> Hold | None:
        """Hold what the test has laid out: entries or exits, from so many on."""
        room, hold = self.holds.get(is_reduction, (0, None))
        return hold if ahead >= room else None

    def build_submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> PreparedRequest:
        """Encode an order as its own id."""
        client_order_id = order.intent.client_order_id
        self.asked.append(f"build {client_order_id}")
        return PreparedRequest(
            request_id=1,
            client_order_id=client_order_id,
            symbol=order.intent.symbol,
            timestamp_ms=timestamp_ms,
            is_reduction=is_reduction(order.intent),
            frame=client_order_id.encode(),
        )

    def submit_prepared(self, prepared: PreparedRequest) -> "asyncio.Future[SubmitOutcome]":
        """Take an order; the test resolves `sent`."""
        self.asked.append(f"send {prepared.client_order_id}")
        future: asyncio.Future[SubmitOutcome] = asyncio.get_running_loop().create_future()
        self.sent[prepared.client_order_id] = future
        return future

    async def submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> SubmitOutcome:
        """Build, take and await."""
        return await self.submit_prepared(self.build_submit(order, timestamp_ms=timestamp_ms))

    def build_submit_list(
        self, order_list: ApprovedOrderList, *, timestamp_ms: int
    ) -> PreparedOrderList:
        """Encode a pair as its own id."""
        list_id = order_list.intent.list_client_order_id
        self.asked.append(f"build list {list_id}")
        return PreparedOrderList(
            request_id=1,
            list_client_order_id=list_id,
            symbol=order_list.intent.symbol,
            timestamp_ms=timestamp_ms,
            frame=list_id.encode(),
        )

    def submit_prepared_list(
        self, prepared: PreparedOrderList
    ) -> "asyncio.Future[ListSubmitOutcome]":
        """Take a pair; the test resolves `lists_sent`."""
        self.asked.append(f"send list {prepared.list_client_order_id}")
        future: asyncio.Future[ListSubmitOutcome] = asyncio.get_running_loop().create_future()
        self.lists_sent[prepared.list_client_order_id] = future
        return future

    async def submit_list(
        self, order_list: ApprovedOrderList, *, timestamp_ms: int
    ) -> ListSubmitOutcome:
        """Build, take and await."""
        prepared = self.build_submit_list(order_list, timestamp_ms=timestamp_ms)
        return await self.submit_prepared_list(prepared)

    async def cancel_list(self, symbol: str, list_client_order_id: str) -> ListCancelOutcome:
        """Answer the next laid-out outcome, else that nothing is open."""
        self.asked.append(f"cancel list {symbol} {list_client_order_id}")
        return self.list_cancels.popleft() if self.list_cancels else NotOpen("Unknown order sent.")

    async def query_list(self, list_client_order_id: str) -> ListQueryOutcome:
        """Answer the next laid-out outcome, else not found."""
        self.asked.append(f"query list {list_client_order_id}")
        return self.list_queries.popleft() if self.list_queries else NotFound()

    async def open_lists(self) -> tuple[OrderListReport, ...] | NoAnswer:
        """List what is open."""
        self.asked.append("open_lists")
        return self.lists_open

    async def test_order(self, order: ApprovedOrder) -> OrderTestOutcome:
        """Answer the next laid-out outcome, else that the order is good."""
        self.asked.append(f"test {order.intent.symbol} {order.intent.client_order_id}")
        return self.order_tests.popleft() if self.order_tests else Valid()

    async def on_one_path(
        self, ask: Callable[[VenuePath], Awaitable[_T | NoAnswer]]
    ) -> _T | NoAnswer:
        """Have one path."""
        return await ask(self)

    async def cancel(self, symbol: str, client_order_id: str) -> CancelOutcome:
        """Answer the next laid-out outcome, else that nothing is open."""
        self.asked.append(f"cancel {symbol} {client_order_id}")
        return self.cancels.popleft() if self.cancels else NotOpen("Unknown order sent.")

    async def query(self, symbol: str, client_order_id: str) -> QueryOutcome:
        """Answer the next laid-out outcome, else not found."""
        self.asked.append(f"query {symbol} {client_order_id}")
        return self.queries.popleft() if self.queries else NotFound()

    async def open_orders(self, symbol: str | None) -> tuple[ExecutionReport, ...] | NoAnswer:
        """List what is open."""
        self.asked.append(f"open_orders {symbol}")
        return self.open

    async def orders_since(
        self, symbol: str, since: Nanos
    ) -> tuple[ExecutionReport, ...] | NotListed | NoAnswer:
        """List all orders."""
        self.asked.append(f"orders_since {symbol} {since}")
        return self.orders

    async def trades_since(
        self, symbol: str, from_id: int
    ) -> tuple[Fill, ...] | NotListed | NoAnswer:
        """List trades."""
        self.asked.append(f"trades_since {symbol} {from_id}")
        return self.trades

    async def trades_made_since(
        self, symbol: str, since: Nanos
    ) -> tuple[Fill, ...] | NotListed | NoAnswer:
        """List what was laid out for the symbol, else nothing."""
        self.asked.append(f"trades_made_since {symbol} {since}")
        return self.trades_found.get(symbol, ())

    async def trades_of_order(
        self, symbol: str, venue_order_id: int
    ) -> tuple[Fill, ...] | NoAnswer:
        """List trades."""
        self.asked.append(f"trades_of_order {symbol} {venue_order_id}")
        return () if isinstance(self.trades, NotListed) else self.trades

    async def account(self) -> Account | NoAnswer:
        """Show the balances."""
        self.asked.append("account")
        if isinstance(self.balances, NoAnswer):
            return self.balances
        return Account(
            balances=tuple(Balance(asset, free, 0) for asset, free in self.balances.items()),
            can_trade=True,
            updated_at=NOW,
            received_at=NOW,
        )

    async def instruments(self, symbols: tuple[str, ...]) -> ListingOutcome:
        """List what was laid out."""
        self.asked.append(f"instruments {','.join(symbols)}")
        return self.listing

    async def venue_time_ms(self) -> int | NoAnswer:
        """Show the venue's clock."""
        self.asked.append("time")
        return self.now_ms
