"""What a gate says of itself on the status board: limits used, requests held, the breaker."""

from typing import Final

import msgspec

from genesis.exchange.rate_limits import DAY_MS, MINUTE_MS, SECOND_MS
from genesis.exchange.request_cost import LimitKind
from genesis.exchange.request_gate import GateCounters, RequestGate
from genesis.ipc.board import BoardPageWriter, Counter, Gauge

_USAGE: Final = {
    (LimitKind.REQUEST_WEIGHT, MINUTE_MS): (Gauge.WEIGHT_USED, Gauge.WEIGHT_LIMIT),
    (LimitKind.RAW_REQUESTS, 5 * MINUTE_MS): (Gauge.RAW_REQUESTS_USED, Gauge.RAW_REQUESTS_LIMIT),
    (LimitKind.ORDERS, 10 * SECOND_MS): (Gauge.ORDERS_USED_10S, Gauge.ORDERS_LIMIT_10S),
    (LimitKind.ORDERS, DAY_MS): (Gauge.ORDERS_USED_1D, Gauge.ORDERS_LIMIT_1D),
}
_COUNTERS: Final = {
    "held": Counter.REQUESTS_HELD,
    "throttled": Counter.REQUESTS_THROTTLED,
    "breaker_openings": Counter.BREAKER_OPENED,
    "breaker_probes": Counter.BREAKER_PROBED,
    "breaker_closings": Counter.BREAKER_CLOSED,
}
assert _COUNTERS.keys() == set(GateCounters.__struct_fields__), "every count has a counter"


class GateReport:
    """Shows one gate on a process's page. A limit that the venue states anew is not shown there."""

    def __init__(self, gate: RequestGate, board: BoardPageWriter) -> None:
        self._gate = gate
        self._board = board
        self._shown = GateCounters()

    def show(self) -> None:
        """Bring the page up to date; the counters go on over the restarts of a process."""
        board, gate = self._board, self._gate
        for usage in gate.usage():
            gauges = _USAGE.get((usage.kind, usage.interval_ms))
            if gauges is not None:
                used, limit = gauges
                board.set_gauge(used, usage.used)
                board.set_gauge(limit, usage.limit)
        board.set_gauge(Gauge.BREAKER_STATE, gate.breaker_state)
        board.set_gauge(Gauge.REQUESTS_HELD_FOR_MS, gate.held_for_ms)
        counters = msgspec.structs.replace(gate.counters)
        for name, counter in _COUNTERS.items():
            board.add(counter, getattr(counters, name) - getattr(self._shown, name))
        self._shown = counters
