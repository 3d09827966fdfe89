"""A real recorder process under a test's hands: the test is its parent, and writes the journal."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from genesis.clock import EngineClock
from genesis.config import Settings
from genesis.config_records import RecordsSettings
from genesis.engine.boot import BootSpec
from genesis.engine.control import Ready, RecordsTold, Stop, ToParent, Trouble
from genesis.engine.spawn import ChildProcess, Spawner
from genesis.engine.state_directory import StateDirectory
from genesis.ipc.board import StatusBoard
from genesis.status import RecordsSummary
from genesis.storage.journal import Journal

DEADLINE_S: Final = 30.0
"""One generous deadline for whatever is waited for."""

_POLL_S: Final = 0.01
_PAGE: Final = 1


class RecorderRun:
    """The state directory of one recorder, its journal, and its lives."""

    def __init__(self, state_dir: Path, url: str | None = None, mode: str = "sim") -> None:
        state = StateDirectory(state_dir)
        state.prepare()
        self.settings = Settings.model_validate(
            {"state_dir": state_dir, "mode": mode, "records": RecordsSettings(url=url)}
        )
        self.journal = Journal(state.journal_path("00"), "venue")
        self.said: list[ToParent] = []
        self.child: ChildProcess | None = None
        self._epoch = 0
        self._board = StatusBoard.create(_PAGE + 1)
        self._log_fd = os.open(
            self.settings.log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600
        )
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
        self.journal.close()
        self._board.close()
        os.close(self._log_fd)

    async def start(self) -> None:
        """Start a life of the recorder, and wait until it works."""
        self._epoch += 1
        self.said.clear()
        self._ended.clear()
        spec = BootSpec(
            role="recorder",
            name="recorder",
            epoch=self._epoch,
            parent_pid=os.getpid(),
            clock_offset=EngineClock.start().offset,
            control_fd=-1,
            log_fd=self._log_fd,
            board_fd=self._board.fd,
            board_page=_PAGE,
            board_pages=self._board.pages,
            settings=self.settings.model_dump_json(),
        )
        self.child = Spawner(self._log_fd).spawn(spec)
        self.child.watch(
            lambda _child, message: self.said.append(message), lambda _child: self._ended.set()
        )
        await self.until(lambda: any(isinstance(one, Ready) for one in self.said))

    async def stop(self) -> int:
        """Have it stop in order; return its exit code."""
        assert self.child is not None
        self.child.send(Stop())
        return await self._end()

    async def kill(self) -> None:
        """SIGKILL it."""
        assert self.child is not None
        self.child.kill()
        await self._end()

    @property
    def summary(self) -> RecordsSummary | None:
        """Return what it last told of the records."""
        told = [message.summary for message in self.said if isinstance(message, RecordsTold)]
        return told[-1] if told else None

    @property
    def trouble(self) -> str:
        """Return what it last said it cannot do."""
        reasons = [message.reason for message in self.said if isinstance(message, Trouble)]
        return reasons[-1] if reasons else ""

    def has_recorded(self, sequence: int) -> bool:
        """Tell whether it has told of so many entries."""
        return self.summary is not None and self.summary.recorded >= sequence

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + DEADLINE_S
        while not is_so():
            assert time.monotonic() < deadline, f"it never came to be; the log: {self.log()}"
            await asyncio.sleep(_POLL_S)

    def log(self, event: str = "") -> list[dict[str, object]]:
        """Return the lines of the log, or those of one event."""
        lines = self.settings.log_path.read_bytes().splitlines()
        entries = [msgspec.json.decode(line, type=dict[str, object]) for line in lines]
        return [entry for entry in entries if event in ("", entry["event"])]

    async def _end(self) -> int:
        assert self.child is not None
        async with asyncio.timeout(DEADLINE_S):
            await self._ended.wait()
        return_code, last_words = self.child.reap()
        self.said += last_words
        self.child = None
        return return_code
