"""Strategies that buy, hold for a while and sell all again: the part that all kinds share. Pure.

A kind only says, when there is something new, how convinced it is (`conviction`). Here lives the
rest: one order at a time, stop and target, the longest time to hold, rest after each trade, and
giving up on an order whose fate is never told.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Final

import msgspec

from genesis.domain.market import Quote
from genesis.domain.orders import OrderReport, ReportKind, Signal, TimeInForce
from genesis.limits import (
    EXIT_RETRY_DELAY,
    EXIT_RETRY_DOUBLINGS,
    PENDING_SIGNAL_MAX,
    SIGNAL_SPACING_MIN,
)
from genesis.strategies.base import BaseStrategy, Signals, StrategyParameters, StrategyState
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, SCALE, Nanos, Price

BPS: Final = 10_000

_ENDED: Final = frozenset(
    {
        ReportKind.REFUSED,
        ReportKind.REJECTED,
        ReportKind.CANCELED,
        ReportKind.EXPIRED,
        ReportKind.NOT_EXECUTED,
    }
)


class RoundTripParameters(StrategyParameters, frozen=True, kw_only=True):
    """Parameters of every kind that trades round trips. `bps` are hundredths of a percent."""

    cooldown_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 20.0
    """Rest after a position is closed, or an entry came to nothing, s."""
    hold_max_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 60.0
    """A position this old is closed whatever it is worth, s."""
    stop_bps: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 40
    """Close when the bid is this far below the entry price."""
    target_bps: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 60
    """Close when the bid is this far above the entry price."""
    slip_bps: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5
    """An entry may pay this much more than the ask it was decided on."""
    spread_max_bps: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 10.0
    """No entry while the spread is wider."""
    signal_ttl_ms: Annotated[int, msgspec.Meta(ge=10, le=60_000)] = 1_000
    """A signal not acted upon within this is void, ms."""


class RoundTripState(StrategyState, kw_only=True):
    """Where a strategy stands in its round trip. `pending` names the signal whose end is awaited.

    Prices and `opened_at` are 0 while no position is held; `news_seen` counts what `conviction` has
    been asked about.
    """

    is_holding: bool = False
    stop_price: Price = 0
    target_price: Price = 0
    opened_at: Nanos = 0
    pending_epoch: int = 0
    pending_sequence: int = 0
    pending_is_exit: bool = False
    pending_until: Nanos = 0
    quiet_until: Nanos = 0
    exits_failed: int = 0
    news_seen: int = 0


class RoundTripStrategy(BaseStrategy, ABC):
    """A strategy that is either flat or holds one position, long only."""

    state_type = RoundTripState
    parameters: RoundTripParameters
    state: RoundTripState

    @property
    @abstractmethod
    def news(self) -> int:
        """A count that rises when `conviction` may have something new to say."""

    @abstractmethod
    def conviction(self) -> float:
        """Say how much the market speaks for a position now: above 0 for one, below 0 against.

        Asked once for each rise of `news`, whether there is a position or not. The size above 0 is
        the confidence of an entry, at most 1.
        """

    def on_quote(self, quote: Quote) -> Signals:
        """Close a position that has reached an end; open or close one when there is news."""
        self.signals.trigger = quote
        conviction = 0.0
        if self.news != self.state.news_seen:
            self.state.news_seen = self.news
            conviction = self.conviction()
        if conviction <= 0.0 and not self.state.is_holding:
            return None
        return self.act(conviction, quote.bid_price, quote.ask_price)

    def act(self, conviction: float, bid: Price, ask: Price) -> Signals:
        """Return the signal that a conviction calls for at these prices, unless one is pending."""
        state = self.state
        now = self.signals.now
        if state.pending_sequence:
            if now < state.pending_until:
                return None
            self._end_pending()
        if now < state.quiet_until:
            return None
        if state.is_holding:
            return [self._exit(now)] if self._is_over(conviction, bid, now) else None
        if conviction > 0.0 and self.market.spread_bps <= self.parameters.spread_max_bps:
            return [self._enter(min(conviction, 1.0), ask, now)]
        return None

    def on_report(self, report: OrderReport) -> Signals:
        """Follow what became of the pending signal, and what is held now."""
        state = self.state
        was_holding = state.is_holding
        state.is_holding = self._is_sellable(report)
        if state.is_holding and not was_holding:
            self._begin_position(report)
        elif was_holding and not state.is_holding:
            self._forget_position()
        if state.pending_sequence and (state.pending_epoch, state.pending_sequence) == (
            report.epoch,
            report.signal_sequence,
        ):
            self._follow_pending(report)
        return None

    def on_ring_full(self, signal: Signal) -> None:
        """Try again a moment later: nothing of the signal has left this worker."""
        del signal
        self._forget_pending()

    def _follow_pending(self, report: OrderReport) -> None:
        """Note one report of the pending signal.

        Our orders fill at once or not at all, so what is not told of within the spacing of signals
        after a fill does not come: a report does not say whether a fill was an order's last.
        """
        state = self.state
        if report.kind in _ENDED or (state.pending_is_exit and not state.is_holding):
            self._end_pending()
        elif report.kind is ReportKind.FILLED:
            settled_at = self.signals.now + SIGNAL_SPACING_MIN
            state.pending_until = min(state.pending_until, settled_at)

    def _end_pending(self) -> None:
        state = self.state
        now = self.signals.now
        if not state.is_holding:
            state.quiet_until = now + self._cooldown
        elif state.pending_is_exit:
            delay = EXIT_RETRY_DELAY << min(state.exits_failed, EXIT_RETRY_DOUBLINGS)
            state.quiet_until = now + delay
            state.exits_failed += 1
        self._forget_pending()

    def _forget_pending(self) -> None:
        self.state.pending_epoch = 0
        self.state.pending_sequence = 0
        self.state.pending_until = 0

    def _is_sellable(self, report: OrderReport) -> bool:
        """Tell whether the position is large enough for the venue; what is not, counts as flat."""
        if report.position < self.instrument.min_quantity or report.position <= 0:
            return False
        price = report.price or round(self.market.bid * SCALE)
        return price == 0 or self.instrument.is_sellable(price, report.position)

    def _begin_position(self, report: OrderReport) -> None:
        """Note when and at what price a position came to be.

        A restarted worker learns of a position without its price; stop and target are then counted
        from the first price it sees.
        """
        self.state.opened_at = report.at
        self.state.exits_failed = 0
        if report.kind is ReportKind.FILLED:
            self._protect(report.price)

    def _forget_position(self) -> None:
        state = self.state
        state.stop_price = state.target_price = 0
        state.opened_at = 0
        state.quiet_until = self.signals.now + self._cooldown

    def _protect(self, price: Price) -> None:
        self.state.stop_price = self._stop_of(price)
        self.state.target_price = self._target_of(price)

    def _is_over(self, conviction: float, bid: Price, now: Nanos) -> bool:
        state = self.state
        if state.stop_price == 0:
            self._protect(bid)
        held = now - state.opened_at
        return (
            conviction < 0.0
            or bid <= state.stop_price
            or bid >= state.target_price
            or held >= self.parameters.hold_max_s * NANOS_PER_SECOND
        )

    def _enter(self, confidence: float, ask: Price, now: Nanos) -> Signal:
        limit_price = self.instrument.floor_price(ask + ask * self.parameters.slip_bps // BPS)
        signal = self.signals.enter(
            confidence,
            valid_for=self._ttl,
            limit_price=limit_price,
            time_in_force=TimeInForce.IOC,
            stop_price=self._stop_of(ask),
            target_price=self._target_of(ask),
        )
        self._await(signal, now)
        self.state.pending_is_exit = False
        return signal

    def _exit(self, now: Nanos) -> Signal:
        signal = self.signals.exit(valid_for=self._ttl)
        self._await(signal, now)
        self.state.pending_is_exit = True
        return signal

    def _await(self, signal: Signal, now: Nanos) -> None:
        state = self.state
        state.pending_epoch = signal.epoch
        state.pending_sequence = signal.sequence
        state.pending_until = now + PENDING_SIGNAL_MAX
        state.quiet_until = now + SIGNAL_SPACING_MIN

    def _stop_of(self, price: Price) -> Price:
        return self.instrument.floor_price(price - price * self.parameters.stop_bps // BPS)

    def _target_of(self, price: Price) -> Price:
        return self.instrument.ceil_price(price + price * self.parameters.target_bps // BPS)

    @property
    def _cooldown(self) -> Nanos:
        return round(self.parameters.cooldown_s * NANOS_PER_SECOND)

    @property
    def _ttl(self) -> Nanos:
        return self.parameters.signal_ttl_ms * NANOS_PER_MS
