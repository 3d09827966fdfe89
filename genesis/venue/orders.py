"""The venue's own record of an order, a trade and a client's order request."""

import enum
from typing import Final

import msgspec

from genesis.domain.orders import OrderType, Side, TimeInForce
from genesis.units import Amount, Nanos, Price, Quantity


class OrderStatus(enum.StrEnum):
    """Status of an order, as the protocol spells it."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


NO_ORDER_LIST: Final = -1

OPEN_STATUSES: Final = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})


class SelfTradePrevention(enum.StrEnum):
    """What happens when an account would trade with itself; the taker's mode decides."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class ResponseType(enum.StrEnum):
    """How much a placement's reply tells."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class ExpiryReason(enum.StrEnum):
    """Why an order expired, as the protocol spells it."""

    NONE = ""
    REJECTED = "REJECTED"
    EXCHANGE_CANCELED = "EXCHANGE_CANCELED"
    OCO_TRIGGER = "OCO_TRIGGER"
    UNFILLED_IOC = "UNFILLED_IOC_QUANTITY_EXPIRED"
    UNFILLED_FOK = "UNFILLED_FOK_ORDER_EXPIRED"
    INSUFFICIENT_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
    PRICE_RANGE = "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A client's wish, well formed, not yet judged by filters or funds.

    `price` is 0 for an order that trades at the market, `stop_price` for one that is not
    conditional. Exactly one of `quantity` and `quote_quantity` is not 0.
    """

    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: Price
    quantity: Quantity
    quote_quantity: Amount
    client_order_id: str
    stp_mode: SelfTradePrevention
    response_type: ResponseType
    stop_price: Price = 0


class VenueOrder(msgspec.Struct, kw_only=True):
    """One accepted order, from its acceptance on. Times are the venue's.

    `executed_quantity` counts settled trades; `open_quantity` is what matching may still take, and
    runs ahead of settlement within one step. `locked` is what the order still holds back of the
    account, in the asset it would spend; of a list's legs one holds for both. `working_at` is when
    the order began to work, 0 while it waits for its trigger. `ahead` is public quantity that comes
    before the order at its price; `cut` is how much of it vanished with no trade seen yet.
    """

    order_id: int
    account_id: int
    symbol: str
    client_order_id: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: Price
    quantity: Quantity
    quote_quantity: Amount
    stp_mode: SelfTradePrevention
    created_at: Nanos
    updated_at: Nanos
    status: OrderStatus = OrderStatus.NEW
    executed_quantity: Quantity = 0
    executed_quote: Amount = 0
    locked: Amount = 0
    expiry_reason: ExpiryReason = ExpiryReason.NONE
    stop_price: Price = 0
    order_list_id: int = NO_ORDER_LIST
    working_at: Nanos = 0
    open_quantity: Quantity = 0
    ahead: Quantity = 0
    cut: Quantity = 0

    @property
    def is_open(self) -> bool:
        """Whether the order can still trade or be canceled."""
        return self.status in OPEN_STATUSES

    @property
    def is_waiting(self) -> bool:
        """Whether the order is open, and waits for a trade to reach its stop price."""
        return self.is_open and self.order_type.is_conditional and not self.working_at


class VenueTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One account's side of one trade. `(symbol, trade_id, order_id)` names it for ever."""

    symbol: str
    trade_id: int
    order_id: int
    account_id: int
    side: Side
    price: Price
    quantity: Quantity
    quote_quantity: Amount
    commission: Amount
    commission_asset: str
    is_maker: bool
    traded_at: Nanos
