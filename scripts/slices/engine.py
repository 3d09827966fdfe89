"""A real engine as its operator sees it: started, asked, watched, and killed in its prime."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from genesis.control_socket import ControlClient
from genesis.errors import EngineNotRunning, GenesisError
from genesis.status import ParentSummary, ProcessSummary, StatusDocument

ROOT: Final = Path(__file__).parents[2]
POLL_S: Final = 0.1
START_S: Final = 60.0
DEATH_S: Final = 10.0


class OperatedEngine:
    """`genesis run` on a state directory. As a context, nothing of it outlives its end."""

    def __init__(self, state_dir: Path, words: Sequence[str]) -> None:
        self._state_dir = state_dir
        self._words = [*words, "--state", str(state_dir)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def start(self) -> None:
        """Start, and wait until it works."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "genesis", "run", *self._words],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.wait_until(lambda status: status.state == "running", START_S)

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(START_S)

    def kill(self) -> None:
        """SIGKILL the parent; its children end with it, and are waited for."""
        assert self._process is not None
        children = [process.pid for process in self._processes()]
        self._process.kill()
        self._process.wait(DEATH_S)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                _await_end(pid)

    def kill_child(self, name: str) -> None:
        """SIGKILL one child; its parent starts another."""
        (pid,) = (process.pid for process in self._processes() if process.name == name)
        os.kill(pid, signal.SIGKILL)

    def ask(self, command: str, **words: str) -> dict[str, object]:
        """Have a command carried out over the control socket."""
        with ControlClient(self._state_dir / "control.sock") as client:
            return client.ask(command, **words)

    def status(self) -> StatusDocument | None:
        """Return what it says of itself, None while it says nothing."""
        try:
            return msgspec.convert(self.ask("status"), StatusDocument)
        except (EngineNotRunning, GenesisError):
            return None

    def parent(self, number: int) -> ParentSummary | None:
        """Return one parent order as the status shows it."""
        status = self.status()
        parents = () if status is None else status.parents
        return next((parent for parent in parents if parent.number == number), None)

    def wait_until(self, holds: Callable[[StatusDocument], bool], seconds: float) -> None:
        """Wait until the status is as wished.

        Raises:
            TimeoutError: It was not, for so long, or the engine ended.
        """
        assert self._process is not None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            status = self.status()
            if status is not None and holds(status):
                return
            time.sleep(POLL_S)
        raise TimeoutError(f"not within {seconds:g} s; see {self._state_dir / 'genesis.jsonl'}")

    def _processes(self) -> list[ProcessSummary]:
        status = self.status()
        assert status is not None
        return [process for process in status.processes if process.name != "parent"]


def _await_end(pid: int) -> None:
    pidfd = os.pidfd_open(pid)
    try:
        select.select([pidfd], [], [], DEATH_S)
    finally:
        os.close(pidfd)
