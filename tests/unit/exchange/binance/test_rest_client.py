"""When a server that could not be reached is tried again."""

from genesis.exchange.binance.rest_client import ConnectionRetreat
from genesis.limits import REST_RETRY_MAX, REST_RETRY_MIN


def test_nothing_is_kept_away_before_a_failure() -> None:
    """A client begins by trying."""
    assert ConnectionRetreat().reason(0) == ""


def test_each_failure_keeps_away_for_longer_up_to_a_limit() -> None:
    """Twice as long each time; whoever asks meanwhile is told the first reason."""
    retreat, now, waits = ConnectionRetreat(), 0, []
    for _ in range(12):
        retreat.fail("refused", now)
        assert retreat.reason(now) == "refused"
        assert retreat.reason(retreat.until - 1) == "refused"
        waits.append(retreat.until - now)
        now = retreat.until
        assert retreat.reason(now) == ""
    assert waits[:3] == [REST_RETRY_MIN, 2 * REST_RETRY_MIN, 4 * REST_RETRY_MIN]
    assert waits[-2:] == [REST_RETRY_MAX, REST_RETRY_MAX]


def test_failures_at_once_are_one() -> None:
    """Ten questions were under way when the server went: it went once."""
    retreat = ConnectionRetreat()
    for _ in range(10):
        retreat.fail("refused", 0)
    assert retreat.until == REST_RETRY_MIN


def test_a_connection_ends_the_growth() -> None:
    """The next failure is a first one again."""
    retreat = ConnectionRetreat()
    retreat.fail("refused", 0)
    retreat.fail("refused", retreat.until)
    retreat.succeed()
    now = retreat.until
    retreat.fail("refused", now)
    assert retreat.until == now + REST_RETRY_MIN
