"""A gate on the status board: what is used, what was held, where the breaker stands."""

from collections.abc import Iterator
from typing import Final

import pytest

from genesis.exchange.circuit_breaker import BreakerState
from genesis.exchange.rate_window import RateLimit
from genesis.exchange.request_cost import ENTRY_COST, LimitKind, Purpose, RequestCost
from genesis.exchange.request_gate import Admission
from genesis.ipc.board import BoardPage, Counter, Gauge, StatusBoard
from tests.support.gateways import GateKit
from workers.gate_report import GateReport

VENUE_MS: Final = 1_780_000_000_000
DEPTH: Final = RequestCost(Purpose.READ, 50)


class Scene:
    """A gate, its report, and the page that others read."""

    def __init__(self, board: StatusBoard) -> None:
        self.kit = GateKit(failures_max=1, frozen_ms=VENUE_MS)
        self.gate = self.kit.gate
        self._report = GateReport(self.gate, board.writer(0, epoch=1))
        self._page = board.reader(0)

    def show(self) -> BoardPage:
        """Bring the page up to date and read it."""
        self._report.show()
        page = self._page.read()
        assert page is not None
        return page


@pytest.fixture
def scene() -> Iterator[Scene]:
    board = StatusBoard.create(1)
    yield Scene(board)
    board.close()


def test_limits_are_shown_with_their_use(scene: Scene) -> None:
    """Of each kind that the venue counts."""
    scene.gate.state_limits([RateLimit(LimitKind.ORDERS, 10_000, 100)])
    scene.gate.admit(DEPTH)
    scene.gate.admit(ENTRY_COST)
    gauges = scene.show().gauges

    assert (gauges[Gauge.WEIGHT_USED], gauges[Gauge.WEIGHT_LIMIT]) == (51, 6_000)
    assert (gauges[Gauge.ORDERS_USED_10S], gauges[Gauge.ORDERS_LIMIT_10S]) == (1, 100)
    assert gauges[Gauge.RAW_REQUESTS_USED] == 2
    assert gauges[Gauge.BREAKER_STATE] == BreakerState.CLOSED
    assert gauges[Gauge.REQUESTS_HELD_FOR_MS] == 0


def test_what_happened_is_counted_once(scene: Scene) -> None:
    """However often it is shown: holds, refusals of the venue, transitions of the breaker."""
    admission = scene.gate.admit(ENTRY_COST)
    assert isinstance(admission, Admission)
    scene.gate.lose(admission, "no reply", is_failure=True)
    scene.gate.admit(ENTRY_COST)
    scene.kit.limits.throttle_orders(VENUE_MS + 1_500, VENUE_MS)
    scene.show()
    page = scene.show()

    assert page.counters[Counter.REQUESTS_HELD] == 1
    assert page.counters[Counter.BREAKER_OPENED] == 1
    assert page.counters[Counter.BREAKER_CLOSED] == 0
    assert page.gauges[Gauge.BREAKER_STATE] == BreakerState.OPEN
    assert page.gauges[Gauge.REQUESTS_HELD_FOR_MS] == 1_500

    scene.gate.open_session()
    page = scene.show()
    assert page.counters[Counter.BREAKER_CLOSED] == 1
    assert page.gauges[Gauge.BREAKER_STATE] == BreakerState.CLOSED
