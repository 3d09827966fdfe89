"""Whatever the order of signals, answers, fills and cancels, no order passes a limit.

A machine plays trader, venue and market against the real core. It keeps books of its own, from
nothing but what it has told the core and what the core has sent, and holds every order that is sent
against limits that it computes from these.
"""

from collections import Counter
from typing import ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from genesis.domain.market import Quote
from genesis.domain.orders import (
    ExecutionReport,
    Fill,
    OrderIntent,
    OrderState,
    OrderType,
    Side,
)
from genesis.engine.effects import SubmitOrder
from genesis.engine.risk_facts import RiskLimits
from genesis.engine.state_machine import EngineState
from genesis.exchange.gateway import Accepted, NotSent, Rejected, SubmitOutcome, Unknown
from genesis.units import NANOS_PER_MS, SCALE, Nanos, notional
from tests.support.builders import (
    CAPITAL,
    LOT,
    NOW,
    PRICE,
    SECOND,
    VENUE_MS,
    fill,
    quote,
    report,
    risk_limits,
    signal,
)
from tests.support.desk import Desk

SYMBOLS = ("BTCUSDT", "ETHUSDT")
TIGHT: RiskLimits = msgspec.structs.replace(
    risk_limits(),
    position_bps=250,
    strategy_bps=350,
    instrument_bps=400,
    exposure_bps=600,
    correlated_bps=9_000,
    order_notional_max=2_000 * SCALE,
    open_orders_max=3,
    orders_per_second_max=2,
    cancels_per_second_max=2,
)
PLAY = settings(
    max_examples=100,
    stateful_step_count=50,
    phases=[Phase.generate],  # a scene that fails is long, and its steps are told anyway
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Sent(msgspec.Struct):
    """One order as the machine knows it: what was sent, and what was told of it since."""

    intent: OrderIntent
    venue_order_id: int
    filled: int = 0
    has_ended: bool = False

    @property
    def rest(self) -> int:
        return 0 if self.has_ended else self.intent.quantity - self.filled

    @property
    def reserved(self) -> int:
        if self.intent.side is not Side.BUY:
            return 0
        return notional(self.intent.limit_price or self.intent.reference_price, self.rest)


class Trading(RuleBasedStateMachine):
    """The core goes by `given`; every order is held against `TIGHT`."""

    given: ClassVar[RiskLimits] = TIGHT
    seen: ClassVar[Counter[str]] = Counter()

    @initialize()
    def open(self) -> None:
        self.now: Nanos = NOW
        self.desk = Desk(limits=self.given).start()
        self.orders: dict[str, Sent] = {}
        self.held: Counter[tuple[str, str]] = Counter()
        self.cash = CAPITAL
        self.prices = dict.fromkeys(SYMBOLS, PRICE)
        self.marks: dict[str, int] = {}
        self.sent_at: list[Nanos] = []
        self.sequence = self.trades = 0
        self.mark()

    @rule(
        where=st.tuples(st.sampled_from([7, 8]), st.sampled_from([0, 1])),
        side=st.sampled_from([Side.BUY, Side.BUY, Side.SELL]),
        lots=st.sampled_from([5, 10, 20, 30, 40]),
        offset=st.sampled_from([None, None, -100, 0, 100]),
        is_filled=st.booleans(),
    )
    def wish(
        self, *, where: tuple[int, int], side: Side, lots: int, offset: int | None, is_filled: bool
    ) -> None:
        """Let a strategy wish for an order, and the venue often fill it at once."""
        strategy, instrument = where
        self.sequence += 1
        self.now += 300 * NANOS_PER_MS
        owner = "ema_cross-1" if strategy == 7 else "breakout-1"
        symbol = SYMBOLS[instrument]
        side = side if self.held[owner, symbol] else Side.BUY
        price = 0 if offset is None else self.prices[symbol] + offset * SCALE
        wanted = signal(
            self.sequence,
            strategy_number=strategy,
            instrument_id=instrument,
            side=side,
            order_type=OrderType.MARKET if offset is None else OrderType.LIMIT,
            limit_price=price,
            quantity=lots * LOT,
            position=self.held[owner, symbol],
            expires_at=self.now + 5 * SECOND,
        )
        wanted = msgspec.structs.replace(
            wanted, received_at=self.now, read_at=self.now, published_at=self.now
        )
        seen = self.quote(instrument)
        venue = self.desk.venue_now(self.venue_ms)
        self.desk.take(self.desk.core.judge_signal(wanted, seen, venue=venue, now=self.now))
        self.check()
        if is_filled:
            self.answer_with(self.pick(-1, {OrderState.PREPARED}), "filled")

    @rule(
        pick=st.integers(0, 9),
        how=st.sampled_from(["accepted", "filled", "part", "refused", "unsent", "unknown"]),
    )
    def answer(self, pick: int, how: str) -> None:
        """Let the venue answer an order, or lose its answer."""
        self.answer_with(self.pick(pick, {OrderState.PREPARED}), how)

    def answer_with(self, order: Sent | None, how: str) -> None:
        if order is None:
            return
        name = order.intent.client_order_id
        outcome: SubmitOutcome
        if how in {"accepted", "filled", "part"}:
            part = {"accepted": 0, "filled": order.rest, "part": max(1, order.rest // 2)}[how]
            fills = (self.execute(order, part),) if part else ()
            outcome = Accepted(self.report_of(order), fills)
        elif how == "refused":
            outcome, order.has_ended = Rejected(-2010, "no", retryable=False), True
        elif how == "unsent":
            outcome, order.has_ended = NotSent("no connection"), True
        else:
            outcome = Unknown("no reply")
        self.desk.take(self.desk.core.on_submit_outcome(name, outcome, self.now))
        self.check()

    @rule(pick=st.integers(0, 9), part=st.sampled_from([1, 2]), is_canceled=st.booleans())
    def event(self, pick: int, part: int, is_canceled: bool) -> None:  # noqa: FBT001
        """Let an order at the venue fill further, or be canceled."""
        order = self.pick(
            pick,
            {
                OrderState.ACCEPTED,
                OrderState.PARTIALLY_FILLED,
                OrderState.PENDING_CANCEL,
                OrderState.OUTCOME_UNKNOWN,
            },
        )
        if order is None:
            return
        execution = None
        if is_canceled:
            order.has_ended = True
        else:
            execution = self.execute(order, max(1, order.rest // part))
        told = msgspec.structs.replace(self.report_of(order), fill=execution)
        self.desk.take(self.desk.core.on_execution_report(told, self.now))
        self.check()

    @rule(symbol=st.sampled_from(SYMBOLS), percent=st.sampled_from([-6, -1, 1, 2]))
    def move(self, symbol: str, percent: int) -> None:
        """Let the market move, and mark it."""
        self.prices[symbol] += self.prices[symbol] * percent // 100
        self.mark()

    @rule(ms=st.sampled_from([1, 200, 1_000, 7_000, 400_000]))
    def wait(self, ms: int) -> None:
        """Let time pass, and do what is due: cancels, retries, questions."""
        self.now += ms * NANOS_PER_MS
        self.mark()
        self.desk.take(
            self.desk.core.on_time(venue=self.desk.venue_now(self.venue_ms), now=self.now)
        )
        self.check()

    @rule(is_halt=st.sampled_from([False] * 9 + [True]))
    def halt_or_resume(self, is_halt: bool) -> None:  # noqa: FBT001
        """Let a person stop trading, or lift the halt."""
        core = self.desk.core
        if is_halt:
            self.desk.take(core.halt("a person", self.now))
        elif core.state is EngineState.HALTED:
            self.desk.take(core.resume(self.now, accept_differences=False))
        self.check()

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            type(self).seen.update(self.desk.core.ledger.state.refusals)

    @property
    def venue_ms(self) -> int:
        return VENUE_MS + (self.now - NOW) // NANOS_PER_MS

    def quote(self, instrument: int) -> Quote:
        return quote(instrument, self.prices[SYMBOLS[instrument]], self.now)

    def mark(self) -> None:
        pair = [self.quote(0), self.quote(1)]
        self.marks = {symbol: each.bid_price for symbol, each in zip(SYMBOLS, pair, strict=True)}
        self.desk.mark(*pair, now=self.now)
        self.check()

    def pick(self, number: int, states: set[OrderState]) -> Sent | None:
        """Return one of our orders in such a state, as the core has it; None if there is none."""
        found = [
            order
            for name, order in self.orders.items()
            if order.rest and self.desk.state_of(name) in states
        ]
        return found[number % len(found)] if found else None

    def execute(self, order: Sent, quantity: int) -> Fill:
        """Let an order trade at the market's price, in the machine's books, too."""
        self.trades += 1
        intent, symbol = order.intent, order.intent.symbol
        price = intent.limit_price or self.prices[symbol]
        quantity = min(quantity, order.rest)
        execution = msgspec.structs.replace(
            fill(
                self.trades,
                client_order_id=intent.client_order_id,
                venue_order_id=order.venue_order_id,
                side=intent.side,
                quantity=quantity,
                price=price,
            ),
            symbol=symbol,
        )
        order.filled += quantity
        self.held[intent.strategy_id, symbol] += intent.side.value * quantity
        self.cash -= intent.side.value * execution.quote_amount
        return execution

    def report_of(self, order: Sent) -> ExecutionReport:
        state = OrderState.ACCEPTED
        if order.has_ended:
            state = OrderState.CANCELED
        elif not order.rest:
            state = OrderState.FILLED
        elif order.filled:
            state = OrderState.PARTIALLY_FILLED
        told = report(
            state,
            client_order_id=order.intent.client_order_id,
            venue_order_id=order.venue_order_id,
            side=order.intent.side,
            quantity=order.intent.quantity,
            filled_quantity=order.filled,
        )
        return msgspec.structs.replace(told, symbol=order.intent.symbol)

    def check(self) -> None:
        """Hold what was sent by this step against all limits, then take it into the books."""
        for effect in self.desk.effects:
            if isinstance(effect, SubmitOrder):
                intent = effect.order.intent
                if intent.side is Side.BUY:
                    self.check_entry(intent)
                else:
                    self.check_exit(intent)
                self.orders[intent.client_order_id] = Sent(intent, 100 + len(self.orders))
                self.sent_at.append(self.now)
                type(self).seen["sent"] += 1
        self.desk.effects = []  # they are looked at once

    def check_exit(self, intent: OrderIntent) -> None:
        """No more is sold than is held and not for sale yet."""
        selling = sum(
            each.rest
            for each in self.orders.values()
            if each.intent.side is Side.SELL
            and (each.intent.strategy_id, each.intent.symbol) == (intent.strategy_id, intent.symbol)
        )
        assert intent.quantity <= self.held[intent.strategy_id, intent.symbol] - selling

    def check_entry(self, intent: OrderIntent) -> None:
        """Everything that an entry adds to, with it and with all that still works."""
        limits, price = TIGHT, intent.limit_price or intent.reference_price
        worth = notional(price, intent.quantity)
        worths = {key: notional(self.marks[key[1]], lots) for key, lots in self.held.items()}
        working = [(order.intent, order.reserved) for order in self.orders.values()]
        reserved = sum(amount for _intent, amount in working)
        equity = self.cash + sum(worths.values())

        def share(bps: int) -> int:
            return equity * bps // 10_000

        def total(strategy: str = "", symbol: str = "") -> int:
            return worth + sum(
                amount
                for (owner, where), amount in (
                    *worths.items(),
                    *(((each.strategy_id, each.symbol), amount) for each, amount in working),
                )
                if strategy in {"", owner} and symbol in {"", where}
            )

        lots = intent.quantity + self.held[intent.strategy_id, intent.symbol]
        assert notional(price, lots) <= share(limits.position_bps)
        assert total(strategy=intent.strategy_id) <= share(limits.strategy_bps)
        assert total(symbol=intent.symbol) <= share(limits.instrument_bps)
        assert total() <= share(limits.exposure_bps)
        assert total() <= share(limits.exposure_bps * limits.correlated_bps // 10_000)
        assert worth + reserved <= self.cash
        assert worth <= limits.order_notional_max
        assert sum(order.rest > 0 for order in self.orders.values()) < limits.open_orders_max
        in_second = [at for at in self.sent_at if self.now - at < SECOND]
        assert len(in_second) < limits.orders_per_second_max
        assert CAPITAL - equity < limits.losses.daily_loss_max
        market = self.prices[intent.symbol]
        assert abs(price - market) * 10_000 <= limits.price_collar_bps * market
        assert self.desk.core.state is EngineState.RUNNING


def loose(**changes: object) -> type[Trading]:
    """Return a machine whose core goes by a limit that is not the one it is held against."""
    given = msgspec.structs.replace(TIGHT, **changes)
    return type("Loose", (Trading,), {"given": given, "seen": Counter()})


def test_no_interleaving_lets_an_order_pass_a_limit() -> None:
    """And the machine gets to the limits: each of them has refused something on its way."""
    Trading.seen.clear()
    run_state_machine_as_test(Trading, settings=PLAY)
    assert Trading.seen["sent"] > 100, Trading.seen
    for name in (
        "position_limit",
        "strategy_limit",
        "instrument_limit",
        "correlated_exposure",
        "order_notional",
        "order_rate",
        "halted",
    ):
        assert Trading.seen[name], f"{name} has refused nothing: {Trading.seen}"


@pytest.mark.parametrize(
    "changes",
    [
        {"position_bps": 400},
        {"strategy_bps": 500},
        {"exposure_bps": 900},
        {"order_notional_max": 5_000 * SCALE},
        {"orders_per_second_max": 9},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_machine_would_see_a_limit_that_is_passed(changes: dict[str, object]) -> None:
    """A core with one limit that is too wide is caught: the checks are no ornament."""
    with pytest.raises(AssertionError):
        run_state_machine_as_test(loose(**changes), settings=PLAY)
