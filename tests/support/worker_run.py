"""A real strategy worker under a test's hands: the test is parent, feed and executor to it."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from genesis.clock import EngineClock
from genesis.config import LinkSettings, Settings, StrategySettings
from genesis.domain.instruments import Instrument
from genesis.domain.market import Quote
from genesis.domain.orders import OrderReport, Signal
from genesis.engine.boot import BootSpec
from genesis.engine.control import Ready, ToParent
from genesis.engine.spawn import ChildProcess, Spawner
from genesis.engine.wiring import Seat, Wiring
from genesis.ipc.board import BoardPage, Counter
from genesis.ipc.codec import decode_signals, encode_quote, encode_report
from genesis.ipc.links import RingPublisher, RingSubscriber
from genesis.ipc.tables import DepthTable, QuoteTable
from genesis.strategies.base import StrategySpec

DEADLINE_S: Final = 20.0
"""One generous deadline for whatever is waited for."""

_POLL_S: Final = 0.005
_SEATS: Final = {
    "worker": Seat("worker-0", "strategy", 1, 0),
    "feed": Seat("feed", "feed", 2),
    "executor": Seat("executor", "executor", 3),
}


class WorkerRun:
    """The links of one worker, and its lives."""

    def __init__(
        self,
        tmp_path: Path,
        instruments: Sequence[Instrument],
        strategies: Iterable[StrategySpec],
        links: LinkSettings | None = None,
    ) -> None:
        self.clock = EngineClock.start()
        self.log_path = tmp_path / "genesis.jsonl"
        self.said: list[ToParent] = []
        self.epoch = 0
        self._tmp_path = tmp_path
        self._instruments = tuple(instruments)
        self._strategies = tuple(strategies)
        self._settings = Settings(
            state_dir=tmp_path,
            strategies=StrategySettings(workers=1),
            links=links or LinkSettings(market_slots=2**12, report_slots=2**8, signal_slots=2**8),
        )
        self._wiring = Wiring(self._settings, pages=4)
        self._wiring.make_tables(len(self._instruments))
        feed, executor = self._end("feed"), self._end("executor")
        assert feed.market_ring is not None
        assert executor.report_ring is not None
        self.market = RingPublisher(feed.market_ring, epoch=1)
        self.quotes = QuoteTable.attach(feed.quote_table_fd, writable=True)
        self.depths = DepthTable.attach(feed.depth_table_fd, writable=True)
        self.reports = RingPublisher(executor.report_ring, epoch=1)
        self.signals: RingSubscriber[Signal] = RingSubscriber(
            executor.signal_rings[0], 0, "cursor", decode_signals
        )
        self._log_fd = os.open(self.log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self.child: ChildProcess | None = None
        self._ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.child is not None:
            await self.kill()
        for link in (self.market, self.quotes, self.depths, self.reports, self.signals):
            link.close()
        self._wiring.close()
        os.close(self._log_fd)

    async def start(self) -> None:
        """Start a life of the worker, in a new epoch, and wait until it is ready."""
        self.epoch += 1
        self.said.clear()
        self._ended.clear()
        self.child = Spawner(self._log_fd).spawn(self._end("worker"))
        self.child.watch(lambda _child, message: self.said.append(message), self._on_exit)
        await self.until(lambda: any(isinstance(one, Ready) for one in self.said))

    async def kill(self) -> None:
        """SIGKILL the worker and reap it."""
        assert self.child is not None
        self.child.kill()
        await self.end()

    async def end(self) -> tuple[int, list[ToParent]]:
        """Wait for the worker's end; return its exit code and what it said last."""
        assert self.child is not None
        async with asyncio.timeout(DEADLINE_S):
            await self._ended.wait()
        return_code, last_words = self.child.reap()
        self.child = None
        return return_code, self.said + last_words

    def freeze(self) -> None:
        """Stop the worker in its tracks; `thaw` lets it go on."""
        assert self.child is not None
        self.child.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen worker go on."""
        assert self.child is not None
        self.child.signal(signal.SIGCONT)

    def publish(self, quotes: Iterable[Quote]) -> None:
        """Publish quotes as the feed does: on the ring, the latest in the table."""
        for quote in quotes:
            quote.published_at = self.clock.now()
            quote.sequence = self.market.publish(encode_quote(quote))
            self.quotes.put(quote)

    def report(self, report: OrderReport) -> None:
        """Publish a report as the executor does."""
        self.reports.publish(encode_report(report))

    async def take_signals(self, count: int) -> list[Signal]:
        """Return the next signals, as soon as there are so many."""
        signals: list[Signal] = []

        def have_come() -> bool:
            signals.extend(self.signals.drain())
            self.signals.commit()
            return len(signals) >= count

        await self.until(have_come)
        return signals

    async def until_read(self) -> None:
        """Wait until the worker has dealt with every record published so far."""
        await self.until(lambda: self.market.cursor <= self._read_cursor())

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what shared memory says; it has no descriptor to wait on."""
        deadline = time.monotonic() + DEADLINE_S
        while not is_so():
            assert time.monotonic() < deadline, f"it never came to be; the log: {self.log()}"
            await asyncio.sleep(_POLL_S)

    def count(self, counter: Counter) -> int:
        """Return one counter of the worker's board page."""
        return self.page().counters[counter]

    def page(self) -> BoardPage:
        """Return the worker's board page."""
        page = self._wiring.board.reader(_SEATS["worker"].board_page).read()
        assert page is not None
        return page

    def log(self) -> list[dict[str, object]]:
        """Return the lines of the log."""
        lines = self.log_path.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=dict[str, object]) for line in lines]

    def _read_cursor(self) -> int:
        return self.count(Counter.RECORDS_READ) + self.count(Counter.RECORDS_MISSED)

    def _on_exit(self, _child: ChildProcess) -> None:
        self._ended.set()

    def _end(self, name: str) -> BootSpec:
        seat = _SEATS[name]
        spec = BootSpec(
            role=seat.role,
            name=seat.name,
            epoch=self.epoch,
            parent_pid=os.getpid(),
            clock_offset=self.clock.offset,
            control_fd=-1,
            log_fd=getattr(self, "_log_fd", -1),
            board_fd=self._wiring.board.fd,
            board_page=seat.board_page,
            board_pages=self._wiring.board.pages,
            settings=self._settings.model_dump_json(),
            instruments=self._instruments,
            strategies=self._strategies,
        )
        return self._wiring.plug(seat, spec)
