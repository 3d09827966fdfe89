"""From market records to callbacks: the inner loop of a worker, without its I/O. Pure.

For each record the instrument's indicators are brought up to date, then every subscribed strategy
is called: one bound call, one store that names it on the status board, one look at the stopwatch,
which both ends its callback and begins the next one's.

A callback slower than `CALLBACK_SLOW` is always counted in the histogram. Of the others, those of
every `CALLBACK_SAMPLE_PERIOD`-th record are, each standing for as many; so the tail is exact, the
body unbiased, and counting costs next to nothing. What keeps it so: callbacks are compared with
one deadline, the length of a slow callback ahead, instead of being measured one by one.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias, TypeVar

import msgspec

from genesis.analytics.market_indicators import IndicatorPool, MarketIndicators
from genesis.domain.market import Bar, Depth, MarketEvent, MarketGap, Quote, TradeTick
from genesis.domain.orders import OrderReport, Signal
from genesis.ipc.histogram import Stage
from genesis.ipc.page import BoardPageWriter, Counter, strategy_token
from genesis.limits import CALLBACK_BUDGET, CALLBACK_SAMPLE_PERIOD, CALLBACK_SLOW, INCIDENTS_MAX
from genesis.strategies.base import BaseStrategy, Signals, Subscriptions
from genesis.strategies.faults import FaultRecord
from genesis.units import NANOS_PER_SECOND, Nanos

E = TypeVar("E")

Token: TypeAlias = int
"""What the status board calls a strategy while it runs."""

Route: TypeAlias = tuple[tuple[Token, Callable[[E], Signals]], ...]
Routes: TypeAlias = dict[int, Route[E]]
Outlet: TypeAlias = Callable[[BaseStrategy, Sequence[Signal]], None]

ALL_INSTRUMENTS: Final = -1
"""The `instrument_id` of a gap in everything."""

_SLOW_S: Final = CALLBACK_SLOW / NANOS_PER_SECOND
_SAMPLING: Final = 0.0  # a deadline that every callback misses
_NEVER: Final = 1 << 62  # records; it counts down to 0 in no lifetime


class Raised(msgspec.Struct, frozen=True):
    """A strategy raised. With `is_quarantined` it did so too often, and is called no more."""

    strategy_id: str
    error: BaseException
    is_quarantined: bool


class OverBudget(msgspec.Struct, frozen=True):
    """A callback took longer than `CALLBACK_BUDGET`."""

    strategy_id: str
    took: Nanos


Incident: TypeAlias = Raised | OverBudget


class Dispatcher:
    """Calls the strategies of one worker.

    `stopwatch` returns seconds on any steady clock; time is only measured, never decided upon.
    `outlet` takes what a callback returned, before the next one runs. `take_incidents` must be
    called now and then: the oldest are dropped when nobody does.
    """

    def __init__(
        self,
        strategies: Iterable[BaseStrategy],
        indicators: IndicatorPool,
        board: BoardPageWriter,
        stopwatch: Callable[[], float],
        outlet: Outlet,
        *,
        is_measured: bool = True,
    ) -> None:
        self._board = board
        self._stopwatch = stopwatch
        self._outlet = outlet
        self._is_measured = is_measured
        self._record = board.histograms.record
        self._strategies = {strategy_token(one.spec.number): one for one in strategies}
        self._markets: dict[int, list[MarketIndicators]] = {
            one.instrument.instrument_id: indicators.sets(one.instrument.instrument_id)
            for one in self._strategies.values()
        }
        self._silent: set[Token] = set()
        self._faults = {token: FaultRecord() for token in self._strategies}
        self._incidents: deque[Incident] = deque(maxlen=INCIDENTS_MAX)
        self._sampled_seconds = dict.fromkeys(self._strategies, 0.0)
        self._sampled_calls = dict.fromkeys(self._strategies, 0)
        self._records_to_sample = 1 if is_measured else _NEVER
        self._is_sampling = False
        self._callbacks = 0
        self._read_at: Nanos = 0
        self._route()

    def dispatch(self, events: Sequence[MarketEvent], read_at: Nanos) -> None:
        """Give a batch of records, read from the ring at `read_at`, to whom they concern.

        Its records count in the histogram as its oldest, which has waited longest.
        """
        self._read_at = read_at
        if self._is_measured and events:
            self._record(Stage.PUBLISHED_TO_READ, read_at - events[0].published_at, len(events))
        for event in events:
            if isinstance(event, Quote):
                self._give_quote(event)
            elif isinstance(event, TradeTick):
                self._call(self._on_trade.get(event.instrument_id, ()), event)
            elif isinstance(event, Bar):
                self._call(self._on_bar.get(event.instrument_id, ()), event)
            else:
                self._spread(self._on_gap, event)
        self._board.add(Counter.CALLBACKS, self._callbacks)
        self._callbacks = 0

    def prime(self, quotes: Iterable[Quote], read_at: Nanos) -> None:
        """Give the latest quotes to a worker that starts or has lost records.

        They may have been published long ago, so they are no measure of the ring.
        """
        self._read_at = read_at
        for quote in quotes:
            self._give_quote(quote)

    def dispatch_depth(self, depth: Depth, read_at: Nanos) -> None:
        """Give one state of a book to whom it concerns."""
        self._read_at = read_at
        self._call(self._on_depth.get(depth.instrument_id, ()), depth)

    def dispatch_report(self, report: OrderReport, read_at: Nanos) -> bool:
        """Give one report to its strategy, paused or not; False if it lives elsewhere."""
        self._read_at = read_at
        token = strategy_token(report.strategy_number)
        strategy = self._strategies.get(token)
        if strategy is None:
            return False
        self._call(((token, strategy.receive_report),), report)
        return True

    def announce_skipped(self, gap: MarketGap, read_at: Nanos) -> None:
        """Tell the strategies that asked for every tick that quotes were skipped."""
        self._read_at = read_at
        self._spread(self._on_skip, gap)

    def pause(self, strategy_id: str) -> bool:
        """Stop calling a strategy, but for reports; False if it does not live here."""
        token = self._token_of(strategy_id)
        if token is not None:
            self._silence(token)
        return token is not None

    def resume(self, strategy_id: str) -> bool:
        """Call a strategy again, whyever it was not called; False if it does not live here."""
        token = self._token_of(strategy_id)
        if token is not None:
            self._faults[token] = FaultRecord()
            self._silent.discard(token)
            self._route()
        return token is not None

    @property
    def running(self) -> int:
        """How many strategies are called."""
        return len(self._strategies) - len(self._silent)

    def depth_instruments(self) -> Iterable[int]:
        """Return the instruments whose book some strategy wants to see."""
        return self._on_depth.keys()

    def take_incidents(self) -> list[Incident]:
        """Return what went wrong since the last time."""
        incidents = list(self._incidents)
        self._incidents.clear()
        return incidents

    def costs(self) -> dict[str, float]:
        """Return each strategy's mean callback time in seconds, as far as it was sampled."""
        return {
            one.spec.strategy_id: self._sampled_seconds[token] / self._sampled_calls[token]
            for token, one in self._strategies.items()
            if self._sampled_calls[token]
        }

    def _give_quote(self, quote: Quote) -> None:
        for market in self._markets.get(quote.instrument_id, ()):
            market.update(quote)
        self._call(self._on_quote.get(quote.instrument_id, ()), quote)

    def _call(self, route: Route[E], event: E) -> None:
        """Call everyone on a route. This loop is the worker's cost: see the module's docstring."""
        word = self._board.enter_fan_out(self._read_at)
        stopwatch = self._stopwatch
        before = stopwatch()
        deadline = before + _SLOW_S
        self._records_to_sample -= 1
        if self._records_to_sample <= 0:
            deadline = self._switch_sampling(deadline)
        for word[0], callback in route:
            try:
                signals = callback(event)
            except (Exception, SystemExit) as error:  # the call site of foreign code
                signals = None
                self._blame(word[0], error)
            after = stopwatch()
            if after > deadline:
                deadline = self._time(word[0], before, after)
            before = after
            if signals is not None:
                self._outlet(self._strategies[word[0]], signals)
                before = stopwatch()
        word[0] = 0
        self._callbacks += len(route)

    def _switch_sampling(self, deadline: float) -> float:
        """Sample this record, or stop, since the last one was; return this record's deadline."""
        self._is_sampling = self._records_to_sample == 0
        if self._is_sampling:
            return _SAMPLING
        self._records_to_sample = CALLBACK_SAMPLE_PERIOD - 1
        return deadline

    def _time(self, token: Token, before: float, after: float) -> float:
        """Count one callback, which is slow, sampled, or the last straw; return the next deadline.

        No callback of `CALLBACK_SLOW` escapes: it ends after a deadline that was set before it.
        """
        took = after - before
        if self._is_sampling:
            self._sampled_seconds[token] += took
            self._sampled_calls[token] += 1
        nanos = int(took * NANOS_PER_SECOND)
        if nanos >= CALLBACK_SLOW:
            if self._is_measured:
                self._record(Stage.CALLBACK, nanos)
            if nanos >= CALLBACK_BUDGET:
                self._board.add(Counter.CALLBACKS_OVER_BUDGET)
                self._incidents.append(OverBudget(self._strategies[token].spec.strategy_id, nanos))
        elif self._is_sampling:
            self._record(Stage.CALLBACK, nanos, CALLBACK_SAMPLE_PERIOD)
        return _SAMPLING if self._is_sampling else after + _SLOW_S

    def _blame(self, token: Token, error: BaseException) -> None:
        self._board.add(Counter.CALLBACKS_RAISED)
        is_too_much = self._faults[token].add(self._read_at) and token not in self._silent
        if is_too_much:
            self._board.add(Counter.STRATEGIES_QUARANTINED)
            self._silence(token)
        strategy_id = self._strategies[token].spec.strategy_id
        self._incidents.append(Raised(strategy_id, error, is_too_much))

    def _spread(self, routes: Routes[MarketGap], gap: MarketGap) -> None:
        concerned = (
            routes.values()
            if gap.instrument_id == ALL_INSTRUMENTS
            else [routes.get(gap.instrument_id, ())]
        )
        for route in list(concerned):
            self._call(route, gap)

    def _silence(self, token: Token) -> None:
        self._silent.add(token)
        self._route()

    def _token_of(self, strategy_id: str) -> Token | None:
        for token, strategy in self._strategies.items():
            if strategy.spec.strategy_id == strategy_id:
                return token
        return None

    def _route(self) -> None:
        """Work out who is called for what. Routes in use are left as they are."""
        self._on_quote = self._routes(lambda one: one.on_quote, lambda wants: wants.quotes)
        self._on_trade = self._routes(lambda one: one.on_trade, lambda wants: wants.trades)
        self._on_bar = self._routes(lambda one: one.on_bar, lambda wants: wants.bars)
        self._on_depth = self._routes(lambda one: one.on_depth, lambda wants: wants.depth)
        self._on_gap = self._routes(lambda one: one.on_gap, lambda _wants: True)
        self._on_skip = self._routes(lambda one: one.on_gap, lambda wants: wants.every_tick)

    def _routes(
        self,
        callback: Callable[[BaseStrategy], Callable[[E], Signals]],
        is_wanted: Callable[[Subscriptions], bool],
    ) -> Routes[E]:
        routes: Routes[E] = {}
        for token, strategy in self._strategies.items():
            if token not in self._silent and is_wanted(strategy.subscriptions):
                instrument_id = strategy.instrument.instrument_id
                step = ((token, callback(strategy)),)
                routes[instrument_id] = routes.get(instrument_id, ()) + step
        return routes
