"""What the tests of the engine share."""

import pytest

from tests.support.desk import Desk


@pytest.fixture
def desk() -> Desk:
    """Return a desk whose core trades: nothing was journaled before, and the venue has answered."""
    return Desk().start()
