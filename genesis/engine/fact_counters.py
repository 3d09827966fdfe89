"""What the executor's journal entries add to its counters on the status board. Pure."""

from collections.abc import Callable
from typing import Final

from genesis.domain.orders import OrderState
from genesis.engine.entries import (
    BooksAgreed,
    Entry,
    FillBooked,
    OrderMoved,
    OrderPrepared,
    SignalRefused,
)
from genesis.engine.event_bus import EventBus
from genesis.ipc.page import Counter

_OF_KIND: Final[dict[type[Entry], Counter]] = {
    OrderPrepared: Counter.ORDERS_SENT,
    FillBooked: Counter.FILLS_APPLIED,
    SignalRefused: Counter.SIGNALS_REFUSED,
    BooksAgreed: Counter.RECONCILIATIONS,
}
_OF_STATE: Final = {
    OrderState.ACCEPTED: Counter.ORDERS_ACCEPTED,
    OrderState.REJECTED: Counter.ORDERS_REJECTED,
    OrderState.CANCELED: Counter.ORDERS_CANCELED,
    OrderState.EXPIRED: Counter.ORDERS_EXPIRED,
    OrderState.NOT_EXECUTED: Counter.ORDERS_NOT_EXECUTED,
    OrderState.OUTCOME_UNKNOWN: Counter.ORDERS_OUTCOME_UNKNOWN,
    OrderState.FILLED: Counter.ORDERS_FILLED,
}


def count_facts(bus: EventBus, add: Callable[[Counter], None]) -> None:
    """Have each durable fact counted as it happens, over this run."""

    def count(entry: Entry) -> None:
        counter = (
            _OF_STATE.get(entry.state)
            if isinstance(entry, OrderMoved)
            else _OF_KIND.get(type(entry))
        )
        if counter is not None:
            add(counter)

    for kind in (*_OF_KIND, OrderMoved):
        bus.subscribe(kind, count)
