"""How many exceptions a strategy may raise."""

from genesis.limits import FAULT_WINDOW, FAULTS_MAX
from genesis.strategies.faults import FaultRecord
from tests.support.builders import NOW


def test_too_many_faults_within_the_window() -> None:
    """The limit is reached by the last of `FAULTS_MAX` within `FAULT_WINDOW`, not before."""
    record = FaultRecord()
    verdicts = [record.add(NOW + row) for row in range(FAULTS_MAX)]
    assert verdicts == [False] * (FAULTS_MAX - 1) + [True]


def test_rare_faults_are_forgiven() -> None:
    """A strategy that raises now and then is logged, and goes on."""
    record = FaultRecord()
    assert not any(record.add(NOW + row * FAULT_WINDOW) for row in range(20))
