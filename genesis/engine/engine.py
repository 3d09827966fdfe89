"""The trading engine: carries out, in order, what the execution core decides.

All judgement is in the pure core; all waiting is here. Effects queue up and are flushed under one
lock: whoever flushes takes everything that is queued, commits its entries in one group, and only
then lets the rest of it leave the process. Encoding and signing run while the commit does.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

import msgspec
from structlog.typing import FilteringBoundLogger

from genesis.clock import EngineClock
from genesis.domain.market import Quote
from genesis.domain.order_lists import OrderListReport
from genesis.domain.orders import ExecutionReport, OrderReport, Side, Signal
from genesis.engine.effects import (
    Announce,
    Commit,
    Effect,
    EffectGroup,
    Reconcile,
    SubmitOrder,
    SubmitOrderList,
    Tell,
)
from genesis.engine.entries import Entry
from genesis.engine.event_bus import EventBus
from genesis.engine.execution import ExecutionCore
from genesis.engine.inquiries import Inquiries
from genesis.engine.ledger_state import encode_state
from genesis.engine.protection import ORDERS_PER_PAIR
from genesis.engine.risk_facts import VenueNow
from genesis.engine.state_machine import TRADING_STATES, EngineState, requires_state
from genesis.engine.venue_questions import fetch_view
from genesis.exchange.gateway import (
    BalanceUpdate,
    Gateway,
    ListSubmitOutcome,
    NoAnswer,
    NotSent,
    PreparedOrderList,
    PreparedRequest,
    StreamGap,
    SubmitOutcome,
    TransferReported,
    UserEvent,
)
from genesis.ipc.histogram import HistogramRecorder, Stage
from genesis.limits import TRAILS_KEPT, VIEW_HELD_MAX, VIEWS_WANTED_MAX
from genesis.units import NANOS_PER_MS, Nanos

_T = TypeVar("_T")

_TOO_OLD = NotSent("the order was too old when its journal entry was durable")


class EntryWriter(Protocol):
    """Where entries become durable, and states that save a start the reading of them."""

    def begin_commit(self, entries: Sequence[Entry]) -> asyncio.Future[None] | None:
        """Start to write; return a future of their durability, or None if they are durable now.

        Raises:
            StorageError: here or from the future: they may not be durable, and nothing that depends
                on them may leave the process.
        """
        ...

    def settle(self) -> None:
        """Wait in place, a moment at most, for what was begun last, and resolve its future."""
        ...

    def begin_snapshot(self, state: bytes) -> asyncio.Future[None] | None:
        """Start to keep the state that all entries so far add up to; else as `begin_commit`."""
        ...

    def begin_checkpoint(self) -> asyncio.Future[None] | None:
        """Start to fold what was written so far into the file; else as `begin_commit`."""
        ...


class _Trail(msgspec.Struct):
    """When one order passed each stage, for the latency histograms; 0 where it has not yet."""

    read_at: Nanos
    judged_at: Nanos
    sent_at: Nanos = 0
    acknowledged_at: Nanos = 0
    filled_at: Nanos = 0


class TradingEngine:
    """One account's engine, from recovery to a clean stop.

    `quote_of` returns the latest quote of an instrument, `tell` publishes a report to workers. An
    error that must end the process (a journal that cannot be written, a bug) is raised by `failed`,
    which the shell awaits beside its own work.
    """

    def __init__(
        self,
        *,
        core: ExecutionCore,
        gateway: Gateway,
        journal: EntryWriter,
        clock: EngineClock,
        log: FilteringBoundLogger,
        histograms: HistogramRecorder,
        quote_of: Callable[[int], Quote | None],
        tell: Callable[[OrderReport], None],
    ) -> None:
        self.core = core
        self._gateway = gateway
        self._journal = journal
        self._clock = clock
        self._log = log
        self._histograms = histograms
        self._quote_of = quote_of
        self._tell = tell
        self.bus = EventBus()
        """Every entry once it is durable, and every announcement in its turn."""
        self.bus.subscribe(Announce, self._write_log)
        self._inquiries = Inquiries(core, gateway, clock, self._enact)
        self._queue: deque[Effect] = deque()
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._trails: dict[str, _Trail] = {}
        self._view_turn = asyncio.Lock()
        self._views_wanted = 0
        self._orders_ahead = 0  # approved, and not yet handed to the gateway
        self._flush_asked = False
        self._answered = asyncio.Event()
        self._recovered = asyncio.Event()
        self._drained = asyncio.Event()

    @property
    def state(self) -> EngineState:
        """Return what the engine may do now."""
        return self.core.state

    def now(self) -> Nanos:
        """Return the engine's time."""
        return self._clock.now()

    async def failed(self) -> None:
        """Wait for an error that must end the process, and raise it."""
        await self._failure

    async def start(self, boot_id: str, account_id: int = 0) -> None:
        """Begin an epoch: write it down, ask the venue about everything, trade on its answer."""
        self._enact(self.core.start(boot_id, self._clock.now(), account_id))
        await self._flush()

    async def answered(self) -> None:
        """Wait for the venue's first view of the account."""
        await self._answered.wait()

    async def recovered(self) -> None:
        """Wait until what the venue knows is taken in: from then on the engine trades.

        That is its first view of the account, or, after the machine died, what it shows behind the
        time fence. Somebody must call `on_time` meanwhile.
        """
        await self._recovered.wait()

    @requires_state(*TRADING_STATES)
    async def execute_trade(self, *signals: Signal) -> None:
        """Take signals from judgement to the wire; return when their verdicts are durable.

        Signals judged before, in this life or an earlier one, are passed over.
        """
        now = self._clock.now()
        for signal in signals:
            self._histograms.record(Stage.SIGNAL_TO_EXECUTOR, now - signal.published_at)
            effects = self.core.judge_signal(
                signal,
                self._quote_of(signal.instrument_id),
                venue=self._venue_for(signal.side),
                now=now,
            )
            self._put(effects)
            for effect in effects:
                if isinstance(effect, SubmitOrder):
                    client_order_id = effect.order.intent.client_order_id
                    self._follow(client_order_id, _Trail(signal.read_at, now))
        await self._flush()

    @requires_state(*TRADING_STATES, EngineState.STOPPING)
    async def process_market_data(self, quotes: Mapping[int, Quote]) -> None:
        """Mark positions at the market's present quotes."""
        self._enact(self.core.on_quotes(quotes, self._clock.now()))
        await self._flush()

    async def decide(self, ask: Callable[[VenueNow, Nanos], Sequence[Effect]]) -> None:
        """Ask the core for a decision of this moment; return when what it wrote is durable."""
        self._enact(ask(self._venue_now(), self._clock.now()))
        await self._flush()

    def on_user_event(self, event: UserEvent) -> None:
        """Take one event of the venue's user stream; returns at once."""
        now = self._clock.now()
        match event:
            case ExecutionReport():
                self._enact(self.core.on_execution_report(event, now))
                if event.fill is not None:
                    self._mark_filled(event.client_order_id)
            case StreamGap(why=why):
                self._log.warning("user_stream_gap", reason=why)
                self._enact(self.core.on_stream_gap(now))
            case TransferReported(asset=asset, amount=amount, cleared_at=cleared_at):
                self._enact(self.core.on_transfer(asset, amount, cleared_at=cleared_at, now=now))
            case OrderListReport():
                pass  # its legs report for themselves
            case BalanceUpdate():
                pass  # absolute balances of a moment; reconciliation compares whole accounts

    def on_time(self) -> None:
        """Do what is due; to be called whenever `core.next_deadline` has passed."""
        now = self._clock.now()
        self._enact(self.core.on_time(venue=self._venue_now(), now=now))

    def tell_positions(self) -> None:
        """Tell every strategy what it holds."""
        self._enact(self.core.tell_positions(self._clock.now()))

    async def compare(self) -> None:
        """Fetch the venue's view and compare it with ours; return when that is done."""
        await self._reconcile(self.core.compare_now(self._clock.now()), held_max=0)
        await self._flush()

    async def save_snapshot(self) -> None:
        """Have the state kept that a start would otherwise read entry by entry.

        Orders wait meanwhile: encoding takes some milliseconds, and the disk its time.
        """
        async with self._lock:
            await self._flush_queue()
            writing = self._journal.begin_snapshot(encode_state(self.core.ledger.state))
            if writing is not None:
                await self._written(writing)

    async def fold_journal(self) -> None:
        """Have the journal's log folded into its file. Orders wait meanwhile."""
        async with self._lock:
            writing = self._journal.begin_checkpoint()
            if writing is not None:
                await self._written(writing)

    async def halt(self, reason: str, *, must_liquidate: bool = False) -> None:
        """Stop all entries until a person resumes; return when that is durable."""
        self._enact(self.core.halt(reason, self._clock.now(), must_liquidate=must_liquidate))
        await self._flush()

    async def resume(self, *, accept_differences: bool) -> None:
        """Lift every halt, on a person's word; return when that is durable."""
        now = self._clock.now()
        self._enact(self.core.resume(now, accept_differences=accept_differences))
        await self._flush()

    async def begin_stop(self, *, lets_go: bool = False) -> None:
        """Take in nothing more and cancel what works; if it lets go, protection, too."""
        self._enact(self.core.begin_stop(self._clock.now(), lets_go=lets_go))
        await self._flush()

    async def drained(self) -> None:
        """Wait, after `begin_stop`, until nothing of ours is in flight or works.

        What protects positions stays; a position that lacks it gets it first.
        """
        if not self.core.is_drained:
            await self._drained.wait()

    async def finish_stop(self) -> None:
        """Write the last entries and let go of what is still being asked."""
        for task in self._tasks:
            task.cancel()
        self._enact(self.core.finish_stop(self._clock.now()))
        await self._flush()

    def _enact(self, effects: Sequence[Effect]) -> None:
        """Queue effects and see to it that somebody flushes them."""
        self._put(effects)
        if self.core.is_protection_due:
            now = self._clock.now()
            self._put(self.core.protect(venue=self._venue_now(), now=now))
        if self.core.state is EngineState.STOPPING and self.core.is_drained:
            self._drained.set()
        if self._queue and not self._flush_asked:
            self._flush_asked = True
            self._spawn(self._flush())

    def _put(self, effects: Sequence[Effect]) -> None:
        self._queue.extend(effects)
        self._orders_ahead += sum(map(_orders_of, effects))

    def _venue_for(self, side: Side) -> VenueNow:
        """Ask what keeps an order of this side back; to ask for both takes twice as long.

        An entry leaves room for what will protect it, and for what is still to protect others.
        """
        is_reduction = side != Side.BUY  # a ring brings a bare number
        ahead = self._orders_ahead
        if not is_reduction:
            ahead += self.core.orders_due
        held = self._gateway.order_hold(is_reduction=is_reduction, ahead=ahead)
        time_ms = self._gateway.timestamp_ms()
        return VenueNow(time_ms, exit=held) if is_reduction else VenueNow(time_ms, entry=held)

    def _venue_now(self) -> VenueNow:
        """Ask what keeps the next order from being sent, behind those that are on their way."""
        hold, ahead = self._gateway.order_hold, self._orders_ahead
        return VenueNow(
            self._gateway.timestamp_ms(),
            entry=hold(is_reduction=False, ahead=ahead),
            exit=hold(is_reduction=True, ahead=ahead + 1),  # a stop may come with its target
        )

    async def _flush(self) -> None:
        """Commit what is queued in one group, then carry it out.

        Who waits for the lock behind a long commit finds its effects done by the next holder, in
        one group with everybody else's.
        """
        async with self._lock:
            self._flush_asked = False
            await self._flush_queue()

    async def _flush_queue(self) -> None:
        """Carry out group after group until nothing is queued. The lock is held."""
        while self._queue:
            group = EffectGroup(self._queue)
            self._queue.clear()
            await self._flush_group(group)

    async def _written(self, writing: asyncio.Future[None]) -> None:
        """Wait for a write: in place for a moment, since most are over by then."""
        self._journal.settle()
        await writing

    async def _flush_group(self, group: EffectGroup) -> None:
        writing = self._journal.begin_commit(group.entries) if group.entries else None
        prepared = [self._prepare(effect) for effect in group.actions]
        if writing is not None:
            await self._written(writing)
        durable_at = self._clock.now()
        for effect, request in zip(group.actions, prepared, strict=True):
            self._orders_ahead -= _orders_of(effect)
            if isinstance(effect, SubmitOrder) and isinstance(request, PreparedRequest):
                self._send(effect, request, durable_at)
            elif isinstance(effect, SubmitOrderList) and isinstance(request, PreparedOrderList):
                self._send_list(effect, request)
            else:
                self._carry_out(effect)
        for entry in group.entries:  # behind the orders: nobody's news holds them up
            self.bus.publish(entry)

    def _write_log(self, fact: Announce) -> None:
        getattr(self._log, fact.severity)(fact.event, **fact.fields)

    def _prepare(self, effect: Effect) -> PreparedRequest | PreparedOrderList | None:
        """Encode and sign what is to be sent; None for all else."""
        if isinstance(effect, SubmitOrder):
            return self._gateway.build_submit(effect.order, timestamp_ms=effect.timestamp_ms)
        if isinstance(effect, SubmitOrderList):
            return self._gateway.build_submit_list(
                effect.order_list, timestamp_ms=effect.timestamp_ms
            )
        return None

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Tell(report=report):
                self._tell(report)
            case Announce():
                self.bus.publish(effect)
            case Reconcile():
                self._want_view(effect)
            case Commit() | SubmitOrder() | SubmitOrderList():
                pass  # they are done with the group
            case _:
                self._spawn(self._inquiries.ask(effect))

    def _send(self, effect: SubmitOrder, prepared: PreparedRequest, durable_at: Nanos) -> None:
        """Write one order to the socket, unless its signature has become too old meanwhile."""
        client_order_id = prepared.client_order_id
        if self._is_too_old(effect):
            self._on_outcome(client_order_id, _TOO_OLD)
            return
        sending = self._gateway.submit_prepared(prepared)
        sending.add_done_callback(lambda done: self._on_outcome(client_order_id, done.result()))
        trail = self._trails.get(client_order_id)
        if trail is None:
            return
        trail.sent_at = self._clock.now()
        record = self._histograms.record
        record(Stage.EXECUTOR_TO_DURABLE, durable_at - trail.judged_at)
        record(Stage.DURABLE_TO_SENT, trail.sent_at - durable_at)
        record(Stage.CYCLE, trail.sent_at - trail.read_at)

    def _is_too_old(self, effect: SubmitOrder | SubmitOrderList) -> bool:
        return self._clock.now() > effect.send_before

    def _send_list(self, effect: SubmitOrderList, prepared: PreparedOrderList) -> None:
        """Write a stop and its target to the socket, unless they have become too old meanwhile."""
        intent = effect.order_list.intent

        def take(outcome: ListSubmitOutcome) -> None:
            self._enact(self.core.on_list_submit_outcome(intent, outcome, self._clock.now()))

        if self._is_too_old(effect):
            take(_TOO_OLD)
            return
        sending = self._gateway.submit_prepared_list(prepared)
        sending.add_done_callback(lambda done: take(done.result()))

    def _on_outcome(self, client_order_id: str, outcome: SubmitOutcome) -> None:
        self._mark_acknowledged(client_order_id)
        now = self._clock.now()
        self._enact(self.core.on_submit_outcome(client_order_id, outcome, now))

    def _follow(self, client_order_id: str, trail: _Trail) -> None:
        self._trails[client_order_id] = trail
        if len(self._trails) > TRAILS_KEPT:
            del self._trails[next(iter(self._trails))]

    def _mark_acknowledged(self, client_order_id: str) -> None:
        trail = self._trails.get(client_order_id)
        if trail is not None and trail.sent_at and not trail.acknowledged_at:
            trail.acknowledged_at = self._clock.now()
            self._histograms.record(
                Stage.SENT_TO_ACKNOWLEDGED, trail.acknowledged_at - trail.sent_at
            )

    def _mark_filled(self, client_order_id: str) -> None:
        trail = self._trails.get(client_order_id)
        if trail is not None and trail.sent_at and not trail.filled_at:
            trail.filled_at = self._clock.now()
            self._histograms.record(Stage.SENT_TO_FILLED, trail.filled_at - trail.sent_at)

    def _want_view(self, effect: Reconcile) -> None:
        """Have the venue's view fetched, one at a time.

        One more may wait for its turn: it sees whatever happens meanwhile, so a third would only
        spend what the venue allows.
        """
        if self._views_wanted < VIEWS_WANTED_MAX:
            self._views_wanted += 1
            self._spawn(self._reconcile_in_turn(effect))

    async def _reconcile_in_turn(self, effect: Reconcile) -> None:
        try:
            async with self._view_turn:
                await self._reconcile(effect, held_max=VIEW_HELD_MAX)
        finally:
            self._views_wanted -= 1

    async def _reconcile(self, effect: Reconcile, *, held_max: Nanos) -> None:
        """Fetch the venue's view; if one part is not answered, all is asked for again later."""
        view = await self._gateway.on_one_path(partial(fetch_view, effect, held_max))
        now = self._clock.now()
        if isinstance(view, NoAnswer):
            self._log.warning("reconciliation_put_off", reason=view.reason)
            ahead_ms = view.retry_at_ms - self._gateway.timestamp_ms()
            self._enact(self.core.on_venue_silent(now + ahead_ms * NANOS_PER_MS, now))
        else:
            self._enact(self.core.on_venue_view(view, effect, now))
            self._answered.set()
            if self.core.state is not EngineState.RECOVERING:
                self._recovered.set()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or self._failure.done():
            return
        error = task.exception()
        if error is not None:
            self._failure.set_exception(error)


def _orders_of(effect: Effect) -> int:
    """Count the orders that an effect sends, as the venue counts them."""
    if isinstance(effect, SubmitOrder):
        return 1
    return ORDERS_PER_PAIR if isinstance(effect, SubmitOrderList) else 0
