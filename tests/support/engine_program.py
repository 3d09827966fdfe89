"""An engine as a program of its own, driven by its status lines."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from genesis.status import ProcessSummary, StatusDocument
from tests.support.stand_in_engine import environment

DEADLINE_S: Final = 30.0
"""One generous deadline for whatever is waited for."""

EAGER_SYMBOLS: Final = ("BTCUSDT", "ETHUSDT")
_EAGER: Final = {
    "smoothing": 1,
    "entry_imbalance": 0.05,
    "exit_imbalance": 0.0,
    "cooldown_s": 1,
    "hold_max_s": 1,
}


def eager_roster(count: int) -> str:
    """Return the setting of strategies that trade as soon as they run, dealt over two symbols.

    They lean with any book, and hold for a second.
    """
    roster = [
        {
            "strategy_id": f"eager-{row}",
            "kind": "book_imbalance",
            "symbol": EAGER_SYMBOLS[row % len(EAGER_SYMBOLS)],
            "parameters": _EAGER,
        }
        for row in range(count)
    ]
    return f"strategies.roster={msgspec.json.encode(roster).decode()}"


class EngineProgram:
    """Starts the program and reads what it prints; whatever is left of it is killed at the end."""

    def __init__(self, state_dir: Path, module: str, *words: str) -> None:
        self.state_dir = state_dir
        self.seen: dict[str, set[int]] = {}
        """Every pid that each process ever had."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, str(state_dir), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self._output = self.process.stdout
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()
        for pid in self.all_pids():
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)

    def wait_for(self, is_so: Callable[[StatusDocument], bool]) -> StatusDocument:
        """Return the first status from now on of which this is so."""
        ends_at = time.monotonic() + DEADLINE_S
        status = None
        while time.monotonic() < ends_at:
            status = self._next_status(ends_at)
            if status is None:
                break
            if is_so(status):
                return status
        raise AssertionError(f"it never was so, the last status being {status}")

    def wait_until_running(self) -> StatusDocument:
        """Return the first status of an engine of which every child works."""
        return self.wait_for(all_run)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to the parent and return its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code of the parent."""
        while self._next_status(time.monotonic() + DEADLINE_S) is not None:
            pass
        return self.process.wait(DEADLINE_S)

    def all_pids(self) -> set[int]:
        """Return every pid that was ever seen, the parent's aside."""
        return {pid for name, pids in self.seen.items() if name != "parent" for pid in pids}

    def wait_until_gone(self, pids: set[int]) -> float:
        """Wait until none of these processes is alive, and return how long it took, in seconds."""
        begin = time.monotonic()
        for pid in pids:
            try:
                pidfd = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            try:
                assert select.select([pidfd], [], [], DEADLINE_S)[0], f"process {pid} lives on"
            finally:
                os.close(pidfd)
        return time.monotonic() - begin

    def log_events(self) -> list[dict[str, object]]:
        """Read the log of every process."""
        lines = (self.state_dir / "genesis.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line, type=dict[str, object]) for line in lines]

    def _next_status(self, ends_at: float) -> StatusDocument | None:
        """Return the next status, or None at the end of the output or of the time."""
        while b"\n" not in self._rest:
            left = max(0.0, ends_at - time.monotonic())
            if not select.select([self._output], [], [], left)[0]:
                return None
            data = os.read(self._output.fileno(), 1 << 16)
            if not data:
                return None
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        status = msgspec.json.decode(line, type=StatusDocument)
        for process in status.processes:
            if process.pid:
                self.seen.setdefault(process.name, set()).add(process.pid)
        return status


class StandInProgram(EngineProgram):
    """The real parent over stand-ins for its children, each with the behavior a test gives it."""

    def __init__(
        self, state_dir: Path, behaviors: Mapping[str, str] | None = None, **supervision: int
    ) -> None:
        limits = [f"{name}={value}" for name, value in supervision.items()]
        with environment(behaviors or {}):
            super().__init__(state_dir, "tests.support.stand_in_engine", *limits)


class LiveProgram(EngineProgram):
    """The whole engine, with settings as `genesis run --set` takes them."""

    def __init__(self, state_dir: Path, report: Path, *overrides: str) -> None:
        super().__init__(state_dir, "tests.support.live_engine", str(report), *overrides)


def all_run(status: StatusDocument) -> bool:
    """Tell whether every process works."""
    return status.state == "running" and all(
        process.state == "running" for process in status.processes
    )


def process_of(status: StatusDocument, name: str) -> ProcessSummary:
    """Return one process of a status."""
    return next(process for process in status.processes if process.name == name)


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and not merely waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
