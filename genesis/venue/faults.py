"""What goes wrong between client and venue by shares of its occasions, drawn from a seed. Pure.

The faults are of those of `binance-spot.md` section 16, item 10, and all are legal: a request may
vanish before or after it was carried out, wait on its way, wait again in the matching engine's
queue, be answered late, twice, wrongly or not at all; queries and user events may lag. What never
happens is what the protocol rules out: nothing enters the queue later than its recvWindow allows,
and nothing waits in it for longer than `queue_delay_max`.
"""

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple, TypeAlias

import msgspec

from genesis.units import NANOS_PER_MS, Nanos
from genesis.venue import refusals
from genesis.venue.answers import answer
from genesis.venue.fates import NEVER, EventFate, RequestFate
from genesis.venue.refusals import Refused
from genesis.venue.request_faults import PLACEMENTS

_THROTTLED_FOR_MS: Final = 300
_THROTTLING_CODES: Final = (-1003, -1015, -1008)


class FaultOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How often each fault happens, as a share of its occasions, and how long delays are at most.

    Requests other than new orders suffer `other_share` of what those suffer.
    """

    seed: int = 1
    other_share: float = 1.0
    request_lost: float = 0.0
    request_delayed: float = 0.0
    request_delay_max: Nanos = 0
    queue_delayed: float = 0.0
    queue_delay_max: Nanos = 0
    throttled: float = 0.0
    status_unknown: float = 0.0
    connection_cut: float = 0.0
    reply_lost: float = 0.0
    reply_delayed: float = 0.0
    reply_delay_max: Nanos = 0
    reply_doubled: float = 0.0
    query_lags: float = 0.0
    query_lag_max: Nanos = 0
    event_lost: float = 0.0
    event_delayed: float = 0.0
    event_delay_max: Nanos = 0
    event_doubled: float = 0.0
    stream_silenced: float = 0.0

    @property
    def any_fault(self) -> bool:
        """Whether anything can go wrong at all."""
        shares = (
            *(self.request_lost, self.request_delayed, self.queue_delayed, self.throttled),
            *(self.status_unknown, self.connection_cut, self.reply_lost, self.reply_delayed),
            *(self.reply_doubled, self.query_lags, self.event_lost, self.event_delayed),
            *(self.event_doubled, self.stream_silenced),
        )
        return any(shares)


class _End(NamedTuple):
    """How a request may end; of the ends that are not well, one request meets one."""

    is_executed: bool
    answer: Refused | None = None
    cuts_connection: bool = False


_END_WELL: Final = _End(is_executed=True)

_MakeEnd: TypeAlias = Callable[[Nanos], _End]


class FaultPlan:
    """Draws the fate of each request and event, in the order in which they come."""

    def __init__(self, options: FaultOptions, random: Random) -> None:
        self._options = options
        self._random = random
        self._ends: tuple[tuple[float, _MakeEnd], ...] = (
            (options.request_lost, lambda _: _End(is_executed=False)),
            (options.reply_lost, lambda _: _End(is_executed=True)),
            (options.throttled, self._throttle),
            (options.status_unknown, self._leave_unknown),
            (options.connection_cut, self._cut),
        )

    def request_fate(self, method: str, now: Nanos) -> RequestFate:
        """Return what happens to a request that has come in."""
        options = self._options
        is_placement = method in PLACEMENTS
        scale = 1.0 if is_placement else options.other_share
        end = self._draw_end(scale, now)
        delay = self._delay(scale * options.request_delayed, options.request_delay_max)
        queue_delay = self._delay(scale * options.queue_delayed, options.queue_delay_max)
        replies = NEVER
        if end is None:
            end = _END_WELL
            replies = self._copies(
                scale * options.reply_delayed,
                options.reply_delay_max,
                scale * options.reply_doubled,
            )
        lag = self._delay(options.query_lags, options.query_lag_max) if is_placement else 0
        return RequestFate(
            delay=delay,
            queue_delay=queue_delay,
            queue_delay_max=options.queue_delay_max if queue_delay else 0,
            is_executed=end.is_executed,
            answer=end.answer,
            reply_delays=replies,
            cuts_connection=end.cuts_connection,
            hidden_for=lag,
        )

    def event_fate(self) -> EventFate:
        """Return what happens to one user event; delays change the order of events."""
        options = self._options
        if self._happens(options.stream_silenced):
            return EventFate(NEVER, silences_stream=True)
        if self._happens(options.event_lost):
            return EventFate(NEVER)
        return EventFate(
            self._copies(options.event_delayed, options.event_delay_max, options.event_doubled)
        )

    def _happens(self, share: float) -> bool:
        return share > 0.0 and self._random.random() < share

    def _delay(self, share: float, longest: Nanos) -> Nanos:
        if not self._happens(share):
            return 0
        return int(longest * self._random.random())

    def _copies(self, delayed: float, longest: Nanos, doubled: float) -> tuple[Nanos, ...]:
        first = self._delay(delayed, longest)
        if not self._happens(doubled):
            return (first,)
        return (first, first + int(longest * self._random.random()))

    def _draw_end(self, scale: float, now: Nanos) -> _End | None:
        chance = self._random.random()
        for share, make_end in self._ends:
            chance -= scale * share
            if chance < 0.0:
                return make_end(now)
        return None

    def _throttle(self, now: Nanos) -> _End:
        retry_at_ms = now // NANOS_PER_MS + _THROTTLED_FOR_MS
        code = self._random.choice(_THROTTLING_CODES)
        return _End(is_executed=False, answer=answer(code, retry_at_ms))

    def _leave_unknown(self, _now: Nanos) -> _End:
        """Answer with a status that says nothing, of what may still be carried out."""
        said = self._random.choice((refusals.timed_out(), refusals.server_failed()))
        return _End(is_executed=self._is_heads(), answer=said)

    def _cut(self, _now: Nanos) -> _End:
        return _End(is_executed=self._is_heads(), cuts_connection=True)

    def _is_heads(self) -> bool:
        return self._random.getrandbits(1) == 1
