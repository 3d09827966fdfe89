"""What can befall a request, as values that say which one they wait for. Pure.

The faults are those of `binance-spot.md` section 16, item 10, and of the errors of section 11.
"""

from http import HTTPStatus
from typing import Final, Literal, NamedTuple, TypeAlias

from genesis.limits import VENUE_QUEUE_DELAY_MAX
from genesis.units import NANOS_PER_MS, Nanos
from genesis.venue import refusals
from genesis.venue.answers import ANSWERS, answer
from genesis.venue.fates import NEVER, ReplyForm, RequestFate
from genesis.venue.fault_terms import Milliseconds, OccasionalFault, Text, fits, nanos

Transport: TypeAlias = Literal["", "ws", "rest"]

PLACEMENT: Final = "order.place"
PLACEMENTS: Final = frozenset({PLACEMENT, "orderList.place.oco"})
_PAGES: Final = frozenset(
    {
        HTTPStatus.FORBIDDEN,
        HTTPStatus.GONE,
        HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class RequestOccasion(NamedTuple):
    """A request as faults see it.

    `method` is the WebSocket API's name, over REST too; `client_order_id` is the one that it names
    or gives, "" if none; `address` is the client's.
    """

    method: str
    symbol: str
    client_order_id: str
    transport: Transport
    address: str

    def __str__(self) -> str:
        parts = (self.transport, self.method, self.symbol, self.client_order_id)
        return " ".join(part for part in parts if part)


class RequestFault(OccasionalFault, frozen=True, kw_only=True):
    """A fault of requests: of any, or of those with this method, symbol, id, transport, address."""

    method: Text = ""
    symbol: Text = ""
    client_order_id: Text = ""
    transport: Transport = ""
    address: Text = ""

    def befalls(self, request: RequestOccasion) -> bool:
        """Tell whether a request is one that it waits for."""
        return all(
            (
                fits(self.method, request.method),
                fits(self.symbol, request.symbol),
                fits(self.client_order_id, request.client_order_id),
                fits(self.transport, request.transport),
                fits(self.address, request.address),
            )
        )

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        raise NotImplementedError


class RequestLost(RequestFault, frozen=True, kw_only=True):
    """The request vanishes: not executed, not answered."""

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(is_executed=False)


class RequestDelayed(RequestFault, frozen=True, kw_only=True):
    """The request waits, and its age is tested behind that: it may be refused -1021."""

    delay_ms: Milliseconds

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(delay=nanos(self.delay_ms))


class QueueDelayed(RequestFault, frozen=True, kw_only=True):
    """The request waits behind the last test of its age, and is executed whatever its window."""

    delay_ms: Milliseconds

    def __post_init__(self) -> None:
        _check_queue_delay(self.delay_ms)

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(queue_delay=nanos(self.delay_ms), queue_delay_max=VENUE_QUEUE_DELAY_MAX)


class ReplyLost(RequestFault, frozen=True, kw_only=True):
    """The request is executed; its reply never comes."""

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(reply_delays=NEVER)


class ReplyDelayed(RequestFault, frozen=True, kw_only=True):
    """The request is executed; its reply comes late, behind its events."""

    delay_ms: Milliseconds

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(reply_delays=(nanos(self.delay_ms),))


class ReplyDoubled(RequestFault, frozen=True, kw_only=True):
    """The reply comes twice, the second `delay_ms` after the first. Over REST it comes once."""

    delay_ms: Milliseconds = 0.0

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(reply_delays=(0, nanos(self.delay_ms)))


class ReplyGarbled(RequestFault, frozen=True, kw_only=True):
    """The request is executed; its reply breaks off in the middle and is no JSON."""

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(reply_form=ReplyForm.GARBLED)


class ReplyMisaddressed(RequestFault, frozen=True, kw_only=True):
    """The request is executed; its reply comes under an id that nobody used."""

    transport: Literal["ws"] = "ws"

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(reply_form=ReplyForm.MISADDRESSED)


class EventFirst(RequestFault, frozen=True, kw_only=True):
    """The events of the request come before its reply, without a moment between them."""

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(events_first=True)


class Answered(RequestFault, frozen=True, kw_only=True):
    """The request is answered with an error at once, in the usual words or in those of `text`.

    Where the code leaves it open, it may be executed all the same, `delay_ms` behind the answer.
    `retry_after_ms` is said by -1003 and -1015, from the moment of the answer.
    """

    code: int
    text: Text = ""
    executed: bool = False
    delay_ms: Milliseconds = 0.0
    retry_after_ms: Milliseconds = 1_000.0

    def __post_init__(self) -> None:
        known = ANSWERS.get(self.code)
        if known is None:
            raise ValueError(
                f"code {self.code} is none that it can give: take one that the venue's "
                "documentation lists, as -1013 or -2010"
            )
        if self.executed and known.is_definite:
            raise ValueError(f"code {self.code} says that nothing was executed: drop `executed`")
        _check_answered(executed=self.executed, delay_ms=self.delay_ms)

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        retry_at_ms = (now + nanos(self.retry_after_ms)) // NANOS_PER_MS
        return RequestFate(
            is_executed=self.executed,
            answer=answer(self.code, retry_at_ms, self.text),
            queue_delay=nanos(self.delay_ms),
            queue_delay_max=VENUE_QUEUE_DELAY_MAX,
            reply_delays=NEVER,
        )


class ErrorPage(RequestFault, frozen=True, kw_only=True):
    """Something before the venue answers: over REST with a page of HTML, on a socket with JSON.

    Behind a status from 500 on the request may be executed all the same, after `delay_ms`.
    """

    status: int = HTTPStatus.SERVICE_UNAVAILABLE
    executed: bool = False
    delay_ms: Milliseconds = 0.0

    def __post_init__(self) -> None:
        if self.status not in _PAGES:
            known = ", ".join(str(int(status)) for status in sorted(_PAGES))
            raise ValueError(f"status {self.status} has no page; there are {known}")
        if self.executed and self.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ValueError(f"a request that met {self.status} is not executed: drop `executed`")
        _check_answered(executed=self.executed, delay_ms=self.delay_ms)

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(
            is_executed=self.executed,
            answer=refusals.page(self.status),
            queue_delay=nanos(self.delay_ms),
            queue_delay_max=VENUE_QUEUE_DELAY_MAX,
            reply_delays=NEVER,
        )


class RequestCut(RequestFault, frozen=True, kw_only=True):
    """The request costs its connection; it is executed or not."""

    executed: bool = False

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(is_executed=self.executed, cuts_connection=True, reply_delays=NEVER)


class OrderHidden(RequestFault, frozen=True, kw_only=True):
    """Queries do not find the order that a placement made: -2013 for `hidden_ms` behind it."""

    method: Literal["order.place", "orderList.place.oco"] = PLACEMENT
    hidden_ms: Milliseconds

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(hidden_for=nanos(self.hidden_ms))


class CancelOvertaken(RequestFault, frozen=True, kw_only=True):
    """The order that a cancel names fills just before: the cancel is refused -2011."""

    method: Literal["order.cancel"] = "order.cancel"

    def fate(self, now: Nanos) -> RequestFate:
        """Return what becomes of a request that it strikes."""
        del now
        return RequestFate(is_filled_first=True)


def _check_queue_delay(delay_ms: float) -> None:
    if nanos(delay_ms) > VENUE_QUEUE_DELAY_MAX:
        longest = VENUE_QUEUE_DELAY_MAX // NANOS_PER_MS
        raise ValueError(f"delay_ms is {delay_ms:g}: the venue gives up after {longest}")


def _check_answered(*, executed: bool, delay_ms: float) -> None:
    if delay_ms and not executed:
        raise ValueError("delay_ms is for what is executed: add `executed` or drop it")
    _check_queue_delay(delay_ms)
