"""How a strategy's wishes become signals: numbered, dated, traced to the event that caused them."""

from typing import Protocol

import msgspec

from genesis.domain.orders import OrderType, Side, Signal, SignalAction, TimeInForce
from genesis.units import Nanos, Price, Quantity


class Trigger(Protocol):
    """What a signal keeps of the event that caused it; every ring record of the market has it."""

    @property
    def event_at(self) -> Nanos:
        """When the venue made it, on the venue's clock; 0 where it does not say."""
        ...

    @property
    def received_at(self) -> Nanos:
        """When it left the socket. This is the time that strategies live in."""
        ...

    @property
    def sequence(self) -> int:
        """Its place in the market ring."""
        ...


class Trail(msgspec.Struct, frozen=True, array_like=True):
    """A trigger by itself, as snapshots keep it."""

    event_at: Nanos = 0
    received_at: Nanos = 0
    sequence: int = 0


class SignalBuilder:
    """Makes the signals of one strategy in one epoch.

    Each gets the next sequence, also if it is never published: numbers may have holes, but none is
    used twice. `read_at` and `published_at` stay 0; the worker, which has a clock, sets them.
    """

    __slots__ = ("_instrument_id", "_number", "epoch", "sequence", "trigger")

    def __init__(self, strategy_number: int, epoch: int, instrument_id: int) -> None:
        self._number = strategy_number
        self._instrument_id = instrument_id
        self.epoch = epoch
        self.sequence = 0
        self.trigger: Trigger = Trail()

    @property
    def now(self) -> Nanos:
        """Event time: when the latest market event of this strategy was received."""
        return self.trigger.received_at

    @property
    def trail(self) -> Trail:
        """The latest market event, reduced to what signals keep of it."""
        trigger = self.trigger
        return Trail(trigger.event_at, trigger.received_at, trigger.sequence)

    def enter(
        self,
        confidence: float,
        *,
        valid_for: Nanos,
        limit_price: Price = 0,
        time_in_force: TimeInForce = TimeInForce.GTC,
        is_post_only: bool = False,
        stop_price: Price = 0,
        target_price: Price = 0,
        quantity: Quantity = 0,
    ) -> Signal:
        """Wish to buy: at `limit_price` or better, or at the market if it is 0.

        What has not filled by the end of `valid_for` is canceled. `is_post_only`: only as a maker;
        the venue rejects an order that would take. `quantity` 0 leaves the size to the executor.
        `confidence` is in (0, 1].
        """
        assert 0.0 < confidence <= 1.0, "a confidence is a share of certainty"
        return self._signal(
            Side.BUY,
            SignalAction.ENTER,
            confidence,
            valid_for,
            limit_price=limit_price,
            time_in_force=time_in_force,
            is_post_only=is_post_only,
            stop_price=stop_price,
            target_price=target_price,
            quantity=quantity,
        )

    def exit(
        self,
        *,
        valid_for: Nanos,
        limit_price: Price = 0,
        time_in_force: TimeInForce = TimeInForce.GTC,
        is_post_only: bool = False,
        quantity: Quantity = 0,
    ) -> Signal:
        """Wish to sell own lots, all (`quantity` 0) or some; a spot account has no shorts."""
        return self._signal(
            Side.SELL,
            SignalAction.EXIT,
            1.0,
            valid_for,
            limit_price=limit_price,
            time_in_force=time_in_force,
            is_post_only=is_post_only,
            quantity=quantity,
        )

    def _signal(
        self,
        side: Side,
        action: SignalAction,
        confidence: float,
        valid_for: Nanos,
        *,
        limit_price: Price,
        time_in_force: TimeInForce,
        is_post_only: bool,
        stop_price: Price = 0,
        target_price: Price = 0,
        quantity: Quantity,
    ) -> Signal:
        assert valid_for > 0, "a signal is valid for some time"
        if is_post_only:
            assert limit_price > 0, "only an order with a price can wait in the book"
            assert time_in_force is TimeInForce.GTC, "a post-only order does not act at once"
            order_type = OrderType.LIMIT_MAKER
        else:
            order_type = OrderType.LIMIT if limit_price else OrderType.MARKET
        trigger = self.trigger
        self.sequence += 1
        return Signal(
            strategy_number=self._number,
            epoch=self.epoch,
            sequence=self.sequence,
            instrument_id=self._instrument_id,
            side=side,
            action=action,
            order_type=order_type,
            time_in_force=time_in_force,
            confidence=confidence,
            limit_price=limit_price,
            stop_price=stop_price,
            target_price=target_price,
            quantity=quantity,
            expires_at=trigger.received_at + valid_for,
            market_sequence=trigger.sequence,
            event_at=trigger.event_at,
            received_at=trigger.received_at,
        )
