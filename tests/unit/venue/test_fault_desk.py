"""`genesis.venue.fault_desk`: which fault strikes which occasion, when it begins and ends."""

from itertools import pairwise
from random import Random

import pytest

from genesis.limits import VENUE_FAULTS_MAX
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from genesis.venue.connection_faults import (
    ConnectionCut,
    ConnectionFault,
    HandshakeOccasion,
    HandshakeRefused,
)
from genesis.venue.fates import EVENT_FAITHFUL, FAITHFUL, EventFate, FrameFate
from genesis.venue.fault_desk import Begun, Due, Ended, FaultDesk
from genesis.venue.fault_terms import Fault
from genesis.venue.faults import FaultOptions, FaultPlan
from genesis.venue.request_faults import (
    OrderHidden,
    ReplyDoubled,
    ReplyLost,
    RequestLost,
    RequestOccasion,
)
from genesis.venue.stream_faults import EventLost, FrameLost
from genesis.venue.venue_acts import ClockStepped, ServerShutdown, SymbolHalted

NOW = 1_780_000_000_000 * NANOS_PER_MS
PLACEMENT = RequestOccasion("order.place", "BTCUSDT", "mine", "ws", "127.0.0.1")
QUERY = RequestOccasion("order.status", "BTCUSDT", "mine", "rest", "127.0.0.2")
TRADE = b'{"subscriptionId":0,"event":{"e":"executionReport","x":"TRADE","s":"BTCUSDT","c":"mine"}}'
HANDSHAKE = HandshakeOccasion("streams", "127.0.0.1")


def desk_with(*faults: Fault, seed: int = 5, plan: FaultPlan | None = None) -> FaultDesk:
    """Return a desk that was given these faults, begun as far as they are due."""
    desk = FaultDesk(Random(seed), plan)
    for fault in faults:
        desk.give(fault, NOW)
    desk.advance(NOW)
    return desk


def lost(desk: FaultDesk, count: int, request: RequestOccasion = PLACEMENT) -> list[bool]:
    """Tell of so many requests which were lost."""
    return [not desk.request_fate(request, NOW).is_executed for _ in range(count)]


def state_of(desk: FaultDesk, number: int = 1) -> tuple[str, int]:
    """Return state and strikes of a fault."""
    (record,) = [record for record in desk.report().faults if record.number == number]
    return record.state, record.struck


def test_without_faults_all_goes_well() -> None:
    """A desk that was given none harms nothing, and has nothing to do."""
    desk = desk_with()

    assert desk.request_fate(PLACEMENT, NOW) is FAITHFUL
    assert desk.event_fate(TRADE, NOW) is EVENT_FAITHFUL
    assert not desk.has_frame_faults
    assert desk.handshake_fault(HANDSHAKE, NOW) is None
    assert desk.next_at is None


def test_a_fault_strikes_the_next_request_that_fits() -> None:
    """Others pass; one strike is all it has; the record says what it befell and when."""
    desk = desk_with(RequestLost(method="order.place", client_order_id="mine"))

    assert lost(desk, 1, QUERY) == [False]
    assert lost(desk, 1, PLACEMENT._replace(client_order_id="other")) == [False]
    assert state_of(desk) == ("armed", 0)
    assert lost(desk, 2) == [True, False]
    assert state_of(desk) == ("over", 1)
    (strike,) = desk.report().strikes
    assert (strike.fault, strike.number, strike.at_ms) == ("request_lost", 1, NOW // NANOS_PER_MS)
    assert strike.on == "ws order.place BTCUSDT mine"


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (RequestLost(times=2), [True, True, False, False, False]),
        (RequestLost(after=2), [False, False, True, False, False]),
        (RequestLost(times=0), [True, True, True, True, True]),
        (RequestLost(transport="rest"), [False, False, False, False, False]),
        (RequestLost(address="127.0.0.2"), [False, False, False, False, False]),
    ],
    ids=["twice", "third", "always", "other transport", "other address"],
)
def test_how_often_and_which(fault: RequestLost, struck: list[bool]) -> None:
    """`after` lets occasions pass, `times` counts strikes, and all that is named must fit."""
    assert lost(desk_with(fault), 5) == struck


def test_a_share_is_drawn_from_the_seed() -> None:
    """The same seed strikes the same occasions, another one others."""
    fault = RequestLost(times=0, share=0.5)

    drawn = lost(desk_with(fault), 100)
    assert 30 < sum(drawn) < 70
    assert lost(desk_with(fault), 100) == drawn
    assert lost(desk_with(fault, seed=6), 100) != drawn


def test_one_request_meets_one_fault() -> None:
    """The one that was armed first; the next one strikes the next request."""
    desk = desk_with(ReplyLost(), RequestLost())

    assert desk.request_fate(PLACEMENT, NOW).reply_delays == ()
    assert desk.request_fate(PLACEMENT, NOW).is_executed is False


def test_what_was_given_goes_before_shares() -> None:
    """A share befalls only what no fault was given for."""
    plan = FaultPlan(FaultOptions(request_lost=1.0, event_lost=1.0), Random(1))
    desk = desk_with(ReplyDoubled(delay_ms=3), plan=plan)

    assert desk.request_fate(PLACEMENT, NOW).reply_delays == (0, 3 * NANOS_PER_MS)
    assert lost(desk, 3) == [True, True, True]
    assert desk.event_fate(TRADE, NOW) == EventFate(())


def test_events_are_told_apart() -> None:
    """By type, execution, symbol, and the order's own id: `C` where there is one."""
    desk = desk_with(EventLost(execution="TRADE", client_order_id="mine", times=0))
    canceled = TRADE.replace(b"TRADE", b"CANCELED")
    renamed = TRADE.replace(b'"c":"mine"', b'"c":"cancel-1","C":"mine"')

    assert desk.event_fate(TRADE, NOW) == EventFate(())
    assert desk.event_fate(renamed, NOW) == EventFate(())
    assert desk.event_fate(canceled, NOW) == EVENT_FAITHFUL


def test_frames_of_a_stream_are_struck() -> None:
    """And those of others pass as they are."""
    desk = desk_with(FrameLost(symbol="BTCUSDT"))

    assert desk.has_frame_faults
    assert desk.frame_fate("ethusdt@trade", b"{}", NOW) == FrameFate((b"{}",))
    assert desk.frame_fate("btcusdt@trade", b"{}", NOW) == FrameFate(())
    assert not desk.has_frame_faults


def test_a_fault_begins_in_its_time_and_ends_by_itself() -> None:
    """Before and after it, requests pass; time is what `advance` is told."""
    desk = desk_with(RequestLost(in_ms=10, for_ms=20, times=0))

    assert desk.next_at == NOW + 10 * NANOS_PER_MS
    assert state_of(desk) == ("waiting", 0)
    assert lost(desk, 1) == [False]
    desk.advance(NOW + 10 * NANOS_PER_MS)
    assert lost(desk, 1) == [True]
    desk.advance(NOW + 30 * NANOS_PER_MS)
    assert lost(desk, 1) == [False]
    assert state_of(desk) == ("over", 1)
    assert desk.next_at is None


def test_a_fault_that_recurs_is_armed_anew() -> None:
    """At random times of the seed, each time for as many strikes as before."""
    desk = desk_with(RequestLost(every_ms=1_000))
    struck_at: list[Nanos] = []
    while len(struck_at) < 200:
        at = desk.next_at
        assert at is not None
        desk.advance(at)
        assert lost(desk, 2) == [True, False]
        struck_at.append(at)

    gaps = [later - earlier for earlier, later in pairwise(struck_at)]
    assert 0.7 < sum(gaps) / len(gaps) / NANOS_PER_SECOND < 1.3
    assert len(set(gaps)) == len(gaps)
    assert state_of(desk) == ("waiting", 200)


def test_a_fault_recurs_no_more_than_once_a_millisecond() -> None:
    """However near its times are to be: the desk comes to an end of what is due."""
    desk = desk_with(ServerShutdown(every_ms=1e-9))

    assert len(desk.advance(NOW + 5 * NANOS_PER_MS)) == 5


def test_acts_happen_when_they_begin() -> None:
    """They wait for nothing, and one of a moment is over at once."""
    desk = FaultDesk(Random(1))
    desk.give(ServerShutdown(), NOW)
    desk.give(ClockStepped(step_ms=5, in_ms=7), NOW)

    assert desk.advance(NOW) == [Begun(ServerShutdown())]
    assert state_of(desk) == ("over", 1)
    assert desk.advance(NOW + 7 * NANOS_PER_MS) == [Begun(ClockStepped(step_ms=5, in_ms=7))]


def test_an_act_that_lasts_is_taken_back() -> None:
    """At its end, or when it is cleared: once."""
    halt = SymbolHalted(symbol="BTCUSDT", for_ms=5)
    desk = FaultDesk(Random(1))
    desk.give(halt, NOW)

    assert desk.advance(NOW) == [Begun(halt)]
    assert state_of(desk) == ("armed", 1)
    assert desk.advance(NOW + 5 * NANOS_PER_MS) == [Ended(halt)]
    assert desk.clear(1) == []

    other = SymbolHalted(symbol="ETHUSDT")
    number = desk.give(other, NOW)
    assert desk.advance(NOW) == [Begun(other)]
    assert desk.clear(number) == [Ended(other)]
    assert state_of(desk, number) == ("over", 1)


def test_an_act_that_recurs_ends_in_between() -> None:
    """Begun and ended by turns, never twice the same."""
    halt = SymbolHalted(symbol="BTCUSDT", for_ms=50, every_ms=10)
    desk = FaultDesk(Random(1))
    desk.give(halt, NOW)
    due: list[Due] = []
    while len(due) < 20:
        assert desk.next_at is not None
        due += desk.advance(desk.next_at)

    assert due == [Begun(halt), Ended(halt)] * 10


def test_open_connections_are_struck_at_once_and_new_ones_when_they_come() -> None:
    """The one is handed out to be played, the other waits for its handshake."""
    desk = FaultDesk(Random(1))
    now_cut, cut_next = ConnectionCut(), ConnectionCut(on="new", kind="streams")
    desk.give(now_cut, NOW)
    desk.give(cut_next, NOW)

    assert desk.advance(NOW) == [Begun(now_cut)]
    assert desk.handshake_fault(HandshakeOccasion("api", "127.0.0.1"), NOW) is None
    assert desk.handshake_fault(HANDSHAKE, NOW) is cut_next
    assert desk.handshake_fault(HANDSHAKE, NOW) is None


def test_a_cleared_fault_strikes_nothing() -> None:
    """Not now, not when it would have begun, and others stay."""
    desk = desk_with(RequestLost(times=0), RequestLost(times=0, in_ms=5), EventLost())
    desk.clear(1)
    desk.clear(2)
    desk.advance(NOW + 5 * NANOS_PER_MS)

    assert lost(desk, 1) == [False]
    assert desk.event_fate(TRADE, NOW) == EventFate(())
    assert [record.state for record in desk.report().faults] == ["over"] * 3
    assert (desk.knows(3), desk.knows(4)) == (True, False)


def test_everything_is_cleared_the_latest_first() -> None:
    """So that what was laid over something else comes off before it."""
    first, second = SymbolHalted(symbol="BTCUSDT"), SymbolHalted(symbol="ETHUSDT")
    desk = desk_with(first, FrameLost(), second)

    assert desk.clear_all() == [Ended(second), Ended(first)]
    assert desk.clear_all() == []
    assert not desk.has_frame_faults


def test_a_banned_address_is_refused_everything() -> None:
    """418 to requests and handshakes until the moment it was told, others go on."""
    desk = desk_with()
    desk.bans.begin("127.0.0.1", NOW + 3 * NANOS_PER_SECOND)

    fate = desk.request_fate(PLACEMENT, NOW)
    assert fate.answer is not None
    assert (fate.is_executed, fate.answer.status, fate.answer.code) == (False, 418, -1003)
    assert f"banned until {NOW // NANOS_PER_MS + 3_000}" in fate.answer.text
    assert desk.request_fate(QUERY, NOW) == FAITHFUL
    refused = desk.handshake_fault(HANDSHAKE, NOW + NANOS_PER_SECOND)
    assert refused == HandshakeRefused(status=418, retry_after_ms=2_000)
    assert desk.request_fate(PLACEMENT, NOW + 3 * NANOS_PER_SECOND) == FAITHFUL


def test_everybody_can_be_banned_and_pardoned() -> None:
    """An empty address is every address."""
    desk = desk_with()
    desk.bans.begin("", NOW + NANOS_PER_SECOND)
    assert lost(desk, 1, QUERY) == [True]

    desk.bans.end("")
    assert lost(desk, 1, QUERY) == [False]


def test_a_hidden_order_is_not_found_by_its_query() -> None:
    """-2013 for as long as its placement's fault says, and about no other order."""
    desk = desk_with(OrderHidden(hidden_ms=20))
    hidden_for = desk.request_fate(PLACEMENT, NOW).hidden_for
    desk.order_placed("mine", hidden_for, NOW)

    answer = desk.request_fate(QUERY, NOW).answer
    assert answer is not None
    assert answer.code == -2013
    assert desk.request_fate(QUERY._replace(client_order_id="other"), NOW) == FAITHFUL
    assert desk.request_fate(QUERY, NOW + 20 * NANOS_PER_MS) == FAITHFUL


def test_what_is_due_moves_with_the_clock() -> None:
    """A step of the clock brings nothing nearer and puts nothing off."""
    desk = desk_with(RequestLost(in_ms=10))
    desk.shift(-NANOS_PER_SECOND)

    assert desk.next_at == NOW + 10 * NANOS_PER_MS - NANOS_PER_SECOND


def test_the_record_is_bounded() -> None:
    """What is over is forgotten, the oldest first; what is not counts against the room."""
    desk = desk_with(RequestLost(method="order.cancel"))
    for _ in range(VENUE_FAULTS_MAX + 50):
        desk.give(RequestLost(), NOW)
        desk.advance(NOW)
        lost(desk, 1)

    assert len(desk.report().faults) <= VENUE_FAULTS_MAX
    assert len(desk.report().strikes) <= 1_000
    assert state_of(desk) == ("armed", 0)
    assert desk.room == VENUE_FAULTS_MAX - 1


def test_connection_faults_name_their_occasion() -> None:
    """What chooses among open connections is refused for new ones, and the other way round."""
    with pytest.raises(ValueError, match="choose among open connections"):
        ConnectionCut(on="new", stream="btcusdt@trade")
    with pytest.raises(ValueError, match="say on: new"):
        ConnectionCut(times=2)
    assert issubclass(ConnectionCut, ConnectionFault)
