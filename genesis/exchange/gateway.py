"""The port to a venue: what the executor may ask, and every way it can be answered.

Nothing on the order path raises: an answer is a value, and the type says what may be done next.
A submission takes an `ApprovedOrder` or an `ApprovedOrderList`, which only the risk engine makes,
and nothing else. How a list of the venue behaves is told where its types are
(`domain/order_lists.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from genesis.domain.instruments import Instrument
from genesis.domain.order_lists import OrderListReport
from genesis.domain.orders import ExecutionReport, Fill, Hold
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList
from genesis.units import Amount, Nanos

_T = TypeVar("_T")


class Accepted(msgspec.Struct, frozen=True):
    """The venue took the request; `report` is the order as it stands now.

    `fills` are the executions that the reply itself lists, oldest first. The same ones also come as
    user events: count each `(symbol, trade_id)` once.
    """

    report: ExecutionReport
    fills: tuple[Fill, ...] = ()


class ListAccepted(msgspec.Struct, frozen=True):
    """The venue took the request; `report` is the list as it stands now, and its legs.

    Of a placement: both legs are open, unless one traded at once. `fills` are the executions that
    the reply itself lists, as in `Accepted`. Of a cancel: both legs have ended.
    """

    report: OrderListReport
    fills: tuple[Fill, ...] = ()


class Rejected(msgspec.Struct, frozen=True):
    """The venue refused, for certain: nothing was executed and nothing will be.

    `retryable`: the same wish may be sent as a new intent under a new id, not before
    `retry_at_ms` (venue time; 0 where the venue names none). Otherwise the answer is final.
    `contradicts_listing`: by the rules as last listed this could not happen, so list them anew.
    `forbids_trading`: so it would be with any order, until a person has seen to key or account.
    """

    code: int
    reason: str
    retryable: bool
    retry_at_ms: int = 0
    contradicts_listing: bool = False
    forbids_trading: bool = False


class NotSent(msgspec.Struct, frozen=True):
    """Not one byte left this process. A new intent may follow; `retry_at_ms` as in `Rejected`."""

    reason: str
    retry_at_ms: int = 0


class Unknown(msgspec.Struct, frozen=True):
    """The request may have been executed. Query it behind the time fence; never send it again."""

    reason: str


class NotOpen(msgspec.Struct, frozen=True):
    """There was no such open order to cancel: it has ended, or never came. Query it."""

    reason: str


class Found(msgspec.Struct, frozen=True):
    """The venue knows the order."""

    report: ExecutionReport


class ListFound(msgspec.Struct, frozen=True):
    """The venue knows the list. What became of its legs is asked of each leg."""

    report: OrderListReport


class NotFound(msgspec.Struct, frozen=True):
    """The venue knows no such order now. Proof only behind the time fence."""


class NoAnswer(msgspec.Struct, frozen=True):
    """A read was not answered. It changed nothing, so it may be asked again if `retryable`.

    `code` is the venue's error code, 0 where it said nothing; `retry_at_ms` as in `Rejected`.
    """

    reason: str
    code: int = 0
    retryable: bool = True
    retry_at_ms: int = 0

    @property
    def is_silence(self) -> bool:
        """Tell a venue that was not heard of from one that would not answer, or not now."""
        return not (self.code or self.retry_at_ms)


class Valid(msgspec.Struct, frozen=True):
    """The venue would have taken the order that it was asked about. It took none."""


class NotListed(msgspec.Struct, frozen=True):
    """One of the symbols asked about is not listed (any more); the venue does not say which."""


ListingOutcome: TypeAlias = tuple[Instrument, ...] | NotListed | NoAnswer
SubmitOutcome: TypeAlias = Accepted | Rejected | NotSent | Unknown
CancelOutcome: TypeAlias = Accepted | NotOpen | Rejected | NotSent | Unknown
QueryOutcome: TypeAlias = Found | NotFound | NoAnswer
ListSubmitOutcome: TypeAlias = ListAccepted | Rejected | NotSent | Unknown
ListCancelOutcome: TypeAlias = ListAccepted | NotOpen | Rejected | NotSent | Unknown
ListQueryOutcome: TypeAlias = ListFound | NotFound | NoAnswer
OrderTestOutcome: TypeAlias = Valid | Rejected | NoAnswer


class Balance(msgspec.Struct, frozen=True):
    """What the account holds of one asset: free to use, and locked in open orders."""

    asset: str
    free: Amount
    locked: Amount


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The whole account. An asset that is not listed is at zero.

    `account_id` is the venue's own number for it, whichever of its keys asks; 0 where it has none.
    """

    balances: tuple[Balance, ...]
    can_trade: bool
    account_id: int = 0
    updated_at: Nanos
    received_at: Nanos


class BalanceUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """New absolute balances of the assets that something touched, and of no others."""

    balances: tuple[Balance, ...]
    updated_at: Nanos
    event_at: Nanos
    received_at: Nanos


class TransferReported(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit (positive) or a withdrawal of one asset has cleared."""

    asset: str
    amount: Amount
    cleared_at: Nanos
    received_at: Nanos


class StreamGap(msgspec.Struct, frozen=True, kw_only=True):
    """User events between two times (engine clock) may be missing, and are not sent again.

    Events flow again when this one is handed out: reconcile open orders, trades and balances now.
    """

    why: str
    from_at: Nanos
    to_at: Nanos


UserEvent: TypeAlias = (
    ExecutionReport | OrderListReport | BalanceUpdate | TransferReported | StreamGap
)


class PreparedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order encoded and, where the key demands it, signed: only the write is missing.

    It is good for one `submit_prepared`, on whichever connection is open then.
    """

    request_id: int
    client_order_id: str
    symbol: str
    timestamp_ms: int
    is_reduction: bool
    frame: bytes


class PreparedOrderList(msgspec.Struct, frozen=True, kw_only=True):
    """An order list encoded and, where the key demands it, signed: only the write is missing.

    It is good for one `submit_prepared_list`, on whichever connection is open then.
    """

    request_id: int
    list_client_order_id: str
    symbol: str
    timestamp_ms: int
    frame: bytes


class VenuePath(Protocol):
    """One way to a venue, for what may be asked again: questions, and cancels."""

    async def cancel(self, symbol: str, client_order_id: str) -> CancelOutcome:
        """Cancel one open order. Unlike a submission it may be repeated freely.

        An order that is a leg of a list takes the whole list with it; the report is the leg's own.
        """
        ...

    async def cancel_list(self, symbol: str, list_client_order_id: str) -> ListCancelOutcome:
        """Cancel both legs of an open list, or none of them. It may be repeated freely.

        NotOpen: one leg has ended, or the list never came: query the list, then its legs.
        """
        ...

    async def query(self, symbol: str, client_order_id: str) -> QueryOutcome:
        """Ask for one order by our id. For the time fence, read `venue_time_ms` first."""
        ...

    async def query_list(self, list_client_order_id: str) -> ListQueryOutcome:
        """Ask for one list by our id; for the time fence, as `query`."""
        ...

    async def open_orders(self, symbol: str | None) -> tuple[ExecutionReport, ...] | NoAnswer:
        """List the orders that are open, of one symbol or (costly) of all; legs of lists too."""
        ...

    async def open_lists(self) -> tuple[OrderListReport, ...] | NoAnswer:
        """List the order lists of the account that are open, of all symbols."""
        ...

    async def orders_since(
        self, symbol: str, since: Nanos
    ) -> tuple[ExecutionReport, ...] | NotListed | NoAnswer:
        """List every order of the account made since a time (the venue's), oldest first.

        Open or ended, of any client: what the account knows, whoever asks.
        """
        ...

    async def trades_since(
        self, symbol: str, from_id: int
    ) -> tuple[Fill, ...] | NotListed | NoAnswer:
        """List every trade of the account from trade id `from_id` on, oldest first.

        The venue does not say under which client order id they were made: that field is empty, and
        `venue_order_id` is the key.
        """
        ...

    async def trades_made_since(
        self, symbol: str, since: Nanos
    ) -> tuple[Fill, ...] | NotListed | NoAnswer:
        """List every trade of the account from a time (the venue's) on; fields as above."""
        ...

    async def trades_of_order(
        self, symbol: str, venue_order_id: int
    ) -> tuple[Fill, ...] | NoAnswer:
        """List the trades of one order, oldest first; fields as in `trades_since`."""
        ...

    async def account(self) -> Account | NoAnswer:
        """Read all balances."""
        ...

    async def instruments(self, symbols: tuple[str, ...]) -> ListingOutcome:
        """Read the trading rules of `symbols`; ids are their places in that order."""
        ...

    async def venue_time_ms(self) -> int | NoAnswer:
        """Ask the venue for its clock: the only one that the time fence believes."""
        ...


class Gateway(VenuePath, Protocol):
    """A venue, as the executor sees it. User events go to the callback its maker was given."""

    @property
    def is_ready(self) -> bool:
        """Tell whether requests can be sent and user events flow."""
        ...

    def timestamp_ms(self) -> int:
        """Return the venue's time as estimated now: what a request sent now is stamped with."""
        ...

    def order_hold(self, *, is_reduction: bool, ahead: int) -> Hold | None:
        """Tell why one more order would not be sent now, by our own rules; None if it would.

        `is_reduction`: it can only shrink a position. `ahead` others are about to be sent before
        it; for a list, its other leg is one of them. Asking counts for nothing.
        """
        ...

    def build_submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> PreparedRequest:
        """Encode and sign an order with the timestamp that is (or is being) journaled.

        Nothing is sent. The venue accepts the order until `timestamp_ms` plus the receive window.
        """
        ...

    def submit_prepared(self, prepared: PreparedRequest) -> "asyncio.Future[SubmitOutcome]":
        """Write a prepared order to the socket before returning, and return its outcome to come.

        The intent must be durable by now. The future is never failed, only resolved; once, at the
        latest when the reply timeout is over.
        """
        ...

    async def submit(self, order: ApprovedOrder, *, timestamp_ms: int) -> SubmitOutcome:
        """Build, write and await one order."""
        ...

    def build_submit_list(
        self, order_list: ApprovedOrderList, *, timestamp_ms: int
    ) -> PreparedOrderList:
        """Encode and sign a protective pair, as `build_submit` does an order."""
        ...

    def submit_prepared_list(
        self, prepared: PreparedOrderList
    ) -> "asyncio.Future[ListSubmitOutcome]":
        """Write a prepared pair to the socket before returning, as `submit_prepared` an order.

        Both legs must be durable by now. The venue takes both or neither, and counts two orders.
        """
        ...

    async def submit_list(
        self, order_list: ApprovedOrderList, *, timestamp_ms: int
    ) -> ListSubmitOutcome:
        """Build, write and await one pair."""
        ...

    async def test_order(self, order: ApprovedOrder) -> OrderTestOutcome:
        """Ask whether the venue would take an order: key, form and filters. It is not placed."""
        ...

    async def on_one_path(
        self, ask: Callable[[VenuePath], Awaitable[_T | NoAnswer]]
    ) -> _T | NoAnswer:
        """Put questions that belong together on one way to the venue, and return what they gave.

        What follows from several answers, as that an order was not found behind the time fence,
        follows only if they came by one way: another may end at a server with a clock and a lag of
        its own. Where a way gives no answer, `ask` is called anew with the next one, if any.
        """
        ...
