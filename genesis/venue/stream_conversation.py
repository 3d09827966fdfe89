"""A market-data connection on its socket: its control messages, and what the hub sends it."""

from collections import deque
from collections.abc import Collection

from websockets.frames import CloseCode

from genesis.limits import VENUE_CONTROL_MESSAGES_PER_SECOND
from genesis.units import NANOS_PER_SECOND, Nanos
from genesis.venue.connection import Clock, VenueConnection
from genesis.venue.stream_hub import StreamHub
from genesis.venue.stream_payloads import StreamForm, stream_form
from genesis.venue.stream_session import StreamSession, stream_path
from genesis.venue.time_units import TimeUnit
from genesis.venue.websocket_frames import text_frame


class StreamConversation:
    """One connection to the streams. It is the hub's subscriber."""

    def __init__(
        self,
        connection: VenueConnection,
        hub: StreamHub,
        clock: Clock,
        path: str,
        *,
        time_unit: TimeUnit,
        flat_errors: bool = False,
    ) -> None:
        opened = stream_path(path)
        assert opened is not None, "the path was read before"
        is_combined, streams = opened
        self._connection = connection
        self._clock = clock
        self._recent: deque[int] = deque(maxlen=VENUE_CONTROL_MESSAGES_PER_SECOND)
        self._session = StreamSession(
            form=stream_form(is_combined, time_unit),
            subscribed=lambda stream: hub.add(stream, self),
            unsubscribed=lambda stream: hub.remove(stream, self),
            flat_errors=flat_errors,
        )
        self._session.subscribe(streams)

    @property
    def form(self) -> StreamForm:
        """How it gets messages."""
        return self._session.form

    @property
    def streams(self) -> Collection[str]:
        """The streams it is subscribed to."""
        return self._session.streams

    def write_frames(self, frames: bytes) -> None:
        """Send whole frames."""
        self._connection.write_frames(frames)

    def receive(self, message: bytes) -> None:
        """Take a control message, unless there were too many of late."""
        if self._is_within_rate():
            self.write_frames(text_frame(self._session.receive(message)))

    def receive_control(self) -> None:
        """Count a ping or pong as a message, as the live venue does."""
        self._is_within_rate()

    def announce_shutdown(self, now: Nanos) -> None:
        """Say that the venue ends this connection soon (`binance-spot.md` section 2)."""
        event = b'{"e":"serverShutdown","E":%d}' % (now // self.form.time_unit)
        if self.form.is_combined:
            event = b'{"stream":"!serverShutdown","data":%b}' % event
        self.write_frames(text_frame(event))

    def close(self) -> None:
        """Drop every subscription."""
        self._session.close()

    def _is_within_rate(self) -> bool:
        now = self._clock()
        recent = self._recent
        if len(recent) == recent.maxlen and now - recent[0] < NANOS_PER_SECOND:
            self._connection.fail(CloseCode.POLICY_VIOLATION, "Too many requests")
            return False
        recent.append(now)
        return True
