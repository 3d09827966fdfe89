"""The executor's core: signals, answers, reports and time go in, effects come out. Pure.

It composes the parts that each know one thing: the pipeline makes intents, the risk engine approves
them, the order flow follows them, the ledger remembers, reconciliation compares, valuation marks.
The shell (`engine/engine.py`) carries the effects out, in order.
"""

from collections.abc import Mapping, Sequence

from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.orders import (
    ExecutionReport,
    Fill,
    OrderIntent,
    Refusal,
    RefusalRule,
    Signal,
)
from genesis.engine.account_watch import AccountWatch
from genesis.engine.adoption import Adoption
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.canary import Canary, CanaryRules
from genesis.engine.comparison import BooksComparison
from genesis.engine.effects import (
    Announce,
    Effect,
    FetchInstruments,
    Reconcile,
    SearchTrades,
)
from genesis.engine.entries import (
    AccountBound,
    EntriesMissed,
    Entry,
    EpochStarted,
    SignalId,
    SignalRefused,
    StoppedCleanly,
    TradingHalted,
    TradingResumed,
)
from genesis.engine.external import ExternalActivity
from genesis.engine.judgement import Judge
from genesis.engine.ledger import Ledger
from genesis.engine.listing import ListingWatch
from genesis.engine.order_flow import OrderFlow, OrderRules
from genesis.engine.reconciliation import (
    TradeCursor,
    VenueView,
)
from genesis.engine.risk_engine import ApprovedOrder
from genesis.engine.risk_facts import RiskLimits, VenueNow
from genesis.engine.signals.case import SignalRules
from genesis.engine.slicing.desk import SlicingDesk, SlicingRules
from genesis.engine.state_machine import EngineState, next_engine_state
from genesis.engine.teller import Teller
from genesis.engine.timers import TimerKind, Timers
from genesis.engine.valuation import Valuation
from genesis.exchange.gateway import (
    CancelOutcome,
    ListingOutcome,
    NoAnswer,
    NotListed,
    QueryOutcome,
    Rejected,
    SubmitOutcome,
)
from genesis.limits import (
    BALANCE_DIFFERENCE_AGE,
    EQUITY_MARK_PERIOD,
    RECONCILE_CONFIRM,
)
from genesis.strategies.base import StrategySpec
from genesis.units import Amount, Nanos


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
    ) -> None:
        self.state = EngineState.RECOVERING
        self.duplicates = 0  # signals that came again, which are neither journaled nor told
        self.ledger = ledger
        self.valuation = Valuation(ledger, catalogue, capital)
        self._catalogue = catalogue
        self._strategies = {spec.number: spec for spec in strategies}
        self._account_tag = order_rules.account_tag
        self._is_synced = order_rules.is_synced
        self._epoch = epoch
        self._timers = Timers()
        self.listing = ListingWatch(catalogue, self._timers, order_rules.listing_refresh)
        self._marked_at: Nanos = 0
        self._cursor = TradeCursor(ledger)
        self._teller = Teller(
            ledger=ledger,
            catalogue=catalogue,
            strategies=self._strategies,
            epoch=epoch,
        )
        self._books = Bookkeeper(ledger, self._teller, self._cursor)
        self.external = ExternalActivity(ledger=ledger, catalogue=catalogue, books=self._books)
        self.comparison = BooksComparison(
            ledger=ledger,
            catalogue=catalogue,
            external=self.external,
            books=self._books,
            timers=self._timers,
        )
        self._judge = Judge(
            ledger=ledger,
            valuation=self.valuation,
            catalogue=catalogue,
            limits=limits,
            signal_rules=signal_rules,
            external=self.external,
        )
        self._adoption = self._make_adoption(order_rules)
        self._flow = self._make_flow(order_rules)
        self._watch = self._make_watch()
        self.canary = self._make_canary(canary_rules)
        self.slicing = self._make_slicing(slicing_rules or SlicingRules())

    def _make_adoption(self, rules: OrderRules) -> Adoption:
        return Adoption(
            ledger=self.ledger,
            catalogue=self._catalogue,
            teller=self._teller,
            books=self._books,
            external=self.external,
            rules=rules,
        )

    def _make_flow(self, rules: OrderRules) -> OrderFlow:
        return OrderFlow(
            ledger=self.ledger,
            catalogue=self._catalogue,
            timers=self._timers,
            teller=self._teller,
            books=self._books,
            rules=rules,
            approve=self._approve,
            hold_of=self._judge.hold_of,
            meet_stranger=self._adoption.meet,
        )

    def _make_slicing(self, rules: SlicingRules) -> SlicingDesk:
        return SlicingDesk(
            ledger=self.ledger,
            catalogue=self._catalogue,
            strategies=self._strategies.values(),
            books=self._books,
            flow=self._flow,
            judge=self._judge,
            standing_of=lambda symbol: (self.state, self.canary.cap_of(symbol)),
            rules=rules,
            epoch=self._epoch,
        )

    def _make_watch(self) -> AccountWatch:
        return AccountWatch(
            ledger=self.ledger,
            catalogue=self._catalogue,
            timers=self._timers,
            books=self._books,
            cursor=self._cursor,
            external=self.external,
            comparison=self.comparison,
            adoption=self._adoption,
            listing=self.listing,
            flow=self._flow,
        )

    def _make_canary(self, rules: CanaryRules | None) -> Canary:
        return Canary(
            rules,
            ledger=self.ledger,
            catalogue=self._catalogue,
            books=self._books,
            timers=self._timers,
            account_tag=self._account_tag,
            approve=lambda intent, cap, now: self._judge.approve(intent, self.state, cap, now),
            quote_of=self._judge.quote_of,
            halt=self.halt,
        )

    def strategy_id(self, strategy_number: int) -> str:
        """Return the name behind a permanent strategy number."""
        return self._teller.strategy_id(strategy_number)

    @property
    def next_deadline(self) -> Nanos | None:
        """Return when `on_time` is due next, or None."""
        return self._timers.next_deadline

    @property
    def is_drained(self) -> bool:
        """Tell whether no order of ours is in flight or working."""
        return not self.ledger.state.live_orders

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
        spec = self._strategies.get(signal.strategy_number)
        if spec is None or not 0 <= signal.instrument_id < len(self._catalogue):
            return [
                Announce(
                    "signal_of_nobody",
                    {"strategy": signal.strategy_number, "instrument": signal.instrument_id},
                    severity="warning",
                )
            ]
        name = SignalId(signal.strategy_number, signal.epoch, signal.sequence)
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
        return self._flow.submit(
            verdict,
            signal=name,
            attempt=1,
            signal_at=signal.received_at,
            venue_ms=venue.time_ms,
            now=now,
        )

    def on_submit_outcome(
        self, client_order_id: str, outcome: SubmitOutcome, now: Nanos
    ) -> list[Effect]:
        """Take the answer to a placement, or its absence."""
        if isinstance(outcome, Rejected) and outcome.contradicts_listing:
            self.listing.doubt(now)
        return self._revalued(self._flow.on_submit_outcome(client_order_id, outcome, now))

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
        self.valuation.mark(quotes)
        state = self.ledger.state
        has_risen = self.valuation.equity > state.peak_equity
        if now - self._marked_at < EQUITY_MARK_PERIOD and not (has_risen and not state.peak_equity):
            return []
        self._marked_at = now
        return [self._books.record(self.valuation.entry(now))]

    def on_time(self, *, venue: VenueNow, now: Nanos) -> list[Effect]:
        """Do what is due."""
        self._judge.learn_venue(venue)
        effects: list[Effect] = []
        for kind, key in self._timers.due(now):
            if kind is TimerKind.RECONCILE:
                effects.append(self._watch.ask(now))
            elif kind is TimerKind.REFRESH_LISTING:
                effects += self.listing.ask(now)
            else:
                effects += self._flow.on_timer(kind, key, venue_ms=venue.time_ms, now=now)
        if self.state is EngineState.RUNNING:
            effects += self.canary.on_time(now)
        return effects

    def tell_positions(self, now: Nanos) -> list[Effect]:
        """Tell every strategy that holds something what it holds."""
        return [*self._teller.tell_positions(now)]

    def halt(self, reason: str, now: Nanos) -> list[Effect]:
        """Stop all entries until a person resumes; durable."""
        self.canary.pause()
        if self.state in {EngineState.RUNNING, EngineState.REDUCING}:
            self.state = next_engine_state(self.state, EngineState.HALTED)
        return [
            self._books.record(TradingHalted(reason=reason, strategy_id=None, at=now)),
            Announce("trading_halted", {"reason": reason}, severity="error"),
        ]

    def resume(self, now: Nanos, *, accept_differences: bool) -> list[Effect]:
        """Lift every halt, on a person's word.

        With `accept_differences` the balances as last compared are right, whatever moved them (a
        manual trade, a deposit that was not announced), and are written down as transfers.
        """
        accepted = self.comparison.accept(now) if accept_differences else []
        if self.state is EngineState.HALTED:
            self.state = next_engine_state(self.state, EngineState.RUNNING)
        return [
            self._books.record(*accepted, TradingResumed(now)),
            Announce("trading_resumed", {"accepted": len(accepted)}),
        ]

    def begin_stop(self, now: Nanos) -> list[Effect]:
        """Take no more signals, and cancel what works: nobody will be watching it."""
        self.state = next_engine_state(self.state, EngineState.STOPPING)
        effects: list[Effect] = []
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

    def _approve(self, intent: OrderIntent, now: Nanos) -> ApprovedOrder | Refusal:
        return self._judge.approve(intent, self.state, self.canary.cap_of(intent.symbol), now)

    def _refuse(self, signal: Signal, name: SignalId, refusal: Refusal, now: Nanos) -> list[Effect]:
        symbol = self._catalogue[signal.instrument_id].symbol
        return [
            self._books.record(SignalRefused(signal=name, symbol=symbol, refusal=refusal, at=now)),
            self._teller.tell_refused(signal, refusal.rule.code, now),
        ]
