"""What one connection is asked to send, and whether it does. Pure: `now` is passed in.

The venue takes five control messages a second, pongs among them, and closes the connection of who
sends more; it may answer a subscription with success and send nothing (`binance-spot.md` sections
2 and 3.2). Hence requests are paced, and a stream that never spoke is asked for again.
"""

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from genesis.data.events import SubscriptionReply
from genesis.data.frames import StreamRequest
from genesis.limits import (
    STREAM_SILENCE_MAX,
    SUBSCRIBE_STREAMS_MAX,
    SUBSCRIPTION_PATIENCE,
    SUBSCRIPTION_PATIENCE_MAX,
)
from genesis.units import Nanos


class _Unheard(msgspec.Struct):
    """A stream that has not spoken since it was asked for."""

    asked_at: Nanos
    patience: Nanos


class Subscriptions:
    """The streams of one connection, from the first request on.

    Write what `take_request` returns, whenever it returns something; tell of replies by `receive`.
    """

    __slots__ = (
        "_last_id",
        "_next_at",
        "_spacing",
        "_stream_names",
        "_to_ask",
        "_unanswered",
        "_unheard",
    )

    def __init__(self, stream_names: Sequence[str], spacing: Nanos) -> None:
        self._stream_names = tuple(stream_names)
        self._spacing = spacing
        self._to_ask: deque[tuple[str, ...]] = deque(_chunks(self._stream_names))
        self._unanswered: set[int] = set()
        self._unheard = {name: _Unheard(0, SUBSCRIPTION_PATIENCE) for name in stream_names}
        self._next_at: Nanos = 0
        self._last_id = 0

    @property
    def is_written(self) -> bool:
        """Whether every stream has been asked for."""
        return not self._to_ask

    @property
    def is_answered(self) -> bool:
        """Whether the venue has taken every request."""
        return not (self._to_ask or self._unanswered)

    @property
    def next_at(self) -> Nanos | None:
        """When `take_request` has something; None if nothing is left to ask for."""
        return self._next_at if self._to_ask else None

    def take_request(self, now: Nanos) -> StreamRequest | None:
        """Return the request to write now, or None if none is due."""
        if not self._to_ask or now < self._next_at:
            return None
        names = self._to_ask.popleft()
        for name in names:
            self._unheard[name].asked_at = now
        request = self._request("SUBSCRIBE", names, now)
        self._unanswered.add(request.id)
        return request

    def ask_for_a_word(self, now: Nanos) -> StreamRequest:
        """Return a request that changes nothing: its answer comes behind all sent before it."""
        return self._request("LIST_SUBSCRIPTIONS", (), now)

    def receive(self, reply: SubscriptionReply) -> None:
        """Take the venue's answer. A refused request stays unanswered: its streams do not come."""
        if not reply.fault:
            self._unanswered.discard(reply.request_id)

    def listen_from(self, now: Nanos) -> None:
        """Count as heard only what comes from `now` on: before, another connection was listened to.

        It brought the same streams.
        """
        for stream in self._unheard.values():
            stream.asked_at = now

    def look(self, heard_at: Callable[[str], Nanos], now: Nanos) -> tuple[str, ...]:
        """Return the streams that have not spoken in time; they are asked for again.

        Each time they have twice as long, since most of them are merely quiet. For that reason they
        are not unsubscribed first: that would open a hole. `heard_at` tells when a stream last
        spoke.
        """
        heard = [name for name, stream in self._unheard.items() if heard_at(name) > stream.asked_at]
        for name in heard:
            del self._unheard[name]
        if self._to_ask:
            return ()
        due = tuple(
            name
            for name, stream in self._unheard.items()
            if now - stream.asked_at > stream.patience
        )
        for name in due:
            stream = self._unheard[name]
            stream.patience = min(2 * stream.patience, SUBSCRIPTION_PATIENCE_MAX)
        self._to_ask.extend(_chunks(due))
        return due

    def are_all_silent(self, heard_at: Callable[[str], Nanos], since: Nanos, now: Nanos) -> bool:
        """Tell whether nothing has come for so long that the connection is at fault, not a stream.

        `since` is when the connection began to be listened to.
        """
        last = max(since, *(heard_at(name) for name in self._stream_names))
        return now - last > STREAM_SILENCE_MAX

    def _request(self, method: str, names: tuple[str, ...], now: Nanos) -> StreamRequest:
        self._last_id += 1
        self._next_at = now + self._spacing
        return StreamRequest(method, self._last_id, names)


def _chunks(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Cut a list of streams into what one request may name."""
    return [
        tuple(names[start : start + SUBSCRIBE_STREAMS_MAX])
        for start in range(0, len(names), SUBSCRIBE_STREAMS_MAX)
    ]
