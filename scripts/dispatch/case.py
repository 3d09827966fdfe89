"""What both sides of `bench_dispatch.py` have in common; it needs the standard library alone.

`python -m MODULE CASE SEED MOVING` runs one case once and prints what it cost as one JSON object.

Both sides get the same quotes, of which nine in ten leave the price where it is, as on the recorded
tape (90.5 % of its BTCUSDT quotes, 90.3 % of ETHUSDT), or, for comparison, hardly any.

The strategies are the same on both sides: each has two exponential averages of the mid price, with
periods of its own so that no two strategies could share one; it waits until the slow one is warm,
and counts how often the fast one crosses it. The counts must agree.
"""

import json
import random
import time
from collections.abc import Callable
from typing import Final

STRATEGIES: Final = 100
QUOTES: Final = 20_000
START_CENTS: Final = 6_183_763  # BTCUSDT on the evening of the recorded tape
START_NS: Final = 1_723_161_253_000_000_000
SPACING_NS: Final = 1_000_000


def periods(row: int) -> tuple[int, int]:
    """Return the fast and the slow period of a strategy."""
    return 5 + row, 200 + 2 * row


def bids(seed: int, moving: float) -> list[int]:
    """Return the bid of every quote in cents; the ask is a cent higher.

    The price moves at a share `moving` of the quotes.
    """
    chance = random.Random(seed)  # noqa: S311 - a repeatable run is the point
    cents, walk = START_CENTS, []
    for _ in range(QUOTES):
        if chance.random() < moving:
            cents += chance.choice((-3, -2, -1, 1, 2, 3))
        walk.append(cents)
    return walk


def cost_of(work: Callable[[], object]) -> float:
    """Return the microseconds of CPU that this thread spends on `work`, per quote.

    CPU rather than wall time, so that other programs of a shared machine do not count; this thread
    alone, so that the other side's logging does not.
    """
    start = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - start) / QUOTES / 1_000


def tell(**facts: float) -> None:
    """Print the outcome."""
    print(json.dumps(facts))
