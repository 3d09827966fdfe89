"""A child process with no work of its own, for tests of the parent.

What it does besides obeying is told by the variable `STAND_IN`, JSON of process name to behavior.
Behaviors that end in `once` are left out in later lives.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from genesis.engine.control import AccountSummary, Drain, Drained, Stop
from genesis.errors import ConfigError
from genesis.ipc.board import Counter
from workers.process import ChildContext, run_child

VARIABLE = "STAND_IN"
PORT = 4711


async def main(child: ChildContext) -> None:
    """Live as the parent expects, but for the behavior that was asked for."""
    behavior = _behavior(child)
    await _misbehave_at_start(child, behavior)
    child.board.add(Counter.FRAMES_RECEIVED, 10)
    names_port = child.spec.role == "venue" and behavior != "silent"
    child.ready({"port": PORT} if names_port else {})
    match behavior:
        case "hang_once":
            child.board.enter_strategy(7, child.clock.now())
            while True:
                pass
        case "callback_raises_once":
            asyncio.get_running_loop().call_soon(_raise)
        case "leave_once":
            return
        case "keeps_crashing":
            raise ValueError("again")
        case "loses_task":
            asyncio.get_running_loop().create_future().set_exception(ValueError("lost"))
    await _obey(child, behavior)


async def _misbehave_at_start(child: ChildContext, behavior: str) -> None:
    match behavior:
        case "refuse":
            raise ConfigError("venue.port: 80 is in use")
        case "crash":
            raise ValueError("a bug")
        case "never_ready":
            await child.stopping.wait()
        case "grandchild":
            _start_grandchild(child)
        case "hang_in_start_once":
            time.sleep(600)  # noqa: ASYNC251 -- a hang is the point


def _start_grandchild(child: ChildContext) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    _note(child, subprocess.Popen(command).pid)


async def _obey(child: ChildContext, behavior: str) -> None:
    if child.spec.role == "executor":
        child.control.send(
            AccountSummary(
                equity="100001.5",
                realized_pnl="1.5",
                unrealized_pnl="0",
                fees="0.1",
                open_orders=0,
                in_doubt=0,
                fills=2,
                orders=3,
                ledger_equal=True,
            )
        )
    if behavior == "deaf":
        await asyncio.sleep(600)
    async for message in child.control.messages():
        if isinstance(message, Drain):
            child.control.send(Drained())
        if isinstance(message, Stop) and behavior == "fail_in_stop":
            raise ConfigError("the stop went wrong")
    child.summary["strategies"] = len(child.spec.strategies)
    _note(child, os.getpid())


def _behavior(child: ChildContext) -> str:
    behavior = str(json.loads(os.environ.get(VARIABLE, "{}")).get(child.spec.name, ""))
    if not behavior.endswith("_once"):
        return behavior
    marker = Path(child.settings.state_dir, f"{child.spec.name}.once")
    if marker.exists():
        return ""
    marker.touch()
    return behavior


def _note(child: ChildContext, pid: int) -> None:
    """Leave a number for the test, one line each, in the order in which children came here."""
    with Path(child.settings.state_dir, "notes").open("a") as file:
        file.write(f"{child.spec.name} {pid}\n")


def _raise() -> None:
    raise RuntimeError("a callback raised")


if __name__ == "__main__":
    run_child(main)
