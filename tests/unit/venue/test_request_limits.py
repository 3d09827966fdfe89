"""`genesis.venue.request_limits`: fixed windows, aligned."""

import pytest

from genesis.errors import ConfigError
from genesis.venue.refusals import Refused
from genesis.venue.request_limits import (
    DAY_MS,
    MINUTE_MS,
    ConnectionLimit,
    OrderLimit,
    RateLimit,
    RateLimits,
    WeightLimit,
    Window,
)


def test_a_window_is_aligned_and_falls_to_zero() -> None:
    """What counts is the window that holds the moment, not the time since the first request."""
    window = Window(10_000)
    window.add(3, 19_999)

    assert window.count(19_999) == 3
    assert window.ends_ms(19_999) == 20_000
    assert window.count(20_000) == 0


def test_a_window_never_counts_below_zero() -> None:
    """Relief for a fill cannot be saved up."""
    window = Window(10_000)
    window.add(-5, 0)
    window.add(1, 0)

    assert window.count(0) == 1


def test_weight_beyond_the_limit_is_refused_until_the_window_ends() -> None:
    """-1003 with status 429 says when to come back."""
    weight = WeightLimit(RateLimits(weight=RateLimit(50, MINUTE_MS)))
    weight.spend(50, 61_000)
    with pytest.raises(Refused) as caught:
        weight.spend(1, 62_000)

    assert (caught.value.code, caught.value.status) == (-1003, 429)
    assert caught.value.text.startswith(
        "Too much request weight used; current limit is 50 request weight per 1 MINUTE."
    )
    assert caught.value.retry_at_ms == 120_000
    weight.spend(1, 120_000)
    assert weight.entry(120_000).count == 1


def test_weight_is_given_back_for_orders_that_succeed() -> None:
    """They cost nothing."""
    weight = WeightLimit(RateLimits())
    weight.spend(1, 0)
    weight.count(-1, 0)

    assert weight.entry(0).count == 0


def test_the_day_is_a_window_too() -> None:
    """-1015 names the window that is full."""
    limit = OrderLimit(RateLimits(orders_a_day=RateLimit(1, DAY_MS)))
    limit.count_order(0)
    with pytest.raises(Refused, match="current limit is 1 orders per 1 DAY") as caught:
        limit.check(50_000)
    assert caught.value.retry_at_ms == 86_400_000


def test_fills_take_orders_off_the_count() -> None:
    """Both windows show it."""
    limit = OrderLimit(RateLimits())
    limit.count_order(0)
    limit.count_order(0)
    limit.relieve(0, 1)

    assert [entry.count for entry in limit.entries(0)] == [1, 1]
    assert [entry.interval for entry in limit.entries(0)] == ["SECOND", "DAY"]


@pytest.mark.parametrize(
    ("window_ms", "interval", "text"),
    [
        (MINUTE_MS, ("MINUTE", 1), "1 MINUTE"),
        (10_000, ("SECOND", 10), "10 SECOND"),
        (7_200_000, ("HOUR", 2), "2 HOUR"),
        (DAY_MS, ("DAY", 1), "1 DAY"),
        (90_000, ("SECOND", 90), "90 SECOND"),
    ],
)
def test_windows_are_told_in_whole_units(
    window_ms: int, interval: tuple[str, int], text: str
) -> None:
    """The largest that fit: clients read limits and windows from exchangeInfo."""
    limit = RateLimit(5, window_ms)

    assert (limit.interval, limit.window_text) == (interval, text)


def test_a_window_that_cannot_be_told_is_refused() -> None:
    """Parts of a second have no unit."""
    with pytest.raises(ConfigError, match="1500 ms: use whole seconds"):
        RateLimits(weight=RateLimit(5, 1_500))


def test_connections_are_counted_by_address() -> None:
    """The attempt beyond the limit waits for the window's end, refused ones count too."""
    limit = ConnectionLimit(RateLimits(connections=RateLimit(2, 10_000)))

    assert [limit.count_attempt("a", 19_000) for _ in range(4)] == [0, 0, 20_000, 20_000]
    assert limit.count_attempt("b", 19_000) == 0
    assert limit.count_attempt("a", 20_000) == 0
