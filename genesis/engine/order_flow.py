"""The life of an order after its approval: outcomes, reports, fills, doubts and retries.

Everything here follows `reliability.md` section 2.2: durable before sent, never sent twice,
anything but a definite answer leaves the order live until a query behind the time fence decides,
and only the venue's own trade ids move a position. Facts and `now` go in, effects come out.
"""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from genesis.domain.instruments import UNLISTED, InstrumentCatalogue
from genesis.domain.order_ids import ATTEMPT_MAX, LEG_SINGLE, OrderIdParts, encode_order_id
from genesis.domain.orders import (
    ExecutionReport,
    Hold,
    OrderIntent,
    OrderState,
    OrderType,
    Refusal,
    ReportKind,
    TimeInForce,
)
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.effects import (
    Announce,
    CancelOrder,
    Effect,
    FetchTrades,
    QueryOrder,
    SubmitOrder,
)
from genesis.engine.entries import OrderPrepared, SignalId, TradingHalted
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.resolution import Resolver
from genesis.engine.risk_engine import ApprovedOrder
from genesis.engine.state_machine import can_move
from genesis.engine.teller import TERMINAL_KINDS, Teller
from genesis.engine.timers import TimerKind, Timers
from genesis.exchange.gateway import (
    Accepted,
    CancelOutcome,
    Found,
    NoAnswer,
    NotFound,
    NotSent,
    QueryOutcome,
    Rejected,
    SubmitOutcome,
    Unknown,
)
from genesis.limits import (
    LISTING_REFRESH,
    ORDER_ATTEMPTS_MAX,
    QUERY_DELAYS,
    RETRY_DELAY,
    RETRY_DELAY_MAX,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

_FILLS_GRACE: Final[Nanos] = NANOS_PER_SECOND
_CANCEL_REPEAT: Final[Nanos] = 2 * NANOS_PER_SECOND

assert ORDER_ATTEMPTS_MAX <= ATTEMPT_MAX, "every attempt has an id of its own"
_CANCEL_REPEAT_SUSPENDED: Final[Nanos] = 30 * NANOS_PER_SECOND
_QUERY_REPEAT_UNLISTED: Final[Nanos] = 30 * NANOS_PER_SECOND


class OrderRules(msgspec.Struct, frozen=True, kw_only=True):
    """The protocol's numbers: how long a request is valid, and how long it may still surface.

    `is_synced` tells whether a commit is on the disk when it returns (durability `full`).
    `listing_refresh` is how often the trading rules are asked for.
    """

    account_tag: str
    receive_window_ms: int
    fence_margin_ms: int
    send_age_max: Nanos
    is_synced: bool = True
    listing_refresh: Nanos = LISTING_REFRESH


Approve = Callable[[OrderIntent, Nanos], ApprovedOrder | Refusal]
HoldOf = Callable[[OrderIntent], Hold | None]
MeetStranger = Callable[[ExecutionReport, Nanos], list[Effect]]


class Dispatch(Protocol):
    """Sends an approved order, at once or when its lots are free."""

    def __call__(
        self,
        approved: ApprovedOrder,
        *,
        signal: SignalId,
        attempt: int,
        signal_at: Nanos,
        venue_ms: int,
        now: Nanos,
    ) -> list[Effect]:
        """Return what sends the order."""
        ...


class OrderFlow:
    """Every order from its approval to its last fill.

    `approve` is the risk engine's word on a retry, `hold_of` what keeps one from being sent now,
    `dispatch` sends it; `meet_stranger` takes the reports of orders that the ledger does not know;
    `count_cancel` hears of every cancel.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        timers: Timers,
        teller: Teller,
        books: Bookkeeper,
        rules: OrderRules,
        approve: Approve,
        hold_of: HoldOf,
        meet_stranger: MeetStranger,
        dispatch: Dispatch,
        count_cancel: Callable[[Nanos], None],
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._timers = timers
        self._teller = teller
        self._books = books
        self._rules = rules
        self._approve = approve
        self._hold_of = hold_of
        self._meet_stranger, self._count_cancel = meet_stranger, count_cancel
        self._dispatch = dispatch
        self._resolver = Resolver(timers, books, rules.fence_margin_ms)

    def recover(self, now: Nanos) -> list[Effect]:
        """Take up every order the journal left live: ask the venue about it, now.

        An order that was PREPARED when the executor died may or may not have been sent.
        """
        effects: list[Effect] = []
        for order in list(self._ledger.unsettled()):
            if order.state is OrderState.PREPARED:
                effects += self._resolver.doubt(order, "executor restarted before the answer", now)
            else:
                self._resolver.look(order, now)
            effects += self.take_up(order, now)
        return effects

    def order_id(self, signal: SignalId, *, attempt: int) -> str:
        """Return the client order id of one attempt at a signal."""
        return encode_order_id(
            OrderIdParts(
                account=self._rules.account_tag,
                strategy_number=signal.strategy_number,
                epoch=signal.epoch,
                sequence=signal.sequence,
                attempt=attempt,
            )
        )

    def submit(
        self,
        approved: ApprovedOrder,
        *,
        signal: SignalId,
        attempt: int,
        signal_at: Nanos,
        venue_ms: int,
        now: Nanos,
        leg: int = LEG_SINGLE,
    ) -> list[Effect]:
        """Journal an approved order, then send it: in that order, always.

        One that protects a position (`leg`) stays until it is canceled, and never expires.
        """
        intent = approved.intent
        instrument = self._catalogue[intent.instrument_id]
        entry = OrderPrepared(
            signal=signal,
            attempt=attempt,
            intent=intent,
            base_asset=instrument.base_asset,
            quote_asset=instrument.quote_asset,
            timestamp_ms=venue_ms,
            receive_window_ms=self._rules.receive_window_ms,
            signal_at=signal_at,
            at=now,
            leg=leg,
            step_size=instrument.step_size,
        )
        if rests(intent) and leg == LEG_SINGLE:
            self._expire_at(intent, intent.expires_at)
        return [
            self._books.record(entry),
            SubmitOrder(
                order=approved,
                timestamp_ms=venue_ms,
                receive_window_ms=self._rules.receive_window_ms,
                send_before=now + self._rules.send_age_max,
            ),
        ]

    def on_submit_outcome(
        self, client_order_id: str, outcome: SubmitOutcome, now: Nanos
    ) -> list[Effect]:
        """Act on the answer to a placement, or on its absence."""
        order = self._known(client_order_id)
        match outcome:
            case Accepted(report=report, fills=fills):
                effects: list[Effect] = []
                for fill in fills:
                    effects += self._books.book_fill(order, fill, now)
                return effects + self.on_execution_report(report, now)
            case Rejected(code=code, reason=reason, retryable=retryable, retry_at_ms=retry_at_ms):
                return self._end(
                    order,
                    OrderState.REJECTED,
                    f"{code}: {reason}",
                    now,
                    retry_at=_engine_time(order, retry_at_ms) if retryable else None,
                )
            case NotSent(reason=reason, retry_at_ms=retry_at_ms):
                retry_at = _engine_time(order, retry_at_ms)
                return self._end(order, OrderState.NOT_EXECUTED, reason, now, retry_at=retry_at)
            case Unknown(reason=reason):
                return self._resolver.doubt(order, reason, now)

    def on_cancel_outcome(
        self, client_order_id: str, outcome: CancelOutcome, now: Nanos
    ) -> list[Effect]:
        """Act on the answer to a cancel; whatever is not a clear yes is a reason to look."""
        if isinstance(outcome, Accepted):
            return self.on_execution_report(outcome.report, now)
        self._resolver.look(self._known(client_order_id), now + QUERY_DELAYS[0])
        return []

    def on_execution_report(self, report: ExecutionReport, now: Nanos) -> list[Effect]:
        """Fold in what the venue says of an order; reports may repeat and come in any order.

        Replies, events and lists of the same order add up to one state, whichever comes first
        (`binance-spot.md` section 12.4): fills count by their ids, the rest only moves forward.
        """
        order = self._ledger.order_of(report)
        if order is None:
            return self._meet_stranger(report, now)
        if order.state is OrderState.NOT_EXECUTED and report.state is not OrderState.REJECTED:
            return self._resurrect(order, report, now)
        return self._fold_in(order, report, now)

    def on_query_outcome(
        self,
        client_order_id: str,
        outcome: QueryOutcome,
        *,
        venue_ms: int,
        cancel_first: bool,
        now: Nanos,
    ) -> list[Effect]:
        """Act on a query. `venue_ms` was read from the venue before it asked for the order.

        "Not found" is believed only when that clock had passed signed timestamp + receive window +
        margin, and then only after a cancel, which the matching engine itself answers.
        """
        order = self._known(client_order_id)
        match outcome:
            case Found(report=report):
                self._resolver.forget(client_order_id)
                effects = self.on_execution_report(report, now)
                if order.misses_fills:
                    effects.append(self._fetch_fills(order, now))
                return effects
            case _ if order.is_settled:
                self._resolver.forget(client_order_id)
                return []
            case NotFound() if order.is_in_doubt and self._resolver.is_behind_fence(
                order, venue_ms
            ):
                if not cancel_first:
                    return [QueryOrder(order.intent.symbol, client_order_id, cancel_first=True)]
                self._resolver.forget(client_order_id)
                reason = "not found behind the time fence"
                return self._end(order, OrderState.NOT_EXECUTED, reason, now, retry_at=None)
            case NoAnswer(retry_at_ms=retry_at_ms):
                not_before = _engine_time(order, retry_at_ms)
                if self._is_unlisted(order):  # the venue will not say, for as long as that lasts
                    not_before = max(not_before, now + _QUERY_REPEAT_UNLISTED)
                self._resolver.look_again(order, venue_ms, now, not_before)
                return []
            case _:
                self._resolver.look_again(order, venue_ms, now)
                return []

    def on_timer(
        self, kind: TimerKind, client_order_id: str, *, venue_ms: int, now: Nanos
    ) -> list[Effect]:
        """Do what is due for one order, if it still matters."""
        order = self._ledger.find_order(client_order_id)
        if order is None:
            return []
        match kind:
            case TimerKind.EXPIRE_ORDER if not order.is_terminal:
                return self.cancel(order, now)
            case TimerKind.RESOLVE_ORDER if not order.is_settled:
                return [QueryOrder(order.intent.symbol, client_order_id, cancel_first=False)]
            case TimerKind.COMPLETE_FILLS if order.misses_fills:
                return [self._fetch_fills(order, now)]
            case TimerKind.RETRY_SIGNAL:
                return self._retry(order, venue_ms=venue_ms, now=now)
            case _:
                self._resolver.forget(client_order_id)
                return []

    def take_up(self, order: Order, now: Nanos) -> list[Effect]:
        """Follow an order that this process has not sent: its fills, and its end if it rests."""
        is_ending = order.state is OrderState.PENDING_CANCEL
        if rests(order.intent) and not order.is_terminal and (is_ending or not order.is_protective):
            self._expire_at(order.intent, now if is_ending else order.intent.expires_at)
        return [self._fetch_fills(order, now)] if order.misses_fills else []

    def look_up(self, order: Order, at: Nanos) -> None:
        """Ask the venue what became of an order, at a time, or earlier if that is planned."""
        self._resolver.look(order, at)

    def cancel(self, order: Order, now: Nanos) -> list[Effect]:
        """Ask the venue to cancel a working order, and ask again until it has ended."""
        self.repeat_cancel(order, now)
        if order.is_in_doubt or order.state is OrderState.PREPARED:
            return []  # its own resolution comes first
        self._count_cancel(now)
        effects: list[Effect] = [CancelOrder(order.intent.symbol, order.intent.client_order_id)]
        return effects + self.note_cancel(order, now)

    def repeat_cancel(self, order: Order, now: Nanos) -> None:
        """See to it that a cancel is asked for again, if the order has not ended by then."""
        self._expire_at(order.intent, now + self._cancel_repeat(order))

    def note_cancel(self, order: Order, now: Nanos) -> list[Effect]:
        """Take note that a cancel of an order is about to be asked for."""
        if not can_move(order.state, OrderState.PENDING_CANCEL):
            return []
        return [self._books.move(order, OrderState.PENDING_CANCEL, "cancel requested", now)]

    def _known(self, client_order_id: str) -> Order:
        order = self._ledger.find_order(client_order_id)
        assert order is not None, "outcomes come only for orders that were submitted"
        return order

    def _expire_at(self, intent: OrderIntent, at: Nanos) -> None:
        self._timers.set(at, TimerKind.EXPIRE_ORDER, intent.client_order_id)

    def _cancel_repeat(self, order: Order) -> Nanos:
        """Return how soon to ask for a cancel again.

        Where the symbol's status may not permit it, that is seldom, but never not at all: what we
        know of the status may be old, and a cancel in vain does no harm.
        """
        instrument = self._catalogue.by_symbol(order.intent.symbol)
        is_taken = instrument is None or instrument.takes_cancels
        return _CANCEL_REPEAT if is_taken else _CANCEL_REPEAT_SUSPENDED

    def _is_unlisted(self, order: Order) -> bool:
        instrument = self._catalogue.by_symbol(order.intent.symbol)
        return instrument is not None and instrument.status == UNLISTED

    def _fetch_fills(self, order: Order, now: Nanos) -> Effect:
        """Ask for the trades of an order, now and until they add up to what it has filled."""
        client_order_id = order.intent.client_order_id
        self._timers.set(now + _FILLS_GRACE, TimerKind.COMPLETE_FILLS, client_order_id)
        return FetchTrades(order.intent.symbol, order.venue_order_id)

    def _fold_in(self, order: Order, report: ExecutionReport, now: Nanos) -> list[Effect]:
        effects: list[Effect] = []
        if report.fill is not None:
            own_name = order.intent.client_order_id
            fill = msgspec.structs.replace(report.fill, client_order_id=own_name)
            effects += self._books.book_fill(order, fill, now)
        return effects + self._move(order, report, now)

    def _move(self, order: Order, report: ExecutionReport, now: Nanos) -> list[Effect]:
        """Move an order to the reported state, if that is forward; reports race and repeat.

        One that knows of less filled than we do is of the past, whatever state it tells.
        """
        if report.filled_quantity < order.filled_quantity:
            return []
        state = report.state
        grows = report.filled_quantity > order.filled_quantity
        pending = order.state is OrderState.PENDING_CANCEL
        if pending and state in {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED}:
            state = OrderState.PENDING_CANCEL
        first_news = order.venue_order_id == 0
        if state is not order.state and not can_move(order.state, state):
            if not grows:
                return []
            state = order.state
        if state is order.state and not grows and not first_news:
            return []
        was_in_flight = order.state in {OrderState.PREPARED, OrderState.OUTCOME_UNKNOWN}
        effects: list[Effect] = [self._books.move(order, state, report.reason, now, report)]
        if order.misses_fills:
            self._timers.set(
                now + _FILLS_GRACE, TimerKind.COMPLETE_FILLS, order.intent.client_order_id
            )
        if order.is_protective:
            pass  # its strategy did not wish for it; it is told of fills
        elif state in TERMINAL_KINDS:
            effects.append(self._teller.tell_order(order, TERMINAL_KINDS[state], now))
        elif was_in_flight and state is OrderState.ACCEPTED:
            effects.append(self._teller.tell_order(order, ReportKind.ACCEPTED, now))
        return effects

    def _end(
        self,
        order: Order,
        state: OrderState,
        reason: str,
        now: Nanos,
        *,
        retry_at: Nanos | None,
    ) -> list[Effect]:
        """End an order that was not executed; a new intent may follow from `retry_at` on."""
        if not can_move(order.state, state):
            return []
        client_order_id = order.intent.client_order_id
        effects: list[Effect] = [
            self._books.move(order, state, reason, now),
            Announce(
                "order_not_executed" if state is OrderState.NOT_EXECUTED else "order_rejected",
                {"client_order_id": client_order_id, "reason": reason},
                severity="warning",
            ),
        ]
        if order.is_protective:
            return effects  # what the position needs then is seen anew
        if retry_at is not None and order.attempt < ORDER_ATTEMPTS_MAX:
            delay = min(RETRY_DELAY << (order.attempt - 1), RETRY_DELAY_MAX)
            retry_at = max(retry_at, now + delay)
            if retry_at < order.intent.expires_at:
                self._timers.set(retry_at, TimerKind.RETRY_SIGNAL, client_order_id)
                return effects
        return [*effects, self._teller.tell_order(order, TERMINAL_KINDS[state], now)]

    def _retry(self, order: Order, *, venue_ms: int, now: Nanos) -> list[Effect]:
        """Follow a definite, retryable refusal with a linked new intent under a new id.

        Not so if its strategy has wished anew meanwhile: then the older wish is history. What would
        not be sent waits on, as long as the wish lives, before anything is written down.
        """
        attempt = order.attempt + 1
        signal = order.signal
        client_order_id = self.order_id(signal, attempt=attempt)
        intent = msgspec.structs.replace(order.intent, client_order_id=client_order_id)
        is_void = now >= intent.expires_at or not self._ledger.is_latest(signal, order.attempt)
        hold = None if is_void else self._hold_of(intent)
        if hold is not None:
            retry_at = max(_engine_time(order, hold.retry_at_ms), now + RETRY_DELAY)
            if retry_at < intent.expires_at:
                self._timers.set(retry_at, TimerKind.RETRY_SIGNAL, order.intent.client_order_id)
                return []
        approved = None if is_void else self._approve(intent, now)
        if not isinstance(approved, ApprovedOrder):
            return [self._teller.tell_order(order, TERMINAL_KINDS[order.state], now)]
        return self._dispatch(
            approved,
            signal=signal,
            attempt=attempt,
            signal_at=order.signal_at,
            venue_ms=venue_ms,
            now=now,
        )

    def _resurrect(self, order: Order, report: ExecutionReport, now: Nanos) -> list[Effect]:
        """Adopt an order we had proven dead: the venue broke its bound; the ledger follows it."""
        strategy_id = order.intent.strategy_id
        reason = f"{report.client_order_id} surfaced behind the time fence"
        effects: list[Effect] = [
            self._books.record(TradingHalted(reason=reason, strategy_id=strategy_id, at=now)),
            Announce(
                "order_resurrected", {"client_order_id": report.client_order_id}, severity="error"
            ),
        ]
        return effects + self._fold_in(order, report, now)


def rests(intent: OrderIntent) -> bool:
    """Tell whether an order may stay in the book until somebody cancels it."""
    return intent.order_type is not OrderType.MARKET and intent.time_in_force is TimeInForce.GTC


def _engine_time(order: Order, venue_ms: int) -> Nanos:
    """Return the engine's time of a venue time, by the order's own two stamps."""
    return order.prepared_at + (venue_ms - order.timestamp_ms) * NANOS_PER_MS
