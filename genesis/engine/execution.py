"""The executor's core: signals, answers, reports and time go in, effects come out. Pure.

It composes the parts that each know one thing: the pipeline makes intents, the risk engine approves
them, the order flow follows them, the ledger remembers, reconciliation compares, valuation marks.
The shell (`engine/engine.py`) carries the effects out, in order.
"""

from collections.abc import Mapping, Sequence

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.order_lists import OrderListIntent
from genesis.domain.orders import ExecutionReport, Fill, OrderIntent, Refusal, RefusalRule, Signal
from genesis.engine.canary import CanaryRules
from genesis.engine.core_parts import CoreParts
from genesis.engine.effects import (
    Announce,
    CancelOrderList,
    Effect,
    FetchInstruments,
    Reconcile,
    SearchTrades,
)
from genesis.engine.entries import (
    AccountBound,
    CapitalAllotted,
    EntriesMissed,
    Entry,
    EpochStarted,
    SignalId,
    SignalRefused,
    StoppedCleanly,
    TradingResumed,
)
from genesis.engine.judgement import DepthOf, no_depth
from genesis.engine.ledger import Ledger
from genesis.engine.order_flow import OrderRules
from genesis.engine.protection import ORDERS_PER_PAIR, ProtectionRules
from genesis.engine.reconciliation import VenueView
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList
from genesis.engine.risk_facts import CanaryCap, RiskLimits, VenueNow
from genesis.engine.signals.case import SignalRules
from genesis.engine.slicing.desk import SlicingRules
from genesis.engine.state_machine import EngineState, next_engine_state
from genesis.engine.timers import TimerKind
from genesis.exchange.gateway import (
    CancelOutcome,
    ListCancelOutcome,
    ListingOutcome,
    ListSubmitOutcome,
    NoAnswer,
    NotListed,
    QueryOutcome,
    Rejected,
    SubmitOutcome,
)
from genesis.limits import BALANCE_DIFFERENCE_AGE, RECONCILE_CONFIRM
from genesis.strategies.base import StrategySpec
from genesis.units import Amount, Nanos

_PROTECTING = frozenset(
    {EngineState.RUNNING, EngineState.REDUCING, EngineState.HALTED, EngineState.STOPPING}
)


_ALL_IS_SOLD = Refusal(rule=RefusalRule.ENGINE_STATE, limit="RUNNING", observed="LIQUIDATING")


class ExecutionCore:
    """One account's executor, from recovery to the last order of a stop."""

    def __init__(
        self,
        *,
        catalogue: InstrumentCatalogue,
        strategies: Sequence[StrategySpec],
        limits: RiskLimits,
        signal_rules: SignalRules,
        order_rules: OrderRules,
        capital: Amount,
        ledger: Ledger,
        epoch: int,
        canary_rules: CanaryRules | None = None,
        slicing_rules: SlicingRules | None = None,
        protection_rules: ProtectionRules | None = None,
        depth_of: DepthOf = no_depth,
    ) -> None:
        self.state = EngineState.RECOVERING
        self.entries_stopped = ""  # why, if it was not by a halt
        self.duplicates = 0  # signals that came again, which are neither journaled nor told
        self.ledger = ledger
        self._catalogue = catalogue
        self.strategies = {spec.number: spec for spec in strategies}
        self._is_synced = order_rules.is_synced
        self._epoch = epoch
        parts = CoreParts(
            catalogue=catalogue,
            strategies=self.strategies,
            limits=limits,
            signal_rules=signal_rules,
            order_rules=order_rules,
            capital=capital,
            ledger=ledger,
            epoch=epoch,
            protection=protection_rules,
            depth_of=depth_of,
            halt=self.halt,
        )
        self._timers, self._books = parts.timers, parts.books
        self._teller = parts.teller
        self._judge = parts.judge
        self.listing = parts.listing
        self.external = parts.external
        self.comparison = parts.comparison
        self.valuation = parts.valuation
        self.risk = parts.risk
        self.coverage = parts.coverage
        self._flow = parts.make_flow(self._approve_wish, self._dispatch)
        self._lists = parts.make_lists(self._flow)
        self._protector = parts.make_protector(
            self._flow, self._lists, self._approve, self._approve_list
        )
        self._watch = parts.make_watch(self._flow)
        self.canary = parts.make_canary(canary_rules, self._approve_test, self.halt)
        self.slicing = parts.make_slicing(
            slicing_rules or SlicingRules(),
            self._flow,
            self._dispatch,
            lambda symbol: (self.state, self.canary.cap_of(symbol)),
        )
        self.liquidation = parts.make_liquidation(self._flow, self.slicing, self._protector)

    def strategy_id(self, strategy_number: int) -> str:
        """Return the name behind a permanent strategy number."""
        return self._teller.strategy_id(strategy_number)

    @property
    def next_deadline(self) -> Nanos | None:
        """Return when `on_time` is due next, or None."""
        return self._timers.next_deadline

    @property
    def is_drained(self) -> bool:
        """Tell whether nothing works but protection; all that is to be closed is, in writing."""
        is_open = self.liquidation.is_on and not self.ledger.state.liquidated_at
        return not (is_open or self.ledger.state.live_orders) and self._protector.is_settled

    @property
    def is_protection_due(self) -> bool:
        """Tell whether `protect` has something to look at."""
        is_on = self.coverage.is_on or self.liquidation.is_on
        return is_on and self._protector.is_due and self.state in _PROTECTING

    @property
    def orders_due(self) -> int:
        """Return how many orders protect what one more entry, and all before it, will hold."""
        return self._protector.orders_due + ORDERS_PER_PAIR if self.coverage.is_on else 0

    def start(self, boot_id: str, now: Nanos, account_id: int = 0) -> list[Effect]:
        """Begin an epoch on what the journal held: the one start-up path, crash or not.

        `account_id` is whose books these are from now on (0: not known).

        Nothing is judged before the venue's first answer (`on_venue_view`), which also opens the
        balances of an account seen for the first time. If the machine itself died since an epoch
        that did not sync, the journal may lack its end, and what the venue knows beyond it is taken
        in before that.
        """
        state = self.ledger.state
        begun: list[Entry] = [EpochStarted(self._epoch, boot_id, now, self._is_synced)]
        if not (state.stopped_cleanly or state.is_synced) and boot_id != state.boot_id:
            begun.append(EntriesMissed(state.written_at, now))
        if account_id not in (0, state.account_id):
            begun.append(AccountBound(account_id, now))
        if self.valuation.capital != state.capital:
            begun.append(CapitalAllotted(self.valuation.capital, now))
        started = self._books.record(*begun)
        self._watch.begin()
        return [
            started,
            *self.canary.begin(now),
            *self._flow.recover(now),
            self._watch.ask(now),
            *self.listing.begin(now),
        ]

    def judge_signal(
        self, signal: Signal, quote: Quote | None, *, venue: VenueNow, now: Nanos
    ) -> list[Effect]:
        """Judge one signal: nothing if it had its verdict, else a refusal or an order to send.

        The order is signed at the venue's time.
        """
        self._judge.learn_venue(venue)
        spec = self.strategies.get(signal.strategy_number)
        if spec is None or not 0 <= signal.instrument_id < len(self._catalogue):
            return [
                Announce(
                    "signal_of_nobody",
                    {"strategy": signal.strategy_number, "instrument": signal.instrument_id},
                    severity="warning",
                )
            ]
        name = SignalId(signal.strategy_number, signal.epoch, signal.sequence)
        if self.liquidation.is_on and not self.ledger.is_judged(name):
            return self._refuse(signal, name, _ALL_IS_SOLD, now)
        verdict = self._judge.judge_signal(
            signal,
            quote,
            name=name,
            strategy_id=spec.strategy_id,
            client_order_id=self._flow.order_id(name, attempt=1),
            state=self.state,
            canary=self.canary.cap_of(self._catalogue[signal.instrument_id].symbol),
            now=now,
        )
        if isinstance(verdict, Refusal):
            if verdict.rule is RefusalRule.DUPLICATE:
                self.duplicates += 1
                return []
            return self._refuse(signal, name, verdict, now)
        return self.slicing.dispatch(
            verdict,
            signal=name,
            attempt=1,
            signal_at=signal.received_at,
            venue_ms=venue.time_ms,
            now=now,
        )

    def protect(self, *, venue: VenueNow, now: Nanos) -> list[Effect]:
        """See to the positions to which something has happened; call it behind every fact.

        Nothing waits for it: an order on its way to the venue goes first.
        """
        self._judge.learn_venue(venue)
        return self._protector.protect(venue.time_ms, now)

    def on_list_submit_outcome(
        self, intent: OrderListIntent, outcome: ListSubmitOutcome, now: Nanos
    ) -> list[Effect]:
        """Take the answer to the placement of a stop and a target, or its absence."""
        if isinstance(outcome, Rejected) and outcome.contradicts_listing:
            self.listing.doubt(now)
        return self._revalued(self._lists.on_submit_outcome(intent, outcome, now))

    def on_list_cancel_outcome(
        self, asked: CancelOrderList, outcome: ListCancelOutcome, now: Nanos
    ) -> list[Effect]:
        """Take the answer to the cancel of a stop and a target."""
        return self._revalued(self._lists.on_cancel_outcome(asked, outcome, now))

    def on_submit_outcome(
        self, client_order_id: str, outcome: SubmitOutcome, now: Nanos
    ) -> list[Effect]:
        """Take the answer to a placement, or its absence."""
        effects = self._flow.on_submit_outcome(client_order_id, outcome, now)
        if isinstance(outcome, Rejected) and outcome.contradicts_listing:
            self.listing.doubt(now)
        if isinstance(outcome, Rejected) and outcome.forbids_trading:
            why = f"the venue takes no order of ours: {outcome.code}: {outcome.reason}"
            effects += self._stop_entries(why)
        return self._revalued(effects)

    def on_cancel_outcome(
        self, client_order_id: str, outcome: CancelOutcome, now: Nanos
    ) -> list[Effect]:
        """Take the answer to a cancel."""
        return self._revalued(self._flow.on_cancel_outcome(client_order_id, outcome, now))

    def on_execution_report(self, report: ExecutionReport, now: Nanos) -> list[Effect]:
        """Take a user event about an order."""
        return self._revalued(self._flow.on_execution_report(report, now))

    def on_query_outcome(
        self,
        client_order_id: str,
        outcome: QueryOutcome,
        *,
        venue_ms: int,
        cancel_first: bool,
        now: Nanos,
    ) -> list[Effect]:
        """Take the answer to a query, with the venue's clock as read before it was asked."""
        return self._revalued(
            self._flow.on_query_outcome(
                client_order_id, outcome, venue_ms=venue_ms, cancel_first=cancel_first, now=now
            )
        )

    def on_trades(self, trades: Sequence[Fill], now: Nanos) -> list[Effect]:
        """Take a list of our trades from the venue; book those that were missing."""
        return self._revalued(self._watch.take_trades(trades, now))

    def on_transfer(
        self, asset: str, amount: Amount, *, cleared_at: Nanos, now: Nanos
    ) -> list[Effect]:
        """Take a deposit or withdrawal that the venue announces: it moves balances, and no PnL."""
        return self._watch.take_transfer(asset, amount, cleared_at=cleared_at, now=now)

    def on_stream_gap(self, now: Nanos) -> list[Effect]:
        """Take the news that user events may have been missed: look everything up."""
        return [self._watch.ask(now)]

    def on_venue_view(self, view: VenueView, asked: Reconcile, now: Nanos) -> list[Effect]:
        """Compare the venue's view with ours, complete what is missing, and trade on.

        `asked` is the question that the view answers. A difference of balances counts only when
        nothing of ours was in flight, and halts trading when it stands.
        """
        effects = self._watch.take_view(view, asked, now)
        if self._watch.is_catching_up:
            return self._revalued(effects)
        effects += self._compare_balances(view, asked, now)
        if self.state is EngineState.RECOVERING:
            effects += self._begin_trading(now)
        if self.comparison.equal and self.state is EngineState.RUNNING:
            effects += self.canary.confirm(now)
        return self._revalued(effects)

    def on_venue_silent(self, not_before: Nanos, now: Nanos) -> list[Effect]:
        """Take the news that the venue did not answer: compare soon, but not before a time."""
        self._watch.ask_again(not_before, now)
        return []

    def on_listing(
        self, asked: FetchInstruments, answer: ListingOutcome, now: Nanos
    ) -> list[Effect]:
        """Take the rules of instruments as the venue lists them now, ours or another's."""
        return self._watch.take_listing(asked, answer, now)

    def on_trades_found(
        self, asked: SearchTrades, answer: tuple[Fill, ...] | NotListed | NoAnswer, now: Nanos
    ) -> list[Effect]:
        """Take the trades that may explain a difference; whose they are may have to be asked."""
        effects = self._revalued(self._watch.take_found_trades(asked, answer, now))
        return effects + self._halt_for(self.comparison.reason_to_halt(now), now)

    def on_quotes(self, quotes: Mapping[int, Quote], now: Nanos) -> list[Effect]:
        """Take the market's present quotes: mark positions, and once a minute write equity down."""
        self._judge.learn(quotes, now)
        self._protector.look_at_all()
        self.valuation.mark(quotes)
        return self.risk.on_quotes(quotes, now)

    def on_time(self, *, venue: VenueNow, now: Nanos) -> list[Effect]:
        """Do what is due."""
        self._judge.learn_venue(venue)
        effects: list[Effect] = []
        for kind, key in self._timers.due(now):
            if kind is TimerKind.RECONCILE:
                effects.append(self._watch.ask(now))
            elif kind is TimerKind.REFRESH_LISTING:
                effects += self.listing.ask(now)
            elif kind is TimerKind.PROTECT_POSITION:
                self._protector.on_timer(key)
            else:
                effects += self._flow.on_timer(kind, key, venue_ms=venue.time_ms, now=now)
        if self.state is EngineState.RUNNING:
            effects += self.canary.on_time(now)
        if self.state in _PROTECTING:
            effects += self.liquidation.sweep(now)
        return effects + self._protector.watch(now)

    def tell_positions(self, now: Nanos) -> list[Effect]:
        """Tell every strategy that holds something what it holds."""
        return [*self._teller.tell_positions(now)]

    def halt(self, reason: str, now: Nanos, *, must_liquidate: bool = False) -> list[Effect]:
        """Stop all entries until a person resumes, and take back those that work; durable.

        With `must_liquidate` everything of ours is closed, too (`liquidation.py`): the ledger's
        state says so, over restarts, until a person resumes.
        """
        self.canary.pause()
        if self.state in {EngineState.RUNNING, EngineState.REDUCING}:
            self.state = next_engine_state(self.state, EngineState.HALTED)
        effects = self.risk.write_halt(reason, now, must_liquidate=must_liquidate)
        return effects + (self.liquidation.sweep(now) if self.state in _PROTECTING else [])

    def _stop_entries(self, why: str) -> list[Effect]:
        """Let pass what shrinks a position, and no more, until the executor is started again."""
        if self.state is not EngineState.RUNNING:
            return []
        self.state = next_engine_state(self.state, EngineState.REDUCING)
        self.entries_stopped = why
        return [Announce("entries_stopped", {"reason": why}, severity="error")]

    def resume(self, now: Nanos, *, accept_differences: bool) -> list[Effect]:
        """Lift every halt, on a person's word.

        After a halt for losses they are counted anew: peak and day begin at the present equity.
        With `accept_differences` the balances as last compared are right, whatever moved them (a
        manual trade, a deposit that was not announced), and are written down as transfers.
        """
        accepted = self.comparison.accept(now) if accept_differences else []
        if self.state is EngineState.HALTED:
            self.state = next_engine_state(self.state, EngineState.RUNNING)
        self._protector.touch_all()
        return [
            self._books.record(*accepted, *self.risk.counted_anew(now), TradingResumed(now)),
            Announce("trading_resumed", {"accepted": len(accepted)}),
        ]

    def begin_stop(self, now: Nanos, *, lets_go: bool = False) -> list[Effect]:
        """Take no more signals, and cancel what works: nobody will be watching it.

        What protects positions stays at the venue, since that is what it is for, unless everything
        is to be let go of.
        """
        self.state = next_engine_state(self.state, EngineState.STOPPING)
        if lets_go:
            self._protector.let_go()
        effects = self._protector.drop_exits("the engine stops", now)
        for order in list(self.ledger.state.live_orders.values()):
            effects += self._flow.cancel(order, now)
        return effects

    def finish_stop(self, now: Nanos) -> list[Effect]:
        """Write down that everything is written down."""
        self.state = next_engine_state(self.state, EngineState.STOPPED)
        return [self._books.record(self.valuation.entry(now), StoppedCleanly(now))]

    def compare_now(self, now: Nanos) -> Reconcile:
        """Ask for a full comparison with the venue."""
        return self._watch.ask(now)

    def _revalued(self, effects: list[Effect]) -> list[Effect]:
        if effects:
            self.valuation.refresh()
        return effects

    def _begin_trading(self, now: Nanos) -> list[Effect]:
        """Leave recovery, and tell strategies what a crash may have kept from them."""
        halted = bool(self.ledger.state.halt_reason)
        wanted = EngineState.HALTED if halted else EngineState.RUNNING
        self.state = next_engine_state(self.state, wanted)
        effects: list[Effect] = [Announce("engine_recovered", {"state": self.state.name})]
        effects += self._protector.begin(now)
        effects += [
            self._teller.tell_end_again(order, now)
            for order in self.ledger.state.settled_orders.values()
            if self.ledger.is_latest(order.signal, order.attempt)
        ]
        return effects

    def _compare_balances(self, view: VenueView, asked: Reconcile, now: Nanos) -> list[Effect]:
        patience = RECONCILE_CONFIRM if self.canary.is_under_way else BALANCE_DIFFERENCE_AGE
        effects = self.comparison.compare(view, asked, now, patience)
        return effects + self._halt_for(self.comparison.reason_to_halt(now), now)

    def _halt_for(self, reason: str | None, now: Nanos) -> list[Effect]:
        is_halted = bool(self.ledger.state.halt_reason)
        return [] if reason is None or is_halted else self.halt(reason, now)

    def _dispatch(
        self,
        approved: ApprovedOrder,
        *,
        signal: SignalId,
        attempt: int,
        signal_at: Nanos,
        venue_ms: int,
        now: Nanos,
    ) -> list[Effect]:
        """Send an approved order, at once or when protection has let go of the lots it sells."""
        must_wait = self._protector.must_wait(approved.intent)
        send = self._protector.begin_exit if must_wait else self._flow.submit
        return send(
            approved,
            signal=signal,
            attempt=attempt,
            signal_at=signal_at,
            venue_ms=venue_ms,
            now=now,
        )

    def _approve(self, intent: OrderIntent, now: Nanos) -> ApprovedOrder | Refusal:
        return self._judge.approve(intent, self.state, self.canary.cap_of(intent.symbol), now)

    def _approve_list(self, intent: OrderListIntent, now: Nanos) -> ApprovedOrderList | Refusal:
        return self._judge.approve_list(intent, self.state, now)

    def _approve_test(
        self, intent: OrderIntent, cap: CanaryCap | None, now: Nanos
    ) -> ApprovedOrder | Refusal:
        return self._judge.approve(intent, self.state, cap, now)

    def _approve_wish(self, intent: OrderIntent, now: Nanos) -> ApprovedOrder | Refusal:
        """Approve what `_dispatch` sends, if need be when its lots have been let go of."""
        cap = self.canary.cap_of(intent.symbol)
        return self._judge.approve(intent, self.state, cap, now, is_sent_now=False)

    def _refuse(self, signal: Signal, name: SignalId, refusal: Refusal, now: Nanos) -> list[Effect]:
        symbol = self._catalogue[signal.instrument_id].symbol
        return [
            self._books.record(SignalRefused(signal=name, symbol=symbol, refusal=refusal, at=now)),
            self._teller.tell_refused(signal, refusal.rule.code, now),
        ]
