"""What can befall user events and market messages on their way out, as values. Pure."""

from typing import Final

import msgspec

from genesis.venue.fates import NEVER, EventFate, FrameFate
from genesis.venue.fault_terms import Milliseconds, OccasionalFault, Text, fits, nanos

_TWO_SIDED: Final = frozenset({"bookTicker", "depth"})


class EventOccasion(msgspec.Struct, frozen=True):
    """A user event as faults see it, read from its JSON.

    `client_order_id` is the order's own id: `C` if that is not empty, else `c`.
    """

    e: str = ""
    x: str = ""
    s: str = ""
    c: str = ""
    original: str = msgspec.field(name="C", default="")

    @property
    def client_order_id(self) -> str:
        """The order's own id, "" where the event is of none."""
        return self.original or self.c

    def __str__(self) -> str:
        return " ".join(part for part in (self.e, self.x, self.s, self.client_order_id) if part)


class _Envelope(msgspec.Struct, frozen=True):
    event: EventOccasion


_decode_envelope: Final = msgspec.json.Decoder(_Envelope).decode


def read_event(message: bytes) -> EventOccasion:
    """Read what a user event is, in the envelope in which it is sent."""
    return _decode_envelope(message).event


class EventFault(OccasionalFault, frozen=True, kw_only=True):
    """A fault of user events: of any, or of those with this type, execution, symbol, order.

    `event` is the type (`e`), `execution` the execution type of an executionReport (`x`).
    """

    event: Text = ""
    execution: Text = ""
    symbol: Text = ""
    client_order_id: Text = ""

    def befalls(self, event: EventOccasion) -> bool:
        """Tell whether an event is one that it waits for."""
        return (
            fits(self.event, event.e)
            and fits(self.execution, event.x)
            and fits(self.symbol, event.s)
            and fits(self.client_order_id, event.client_order_id)
        )

    def fate(self) -> EventFate:
        """Return what becomes of an event that it strikes."""
        raise NotImplementedError


class EventLost(EventFault, frozen=True, kw_only=True):
    """The event does not come."""

    def fate(self) -> EventFate:
        """Return what becomes of an event that it strikes."""
        return EventFate(NEVER)


class EventDelayed(EventFault, frozen=True, kw_only=True):
    """The event comes late, behind whatever came meanwhile."""

    delay_ms: Milliseconds

    def fate(self) -> EventFate:
        """Return what becomes of an event that it strikes."""
        return EventFate((nanos(self.delay_ms),))


class EventDoubled(EventFault, frozen=True, kw_only=True):
    """The event comes twice, the second time `delay_ms` after the first."""

    delay_ms: Milliseconds = 0.0

    def fate(self) -> EventFate:
        """Return what becomes of an event that it strikes."""
        return EventFate((0, nanos(self.delay_ms)))


class EventHeld(EventFault, frozen=True, kw_only=True):
    """The event comes behind the next one: the two are reordered."""

    def fate(self) -> EventFate:
        """Return what becomes of an event that it strikes."""
        return EventFate(is_held=True)


class StreamSilenced(EventFault, frozen=True, kw_only=True):
    """The event does not come, nor any later one on its connection, which stays open."""

    def fate(self) -> EventFate:
        """Return what becomes of an event that it strikes."""
        return EventFate(NEVER, silences_stream=True)


class FrameFault(OccasionalFault, frozen=True, kw_only=True):
    """A fault of market messages: of any, or of those of this stream or symbol.

    A message meets it for everybody who is subscribed.
    """

    stream: Text = ""
    symbol: Text = ""

    def befalls(self, stream: str) -> bool:
        """Tell whether a stream's messages are those that it waits for."""
        is_of_symbol = not self.symbol or stream.startswith(f"{self.symbol.lower()}@")
        return is_of_symbol and fits(self.stream, stream)

    def fate(self, payload: bytes) -> FrameFate:
        """Return what becomes of a message, in the combined form, that it strikes."""
        raise NotImplementedError


class FrameLost(FrameFault, frozen=True, kw_only=True):
    """The message does not come. Of a depth stream, that is a gap in the sequence."""

    def fate(self, payload: bytes) -> FrameFate:
        """Return what becomes of a message that it strikes."""
        del payload
        return FrameFate(())


class FrameDelayed(FrameFault, frozen=True, kw_only=True):
    """The message comes late."""

    delay_ms: Milliseconds

    def fate(self, payload: bytes) -> FrameFate:
        """Return what becomes of a message that it strikes."""
        return FrameFate((payload,), nanos(self.delay_ms))


class FrameDoubled(FrameFault, frozen=True, kw_only=True):
    """The message comes twice."""

    def fate(self, payload: bytes) -> FrameFate:
        """Return what becomes of a message that it strikes."""
        return FrameFate((payload, payload))


class FrameGarbled(FrameFault, frozen=True, kw_only=True):
    """The message breaks off in its middle."""

    def fate(self, payload: bytes) -> FrameFate:
        """Return what becomes of a message that it strikes."""
        return FrameFate((payload[: len(payload) // 2],))


class FrameCrossed(FrameFault, frozen=True, kw_only=True):
    """The message has bids and asks exchanged: its best bid is above its best ask.

    It waits for quotes and depth events; nothing else has two sides.
    """

    def befalls(self, stream: str) -> bool:
        """Tell whether a stream's messages are those that it waits for."""
        _, _, name = stream.partition("@")
        return super().befalls(stream) and name.partition("@")[0] in _TWO_SIDED

    def fate(self, payload: bytes) -> FrameFate:
        """Return what becomes of a message that it strikes."""
        document = msgspec.json.decode(payload)
        event = document["data"]
        event["b"], event["a"] = event["a"], event["b"]
        return FrameFate((msgspec.json.encode(document),))
