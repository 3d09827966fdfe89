"""Which fault befalls what: those that were given first, then the shares drawn from a seed. Pure.

`FaultDesk` is asked about every request, event, message and new connection, and answers with its
fate. Of the faults that wait for an occasion, the one that was armed first strikes, and only that
one. What happens by itself is handed out by `advance` when it is due; whoever serves plays it.
"""

from collections import deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from genesis.limits import VENUE_FAULT_PAUSE_MIN, VENUE_FAULTS_MAX, VENUE_STRIKES_KEPT
from genesis.units import NANOS_PER_MS, Nanos
from genesis.venue import refusals
from genesis.venue.armed_faults import ArmedFaults
from genesis.venue.bans import Bans
from genesis.venue.connection_faults import (
    ConnectionFault,
    HandshakeFault,
    HandshakeOccasion,
    HandshakeRefused,
)
from genesis.venue.fates import EVENT_FAITHFUL, FAITHFUL, NEVER, EventFate, FrameFate, RequestFate
from genesis.venue.fault_terms import Fault, OccasionalFault, nanos
from genesis.venue.faults import FaultPlan
from genesis.venue.hidden_orders import HiddenOrders
from genesis.venue.request_faults import RequestFault, RequestOccasion
from genesis.venue.stream_faults import EventFault, FrameFault, read_event
from genesis.venue.venue_acts import Act, LastingAct

_QUERIES: Final = frozenset({"order.status", "orderList.status"})
_Kind = TypeVar("_Kind", bound=OccasionalFault)


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a fault struck: when by the venue's clock, and what it befell."""

    number: int
    fault: str
    at_ms: int
    on: str


class FaultRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that was given, and what has become of it.

    `state` is "waiting" before it begins and between two times, "armed" while it waits for its
    occasion or lasts, and "over" for good.
    """

    number: int
    state: str
    struck: int
    fault: Fault


class FaultReport(msgspec.Struct, frozen=True, kw_only=True):
    """The faults that were given last, and the last strikes, oldest first."""

    faults: list[FaultRecord]
    strikes: list[Strike]


class Begun(msgspec.Struct, frozen=True):
    """Something that happens now."""

    fault: Act | ConnectionFault


class Ended(msgspec.Struct, frozen=True):
    """Something that is taken back now."""

    fault: LastingAct


Due: TypeAlias = Begun | Ended


class _Given:
    """A fault and how far it has come."""

    __slots__ = ("fault", "is_armed", "is_over", "number", "struck")

    def __init__(self, number: int, fault: Fault) -> None:
        self.number = number
        self.fault = fault
        self.is_armed = False
        self.is_over = False
        self.struck = 0

    @property
    def state(self) -> str:
        """What its record says of it."""
        if self.is_over:
            return "over"
        return "armed" if self.is_armed else "waiting"


class _Moment(NamedTuple):
    """When a fault begins, or (`is_end`) ends; `order` keeps what is due at once in order."""

    at: Nanos
    order: int
    number: int
    is_end: bool


class FaultDesk:
    """All faults of one venue. Everything it draws comes from `random`."""

    def __init__(self, random: Random, plan: FaultPlan | None = None) -> None:
        self.bans = Bans()
        self._random = random
        self._plan = plan
        self._hidden = HiddenOrders()
        self._requests: ArmedFaults[RequestFault] = ArmedFaults(random)
        self._events: ArmedFaults[EventFault] = ArmedFaults(random)
        self._frames: ArmedFaults[FrameFault] = ArmedFaults(random)
        self._handshakes: ArmedFaults[HandshakeFault] = ArmedFaults(random)
        self._given: dict[int, _Given] = {}
        self._moments: list[_Moment] = []
        self._numbers = count(1)
        self._orders = count()
        self._strikes: deque[Strike] = deque(maxlen=VENUE_STRIKES_KEPT)

    # Giving faults, and what has become of them.

    @property
    def room(self) -> int:
        """How many more faults may be given while none ends."""
        return VENUE_FAULTS_MAX - sum(not given.is_over for given in self._given.values())

    def give(self, fault: Fault, now: Nanos) -> int:
        """Take a fault in and return its number. `advance` must be called next, and begins it."""
        assert self.room > 0, "whoever gives faults looks for room first"
        self._forget()
        given = _Given(next(self._numbers), fault)
        self._given[given.number] = given
        self._expect(given, now + nanos(fault.in_ms))
        return given.number

    def knows(self, number: int) -> bool:
        """Tell whether a fault of this number is on record."""
        return number in self._given

    def clear(self, number: int) -> list[Due]:
        """End a fault for good; return what is to be taken back for it."""
        given = self._given[number]
        due = self._end(given) if given.is_armed else []
        given.is_over = True
        return due

    def clear_all(self) -> list[Due]:
        """End every fault for good; return what is to be taken back, the latest first."""
        return [due for number in reversed(self._given) for due in self.clear(number)]

    def report(self) -> FaultReport:
        """Return what has become of the faults."""
        records = [
            FaultRecord(
                number=given.number, state=given.state, struck=given.struck, fault=given.fault
            )
            for given in self._given.values()
        ]
        return FaultReport(faults=records, strikes=list(self._strikes))

    # Time.

    @property
    def next_at(self) -> Nanos | None:
        """When `advance` has something to do, or None if never."""
        return self._moments[0].at if self._moments else None

    def advance(self, now: Nanos) -> list[Due]:
        """Begin and end what is due; return what is to be played, in order."""
        due: list[Due] = []
        while self._moments and self._moments[0].at <= now:
            moment = heappop(self._moments)
            given = self._given.get(moment.number)
            if given is None or given.is_over:
                continue
            if not moment.is_end:
                due += self._begin(given, moment.at)
            elif given.is_armed:
                due += self._end(given)
        return due

    def shift(self, step: Nanos) -> None:
        """Move along with the venue's clock, so that nothing lasts longer or shorter for its step.

        Bans stay at the moment that clients were told.
        """
        self._moments = [moment._replace(at=moment.at + step) for moment in self._moments]
        self._hidden.shift(step)

    # What befalls what.

    def request_fate(self, request: RequestOccasion, now: Nanos) -> RequestFate:
        """Return what happens to a request that has come in."""
        banned_until_ms = self.bans.until_ms(request.address, now)
        if banned_until_ms:
            return _refused(refusals.banned(banned_until_ms))
        if request.method in _QUERIES and self._hidden.hides(request.client_order_id, now):
            return _refused(refusals.order_not_found())
        fault = self._strike(self._requests, lambda fault: fault.befalls(request), request, now)
        if fault is not None:
            return fault.fate(now)
        return FAITHFUL if self._plan is None else self._plan.request_fate(request.method, now)

    def order_placed(self, client_order_id: str, hidden_for: Nanos, now: Nanos) -> None:
        """Take note of a new order that queries are blind to for a while."""
        self._hidden.hide(client_order_id, now, now + hidden_for)

    def event_fate(self, message: bytes, now: Nanos) -> EventFate:
        """Return what happens to a user event, given in its envelope, on one subscription."""
        if self._events:
            event = read_event(message)
            fault = self._strike(self._events, lambda fault: fault.befalls(event), event, now)
            if fault is not None:
                return fault.fate()
        return EVENT_FAITHFUL if self._plan is None else self._plan.event_fate()

    @property
    def has_frame_faults(self) -> bool:
        """Whether any market message can meet a fault now."""
        return bool(self._frames)

    def frame_fate(self, stream: str, payload: bytes, now: Nanos) -> FrameFate:
        """Return what is sent in place of a market message, given in the combined form."""
        fault = self._strike(self._frames, lambda fault: fault.befalls(stream), stream, now)
        return FrameFate((payload,)) if fault is None else fault.fate(payload)

    def handshake_fault(self, handshake: HandshakeOccasion, now: Nanos) -> HandshakeFault | None:
        """Return what happens to a new connection."""
        banned_until_ms = self.bans.until_ms(handshake.address, now)
        if banned_until_ms:
            return HandshakeRefused(
                status=refusals.STATUS_BANNED,
                retry_after_ms=banned_until_ms - now // NANOS_PER_MS,
            )
        return self._strike(
            self._handshakes, lambda fault: fault.befalls(handshake), handshake, now
        )

    # How a fault comes and goes.

    def _expect(self, given: _Given, at: Nanos, *, is_end: bool = False) -> None:
        heappush(self._moments, _Moment(at, next(self._orders), given.number, is_end))

    def _begin(self, given: _Given, at: Nanos) -> Iterable[Due]:
        """Let a fault wait for its occasions, or happen."""
        fault = given.fault
        lasts = nanos(fault.for_ms) if isinstance(fault, OccasionalFault | LastingAct) else 0
        if lasts:
            self._expect(given, at + lasts, is_end=True)
        if fault.every_ms:
            drawn = nanos(self._random.expovariate(1 / fault.every_ms))
            self._expect(given, at + lasts + max(drawn, VENUE_FAULT_PAUSE_MIN))
        if _waits(fault):
            given.is_armed = True
            self._arm(given.number, fault)
            return ()
        assert isinstance(fault, Act | ConnectionFault), "what waits for nothing happens"
        given.is_armed = isinstance(fault, LastingAct)
        self._note(given, "", at)
        if not given.is_armed:
            given.is_over = not fault.every_ms
        return (Begun(fault),)

    def _end(self, given: _Given) -> list[Due]:
        """Let a fault wait no longer, or be taken back."""
        given.is_armed = False
        given.is_over = not given.fault.every_ms
        if isinstance(given.fault, LastingAct):
            return [Ended(given.fault)]
        for family in (self._requests, self._events, self._frames, self._handshakes):
            family.disarm(given.number)
        return []

    def _arm(self, number: int, fault: Fault) -> None:
        match fault:
            case RequestFault():
                self._requests.arm(number, fault)
            case EventFault():
                self._events.arm(number, fault)
            case FrameFault():
                self._frames.arm(number, fault)
            case HandshakeFault():
                self._handshakes.arm(number, fault)

    def _strike(
        self,
        family: ArmedFaults[_Kind],
        befalls: Callable[[_Kind], bool],
        occasion: object,
        now: Nanos,
    ) -> _Kind | None:
        """Return the fault that strikes an occasion, and take note of that."""
        hit = family.strike(befalls)
        if hit is None:
            return None
        given = self._given[hit.number]
        self._note(given, str(occasion), now)
        if hit.is_spent:
            self._end(given)
        return hit.fault

    def _note(self, given: _Given, on: str, at: Nanos) -> None:
        given.struck += 1
        self._strikes.append(
            Strike(number=given.number, fault=given.fault.kind, at_ms=at // NANOS_PER_MS, on=on)
        )

    def _forget(self) -> None:
        """Forget the oldest fault that is over when there are many."""
        if len(self._given) >= VENUE_FAULTS_MAX:
            over = next(given for given in self._given.values() if given.is_over)
            del self._given[over.number]


def _waits(fault: Fault) -> bool:
    """Tell whether a fault waits for an occasion, rather than happens when it begins."""
    if isinstance(fault, ConnectionFault):
        return fault.on == "new"
    return isinstance(fault, OccasionalFault)


def _refused(refusal: refusals.Refused) -> RequestFate:
    return RequestFate(is_executed=False, answer=refusal, reply_delays=NEVER)
