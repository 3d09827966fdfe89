"""What befalls one request, event, frame or new connection: values that the conversations play."""

import enum
from typing import Final, NamedTuple

import msgspec

from genesis.units import Nanos
from genesis.venue.refusals import Refused

AT_ONCE: Final[tuple[Nanos, ...]] = (0,)
NEVER: Final[tuple[Nanos, ...]] = ()


class ReplyForm(enum.Enum):
    """In what shape a reply goes out."""

    PLAIN = enum.auto()
    GARBLED = enum.auto()
    """Cut off in its middle: no JSON."""
    MISADDRESSED = enum.auto()
    """Whole, under an id that no client of ours has used. Over REST it is plain."""


class RequestFate(msgspec.Struct, frozen=True, kw_only=True):
    """One request's way.

    `delay` passes before its age is tested the second time, `queue_delay` from then to its
    execution; a request that would be executed later than `queue_delay_max` behind the test is not
    executed at all. `answer` is said at once instead of the outcome, whether or not there will be
    one; so is a connection cut. The reply goes out once for each of `reply_delays`, as `reply_form`
    says, before the events of the same step unless `events_first`.

    `hidden_for` is how long queries do not find the order that the request places. With
    `is_filled_first` the order that it names fills just before it is carried out.
    """

    delay: Nanos = 0
    queue_delay: Nanos = 0
    queue_delay_max: Nanos = 0
    is_executed: bool = True
    answer: Refused | None = None
    reply_delays: tuple[Nanos, ...] = AT_ONCE
    reply_form: ReplyForm = ReplyForm.PLAIN
    events_first: bool = False
    cuts_connection: bool = False
    hidden_for: Nanos = 0
    is_filled_first: bool = False


class EventFate(NamedTuple):
    """One user event's way on one subscription: it goes out once for each of `delays`.

    A held event goes out behind the next one of its connection. A stream that is silenced with this
    event sends neither it nor any later one until it is opened anew.
    """

    delays: tuple[Nanos, ...] = AT_ONCE
    is_held: bool = False
    silences_stream: bool = False


class FrameFate(NamedTuple):
    """What is sent in place of one market message, to everybody, and how much later."""

    payloads: tuple[bytes, ...]
    delay: Nanos = 0


FAITHFUL: Final = RequestFate()
EVENT_FAITHFUL: Final = EventFate()
