"""The slicing desk: opens parents, and turns what is due of them into orders like any other. Pure.

A child passes the same risk engine and the same order flow as a signal's order: it is journaled
before it is sent, and followed to its end there. The desk only decides what to ask for next, from
what the ledger has booked, so it has nothing of its own to recover after a crash.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from genesis.domain.child_names import CHILDREN_MAX, child_number, child_sequence
from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.domain.market import Depth, Quote
from genesis.domain.orders import (
    OrderIntent,
    OrderType,
    Refusal,
    RefusalRule,
    Side,
    SignalAction,
    TimeInForce,
)
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.effects import Announce, Effect
from genesis.engine.entries import ParentEnded, ParentOpened, SignalId
from genesis.engine.judgement import Judge
from genesis.engine.ledger import Ledger
from genesis.engine.order_flow import Dispatch, OrderFlow
from genesis.engine.risk_engine import ApprovedOrder
from genesis.engine.risk_facts import CanaryCap, VenueNow, entry_notional
from genesis.engine.slicing.decision import Child, End, Sight, Wait, decide, smallest_child
from genesis.engine.slicing.fold import working_of_parent
from genesis.engine.slicing.opening import draft_parent, parent_of_entry, whole_intent
from genesis.engine.slicing.parent import ParentOrder
from genesis.engine.slicing.schedule import Algorithm
from genesis.engine.slicing.volume import ParticipationMeter, VolumeWatch
from genesis.engine.slicing.wish import ParentWish
from genesis.engine.state_machine import TRADING_STATES, EngineState
from genesis.engine.teller import Teller
from genesis.errors import UsageError
from genesis.limits import CHILD_SPACING, FIXED_MAX, PARENTS_MAX, VOLUME_BUCKET
from genesis.strategies.base import StrategySpec
from genesis.units import (
    NANOS_PER_MS,
    NANOS_PER_SECOND,
    SCALE,
    Amount,
    Nanos,
    Quantity,
    text_from_fixed,
)

_OF_SIZE: Final = frozenset({RefusalRule.LIQUIDITY, RefusalRule.ORDER_NOTIONAL})
"""What a smaller child may pass: the next one is half as large, until one passes."""
_CHILD_LIFE: Final[Nanos] = 2 * NANOS_PER_SECOND

StandingOf = Callable[[str], tuple[EngineState, CanaryCap | None]]


class SlicingRules(msgspec.Struct, frozen=True, kw_only=True):
    """What parents may be here: which algorithms the tier has, and how large a child may be.

    Entries of strategies worth more than `entries_above` become parents by themselves; 0: none.
    """

    algorithms: frozenset[Algorithm] = frozenset(Algorithm)
    child_notional_max: Amount = 5_000 * SCALE
    data_age_max: Nanos = 2 * NANOS_PER_SECOND
    entries_above: Amount = 0
    entry_duration: Nanos = 20 * NANOS_PER_SECOND


class MarketFacts(NamedTuple):
    """The market now, by instrument: what the desk asked for in `instruments`."""

    quotes: Mapping[int, Quote]
    depths: Mapping[int, Depth]
    volumes: Mapping[int, Quantity]


class SlicingDesk:
    """All parents of one executor's life.

    `standing_of` returns the engine's state, and what a canary allows of a symbol; `dispatch` sends
    a child, if need be when protection has let go of its lots.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        catalogue: InstrumentCatalogue,
        strategies: Iterable[StrategySpec],
        books: Bookkeeper,
        teller: Teller,
        flow: OrderFlow,
        dispatch: Dispatch,
        judge: Judge,
        standing_of: StandingOf,
        rules: SlicingRules,
        epoch: int,
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._strategies = {spec.strategy_id: spec for spec in strategies}
        self._books = books
        self._teller = teller
        self._flow = flow
        self._dispatch = dispatch
        self._judge = judge
        self._standing_of = standing_of
        self._rules = rules
        self._epoch = epoch
        self._meters: dict[int, ParticipationMeter] = {}
        self._placed_at: dict[int, Nanos] = {}
        self._largest: dict[int, Amount] = {}  # what risk took of a parent's child, if not all
        self.volumes = VolumeWatch()
        self.holds: dict[int, str] = {}
        """By parent, what holds it back now: a limit, a refusal, or nothing."""

    @property
    def instruments(self) -> tuple[int, ...]:
        """Return the instruments whose market the desk wants to see."""
        symbols = dict.fromkeys(parent.symbol for parent in self._parents)
        found = (self._catalogue.by_symbol(symbol) for symbol in symbols)
        return tuple(instrument.instrument_id for instrument in found if instrument is not None)

    @property
    def _parents(self) -> list[ParentOrder]:
        return list(self._ledger.state.parents.values())

    def open(
        self, wish: ParentWish, market: MarketFacts, venue: VenueNow, now: Nanos
    ) -> list[Effect]:
        """Have a whole parent approved, and write it down; its first child is due at once.

        Raises:
            UsageError: It may not be, and why.
        """
        self._judge.learn_venue(venue)
        self._judge.learn(market.quotes, now)
        spec, instrument = self._owner_of(wish)
        quote = market.quotes.get(instrument.instrument_id)
        if quote is None or now - quote.received_at > self._rules.data_age_max:
            raise UsageError(f"{spec.symbol} has no present quote: try again when it is heard")
        curve = self._curve_of(wish, instrument)
        draft = draft_parent(wish, spec, instrument, quote, curve)
        if draft.quantity < smallest_child(instrument, draft.arrival_price):
            raise UsageError(f"{text_from_fixed(draft.quantity)} is less than {spec.symbol} takes")
        state, cap = self._standing_of(spec.symbol)
        refusal = self._judge.judge_parent(whole_intent(draft, instrument), state, cap, now)
        if refusal is not None:
            raise UsageError(
                f"risk refused ({refusal.rule}): limit {refusal.limit}, observed {refusal.observed}"
            )
        return self._open(draft, now)

    def instrument_of(self, wish: ParentWish) -> int | None:
        """Return which instrument's market a wish is judged by, None if nobody trades it."""
        spec = self._strategies.get(wish.strategy_id)
        instrument = None if spec is None else self._catalogue.by_symbol(spec.symbol)
        return None if instrument is None else instrument.instrument_id

    def cancel(self, number: int, _venue: VenueNow, now: Nanos) -> list[Effect]:
        """End a parent on a person's word."""
        return self.end(number, "canceled by an operator", now)

    def dispatch(
        self,
        approved: ApprovedOrder,
        *,
        signal: SignalId,
        attempt: int,
        signal_at: Nanos,
        venue_ms: int,
        now: Nanos,
    ) -> list[Effect]:
        """Send a strategy's order whole; or have a large entry worked, as the tier does that."""
        intent = approved.intent
        algorithm = self._algorithm_for(intent)
        quote = self._judge.quote_of(intent.instrument_id)
        if algorithm is None or quote is None:
            return self._dispatch(
                approved,
                signal=signal,
                attempt=attempt,
                signal_at=signal_at,
                venue_ms=venue_ms,
                now=now,
            )
        duration = self._rules.entry_duration
        return self._open(parent_of_entry(intent, signal, quote, algorithm, duration), now)

    def _algorithm_for(self, intent: OrderIntent) -> Algorithm | None:
        """Return how to work an order; None for whole, as exits and what must fill or rest."""
        rules = self._rules
        is_plain = (
            intent.action is SignalAction.ENTER
            and intent.order_type is not OrderType.LIMIT_MAKER
            and intent.time_in_force is not TimeInForce.FOK
        )
        is_large = 0 < rules.entries_above < entry_notional(intent)
        if not (is_plain and is_large) or self._is_working(intent.strategy_id):
            return None
        order = (Algorithm.TWAP, Algorithm.ICEBERG)
        return next((algorithm for algorithm in order if algorithm in rules.algorithms), None)

    def _is_working(self, strategy_id: str) -> bool:
        """Tell whether a strategy has a parent, or there is no room for one more."""
        parents = self._parents
        is_full = len(parents) >= PARENTS_MAX
        return is_full or any(parent.strategy_id == strategy_id for parent in parents)

    def _open(self, draft: ParentOpened, now: Nanos) -> list[Effect]:
        number = self._ledger.state.parents_opened + 1
        entry = msgspec.structs.replace(draft, number=number, at=now)
        return [self._books.record(entry), _told_open(entry)]

    def end(self, number: int, reason: str, now: Nanos) -> list[Effect]:
        """Place nothing more of a parent, and cancel what of it still works."""
        parent = self._ledger.state.parents.get(number)
        if parent is None:
            return []
        effects: list[Effect] = [self._books.record(ParentEnded(number, reason, now))]
        for order in list(self._ledger.state.live_orders.values()):
            if order.parent == number and not order.is_terminal:
                effects += self._flow.cancel(order, now)
        for kept in (self._meters, self._placed_at, self._largest, self.holds):
            kept.pop(number, None)
        return [*effects, _told_end(parent), *self._teller.tell_parent_end(parent, now)]

    def work(self, market: MarketFacts, venue: VenueNow, now: Nanos) -> list[Effect]:
        """Do what is due of every parent, in the order in which they were opened.

        To be called several times a second. Where nothing is judged, nothing is due.
        """
        effects: list[Effect] = []
        self._judge.learn_venue(venue)
        for parent in self._parents:
            if self._standing_of(parent.symbol)[0] in TRADING_STATES:
                effects += self._work(parent, market, venue.time_ms, now)
        return effects

    def _work(
        self, parent: ParentOrder, market: MarketFacts, venue_ms: int, now: Nanos
    ) -> list[Effect]:
        sight = self._sight(parent, market, now)
        if sight is None:
            self.holds[parent.number] = "no market data"
            over = parent.opened_at + parent.plan.duration + parent.plan.patience
            return (
                self.end(parent.number, "timed out without market data", now)
                if (now >= over)
                else []
            )
        decision = decide(parent, sight, now)
        if isinstance(decision, End):
            return self.end(parent.number, decision.why, now)
        if isinstance(decision, Wait):
            self.holds[parent.number] = decision.why
            return []
        if now - self._placed_at.get(parent.number, 0) < CHILD_SPACING:
            return []
        if parent.children == CHILDREN_MAX:
            return self.end(parent.number, "it has had as many children as have names", now)
        return self._place(parent, decision, sight, venue_ms, now)

    def _place(
        self, parent: ParentOrder, child: Child, sight: Sight, venue_ms: int, now: Nanos
    ) -> list[Effect]:
        """Have a child approved and sent; a refusal is heard again at the next look."""
        if self._ledger.protection.waiting_exit(parent.strategy_id, parent.symbol) is not None:
            return []  # the one before it waits for its lots
        name = SignalId(
            child_number(parent.strategy_number),
            self._epoch,
            child_sequence(parent.number, parent.children + 1),
        )
        intent = _child_intent(parent, child, sight, self._flow.order_id(name, attempt=1), now)
        state, cap = self._standing_of(parent.symbol)
        verdict = self._judge.approve(intent, state, cap, now, is_sent_now=False)
        self._placed_at[parent.number] = now
        before = self.holds.get(parent.number, "")
        if isinstance(verdict, Refusal):
            if verdict.rule in _OF_SIZE:
                self._largest[parent.number] = entry_notional(intent) // 2
            self.holds[parent.number] = f"{verdict.rule}: limit {verdict.limit}"
            if before.startswith(f"{verdict.rule}:"):
                return []
            fields: dict[str, str | int | float] = {
                "parent": parent.number,
                "rule": verdict.rule.value,
                "limit": verdict.limit,
                "observed": verdict.observed,
            }
            return [Announce("child_refused", fields, severity="warning")]
        self.holds[parent.number] = ""
        if parent.number in self._largest:
            self._largest[parent.number] *= 2
        return self._dispatch(
            verdict,
            signal=name,
            attempt=1,
            signal_at=sight.quote.received_at,
            venue_ms=venue_ms,
            now=now,
        )

    def _sight(self, parent: ParentOrder, market: MarketFacts, now: Nanos) -> Sight | None:
        """Gather what a decision looks at; None without a present quote."""
        instrument = self._catalogue.by_symbol(parent.symbol)
        quote = None if instrument is None else market.quotes.get(instrument.instrument_id)
        if instrument is None or quote is None:
            return None
        if now - quote.received_at > self._rules.data_age_max:
            return None
        working = working_of_parent(self._ledger.state, parent.number)
        depth = market.depths.get(instrument.instrument_id)
        levels = [] if depth is None else depth.asks if parent.side is Side.BUY else depth.bids
        volume = market.volumes.get(instrument.instrument_id, 0)
        return Sight(
            instrument,
            quote,
            levels,
            working,
            self._allowance(parent, working, volume),
            min(self._rules.child_notional_max, self._largest.get(parent.number, FIXED_MAX)),
        )

    def _allowance(
        self, parent: ParentOrder, working: Quantity, volume: Quantity
    ) -> Quantity | None:
        bps = parent.plan.participation_bps
        if not bps:
            return None
        meter = self._meters.get(parent.number)
        if meter is None:
            meter = ParticipationMeter(parent.filled_quantity, volume)
            self._meters[parent.number] = meter
        meter.note(volume)
        return meter.allowance(parent.filled_quantity, working, bps)

    def _owner_of(self, wish: ParentWish) -> tuple[StrategySpec, Instrument]:
        """Return whose parent it is to be, and of what; or say why that cannot be."""
        if wish.algorithm not in self._rules.algorithms:
            known = ", ".join(sorted(self._rules.algorithms)) or "none"
            raise UsageError(f"{wish.algorithm} is not for this tier, which has: {known}")
        spec = self._strategies.get(wish.strategy_id)
        if spec is None:
            raise UsageError(f"no strategy {wish.strategy_id!r} runs: name one of the roster")
        instrument = self._catalogue.by_symbol(spec.symbol)
        if instrument is None or wish.symbol not in {"", spec.symbol}:
            raise UsageError(f"{spec.strategy_id} trades {spec.symbol}, not {wish.symbol}")
        if any(parent.strategy_id == wish.strategy_id for parent in self._parents):
            raise UsageError(f"{wish.strategy_id} has a parent order: cancel it, or await its end")
        if len(self._parents) >= PARENTS_MAX:
            raise UsageError(f"{PARENTS_MAX} parent orders are the most at once")
        return spec, instrument

    def _curve_of(self, wish: ParentWish, instrument: Instrument) -> tuple[int, ...]:
        """Return a VWAP's curve: its own, or what the market did in as long a time until now."""
        if wish.algorithm is not Algorithm.VWAP or wish.curve:
            return wish.curve
        curve = self.volumes.curve(instrument.instrument_id, wish.duration)
        if not curve:
            least = max(2 * VOLUME_BUCKET, wish.duration) // NANOS_PER_SECOND
            seen = self.volumes.watched(instrument.instrument_id) // NANOS_PER_SECOND
            raise UsageError(
                f"a volume curve needs {least} s of watched trades, and there are {seen} s: "
                "wait, name a curve, or use twap"
            )
        return curve


def _child_intent(
    parent: ParentOrder, child: Child, sight: Sight, client_order_id: str, now: Nanos
) -> OrderIntent:
    is_entry = parent.side is Side.BUY
    return OrderIntent(
        client_order_id=client_order_id,
        strategy_id=parent.strategy_id,
        symbol=parent.symbol,
        instrument_id=sight.instrument.instrument_id,
        side=parent.side,
        action=SignalAction.ENTER if is_entry else SignalAction.EXIT,
        order_type=OrderType.LIMIT,
        time_in_force=child.time_in_force,
        quantity=child.quantity,
        limit_price=child.price,
        reference_price=sight.quote.ask_price if is_entry else sight.quote.bid_price,
        stop_price=parent.stop_price,
        target_price=parent.target_price,
        expires_at=now + (parent.plan.child_timeout or _CHILD_LIFE),
    )


def _told_open(entry: ParentOpened) -> Announce:
    return Announce(
        "parent_opened",
        {
            "parent": entry.number,
            "strategy": entry.strategy_id,
            "symbol": entry.symbol,
            "side": entry.side.name,
            "algorithm": entry.plan.algorithm.value,
            "quantity": text_from_fixed(entry.quantity),
            "arrival_price": text_from_fixed(entry.arrival_price),
            "duration_ms": entry.plan.duration // NANOS_PER_MS,
        },
    )


def _told_end(parent: ParentOrder) -> Announce:
    return Announce(
        "parent_ended",
        {
            "parent": parent.number,
            "reason": parent.end,
            "filled": text_from_fixed(parent.filled_quantity),
            "quantity": text_from_fixed(parent.quantity),
            "average_price": text_from_fixed(parent.average_price),
            "slippage_bps": round(parent.slippage_bps, 3),
            "children": parent.children,
        },
        severity="info" if parent.end == "filled" else "warning",
    )
