"""`genesis.venue.faults`: which fate each request and event meets, by its share and the seed."""

from random import Random

import pytest

from genesis.units import NANOS_PER_MS
from genesis.venue.fates import EVENT_FAITHFUL, FAITHFUL, EventFate, RequestFate
from genesis.venue.faults import FaultOptions, FaultPlan

NOW = 1_780_000_000_000 * NANOS_PER_MS
LONG = 500 * NANOS_PER_MS


def plan_of(**options: float) -> FaultPlan:
    """Return a plan with these shares and longest delays."""
    return FaultPlan(FaultOptions(**options), Random(3))  # type: ignore[arg-type]


def fates(plan: FaultPlan, method: str = "order.place", count: int = 400) -> list[RequestFate]:
    """Draw many fates of one kind of request."""
    return [plan.request_fate(method, NOW) for _ in range(count)]


def test_without_faults_all_goes_well() -> None:
    """The default harms nothing, and says so."""
    plan = plan_of()

    assert fates(plan) == [FAITHFUL] * 400
    assert plan.event_fate() == EVENT_FAITHFUL
    assert not FaultOptions().any_fault
    assert FaultOptions(event_doubled=0.1).any_fault


def test_the_same_seed_gives_the_same_faults() -> None:
    """A failure is a seed."""
    options = {"request_lost": 0.2, "reply_delayed": 0.5, "reply_delay_max": LONG}

    assert fates(plan_of(**options)) == fates(plan_of(**options))


def test_shares_are_kept() -> None:
    """Of requests with a share of faults, about that share meets them, and each only one end."""
    drawn = fates(plan_of(request_lost=0.3, reply_lost=0.3), count=2_000)

    lost = sum(not fate.is_executed for fate in drawn)
    unanswered = sum(fate.is_executed and not fate.reply_delays for fate in drawn)
    assert 500 < lost < 700
    assert 500 < unanswered < 700


def test_a_lost_request_is_neither_executed_nor_answered() -> None:
    """It vanishes; a lost reply is of a request that was executed."""
    (lost,) = fates(plan_of(request_lost=1.0), count=1)
    (unanswered,) = fates(plan_of(reply_lost=1.0), count=1)

    assert (lost.is_executed, lost.answer, lost.reply_delays) == (False, None, ())
    assert (unanswered.is_executed, unanswered.reply_delays) == (True, ())


def test_a_throttled_request_is_refused_and_not_executed() -> None:
    """-1003, -1008 and -1015 are definite; those for rate say when to come again."""
    drawn = fates(plan_of(throttled=1.0))

    assert not any(fate.is_executed for fate in drawn)
    codes = {fate.answer.code for fate in drawn if fate.answer is not None}
    assert codes == {-1003, -1008, -1015}
    retries = {
        fate.answer.retry_at_ms for fate in drawn if fate.answer and fate.answer.code != -1008
    }
    assert min(retries) > NOW // NANOS_PER_MS


def test_an_unknown_status_says_nothing_of_the_execution() -> None:
    """-1007 and 5xx come with execution and without it."""
    drawn = fates(plan_of(status_unknown=1.0))

    answers = {(fate.answer.status, fate.answer.code) for fate in drawn if fate.answer is not None}
    assert answers == {(504, -1007), (500, -1000)}
    assert {fate.is_executed for fate in drawn} == {True, False}
    assert all(fate.reply_delays == () for fate in drawn)


def test_a_connection_is_cut_in_mid_order() -> None:
    """With execution and without it, and never with a reply."""
    drawn = fates(plan_of(connection_cut=1.0))

    assert all(fate.cuts_connection and not fate.reply_delays for fate in drawn)
    assert {fate.is_executed for fate in drawn} == {True, False}


@pytest.mark.parametrize(
    ("share", "longest", "field"),
    [
        ("request_delayed", "request_delay_max", "delay"),
        ("queue_delayed", "queue_delay_max", "queue_delay"),
    ],
)
def test_delays_keep_their_bound(share: str, longest: str, field: str) -> None:
    """Nothing waits for longer than clients may rely on."""
    delays = [getattr(fate, field) for fate in fates(plan_of(**{share: 1.0, longest: LONG}))]

    assert 0 <= min(delays) < max(delays) <= LONG


def test_replies_come_late_and_twice() -> None:
    """The second copy is never before the first."""
    drawn = fates(plan_of(reply_delayed=1.0, reply_doubled=1.0, reply_delay_max=LONG))

    assert all(len(fate.reply_delays) == 2 for fate in drawn)
    assert all(fate.reply_delays[0] <= fate.reply_delays[1] <= 2 * LONG for fate in drawn)


def test_other_requests_suffer_their_own_share() -> None:
    """Faults of orders may be frequent while questions about them are answered."""
    plan = plan_of(request_lost=1.0, request_delayed=1.0, request_delay_max=LONG, other_share=0.0)

    assert fates(plan, "order.status") == [FAITHFUL] * 400
    assert fates(plan, "order.cancel") == [FAITHFUL] * 400
    assert not any(fate.is_executed for fate in fates(plan, "order.place"))


def test_a_new_order_is_hidden_from_queries_for_a_while() -> None:
    """Each order has a lag of its own; nothing else is hidden."""
    plan = plan_of(query_lags=1.0, query_lag_max=LONG, other_share=0.0)

    lags = [fate.hidden_for for fate in fates(plan)]
    assert 0 <= min(lags) < max(lags) <= LONG
    assert fates(plan, "order.cancel") == [FAITHFUL] * 400


def test_events_are_lost_delayed_doubled_and_silenced() -> None:
    """Delays are drawn for each event, so that events overtake each other."""
    assert plan_of(event_lost=1.0).event_fate() == EventFate(())
    assert plan_of(stream_silenced=1.0).event_fate() == EventFate((), silences_stream=True)
    late = plan_of(event_delayed=1.0, event_doubled=1.0, event_delay_max=LONG)
    drawn = [late.event_fate().delays for _ in range(50)]
    assert all(len(delays) == 2 for delays in drawn)
    firsts = [delays[0] for delays in drawn]
    assert firsts != sorted(firsts)
