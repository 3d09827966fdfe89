"""Who gets which stream, and the cheap way there.

A message is framed once for subscribers in a row that want it in one form; frames of one batch
leave each connection in one write. The streams somebody has are the market's audience.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from genesis.venue.stream_payloads import StreamForm, StreamMessage
from genesis.venue.websocket_frames import text_frame


class Subscriber(Protocol):
    """A connection as the hub sees it."""

    @property
    def form(self) -> StreamForm:
        """How it gets messages: one of `stream_form`."""

    def write_frames(self, frames: bytes) -> None:
        """Send whole frames."""


class StreamHub:
    """The subscriptions of all connections. `woken` is called when the first stream is wanted."""

    def __init__(self, woken: Callable[[], None]) -> None:
        self._woken = woken
        self.subscribers: dict[str, list[Subscriber]] = {}
        """By stream; a stream nobody has is not a key."""
        self.frames_sent = 0

    def add(self, stream: str, subscriber: Subscriber) -> None:
        """Begin a subscription."""
        self.subscribers.setdefault(stream, []).append(subscriber)
        self._woken()

    def remove(self, stream: str, subscriber: Subscriber) -> None:
        """End a subscription."""
        subscribers = self.subscribers[stream]
        subscribers.remove(subscriber)
        if not subscribers:
            del self.subscribers[stream]

    def publish(self, messages: Iterable[StreamMessage]) -> None:
        """Send a batch of messages, in order, one write for each connection."""
        batches: dict[Subscriber, list[bytes]] = {}
        by_stream = self.subscribers
        for message in messages:
            subscribers = by_stream.get(message.stream)
            if subscribers is None:
                continue
            form, frame = None, b""
            for subscriber in subscribers:
                wanted = subscriber.form
                if wanted is not form:
                    form = wanted
                    frame = text_frame(message.payload_in(form))
                batch = batches.get(subscriber)
                if batch is None:
                    batches[subscriber] = [frame]
                else:
                    batch.append(frame)
        for subscriber, batch in batches.items():
            self.frames_sent += len(batch)
            subscriber.write_frames(b"".join(batch))
