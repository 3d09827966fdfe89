"""The event bus: who hears what, in which order, and what happens to who is slow."""

import asyncio
from collections import Counter as Tally

import pytest

from genesis.domain.orders import OrderState, Refusal, RefusalRule
from genesis.engine.entries import (
    BooksAgreed,
    Entry,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    SignalId,
    SignalRefused,
    StoppedCleanly,
    TradingHalted,
    TradingResumed,
)
from genesis.engine.event_bus import EventBus
from genesis.engine.fact_counters import count_facts
from genesis.ipc.page import Counter
from tests.support.builders import NOW, fill, intent


def test_subscribers_hear_their_kind_at_once_and_in_their_order() -> None:
    """Whoever subscribed first is told first, before `publish` returns; others hear nothing."""
    bus, heard = EventBus(), list[str]()
    bus.subscribe(TradingResumed, lambda event: heard.append(f"first {event.at}"))
    bus.subscribe(TradingHalted, lambda event: heard.append(event.reason))
    bus.subscribe(TradingResumed, lambda event: heard.append(f"second {event.at}"))
    bus.publish(TradingResumed(1))
    assert heard == ["first 1", "second 1"]
    bus.publish(StoppedCleanly(2))
    bus.publish(TradingHalted("why", None, 3))
    assert heard[2:] == ["why"]


def test_what_a_subscriber_raises_reaches_the_publisher() -> None:
    """It is a bug of ours, and the bus works on for whoever looks at it."""
    bus = EventBus()

    def explode(_event: TradingResumed) -> None:
        raise ZeroDivisionError

    bus.subscribe(TradingResumed, explode)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            bus.publish(TradingResumed(1))


def test_a_subscriber_publishes_nothing() -> None:
    """News within news would reach some before the news that caused it."""
    bus = EventBus()
    bus.subscribe(TradingResumed, lambda _event: bus.publish(StoppedCleanly(1)))
    with pytest.raises(AssertionError, match="publishes nothing"):
        bus.publish(TradingResumed(1))


async def test_a_mailbox_holds_news_until_it_is_read() -> None:
    """In the order in which they came, over all the kinds that it is for."""
    bus = EventBus()
    mailbox = bus.listen(TradingResumed, StoppedCleanly)
    reading = asyncio.create_task(anext(mailbox))
    await asyncio.sleep(0)
    bus.publish(TradingResumed(1))
    assert await reading == TradingResumed(1)
    bus.publish(StoppedCleanly(2))
    bus.publish(TradingHalted("not for it", None, 3))
    bus.publish(TradingResumed(4))
    assert len(mailbox) == 2
    mailbox.close()
    assert [event async for event in mailbox] == [StoppedCleanly(2), TradingResumed(4)]
    bus.publish(TradingResumed(5))
    assert len(mailbox) == 0


async def test_a_full_mailbox_gives_up_the_oldest_and_counts_it() -> None:
    """A slow reader costs the publisher nothing, hears the latest, and knows what it missed."""
    bus = EventBus()
    mailbox = bus.listen(TradingResumed, capacity=3)
    for at in range(10):
        bus.publish(TradingResumed(at))
    mailbox.close()
    assert mailbox.missed == 7
    assert [event.at async for event in mailbox] == [7, 8, 9]


async def test_a_reader_that_waits_is_ended_by_the_close() -> None:
    """Nobody waits for news that cannot come."""
    mailbox = EventBus().listen(TradingResumed)
    reading = asyncio.create_task(anext(mailbox, None))
    await asyncio.sleep(0)
    mailbox.close()
    async with asyncio.timeout(5):
        assert await reading is None


def test_facts_are_counted_by_what_became_of_them() -> None:
    """Each durable entry adds one to the counter of its kind, or of the state it leads to."""
    bus, counted = EventBus(), Tally[Counter]()
    count_facts(bus, lambda counter: counted.update([counter]))
    name = SignalId(7, 1, 1)
    facts: list[Entry] = [
        OrderPrepared(name, 1, intent(), "BTC", "USDT", 1, 2_000, NOW, NOW),
        *(
            OrderMoved(intent().client_order_id, state, 100, 0, "", NOW)
            for state in OrderState
            for _ in range(state)
        ),
        FillBooked(fill(), NOW),
        FillBooked(fill(2), NOW),
        SignalRefused(name, "BTCUSDT", Refusal(rule=RefusalRule.FORM, limit="", observed=""), NOW),
        BooksAgreed(NOW, NOW),
        StoppedCleanly(NOW),
    ]
    for fact in facts:
        bus.publish(fact)
    assert counted == {
        Counter.ORDERS_SENT: 1,
        Counter.FILLS_APPLIED: 2,
        Counter.SIGNALS_REFUSED: 1,
        Counter.RECONCILIATIONS: 1,
        Counter.ORDERS_OUTCOME_UNKNOWN: 2,
        Counter.ORDERS_ACCEPTED: 3,
        Counter.ORDERS_FILLED: 6,
        Counter.ORDERS_CANCELED: 7,
        Counter.ORDERS_REJECTED: 8,
        Counter.ORDERS_EXPIRED: 9,
        Counter.ORDERS_NOT_EXECUTED: 10,
    }
