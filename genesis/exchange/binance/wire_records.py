"""The documents that the venue sends, key by key (`binance-spot.md` 7, 8 and 10).

`messages.py` reads them. Keys that are not named here are skipped unread; a default stands for a
key that some of the documents lack.
"""

from typing import Final

import msgspec

from genesis.domain.orders import NO_ORDER_LIST

NO_REASON: Final = "NONE"
NOT_WORKING: Final = -1


class ReplyFill(msgspec.Struct, rename="camel"):
    """One execution, as a placement reply lists it."""

    price: str
    qty: str
    commission: str
    commission_asset: str
    trade_id: int


class OrderReply(msgspec.Struct, rename="camel"):
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
    expiry_reason: str = NO_REASON
    fills: list[ReplyFill] = []
    type: str = ""
    stop_price: str = "0"
    working_time: int = NOT_WORKING
    order_list_id: int = NO_ORDER_LIST


class LegReply(msgspec.Struct, rename="camel"):
    """One leg, as a list names it."""

    order_id: int
    client_order_id: str


class ListReply(msgspec.Struct, rename="camel"):
    """An order list (section 7.5): placement and cancel replies have reports of its legs."""

    order_list_id: int
    list_order_status: str
    list_client_order_id: str
    transaction_time: int
    symbol: str
    orders: list[LegReply]
    order_reports: list[OrderReply] = []


class CancelReply(msgspec.Struct, rename="camel"):
    """What `order.cancel` answers: an order, or the list that it was a leg of."""

    list_client_order_id: str = ""


class Trade(msgspec.Struct, rename="camel"):
    """An element of `myTrades`."""

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


class BalanceReply(msgspec.Struct):
    """One asset of the account."""

    asset: str
    free: str
    locked: str


class AccountReply(msgspec.Struct, rename="camel"):
    """The account (section 8.1)."""

    balances: list[BalanceReply]
    can_trade: bool
    update_time: int
    uid: int = 0


class TimeReply(msgspec.Struct, rename="camel"):
    """The venue's clock."""

    server_time: int


class EventHead(msgspec.Struct):
    """What every user event has: its kind."""

    e: str


class ReportEvent(msgspec.Struct):
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
    expiry_reason: str = msgspec.field(name="eR", default=NO_REASON)
    type: str = msgspec.field(name="o", default="")
    stop_price: str = msgspec.field(name="P", default="0")
    working_stamp: int = msgspec.field(name="W", default=NOT_WORKING)
    order_list_id: int = msgspec.field(name="g", default=NO_ORDER_LIST)


class EventLeg(msgspec.Struct):
    """One leg, as `listStatus` names it."""

    order_id: int = msgspec.field(name="i")
    client_order_id: str = msgspec.field(name="c")


class ListEvent(msgspec.Struct):
    """`listStatus` (section 10.2)."""

    event_stamp: int = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    order_list_id: int = msgspec.field(name="g")
    status: str = msgspec.field(name="L")
    list_client_order_id: str = msgspec.field(name="C")
    legs: list[EventLeg] = msgspec.field(name="O")


class EventBalance(msgspec.Struct):
    """One asset that something touched."""

    asset: str = msgspec.field(name="a")
    free: str = msgspec.field(name="f")
    locked: str = msgspec.field(name="l")


class PositionEvent(msgspec.Struct):
    """`outboundAccountPosition` (section 10.2)."""

    event_stamp: int = msgspec.field(name="E")
    updated_stamp: int = msgspec.field(name="u")
    balances: list[EventBalance] = msgspec.field(name="B")


class TransferEvent(msgspec.Struct):
    """`balanceUpdate` (section 10.2)."""

    asset: str = msgspec.field(name="a")
    delta: str = msgspec.field(name="d")
    cleared_stamp: int = msgspec.field(name="T")
