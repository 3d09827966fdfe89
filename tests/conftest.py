"""What every test has: a derandomized hypothesis, a state directory, and a look at what is left."""

import stat
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support.leaks import LeakCheck
from tests.support.postgres import CannotServe, PostgresServer, postgres_server

# A failure is the same on every machine and in every run, and a slow machine is no failure.
hypothesis.settings.register_profile("genesis", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("genesis")


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the session if its tests leave a process, a shared segment or a socket behind."""
    check = LeakCheck(tmp_path_factory.getbasetemp())
    yield
    leaks = check.leaks()
    assert not leaks, "the tests left behind:\n" + "\n".join(leaks)


@pytest.fixture(scope="session")
def postgres(nothing_is_left_behind: None) -> Iterator[PostgresServer]:
    """Return a real PostgreSQL server, one for the whole session."""
    del nothing_is_left_behind  # it looks when the server has ended
    try:
        with postgres_server() as server:
            yield server
    except CannotServe as error:
        pytest.skip(f"no PostgreSQL to test with: {error}")


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """Return an empty, private directory for one engine's state."""
    directory = tmp_path / "state"
    directory.mkdir(mode=stat.S_IRWXU)
    return directory
