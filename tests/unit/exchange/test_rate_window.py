"""Counting without seeing: a venue that counts by itself, replies in any order, clocks apart."""

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.exchange.rate_limits import FEED_SHARES, RateLimits
from genesis.exchange.rate_window import Ticket
from genesis.exchange.request_cost import LimitKind, Purpose, RequestCost
from genesis.limits import RATE_WINDOW_MARGIN_MS
from genesis.venue.request_limits import Window
from tests.support.rate_limits import MINUTE, START, USABLE_WEIGHT, make_limits, used, weight

OPERATION: Final = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 4_000), st.just(0)),
    st.tuples(st.just("send"), st.integers(0, 1), st.integers(1, 25)),
    st.tuples(st.just("send"), st.integers(0, 1), st.integers(1, 25)),
    st.tuples(st.just("count"), st.integers(0, 50), st.booleans()),
    st.tuples(st.just("reply"), st.integers(0, 50), st.booleans()),
    st.tuples(st.just("lose"), st.integers(0, 50), st.just(0)),
)
ERRORS: Final = st.integers(-RATE_WINDOW_MARGIN_MS, RATE_WINDOW_MARGIN_MS)


class InFlight:
    """One request on its way: whose, with which ticket, and what the venue made of it."""

    def __init__(self, process: int, ticket: Ticket) -> None:
        self.process = process
        self.ticket = ticket
        self.count: int | None = None
        self.has_succeeded = False


class Scene:
    """A venue that counts in its own time, and processes whose clocks are off by a little."""

    def __init__(self, processes: list[RateLimits], errors: list[int]) -> None:
        self.processes = processes
        self.errors = errors
        self.now_ms = START
        self.window = Window(MINUTE)
        self.highest = 0
        self.in_flight: list[InFlight] = []

    def estimate(self, process: int) -> int:
        return self.now_ms + self.errors[process]

    def play(self, kind: str, number: int, detail: int) -> None:
        match kind:
            case "wait":
                self.now_ms += number
            case "send":
                self.send(number % len(self.processes), detail)
            case _ if self.in_flight:
                request = self.in_flight[number % len(self.in_flight)]
                self.settle(kind, request, flag=bool(detail))

    def send(self, process: int, size: int) -> None:
        purpose = Purpose.READ if size % 2 else Purpose.RECONCILE
        cost = RequestCost(purpose, size, is_refunded=size % 3 == 0)
        ticket = self.processes[process].admit(cost, self.estimate(process))
        if isinstance(ticket, Ticket):
            self.in_flight.append(InFlight(process, ticket))

    def settle(self, kind: str, request: InFlight, *, flag: bool) -> None:
        """Take a request one step on; `flag`: it succeeds, or its reply shows a count."""
        limits, now_ms = self.processes[request.process], self.estimate(request.process)
        if kind == "count" and request.count is None:
            cost = request.ticket.cost
            self.window.add(cost.weight, self.now_ms)
            self.highest = max(self.highest, self.window.count(self.now_ms))
            request.has_succeeded = flag
            if flag and cost.is_refunded:
                self.window.add(-cost.weight, self.now_ms)
            request.count = self.window.count(self.now_ms)
        elif kind == "reply" and request.count is not None:
            counts = [weight(request.count)] if flag else []
            limits.answer(request.ticket, counts, now_ms, has_succeeded=request.has_succeeded)
            self.in_flight.remove(request)
        elif kind == "lose":
            limits.lose(request.ticket, now_ms)
            self.in_flight.remove(request)


@given(st.lists(OPERATION, max_size=150), ERRORS, ERRORS)
@settings(max_examples=300)
def test_two_processes_never_reach_into_the_reserve(
    operations: list[tuple[str, int, int]], feed_error: int, executor_error: int
) -> None:
    """Whatever is sent, answered or lost, in whatever order: the venue counts what is usable."""
    scene = Scene([make_limits(FEED_SHARES), make_limits()], [feed_error, executor_error])
    for operation in operations:
        scene.play(*operation)

    assert scene.highest <= USABLE_WEIGHT


@given(st.lists(OPERATION, max_size=150), ERRORS)
@settings(max_examples=300)
def test_no_reply_makes_us_believe_less_than_the_venue_counts(
    operations: list[tuple[str, int, int]], error: int
) -> None:
    """Replies in any order, lost ones, refunds, borders: what we think used was at least used."""
    limits = make_limits()
    scene = Scene([limits], [error])
    for operation in operations:
        scene.play(*operation)
        estimate = scene.estimate(0)
        into_window = estimate % MINUTE
        if 2 * RATE_WINDOW_MARGIN_MS <= into_window < MINUTE - RATE_WINDOW_MARGIN_MS:
            known = used(limits, LimitKind.REQUEST_WEIGHT, estimate)
            assert known >= scene.window.count(scene.now_ms)
