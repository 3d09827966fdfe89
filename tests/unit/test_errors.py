"""The error tree: each class says what to do, and each ends with its own exit code."""

from collections.abc import Iterator

import pytest

from genesis import errors
from genesis.errors import GenesisError, VenueRejected, VenueThrottled


def _classes(root: type[GenesisError]) -> Iterator[type[GenesisError]]:
    yield root
    for child in root.__subclasses__():
        yield from _classes(child)


ERRORS = [error for error in _classes(GenesisError) if error.__module__ == errors.__name__]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_stands_in_the_tree_and_says_what_to_do(error: type[GenesisError]) -> None:
    """The tree at the top of the module is complete, and no class goes without its remedy."""
    assert error.__name__ in (errors.__doc__ or "")
    assert error.__doc__


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (errors.UsageError, 64),
        (errors.EngineNotRunning, 69),
        (errors.GenesisError, 70),
        (errors.ChildFailed, 70),
        (errors.ResourceError, 71),
        (errors.SegmentMismatch, 71),
        (errors.StorageError, 74),
        (errors.LockHeld, 75),
        (errors.ConfigError, 78),
    ],
)
def test_exit_codes_tell_a_supervisor_whether_to_restart(
    error: type[GenesisError], exit_code: int
) -> None:
    """0, 64 and 78 stay down; the others are worth another try (`supervisord.conf`)."""
    assert error.exit_code == exit_code


def test_a_venue_error_carries_what_its_catcher_needs() -> None:
    """A throttled request says when it is valid again, a rejected one what the venue said."""
    throttled = VenueThrottled("slow down", retry_at=5)
    rejected = VenueRejected(-2010, "Account has insufficient balance.")

    assert throttled.retry_at == 5
    assert (rejected.code, rejected.reason) == (-2010, "Account has insufficient balance.")
    assert str(rejected) == "-2010: Account has insufficient balance."
