"""Named points in a child at which it may kill itself: the n-th time that it passes one of them.

The points stand around the engine's own functions, put there from outside: production code has no
hooks. Which point and which passage is drawn from the seed and the child's epoch, so that every
life has another end and every run the same ones.
"""

import functools
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, ParamSpec, TypeVar

import msgspec

from genesis.engine.boot import BootSpec
from scripts.campaign.plan import AttackPlan

P = ParamSpec("P")
R = TypeVar("R")

FILE_NAME: Final = "fuses.jsonl"


@dataclass(frozen=True)
class Point:
    """A place before or after a function of the engine is called.

    `passages_max` is how often it is passed at most before the process dies there.
    """

    name: str
    owner: type
    function: str
    is_after: bool = False
    passages_max: int = 12


class BlownFuse(msgspec.Struct, frozen=True):
    """One death at a named point, as the campaign reads it."""

    process: str
    point: str
    at: float


class Fuse:
    """Kills its process when one point is passed for the n-th time."""

    def __init__(self, point: Point, passages: int, process: str, state_dir: Path) -> None:
        self._passages_left = passages
        self._words = (process, point.name)
        self._fd = os.open(
            state_dir / FILE_NAME, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600
        )
        function: Callable[..., object] = getattr(point.owner, point.function)
        around = self._after if point.is_after else self._before
        setattr(point.owner, point.function, around(function))

    def _before(self, function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            self._pass()
            return function(*args, **kwargs)

        return call

    def _after(self, function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            result = function(*args, **kwargs)
            self._pass()
            return result

        return call

    def _pass(self) -> None:
        self._passages_left -= 1
        if self._passages_left == 0:
            os.write(self._fd, msgspec.json.encode(BlownFuse(*self._words, time.time())) + b"\n")
            os.kill(os.getpid(), signal.SIGKILL)


def set_fuse(plan: AttackPlan, points: Sequence[Point], life: BootSpec, state_dir: Path) -> None:
    """Give this life its end at a named point, if the plan has one for it."""
    chance = Random(f"{plan.seed}:{life.epoch}")  # noqa: S311 - a repeatable run is the point
    if life.role in plan.fuses and chance.random() < plan.fuse_share:
        point = chance.choice(points)
        Fuse(point, chance.randint(1, point.passages_max), life.name, state_dir)
