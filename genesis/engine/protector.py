"""Sees to it that every position has a live stop at the venue: carries out `protection.py`. Pure.

It looks at the positions to which something has happened, takes the next step for each, and keeps
count of those that lack a stop. Everything it sends goes the way of every order: approved by the
risk engine, journaled, sent, followed. What it remembers itself are waits; a new life needs none.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from genesis.domain.child_names import owner_number
from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.order_ids import (
    LEG_STOP,
    OrderIdParts,
    decode_order_id,
    encode_order_id,
)
from genesis.domain.order_lists import OrderListIntent
from genesis.domain.orders import (
    OrderIntent,
    OrderState,
    Refusal,
    RefusalRule,
    Side,
)
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.coverage import Coverage, PositionKey
from genesis.engine.effects import Announce, Effect
from genesis.engine.entries import ExitBegun, ExitDropped, SignalId
from genesis.engine.ledger import Ledger
from genesis.engine.list_flow import ListFlow
from genesis.engine.order import Order
from genesis.engine.order_flow import OrderFlow, rests
from genesis.engine.protection import (
    ORDERS_PER_PAIR,
    CancelProtection,
    Cover,
    Goal,
    Holding,
    Keep,
    PlaceProtection,
    ProtectionRules,
    SellNow,
    SendExit,
    cover_of,
    next_step,
)
from genesis.engine.protection_draft import ProtectionDraft
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList
from genesis.engine.teller import Teller
from genesis.engine.timers import TimerKind, Timers
from genesis.limits import (
    ENTRY_FILLING_MAX,
    PROTECTION_DOUBLINGS,
    PROTECTION_RETRY,
    PROTECTION_SPACING,
)
from genesis.strategies.base import StrategySpec
from genesis.units import Nanos

_FOR_EVER: Final[Nanos] = 2**62
_KEY_MARK: Final = " "

Approve = Callable[[OrderIntent, Nanos], ApprovedOrder | Refusal]
ApproveList = Callable[[OrderListIntent, Nanos], ApprovedOrderList | Refusal]


class _Waits(msgspec.Struct):
    """What was tried for one position in this life: so that nothing is tried without end."""

    placed_at: Nanos = 0
    refused: int = 0
    not_before: Nanos = 0
    last_stop: str = ""
    told: str = ""


class Protector:
    """Protects positions, one step at a time.

    `approve` and `approve_list` are the risk engine's word on a sale of lots that nothing else may
    sell; `quote_of` is the market.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        strategies: Mapping[int, StrategySpec],
        timers: Timers,
        teller: Teller,
        books: Bookkeeper,
        flow: OrderFlow,
        lists: ListFlow,
        coverage: Coverage,
        approve: Approve,
        approve_list: ApproveList,
        quote_of: Callable[[int], Quote | None],
        doubt_listing: Callable[[Nanos], None],
        rules: ProtectionRules,
        account_tag: str,
        epoch: int,
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._numbers = {spec.strategy_id: number for number, spec in strategies.items()}
        self._timers = timers
        self._teller = teller
        self._books = books
        self._flow = flow
        self._lists = lists
        self._coverage = coverage
        self._approve = approve
        self._approve_list = approve_list
        self._quote_of = quote_of
        self._doubt_listing = doubt_listing
        self._rules = rules
        self._account_tag = account_tag
        self._epoch = epoch
        self._sequence = 0
        self._lets_go = False
        self._waits: dict[PositionKey, _Waits] = {}

    @property
    def is_due(self) -> bool:
        """Tell whether something has happened to a position that has not been looked at since."""
        return bool(self._books.touched)

    @property
    def is_settled(self) -> bool:
        """Tell whether every position that can be covered is, and nothing is on its way.

        Where everything is let go of: whether that has ended.
        """
        protection = self._ledger.state.protection
        if self.goal is Goal.BARE:
            return not (protection.orders or protection.exits)
        is_moving = any(order.is_in_flight for order in protection.orders.values())
        return not (is_moving or protection.exits or self._coverage.awaiting)

    @property
    def goal(self) -> Goal:
        """Return what is wanted of every position now."""
        if self._ledger.state.must_liquidate:
            return Goal.SOLD
        return Goal.BARE if self._lets_go else Goal.STOPPED

    @property
    def orders_due(self) -> int:
        """Return how many orders are still to be sent to protect what is held or being bought."""
        entries = sum(
            order.intent.side is Side.BUY for order in self._ledger.state.live_orders.values()
        )
        return ORDERS_PER_PAIR * (entries + self._coverage.awaiting)

    def begin(self, now: Nanos) -> list[Effect]:
        """Look at every position, at a start: exits that waited are not sent any more."""
        effects: list[Effect] = []
        for begun in list(self._ledger.state.protection.exits.values()):
            effects += self._drop(begun, "the executor was restarted", now)
        self.touch_all()
        return effects

    def obstacle(self, position: PositionKey) -> str:
        """Return by which rule the last thing that was to be sent for a position was refused."""
        waits = self._waits.get(position)
        return "" if waits is None else waits.told

    def let_go(self) -> None:
        """Have all protection canceled, and place none from now on, for as long as this life."""
        self._lets_go = True
        self.touch_all()

    def touch_all(self) -> None:
        """Look at every position."""
        for strategy_id, held in self._ledger.state.positions.items():
            for symbol, position in held.items():
                if position.quantity > 0:
                    self._books.touched[strategy_id, symbol] = None
        for order in self._ledger.state.protection.orders.values():
            self._books.touch(order)

    def look_at_all(self) -> None:
        """Look at every position that may follow the market or the clock."""
        if not (self._rules.trailing_bps or self._rules.hold_max):
            return
        self.touch_all()

    def on_timer(self, key: str) -> None:
        """Look at a position that had to wait."""
        symbol, _, strategy_id = key.partition(_KEY_MARK)
        self._books.touched[strategy_id, symbol] = None

    def protect(self, venue_ms: int, now: Nanos) -> list[Effect]:
        """Take the next step for every position to which something has happened."""
        effects: list[Effect] = []
        due, self._books.touched = self._books.touched, {}
        for position in due:
            effects += self._step(position, venue_ms, now)
        return effects

    def watch(self, now: Nanos) -> list[Effect]:
        """Say which positions lack a stop for too long, and which no longer do."""
        begun, over = self._coverage.news(now)
        effects: list[Effect] = [
            Announce(
                "position_unprotected",
                {"strategy": strategy_id, "symbol": symbol, "entries": "refused"},
                severity="error",
            )
            for strategy_id, symbol in begun
        ]
        for strategy_id, symbol in over:
            effects.append(
                Announce("position_protected_again", {"strategy": strategy_id, "symbol": symbol})
            )
        return effects

    def must_wait(self, intent: OrderIntent) -> bool:
        """Tell whether an approved sale must wait until protection has let go of the lots."""
        if intent.side is Side.BUY:
            return False
        return bool(self._ledger.protection.orders(intent.strategy_id, intent.symbol))

    def begin_exit(
        self,
        approved: ApprovedOrder,
        *,
        signal: SignalId,
        attempt: int,
        signal_at: Nanos,
        venue_ms: int,
        now: Nanos,
    ) -> list[Effect]:
        """Write an approved exit down, and have its lots let go of; it is sent when they are."""
        intent = approved.intent
        position = intent.strategy_id, intent.symbol
        begun = ExitBegun(signal, attempt, intent, signal_at, now)
        self._timers.set(intent.expires_at + 1, TimerKind.PROTECT_POSITION, _key_of(position))
        return [self._books.record(begun), *self._step(position, venue_ms, now)]

    def drop_exits(self, reason: str, now: Nanos) -> list[Effect]:
        """Give up every exit that waits."""
        effects: list[Effect] = []
        for begun in list(self._ledger.state.protection.exits.values()):
            effects += self._drop(begun, reason, now)
        return effects

    def _step(self, position: PositionKey, venue_ms: int, now: Nanos) -> list[Effect]:
        strategy_id, symbol = position
        instrument = self._catalogue.by_symbol(symbol)
        if instrument is None:
            return []  # not traded in this run: whatever protects it stays at the venue
        begun = self._ledger.protection.waiting_exit(strategy_id, symbol)
        effects: list[Effect] = []
        if begun is not None and self.goal is not Goal.STOPPED:
            effects, begun = self._drop(begun, self.goal.reason, now), None
        elif begun is not None and now > begun.intent.expires_at:
            effects = self._drop(begun, "expired before its lots were let go of", now)
            begun = None
        holding = self._holding(position, instrument, begun, now)
        self._note_cover(position, cover_of(holding, self._rules), now)
        step = next_step(holding, self._rules, now)
        match step:
            case Keep():
                return effects
            case CancelProtection():
                return effects + self._cancel(holding, now)
            case SendExit():
                assert begun is not None, "an exit that waits was seen"
                return effects + self._send_exit(begun, holding, venue_ms, now)
            case PlaceProtection() | SellNow():
                return effects + self._protect(position, instrument, step, venue_ms, now)

    def _holding(
        self, position: PositionKey, instrument: Instrument, begun: ExitBegun | None, now: Nanos
    ) -> Holding:
        strategy_id, symbol = position
        ledger = self._ledger
        waits = self._waits.get(position)
        if waits is not None and self.goal is Goal.SOLD:
            last = ledger.find_order(waits.last_stop)
            if last is not None and last.booked_quantity:
                waits.refused, waits.not_before = 0, 0  # it sells: on with the rest
        return Holding(
            instrument=instrument,
            position=ledger.position(strategy_id, symbol),
            plan=ledger.protection.plan(strategy_id, symbol),
            quote=self._quote_of(instrument.instrument_id),
            protective=tuple(ledger.protection.orders(strategy_id, symbol).values()),
            is_filling=self._is_filling(position, waits, now),
            selling=sum(
                order.working_quantity
                for order in ledger.state.live_orders.values()
                if order.intent.side is Side.SELL and _is_of(order, position)
            ),
            exit_waits=begun is not None,
            was_refused=waits is not None and self._was_rejected(waits.last_stop),
            goal=self.goal,
            sales_in_vain=0 if waits is None else waits.refused,
        )

    def _was_rejected(self, client_order_id: str) -> bool:
        order = self._ledger.find_order(client_order_id)
        return order is not None and order.state is OrderState.REJECTED

    def _is_filling(self, position: PositionKey, waits: _Waits | None, now: Nanos) -> bool:
        """Tell whether more fills are a moment away; then somebody looks again behind it.

        An order that cannot rest ends at once. One that rests may fill in many parts: what is
        placed over the first of them is not replaced with each.
        """
        until = 0
        for order in self._ledger.state.live_orders.values():
            if order.intent.side is not Side.BUY or not _is_of(order, position):
                continue
            if not rests(order.intent) and not order.is_in_doubt:
                until = max(until, order.prepared_at + ENTRY_FILLING_MAX)
            elif waits is not None and waits.placed_at:
                until = max(until, waits.placed_at + PROTECTION_SPACING)
        if until <= now:
            return False
        self._timers.set(until, TimerKind.PROTECT_POSITION, _key_of(position))
        return True

    def _note_cover(self, position: PositionKey, cover: Cover, now: Nanos) -> None:
        self._coverage.note(position, cover, now)
        if cover in {Cover.FLAT, Cover.COVERED}:
            waits = self._waits.get(position)
            if waits is not None:
                waits.refused, waits.not_before, waits.told = 0, 0, ""
            if cover is Cover.FLAT:
                self._waits.pop(position, None)

    def _cancel(self, holding: Holding, now: Nanos) -> list[Effect]:
        effects: list[Effect] = []
        by_list: dict[str, list[Order]] = {}
        for order in holding.protective:
            if order.order_list:
                by_list.setdefault(order.order_list, []).append(order)
            else:
                effects += self._flow.cancel(order, now)
        for order_list, legs in by_list.items():
            effects += self._lists.cancel(order_list, legs, now)
        return effects

    def _send_exit(
        self, begun: ExitBegun, holding: Holding, venue_ms: int, now: Nanos
    ) -> list[Effect]:
        """Send an exit whose lots are free, as far as they are still held."""
        intent = msgspec.structs.replace(
            begun.intent, quantity=min(begun.intent.quantity, holding.lots)
        )
        verdict = self._approve(intent, now)
        if isinstance(verdict, Refusal):
            effects = self._drop(begun, f"{verdict.rule}: {verdict.observed}", now)
            self._books.touched[intent.strategy_id, intent.symbol] = None
            return effects
        return self._flow.submit(
            verdict,
            signal=begun.signal,
            attempt=begun.attempt,
            signal_at=begun.signal_at,
            venue_ms=venue_ms,
            now=now,
        )

    def _drop(self, begun: ExitBegun, reason: str, now: Nanos) -> list[Effect]:
        """Give up an exit that was never sent; its strategy may wish again."""
        intent = begun.intent
        self._books.touched[intent.strategy_id, intent.symbol] = None
        return [
            self._books.record(ExitDropped(intent.client_order_id, reason, now)),
            self._teller.tell_unsent(begun, now),
            Announce(
                "exit_dropped",
                {"client_order_id": intent.client_order_id, "reason": reason},
                severity="warning",
            ),
        ]

    def _protect(
        self,
        position: PositionKey,
        instrument: Instrument,
        step: PlaceProtection | SellNow,
        venue_ms: int,
        now: Nanos,
    ) -> list[Effect]:
        """Send what protects a position, or sells it; if that is refused, try again later."""
        waits = self._waits.setdefault(position, _Waits())
        if now < waits.not_before:
            self._timers.set(waits.not_before, TimerKind.PROTECT_POSITION, _key_of(position))
            return []
        name = self._next_name(position)
        if name is None:
            return self._put_off(position, waits, "no strategy of this name is known", now)
        waits.placed_at = now
        # Should it be refused, it is tried again behind a wait; being covered ends that.
        waits.not_before = now + (PROTECTION_RETRY << min(waits.refused, PROTECTION_DOUBLINGS))
        waits.refused += 1
        signal = SignalId(name.strategy_number, name.epoch, name.sequence)
        draft = ProtectionDraft(position, instrument, name, now)
        waits.last_stop = encode_order_id(name)
        if isinstance(step, PlaceProtection) and step.target_price:
            pair = self._approve_list(draft.pair(step), now)
            if isinstance(pair, ApprovedOrderList):
                return self._lists.submit(pair, signal=signal, venue_ms=venue_ms, now=now)
        if isinstance(step, SellNow):
            verdict = self._approve_sale(draft, position, step, now)
        else:
            verdict = self._approve(draft.stop(step.quantity, step.stop_price), now)
        if isinstance(verdict, Refusal):
            if verdict.rule is RefusalRule.SUSPENDED:
                self._doubt_listing(now)  # it may be over
            return self._put_off(position, waits, f"{verdict.rule}: {verdict.observed}", now)
        effects = self._flow.submit(
            verdict,
            signal=signal,
            attempt=1,
            signal_at=now,
            venue_ms=venue_ms,
            now=now,
            leg=LEG_STOP,
        )
        if isinstance(step, SellNow):
            strategy_id, symbol = position
            why = {"strategy": strategy_id, "symbol": symbol, "reason": step.reason}
            effects.append(Announce("position_sold_by_protection", {**why}, severity="warning"))
        return effects

    def _approve_sale(
        self, draft: ProtectionDraft, position: PositionKey, step: SellNow, now: Nanos
    ) -> ApprovedOrder | Refusal:
        """Approve a sale at once: at its price, else at the market, whatever that is."""
        if step.limit_price:
            verdict = self._approve(draft.priced_sale(step.quantity, step.limit_price), now)
            if isinstance(verdict, ApprovedOrder):
                return verdict
        cost = self._ledger.position(*position).average_entry_price
        return self._approve(draft.sale(step.quantity, cost), now)

    def _put_off(
        self, position: PositionKey, waits: _Waits, reason: str, now: Nanos
    ) -> list[Effect]:
        """Try again later; say so when the reason is a new one."""
        strategy_id, symbol = position
        waits.not_before = max(waits.not_before, now + PROTECTION_RETRY)
        self._timers.set(waits.not_before, TimerKind.PROTECT_POSITION, _key_of(position))
        rule = reason.partition(":")[0]
        if waits.told == rule:
            return []
        waits.told = rule
        fields = {"strategy": strategy_id, "symbol": symbol, "reason": reason}
        return [Announce("protection_put_off", {**fields}, severity="warning")]

    def _next_name(self, position: PositionKey) -> OrderIdParts | None:
        """Return a name for the next protective order, in this life's own epoch."""
        strategy_id, symbol = position
        number = self._numbers.get(strategy_id)
        plan = self._ledger.protection.plan(strategy_id, symbol)
        if number is None and plan is not None:  # a strategy that has left the roster
            entry = decode_order_id(plan.entry)
            number = None if entry is None else owner_number(entry.strategy_number)
        if number is None:
            return None
        self._sequence += 1
        return OrderIdParts(
            account=self._account_tag,
            strategy_number=number,
            epoch=self._epoch,
            sequence=self._sequence,
            attempt=1,
            leg=LEG_STOP,
        )


def _is_of(order: Order, position: PositionKey) -> bool:
    return (order.intent.strategy_id, order.intent.symbol) == position


def _key_of(position: PositionKey) -> str:
    strategy_id, symbol = position
    return f"{symbol}{_KEY_MARK}{strategy_id}"
