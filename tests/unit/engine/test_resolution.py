"""`genesis.engine.resolution`: when an order in doubt is asked about."""

import pytest

from genesis.domain.orders import OrderState
from genesis.engine.bookkeeping import Bookkeeper
from genesis.engine.entries import OrderMoved, OrderPrepared, SignalId
from genesis.engine.ledger import Ledger
from genesis.engine.order import Order
from genesis.engine.reconciliation import TradeCursor
from genesis.engine.resolution import Resolver
from genesis.engine.teller import Teller
from genesis.engine.timers import Timers
from genesis.limits import QUERY_DELAYS
from genesis.units import NANOS_PER_MS
from tests.support.builders import NOW, catalogue, intent

NAME = "G00-7-1-1-10"
SIGNED_MS = NOW // NANOS_PER_MS
WINDOW_MS = 2_000
MARGIN_MS = 10_000
FENCE_MS = SIGNED_MS + WINDOW_MS + MARGIN_MS


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def resolver(timers: Timers) -> Resolver:
    ledger = Ledger()
    teller = Teller(ledger=ledger, catalogue=catalogue(), strategies={}, epoch=1)
    return Resolver(
        timers, Bookkeeper(ledger, teller, TradeCursor(ledger), lambda *_: None), MARGIN_MS
    )


@pytest.fixture
def order() -> Order:
    """Return an order in doubt."""
    ledger = Ledger()
    ledger.apply(
        OrderPrepared(
            signal=SignalId(7, 1, 1),
            attempt=1,
            intent=intent(NAME),
            base_asset="BTC",
            quote_asset="USDT",
            timestamp_ms=SIGNED_MS,
            receive_window_ms=WINDOW_MS,
            signal_at=NOW,
            at=NOW,
        )
    )
    ledger.apply(OrderMoved(NAME, OrderState.OUTCOME_UNKNOWN, 0, 0, "", NOW))
    found = ledger.find_order(NAME)
    assert found is not None
    return found


def test_questions_are_put_ever_more_rarely(
    resolver: Resolver, order: Order, timers: Timers
) -> None:
    """Each that settles nothing makes the next wait longer, up to the longest."""
    now = NOW
    for delay in (*QUERY_DELAYS, QUERY_DELAYS[-1]):
        resolver.look_again(order, SIGNED_MS, now)
        assert timers.next_deadline == now + delay
        now += delay
        timers.due(now)


def test_the_first_question_behind_the_fence_is_put_at_once(
    resolver: Resolver, order: Order, timers: Timers
) -> None:
    """No wait reaches beyond the fence: the answer behind it is the one that decides."""
    for _ in QUERY_DELAYS:
        resolver.look_again(order, SIGNED_MS, NOW)
        timers.due(NOW + QUERY_DELAYS[-1])

    resolver.look_again(order, FENCE_MS - 30, NOW)

    assert timers.next_deadline == NOW + 31 * NANOS_PER_MS
    assert resolver.is_behind_fence(order, FENCE_MS - 30 + 31)


@pytest.mark.parametrize("venue_ms", [0, FENCE_MS + 1])
def test_a_fence_that_is_passed_or_not_known_hurries_nothing(
    resolver: Resolver, order: Order, timers: Timers, venue_ms: int
) -> None:
    """Behind it, and while the venue does not tell the time, waits grow as ever."""
    resolver.look_again(order, venue_ms, NOW)

    assert timers.next_deadline == NOW + QUERY_DELAYS[0]
