"""A WebSocket API connection on its socket: each request's way, from coming in to being answered.

Where the venue has a `FaultPlan`, the way is as lossy as it says; without one, requests are carried
out as they come in and replies go out before the events they cause.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from genesis.units import Nanos
from genesis.venue.api_session import ApiRequest, ApiSession
from genesis.venue.connection import VenueConnection
from genesis.venue.faults import EVENT_FAITHFUL, FAITHFUL, FaultPlan, RequestFate
from genesis.venue.request_desk import RequestDesk
from genesis.venue.websocket_frames import text_frame


class ApiVenue(Protocol):
    """The server, as its conversations see it."""

    @property
    def has_failed(self) -> bool:
        """Whether the venue answers nothing more."""

    @property
    def faults(self) -> FaultPlan | None:
        """What goes wrong, if anything is to."""

    @property
    def latency(self) -> Nanos:
        """How long a request is on its way."""

    def now(self) -> Nanos:
        """Return the venue's time."""

    def after(self, delay: Nanos, act: Callable[[], None]) -> None:
        """Act when a delay is over: at once if there is none."""

    def tell(self) -> None:
        """Send the events of the last step."""


class ApiConversation:
    """The requests, replies and user events of one connection."""

    def __init__(
        self,
        connection: VenueConnection,
        desk: RequestDesk,
        venue: ApiVenue,
        *,
        number: int,
        rate_limits: bool,
    ) -> None:
        self._connection = connection
        self._venue = venue
        self._stream_is_silent = False
        self._session = ApiSession(
            desk, number, self._send_event, venue.now(), rate_limits=rate_limits
        )

    def receive(self, message: bytes) -> None:
        """Take a request."""
        venue = self._venue
        if venue.has_failed:
            return
        now = venue.now()
        admitted = self._session.admit(message, now)
        fate = FAITHFUL
        if venue.faults is not None:
            fate = venue.faults.request_fate(admitted.method, _asked_for(admitted), now)
        if fate.answer is not None:
            self._write((self._session.refuse(admitted, fate.answer, now),))
        if fate.cuts_connection:
            self._connection.abort()
        if fate.is_executed:
            venue.after(venue.latency + fate.delay, partial(self._forward, admitted, fate))

    def receive_control(self) -> None:
        """Pings and pongs are free here."""

    def close(self) -> None:
        """End the subscriptions. What was requested is carried out all the same."""
        self._session.close()

    def _forward(self, admitted: ApiRequest, fate: RequestFate) -> None:
        """Hand the request to the matching engine's queue, unless it has grown too old."""
        now = self._venue.now()
        self._session.forward(admitted, now)
        self._venue.after(fate.queue_delay, partial(self._execute, admitted, fate, now))

    def _execute(self, admitted: ApiRequest, fate: RequestFate, forwarded_at: Nanos) -> None:
        venue = self._venue
        if venue.has_failed:
            return
        now = venue.now()
        faults = venue.faults
        # However starved this process is, it keeps the bound that clients rely on.
        is_late = faults is not None and now - forwarded_at > faults.queue_delay_max
        if fate.queue_delay and is_late:
            return
        messages = self._session.execute(admitted, now)
        if faults is not None and admitted.method == "order.place":
            faults.order_placed(admitted.parameters.texts.get("newClientOrderId", ""), now)
        for delay in fate.reply_delays:
            venue.after(delay, partial(self._write, messages))
        venue.tell()

    def _send_event(self, event: bytes) -> None:
        venue = self._venue
        fate = EVENT_FAITHFUL if venue.faults is None else venue.faults.event_fate()
        self._stream_is_silent |= fate.silences_stream
        if not self._stream_is_silent:
            for delay in fate.delays:
                venue.after(delay, partial(self._write, (event,)))

    def _write(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            self._connection.write_frames(text_frame(message))


def _asked_for(admitted: ApiRequest) -> str:
    """Return the client order id that a query names, or ""."""
    if admitted.method != "order.status":
        return ""
    return admitted.parameters.texts.get("origClientOrderId", "")
