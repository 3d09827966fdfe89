"""Signals carry who wished what, in which order, and because of which event."""

import pytest

from genesis.domain.orders import OrderType, Side, SignalAction, TimeInForce
from genesis.strategies.signals import SignalBuilder, Trail
from genesis.units import NANOS_PER_SECOND
from tests.support.builders import NOW, PRICE, quote

SECOND = NANOS_PER_SECOND


def builder() -> SignalBuilder:
    """Return the builder of strategy 7 in epoch 5, triggered by one quote."""
    made = SignalBuilder(7, 5, 3)
    made.trigger = quote(received_at=NOW)
    return made


def test_a_signal_names_its_strategy_epoch_and_sequence() -> None:
    """The three together name a signal for ever: sequences count from 1 and never repeat."""
    signals = builder()
    first = signals.enter(0.5, valid_for=SECOND)
    second = signals.exit(valid_for=SECOND)

    assert (first.strategy_number, first.epoch, first.sequence) == (7, 5, 1)
    assert (second.strategy_number, second.epoch, second.sequence) == (7, 5, 2)
    assert first.instrument_id == 3


def test_a_signal_keeps_the_trail_of_its_trigger() -> None:
    """Expiry counts from when the causing event was received; the worker adds its own times."""
    signals = SignalBuilder(7, 5, 0)
    signals.trigger = Trail(event_at=11, received_at=NOW, sequence=99)
    signal = signals.enter(0.5, valid_for=2 * SECOND)

    assert (signal.event_at, signal.received_at, signal.market_sequence) == (11, NOW, 99)
    assert signal.expires_at == NOW + 2 * SECOND
    assert (signal.read_at, signal.published_at) == (0, 0)
    assert signals.now == NOW


def test_entries_buy_and_exits_sell() -> None:
    """A spot account has no shorts: there is no way to build an entry that sells."""
    entry = builder().enter(0.5, valid_for=SECOND)
    leaving = builder().exit(valid_for=SECOND)

    assert (entry.side, entry.action) == (Side.BUY, SignalAction.ENTER)
    assert (leaving.side, leaving.action, leaving.confidence) == (
        Side.SELL,
        SignalAction.EXIT,
        1.0,
    )


def test_a_price_makes_a_limit_order() -> None:
    """Without a limit price the wish is for a market order."""
    limit = builder().enter(0.5, valid_for=SECOND, limit_price=PRICE, time_in_force=TimeInForce.IOC)

    assert (limit.order_type, limit.time_in_force) == (OrderType.LIMIT, TimeInForce.IOC)
    assert builder().enter(0.5, valid_for=SECOND).order_type is OrderType.MARKET


@pytest.mark.parametrize("confidence", [0.0, -0.1, 1.01])
def test_confidence_is_a_share(confidence: float) -> None:
    """A confidence outside (0, 1] is a bug of the strategy, and ends its callback."""
    with pytest.raises(AssertionError):
        builder().enter(confidence, valid_for=SECOND)


def test_a_signal_is_valid_for_some_time() -> None:
    """A signal that is born expired is a bug of the strategy."""
    with pytest.raises(AssertionError):
        builder().exit(valid_for=0)


def test_a_post_only_wish_waits_at_its_price() -> None:
    """It has a price and no time in force of its own; else it is a bug of the strategy."""
    entry = builder().enter(0.5, valid_for=SECOND, limit_price=PRICE, is_post_only=True)
    leaving = builder().exit(valid_for=SECOND, limit_price=PRICE, is_post_only=True)
    assert {entry.order_type, leaving.order_type} == {OrderType.LIMIT_MAKER}
    with pytest.raises(AssertionError):
        builder().enter(0.5, valid_for=SECOND, is_post_only=True)
    with pytest.raises(AssertionError):
        builder().exit(
            valid_for=SECOND, limit_price=PRICE, time_in_force=TimeInForce.IOC, is_post_only=True
        )
