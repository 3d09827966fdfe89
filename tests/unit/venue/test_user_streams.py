"""`genesis.venue.user_streams`: who gets an account's events, and when no more."""

import msgspec
import pytest

from genesis import limits
from genesis.domain.orders import Side
from genesis.venue.time_units import TimeUnit
from tests.support.venue import NOW, at, each, signed, wish
from tests.support.venue_session import (
    LIMIT_BUY,
    NOW_MS,
    SessionClient,
    client_at_a_market,
    refusal,
)


@pytest.fixture
def client() -> SessionClient:
    """Return a client whose account has 100 000 USDT."""
    return client_at_a_market()


def test_events_follow_the_reply_they_belong_to(client: SessionClient) -> None:
    """A subscriber gets the reply first, then the reports, then the position."""
    client.log_on()
    assert client.call("userDataStream.subscribe")["result"] == {"subscriptionId": 0}
    client.told.clear()
    client.ask("order.place", **LIMIT_BUY)

    assert "status" in client.told[0]
    assert each(client.told[1:], "event", "e") == [
        "executionReport",
        "outboundAccountPosition",
    ]
    assert client.told[1]["subscriptionId"] == 0


@pytest.mark.parametrize("unit", TimeUnit)
def test_events_tell_times_in_the_unit_of_their_connection(unit: TimeUnit) -> None:
    """Of one event two connections may get two forms: sub-millisecond digits are real."""
    client = client_at_a_market(now=NOW + 123_456, time_unit=unit)
    client.log_on()
    client.call("userDataStream.subscribe")
    client.told.clear()
    client.ask("order.place", **LIMIT_BUY)
    reply, report, position = client.told

    now = client.now // unit
    assert {at(reply, "result", key) for key in ("transactTime", "workingTime")} == {now}
    assert {at(report, "event", key) for key in "ETOW"} == {now}
    assert {at(position, "event", key) for key in "Eu"} == {now}
    (ended,) = map(msgspec.json.decode, client.session.terminate_subscriptions(client.now))
    assert at(ended, "event", "E") == now


def test_subscribing_needs_a_logon_or_a_signature(client: SessionClient) -> None:
    """One subscription an account on each connection."""
    assert refusal(client.call("userDataStream.subscribe"))[:2] == (401, -1002)
    wanted = signed({"timestamp": NOW_MS})
    reply = client.call("userDataStream.subscribe.signature", wanted)
    assert reply["result"] == {"subscriptionId": 0}
    assert refusal(client.call("userDataStream.subscribe.signature", wanted))[1] == -2035
    assert client.call("session.subscriptions")["result"] == [{"subscriptionId": 0}]


def test_unsubscribing_ends_with_an_event(client: SessionClient) -> None:
    """The reply comes first; what is closed cannot be closed again."""
    client.log_on()
    client.call("userDataStream.subscribe")
    reply = client.call("userDataStream.unsubscribe", {"subscriptionId": 0})

    assert reply["result"] == {}
    assert client.told[-1] == {
        "subscriptionId": 0,
        "event": {"e": "eventStreamTerminated", "E": NOW_MS},
    }
    assert refusal(client.call("userDataStream.unsubscribe"))[1] == -2036
    assert client.call("userDataStream.subscribe")["result"] == {"subscriptionId": 1}


def test_logging_out_ends_the_subscription_of_the_logon_only(client: SessionClient) -> None:
    """A signed one lives on."""
    client.log_on()
    client.call("userDataStream.subscribe")
    client.call("session.logout")

    assert client.told[-1]["event"] == {"e": "eventStreamTerminated", "E": NOW_MS}
    client.call("userDataStream.subscribe.signature", signed({"timestamp": NOW_MS}))
    client.call("session.logout")
    assert client.call("session.subscriptions")["result"] == [{"subscriptionId": 1}]


def test_subscription_ids_run_out(client: SessionClient) -> None:
    """-2042: the connection must be replaced."""
    client.log_on()
    client.session._next_subscription = limits.VENUE_SUBSCRIPTIONS_MAX

    assert refusal(client.call("userDataStream.subscribe"))[1] == -2042


def test_a_closed_connection_gets_nothing_more(client: SessionClient) -> None:
    """Its subscriptions end with it."""
    client.log_on()
    client.call("userDataStream.subscribe")
    client.session.close()
    client.told.clear()
    client.floor.place(wish(Side.BUY, "0.1"))
    client.desk.user_streams.publish(client.floor.exchange.take_events())

    assert client.told == []
