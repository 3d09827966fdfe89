"""`scripts.day.record`: what no client may do, told from what it could not know."""

from pathlib import Path

import msgspec

from genesis.limits import CONNECTIONS_MAX, CONNECTIONS_OF_EXECUTOR, CONNECTIONS_OF_FEED
from scripts.day.record import (
    UNDER_WAY_MS,
    Opened,
    Seen,
    Sight,
    attempts_in_window,
    judge_record,
    read_port,
    read_record,
    rest_queries,
)

BORDER = UNDER_WAY_MS + 1
WINDOW_MS = 300_000


def sight(seen: Seen, at_ms: int, process: str = "executor", **more: object) -> Sight:
    """Return a line of the record; the venue's clock shows the time since it began."""
    plain = Sight(seen=seen, at_ms=at_ms, run_ms=at_ms, process=process, method="time")
    return msgspec.structs.replace(plain, **more)


def ban(at_ms: int, until_ms: int, process: str = "executor") -> Sight:
    """Return the refusal that tells a process of a ban."""
    return sight("refusal", at_ms, process, status=418, code=-1003, retry_at_ms=until_ms)


def throttle(at_ms: int, until_ms: int, code: int = -1003) -> Sight:
    """Return a refusal for a rate that names a time."""
    return sight("refusal", at_ms, status=429, code=code, retry_at_ms=until_ms)


def test_who_keeps_to_everything_is_not_blamed() -> None:
    """It waits for as long as it was told, and then goes on."""
    assert not judge_record(
        [
            sight("attempt", 0),
            sight("request", 10),
            ban(11, 5_000),
            sight("request", 5_000),
            throttle(5_001, 6_000),
            throttle(6_000, 7_000),
        ]
    )


def test_a_request_during_a_known_ban_is_told_once() -> None:
    """Though two refusals should have prevented it."""
    breaches = judge_record([ban(0, 5_000), ban(5, 5_000), sight("request", 4_999)])
    assert breaches == ["executor: time over  at 4999, though banned from 0 to 5000"]


def test_a_connection_tried_during_a_ban_is_a_breach_too() -> None:
    """A ban is of the address, whatever it asks for."""
    assert len(judge_record([ban(0, 5_000), sight("attempt", 2_000)])) == 1


def test_what_was_under_way_when_the_refusal_came_could_not_be_helped() -> None:
    """It was written before the refusal was read."""
    assert not judge_record([ban(0, 5_000), sight("request", UNDER_WAY_MS)])
    assert judge_record([ban(0, 5_000), sight("request", BORDER)])


def test_a_process_knows_only_what_it_was_told_itself() -> None:
    """The other one of the address learns it by its own first request."""
    assert not judge_record([ban(0, 5_000, "feed"), sight("request", 1_000, "executor")])


def test_a_venue_that_sets_its_clock_says_nothing_of_it() -> None:
    """Back: whoever has waited for as long as was left may come. Ahead: the time named has come."""
    back = sight("request", 2_000, run_ms=5_000)
    ahead = sight("request", 5_000, run_ms=1_000)
    assert not judge_record([ban(0, 5_000), back])
    assert not judge_record([ban(0, 5_000), ahead])


def test_a_second_refusal_of_a_kind_before_the_first_ones_time_is_a_breach() -> None:
    """Weight and orders are limited apart."""
    assert len(judge_record([throttle(0, 1_000), throttle(BORDER, 1_000)])) == 1
    assert not judge_record([throttle(0, 1_000), throttle(BORDER, 1_000, -1015)])


def test_connections_are_counted_within_any_window() -> None:
    """Of each process and of all; what is older than a window counts no more."""
    early = [sight("attempt", at_ms) for at_ms in range(10)]
    late = [sight("attempt", WINDOW_MS, "feed") for _ in range(8)]
    assert attempts_in_window([*early, *late]) == {"executor": 10, "feed": 8, "all": 17}


def test_each_process_has_its_share_of_connections_and_all_have_the_venues() -> None:
    """Who could not be told any more has no share of its own."""

    def tried(process: str, count: int) -> list[str]:
        return judge_record([sight("attempt", 0, process) for _ in range(count)])

    assert not tried("executor", CONNECTIONS_OF_EXECUTOR)
    assert len(tried("executor", CONNECTIONS_OF_EXECUTOR + 1)) == 1
    assert not tried("feed", CONNECTIONS_OF_FEED)
    assert len(tried("feed", CONNECTIONS_MAX + 1)) == 2
    assert not tried("nobody", 1)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The port first, as soon as its line is whole; then what was seen, in order."""
    path = tmp_path / "record"
    assert read_port(path) is None
    first = msgspec.json.encode(Opened(port=4711))
    path.write_bytes(first)
    assert read_port(path) is None
    rows = [sight("request", 1, transport="rest", method="order.status"), sight("request", 2)]
    path.write_bytes(b"\n".join([first, *map(msgspec.json.encode, rows), b""]))

    assert read_port(path) == 4711
    assert read_record(path) == rows
    assert rest_queries(rows) == rows[:1]
