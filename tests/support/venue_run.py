"""A real venue process under a test's hands: the test is its parent."""

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from genesis.clock import EngineClock
from genesis.config import Settings
from genesis.engine.boot import BootSpec, TradingKey
from genesis.engine.control import Ready, Stop, ToParent
from genesis.engine.spawn import ChildProcess, Spawner
from genesis.engine.wiring import Seat, Wiring
from tests.support.venue import API_KEY, PUBLIC_KEY

DEADLINE_S: Final = 20.0
_SEAT: Final = Seat("venue", "venue", 1)


class VenueRun:
    """The lives of one venue, one after the other."""

    def __init__(self, settings: Settings, tmp_path: Path) -> None:
        self.said: list[ToParent] = []
        self._settings = settings
        self._wiring = Wiring(settings, pages=2)
        self._clock = EngineClock.start()
        log_path = tmp_path / "genesis.jsonl"
        self._log_fd = os.open(log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._epoch = 0
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._child: ChildProcess | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._child is not None:
            self._child.kill()
            await self.end()
        self._wiring.close()
        os.close(self._log_fd)

    def start(self, *, with_key: bool = True) -> None:
        """Start a life, in a new epoch."""
        self._epoch += 1
        self.said.clear()
        self._ended.clear()
        spec = BootSpec(
            role="venue",
            name="venue",
            epoch=self._epoch,
            parent_pid=os.getpid(),
            clock_offset=self._clock.offset,
            control_fd=-1,
            log_fd=self._log_fd,
            board_fd=self._wiring.board.fd,
            board_page=1,
            board_pages=2,
            settings=self._settings.model_dump_json(),
            trading_key=TradingKey(API_KEY, PUBLIC_KEY) if with_key else None,
        )
        self._child = Spawner(self._log_fd).spawn(self._wiring.plug(_SEAT, spec))
        self._child.watch(lambda _, message: self._hear(message), lambda _: self._ended.set())

    async def address(self) -> str:
        """Wait until the venue is open, and return its address."""
        async with asyncio.timeout(DEADLINE_S):
            while not self.said:
                self._news.clear()
                await self._news.wait()
        ready = self.said[0]
        assert isinstance(ready, Ready), ready
        return f"ws://127.0.0.1:{ready.detail['port']}"

    def stop(self) -> None:
        """Tell the venue to end."""
        assert self._child is not None
        self._child.send(Stop())

    def kill(self) -> None:
        """SIGKILL the venue."""
        assert self._child is not None
        self._child.kill()

    async def end(self) -> tuple[int, list[ToParent]]:
        """Wait for the venue's end; return its exit code and all that it said."""
        assert self._child is not None
        async with asyncio.timeout(DEADLINE_S):
            await self._ended.wait()
        return_code, last_words = self._child.reap()
        self._child = None
        return return_code, self.said + last_words

    def _hear(self, message: ToParent) -> None:
        self.said.append(message)
        self._news.set()
