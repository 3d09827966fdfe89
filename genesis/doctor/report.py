"""What the doctor says: a check for each thing it looked at, and what they add up to. Pure."""

import enum
from collections.abc import Sequence
from typing import Self

import msgspec

from genesis.errors import EXIT_OK


class Result(enum.StrEnum):
    """OK: as it should be, or of no matter here. WARN: it trades, but look. FAIL: it must not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: what was seen, and what to do where it is not well.

    `exit_code` is what a failure of it ends a start with: it tells whether trying again may help.
    """

    name: str
    result: Result
    seen: str
    remedy: str = ""
    exit_code: int = EXIT_OK


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of one examination, in the order in which one depends on another."""

    mode: str
    checks: tuple[Check, ...]
    exit_code: int

    @classmethod
    def of(cls, mode: str, checks: Sequence[Check]) -> Self:
        """Add checks up: the exit code is that of the failure that a new start cures least."""
        worst = max((check.exit_code for check in checks if check.result is Result.FAIL), default=0)
        return cls(mode=mode, checks=tuple(checks), exit_code=worst)


def ok(name: str, seen: str) -> Check:
    """Make a check of something that is as it should be."""
    return Check(name=name, result=Result.OK, seen=seen)


def warn(name: str, seen: str, remedy: str) -> Check:
    """Make a check of something to look at."""
    return Check(name=name, result=Result.WARN, seen=seen, remedy=remedy)


def fail(name: str, seen: str, remedy: str, exit_code: int) -> Check:
    """Make a check of something that trading must not begin with."""
    return Check(name=name, result=Result.FAIL, seen=seen, remedy=remedy, exit_code=exit_code)
