"""A WebSocket API connection on its socket: its requests, and the events of its subscriptions.

What becomes of either is the venue's `FaultDesk`'s to say; without a fault, requests are carried
out as they come in and replies go out before the events they cause.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from genesis.units import Nanos
from genesis.venue.api_session import ApiRequest, ApiSession
from genesis.venue.connection import VenueConnection
from genesis.venue.fates import ReplyForm
from genesis.venue.refusals import Refused
from genesis.venue.request_desk import RequestDesk
from genesis.venue.request_way import RequestVenue, RequestWay, occasion_of
from genesis.venue.time_units import TimeUnit
from genesis.venue.websocket_frames import text_frame

_NOBODYS_ID: Final = msgspec.Raw(b'"venue-0000-no-such-request"')


class ApiConversation:
    """The requests, replies and user events of one connection."""

    def __init__(
        self,
        connection: VenueConnection,
        desk: RequestDesk,
        venue: RequestVenue,
        *,
        number: int,
        rate_limits: bool,
        time_unit: TimeUnit,
    ) -> None:
        self._connection = connection
        self._time_unit = time_unit
        self._venue = venue
        self._stream_is_silent = False
        self._held_event: bytes | None = None
        self._session = ApiSession(
            desk,
            number,
            self._send_event,
            venue.now(),
            rate_limits=rate_limits,
            time_unit=time_unit,
        )

    # What its connection asks of it.

    def receive(self, message: bytes) -> None:
        """Take a request."""
        venue = self._venue
        if venue.has_failed:
            return
        now = venue.now()
        asked = self._session.admit(message, now)
        occasion = occasion_of(asked, "ws", self._connection.address)
        RequestWay(venue, self, asked, venue.faults.request_fate(occasion, now)).begin()

    def receive_control(self) -> None:
        """Pings and pongs are free here."""

    def announce_shutdown(self, now: Nanos) -> None:
        """Say that the venue ends this connection soon."""
        self._write((b'{"event":{"e":"serverShutdown","E":%d}}' % (now // self._time_unit),))

    def terminate_user_streams(self, now: Nanos) -> None:
        """End the subscriptions, and say so."""
        self._write(self._session.terminate_subscriptions(now))

    def close(self) -> None:
        """End the subscriptions. What was requested is carried out all the same."""
        self._session.close()

    # What the way of a request asks of it.

    def refuse(self, asked: ApiRequest, refusal: Refused, now: Nanos) -> None:
        """Answer with a refusal."""
        self._write((self._session.refuse(asked, refusal, now),))

    def forward(self, asked: ApiRequest, now: Nanos) -> None:
        """Hand an admitted request to matching, unless it has grown too old."""
        self._session.forward(asked, now)

    def execute(self, asked: ApiRequest, form: ReplyForm, now: Nanos) -> Callable[[], None]:
        """Carry a forwarded request out; return what sends the reply."""
        if form is ReplyForm.MISADDRESSED:
            asked.id = _NOBODYS_ID
        messages = self._session.execute(asked, now)
        if form is ReplyForm.GARBLED:
            messages[0] = messages[0][: len(messages[0]) // 2]
        return partial(self._write, messages)

    def cut(self) -> None:
        """Cut the connection off."""
        self._connection.abort()

    def _send_event(self, event: bytes) -> None:
        venue = self._venue
        fate = venue.faults.event_fate(event, venue.now())
        self._stream_is_silent |= fate.silences_stream
        if self._stream_is_silent:
            return
        held, self._held_event = self._held_event, event if fate.is_held else None
        if not fate.is_held:
            for delay in fate.delays:
                venue.after(delay, partial(self._write, (event,)))
        if held is not None:
            self._write((held,))

    def _write(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            self._connection.write_frames(text_frame(message))
