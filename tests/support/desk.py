"""An execution core in a test's hands: facts in, effects and journal to be looked at."""

from collections.abc import Iterable, Mapping, Sequence

from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.domain.market import Depth, Quote
from genesis.domain.orders import (
    ExecutionReport,
    Fill,
    Hold,
    OrderReport,
    OrderState,
    ReportKind,
)
from genesis.engine.canary import CanaryRules
from genesis.engine.effects import (
    Commit,
    Effect,
    Reconcile,
    SearchTrades,
    Tell,
)
from genesis.engine.entries import Entry, OrderPrepared
from genesis.engine.execution import ExecutionCore
from genesis.engine.ledger import Ledger
from genesis.engine.protection import ProtectionRules
from genesis.engine.reconciliation import VenueView
from genesis.engine.risk_facts import RiskLimits, VenueNow
from genesis.engine.slicing.desk import SlicingRules
from genesis.engine.state_machine import EngineState
from genesis.exchange.gateway import (
    Accepted,
    Found,
    NoAnswer,
    NotFound,
    NotListed,
    SubmitOutcome,
)
from genesis.units import NANOS_PER_MS, Nanos
from tests.support.builders import (
    CAPITAL,
    LOT,
    NOW,
    SECOND,
    VENUE_MS,
    catalogue,
    fill,
    order_rules,
    quote,
    report,
    risk_limits,
    signal,
    signal_rules,
    strategy,
)

ORDER = "G00-7-1-1-10"
OPENED_AT: Nanos = NOW - SECOND
FENCE_MS = 2_000 + 10_000


class Desk:
    """A core with its journal: every entry that was committed, in order."""

    def __init__(
        self,
        journal: Sequence[Entry] = (),
        epoch: int = 1,
        instruments: Iterable[Instrument] | None = None,
        *,
        is_synced: bool = False,
        canary: CanaryRules | None = None,
        slicing: SlicingRules | None = None,
        protection: ProtectionRules | None = None,
        limits: RiskLimits | None = None,
    ) -> None:
        self.depths: dict[int, Depth] = {}
        ledger = Ledger()
        for entry in journal:
            ledger.apply(entry)
        self.core = ExecutionCore(
            catalogue=catalogue() if instruments is None else InstrumentCatalogue(instruments),
            strategies=[strategy(), strategy(8, "breakout-1", "ETHUSDT")],
            limits=limits or risk_limits(),
            signal_rules=signal_rules(),
            order_rules=order_rules(is_synced=is_synced),
            capital=CAPITAL,
            ledger=ledger,
            epoch=epoch,
            canary_rules=canary,
            slicing_rules=slicing,
            protection_rules=protection,
            depth_of=self.depths.get,
        )
        self.holds: tuple[Hold | None, Hold | None] = (None, None)  # of entries, of exits
        self.journal = list(journal)
        self.effects: list[Effect] = []

    def take(self, effects: Sequence[Effect]) -> "Desk":
        self.effects = list(effects)
        for effect in effects:
            if isinstance(effect, Commit):
                self.journal += effect.entries
        return self

    def start(self, boot_id: str = "boot") -> "Desk":
        """Begin an epoch, and answer its first question with what the books expect."""
        self.take(self.core.start(boot_id, NOW))
        if self.core.ledger.state.opening_balances:
            usdt = self.core.ledger.expected_balance("USDT")
            btc = self.core.ledger.expected_balance("BTC")
            return self.view({"USDT": usdt, "BTC": btc})
        return self.view({"USDT": CAPITAL})

    def view(
        self,
        balances: dict[str, int],
        trades: Sequence[Fill] = (),
        now: Nanos = NOW,
        *,
        open_orders: Sequence[ExecutionReport] = (),
        orders: Sequence[ExecutionReport] = (),
        asked: Reconcile | None = None,
        balances_at: Nanos | None = None,
        found: Mapping[str, tuple[Fill, ...] | NotListed | NoAnswer] | None = None,
    ) -> "Desk":
        """Answer a question, by default one that is put now.

        Trades that are then searched for are answered with what was `found`, at once: by default
        nothing.
        """
        if asked is None:
            asked = self.core.compare_now(now)
        view = VenueView(
            venue_ms=VENUE_MS + (now - NOW) // NANOS_PER_MS,
            open_orders=tuple(open_orders),
            orders=tuple(orders),
            trades=tuple(trades),
            balances=balances,
            balances_at=OPENED_AT if balances_at is None else balances_at,
        )
        effects = self.core.on_venue_view(view, asked, now)
        for search in [effect for effect in effects if isinstance(effect, SearchTrades)]:
            answer = (found or {}).get(search.symbol, ())
            effects += self.core.on_trades_found(search, answer, now)
        return self.take(effects)

    def judge(self, sequence: int = 1, **changes: object) -> "Desk":
        wish = signal(sequence, **changes)  # type: ignore[arg-type]
        return self.take(
            self.core.judge_signal(
                wish,
                quote(wish.instrument_id),
                venue=self.venue_now(VENUE_MS),
                now=NOW,
            )
        )

    def mark(self, *quotes: Quote, now: Nanos = NOW) -> "Desk":
        """Show the core the market."""
        return self.take(self.core.on_quotes({each.instrument_id: each for each in quotes}, now))

    def answer(self, outcome: SubmitOutcome, order: str = ORDER, now: Nanos = NOW) -> "Desk":
        return self.take(self.core.on_submit_outcome(order, outcome, now))

    def tick(self, now: Nanos) -> "Desk":
        venue_ms = VENUE_MS + (now - NOW) // NANOS_PER_MS
        return self.take(self.core.on_time(venue=self.venue_now(venue_ms), now=now))

    def protect(self, now: Nanos = NOW) -> "Desk":
        """Have the positions seen to, to which something has happened."""
        venue_ms = VENUE_MS + (now - NOW) // NANOS_PER_MS
        if not self.core.is_protection_due:
            return self.take([])
        return self.take(self.core.protect(venue=self.venue_now(venue_ms), now=now))

    def query(
        self, outcome: Found | NotFound | NoAnswer, after_ms: int, *, cancel_first: bool = False
    ) -> "Desk":
        now = NOW + after_ms * NANOS_PER_MS
        return self.take(
            self.core.on_query_outcome(
                ORDER, outcome, venue_ms=VENUE_MS + after_ms, cancel_first=cancel_first, now=now
            )
        )

    def venue_now(self, venue_ms: int) -> VenueNow:
        return VenueNow(venue_ms, *self.holds)

    @property
    def state(self) -> EngineState:
        """Return what the core may do."""
        return self.core.state

    def state_of(self, order: str = ORDER) -> OrderState:
        found = self.core.ledger.find_order(order)
        assert found is not None
        return found.state

    def prepared(self) -> list[OrderPrepared]:
        """Return every order that was journaled, in order."""
        return [entry for entry in self.journal if isinstance(entry, OrderPrepared)]

    def kinds(self) -> list[str]:
        return [type(effect).__name__ for effect in self.effects]

    def told(self) -> list[ReportKind]:
        return [effect.report.kind for effect in self.effects if isinstance(effect, Tell)]

    def last_report(self) -> OrderReport:
        return [effect.report for effect in self.effects if isinstance(effect, Tell)][-1]


def filled(trade_id: int = 1, quantity: int = LOT, total: int = LOT) -> Accepted:
    """Return a reply that reports one fill and lists it."""
    execution = fill(trade_id, quantity=quantity)
    state = OrderState.FILLED if quantity == total else OrderState.PARTIALLY_FILLED
    return Accepted(report(state, quantity=total, filled_quantity=quantity), (execution,))
