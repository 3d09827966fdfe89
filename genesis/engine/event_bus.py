"""News within the executor: typed, in process, to whoever subscribed to its kind.

What is published are facts that stand: a journal entry once it is durable, an announcement once its
turn has come. Subscribers are told on the spot, in the order in which they subscribed, and what one
of them raises is a bug and ends the process as any other. Who may be slow has a mailbox instead: it
never holds the publisher up, and when it is full the oldest news makes room and is counted.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar, cast

from genesis.limits import MAILBOX_EVENTS

E = TypeVar("E")

_NOBODY: Final[tuple[Callable[[object], None], ...]] = ()


class Mailbox(Generic[E]):
    """News for one reader, taken out one by one: `async for event in mailbox`.

    `missed` counts what made room for newer news before it was read.
    """

    def __init__(self, capacity: int = MAILBOX_EVENTS) -> None:
        assert capacity > 0
        self._events: deque[E] = deque()
        self._capacity = capacity
        self._has_news = asyncio.Event()
        self._is_closed = False
        self.missed = 0

    def __len__(self) -> int:
        return len(self._events)

    def __aiter__(self) -> "Mailbox[E]":
        return self

    async def __anext__(self) -> E:
        while not self._events:
            if self._is_closed:
                raise StopAsyncIteration
            self._has_news.clear()
            await self._has_news.wait()
        return self._events.popleft()

    def put(self, event: E) -> None:
        """Take one event in; a full mailbox gives up its oldest one. Nothing comes once closed."""
        if self._is_closed:
            return
        if len(self._events) == self._capacity:
            self._events.popleft()
            self.missed += 1
        self._events.append(event)
        self._has_news.set()

    def close(self) -> None:
        """Let the reader end once it has read what is there."""
        self._is_closed = True
        self._has_news.set()


class EventBus:
    """Who wants which news. A kind is an exact type: nobody is told of its subclasses."""

    def __init__(self) -> None:
        self._receivers: dict[type, tuple[Callable[[object], None], ...]] = {}
        self._is_publishing = False

    def subscribe(self, kind: type[E], receive: Callable[[E], None]) -> None:
        """Have `receive` called with each event of a kind, before `publish` returns.

        It must be quick, and must not publish: everybody hears of events in one order.
        """
        known = self._receivers.get(kind, _NOBODY)
        self._receivers[kind] = (*known, cast("Callable[[object], None]", receive))

    def listen(self, *kinds: type[E], capacity: int = MAILBOX_EVENTS) -> Mailbox[E]:
        """Return a mailbox for events of these kinds, in the order in which they come."""
        mailbox: Mailbox[E] = Mailbox(capacity)
        for kind in kinds:
            self.subscribe(kind, mailbox.put)
        return mailbox

    def publish(self, event: object) -> None:
        """Tell everybody who subscribed to this kind."""
        assert not self._is_publishing, "a subscriber publishes nothing"
        receivers = self._receivers.get(type(event))
        if receivers is None:
            return
        self._is_publishing = True
        try:
            for receive in receivers:
                receive(event)
        finally:
            self._is_publishing = False
