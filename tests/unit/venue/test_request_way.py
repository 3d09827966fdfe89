"""`genesis.venue.request_way`: each step of a request at its time, or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from genesis.units import NANOS_PER_MS, Nanos
from genesis.venue import refusals
from genesis.venue.exchange import Exchange
from genesis.venue.fates import NEVER, ReplyForm, RequestFate
from genesis.venue.fault_desk import FaultDesk
from genesis.venue.parameters import Parameters
from genesis.venue.refusals import Refused
from genesis.venue.request_desk import Admitted
from genesis.venue.request_faults import RequestOccasion
from genesis.venue.request_way import RequestWay, occasion_of
from tests.support.venue import NOW, Floor

LATENCY = 2 * NANOS_PER_MS


@dataclass
class Venue:
    """A venue whose time a test turns, and everything that happened on it, in order."""

    events: list[str] = field(default_factory=list)
    time: Nanos = NOW
    has_failed: bool = False
    latency: Nanos = LATENCY
    faults: FaultDesk = field(default_factory=lambda: FaultDesk(Random(1)))
    exchange: Exchange = field(default_factory=lambda: Floor().exchange)
    timers: list[tuple[Nanos, Callable[[], None]]] = field(default_factory=list)

    def now(self) -> Nanos:
        return self.time

    def after(self, delay: Nanos, act: Callable[[], None]) -> None:
        if delay:
            self.timers.append((self.time + delay, act))
        else:
            act()

    def tell(self) -> None:
        self.events.append("told")

    def refuse(self, asked: Admitted, refusal: Refused, now: Nanos) -> None:
        del asked, now
        self.events.append(f"refused {refusal.code}")

    def forward(self, asked: Admitted, now: Nanos) -> None:
        del asked
        self.events.append(f"forwarded after {(now - NOW) // NANOS_PER_MS}")

    def execute(self, asked: Admitted, form: ReplyForm, now: Nanos) -> Callable[[], None]:
        del asked
        self.events.append(f"executed after {(now - NOW) // NANOS_PER_MS} {form.name}")
        return lambda: self.events.append("replied")

    def cut(self) -> None:
        self.events.append("cut")

    def play(self, late: Nanos = 0) -> None:
        """Let time pass until nothing is due; each timer may be late."""
        while self.timers:
            self.timers.sort(key=lambda timer: timer[0])
            at, act = self.timers.pop(0)
            self.time = max(self.time, at + late)
            act()


def way_of(fate: RequestFate, late: Nanos = 0) -> list[str]:
    """Return what happened on the way of a request with this fate."""
    venue = Venue()
    RequestWay(venue, venue, Admitted(method="order.place"), fate).begin()
    venue.play(late)
    return venue.events


def test_a_request_is_carried_out_and_answered() -> None:
    """Forwarded when it has arrived, executed at once; the reply goes before its events."""
    assert way_of(RequestFate()) == [
        "forwarded after 2",
        "executed after 2 PLAIN",
        "replied",
        "told",
    ]


def test_delays_pass_before_and_behind_the_last_test_of_age() -> None:
    """`delay` before it, `queue_delay` behind it."""
    fate = RequestFate(
        delay=3 * NANOS_PER_MS, queue_delay=4 * NANOS_PER_MS, queue_delay_max=9 * NANOS_PER_MS
    )

    assert way_of(fate)[:2] == ["forwarded after 5", "executed after 9 PLAIN"]


def test_nothing_is_executed_behind_its_bound() -> None:
    """However starved the venue is: clients rely on it when they believe "not found"."""
    fate = RequestFate(queue_delay=4 * NANOS_PER_MS, queue_delay_max=5 * NANOS_PER_MS)

    assert way_of(fate, late=NANOS_PER_MS)[-1] == "told"
    assert way_of(fate, late=2 * NANOS_PER_MS) == ["forwarded after 4"]


def test_an_answer_or_a_cut_comes_at_once() -> None:
    """Before the execution that may follow."""
    fate = RequestFate(answer=refusals.timed_out(), cuts_connection=True, reply_delays=NEVER)

    assert way_of(fate) == [
        "refused -1007",
        "cut",
        "forwarded after 2",
        "executed after 2 PLAIN",
        "told",
    ]


def test_replies_go_out_when_and_as_the_fate_says() -> None:
    """Behind the events, again after a while, in another form."""
    fate = RequestFate(
        reply_delays=(0, NANOS_PER_MS), reply_form=ReplyForm.GARBLED, events_first=True
    )

    assert way_of(fate)[1:] == ["executed after 2 GARBLED", "told", "replied", "told", "replied"]


def test_a_failed_venue_carries_out_nothing_more() -> None:
    """Its memory may be ahead of its ledger."""
    venue = Venue()
    RequestWay(venue, venue, Admitted(method="ping"), RequestFate()).begin()
    venue.has_failed = True
    venue.play()

    assert venue.events == ["forwarded after 2"]


def test_what_faults_see_of_a_request() -> None:
    """The order's own id: a cancel's `newClientOrderId` is the cancel's."""
    texts = {"symbol": "BTCUSDT", "origClientOrderId": "mine", "newClientOrderId": "cancel"}
    cancel = Admitted(method="order.cancel", parameters=Parameters(texts))
    placement = Admitted(method="order.place", parameters=Parameters({"newClientOrderId": "mine"}))

    assert occasion_of(cancel, "rest", "127.0.0.1") == RequestOccasion(
        "order.cancel", "BTCUSDT", "mine", "rest", "127.0.0.1"
    )
    assert occasion_of(placement, "ws", "127.0.0.1").client_order_id == "mine"
