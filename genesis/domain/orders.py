"""Orders from wish to fill: signals, intents, approved orders, execution reports, fills.

One word each: a *signal* is a strategy's wish, an *intent* is a sized signal, an *approved order*
is what the risk engine let through. One order belongs to one strategy.
"""

import enum
from typing import Final

import msgspec

from genesis.units import Amount, Nanos, Price, Quantity

NO_ORDER_LIST: Final = -1
"""The venue's list id of an order that is a leg of no list; its real ids begin at 0."""


class Side(enum.IntEnum):
    """Direction of an order. The value is the sign of the position change."""

    BUY = 1
    SELL = -1

    @property
    def opposite(self) -> "Side":
        """Return the side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(enum.IntEnum):
    """The order types Genesis sends, by the venue's names. Append only: the journal holds them.

    Those from STOP_LOSS on are conditional: they wait until a trade reaches their trigger price,
    and then work as a market order, or (`_LIMIT`) as a limit order.
    """

    MARKET = 1
    LIMIT = 2
    LIMIT_MAKER = 3
    STOP_LOSS = 4
    STOP_LOSS_LIMIT = 5
    TAKE_PROFIT = 6
    TAKE_PROFIT_LIMIT = 7

    @property
    def is_conditional(self) -> bool:
        """Tell whether the order waits for a trigger: the executor's own, never a strategy's."""
        return self >= OrderType.STOP_LOSS

    @property
    def is_stop(self) -> bool:
        """Tell whether the order bounds a loss: a sale is triggered by a falling price."""
        return self in {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT}

    @property
    def trades_at_market(self) -> bool:
        """Tell whether the order has no limit price: it takes what the book offers."""
        return self in {OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT}


class TimeInForce(enum.IntEnum):
    """How long a limit order may work; names are the venue's."""

    GTC = 1
    IOC = 2
    FOK = 3


class SignalAction(enum.IntEnum):
    """What a strategy wants to do to its own position."""

    ENTER = 1
    EXIT = 2


class OrderState(enum.IntEnum):
    """Life cycle of an order; `engine/state_machine.py` holds the legal moves.

    PREPARED: durable in the journal and in flight, no answer yet. OUTCOME_UNKNOWN: the answer was
    lost; live until proven otherwise. NOT_EXECUTED: never sent, or proven behind the time fence
    never to have reached the book.
    """

    PREPARED = 1
    OUTCOME_UNKNOWN = 2
    ACCEPTED = 3
    PARTIALLY_FILLED = 4
    PENDING_CANCEL = 5
    FILLED = 6
    CANCELED = 7
    REJECTED = 8
    EXPIRED = 9
    NOT_EXECUTED = 10


TERMINAL_STATES: Final = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
        OrderState.NOT_EXECUTED,
    }
)


class Signal(msgspec.Struct, gc=False, kw_only=True):
    """A strategy's wish to trade, before anything has judged it.

    `(strategy_number, epoch, sequence)` names it for ever: the number is the strategy's permanent
    one, the epoch is new at each start of its worker, the sequence counts the strategy's signals
    in that epoch. `quantity` 0 leaves the size to the executor; price 0 means none. `position` is
    what the strategy believed to hold when it made its wish. Times below `expires_at` carry the
    latency trail of the market event that caused the signal.
    """

    strategy_number: int
    epoch: int
    sequence: int
    instrument_id: int
    side: Side
    action: SignalAction
    order_type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    confidence: float
    limit_price: Price = 0
    stop_price: Price = 0
    target_price: Price = 0
    quantity: Quantity = 0
    position: Quantity = 0
    expires_at: Nanos
    market_sequence: int = 0
    event_at: Nanos = 0
    received_at: Nanos = 0
    read_at: Nanos = 0
    published_at: Nanos = 0


class OrderIntent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A sized signal, not yet judged by the risk engine.

    `limit_price` is 0 for an order that trades at the market; `reference_price` is the price the
    size and the checks were made at. `stop_price` and `target_price` are where the position that an
    entry makes is to be protected; `trigger_price` is what a conditional order itself waits for, 0
    for any other. `confidence_bps` is how far an entry was believed, in ten-thousandths.
    """

    client_order_id: str
    strategy_id: str
    symbol: str
    instrument_id: int
    side: Side
    action: SignalAction
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Quantity
    limit_price: Price
    reference_price: Price
    stop_price: Price
    target_price: Price
    expires_at: Nanos
    trigger_price: Price = 0
    confidence_bps: int = 0


class RefusalRule(enum.StrEnum):
    """Every rule by which Genesis itself says no.

    Append only: reports carry a rule by its place.
    """

    FORM = "form"
    EXPIRED = "expired"
    SIGNAL_RATE = "signal_rate"
    HALTED = "halted"
    PROTECTION = "protection"
    CONFLICT = "conflict"
    ENGINE_STATE = "engine_state"
    LOT_SIZE = "lot_size"
    PRICE_FILTER = "price_filter"
    MIN_NOTIONAL = "min_notional"
    MAX_NOTIONAL = "max_notional"
    HOLDING = "holding"
    DATA_AGE = "data_age"
    PRICE_COLLAR = "price_collar"
    ORDER_NOTIONAL = "order_notional"
    POSITION_LIMIT = "position_limit"
    EXPOSURE = "exposure"
    BALANCE = "balance"
    OPEN_ORDERS = "open_orders"
    OPEN_ORDERS_OF_STRATEGY = "open_orders_of_strategy"
    ORDER_RATE = "order_rate"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    POSITION_BELIEF = "position_belief"
    SUSPENDED = "suspended"
    DUST = "dust"
    MARKET_LOT_SIZE = "market_lot_size"
    PERCENT_PRICE = "percent_price"
    MAX_NUM_ORDERS = "max_num_orders"
    MAX_POSITION = "max_position"
    EXCHANGE_MAX_NUM_ORDERS = "exchange_max_num_orders"
    RATE_LIMIT = "rate_limit"
    CIRCUIT_BREAKER = "circuit_breaker"
    CANARY = "canary"
    MAX_NUM_ALGO_ORDERS = "max_num_algo_orders"
    MAX_NUM_ORDER_LISTS = "max_num_order_lists"
    SIZE = "size"
    CONFIDENCE = "confidence"
    DUPLICATE = "duplicate"
    OPPOSITION = "opposition"
    PROTECTION_ROOM = "protection_room"
    UNPROTECTED = "unprotected"
    RISK_STATE = "risk_state"
    STRATEGY_LIMIT = "strategy_limit"
    INSTRUMENT_LIMIT = "instrument_limit"
    CORRELATED_EXPOSURE = "correlated_exposure"
    CANCEL_RATE = "cancel_rate"
    MARK_AGE = "mark_age"
    SPREAD = "spread"
    LIQUIDITY = "liquidity"
    FLASH_CRASH = "flash_crash"
    STOP_STORM = "stop_storm"
    COOL_DOWN = "cool_down"
    LOSSES_IN_ROW = "losses_in_row"
    LOW_PROFIT = "low_profit"

    @property
    def code(self) -> int:
        """Return the rule's place in the list, from 1, as order reports carry it."""
        return _RULE_CODES[self]


_RULE_CODES: Final = {rule: place for place, rule in enumerate(RefusalRule, start=1)}


class Refusal(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Our own no: which rule, its limit, and what was seen.

    `wording` is what the venue would have said, where the rule is the venue's; else it is empty.
    """

    rule: RefusalRule
    limit: str
    observed: str
    wording: str = ""


class Hold(msgspec.Struct, frozen=True):
    """Why a request may not be sent to the venue now, and from which venue time on it may."""

    refusal: Refusal
    retry_at_ms: int

    @property
    def reason(self) -> str:
        """Return the refusal in words."""
        refusal = self.refusal
        return f"{refusal.rule}: {refusal.observed}; {refusal.limit}"


class Fill(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One execution of our order; `(symbol, trade_id)` names it for ever.

    `quote_amount` is the venue's own figure; `fee` is in units of `fee_asset` and never negative.
    """

    symbol: str
    trade_id: int
    client_order_id: str
    venue_order_id: int
    side: Side
    price: Price
    quantity: Quantity
    quote_amount: Amount
    fee: Amount
    fee_asset: str
    is_maker: bool
    traded_at: Nanos


class ExecutionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says of one of our orders: a reply, a user event or the result of a query.

    `state` is one of ACCEPTED, PARTIALLY_FILLED, FILLED, CANCELED, REJECTED, EXPIRED.
    `filled_quantity` is cumulative. `quantity` is 0 for a market order by quote amount that has not
    traded. User events of one moment follow each other by `execution_id`, which replies lack.
    `fill` is set when the report is of one execution. `order_type` is None where the venue does not
    say it. `is_waiting`: a conditional order whose trigger has not been reached. `venue_list_id` is
    the order list that the order is a leg of, or NO_ORDER_LIST.
    """

    client_order_id: str
    venue_order_id: int
    symbol: str
    state: OrderState
    side: Side
    quantity: Quantity
    filled_quantity: Quantity
    filled_amount: Amount
    limit_price: Price
    reason: str
    event_at: Nanos
    received_at: Nanos
    execution_id: int = 0
    fill: Fill | None = None
    order_type: OrderType | None = None
    trigger_price: Price = 0
    is_waiting: bool = False
    venue_list_id: int = NO_ORDER_LIST


class ReportKind(enum.IntEnum):
    """What an order report tells a strategy.

    POSITION tells no news of an order, only what the strategy holds; it is repeated, so that a
    restarted worker learns it.
    """

    REFUSED = 1
    ACCEPTED = 2
    REJECTED = 3
    FILLED = 4
    CANCELED = 5
    EXPIRED = 6
    NOT_EXECUTED = 7
    POSITION = 8


class OrderReport(msgspec.Struct, gc=False, kw_only=True):
    """What the executor tells a strategy of its signal, its order or its position.

    `(strategy_number, epoch, signal_sequence)` names the signal; it is zero for a POSITION.
    `price` and `quantity` are those of the fill for FILLED, else those of the order;
    `filled_quantity` is cumulative over the order; `position` is what the strategy holds after it.
    `report_sequence` rises with every report of the executor.
    """

    report_sequence: int
    strategy_number: int
    epoch: int
    signal_sequence: int
    instrument_id: int
    side: Side
    kind: ReportKind
    price: Price = 0
    quantity: Quantity = 0
    filled_quantity: Quantity = 0
    position: Quantity = 0
    reason_code: int = 0
    at: Nanos
