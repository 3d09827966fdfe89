"""What the venue saw of its clients, and whether they kept to its limits.

The venue writes a line for each connection that is tried, each request that comes in and each
refusal that goes out, with the process that it came from or goes to. Times are the venue's: that is
what its refusals name.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from genesis.limits import (
    CONNECTION_WINDOW,
    CONNECTIONS_MAX,
    CONNECTIONS_OF_EXECUTOR,
    CONNECTIONS_OF_FEED,
    CONNECTIONS_OF_PARENT,
)
from genesis.units import NANOS_PER_MS

FILE_NAME: Final = "venue-record.jsonl"
SHARES: Final = {
    "executor": CONNECTIONS_OF_EXECUTOR,
    "feed": CONNECTIONS_OF_FEED,
    "parent": CONNECTIONS_OF_PARENT,
}
"""How many connections each process may try in a window.

Who has left before it was looked for is nobody, and counts with all together.
"""

UNDER_WAY_MS: Final = 150
"""What a process wrote before it read a refusal comes in within this, on a busy machine."""

_BANNED: Final = 418
_THROTTLED: Final = 429
_WINDOW_MS: Final = CONNECTION_WINDOW // NANOS_PER_MS

Seen = Literal["attempt", "request", "refusal"]


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """One line. A refusal of a connection has the method "connect".

    `run_ms` is since the venue began, by a clock that nobody steps.
    """

    seen: Seen
    at_ms: int
    run_ms: int
    process: str
    method: str
    transport: str = ""
    status: int = 0
    code: int = 0
    retry_at_ms: int = 0

    def __str__(self) -> str:
        return f"{self.process}: {self.method} over {self.transport} at {self.at_ms}"


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a record: where the venue listens."""

    port: int


def read_record(path: Path) -> list[Sight]:
    """Return what was seen, in order."""
    _, *lines = path.read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Sight) for line in lines]


def read_port(path: Path) -> int | None:
    """Return the port of the venue that writes this record, or None before it is open."""
    if not path.exists():
        return None
    line, newline, _ = path.read_bytes().partition(b"\n")
    return msgspec.json.decode(line, type=Opened).port if newline else None


def attempts_in_window(sights: Iterable[Sight]) -> Counter[str]:
    """Return the most connections that each process, and all together, tried within a window."""
    times: defaultdict[str, list[int]] = defaultdict(list)
    for sight in sights:
        if sight.seen == "attempt":
            times[sight.process].append(sight.run_ms)
            times["all"].append(sight.run_ms)
    most: Counter[str] = Counter()
    for process, tried in times.items():
        tried.sort()
        most[process] = max(
            place + 1 - bisect_left(tried, at - _WINDOW_MS + 1) for place, at in enumerate(tried)
        )
    return most


def rest_queries(sights: Iterable[Sight]) -> list[Sight]:
    """Return the questions about orders that came over REST."""
    return [
        sight
        for sight in sights
        if (sight.seen, sight.transport, sight.method) == ("request", "rest", "order.status")
    ]


def judge_record(sights: Sequence[Sight]) -> list[str]:
    """Say what no client may do: too many connections, or requests that it was told not to make."""
    return [*_over_budget(sights), *_asked_while_banned(sights), *_throttled_again(sights)]


def _over_budget(sights: Sequence[Sight]) -> Iterator[str]:
    for process, tried in attempts_in_window(sights).items():
        share = SHARES.get(process, CONNECTIONS_MAX)
        if tried > share:
            yield f"{process} tried {tried} connections in a window that allows it {share}"


def _asked_while_banned(sights: Sequence[Sight]) -> Iterator[str]:
    """Yield what came in from a process that knew of a ban."""
    came = _by_process(sight for sight in sights if sight.seen != "refusal")
    bans = [sight for sight in sights if sight.seen == "refusal" and sight.status == _BANNED]
    for process, told in _by_process(bans).items():
        for sight, ban in _first_of_each(came[process], told):
            yield f"{sight}, though banned from {ban.at_ms} to {ban.retry_at_ms}"


def _throttled_again(sights: Sequence[Sight]) -> Iterator[str]:
    """Yield refusals for a rate that had named a time, and were provoked again before it."""
    refusals = [sight for sight in sights if sight.status == _THROTTLED]
    for told in _by_process(refusals).values():
        for code in {sight.code for sight in told}:
            alike = [sight for sight in told if sight.code == code]
            for again, first in _first_of_each(alike, alike):
                wait = f"told at {first.at_ms} to wait until {first.retry_at_ms}"
                yield f"{again}: {code} again, though {wait}"


def _first_of_each(
    sights: Sequence[Sight], refusals: Sequence[Sight]
) -> Iterator[tuple[Sight, Sight]]:
    """Pair each sight that should not be with the first refusal that should have prevented it."""
    paired: set[int] = set()
    for refusal in refusals:
        for sight in _within(sights, refusal):
            if id(sight) not in paired:
                paired.add(id(sight))
                yield sight, refusal


def _by_process(sights: Iterable[Sight]) -> defaultdict[str, list[Sight]]:
    parted: defaultdict[str, list[Sight]] = defaultdict(list)
    for sight in sights:
        parted[sight.process].append(sight)
    return parted


def _within(sights: Sequence[Sight], refusal: Sight) -> list[Sight]:
    """Return those that came when a refusal was known, and before the time that it named.

    That time has come when the venue's clock says so, and when as much time has passed as the
    refusal had left: a venue that sets its clock back says nothing of it.
    """
    first = bisect_right(sights, refusal.run_ms + UNDER_WAY_MS, key=lambda sight: sight.run_ms)
    over_ms = refusal.run_ms + refusal.retry_at_ms - refusal.at_ms
    last = bisect_left(sights, over_ms, lo=first, key=lambda sight: sight.run_ms)
    return [sight for sight in sights[first:last] if sight.at_ms < refusal.retry_at_ms]
