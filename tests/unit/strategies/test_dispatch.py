"""Who is called for what, what it costs to be wrong, and what is counted."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pytest

from genesis.analytics.market_indicators import IndicatorPool
from genesis.domain.market import Bar, Depth, MarketEvent, MarketGap, Quote, TradeTick
from genesis.domain.orders import OrderReport, Signal
from genesis.ipc.histogram import Stage
from genesis.ipc.page import (
    NO_STRATEGY,
    PAGE_BYTES,
    BoardPage,
    BoardPageReader,
    BoardPageWriter,
    Counter,
)
from genesis.limits import (
    CALLBACK_BUDGET,
    CALLBACK_SAMPLE_PERIOD,
    CALLBACK_SLOW,
    FAULT_WINDOW,
    FAULTS_MAX,
    INCIDENTS_MAX,
)
from genesis.strategies.base import (
    BaseStrategy,
    Signals,
    StrategyContext,
    StrategySpec,
    Subscriptions,
)
from genesis.strategies.dispatch import ALL_INSTRUMENTS, Dispatcher, OverBudget, Raised
from genesis.units import NANOS_PER_SECOND, Nanos
from tests.support.builders import LOT, NOW, PRICE, btc, quote
from tests.support.strategy_builders import depth, position_report

EVERYTHING = Subscriptions(quotes=True, trades=True, bars=True, depth=True)


class Clockwork:
    """A stopwatch that strategies wind forward themselves."""

    def __init__(self) -> None:
        self.nanos = 1

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.nanos / NANOS_PER_SECOND


class Listener(BaseStrategy):
    """Writes down what it was called for; takes `takes` nanoseconds, raises or signals if told."""

    kind = "listener"
    takes: Nanos = 0
    error: BaseException | None = None
    wishes: int = 0

    def __init__(
        self, spec: StrategySpec, context: StrategyContext, stage: "Theater", wants: Subscriptions
    ) -> None:
        super().__init__(spec, btc(stage.ids[spec.symbol], spec.symbol), context)
        self.heard: list[object] = []
        self._stage = stage
        self.subscriptions = wants  # type: ignore[misc]  # a test wants them by instance

    def hear(self, event: object) -> Signals:
        """Behave as told."""
        self.heard.append(event)
        if self._stage.is_watched:
            self._stage.seen_running.append(self._stage.page().strategy_number)
        self._stage.stopwatch.nanos += self.takes
        if self.error is not None:
            raise self.error
        return [self.signals.exit(valid_for=1) for _ in range(self.wishes)] or None

    def on_quote(self, quote: Quote) -> Signals:
        """Write it down."""
        return self.hear(quote)

    def on_trade(self, tick: TradeTick) -> Signals:
        """Write it down."""
        return self.hear(tick)

    def on_bar(self, bar: Bar) -> Signals:
        """Write it down."""
        return self.hear(bar)

    def on_depth(self, depth: Depth) -> Signals:
        """Write it down."""
        return self.hear(depth)

    def on_gap(self, gap: MarketGap) -> Signals:
        """Write it down."""
        return self.hear(gap)

    def on_report(self, report: OrderReport) -> Signals:
        """Write it down."""
        return self.hear(report)


class Theater:
    """A dispatcher with its board and the strategies on it."""

    ids: Mapping[str, int] = MappingProxyType({"BTCUSDT": 0, "ETHUSDT": 1})

    def __init__(self, *wanted: tuple[str, Subscriptions], is_measured: bool = True) -> None:
        memory = bytearray(PAGE_BYTES)
        self.stopwatch = Clockwork()
        self.is_watched = False
        self.seen_running: list[int] = []
        self.sent: list[tuple[str, Signal]] = []
        pool = IndicatorPool()
        context = StrategyContext(1, pool)
        board = BoardPageWriter(memory, pid=1, epoch=1)
        self._reader = BoardPageReader(memory)
        self.strategies = [
            Listener(StrategySpec(f"s{n}", n, "listener", symbol, {}), context, self, wants)
            for n, (symbol, wants) in enumerate(wanted, 1)
        ]
        self.dispatcher = Dispatcher(
            self.strategies, pool, board, self.stopwatch, self._send, is_measured=is_measured
        )

    def _send(self, strategy: BaseStrategy, signals: Sequence[Signal]) -> None:
        self.sent += [(strategy.spec.strategy_id, signal) for signal in signals]

    def page(self) -> BoardPage:
        """Return the board as another process sees it."""
        page = self._reader.read()
        assert page is not None
        return page

    def count(self, counter: Counter) -> int:
        """Return one counter."""
        return self.page().counters[counter]

    def give(self, *events: MarketEvent, at: Nanos = NOW) -> None:
        """Dispatch a batch."""
        self.dispatcher.dispatch(events, at)


def tick(instrument_id: int = 0) -> TradeTick:
    """Return a trade."""
    return TradeTick(
        instrument_id, PRICE, LOT, 1, buyer_is_maker=False, event_at=0, received_at=NOW
    )


def bar(instrument_id: int = 0) -> Bar:
    """Return a bar."""
    return Bar(instrument_id, 1_000, PRICE, PRICE, PRICE, PRICE, LOT, 1, 0, 0, NOW)


def gap(instrument_id: int = ALL_INSTRUMENTS) -> MarketGap:
    """Return a gap."""
    return MarketGap(instrument_id, 3, 0, NOW)


def test_strategies_hear_what_they_subscribed_to_on_their_instrument() -> None:
    """Each kind of event goes to those who want it, of the same instrument, in order."""
    stage = Theater(
        ("BTCUSDT", EVERYTHING),
        ("BTCUSDT", Subscriptions(quotes=False, trades=True)),
        ("ETHUSDT", EVERYTHING),
    )
    events: list[MarketEvent] = [quote(0), tick(0), bar(0), quote(1), tick(1)]
    stage.give(*events)
    book = depth(1, 1)
    stage.dispatcher.dispatch_depth(book, NOW)

    all_btc, trades_btc, all_eth = stage.strategies
    assert all_btc.heard == [*events[:3], book]
    assert trades_btc.heard == [events[1]]
    assert all_eth.heard == events[3:]
    assert list(stage.dispatcher.depth_instruments()) == [0, 1]


def test_events_of_nobody_are_no_event() -> None:
    """An instrument that no strategy of this worker trades costs nothing and harms nothing."""
    stage = Theater(("BTCUSDT", EVERYTHING))
    stage.give(quote(5), tick(5), bar(5), gap(5))
    stage.dispatcher.dispatch_depth(Depth(5, [], [], 1, NOW), NOW)

    assert stage.strategies[0].heard == []
    assert not stage.dispatcher.dispatch_report(position_report(0, number=99), NOW)


def test_gaps_reach_everyone_they_concern() -> None:
    """A gap of one instrument is told to its strategies, a gap of all to all."""
    stage = Theater(("BTCUSDT", EVERYTHING), ("ETHUSDT", Subscriptions()))
    stage.give(gap(1), gap())

    btc_, eth = stage.strategies
    assert [len(btc_.heard), len(eth.heard)] == [1, 2]


def test_skipped_quotes_are_told_to_those_who_asked_for_every_tick() -> None:
    """The others see the newest quote and need not know."""
    stage = Theater(
        ("BTCUSDT", Subscriptions(every_tick=True)),
        ("BTCUSDT", Subscriptions()),
        ("ETHUSDT", Subscriptions(every_tick=True)),
    )
    stage.dispatcher.announce_skipped(gap(0), NOW)

    assert [len(one.heard) for one in stage.strategies] == [1, 0, 0]


def test_indicators_are_up_to_date_before_the_callback() -> None:
    """A strategy reads the price of the very quote it is called for."""
    stage = Theater(("BTCUSDT", EVERYTHING))
    stage.give(quote(0, PRICE))
    assert stage.strategies[0].market.mid == PRICE / 10**8
    stage.dispatcher.prime([quote(0, 2 * PRICE)], NOW)
    assert stage.strategies[0].market.mid == 2 * PRICE / 10**8


def test_reports_reach_their_strategy_alone() -> None:
    """A report names its strategy; its position is taken before the callback."""
    stage = Theater(("BTCUSDT", EVERYTHING), ("BTCUSDT", EVERYTHING))
    report = position_report(LOT, number=2)

    assert stage.dispatcher.dispatch_report(report, NOW)
    assert [one.heard for one in stage.strategies] == [[], [report]]
    assert [one.state.position for one in stage.strategies] == [0, LOT]


def test_the_board_names_who_runs_and_since_when() -> None:
    """While a callback runs its strategy is on the board; afterwards nobody is."""
    stage = Theater(("BTCUSDT", EVERYTHING), ("BTCUSDT", EVERYTHING))
    stage.is_watched = True
    stage.give(quote())

    assert stage.seen_running == [1, 2]
    assert stage.page().strategy_number == NO_STRATEGY
    assert stage.count(Counter.CALLBACKS) == 2


def test_signals_go_out_before_the_next_callback() -> None:
    """What a strategy returned is handed on at once, under its own name."""
    stage = Theater(("BTCUSDT", EVERYTHING), ("BTCUSDT", EVERYTHING))
    stage.strategies[0].wishes = 2
    stage.strategies[1].wishes = 1
    stage.give(quote())

    assert [(name, signal.sequence) for name, signal in stage.sent] == [
        ("s1", 1),
        ("s1", 2),
        ("s2", 1),
    ]


def test_a_strategy_that_raises_hurts_nobody_else() -> None:
    """Its signals of that call are lost, the error is kept for the log, the others are called."""
    stage = Theater(("BTCUSDT", EVERYTHING), ("BTCUSDT", EVERYTHING))
    error = ZeroDivisionError("by design")
    stage.strategies[0].error = error
    stage.give(quote())

    assert len(stage.strategies[1].heard) == 1
    assert stage.dispatcher.take_incidents() == [Raised("s1", error, is_quarantined=False)]
    assert stage.dispatcher.take_incidents() == []
    assert stage.count(Counter.CALLBACKS_RAISED) == 1


def test_a_strategy_that_ends_the_process_does_not() -> None:
    """`sys.exit` in a callback is a fault like any other."""
    stage = Theater(("BTCUSDT", EVERYTHING))
    stage.strategies[0].error = SystemExit(3)
    stage.give(quote())

    assert stage.count(Counter.CALLBACKS_RAISED) == 1


def test_a_strategy_that_keeps_raising_is_quarantined() -> None:
    """After the last fault that is forgiven it is called no more; its shard runs on."""
    stage = Theater(("BTCUSDT", EVERYTHING), ("BTCUSDT", EVERYTHING))
    stage.strategies[0].error = ValueError("always")
    for row in range(FAULTS_MAX + 3):
        stage.give(quote(), at=NOW + row)

    faults = stage.dispatcher.take_incidents()
    assert [one.is_quarantined for one in faults if isinstance(one, Raised)] == [
        *[False] * (FAULTS_MAX - 1),
        True,
    ]
    assert [len(one.heard) for one in stage.strategies] == [FAULTS_MAX, FAULTS_MAX + 3]
    assert stage.dispatcher.running == 1
    assert stage.count(Counter.STRATEGIES_QUARANTINED) == 1


def test_a_quarantined_strategy_is_quarantined_once() -> None:
    """Reports still reach it, so that its position is right; that it raises there is no news."""
    stage = Theater(("BTCUSDT", EVERYTHING))
    stage.strategies[0].error = ValueError("always")
    for row in range(2 * FAULTS_MAX):
        stage.dispatcher.dispatch_report(position_report(row * LOT, number=1), NOW)

    assert stage.count(Counter.STRATEGIES_QUARANTINED) == 1
    assert stage.strategies[0].state.position == (2 * FAULTS_MAX - 1) * LOT


def test_a_strategy_can_be_paused_and_resumed() -> None:
    """Paused, it hears reports only; resumed, its earlier faults are forgotten."""
    stage = Theater(("BTCUSDT", EVERYTHING))
    (strategy,) = stage.strategies
    assert stage.dispatcher.pause("s1")
    assert stage.dispatcher.running == 0
    stage.give(quote())
    stage.dispatcher.dispatch_report(position_report(LOT, number=1), NOW)
    assert len(strategy.heard) == 1

    strategy.error = ValueError("sometimes")
    assert stage.dispatcher.resume("s1")
    for _ in range(FAULTS_MAX - 1):
        stage.give(quote())
    assert stage.dispatcher.resume("s1")
    stage.give(quote())
    assert stage.dispatcher.running == 1

    assert not stage.dispatcher.pause("stranger")
    assert not stage.dispatcher.resume("stranger")


def test_faults_far_apart_are_forgiven() -> None:
    """The window is of the engine's time that the batch was read at."""
    stage = Theater(("BTCUSDT", EVERYTHING))
    stage.strategies[0].error = ValueError("rarely")
    for row in range(10):
        stage.give(quote(), at=NOW + row * FAULT_WINDOW)

    assert stage.dispatcher.running == 1


@pytest.mark.parametrize("records", [1, 7, CALLBACK_SAMPLE_PERIOD, 1_000])
def test_every_slow_callback_is_counted(records: int) -> None:
    """Whichever record it is, a callback of at least `CALLBACK_SLOW` is in the histogram."""
    stage = Theater(*[("BTCUSDT", EVERYTHING)] * 3)
    fast, slow, fast_too = stage.strategies
    fast.takes = fast_too.takes = CALLBACK_SLOW // 3
    slow.takes = CALLBACK_SLOW + 1_000
    for _ in range(records):
        stage.give(quote())

    histogram = stage.page().histograms[Stage.CALLBACK]
    sampled = -(-records // CALLBACK_SAMPLE_PERIOD)
    assert histogram.total == records + 2 * sampled * CALLBACK_SAMPLE_PERIOD


def test_samples_stand_for_all_fast_callbacks() -> None:
    """Over whole periods the histogram holds as many callbacks as there were."""
    stage = Theater(("BTCUSDT", EVERYTHING))
    stage.strategies[0].takes = 1_000
    for _ in range(3 * CALLBACK_SAMPLE_PERIOD):
        stage.give(quote())

    histogram = stage.page().histograms[Stage.CALLBACK]
    assert histogram.total == 3 * CALLBACK_SAMPLE_PERIOD
    assert 900 <= histogram.percentile(99) <= 1_200
    assert stage.dispatcher.costs() == {"s1": pytest.approx(1e-6, rel=0.01)}


def test_a_callback_over_budget_is_named() -> None:
    """Every one is counted; the log is told who and how long, within a bound."""
    stage = Theater(("BTCUSDT", EVERYTHING))
    stage.strategies[0].takes = CALLBACK_BUDGET + 1_000
    for _ in range(INCIDENTS_MAX + 5):
        stage.give(quote())

    incidents = stage.dispatcher.take_incidents()
    assert len(incidents) == INCIDENTS_MAX
    assert all(isinstance(one, OverBudget) and one.took >= CALLBACK_BUDGET for one in incidents)
    assert stage.count(Counter.CALLBACKS_OVER_BUDGET) == INCIDENTS_MAX + 5


def test_the_wait_in_the_ring_is_counted_for_every_record() -> None:
    """A batch counts as its oldest record, which has waited longest; primed quotes do not count."""
    stage = Theater(("BTCUSDT", EVERYTHING))
    batch = [quote(), quote(), quote()]
    for row, one in enumerate(batch):
        one.published_at = NOW - 3_000 + row
    stage.give(*batch)
    stage.dispatcher.prime(batch, NOW)

    histogram = stage.page().histograms[Stage.PUBLISHED_TO_READ]
    assert histogram.total == 3
    assert 3_000 <= histogram.percentile(1) <= 3_400


def test_measuring_can_be_switched_off() -> None:
    """The switch exists so that a benchmark can tell what measuring costs; over budget stays."""
    stage = Theater(("BTCUSDT", EVERYTHING), is_measured=False)
    stage.strategies[0].takes = CALLBACK_BUDGET + 1_000
    for _ in range(2 * CALLBACK_SAMPLE_PERIOD):
        stage.give(quote())

    page = stage.page()
    assert page.histograms[Stage.CALLBACK].total == 0
    assert page.histograms[Stage.PUBLISHED_TO_READ].total == 0
    assert page.counters[Counter.CALLBACKS_OVER_BUDGET] == 2 * CALLBACK_SAMPLE_PERIOD
    assert stage.dispatcher.costs() == {}


def test_an_empty_batch_is_nothing() -> None:
    """A worker may find only records it cannot read."""
    stage = Theater(("BTCUSDT", EVERYTHING))
    stage.give()
    assert stage.count(Counter.CALLBACKS) == 0
