"""What the rules look at, gathered from the ledger, the market and the clock for each judgement."""

from collections.abc import Callable, Mapping

import msgspec

from genesis.domain.filters import FilterFacts
from genesis.domain.instruments import InstrumentCatalogue
from genesis.domain.market import Depth, Quote
from genesis.domain.order_lists import OrderListIntent
from genesis.domain.orders import Hold, OrderIntent, Refusal, Side, Signal
from genesis.engine.coverage import Coverage
from genesis.engine.entries import SignalId
from genesis.engine.external import ExternalActivity
from genesis.engine.ledger import Ledger
from genesis.engine.pace import Pace
from genesis.engine.risk_engine import ApprovedOrder, ApprovedOrderList, judge, judge_list
from genesis.engine.risk_facts import (
    BASIS_POINTS,
    CanaryCap,
    RiskFacts,
    RiskLimits,
    VenueNow,
    is_reduction,
    is_resting,
)
from genesis.engine.risk_state import RiskState
from genesis.engine.risk_watch import RiskWatch
from genesis.engine.signal_pipeline import make_intent
from genesis.engine.signals.case import SignalRules
from genesis.engine.signals.facts import SignalFacts
from genesis.engine.slicing.claims import claims
from genesis.engine.state_machine import EngineState
from genesis.engine.tally import Tally, tally
from genesis.engine.valuation import Valuation
from genesis.limits import FIXED_MAX
from genesis.units import NANOS_PER_MS, Amount, Nanos, Quantity

DepthOf = Callable[[int], Depth | None]


def no_depth(_instrument_id: int) -> Depth | None:
    """Know no book: then nothing is bought that the best offer alone does not bear."""
    return None


class Judge:
    """Takes signals through the pipeline and intents through the risk engine.

    `depth_of` returns an instrument's latest depth.
    """

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
        watch: RiskWatch,
        depth_of: DepthOf,
    ) -> None:
        self._ledger = ledger
        self._valuation = valuation
        self._catalogue = catalogue
        self._limits = limits
        self._reduced_limits = limits.reduced()
        self._signal_rules = signal_rules
        self._signal_facts = SignalFacts(ledger, valuation)
        self._external = external
        self._coverage = coverage
        self._watch = watch
        self._depth_of = depth_of
        self._quotes: dict[int, Quote] = {}
        self._order_pace = Pace()
        self._cancel_pace = Pace()
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

    def count_cancel(self, now: Nanos) -> None:
        """Take note that the venue is asked to cancel an order."""
        self._cancel_pace.note(now)

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
        seen = self._tally(strategy_id, instrument.symbol)
        context = self._signal_facts.context(
            strategy_id,
            instrument,
            quote,
            seen,
            is_judged=self._ledger.is_judged(name),
            share_bps=self._limits.reduced_bps if self._is_reduced else BASIS_POINTS,
            entry_max=None if canary is None else canary.notional,
            now=now,
        )
        intent = make_intent(
            signal, context, self._signal_rules, client_order_id=client_order_id, now=now
        )
        if isinstance(intent, Refusal):
            return intent
        return self._approve(intent, state, canary, seen, now)

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
        seen = self._open(intent, is_sent_now=is_sent_now)
        return self._approve(intent, state, canary, seen, now)

    def judge_parent(
        self, intent: OrderIntent, state: EngineState, canary: CanaryCap | None, now: Nanos
    ) -> Refusal | None:
        """Hear the risk engine on a whole parent, whose children are judged again, one by one.

        It is no order, so what bounds one order does not bind it: the venue's upper limits, our own
        notional of one and what the book shows. Everything else does, as if it were sent at once.
        """
        facts = self._facts(intent, state, canary, self._open(intent, is_sent_now=False), now)
        unbounded = msgspec.structs.replace(
            facts.instrument,
            max_quantity=FIXED_MAX,
            market_max_quantity=FIXED_MAX,
            max_notional=FIXED_MAX,
        )
        facts = msgspec.structs.replace(facts, instrument=unbounded, visible=FIXED_MAX)
        limits = msgspec.structs.replace(self._limits_now, order_notional_max=FIXED_MAX)
        verdict = judge(intent, facts, limits, now)
        return verdict if isinstance(verdict, Refusal) else None

    def approve_list(
        self, intent: OrderListIntent, state: EngineState, now: Nanos
    ) -> ApprovedOrderList | Refusal:
        """Hear the risk engine on a stop and a target; they count as two orders from now."""
        facts = self._facts(
            intent.stop, state, None, self._open(intent.stop, is_sent_now=True), now
        )
        verdict = judge_list(intent, facts, self._limits, now)
        if isinstance(verdict, ApprovedOrderList):
            for _leg in intent.legs:
                self._order_pace.note(now)
        return verdict

    @property
    def _is_reduced(self) -> bool:
        return self._ledger.state.risk.state is RiskState.REDUCED

    @property
    def _limits_now(self) -> RiskLimits:
        return self._reduced_limits if self._is_reduced else self._limits

    def _approve(
        self,
        intent: OrderIntent,
        state: EngineState,
        canary: CanaryCap | None,
        seen: Tally,
        now: Nanos,
    ) -> ApprovedOrder | Refusal:
        facts = self._facts(intent, state, canary, seen, now)
        verdict = judge(intent, facts, self._limits_now, now)
        if isinstance(verdict, ApprovedOrder):
            self._order_pace.note(now)
        return verdict

    def _open(self, intent: OrderIntent, *, is_sent_now: bool) -> Tally:
        """Count what is open beside an intent; lots that protection locks cannot be sold now.

        Protection lets go of the lots that a parent wants, when it wants them: a sale that is sent
        now does not wait for the parent's rest.
        """
        with_claims = not (is_sent_now and is_reduction(intent))
        seen = self._tally(intent.strategy_id, intent.symbol, intent, with_claims=with_claims)
        if is_sent_now:
            seen.exit += self._ledger.protection.locked(intent.strategy_id, intent.symbol)
        return seen

    def _tally(
        self,
        strategy_id: str,
        symbol: str,
        judged: OrderIntent | None = None,
        *,
        with_claims: bool = True,
    ) -> Tally:
        """Count what is open; a parent's rest is, too, beside `judged` if that is its child."""
        state = self._ledger.state
        seen = tally(state.live_orders, self._external.open_orders, strategy_id, symbol)
        for claim in claims(state, judged):
            seen.reserve(claim.symbol, claim.reserved, is_own=claim.strategy_id == strategy_id)
            if with_claims and claim.is_of(strategy_id, symbol):
                seen.entry += claim.entry
                seen.exit += claim.exit
        return seen

    def _facts(
        self,
        intent: OrderIntent,
        state: EngineState,
        canary: CanaryCap | None,
        seen: Tally,
        now: Nanos,
    ) -> RiskFacts:
        ledger, valuation, watch, symbol = self._ledger, self._valuation, self._watch, intent.symbol
        quote = self._quotes.get(intent.instrument_id)
        held = ledger.position(intent.strategy_id, symbol).quantity
        in_strategy = valuation.exposure_of(intent.strategy_id)
        here = valuation.exposures.get(symbol, 0) + seen.reserved_by_symbol.get(symbol, 0)
        return RiskFacts(
            state=state,
            risk=ledger.state.risk.state,
            risk_cause=ledger.state.risk_cause,
            pause=watch.pause_of(intent.strategy_id, symbol, now),
            instrument=self._catalogue[intent.instrument_id],
            quote=quote,
            mark_age=watch.mark_age(now),
            visible=self._visible(intent, quote),
            fall_bps=watch.observe(symbol, quote, now),
            held=held,
            working_entry=seen.entry,
            working_exit=seen.exit,
            exposure=valuation.exposure + seen.reserved,
            exposure_of_strategy=in_strategy + seen.reserved_of_strategy,
            exposure_of_instrument=here,
            exposure_correlated=self._correlated(symbol, seen),
            available=valuation.cash - seen.reserved,
            equity=valuation.equity,
            peak_equity=valuation.peak_equity,
            day_profit=valuation.day_profit,
            open_orders=seen.orders,
            open_orders_of_strategy=seen.orders_of_strategy,
            orders_in_last_second=self._order_pace.in_last_second(now),
            cancels_in_last_second=self._cancel_pace.in_last_second(now),
            filters=self._filter_facts(intent, quote, held, seen),
            venue=self._venue,
            canary=canary,
            protected_here=self._protected_here(intent, seen),
            unprotected_for=self._coverage.unprotected_for(now),
        )

    def _protected_here(self, intent: OrderIntent, seen: Tally) -> int | None:
        """Count the positions of other strategies in an instrument that take a stop's place."""
        if intent.side is not Side.BUY:
            return None
        return self._coverage.slots(intent.symbol, seen.buyers, intent.strategy_id)

    def _correlated(self, symbol: str, seen: Tally) -> Amount:
        """Return the exposure in all instruments but those that are known to move apart."""
        whole = self._valuation.exposure + seen.reserved
        for other in self._watch.apart_from(symbol):
            whole -= self._valuation.exposures.get(other, 0)
            whole -= seen.reserved_by_symbol.get(other, 0)
        return whole

    def _visible(self, intent: OrderIntent, quote: Quote | None) -> Quantity | None:
        """Return what the book offers an entry; the depth is read only where the best is little."""
        if quote is None or intent.side is not Side.BUY or is_resting(intent, quote):
            return None
        limits = self._limits
        if intent.quantity * BASIS_POINTS <= limits.depth_bps * quote.ask_quantity:
            return quote.ask_quantity
        depth = self._depth_of(intent.instrument_id)
        if depth is None or not depth.asks:
            return None
        if self._venue.time_ms * NANOS_PER_MS - depth.event_at > limits.mark_age_max:
            return None
        highest = quote.ask_price * (BASIS_POINTS + limits.price_collar_bps) // BASIS_POINTS
        highest = min(highest, intent.limit_price or highest)
        return sum(
            level.quantity for level in depth.asks if quote.ask_price <= level.price <= highest
        )

    def _filter_facts(
        self, intent: OrderIntent, quote: Quote | None, held: Quantity, seen: Tally
    ) -> FilterFacts:
        """Gather what the venue's filters look at; orders of ours in flight count as open."""
        ledger, symbol = self._ledger, intent.symbol
        protection, base = ledger.protection, self._catalogue[intent.instrument_id].base_asset
        own = seen.open_here + protection.legs_of(symbol)
        own_algo = protection.stops_of(symbol)
        return FilterFacts(
            market_price=0 if quote is None else (quote.bid_price + quote.ask_price) // 2,
            sellable=held - seen.exit,
            base_balance=ledger.expected_balance(base),
            open_buy_quantity=seen.open_buys,
            open_orders=own + seen.others_here,
            open_orders_of_account=(
                seen.open_of_account + len(protection.state.orders) + seen.others
            ),
            open_algo_orders=own_algo + seen.others_algo_here,
            open_order_lists=protection.lists_of(symbol),
            own_orders=own,
            own_algo_orders=own_algo,
        )
