"""What the venue sends, from bytes to the domain's own types (`binance-spot.md` 6 to 10).

Numbers come as text and become scaled integers here; times come in ms or us and become nanoseconds.
Keys that are not named here are skipped unread, values that the protocol does not allow raise
MalformedMessage.
"""

import enum
from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

import msgspec

from genesis.domain.orders import ExecutionReport, Fill, OrderState, Side
from genesis.errors import MalformedMessage
from genesis.exchange.binance.errors import VenueFault
from genesis.exchange.gateway import (
    Accepted,
    Account,
    Balance,
    BalanceUpdate,
    TransferReported,
)
from genesis.units import (
    NANOS_PER_MS,
    Nanos,
    first_ms_from_stamp,
    fixed_from_text,
    nanos_from_stamp,
    notional,
)

_T = TypeVar("_T")

_SIDES: Final = {side.name: side for side in Side}
_NO_REASON: Final = "NONE"


class ErrorData(msgspec.Struct):
    """What an error says beside its words; both are venue time, 0 for none."""

    serverTime: int = 0  # noqa: N815, the venue's key
    retryAfter: int = 0  # noqa: N815, the venue's key


class ErrorBody(msgspec.Struct):
    """An error, as both transports write it."""

    code: int
    msg: str
    data: ErrorData | None = None


class Envelope(msgspec.Struct):
    """Any frame of the WebSocket API: a reply has an `id`, an event has an `event`.

    A reply over REST is put in one too (`rest_replies.py`).

    `result`, `event` and `rateLimits` are left unread, for the decoders that know them; they are
    empty where the frame has none.
    """

    id: int | str | None = None
    status: int = 0
    result: msgspec.Raw = msgspec.Raw()
    error: ErrorBody | None = None
    event: msgspec.Raw = msgspec.Raw()
    rateLimits: msgspec.Raw = msgspec.Raw()  # noqa: N815, the venue's key

    @property
    def fault(self) -> VenueFault | None:
        """Return the error that the frame reports, or None for a success."""
        if self.error is None:
            return None
        data = self.error.data or ErrorData()
        return VenueFault(
            status=self.status,
            code=self.error.code,
            reason=self.error.msg,
            retry_at_ms=first_ms_from_stamp(data.retryAfter),
            told_at_ms=nanos_from_stamp(data.serverTime) // NANOS_PER_MS,
        )


class SessionNotice(enum.Enum):
    """Events about the connection itself."""

    STREAM_TERMINATED = "eventStreamTerminated"
    SERVER_SHUTDOWN = "serverShutdown"


EventContent: TypeAlias = ExecutionReport | BalanceUpdate | TransferReported | SessionNotice


class _ReplyFill(msgspec.Struct, rename="camel"):
    price: str
    qty: str
    commission: str
    commission_asset: str
    trade_id: int


class _OrderReply(msgspec.Struct, rename="camel"):
    """A placement reply (RESULT, FULL), a cancel reply, or an element of an order query."""

    symbol: str
    order_id: int
    client_order_id: str
    price: str
    orig_qty: str
    executed_qty: str
    cummulative_quote_qty: str  # the venue's spelling
    status: str
    side: str
    orig_client_order_id: str = ""
    transact_time: int = 0
    update_time: int = 0
    expiry_reason: str = _NO_REASON
    fills: list[_ReplyFill] = []


class _Trade(msgspec.Struct, rename="camel"):
    symbol: str
    id: int
    order_id: int
    price: str
    qty: str
    quote_qty: str
    commission: str
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


class _BalanceReply(msgspec.Struct):
    asset: str
    free: str
    locked: str


class _AccountReply(msgspec.Struct, rename="camel"):
    balances: list[_BalanceReply]
    can_trade: bool
    update_time: int
    uid: int = 0


class _TimeReply(msgspec.Struct, rename="camel"):
    server_time: int


class _EventHead(msgspec.Struct):
    e: str


class _ReportEvent(msgspec.Struct):
    """`executionReport` (section 10.1). The case of a key matters: `c` is not `C`."""

    event_stamp: int = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    request_id: str = msgspec.field(name="c")
    original_id: str = msgspec.field(name="C")
    side: str = msgspec.field(name="S")
    quantity: str = msgspec.field(name="q")
    price: str = msgspec.field(name="p")
    execution: str = msgspec.field(name="x")
    status: str = msgspec.field(name="X")
    reject_reason: str = msgspec.field(name="r")
    order_id: int = msgspec.field(name="i")
    last_quantity: str = msgspec.field(name="l")
    filled_quantity: str = msgspec.field(name="z")
    last_price: str = msgspec.field(name="L")
    fee: str | None = msgspec.field(name="n")
    fee_asset: str | None = msgspec.field(name="N")
    transacted_stamp: int = msgspec.field(name="T")
    trade_id: int = msgspec.field(name="t")
    execution_id: int = msgspec.field(name="I")
    is_maker: bool = msgspec.field(name="m")
    filled_amount: str = msgspec.field(name="Z")
    last_amount: str = msgspec.field(name="Y")
    expiry_reason: str = msgspec.field(name="eR", default=_NO_REASON)


class _EventBalance(msgspec.Struct):
    asset: str = msgspec.field(name="a")
    free: str = msgspec.field(name="f")
    locked: str = msgspec.field(name="l")


class _PositionEvent(msgspec.Struct):
    event_stamp: int = msgspec.field(name="E")
    updated_stamp: int = msgspec.field(name="u")
    balances: list[_EventBalance] = msgspec.field(name="B")


class _TransferEvent(msgspec.Struct):
    asset: str = msgspec.field(name="a")
    delta: str = msgspec.field(name="d")
    cleared_stamp: int = msgspec.field(name="T")


def _reader(kind: type[_T]) -> Callable[[bytes | msgspec.Raw], _T]:
    """Return a function that decodes JSON to `kind`, or raises MalformedMessage."""
    decode = msgspec.json.Decoder(kind).decode

    def read(message: bytes | msgspec.Raw) -> _T:
        try:
            return decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedMessage(f"{kind.__name__.strip('_')}: {error}") from None

    return read


decode_envelope = _reader(Envelope)
decode_error = _reader(ErrorBody)

_read_order = _reader(_OrderReply)
_read_orders = _reader(list[_OrderReply])
_read_trades = _reader(list[_Trade])
_read_account = _reader(_AccountReply)
_read_time = _reader(_TimeReply)
_read_head = _reader(_EventHead)
_read_report = _reader(_ReportEvent)
_read_position = _reader(_PositionEvent)
_read_transfer = _reader(_TransferEvent)


def decode_placement(result: msgspec.Raw, client_order_id: str, received_at: Nanos) -> Accepted:
    """Read the reply to `order.place` of the order `client_order_id`.

    Raises:
        MalformedMessage: It cannot be read, or is about another order.
    """
    reply = _read_order(result)
    if reply.client_order_id != client_order_id:
        raise MalformedMessage(f"the reply is about order {reply.client_order_id[:40]!r}")
    report = _report_of(reply, client_order_id, received_at)
    return Accepted(report, tuple(_fill_of(reply, report, fill) for fill in reply.fills))


def decode_order(result: msgspec.Raw, client_order_id: str, received_at: Nanos) -> ExecutionReport:
    """Read the reply to `order.status` or `order.cancel` for the order `client_order_id`.

    The id in the reply may be that of the cancel request instead, so the one asked for is taken.
    """
    return _report_of(_read_order(result), client_order_id, received_at)


def decode_orders(result: msgspec.Raw, received_at: Nanos) -> tuple[ExecutionReport, ...]:
    """Read the reply to `openOrders.status`."""
    return tuple(
        _report_of(reply, reply.client_order_id, received_at) for reply in _read_orders(result)
    )


def decode_trades(result: msgspec.Raw) -> tuple[Fill, ...]:
    """Read the reply to `myTrades`; client order ids are empty, as the venue leaves them out."""
    return tuple(
        Fill(
            symbol=trade.symbol,
            trade_id=_positive_id(trade.id),
            client_order_id="",
            venue_order_id=trade.order_id,
            side=Side.BUY if trade.is_buyer else Side.SELL,
            price=_unsigned(trade.price),
            quantity=_traded(trade.qty),
            quote_amount=_unsigned(trade.quote_qty),
            fee=_unsigned(trade.commission),
            fee_asset=trade.commission_asset,
            is_maker=trade.is_maker,
            traded_at=nanos_from_stamp(trade.time),
        )
        for trade in _read_trades(result)
    )


def decode_account(result: msgspec.Raw, received_at: Nanos) -> Account:
    """Read the reply to `account.status`."""
    reply = _read_account(result)
    return Account(
        balances=tuple(
            Balance(entry.asset, _unsigned(entry.free), _unsigned(entry.locked))
            for entry in reply.balances
        ),
        can_trade=reply.can_trade,
        account_id=reply.uid,
        updated_at=nanos_from_stamp(reply.update_time),
        received_at=received_at,
    )


def decode_time(result: msgspec.Raw) -> Nanos:
    """Read the reply to `time`."""
    return nanos_from_stamp(_read_time(result).server_time)


def decode_event(event: msgspec.Raw, received_at: Nanos) -> EventContent | None:
    """Read a user event; None for a kind that says nothing the others do not (section 10.2).

    Raises:
        MalformedMessage: It cannot be read: a fact about an order or a balance may be lost.
    """
    kind = _read_head(event).e
    if kind == "executionReport":
        return _report_of_event(_read_report(event), received_at)
    if kind == "outboundAccountPosition":
        return _balance_update_of(_read_position(event), received_at)
    if kind == "balanceUpdate":
        return _transfer_of(_read_transfer(event), received_at)
    if kind in (notice.value for notice in SessionNotice):
        return SessionNotice(kind)
    return None


def _report_of_event(event: _ReportEvent, received_at: Nanos) -> ExecutionReport:
    # On a cancel or an amendment `c` is the id of that request and `C` the order's own.
    client_order_id = event.original_id or event.request_id
    side = _side(event.side)
    filled = _unsigned(event.filled_quantity)
    fill = None
    # A trade without an id (smart order routing, section 7.5) only shows in the filled quantity.
    if event.execution == "TRADE" and event.trade_id >= 0:
        fill = Fill(
            symbol=event.symbol,
            trade_id=event.trade_id,
            client_order_id=client_order_id,
            venue_order_id=event.order_id,
            side=side,
            price=_unsigned(event.last_price),
            quantity=_traded(event.last_quantity),
            quote_amount=_unsigned(event.last_amount),
            fee=_unsigned(event.fee or "0"),
            fee_asset=event.fee_asset or "",
            is_maker=event.is_maker,
            traded_at=nanos_from_stamp(event.transacted_stamp),
        )
    return ExecutionReport(
        client_order_id=client_order_id,
        venue_order_id=event.order_id,
        symbol=event.symbol,
        state=_state(event.status, filled),
        side=side,
        quantity=_unsigned(event.quantity),
        filled_quantity=filled,
        filled_amount=_unsigned(event.filled_amount),
        limit_price=_unsigned(event.price),
        reason=_reason(event.status, event.reject_reason, event.expiry_reason),
        event_at=nanos_from_stamp(event.event_stamp),
        received_at=received_at,
        execution_id=event.execution_id,
        fill=fill,
    )


def _report_of(reply: _OrderReply, client_order_id: str, received_at: Nanos) -> ExecutionReport:
    filled = _unsigned(reply.executed_qty)
    amount = _fixed(reply.cummulative_quote_qty)
    return ExecutionReport(
        client_order_id=client_order_id,
        venue_order_id=reply.order_id,
        symbol=reply.symbol,
        state=_state(reply.status, filled),
        side=_side(reply.side),
        quantity=_unsigned(reply.orig_qty),
        filled_quantity=filled,
        filled_amount=max(0, amount),  # negative: the venue no longer knows (section 7.4)
        limit_price=_unsigned(reply.price),
        reason=_reason(reply.status, _NO_REASON, reply.expiry_reason),
        event_at=nanos_from_stamp(reply.transact_time or reply.update_time),
        received_at=received_at,
    )


def _fill_of(reply: _OrderReply, report: ExecutionReport, fill: _ReplyFill) -> Fill:
    """Make a fill of one that a placement reply lists: the new order was the taker."""
    price, quantity = _unsigned(fill.price), _traded(fill.qty)
    return Fill(
        symbol=reply.symbol,
        trade_id=_positive_id(fill.trade_id),
        client_order_id=report.client_order_id,
        venue_order_id=reply.order_id,
        side=report.side,
        price=price,
        quantity=quantity,
        quote_amount=notional(price, quantity),
        fee=_unsigned(fill.commission),
        fee_asset=fill.commission_asset,
        is_maker=False,
        traded_at=report.event_at,
    )


def _balance_update_of(event: _PositionEvent, received_at: Nanos) -> BalanceUpdate:
    return BalanceUpdate(
        balances=tuple(
            Balance(entry.asset, _unsigned(entry.free), _unsigned(entry.locked))
            for entry in event.balances
        ),
        updated_at=nanos_from_stamp(event.updated_stamp),
        event_at=nanos_from_stamp(event.event_stamp),
        received_at=received_at,
    )


def _transfer_of(event: _TransferEvent, received_at: Nanos) -> TransferReported:
    return TransferReported(
        asset=event.asset,
        amount=_fixed(event.delta),
        cleared_at=nanos_from_stamp(event.cleared_stamp),
        received_at=received_at,
    )


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


def _state(status: str, filled: int) -> OrderState:
    if status == "PENDING_CANCEL":
        return OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED
    state = _STATES.get(status)
    if state is None:
        raise MalformedMessage(f"{status[:40]!r} is no order status")
    return state


def _reason(status: str, reject_reason: str, expiry_reason: str) -> str:
    for reason in (reject_reason, expiry_reason):
        if reason != _NO_REASON:
            return reason
    return status if status == "EXPIRED_IN_MATCH" else ""


def _side(text: str) -> Side:
    side = _SIDES.get(text)
    if side is None:
        raise MalformedMessage(f"{text[:40]!r} is no side")
    return side


def _fixed(text: str) -> int:
    try:
        return fixed_from_text(text)
    except ValueError as error:
        raise MalformedMessage(str(error)) from None


def _unsigned(text: str) -> int:
    value = _fixed(text)
    if value < 0:
        raise MalformedMessage(f"{text[:40]!r} is negative")
    return value


def _traded(text: str) -> int:
    value = _fixed(text)
    if value <= 0:
        raise MalformedMessage(f"{text[:40]!r} is not a quantity")
    return value


def _positive_id(trade_id: int) -> int:
    """Return a trade's id; the venue writes -1 where there is none."""
    if trade_id < 0:
        raise MalformedMessage(f"a trade has the id {trade_id}")
    return trade_id
