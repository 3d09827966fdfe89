"""A real feed process under a test's hands: the test is parent, worker and venue to it."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from genesis.clock import EngineClock
from genesis.config import ConnectionSettings, LinkSettings, Settings, StrategySettings
from genesis.domain.market import MarketEvent
from genesis.engine.boot import BootSpec
from genesis.engine.control import Ready, Stop, ToParent
from genesis.engine.spawn import ChildProcess, Spawner
from genesis.engine.wiring import Seat, Wiring
from genesis.exchange.endpoints import Endpoints
from genesis.ipc.board import BoardPage, Counter, Gauge
from genesis.ipc.codec import decode_market
from genesis.ipc.links import RingSubscriber
from genesis.ipc.tables import DepthTable, QuoteTable
from tests.support.tape import catalogue_of

DEADLINE_S: Final = 20.0
"""One generous deadline for whatever is waited for."""

_POLL_S: Final = 0.005
_FEED: Final = Seat("feed", "feed", 1)
_WORKER: Final = Seat("worker-0", "strategy", 2, 0)

E = TypeVar("E", bound=MarketEvent)


class FeedRun:
    """The links of one feed, and its lives."""

    def __init__(
        self,
        tmp_path: Path,
        endpoints: Endpoints,
        *symbols: str,
        rotate_after_s: int | None = None,
    ) -> None:
        self.clock = EngineClock.start()
        self.log_path = tmp_path / "genesis.jsonl"
        self.said: list[ToParent] = []
        self.events: list[MarketEvent] = []
        self._endpoints = endpoints
        self._instruments = tuple(catalogue_of(*symbols))
        self._settings = Settings(
            state_dir=tmp_path,
            strategies=StrategySettings(workers=1),
            connections=(
                ConnectionSettings()
                if rotate_after_s is None
                else ConnectionSettings(rotate_after_s=rotate_after_s)
            ),
            links=LinkSettings(market_slots=2**12, report_slots=2**8, signal_slots=2**8),
        )
        self._epoch = 0
        self._wiring = Wiring(self._settings, pages=3)
        self._wiring.make_tables(len(self._instruments))
        self._log_fd = os.open(self.log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        worker = self._end(_WORKER)
        assert worker.market_ring is not None
        self.market: RingSubscriber[MarketEvent] = RingSubscriber(
            worker.market_ring, 0, "cursor", decode_market
        )
        self.quotes = QuoteTable.attach(worker.quote_table_fd)
        self.depths = DepthTable.attach(worker.depth_table_fd)
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
            self.child.kill()
            await self.end()
        for link in (self.market, self.quotes, self.depths):
            link.close()
        self._wiring.close()
        os.close(self._log_fd)

    async def start(self) -> None:
        """Start a life of the feed, in a new epoch."""
        self._epoch += 1
        self.said.clear()
        self._ended.clear()
        self.child = Spawner(self._log_fd).spawn(self._end(_FEED))
        self.child.watch(lambda _child, message: self.said.append(message), self._on_exit)

    async def until_ready(self) -> None:
        """Wait until the feed has asked for every stream."""
        await self.until(lambda: any(isinstance(one, Ready) for one in self.said))

    async def stop(self) -> int:
        """Have the feed stop in order; return its exit code."""
        assert self.child is not None
        self.child.send(Stop())
        return await self.end()

    async def end(self) -> int:
        """Wait for the feed's end; return its exit code."""
        assert self.child is not None
        async with asyncio.timeout(DEADLINE_S):
            await self._ended.wait()
        return_code, last_words = self.child.reap()
        self.said += last_words
        self.child = None
        return return_code

    async def take(self, kind: type[E], count: int = 1) -> list[E]:
        """Wait for so many events of a kind on the market ring, all told; return those."""

        def have_come() -> bool:
            self.events.extend(self.market.drain())
            return sum(isinstance(event, kind) for event in self.events) >= count

        await self.until(have_come)
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what shared memory says; it has no descriptor to wait on."""
        deadline = time.monotonic() + DEADLINE_S
        while not is_so():
            assert time.monotonic() < deadline, f"it never came to be; the log: {self.log()}"
            await asyncio.sleep(_POLL_S)

    async def until_counted(self, counter: Counter, value: int = 1) -> None:
        """Wait until the board shows at least so much of something."""
        await self.until(lambda: self.count(counter) >= value)

    def count(self, counter: Counter) -> int:
        """Return one counter of the feed's board page; 0 before there is one."""
        page = self.page()
        return 0 if page is None else page.counters.get(counter, 0)

    def held_for_ms(self) -> int:
        """Return for how long the feed asks nothing, by its board page."""
        page = self.page()
        return 0 if page is None else page.gauges.get(Gauge.REQUESTS_HELD_FOR_MS, 0)

    def page(self) -> BoardPage | None:
        """Return the feed's board page."""
        return self._wiring.board.reader(_FEED.board_page).read()

    def log(self, event: str = "") -> list[dict[str, object]]:
        """Return the lines of the log, or those of one event."""
        lines = self.log_path.read_bytes().splitlines()
        entries = [msgspec.json.decode(line, type=dict[str, object]) for line in lines]
        return [entry for entry in entries if event in ("", entry["event"])]

    def _on_exit(self, _child: ChildProcess) -> None:
        self._ended.set()

    def _end(self, seat: Seat) -> BootSpec:
        spec = BootSpec(
            role=seat.role,
            name=seat.name,
            epoch=self._epoch,
            parent_pid=os.getpid(),
            clock_offset=self.clock.offset,
            control_fd=-1,
            log_fd=self._log_fd,
            board_fd=self._wiring.board.fd,
            board_page=seat.board_page,
            board_pages=self._wiring.board.pages,
            settings=self._settings.model_dump_json(),
            instruments=self._instruments,
            endpoints=self._endpoints,
        )
        return self._wiring.plug(seat, spec)
