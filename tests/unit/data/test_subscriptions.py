"""What a connection is asked for: paced, answered or not, asked for again where nothing comes."""

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.data.events import SubscriptionReply
from genesis.data.frames import StreamRequest
from genesis.data.subscriptions import Subscriptions
from genesis.limits import (
    STREAM_SILENCE_MAX,
    SUBSCRIBE_SPACING,
    SUBSCRIBE_STREAMS_MAX,
    SUBSCRIPTION_PATIENCE,
    SUBSCRIPTION_PATIENCE_MAX,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos
from tests.support.market_frames import NOW

VENUE_MESSAGES_PER_SECOND: Final = 5
PONGS_PER_SECOND: Final = 1


def names(count: int) -> tuple[str, ...]:
    """Return so many names of streams."""
    return tuple(f"s{number}@trade" for number in range(count))


def subscribed(count: int = 2) -> Subscriptions:
    """Return the subscriptions of a connection that was asked for all its streams at NOW."""
    subscriptions = Subscriptions(names(count), SUBSCRIBE_SPACING)
    request = subscriptions.take_request(NOW)
    assert request is not None
    subscriptions.receive(SubscriptionReply(request.id, ""))
    return subscriptions


def never(_stream_name: str) -> Nanos:
    """Say of every stream that it never spoke."""
    return 0


def at(times: dict[str, Nanos]) -> Callable[[str], Nanos]:
    """Say when streams last spoke."""
    return lambda name: times.get(name, 0)


@given(st.integers(1, 5 * SUBSCRIBE_STREAMS_MAX), st.integers(10 * NANOS_PER_MS, NANOS_PER_SECOND))
def test_requests_are_paced_and_name_every_stream_once(count: int, impatience: Nanos) -> None:
    """However often it is looked for: within the venue's limit, its pongs included."""
    subscriptions = Subscriptions(names(count), SUBSCRIBE_SPACING)
    written: list[tuple[Nanos, StreamRequest]] = []
    now = NOW
    while (next_at := subscriptions.next_at) is not None:
        request = subscriptions.take_request(now)
        if request is not None:
            written.append((now, request))
        now = min(now + impatience, max(now + 1, next_at))
    assert [name for _, request in written for name in request.params] == list(names(count))
    assert all(len(request.params) <= SUBSCRIBE_STREAMS_MAX for _, request in written)
    assert len({request.id for _, request in written}) == len(written)
    for first, _ in written:
        in_a_second = [at for at, _ in written if first <= at < first + NANOS_PER_SECOND]
        assert len(in_a_second) + PONGS_PER_SECOND <= VENUE_MESSAGES_PER_SECOND


def test_all_requests_must_be_answered() -> None:
    """A refused one never is: what it named does not come."""
    subscriptions = Subscriptions(names(SUBSCRIBE_STREAMS_MAX + 1), SUBSCRIBE_SPACING)
    first = subscriptions.take_request(NOW)
    assert first is not None
    assert not subscriptions.is_written
    second = subscriptions.take_request(NOW + SUBSCRIBE_SPACING)
    assert second is not None
    assert subscriptions.is_written

    subscriptions.receive(SubscriptionReply(first.id, ""))
    subscriptions.receive(SubscriptionReply(second.id, "2: invalid stream"))
    assert not subscriptions.is_answered
    subscriptions.receive(SubscriptionReply(second.id, ""))
    assert subscriptions.is_answered


def test_a_word_is_asked_for_without_a_change() -> None:
    """It names no stream, has a number of its own, and counts as a message."""
    subscriptions = subscribed()
    word = subscriptions.ask_for_a_word(NOW)
    assert (word.method, word.params) == ("LIST_SUBSCRIPTIONS", ())
    assert word.id == 2
    assert subscriptions.is_answered


def test_a_stream_that_never_spoke_is_asked_for_again() -> None:
    """It is subscribed anew, not unsubscribed first; one that spoke once is left alone for good."""
    subscriptions = subscribed()
    late = NOW + SUBSCRIPTION_PATIENCE + 1
    quiet, heard = names(2)

    assert subscriptions.look(at({heard: NOW + 1}), NOW + SUBSCRIPTION_PATIENCE) == ()
    assert subscriptions.look(never, late) == (quiet,)

    request = subscriptions.take_request(late)
    assert request is not None
    assert (request.method, request.params) == ("SUBSCRIBE", (quiet,))


def test_a_quiet_stream_is_given_ever_more_time() -> None:
    """Most streams without a word have nothing to say."""
    subscriptions = subscribed(1)
    now = NOW
    asked: list[Nanos] = []
    while len(asked) < 8:
        now += NANOS_PER_SECOND
        if subscriptions.look(never, now):
            asked.append(now)
            subscriptions.take_request(now)
    waits = [later - earlier for earlier, later in zip([NOW, *asked], asked, strict=False)]
    assert waits[0] // NANOS_PER_SECOND == SUBSCRIPTION_PATIENCE // NANOS_PER_SECOND + 1
    assert waits == sorted(waits)
    assert waits[-1] - SUBSCRIPTION_PATIENCE_MAX <= NANOS_PER_SECOND


def test_what_a_predecessor_brought_does_not_count() -> None:
    """A successor's streams are heard when they come by itself."""
    subscriptions = subscribed(1)
    (name,) = names(1)
    subscriptions.listen_from(NOW + 10)
    late = NOW + 10 + SUBSCRIPTION_PATIENCE + 1
    assert subscriptions.look(at({name: NOW + 9}), late) == (name,)


@pytest.mark.parametrize("is_one_heard", [True, False])
def test_a_connection_without_any_stream_is_at_fault(
    is_one_heard: bool,  # noqa: FBT001, a case of the table
) -> None:
    """One stream may be quiet for long; all of them together are not."""
    subscriptions = subscribed()
    late = NOW + STREAM_SILENCE_MAX + 1
    heard_at = at({names(2)[1]: NOW + 1 if is_one_heard else NOW - 1})
    assert not subscriptions.are_all_silent(heard_at, NOW, late - 1)
    assert subscriptions.are_all_silent(heard_at, NOW, late) is not is_one_heard
