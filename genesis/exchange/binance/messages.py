"""What the venue sends, from bytes to the domain's own types (`binance-spot.md` 6 to 10).

Numbers come as text and become scaled integers here; times come in ms or us and become nanoseconds.
Keys that are not named here are skipped unread, values that the protocol does not allow raise
MalformedMessage.
"""

import enum
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import msgspec

from genesis.domain.order_lists import OrderListLeg, OrderListReport
from genesis.domain.orders import (
    ExecutionReport,
    Fill,
    Side,
)
from genesis.errors import MalformedMessage
from genesis.exchange.binance.errors import VenueFault
from genesis.exchange.binance.wire_records import (
    NO_REASON,
    AccountReply,
    CancelReply,
    EventHead,
    ListEvent,
    ListReply,
    OrderReply,
    PositionEvent,
    ReplyFill,
    ReportEvent,
    TimeReply,
    Trade,
    TransferEvent,
)
from genesis.exchange.binance.wire_values import (
    ORDER_TYPES,
    fixed,
    is_waiting,
    list_state_of,
    positive_id,
    reason_of,
    side_of,
    state_of,
    traded,
    unsigned,
)
from genesis.exchange.gateway import (
    Accepted,
    Account,
    Balance,
    BalanceUpdate,
    ListAccepted,
    TransferReported,
)
from genesis.units import (
    NANOS_PER_MS,
    Nanos,
    first_ms_from_stamp,
    nanos_from_stamp,
    notional,
)

_T = TypeVar("_T")


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


EventContent: TypeAlias = (
    ExecutionReport | OrderListReport | BalanceUpdate | TransferReported | SessionNotice
)


def _reader(kind: type[_T]) -> Callable[[bytes | msgspec.Raw], _T]:
    """Return a function that decodes JSON to `kind`, or raises MalformedMessage."""
    decode = msgspec.json.Decoder(kind).decode

    def read(message: bytes | msgspec.Raw) -> _T:
        try:
            return decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedMessage(f"{kind.__name__}: {error}") from None

    return read


decode_envelope = _reader(Envelope)
decode_error = _reader(ErrorBody)

_read_order = _reader(OrderReply)
_read_orders = _reader(list[OrderReply])
_read_list = _reader(ListReply)
_read_lists = _reader(list[ListReply])
_read_cancel = _reader(CancelReply)
_read_trades = _reader(list[Trade])
_read_account = _reader(AccountReply)
_read_time = _reader(TimeReply)
_read_head = _reader(EventHead)
_read_report = _reader(ReportEvent)
_read_list_event = _reader(ListEvent)
_read_position = _reader(PositionEvent)
_read_transfer = _reader(TransferEvent)


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
    """Read the reply to `order.status` for the order `client_order_id`.

    The id in the reply may be that of the cancel request instead, so the one asked for is taken.
    """
    return _report_of(_read_order(result), client_order_id, received_at)


def decode_cancel(result: msgspec.Raw, client_order_id: str, received_at: Nanos) -> ExecutionReport:
    """Read the reply to `order.cancel`: the order, or the list that it took with it.

    Raises:
        MalformedMessage: It cannot be read, or is a list without the order.
    """
    list_id = _read_cancel(result).list_client_order_id
    if not list_id:
        return decode_order(result, client_order_id, received_at)
    for report in decode_list(result, list_id, received_at).reports:
        if report.client_order_id == client_order_id:
            return report
    raise MalformedMessage(f"list {list_id[:40]!r} has no leg {client_order_id}")


def decode_list_placement(
    result: msgspec.Raw, list_client_order_id: str, received_at: Nanos
) -> ListAccepted:
    """Read the reply to `orderList.place.oco`, as `decode_placement` that to an order."""
    reply = _list_reply(result, list_client_order_id)
    report = _list_report_of(reply, received_at)
    reports = {leg.venue_order_id: leg for leg in report.reports}
    fills = tuple(
        _fill_of(leg, reports[leg.order_id], fill)
        for leg in reply.order_reports
        for fill in leg.fills
    )
    return ListAccepted(report, fills)


def decode_list(
    result: msgspec.Raw, list_client_order_id: str, received_at: Nanos
) -> OrderListReport:
    """Read the reply to `orderList.status` or `orderList.cancel` for the list of that id.

    Raises:
        MalformedMessage: It cannot be read, or is about another list.
    """
    return _list_report_of(_list_reply(result, list_client_order_id), received_at)


def decode_lists(result: msgspec.Raw, received_at: Nanos) -> tuple[OrderListReport, ...]:
    """Read the reply to `openOrderLists.status`."""
    return tuple(_list_report_of(reply, received_at) for reply in _read_lists(result))


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
            trade_id=positive_id(trade.id),
            client_order_id="",
            venue_order_id=trade.order_id,
            side=Side.BUY if trade.is_buyer else Side.SELL,
            price=unsigned(trade.price),
            quantity=traded(trade.qty),
            quote_amount=unsigned(trade.quote_qty),
            fee=unsigned(trade.commission),
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
            Balance(entry.asset, unsigned(entry.free), unsigned(entry.locked))
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
    if kind == "listStatus":
        return _list_report_of_event(_read_list_event(event), received_at)
    if kind == "outboundAccountPosition":
        return _balance_update_of(_read_position(event), received_at)
    if kind == "balanceUpdate":
        return _transfer_of(_read_transfer(event), received_at)
    if kind in (notice.value for notice in SessionNotice):
        return SessionNotice(kind)
    return None


def _report_of_event(event: ReportEvent, received_at: Nanos) -> ExecutionReport:
    # On a cancel or an amendment `c` is the id of that request and `C` the order's own.
    client_order_id = event.original_id or event.request_id
    side = side_of(event.side)
    filled = unsigned(event.filled_quantity)
    fill = None
    # A trade without an id (smart order routing, section 7.5) only shows in the filled quantity.
    if event.execution == "TRADE" and event.trade_id >= 0:
        fill = Fill(
            symbol=event.symbol,
            trade_id=event.trade_id,
            client_order_id=client_order_id,
            venue_order_id=event.order_id,
            side=side,
            price=unsigned(event.last_price),
            quantity=traded(event.last_quantity),
            quote_amount=unsigned(event.last_amount),
            fee=unsigned(event.fee or "0"),
            fee_asset=event.fee_asset or "",
            is_maker=event.is_maker,
            traded_at=nanos_from_stamp(event.transacted_stamp),
        )
    order_type, state = ORDER_TYPES.get(event.type), state_of(event.status, filled)
    return ExecutionReport(
        client_order_id=client_order_id,
        venue_order_id=event.order_id,
        symbol=event.symbol,
        state=state,
        side=side,
        quantity=unsigned(event.quantity),
        filled_quantity=filled,
        filled_amount=unsigned(event.filled_amount),
        limit_price=unsigned(event.price),
        reason=reason_of(event.status, event.reject_reason, event.expiry_reason),
        event_at=nanos_from_stamp(event.event_stamp),
        received_at=received_at,
        execution_id=event.execution_id,
        fill=fill,
        order_type=order_type,
        trigger_price=unsigned(event.stop_price),
        is_waiting=is_waiting(order_type, state, event.working_stamp),
        venue_list_id=event.order_list_id,
    )


def _list_report_of_event(event: ListEvent, received_at: Nanos) -> OrderListReport:
    return OrderListReport(
        list_client_order_id=event.list_client_order_id,
        venue_list_id=event.order_list_id,
        symbol=event.symbol,
        state=list_state_of(event.status),
        legs=tuple(OrderListLeg(leg.client_order_id, leg.order_id) for leg in event.legs),
        event_at=nanos_from_stamp(event.event_stamp),
        received_at=received_at,
    )


def _list_reply(result: msgspec.Raw, list_client_order_id: str) -> ListReply:
    reply = _read_list(result)
    if reply.list_client_order_id != list_client_order_id:
        raise MalformedMessage(f"the reply is about list {reply.list_client_order_id[:40]!r}")
    return reply


def _list_report_of(reply: ListReply, received_at: Nanos) -> OrderListReport:
    reports = {leg.order_id: leg for leg in reply.order_reports}
    if reports and reports.keys() != {leg.order_id for leg in reply.orders}:
        raise MalformedMessage(f"list {reply.list_client_order_id[:40]!r} reports other legs")
    return OrderListReport(
        list_client_order_id=reply.list_client_order_id,
        venue_list_id=reply.order_list_id,
        symbol=reply.symbol,
        state=list_state_of(reply.list_order_status),
        legs=tuple(OrderListLeg(leg.client_order_id, leg.order_id) for leg in reply.orders),
        event_at=nanos_from_stamp(reply.transaction_time),
        received_at=received_at,
        reports=tuple(
            _report_of(reports[leg.order_id], leg.client_order_id, received_at)
            for leg in reply.orders
            if reports
        ),
    )


def _report_of(reply: OrderReply, client_order_id: str, received_at: Nanos) -> ExecutionReport:
    filled = unsigned(reply.executed_qty)
    amount = fixed(reply.cummulative_quote_qty)
    order_type, state = ORDER_TYPES.get(reply.type), state_of(reply.status, filled)
    return ExecutionReport(
        client_order_id=client_order_id,
        venue_order_id=reply.order_id,
        symbol=reply.symbol,
        state=state,
        side=side_of(reply.side),
        quantity=unsigned(reply.orig_qty),
        filled_quantity=filled,
        filled_amount=max(0, amount),  # negative: the venue no longer knows (section 7.4)
        limit_price=unsigned(reply.price),
        reason=reason_of(reply.status, NO_REASON, reply.expiry_reason),
        event_at=nanos_from_stamp(reply.transact_time or reply.update_time),
        received_at=received_at,
        order_type=order_type,
        trigger_price=unsigned(reply.stop_price),
        is_waiting=is_waiting(order_type, state, reply.working_time),
        venue_list_id=reply.order_list_id,
    )


def _fill_of(reply: OrderReply, report: ExecutionReport, fill: ReplyFill) -> Fill:
    """Make a fill of one that a placement reply lists: the new order was the taker."""
    price, quantity = unsigned(fill.price), traded(fill.qty)
    return Fill(
        symbol=reply.symbol,
        trade_id=positive_id(fill.trade_id),
        client_order_id=report.client_order_id,
        venue_order_id=reply.order_id,
        side=report.side,
        price=price,
        quantity=quantity,
        quote_amount=notional(price, quantity),
        fee=unsigned(fill.commission),
        fee_asset=fill.commission_asset,
        is_maker=False,
        traded_at=report.event_at,
    )


def _balance_update_of(event: PositionEvent, received_at: Nanos) -> BalanceUpdate:
    return BalanceUpdate(
        balances=tuple(
            Balance(entry.asset, unsigned(entry.free), unsigned(entry.locked))
            for entry in event.balances
        ),
        updated_at=nanos_from_stamp(event.updated_stamp),
        event_at=nanos_from_stamp(event.event_stamp),
        received_at=received_at,
    )


def _transfer_of(event: TransferEvent, received_at: Nanos) -> TransferReported:
    return TransferReported(
        asset=event.asset,
        amount=fixed(event.delta),
        cleared_at=nanos_from_stamp(event.cleared_stamp),
        received_at=received_at,
    )
