"""The canary: how a program's first orders on an account are kept small, and watched. Pure.

First the venue is asked about one order of each instrument, without placing it. Then orders that
open a position are capped, for a time of which only what comparisons with the venue confirm is
counted. The first difference, refusal or surprise halts trading until a person resumes; the canary
then begins anew. All of it is journaled, so that a crash skips nothing of it.
"""

import enum
from collections.abc import Callable

import msgspec

from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.order_ids import OrderIdParts, encode_order_id
from genesis.domain.orders import (
    OrderIntent,
    OrderType,
    Refusal,
    Side,
    SignalAction,
    TimeInForce,
)
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.effects import Announce, Effect, TryOrder
from genesis.engine.entries import CanaryBegun, CanaryPassed, CanaryServed, OrderTested
from genesis.engine.ledger import Ledger
from genesis.engine.ledger_state import CanaryRecord
from genesis.engine.risk_engine import ApprovedOrder
from genesis.engine.risk_facts import CanaryCap
from genesis.engine.timers import TimerKind, Timers
from genesis.exchange.gateway import OrderTestOutcome, Rejected, Valid
from genesis.limits import CANARY_STEP_MAX, CANARY_TEST_RETRY, RECONCILE_CONFIRM
from genesis.units import NANOS_PER_SECOND, SCALE, Amount, Nanos, text_from_fixed

STRATEGY_NUMBER = 0
"""Whose orders the tested ones are, by their ids: nobody's. Strategies count from 1."""


class CanaryRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a canary demands. Another `program` (a version of Genesis) needs another canary."""

    program: str
    max_notional: Amount
    duration: Nanos


class CanaryPhase(enum.StrEnum):
    """TESTING: an instrument's order was not tried yet. CAPPED: trading small. FAILED: halted."""

    TESTING = "testing"
    CAPPED = "capped"
    FAILED = "failed"
    PASSED = "passed"


Approve = Callable[[OrderIntent, CanaryCap, Nanos], ApprovedOrder | Refusal]
QuoteOf = Callable[[int], Quote | None]
Halt = Callable[[str, Nanos], list[Effect]]


class Canary:
    """The canary of one executor; without rules there is none, and nothing is held back.

    `approve` is the risk engine's word on an order to be tried, `quote_of` the market's present
    quote of an instrument, `halt` stops all entries, durably.
    """

    def __init__(
        self,
        rules: CanaryRules | None,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        books: Bookkeeper,
        timers: Timers,
        account_tag: str,
        approve: Approve,
        quote_of: QuoteOf,
        halt: Halt,
    ) -> None:
        self._rules = rules
        self._ledger = ledger
        self._catalogue = catalogue
        self._books = books
        self._timers = timers
        self._account_tag = account_tag
        self._approve = approve
        self._quote_of = quote_of
        self._halt = halt
        self._confirmed_at: Nanos | None = None
        self._asked: set[str] = set()
        self._ask_at: dict[str, Nanos] = {}
        self._held_back_by: dict[str, str] = {}

    @property
    def phase(self) -> CanaryPhase | None:
        """Return how far it is; None if there is no canary."""
        if self._rules is None:
            return None
        if not self.is_under_way:
            return CanaryPhase.PASSED
        if self._ledger.state.halt_reason:
            return CanaryPhase.FAILED
        return CanaryPhase.TESTING if self.untested else CanaryPhase.CAPPED

    @property
    def is_under_way(self) -> bool:
        """Tell whether it binds now."""
        return self._rules is not None and not self._record.has_passed

    @property
    def untested(self) -> tuple[str, ...]:
        """Return the symbols of which no order was tried yet, suspended ones left out.

        Such a one is tried when it trades again, before the first entry.
        """
        tested = self._record.tested
        return tuple(
            instrument.symbol
            for instrument in self._catalogue
            if instrument.is_trading and instrument.symbol not in tested
        )

    @property
    def remaining(self) -> Nanos:
        """Return how much time is still to be confirmed."""
        if self._rules is None or not self.is_under_way:
            return 0
        return max(0, self._rules.duration - self._record.served)

    @property
    def max_notional(self) -> Amount:
        """Return the largest entry while it binds."""
        return 0 if self._rules is None else self._rules.max_notional

    def cap_of(self, symbol: str) -> CanaryCap | None:
        """Return what it allows an entry in a symbol now; None where it does not bind."""
        if self._rules is None or not self.is_under_way:
            return None
        return CanaryCap(self._rules.max_notional, is_tested=symbol in self._record.tested)

    def begin(self, now: Nanos) -> list[Effect]:
        """Begin at a start, unless this program has begun already: then it goes on."""
        rules, record = self._rules, self._ledger.state.canary
        if rules is None or (record is not None and record.program == rules.program):
            return []
        return [
            self._books.record(CanaryBegun(program=rules.program, at=now)),
            Announce(
                "canary_begun",
                {
                    "max_notional": text_from_fixed(rules.max_notional),
                    "duration_s": rules.duration // NANOS_PER_SECOND,
                },
            ),
        ]

    def on_time(self, now: Nanos) -> list[Effect]:
        """Look for surprises, and ask about instruments that wait for it; call it often."""
        if self._rules is None or not self.is_under_way:
            return []
        effects = self._watch(now)
        for symbol in self.untested:
            if symbol not in self._asked and self._ask_at.get(symbol, 0) <= now:
                effects += self._try_order(self._rules, symbol, now)
        return effects

    def on_order_test(self, symbol: str, outcome: OrderTestOutcome, now: Nanos) -> list[Effect]:
        """Take the venue's word on an order that was tried."""
        self._asked.discard(symbol)
        match outcome:
            case Valid():
                commit = self._books.record(OrderTested(symbol=symbol, at=now))
                if not self.untested:
                    self._compare_at(now)  # from a comparison on, time counts
                return [commit, Announce("order_test_passed", {"symbol": symbol})]
            case Rejected(code=code, reason=reason):
                return self._halt(f"canary: order.test of {symbol} refused: {code}: {reason}", now)
            case _:
                self._ask_at[symbol] = now + CANARY_TEST_RETRY
                return []

    def confirm(self, now: Nanos) -> list[Effect]:
        """Take note that our books equal the venue's: the time since the last note counts.

        Not all of it where that was long ago: nobody watched meanwhile.
        """
        if self._rules is None or not self.is_under_way or self.untested:
            return []
        since, self._confirmed_at = self._confirmed_at, now
        step = 0 if since is None else min(now - since, CANARY_STEP_MAX)
        served = self._record.served + step
        if since is not None and served >= self._rules.duration:
            return self._pass(now)
        self._compare_at(now + max(self._rules.duration - served, RECONCILE_CONFIRM))
        return [] if since is None else [self._books.record(CanaryServed(served=served, at=now))]

    def pause(self) -> None:
        """Count no time until books are equal again: what happens meanwhile confirms nothing."""
        self._confirmed_at = None

    @property
    def _record(self) -> CanaryRecord:
        return self._ledger.state.canary or CanaryRecord()

    def _pass(self, now: Nanos) -> list[Effect]:
        """End well. That not one order filled meanwhile is worth a warning: little was watched."""
        state, record = self._ledger.state, self._record
        orders = state.orders_prepared - record.orders_before
        fills = state.fills_booked - record.fills_before
        return [
            self._books.record(CanaryPassed(at=now)),
            Announce(
                "canary_passed",
                {"orders": orders, "fills": fills},
                severity="info" if fills else "warning",
            ),
        ]

    def _compare_at(self, at: Nanos) -> None:
        """See to it that books are compared by then; they are compared every so often anyway."""
        self._timers.set(at, TimerKind.RECONCILE, "")

    def _watch(self, now: Nanos) -> list[Effect]:
        """Halt all where one strategy was halted: an order that should not be is a mismatch."""
        state = self._ledger.state
        if state.halt_reason or not state.halted_strategies:
            return []
        strategy_id, reason = next(iter(state.halted_strategies.items()))
        return self._halt(f"canary: {strategy_id} was halted: {reason}", now)

    def _try_order(self, rules: CanaryRules, symbol: str, now: Nanos) -> list[Effect]:
        """Ask about the largest entry that the cap allows, if risk lets it through."""
        instrument = self._catalogue.by_symbol(symbol)
        assert instrument is not None, "untested symbols are the catalogue's"
        quote = self._quote_of(instrument.instrument_id)
        if quote is None:
            return []
        intent = self._intent(rules, instrument, quote, now)
        verdict = self._approve(intent, CanaryCap(rules.max_notional, is_tested=True), now)
        if isinstance(verdict, ApprovedOrder):
            self._asked.add(symbol)
            self._held_back_by.pop(symbol, None)
            return [TryOrder(verdict)]
        self._ask_at[symbol] = now + CANARY_TEST_RETRY
        if self._held_back_by.get(symbol) == verdict.rule:
            return []
        self._held_back_by[symbol] = verdict.rule
        why = {"symbol": symbol, "rule": verdict.rule.value, "observed": verdict.observed}
        return [Announce("order_test_put_off", {**why}, severity="warning")]

    def _intent(
        self, rules: CanaryRules, instrument: Instrument, quote: Quote, now: Nanos
    ) -> OrderIntent:
        name = OrderIdParts(
            account=self._account_tag,
            strategy_number=STRATEGY_NUMBER,
            epoch=self._ledger.state.epoch,
            sequence=instrument.instrument_id + 1,
        )
        return OrderIntent(
            client_order_id=encode_order_id(name),
            strategy_id="canary",
            symbol=instrument.symbol,
            instrument_id=instrument.instrument_id,
            side=Side.BUY,
            action=SignalAction.ENTER,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.GTC,
            quantity=instrument.floor_quantity(rules.max_notional * SCALE // quote.ask_price),
            limit_price=0,
            reference_price=quote.ask_price,
            stop_price=0,
            target_price=0,
            expires_at=now,
        )
