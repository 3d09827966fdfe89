"""What every strategy is: named, fed market events and reports, answering with signals. Pure.

A strategy is deterministic: it does no I/O, reads no clock and draws no random number. What it
knows of time is when its events were received. Given the same events and reports it returns the
same signals, byte for byte, also when it was restored from a snapshot half way.

A kind is a subclass that sets `kind`, `parameters_type` and (if it remembers something)
`state_type`, takes its indicators in `bind`, and overrides the `on_...` of what it subscribes to::

    class Dip(BaseStrategy):
        kind = "dip"
        parameters_type = DipParameters
        parameters: DipParameters

        def bind(self, indicators: IndicatorRequests) -> None:
            self.average = indicators.ema(self.parameters.period)

        def on_quote(self, quote: Quote) -> list[Signal] | None:
            self.signals.trigger = quote
            if self.average.ready and self.market.ask < self.average.value * 0.999:
                return [self.signals.enter(0.5, valid_for=NANOS_PER_SECOND)]
            return None
"""

from collections.abc import Sequence
from typing import ClassVar, Final, TypeAlias

import msgspec

from genesis.analytics.market_indicators import (
    IndicatorPool,
    IndicatorRequests,
    IndicatorStates,
    MarketIndicators,
)
from genesis.domain.instruments import Instrument
from genesis.domain.market import Bar, Depth, MarketGap, Quote, TradeTick
from genesis.domain.orders import OrderReport, Signal
from genesis.errors import SnapshotMismatch
from genesis.strategies.signals import SignalBuilder, Trail
from genesis.units import Quantity

SNAPSHOT_VERSION: Final = 1

ParameterValue: TypeAlias = float | int | str
Signals: TypeAlias = Sequence[Signal] | None
"""What a callback returns: its wishes, or None for none."""


class StrategySpec(msgspec.Struct, frozen=True):
    """One strategy instance of the roster.

    `number` is its permanent number, kept in the state directory; records, signals and client
    order ids carry it.
    """

    strategy_id: str
    number: int
    kind: str
    symbol: str
    parameters: dict[str, ParameterValue]


class StrategyParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a kind, each with a default that trades, and its bounds in its type."""


class StrategyState(msgspec.Struct, kw_only=True):
    """What a strategy remembers besides its indicators: plain values, so that JSON carries them.

    `position` is what the strategy itself holds, as the executor last reported it.
    """

    position: Quantity = 0
    report_sequence: int = 0


class Subscriptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy is called for.

    A worker that has fallen behind skips to the newest quote. A strategy that sets `every_tick`
    is told by `on_gap` that quotes were skipped; the others need not know. Trades and bars are
    never skipped without a gap.
    """

    quotes: bool = True
    trades: bool = False
    bars: bool = False
    depth: bool = False
    every_tick: bool = False


class StrategyContext(msgspec.Struct, frozen=True):
    """What a strategy gets from the worker it lives in."""

    epoch: int
    indicators: IndicatorPool


class StrategySnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a strategy needs to go on elsewhere; JSON carries it without loss."""

    version: int
    strategy_id: str
    kind: str
    parameters: dict[str, ParameterValue]
    epoch: int
    signal_sequence: int
    trail: Trail
    state: dict[str, float | int | str | bool | None]
    indicators: IndicatorStates


class BaseStrategy:
    """One strategy instance on one instrument.

    `signals` makes its signals; keep `signals.trigger` at the latest event, since that is what
    time and latency are counted from. `market` has the latest prices as floats.
    """

    kind: ClassVar[str]
    parameters_type: ClassVar[type[StrategyParameters]] = StrategyParameters
    state_type: ClassVar[type[StrategyState]] = StrategyState
    subscriptions: ClassVar[Subscriptions] = Subscriptions()

    parameters: StrategyParameters
    state: StrategyState
    market: MarketIndicators

    def __init__(
        self, spec: StrategySpec, instrument: Instrument, context: StrategyContext
    ) -> None:
        """Make a strategy that has seen nothing.

        Raises:
            msgspec.ValidationError: A parameter is unknown, of another type or out of bounds.
        """
        assert spec.kind == self.kind, "the loader picks the class by its kind"
        assert spec.symbol == instrument.symbol
        self.spec = spec
        self.instrument = instrument
        self.parameters = msgspec.convert(spec.parameters, self.parameters_type)
        self.state = self.state_type()
        self.signals = SignalBuilder(spec.number, context.epoch, instrument.instrument_id)
        self._pool = context.indicators
        self._attach(context.indicators.market(instrument.instrument_id))

    def bind(self, indicators: IndicatorRequests) -> None:
        """Take the indicators this strategy reads. Called at the start and again by `restore`."""

    def on_quote(self, quote: Quote) -> Signals:
        """Act on a new best bid and ask."""
        self.signals.trigger = quote
        return None

    def on_trade(self, tick: TradeTick) -> Signals:
        """Act on a public trade."""
        self.signals.trigger = tick
        return None

    def on_bar(self, bar: Bar) -> Signals:
        """Act on a closed bar."""
        self.signals.trigger = bar
        return None

    def on_depth(self, depth: Depth) -> Signals:
        """Act on a new state of the book. It is no ring event: time stays the latest quote's."""
        del depth
        return None

    def on_gap(self, gap: MarketGap) -> Signals:
        """Act on missing events. Prices and indicators are those of what did come."""
        self.signals.trigger = gap
        return None

    def on_report(self, report: OrderReport) -> Signals:
        """Act on news of an own order or position; `state.position` is already up to date."""
        del report
        return None

    def on_ring_full(self, signal: Signal) -> None:
        """Learn that a signal was not published: the executor is a whole ring behind."""
        del signal

    def receive_report(self, report: OrderReport) -> Signals:
        """Take one report of the executor, in the order of its ring.

        The executor alone knows what this strategy holds, so its word replaces ours, whatever kind
        of report brings it, and however often it is repeated.
        """
        self.state.position = report.position
        self.state.report_sequence = report.report_sequence
        return self.on_report(report)

    def snapshot(self) -> StrategySnapshot:
        """Return everything this strategy needs to go on elsewhere."""
        return StrategySnapshot(
            version=SNAPSHOT_VERSION,
            strategy_id=self.spec.strategy_id,
            kind=self.kind,
            parameters=self.spec.parameters,
            epoch=self.signals.epoch,
            signal_sequence=self.signals.sequence,
            trail=self.signals.trail,
            state=msgspec.to_builtins(self.state),
            indicators=self._requests.snapshot(),
        )

    def restore(self, snapshot: StrategySnapshot) -> None:
        """Go on from a snapshot. Call it before the first event.

        In the epoch of the snapshot signals are numbered on; in a new one they begin at 1.

        Raises:
            SnapshotMismatch: The snapshot is of another version, strategy or set of parameters.
        """
        for what, theirs, ours in (
            ("version", snapshot.version, SNAPSHOT_VERSION),
            ("strategy", snapshot.strategy_id, self.spec.strategy_id),
            ("kind", snapshot.kind, self.kind),
            ("parameters", snapshot.parameters, self.spec.parameters),
        ):
            if theirs != ours:
                raise SnapshotMismatch(f"the snapshot's {what} is {theirs!r}, not {ours!r}")
        try:
            self.state = msgspec.convert(snapshot.state, self.state_type)
            market = self._pool.adopt(self.instrument.instrument_id, snapshot.indicators)
        except ValueError as error:
            raise SnapshotMismatch(f"the snapshot of {self.spec.strategy_id}: {error}") from error
        self.signals.trigger = snapshot.trail
        if snapshot.epoch == self.signals.epoch:
            self.signals.sequence = snapshot.signal_sequence
        self._attach(market)

    def _attach(self, market: MarketIndicators) -> None:
        self.market = market
        self._requests = IndicatorRequests(market)
        self.bind(self._requests)
