"""The venue's own truth: balances, orders, trades and what of them it shows, and when.

As on Binance spot, a client order id is unique among open orders only, the receive window is
checked when a request arrives and again before it is forwarded to the matching engine, a forwarded
request waits there for a bounded time, and lists lag behind the engine while cancels do not.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from genesis.domain.instruments import TRADING, Instrument, InstrumentCatalogue
from genesis.domain.orders import (
    NO_ORDER_LIST,
    TERMINAL_STATES,
    ExecutionReport,
    Fill,
    OrderIntent,
    OrderState,
    OrderType,
    Side,
    SignalAction,
    TimeInForce,
)
from genesis.exchange.gateway import (
    Accepted,
    CancelOutcome,
    Found,
    NotFound,
    NotOpen,
    QueryOutcome,
    Rejected,
    SubmitOutcome,
    TransferReported,
    Unknown,
    UserEvent,
)
from genesis.units import NANOS_PER_MS, SCALE, Amount, Nanos, Price, Quantity, notional
from scripts.simulation.faults import SECOND, Faults, draw, happens
from scripts.simulation.schedule import Schedule

WINDOW_MS: Final = 2_000
AHEAD_MAX_MS: Final = 1_000
FEE_ASSET: Final = "BNB"
_FEE_DIVISOR: Final = 1_000
_RESTS_FOR_MAX: Final[Nanos] = 20 * SECOND
_HALTED_FOR_MAX: Final[Nanos] = 20 * SECOND

Reply = Callable[[SubmitOutcome], None]
_Outcome = TypeVar("_Outcome")


@dataclass(slots=True)
class VenueOrder:
    """One order, with every state it was ever in, so that a lagging list can show an old one."""

    intent: OrderIntent
    venue_order_id: int
    created_at: Nanos
    is_external: bool = False
    order_list: str = ""
    is_waiting: bool = False
    state: OrderState = OrderState.ACCEPTED
    filled: Quantity = 0
    amount: Amount = 0
    history: list[tuple[Nanos, OrderState, Quantity, Amount]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Tell whether the order may still fill."""
        return self.state not in TERMINAL_STATES


class Venue:
    """One account at the venue.

    `emit` takes its user events, `watch` every trade of it, `on_opened` every order that it takes.
    """

    def __init__(
        self,
        *,
        schedule: Schedule,
        chance: random.Random,
        faults: Faults,
        catalogue: InstrumentCatalogue,
        prices: dict[str, Price],
        balances: dict[str, Amount],
        emit: Callable[[UserEvent], None],
        watch: Callable[[VenueOrder, Fill], None],
        on_opened: Callable[[VenueOrder], None],
    ) -> None:
        self._schedule = schedule
        self._chance = chance
        self._faults = faults
        self._catalogue = catalogue
        self._prices = prices
        self._emit = emit
        self._watch = watch
        self._on_opened = on_opened
        self.balances = balances
        self.orders: list[VenueOrder] = []
        self.trades: list[Fill] = []
        self.external: dict[str, Amount] = {}
        self.transfers = 0
        self._opened_at = schedule.now
        self._movements: list[tuple[Nanos, str, Amount]] = []
        self._open: dict[str, VenueOrder] = {}
        self._halted: set[str] = set()
        self._ids = 0
        self._trade_ids = dict.fromkeys(prices, 0)
        self._fee_in_bnb = chance.choice([0.0, 0.0, 0.5, 1.0])

    @property
    def now_ms(self) -> int:
        """Return the venue's clock."""
        return self._schedule.now // NANOS_PER_MS

    def place(self, intent: OrderIntent, timestamp_ms: int, reply: Reply) -> None:
        """Take a placement off the wire: check it, forward it, match it, reply to it."""
        self._receive(lambda: self._match(intent), timestamp_ms, reply)

    def _receive(
        self,
        match: Callable[[], _Outcome],
        timestamp_ms: int,
        reply: Callable[[_Outcome | Rejected | Unknown], None],
    ) -> None:
        if not self._is_timely(timestamp_ms):
            reply(Rejected(-1021, "Timestamp is outside of the recvWindow.", retryable=True))
            return
        if happens(self._chance, self._faults.throttled_share):
            code = self._chance.choice([-1003, -1008, -1015])
            reply(Rejected(code, "Too many.", retryable=True))
            return
        answer = reply
        if happens(self._chance, self._faults.server_error_share):
            reply(Unknown("503 -1007: execution status unknown"))
            if happens(self._chance, 0.5):
                return
            answer = _swallow  # the error was the reply

        def forward() -> None:
            if self.now_ms - timestamp_ms > WINDOW_MS:
                answer(Rejected(-1021, "Timestamp is outside of the recvWindow.", retryable=True))
                return
            self._later(self._faults.queue_max, lambda: answer(match()))

        self._later(self._faults.forward_max, forward)

    def cancel(self, client_order_id: str) -> CancelOutcome:
        """Cancel an open order: the matching engine's own word."""
        order = self._open.get(client_order_id)
        if order is None:
            return NotOpen("Unknown order sent.")
        self._end(order, OrderState.CANCELED)
        return Accepted(self._report(order, self._schedule.now))

    def open_sales(self, symbol: str) -> list[VenueOrder]:
        """Return the open sell orders of a symbol, as the matching engine knows them."""
        return [
            order
            for order in self._open.values()
            if order.intent.symbol == symbol and order.intent.side is Side.SELL
        ]

    def price_of(self, symbol: str) -> Price:
        """Return about what a symbol trades at."""
        return self._prices[symbol]

    def query(self, client_order_id: str, as_of: Nanos) -> QueryOutcome:
        """Show the latest order of an id, as a list that lags shows it."""
        for order in reversed(self.orders):
            if order.intent.client_order_id == client_order_id and order.created_at <= as_of:
                return Found(self._report(order, as_of))
        return NotFound()

    def open_orders(self, as_of: Nanos) -> tuple[ExecutionReport, ...]:
        """List the open orders."""
        shown = (self._report(order, as_of) for order in self.orders if order.created_at <= as_of)
        return tuple(report for report in shown if report.state not in TERMINAL_STATES)

    def orders_since(self, symbol: str, since: Nanos, as_of: Nanos) -> tuple[ExecutionReport, ...]:
        """List all orders of a symbol."""
        return tuple(
            self._report(order, as_of)
            for order in self.orders
            if order.intent.symbol == symbol and since <= order.created_at <= as_of
        )

    def trades_where(self, wanted: Callable[[Fill], bool], as_of: Nanos) -> tuple[Fill, ...]:
        """List trades as `myTrades` does, without client order ids."""
        return tuple(
            _without_name(trade)
            for trade in self.trades
            if trade.traded_at <= as_of and wanted(trade)
        )

    def balances_at(self, as_of: Nanos) -> tuple[dict[str, Amount], Nanos]:
        """Show balances, assets at zero left out, and when they last changed."""
        shown = dict(self.balances)
        changed_at = self._opened_at
        for at, asset, amount in reversed(self._movements):
            if at <= as_of:
                changed_at = at
                break
            shown[asset] -= amount
        return {asset: amount for asset, amount in shown.items() if amount}, changed_at

    def trade_externally(self) -> None:
        """Let the account's owner trade by hand."""
        symbol = self._chance.choice(list(self._prices))
        instrument = self._instrument(symbol)
        intent = OrderIntent(
            client_order_id=f"web_{self._ids}",
            strategy_id="",
            symbol=symbol,
            instrument_id=instrument.instrument_id,
            side=self._chance.choice(list(Side)),
            action=SignalAction.ENTER,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.GTC,
            quantity=instrument.step_size * self._chance.randrange(10, 100),
            limit_price=0,
            reference_price=0,
            stop_price=0,
            target_price=0,
            expires_at=0,
        )
        self._match(intent, is_external=True)

    def halt(self) -> None:
        """Suspend a symbol for a while: it takes no new orders, and its listing says so."""
        symbol = self._chance.choice(list(self._prices))
        self._halted.add(symbol)
        self._later(_HALTED_FOR_MAX, lambda: self._halted.discard(symbol))

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """List symbols with their present status, ids as the gateway numbers them."""
        return tuple(
            msgspec.structs.replace(
                self._instrument(symbol),
                instrument_id=row,
                status="HALT" if symbol in self._halted else TRADING,
            )
            for row, symbol in enumerate(symbols)
        )

    def transfer(self) -> None:
        """Let a deposit or a withdrawal clear."""
        asset = self._chance.choice(list(self.balances))
        amount = self._chance.randrange(-SCALE // 10, SCALE // 5) or 1
        self._move(asset, amount)
        self.transfers += 1
        self.external[asset] = self.external.get(asset, 0) + amount
        now = self._schedule.now
        self._emit(TransferReported(asset=asset, amount=amount, cleared_at=now, received_at=now))

    def _is_timely(self, timestamp_ms: int) -> bool:
        return timestamp_ms < self.now_ms + AHEAD_MAX_MS and self.now_ms - timestamp_ms <= WINDOW_MS

    def _match(self, intent: OrderIntent, *, is_external: bool = False) -> SubmitOutcome:
        if intent.client_order_id in self._open:
            return Unknown("400 -2010: Duplicate order sent.")
        if intent.symbol in self._halted and not is_external:
            closed = "Market is closed."
            return Rejected(-2010, closed, retryable=False, contradicts_listing=True)
        price = self._price(intent)
        if not self._can_pay(intent, price):
            reason = "Account has insufficient balance for requested action."
            return Rejected(-2010, reason, retryable=False)
        order = self._open_order(intent, is_external=is_external)
        fills = self._execute(order, price)
        return Accepted(self._report(order, self._schedule.now), tuple(fills))

    def _open_order(
        self, intent: OrderIntent, *, is_external: bool = False, order_list: str = ""
    ) -> VenueOrder:
        self._ids += 1
        order = VenueOrder(
            intent,
            10_000 + self._ids,
            self._schedule.now,
            is_external=is_external,
            order_list=order_list,
            is_waiting=intent.order_type.is_conditional,
        )
        self.orders.append(order)
        self._open[intent.client_order_id] = order
        self._note(order)
        self._on_opened(order)
        self._emit(self._report(order, self._schedule.now))
        return order

    def _execute(self, order: VenueOrder, price: Price) -> list[Fill]:
        """Fill what fills at once; end or rest the remainder."""
        intent = order.intent
        if intent.order_type.is_conditional:
            return []  # until its price is struck
        rests = intent.order_type is not OrderType.MARKET and (
            intent.time_in_force is TimeInForce.GTC
        )
        if rests and happens(self._chance, 0.7):
            self._fill_later(order, price)
            return []
        is_partial = happens(self._chance, self._faults.partial_share)
        quantity = intent.quantity
        if is_partial:
            step = self._instrument(intent.symbol).step_size
            quantity = step * self._chance.randrange(0, quantity // step)
        fills = [self._fill(order, part, price) for part in self._parts(order, quantity)]
        if order.is_open and not rests:
            self._end(order, OrderState.EXPIRED)
        elif order.is_open:
            self._fill_later(order, price)
        return fills

    def _fill_later(self, order: VenueOrder, price: Price) -> None:
        if happens(self._chance, 0.3):
            return  # nobody wants it: its signal's expiry cancels it

        def fill() -> None:
            if order.is_open:
                left = order.intent.quantity - order.filled
                part = self._chance.choice(self._parts(order, left))
                self._fill(order, part, price)
                if order.is_open:
                    self._fill_later(order, price)

        self._later(_RESTS_FOR_MAX, fill)

    def _parts(self, order: VenueOrder, quantity: Quantity) -> list[Quantity]:
        step = self._instrument(order.intent.symbol).step_size
        parts = []
        while quantity:
            part = quantity
            if happens(self._chance, 0.3):
                part = step * self._chance.randrange(1, quantity // step + 1)
            parts.append(part)
            quantity -= part
        return parts

    def _fill(self, order: VenueOrder, quantity: Quantity, price: Price) -> Fill:
        intent = order.intent
        instrument = self._instrument(intent.symbol)
        amount = notional(price, quantity)
        self._trade_ids[intent.symbol] += self._chance.randrange(1, 5)
        fee_asset, fee = self._fee(instrument, intent.side, quantity, amount)
        trade = Fill(
            symbol=intent.symbol,
            trade_id=self._trade_ids[intent.symbol],
            client_order_id=intent.client_order_id,
            venue_order_id=order.venue_order_id,
            side=intent.side,
            price=price,
            quantity=quantity,
            quote_amount=amount,
            fee=fee,
            fee_asset=fee_asset,
            is_maker=False,
            traded_at=self._schedule.now,
        )
        self.trades.append(trade)
        sign = intent.side.value
        self._move(instrument.base_asset, sign * quantity)
        self._move(instrument.quote_asset, -sign * amount)
        self._move(fee_asset, -fee)
        if order.is_external:
            for asset, moved in (
                (instrument.base_asset, sign * quantity),
                (instrument.quote_asset, -sign * amount),
                (fee_asset, -fee),
            ):
                self.external[asset] = self.external.get(asset, 0) + moved
        order.filled += quantity
        order.amount += amount
        order.state = OrderState.PARTIALLY_FILLED
        if order.filled == intent.quantity:
            order.state = OrderState.FILLED
            del self._open[intent.client_order_id]
        self._note(order)
        self._watch(order, trade)
        self._emit(self._report(order, self._schedule.now, trade))
        return trade

    def _fee(
        self, instrument: Instrument, side: Side, quantity: Quantity, amount: Amount
    ) -> tuple[str, Amount]:
        if happens(self._chance, self._fee_in_bnb):
            return FEE_ASSET, amount // _FEE_DIVISOR // 600
        if side is Side.BUY:
            return instrument.base_asset, quantity // _FEE_DIVISOR
        return instrument.quote_asset, amount // _FEE_DIVISOR

    def _end(self, order: VenueOrder, state: OrderState) -> None:
        order.state = state
        del self._open[order.intent.client_order_id]
        self._note(order)
        self._emit(self._report(order, self._schedule.now))

    def _note(self, order: VenueOrder) -> None:
        order.history.append((self._schedule.now, order.state, order.filled, order.amount))

    def _report(
        self, order: VenueOrder, as_of: Nanos, trade: Fill | None = None
    ) -> ExecutionReport:
        _, state, filled, amount = next(
            noted for noted in reversed(order.history) if noted[0] <= as_of
        )
        intent = order.intent
        return ExecutionReport(
            client_order_id=intent.client_order_id,
            venue_order_id=order.venue_order_id,
            symbol=intent.symbol,
            state=state,
            side=intent.side,
            quantity=intent.quantity,
            filled_quantity=filled,
            filled_amount=amount,
            limit_price=intent.limit_price,
            reason="",
            event_at=self._schedule.now,
            received_at=self._schedule.now,
            fill=trade,
            order_type=intent.order_type,
            trigger_price=intent.trigger_price,
            is_waiting=order.is_waiting,
            venue_list_id=int(bool(order.order_list)) or NO_ORDER_LIST,
        )

    def _price(self, intent: OrderIntent) -> Price:
        tick = self._instrument(intent.symbol).tick_size
        price = self._prices[intent.symbol] + tick * self._chance.randrange(-500, 500)
        return intent.limit_price or price

    def _can_pay(self, intent: OrderIntent, price: Price) -> bool:
        instrument = self._instrument(intent.symbol)
        if intent.side is Side.BUY:
            return self.balances[instrument.quote_asset] >= notional(price, intent.quantity)
        locked = locked_quantity(
            order for order in self._open.values() if order.intent.symbol == intent.symbol
        )
        return self.balances[instrument.base_asset] - locked >= intent.quantity

    def _instrument(self, symbol: str) -> Instrument:
        instrument = self._catalogue.by_symbol(symbol)
        assert instrument is not None
        return instrument

    def _move(self, asset: str, amount: Amount) -> None:
        self.balances[asset] += amount
        self._movements.append((self._schedule.now, asset, amount))

    def _later(self, most: Nanos, action: Callable[[], None]) -> None:
        self._schedule.after(draw(self._chance, most), action)


def locked_quantity(orders: Iterable[VenueOrder]) -> Quantity:
    """Return what open sales may still sell; those of one list share their lots."""
    by_list: dict[str, Quantity] = {}
    for order in orders:
        if order.intent.side is Side.SELL and order.is_open:
            key = order.order_list or order.intent.client_order_id
            left = order.intent.quantity - order.filled
            by_list[key] = max(by_list.get(key, 0), left)
    return sum(by_list.values())


def _swallow(_outcome: object) -> None:
    """Reply nothing."""


def _without_name(trade: Fill) -> Fill:
    return Fill(
        symbol=trade.symbol,
        trade_id=trade.trade_id,
        client_order_id="",
        venue_order_id=trade.venue_order_id,
        side=trade.side,
        price=trade.price,
        quantity=trade.quantity,
        quote_amount=trade.quote_amount,
        fee=trade.fee,
        fee_asset=trade.fee_asset,
        is_maker=trade.is_maker,
        traded_at=trade.traded_at,
    )
