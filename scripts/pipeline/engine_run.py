"""One run of an engine in a process of its own, to its report."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from genesis.engine.engine_report import EngineReport

_STOP_GRACE_SECONDS: Final = 60


def run_to_report(
    command: Sequence[str],
    report: Path,
    seconds: int,
    environment: Mapping[str, str] | None = None,
) -> EngineReport:
    """Run a command that ends by itself after so long, and return the report it writes.

    A failure ends this process, too, with what the engine said of it.
    """
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds + _STOP_GRACE_SECONDS,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode != 0:
        sys.exit(f"the engine ended with {done.returncode}: {done.stdout}{done.stderr}")
    return msgspec.json.decode(report.read_bytes(), type=EngineReport)
