"""The faults of one family that wait for their occasion, in the order they were armed in. Pure."""

from collections.abc import Callable
from random import Random
from typing import Generic, NamedTuple, TypeVar

from genesis.venue.fault_terms import OccasionalFault

_Kind = TypeVar("_Kind", bound=OccasionalFault)


class Hit(NamedTuple, Generic[_Kind]):
    """A fault that strikes. With `is_spent` it has done so as often as it was to."""

    number: int
    fault: _Kind
    is_spent: bool


class _Armed(Generic[_Kind]):
    """One fault, and what it has seen of its occasions."""

    __slots__ = ("fault", "number", "passed", "struck")

    def __init__(self, number: int, fault: _Kind) -> None:
        self.number = number
        self.fault = fault
        self.passed = 0
        self.struck = 0

    def strikes(self, random: Random) -> bool:
        """Take an occasion that fits; tell whether it is struck."""
        fault = self.fault
        if self.passed < fault.after:
            self.passed += 1
            return False
        if fault.share < 1.0 and random.random() >= fault.share:
            return False
        self.struck += 1
        return True

    @property
    def is_spent(self) -> bool:
        """Whether it has struck as often as it was to."""
        return self.struck == self.fault.times  # which is never 0 behind a strike


class ArmedFaults(Generic[_Kind]):
    """The armed faults of one family."""

    __slots__ = ("_armed", "_random")

    def __init__(self, random: Random) -> None:
        self._armed: dict[int, _Armed[_Kind]] = {}
        self._random = random

    def __bool__(self) -> bool:
        return bool(self._armed)

    def arm(self, number: int, fault: _Kind) -> None:
        """Let a fault wait for its occasions, from the first one on."""
        self._armed[number] = _Armed(number, fault)

    def disarm(self, number: int) -> None:
        """Let a fault wait no longer, if it does."""
        self._armed.pop(number, None)

    def strike(self, befalls: Callable[[_Kind], bool]) -> Hit[_Kind] | None:
        """Return the first fault that strikes an occasion which `befalls` describes.

        One that is spent must be disarmed, or it strikes on.
        """
        for armed in self._armed.values():
            if befalls(armed.fault) and armed.strikes(self._random):
                return Hit(armed.number, armed.fault, armed.is_spent)
        return None
