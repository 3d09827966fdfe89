"""A gateway with a second way to the venue, for what may be asked again.

Orders go over the first way alone. A submission whose answer is missing may have been executed, and
one that was refused for want of a connection is followed by a new intent, if at all: to send it by
the other way as well is to send it twice. So nothing here ever hands a submission on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from structlog.typing import FilteringBoundLogger

from genesis.domain.order_lists import OrderListReport
from genesis.domain.orders import ExecutionReport, Fill, Hold
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList
from genesis.exchange.gateway import (
    Account,
    CancelOutcome,
    Found,
    Gateway,
    ListCancelOutcome,
    ListFound,
    ListingOutcome,
    ListQueryOutcome,
    ListSubmitOutcome,
    NoAnswer,
    NotFound,
    NotListed,
    NotSent,
    OrderTestOutcome,
    PreparedOrderList,
    PreparedRequest,
    QueryOutcome,
    Rejected,
    SubmitOutcome,
    Unknown,
    VenuePath,
)
from genesis.units import Nanos

_T = TypeVar("_T")

_NOT_READY: Final = "the first way is not ready"


class FallbackGateway:
    """Implements `genesis.exchange.gateway.Gateway` over two ways to one venue.

    Questions go to `second` while `first` is not ready, or where it stays silent; a venue that
    answers with a refusal, or asks to wait, has answered, and is not asked by the back door. A
    "not found" of either way is believed by the same time fence, whose clock came by that way.

    A cancel may go both ways: it names the order by our own id, which is never used again, so it
    can only ever end that order.
    """

    def __init__(self, first: Gateway, second: VenuePath, log: FilteringBoundLogger) -> None:
        self._first = first
        self._second = second
        self._log = log
        self._is_fallen_back = False

    @property
    def is_ready(self) -> bool:
        """Tell whether orders can be sent and user events flow. See the port."""
        return self._first.is_ready

    def timestamp_ms(self) -> int:
        """Return the venue's time as orders are stamped with it. See the port."""
        return self._first.timestamp_ms()

    def order_hold(self, *, is_reduction: bool, ahead: int) -> Hold | None:
        """Tell why one more order would not be sent now, by the first way. See the port."""
        return self._first.order_hold(is_reduction=is_reduction, ahead=ahead)

    def build_submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> PreparedRequest:
        """Encode and sign an order for the first way. See the port."""
        return self._first.build_submit(order, timestamp_ms=timestamp_ms)

    def submit_prepared(self, prepared: PreparedRequest) -> "asyncio.Future[SubmitOutcome]":
        """Write a prepared order, by the first way or not at all. See the port."""
        return self._first.submit_prepared(prepared)

    async def submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> SubmitOutcome:
        """Build, write and await one order, by the first way or not at all. See the port."""
        return await self._first.submit(order, timestamp_ms=timestamp_ms)

    def build_submit_list(
        self, order_list: ApprovedOrderList, *, timestamp_ms: int
    ) -> PreparedOrderList:
        """Encode and sign a protective pair for the first way. See the port."""
        return self._first.build_submit_list(order_list, timestamp_ms=timestamp_ms)

    def submit_prepared_list(
        self, prepared: PreparedOrderList
    ) -> "asyncio.Future[ListSubmitOutcome]":
        """Write a prepared pair, by the first way or not at all. See the port."""
        return self._first.submit_prepared_list(prepared)

    async def submit_list(
        self, order_list: ApprovedOrderList, *, timestamp_ms: int
    ) -> ListSubmitOutcome:
        """Build, write and await one pair, by the first way or not at all. See the port."""
        return await self._first.submit_list(order_list, timestamp_ms=timestamp_ms)

    async def test_order(self, order: ApprovedOrder) -> OrderTestOutcome:
        """Ask, by the way that orders take, whether the venue would take one. See the port."""
        return await self._first.test_order(order)

    async def cancel(self, symbol: str, client_order_id: str) -> CancelOutcome:
        """Cancel one open order, by the second way where the first gives no answer. See the port.

        Once a cancel may have been executed, only an answer settles it: what the second way did
        not send, or saw refused, says nothing of the first.
        """
        return await self._cancel(lambda path: path.cancel(symbol, client_order_id))

    async def cancel_list(self, symbol: str, list_client_order_id: str) -> ListCancelOutcome:
        """Cancel an open list, as `cancel` does an order. See the port."""
        return await self._cancel(lambda path: path.cancel_list(symbol, list_client_order_id))

    async def query_list(self, list_client_order_id: str) -> ListQueryOutcome:
        """Ask for one list by our id. See the port."""

        async def ask(path: VenuePath) -> ListFound | NotFound | NoAnswer:
            return await path.query_list(list_client_order_id)

        return await self.on_one_path(ask)

    async def open_lists(self) -> tuple[OrderListReport, ...] | NoAnswer:
        """List the order lists that are open. See the port."""
        return await self.on_one_path(lambda path: path.open_lists())

    async def query(self, symbol: str, client_order_id: str) -> QueryOutcome:
        """Ask for one order by our id. See the port."""

        async def ask(path: VenuePath) -> Found | NotFound | NoAnswer:
            return await path.query(symbol, client_order_id)

        return await self.on_one_path(ask)

    async def open_orders(self, symbol: str | None) -> tuple[ExecutionReport, ...] | NoAnswer:
        """List the orders that are open. See the port."""
        return await self.on_one_path(lambda path: path.open_orders(symbol))

    async def orders_since(
        self, symbol: str, since: Nanos
    ) -> tuple[ExecutionReport, ...] | NotListed | NoAnswer:
        """List every order made since a time. See the port."""
        return await self.on_one_path(lambda path: path.orders_since(symbol, since))

    async def trades_since(
        self, symbol: str, from_id: int
    ) -> tuple[Fill, ...] | NotListed | NoAnswer:
        """List every trade from an id on. See the port."""
        return await self.on_one_path(lambda path: path.trades_since(symbol, from_id))

    async def trades_of_order(
        self, symbol: str, venue_order_id: int
    ) -> tuple[Fill, ...] | NoAnswer:
        """List the trades of one order. See the port."""
        return await self.on_one_path(lambda path: path.trades_of_order(symbol, venue_order_id))

    async def account(self) -> Account | NoAnswer:
        """Read all balances. See the port."""
        return await self.on_one_path(lambda path: path.account())

    async def instruments(self, symbols: tuple[str, ...]) -> ListingOutcome:
        """Read trading rules. See the port."""
        return await self.on_one_path(lambda path: path.instruments(symbols))

    async def venue_time_ms(self) -> int | NoAnswer:
        """Ask the venue for its clock. See the port."""
        return await self.on_one_path(lambda path: path.venue_time_ms())

    async def trades_made_since(
        self, symbol: str, since: Nanos
    ) -> tuple[Fill, ...] | NotListed | NoAnswer:
        """List every trade from a time on. See the port."""
        return await self.on_one_path(lambda path: path.trades_made_since(symbol, since))

    async def on_one_path(
        self, ask: Callable[[VenuePath], Awaitable[_T | NoAnswer]]
    ) -> _T | NoAnswer:
        """Put questions on the first way, or all of them on the second. See the port."""
        reason = _NOT_READY
        if self._first.is_ready:
            answer = await ask(self._first)
            if not isinstance(answer, NoAnswer) or not answer.is_silence:
                self._answered_first()
                return answer
            reason = answer.reason
        self._fall_back(reason)
        answer = await ask(self._second)
        if isinstance(answer, NoAnswer) and answer.is_silence:
            return NoAnswer(f"{reason}; then {answer.reason}")
        return answer

    async def _cancel(
        self, ask: Callable[[VenuePath], Awaitable[_T | NotSent | Unknown | Rejected]]
    ) -> _T | NotSent | Unknown | Rejected:
        reason, may_be_done = _NOT_READY, False
        if self._first.is_ready:
            outcome = await ask(self._first)
            if not isinstance(outcome, NotSent | Unknown):
                self._answered_first()
                return outcome
            reason, may_be_done = outcome.reason, isinstance(outcome, Unknown)
        self._fall_back(reason)
        outcome = await ask(self._second)
        if may_be_done and isinstance(outcome, NotSent | Rejected):
            return Unknown(f"{reason}; then {outcome.reason}")
        return outcome

    def _answered_first(self) -> None:
        if self._is_fallen_back:
            self._is_fallen_back = False
            self._log.info("first_path_answers")

    def _fall_back(self, reason: str) -> None:
        if not self._is_fallen_back:
            self._is_fallen_back = True
            self._log.warning("second_path_asked", reason=reason)
