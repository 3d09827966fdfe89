"""Strategies that can tell a wish fulfilled twice from one fulfilled once.

Each wants a number of lots exactly, asks for what is missing, and knows what it holds only from the
executor's reports. It never asks while an answer is due. Then it wants the next number of its list.
"""

import random
from collections.abc import Callable
from typing import Final

from genesis.domain.instruments import Instrument
from genesis.domain.orders import (
    OrderReport,
    OrderType,
    ReportKind,
    Side,
    Signal,
    SignalAction,
    TimeInForce,
)
from genesis.limits import PENDING_SIGNAL_MAX, SIGNAL_SPACING_MIN
from genesis.strategies.base import StrategySpec
from genesis.units import Nanos, Price, Quantity, notional
from scripts.simulation.faults import SECOND, happens

_ENDED: Final = frozenset(ReportKind) - {
    ReportKind.ACCEPTED,
    ReportKind.FILLED,
    ReportKind.POSITION,
}
GOALS_MAX: Final = 8
_VALID_FOR: Final = (1 * SECOND, 5 * SECOND, 15 * SECOND)


class WishfulStrategy:
    """One strategy, in the lives of its worker."""

    def __init__(
        self,
        *,
        spec: StrategySpec,
        instrument: Instrument,
        price: Price,
        goals: list[Quantity],
        chance: random.Random,
        publish: Callable[[Signal], None],
    ) -> None:
        self.spec = spec
        self.goals = goals
        self.highest_goal = max(goals)
        self.position: Quantity = 0
        self.instrument = instrument
        self._price = price
        self._chance = chance
        self._publish = publish
        self._epoch = 0
        self._sequence = 0
        self._pending_until: Nanos = 0
        self._quiet_until: Nanos = 0

    @property
    def is_content(self) -> bool:
        """Tell whether the last goal is reached, as far as the strategy knows."""
        return len(self.goals) == 1 and self._is_near(self.goals[0] - self.position)

    def restart(self, epoch: int) -> None:
        """Begin a new life of the worker: it knows nothing of its position, nor of its wishes."""
        self._epoch = epoch
        self._sequence = 0
        self._pending_until = 0
        self.position = 0

    def on_report(self, report: OrderReport, now: Nanos) -> None:
        """Learn what is held, and whether the last wish has ended."""
        self.position = report.position
        if (report.epoch, report.signal_sequence) != (self._epoch, self._sequence):
            return
        if report.kind in _ENDED:
            self._pending_until = 0
        elif report.kind is ReportKind.FILLED:
            self._pending_until = min(self._pending_until, now + SIGNAL_SPACING_MIN)

    def act(self, now: Nanos) -> None:
        """Wish for what is missing, if nothing is pending."""
        if now < max(self._pending_until, self._quiet_until):
            return
        while len(self.goals) > 1 and self._is_near(self.goals[0] - self.position):
            del self.goals[0]
        missing = self.goals[0] - self.position
        if self._is_near(missing):
            return
        self._sequence += 1
        self._pending_until = now + PENDING_SIGNAL_MAX
        self._quiet_until = now + SIGNAL_SPACING_MIN
        self._publish(self._signal(missing, now))

    def _is_near(self, missing: Quantity) -> bool:
        """Tell whether what is missing is too little to trade, as after fees in the base asset."""
        quantity = self.instrument.floor_quantity(abs(missing))
        return not self.instrument.is_sellable(self._price * 99 // 100, quantity)

    def _protection(self) -> tuple[Price, Price]:
        """Name a stop, a target, both or neither."""
        stop = self._price * 97 // 100 if happens(self._chance, 0.5) else 0
        target = self._price * 103 // 100 if happens(self._chance, 0.7) else 0
        return stop, target

    def _signal(self, missing: Quantity, now: Nanos) -> Signal:
        side = Side.BUY if missing > 0 else Side.SELL
        stop, target = self._protection() if side is Side.BUY else (0, 0)
        is_limit = happens(self._chance, 0.4)
        return Signal(
            strategy_number=self.spec.number,
            epoch=self._epoch,
            sequence=self._sequence,
            instrument_id=self.instrument.instrument_id,
            side=side,
            action=SignalAction.ENTER if side is Side.BUY else SignalAction.EXIT,
            order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
            time_in_force=self._chance.choice([TimeInForce.GTC, TimeInForce.IOC]),
            confidence=0.5,
            limit_price=self._price if is_limit else 0,
            stop_price=stop,
            target_price=target,
            quantity=self.instrument.floor_quantity(abs(missing)),
            position=self.position,
            expires_at=now + self._chance.choice(_VALID_FOR),
            received_at=now,
            read_at=now,
            published_at=now,
        )


def goals_of(chance: random.Random, instrument: Instrument, price: Price) -> list[Quantity]:
    """Return what a strategy will want, in turn: buys, then sells, and perhaps buys again.

    Every goal is far enough from the last one to be traded even when half of it fills.
    """
    unit = instrument.step_size
    while notional(price, unit) < 100 * instrument.min_notional // 5:
        unit += instrument.step_size
    goals = [unit * chance.randrange(2, 6)]
    while len(goals) < GOALS_MAX and happens(chance, 0.75):
        goals.append(0 if goals[-1] else unit * chance.randrange(2, 6))
    return goals
