"""What the rules look at, gathered from the ledger, the market and the clock for each judgement."""

from collections.abc import Mapping

import msgspec

from genesis.domain.filters import FilterFacts
from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.order_lists import OrderListIntent
from genesis.domain.orders import ExecutionReport, Hold, OrderIntent, Refusal, Side, Signal
from genesis.engine.coverage import Coverage
from genesis.engine.entries import SignalId
from genesis.engine.external import ExternalActivity
from genesis.engine.ledger import Ledger
from genesis.engine.pace import Pace
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList, judge, judge_list
from genesis.engine.risk_facts import CanaryCap, RiskFacts, RiskLimits, VenueNow, is_reduction
from genesis.engine.signal_pipeline import make_intent
from genesis.engine.signals.case import SignalRules
from genesis.engine.signals.facts import SignalFacts
from genesis.engine.slicing.claims import claims
from genesis.engine.state_machine import EngineState
from genesis.engine.valuation import Valuation
from genesis.limits import FIXED_MAX
from genesis.units import Nanos, Quantity


class Judge:
    """Takes signals through the pipeline and intents through the risk engine."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        valuation: Valuation,
        catalogue: InstrumentCatalogue,
        limits: RiskLimits,
        signal_rules: SignalRules,
        external: ExternalActivity,
        coverage: Coverage,
    ) -> None:
        self._ledger = ledger
        self._valuation = valuation
        self._catalogue = catalogue
        self._limits = limits
        self._signal_rules = signal_rules
        self._signal_facts = SignalFacts(ledger, valuation)
        self._external = external
        self._coverage = coverage
        self._quotes: dict[int, Quote] = {}
        self._order_pace = Pace()
        self._venue = VenueNow(0)

    def learn_venue(self, venue: VenueNow) -> None:
        """Take what is known of the venue now."""
        self._venue = venue

    def hold_of(self, intent: OrderIntent) -> Hold | None:
        """Return what keeps one order from being sent now; None if nothing does."""
        return self._venue.hold(intent)

    def learn(self, quotes: Mapping[int, Quote], now: Nanos) -> None:
        """Take the market's present quotes."""
        self._quotes.update(quotes)
        self._signal_facts.learn(quotes, now)

    def judge_signal(
        self,
        signal: Signal,
        quote: Quote | None,
        *,
        name: SignalId,
        strategy_id: str,
        client_order_id: str,
        state: EngineState,
        canary: CanaryCap | None,
        now: Nanos,
    ) -> ApprovedOrder | Refusal:
        """Make an intent of a signal and judge it."""
        instrument = self._catalogue[signal.instrument_id]
        if quote is not None:
            self._quotes[signal.instrument_id] = quote
        context = self._signal_facts.context(
            strategy_id,
            instrument,
            quote,
            is_judged=self._ledger.is_judged(name),
            entry_max=None if canary is None else canary.notional,
            now=now,
        )
        intent = make_intent(
            signal, context, self._signal_rules, client_order_id=client_order_id, now=now
        )
        if isinstance(intent, Refusal):
            return intent
        return self.approve(intent, state, canary, now, is_sent_now=False)

    def quote_of(self, instrument_id: int) -> Quote | None:
        """Return the latest quote that was learned of an instrument."""
        return self._quotes.get(instrument_id)

    def approve(
        self,
        intent: OrderIntent,
        state: EngineState,
        canary: CanaryCap | None,
        now: Nanos,
        *,
        is_sent_now: bool = True,
    ) -> ApprovedOrder | Refusal:
        """Hear the risk engine on an intent; an approved one counts as an order from now.

        Lots that protection locks are held, but cannot be sold now (`is_sent_now`).
        """
        facts = self._facts(intent, state, canary, now, with_locked=is_sent_now)
        verdict = judge(intent, facts, self._limits, now)
        if isinstance(verdict, ApprovedOrder):
            self._order_pace.note(now)
        return verdict

    def judge_parent(
        self, intent: OrderIntent, state: EngineState, canary: CanaryCap | None, now: Nanos
    ) -> Refusal | None:
        """Hear the risk engine on a whole parent, whose children are judged again, one by one.

        It is no order, so what bounds one order does not bind it: the venue's upper limits and our
        own notional of one. Everything else does, as if it were sent at once.
        """
        facts = self._facts(intent, state, canary, now, with_locked=False)
        unbounded = msgspec.structs.replace(
            facts.instrument,
            max_quantity=FIXED_MAX,
            market_max_quantity=FIXED_MAX,
            max_notional=FIXED_MAX,
        )
        facts = msgspec.structs.replace(facts, instrument=unbounded)
        limits = msgspec.structs.replace(self._limits, order_notional_max=FIXED_MAX)
        verdict = judge(intent, facts, limits, now)
        return verdict if isinstance(verdict, Refusal) else None

    def approve_list(
        self, intent: OrderListIntent, state: EngineState, now: Nanos
    ) -> ApprovedOrderList | Refusal:
        """Hear the risk engine on a stop and a target; they count as two orders from now."""
        facts = self._facts(intent.stop, state, None, now, with_locked=True)
        verdict = judge_list(intent, facts, self._limits, now)
        if isinstance(verdict, ApprovedOrderList):
            for _leg in intent.legs:
                self._order_pace.note(now)
        return verdict

    def _facts(
        self,
        intent: OrderIntent,
        state: EngineState,
        canary: CanaryCap | None,
        now: Nanos,
        *,
        with_locked: bool,
    ) -> RiskFacts:
        ledger, valuation = self._ledger, self._valuation
        held = ledger.position(intent.strategy_id, intent.symbol).quantity
        working = self._signal_facts.working(
            intent.strategy_id,
            intent.symbol,
            intent,
            with_claims=not (with_locked and is_reduction(intent)),
        )
        exit_ = working.exit
        if with_locked:
            exit_ += ledger.protection.locked(intent.strategy_id, intent.symbol)
        live = ledger.state.live_orders
        reserved = ledger.working_entry_notional()
        reserved += sum(claim.reserved for claim in claims(ledger.state, intent))
        return RiskFacts(
            state=state,
            instrument=self._catalogue[intent.instrument_id],
            quote=self._quotes.get(intent.instrument_id),
            held=held,
            working_entry=working.entry,
            working_exit=exit_,
            exposure=valuation.exposure + reserved,
            available=valuation.cash - reserved,
            equity=valuation.equity,
            peak_equity=valuation.peak_equity,
            day_profit=valuation.day_profit,
            open_orders=len(live),
            open_orders_of_strategy=sum(
                order.intent.strategy_id == intent.strategy_id for order in live.values()
            ),
            orders_in_last_second=self._order_pace.in_last_second(now),
            filters=self._filter_facts(intent, held - exit_),
            venue=self._venue,
            canary=canary,
            protected_here=self._protected_here(intent),
            unprotected_for=self._coverage.unprotected_for(now),
        )

    def _protected_here(self, intent: OrderIntent) -> int | None:
        """Count the positions of other strategies in an instrument that take a stop's place."""
        if intent.side is not Side.BUY:
            return None
        buying = {
            order.intent.strategy_id
            for order in self._ledger.state.live_orders.values()
            if order.intent.symbol == intent.symbol and order.intent.side is Side.BUY
        }
        return self._coverage.slots(
            intent.symbol, buying - {intent.strategy_id}, intent.strategy_id
        )

    def _filter_facts(self, intent: OrderIntent, sellable: Quantity) -> FilterFacts:
        """Gather what the venue's filters look at; orders of ours in flight count as open."""
        ledger, instrument = self._ledger, self._catalogue[intent.instrument_id]
        protection = ledger.protection
        quote = self._quotes.get(intent.instrument_id)
        ours = [order for order in ledger.state.live_orders.values() if not order.is_terminal]
        theirs = self._external.open_orders
        ours_here = [order for order in ours if order.intent.symbol == intent.symbol]
        theirs_here = [report for report in theirs if report.symbol == intent.symbol]
        buying = [order.working_quantity for order in ours_here if order.intent.side is Side.BUY]
        buying += [
            report.quantity - report.filled_quantity
            for report in theirs_here
            if report.side is Side.BUY
        ]
        own = len(ours_here) + protection.legs_of(intent.symbol)
        own_algo = protection.stops_of(intent.symbol)
        return FilterFacts(
            market_price=0 if quote is None else (quote.bid_price + quote.ask_price) // 2,
            sellable=sellable,
            base_balance=ledger.expected_balance(instrument.base_asset),
            open_buy_quantity=sum(buying),
            open_orders=own + len(theirs_here),
            open_orders_of_account=len(ours) + len(protection.state.orders) + len(theirs),
            open_algo_orders=own_algo + sum(map(_is_conditional, theirs_here)),
            open_order_lists=protection.lists_of(intent.symbol),
            own_orders=own,
            own_algo_orders=own_algo,
        )


def _is_conditional(report: ExecutionReport) -> bool:
    return report.order_type is not None and report.order_type.is_conditional
