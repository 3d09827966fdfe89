"""One engine under attack, as its attacker sees it: who lives, who is ready, what it says.

Births, readiness and deaths are read from the engine's log as they are written; each process is
held by a pidfd from its birth on, so that no signal can reach a stranger.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import msgspec

from genesis.status import StatusDocument
from scripts.campaign.fuses import FILE_NAME, BlownFuse
from scripts.campaign.plan import VARIABLE, AttackPlan

ROOT: Final = Path(__file__).parents[2]
DISTURBANCES: Final = frozenset(
    {
        *("reply_lost", "connection_ended", "session_step_failed", "clock_not_measured"),
        "reconciliation_put_off",
    }
)
"""What the executor logs when the venue keeps it waiting."""

_LOG: Final = "genesis.jsonl"
_DEATH_S: Final = 10.0


class LogLine(msgspec.Struct, frozen=True):
    """What the attacker reads of a log line."""

    at: str
    event: str
    process: str = ""
    child: str = ""
    child_pid: int = 0
    how: str = ""
    epoch: int = 0
    child_epoch: int = 0

    @property
    def seconds(self) -> float:
        """When it was written, in seconds since 1970."""
        return datetime.fromisoformat(self.at).timestamp()


@dataclass
class Life:
    """One child from its birth to its death."""

    name: str
    pid: int
    pidfd: int
    born_at: float
    ready_at: float | None = None


class WatchedEngine:
    """A running engine; use it as a context, whatever is left of it is killed at its end.

    `module` is a program that runs an engine on the state directory that is its first word, and
    prints each status as a line of JSON.
    """

    def __init__(
        self,
        state_dir: Path,
        module: str,
        words: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self.lives: dict[str, Life] = {}
        self.status: StatusDocument | None = None
        self.log: list[LogLine] = []
        """Of births, readiness, deaths, lost replies and lost connections."""
        self.blown: list[BlownFuse] = []
        self._state_dir = state_dir
        self._offsets = {_LOG: _size(state_dir / _LOG), FILE_NAME: _size(state_dir / FILE_NAME)}
        self._rest = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(state_dir), *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.communicate()
        for life in list(self.lives.values()):
            self._bury(life.name)

    @property
    def has_ended(self) -> bool:
        """Tell whether the parent is gone."""
        return self._process.poll() is not None

    @property
    def is_running(self) -> bool:
        """Tell whether the engine works, as it said last."""
        return self.status is not None and self.status.state == "running"

    def watch(self, seconds: float) -> None:
        """Read what the engine says, for at most so long."""
        if select.select([self._output], [], [], seconds)[0]:
            self._rest += os.read(self._output.fileno(), 1 << 16)
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self.status = msgspec.json.decode(line, type=StatusDocument)
        for line in self._new_lines(_LOG):
            self._take(msgspec.json.decode(line, type=LogLine))
        self.blown += [
            msgspec.json.decode(line, type=BlownFuse) for line in self._new_lines(FILE_NAME)
        ]

    def strike(self, name: str, number: signal.Signals) -> bool:
        """Signal a child; False if it has just died by itself."""
        try:
            signal.pidfd_send_signal(self.lives[name].pidfd, number)
        except ProcessLookupError:
            return False
        return True

    def stop(self, seconds: float) -> tuple[int, str]:
        """Ask the engine to stop; return its exit code and what it complained of."""
        self._process.terminate()
        deadline = time.monotonic() + seconds
        while not self.has_ended and time.monotonic() < deadline:
            self.watch(0.05)
        return self.outcome()

    def outcome(self) -> tuple[int, str]:
        """Return the exit code and the complaint of an engine that has ended, or is to have."""
        if not self.has_ended:
            self._process.kill()
        _, complaint = self._process.communicate()
        self.watch_files()
        return self._process.returncode, complaint.decode(errors="replace").strip()

    def watch_files(self) -> None:
        """Read what is left in the log."""
        for line in self._new_lines(_LOG):
            self._take(msgspec.json.decode(line, type=LogLine))

    def _new_lines(self, name: str) -> list[bytes]:
        path = self._state_dir / name
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(self._offsets[name])
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offsets[name] += len(whole) + len(newline)
        return whole.splitlines()

    def _take(self, line: LogLine) -> None:
        match line.event:
            case "child_started":
                self._bury(line.child)
                with contextlib.suppress(ProcessLookupError):
                    pidfd = os.pidfd_open(line.child_pid)
                    self.lives[line.child] = Life(line.child, line.child_pid, pidfd, line.seconds)
            case "child_ready":
                if line.child in self.lives:
                    self.lives[line.child].ready_at = line.seconds
            case "child_ended":
                self._bury(line.child)
            case event if event not in DISTURBANCES or line.process != "executor":
                return
        self.log.append(line)

    def _bury(self, name: str) -> None:
        life = self.lives.pop(name, None)
        if life is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(life.pidfd, signal.SIGKILL)
            select.select([life.pidfd], [], [], _DEATH_S)
            os.close(life.pidfd)


class EngineUnderAttack(WatchedEngine):
    """The same, with children that may be victims: see `engine_program.py`."""

    def __init__(
        self,
        state_dir: Path,
        plan: AttackPlan,
        overrides: list[str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        told = {VARIABLE: plan.as_variable(), **(environment or {})}
        super().__init__(state_dir, "scripts.campaign.engine_program", overrides, told)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
