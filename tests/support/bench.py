"""A trading engine with everything outside it in a test's hands."""

import asyncio
from collections.abc import Sequence

import structlog

from genesis.clock import EngineClock
from genesis.domain.orders import OrderReport, OrderState
from genesis.engine.canary import CanaryRules
from genesis.engine.engine import TradingEngine
from genesis.engine.entries import Entry
from genesis.engine.execution import ExecutionCore
from genesis.engine.ledger import Ledger
from genesis.exchange.gateway import SubmitOutcome
from genesis.ipc.histogram import BUCKETS, HistogramRecorder, Stage
from tests.support.builders import (
    CAPITAL,
    NOW,
    catalogue,
    order_rules,
    quote,
    risk_limits,
    signal_rules,
    strategy,
)
from tests.support.desk import ORDER
from tests.support.scripted_gateway import ScriptedGateway


class HandClock(EngineClock):
    """A clock that a test moves."""

    def __init__(self) -> None:
        super().__init__(0)
        self.at = NOW

    def now(self) -> int:
        return self.at


class SlowDisk:
    """A journal whose commits end when the test says so."""

    def __init__(self) -> None:
        self.groups: list[list[Entry]] = []
        self.snapshots: list[bytes] = []
        self.checkpoints = 0
        self.is_slow = False
        self.pending: asyncio.Future[None] | None = None

    def begin_commit(self, entries: Sequence[Entry]) -> asyncio.Future[None] | None:
        self.groups.append(list(entries))
        if not self.is_slow:
            return None
        self.pending = asyncio.get_running_loop().create_future()
        return self.pending

    def settle(self) -> None:
        """Do nothing: the end comes when the test says so."""

    def begin_snapshot(self, state: bytes) -> asyncio.Future[None] | None:
        self.snapshots.append(state)
        if not self.is_slow:
            return None
        self.pending = asyncio.get_running_loop().create_future()
        return self.pending

    def begin_checkpoint(self) -> asyncio.Future[None] | None:
        self.checkpoints += 1
        return None

    def finish(self, error: Exception | None = None) -> None:
        assert self.pending is not None
        if error is None:
            self.pending.set_result(None)
        else:
            self.pending.set_exception(error)


class Bench:
    """An engine with everything outside it in the test's hands."""

    def __init__(
        self, ledger: Ledger | None = None, canary_rules: CanaryRules | None = None
    ) -> None:
        self.clock = HandClock()
        self.gateway = ScriptedGateway()
        self.disk = SlowDisk()
        self.told: list[OrderReport] = []
        self.core = ExecutionCore(
            catalogue=catalogue(),
            strategies=[strategy()],
            limits=risk_limits(),
            signal_rules=signal_rules(),
            order_rules=order_rules(),
            capital=CAPITAL,
            ledger=ledger or Ledger(),
            epoch=1,
            canary_rules=canary_rules,
        )
        self.counts = memoryview(bytearray(8 * BUCKETS * len(Stage))).cast("Q")
        self.engine = TradingEngine(
            core=self.core,
            gateway=self.gateway,
            journal=self.disk,
            clock=self.clock,
            log=structlog.get_logger(),
            histograms=HistogramRecorder(self.counts),
            quote_of=lambda row: quote(row, received_at=self.clock.at),
            tell=self.told.append,
        )

    async def settle(self) -> None:
        """Give every task that can run its turns."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def answer(self, outcome: SubmitOutcome, order: str = ORDER) -> None:
        self.gateway.sent[order].set_result(outcome)
        await self.settle()

    def state_of(self, order: str = ORDER) -> OrderState:
        found = self.core.ledger.find_order(order)
        assert found is not None
        return found.state
