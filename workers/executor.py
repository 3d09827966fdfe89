"""The executor: signal rings in, orders out; the one process that holds the trading key.

A thin shell: it opens the journal under the account's lock, folds it into the core, keeps the
gateway's session, and hands signals, quotes and time to the engine.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from genesis import __version__
from genesis.credentials import load_credentials
from genesis.domain.orders import OrderReport, Signal
from genesis.engine.account_claim import fault_of_account, fault_of_capital
from genesis.engine.account_summary import summarize
from genesis.engine.control import Drain, Drained, Instruct, Stop, StopPolicy
from genesis.engine.engine import TradingEngine
from genesis.engine.execution import ExecutionCore
from genesis.engine.fact_counters import count_facts
from genesis.engine.ledger import Ledger
from genesis.engine.locks import AccountLock
from genesis.engine.rules import (
    canary_rules,
    order_rules,
    protection_rules,
    risk_limits,
    signal_rules,
    slicing_rules,
)
from genesis.engine.state_directory import StateDirectory
from genesis.engine.state_machine import EngineState
from genesis.engine.venue_questions import read_account
from genesis.errors import ConfigError, VenueUnreachable
from genesis.exchange.binance.signing import Signer, make_signer
from genesis.exchange.gateway import Account, NoAnswer, UserEvent
from genesis.ipc.board import Counter, Gauge
from genesis.ipc.codec import decode_signals, encode_report
from genesis.ipc.links import RingPublisher, RingSubscriber
from genesis.ipc.parking import ParkingLot
from genesis.ipc.tables import DepthTable, QuoteTable, VolumeTable
from genesis.limits import (
    CHECKPOINT_ENTRIES,
    EXECUTOR_DRAIN,
    GATEWAY_READY,
    JOURNAL_SWITCH_INTERVAL_SECONDS,
    MARK_PERIOD,
    RECONCILE_CONFIRM,
    SNAPSHOT_ENTRIES,
    SUMMARY_PERIOD,
)
from genesis.storage.journal import Journal
from genesis.storage.journal_writer import JournalWriter
from genesis.storage.recovery import recover_ledger
from genesis.units import NANOS_PER_SECOND, Nanos, fixed_from_decimal
from workers.executor_market import MarketView
from workers.executor_venue import VenueWays
from workers.gate_report import GateReport
from workers.operator_desk import OperatorDesk
from workers.process import ChildContext, run_child

_Work = Callable[[], Awaitable[None]]

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


async def run(context: ChildContext) -> None:
    """Be the executor until the parent says stop."""
    # A commit runs in a thread beside this loop; with the default interval it would wait 5 ms for
    # the interpreter each time it wants it back.
    sys.setswitchinterval(JOURNAL_SWITCH_INTERVAL_SECONDS)
    signer = _signer(context)
    state = StateDirectory(context.settings.state_dir)
    tag = state.account_tag(signer.api_key)
    durability = context.settings.orders.durability
    with contextlib.ExitStack() as undo:
        lock = AccountLock.acquire(state.account_lock_path(tag))
        undo.callback(lock.release)
        journal = Journal(state.journal_path(tag), durability)
        recovered = recover_ledger(journal)
        context.log.info(
            "journal_read",
            entries=recovered.entries_read,
            behind_snapshot=recovered.snapshot_sequence,
        )
        writer = JournalWriter(journal, durability, recovered.snapshot_sequence)
        undo.callback(writer.close)
        await _Executor(context, signer, tag, recovered.ledger, writer).run()


def _signer(context: ChildContext) -> Signer:
    """Read the trading key: the configured one, or the simulated venue's own."""
    settings = context.settings
    key_file = settings.credentials.key_file
    if settings.is_simulated:
        key_file = StateDirectory(settings.state_dir).sim_key_path
    credentials = load_credentials(key_file)
    if credentials is None:
        raise ConfigError("credentials.key_file: no trading key is configured; name its file")
    return make_signer(
        credentials.api_key.get_secret_value(), credentials.private_key.get_secret_value()
    )


class _Executor:
    """One life of the executor, on an opened journal."""

    def __init__(
        self,
        context: ChildContext,
        signer: Signer,
        tag: str,
        ledger: Ledger,
        writer: JournalWriter,
    ) -> None:
        spec, settings = context.spec, context.settings
        assert spec.report_ring is not None, "the parent plugs the executor's links"
        self._context = context
        self._writer = writer
        self._quotes = QuoteTable.attach(spec.quote_table_fd)
        self._market = MarketView(
            self._quotes,
            DepthTable.attach(spec.depth_table_fd),
            VolumeTable.attach(spec.volume_table_fd),
        )
        self._reports = RingPublisher(spec.report_ring, spec.epoch)
        self._signals: list[RingSubscriber[Signal]] = [
            RingSubscriber(ring, 0, "cursor", decode_signals) for ring in spec.signal_rings
        ]
        self._parking = ParkingLot(asyncio.get_running_loop(), self._signals)
        self._takes_events = False
        self._venue = VenueWays(context, signer, self._take_event)
        self._gate_report = GateReport(self._venue.gate, context.board)
        self._core = ExecutionCore(
            catalogue=context.catalogue,
            strategies=spec.strategies,
            limits=risk_limits(settings),
            signal_rules=signal_rules(settings),
            order_rules=order_rules(settings, tag),
            capital=fixed_from_decimal(settings.capital_quote),
            ledger=ledger,
            epoch=spec.epoch,
            canary_rules=canary_rules(settings, __version__),
            slicing_rules=slicing_rules(settings),
            protection_rules=protection_rules(settings),
            depth_of=self._market.depth,
        )
        self._engine = TradingEngine(
            core=self._core,
            gateway=self._venue.gateway,
            journal=writer,
            clock=context.clock,
            log=context.log,
            histograms=context.board.histograms,
            quote_of=self._quotes.get,
            tell=self._publish,
        )
        self._operator = OperatorDesk(self._engine, self._market)
        self._instruments = range(len(context.catalogue))
        self._held = contextlib.ExitStack()  # until the end of this life
        count_facts(self._engine.bus, context.board.add)

    async def run(self) -> None:
        """Recover, trade until told to stop, and stop in order."""
        session = asyncio.create_task(self._venue.run())
        failure = asyncio.create_task(self._engine.failed())
        work = asyncio.create_task(self._work())
        tasks = {session, failure, work}
        try:
            done, _pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except BaseExceptionGroup as group:
            raise _first_cause(group) from group
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._parking.close()
            for subscriber in self._signals:
                subscriber.close()
            self._reports.close()
            self._market.close()
            self._held.close()

    async def _work(self) -> None:
        await self._wait_for_session()
        account_id = await self._claim_account()
        self._takes_events = True  # what came before, the first look at the account shows
        await self._engine.start(_BOOT_ID.read_text().strip(), account_id)
        await self._recover()
        async with self._background() as group:
            trading = group.create_task(self._trade())
            async for message in self._context.control.messages():
                if isinstance(message, (Drain, Stop)) and not trading.done():
                    trading.cancel()
                    await asyncio.gather(trading, return_exceptions=True)
                    policy = message.policy if isinstance(message, Drain) else "hold"
                    await self._drain(policy)
                if isinstance(message, Drain):
                    self._context.control.send(Drained())
                if isinstance(message, Instruct):
                    self._context.control.send(await self._operator.obey(message))
        await self._engine.finish_stop()
        await self._engine.save_snapshot()
        self._summarize()

    async def _wait_for_session(self) -> None:
        """Give the session some time to open, then begin without it: orders alone must wait for it.

        Doubts are resolved and books compared over REST meanwhile. A venue that answers there
        neither ends the start when it is asked for the account.
        """
        try:
            await self._venue.socket.wait_ready(GATEWAY_READY)
        except VenueUnreachable as error:
            self._context.log.warning("session_not_waited_for", reason=str(error))

    async def _claim_account(self) -> int:
        """Make sure that the books are this account's, and that nobody else trades on it.

        Raises:
            ConfigError: The books are another account's.
            LockHeld: Another engine trades on it, on a state directory of its own.
        """
        account = await self._read_account()
        settings = self._context.settings
        fault = fault_of_account(self._core.ledger, account.account_id, str(settings.state_dir))
        if fault:
            raise ConfigError(fault)
        if not settings.is_simulated:
            lock = AccountLock.of_account(
                settings.account_locks_dir, settings.mode, account.account_id
            )
            self._held.callback(lock.release)
        return account.account_id

    async def _check_capital(self) -> None:
        """Refuse to begin on less than was allotted; where there are positions, only reduce them.

        Raises:
            ConfigError: There is less, and no position that would have to be looked after.
        """
        account = await self._read_account()
        core, asset = self._core, self._context.settings.quote_asset
        free = {balance.asset: balance.free for balance in account.balances}
        fault = fault_of_capital(core.ledger, core.valuation, free.get(asset, 0), asset)
        if fault and core.valuation.exposure:
            await self._engine.halt(fault)
        elif fault:
            raise ConfigError(fault)

    async def _read_account(self) -> Account:
        account = await self._venue.gateway.on_one_path(read_account)
        if isinstance(account, NoAnswer):
            raise VenueUnreachable(f"the venue does not show the account: {account.reason}")
        return account

    async def _recover(self) -> None:
        """Wait for the venue's answers, and ask again where one does not come.

        The parent is told at the first of them: after a power cut the time fence comes behind it,
        and signals wait in their rings meanwhile. What the account holds then says nothing yet.
        """
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self._every(MARK_PERIOD, self._watch_time))
            await self._engine.answered()
            if self._core.state is not EngineState.RECOVERING:
                await self._check_capital()
            self._context.ready({"account_epoch": self._context.spec.epoch})
            await self._engine.recovered()
            asking.cancel()

    @contextlib.asynccontextmanager
    async def _background(self) -> AsyncIterator[asyncio.TaskGroup]:
        """Mark, summarize and watch the clock beside the work; an error in any ends the process."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._every(MARK_PERIOD, self._mark)),
                group.create_task(self._every(SUMMARY_PERIOD, self._report)),
            ]
            yield group
            for task in tasks:
                task.cancel()

    async def _trade(self) -> None:
        """Take signals from the rings, batch by batch, for as long as the engine lives."""
        board = self._context.board
        while True:
            busy = False
            for subscriber in self._signals:
                signals = subscriber.drain()
                if not signals:
                    continue
                busy = True
                board.add(Counter.SIGNALS_READ, len(signals))
                await self._engine.execute_trade(*signals)
                subscriber.commit()
            if not busy:
                await self._parking.park()

    async def _drain(self, policy: StopPolicy) -> None:
        """Cancel what works and follow what is in flight to its end, within a bound.

        What is still in doubt then stays in the journal, and the next start resolves it. So does
        what could not be sold in time: its halt stands, and the next start goes on with it. With
        all of it sold, a halt that was only for this stop is lifted again.
        """
        core = self._core
        was_halted = bool(core.ledger.state.halt_reason)
        if policy == "flatten" and core.state is not EngineState.RECOVERING:
            await self._engine.halt("everything is sold for a stop", must_liquidate=True)
        await self._engine.begin_stop(lets_go=policy == "cancel")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXECUTOR_DRAIN / NANOS_PER_SECOND):
                await self._engine.drained()
        if core.ledger.state.liquidated_at and not was_halted:
            await self._engine.resume(accept_differences=False)
        await self._engine.compare()
        if not core.comparison.equal:  # an event may still have been on its way
            await asyncio.sleep(RECONCILE_CONFIRM / NANOS_PER_SECOND)
            await self._engine.compare()

    async def _mark(self) -> None:
        """Mark positions at the market, and do what has fallen due."""
        if self._core.state is not EngineState.STOPPED:
            await self._engine.process_market_data(self._market.quotes(self._instruments))
        slicing = self._core.slicing
        if slicing.instruments:
            facts = self._market.facts(slicing.instruments)
            await self._engine.decide(partial(slicing.work, facts))
        self._engine.on_time()

    async def _watch_time(self) -> None:
        self._engine.on_time()

    async def _report(self) -> None:
        """Tell the parent how the account stands, and the strategies what they hold."""
        volumes = self._market.volumes(self._instruments)
        self._core.slicing.volumes.note(volumes, self._context.clock.now())
        self._engine.tell_positions()
        self._summarize()
        self._context.tell_trouble(self._venue.trouble)
        if self._writer.entries_behind_snapshot >= SNAPSHOT_ENTRIES:
            await self._engine.save_snapshot()
        if self._writer.entries_behind_checkpoint >= CHECKPOINT_ENTRIES:
            await self._engine.fold_journal()

    def _summarize(self) -> None:
        context, state = self._context, self._core.ledger.state
        summary = summarize(self._core, context.clock.now())
        context.control.send(summary)
        board = context.board
        board.set_gauge(Gauge.ORDERS_WORKING, len(state.live_orders))
        cover = self._core.coverage.figures()
        board.set_gauge(Gauge.POSITIONS_COVERED, cover.covered)
        board.set_gauge(Gauge.POSITIONS_UNCOVERED, cover.uncovered)
        board.set_gauge(Gauge.LONGEST_UNCOVERED_NS, cover.longest)
        board.set_gauge(Gauge.VENUE_CLOCK_OFFSET_NS, self._venue.socket.clock_offset)
        self._gate_report.show()

    def _take_event(self, event: UserEvent) -> None:
        if self._takes_events:
            self._engine.on_user_event(event)

    def _publish(self, report: OrderReport) -> None:
        self._reports.publish(encode_report(report))
        self._context.board.add(Counter.REPORTS_PUBLISHED)

    async def _every(self, period: Nanos, work: _Work) -> None:
        while True:
            await work()
            await asyncio.sleep(period / NANOS_PER_SECOND)


def _first_cause(error: BaseException) -> BaseException:
    """Return what ended a group of tasks: its exit code is the process's."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    run_child(run)
