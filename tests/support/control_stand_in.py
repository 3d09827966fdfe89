"""An engine in name only: serves a control socket until it is told to stop.

`python -m tests.support.control_stand_in SOCKET` prints a line once it serves. A second word,
`deaf`, makes it take the order to stop, or to close everything, and go on.
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from genesis.control_socket import Command, ControlServer, Peer
from genesis.errors import UsageError
from genesis.status import LiquidationSummary
from tests.support.statuses import TRADING

_CLOSING = (
    LiquidationSummary(is_over=False, orders=2, lots=1, dust=0, left=("0.5 BTCUSDT of a: dust",)),
    LiquidationSummary(is_over=True, orders=0, lots=0, dust=1, left=("0.1 BTCUSDT of a: dust",)),
)
_OPENED = ("parent", "side", "quantity", "symbol", "algorithm", "arrival_price", "curve", "over_s")


async def serve(path: Path, *, is_deaf: bool) -> None:
    """Answer `status`, `execute` with its own words, and `stop`; end after a `stop`."""
    stopping = asyncio.Event()
    closing: list[LiquidationSummary] = []

    async def respond(command: Command, _peer: Peer) -> Mapping[str, object]:
        if command.command == "status":
            shown = msgspec.structs.replace(TRADING, liquidation=closing[0] if closing else None)
            if len(closing) > 1:
                del closing[0]
            document: Mapping[str, object] = msgspec.to_builtins(shown)
            return document
        if command.command == "kill":
            closing.extend(_CLOSING[: 1 if is_deaf else None])
            return {}
        if command.command == "resume":
            return {"state": command.arguments.get("accept_differences", "RUNNING")}
        if command.command == "stop":
            if not is_deaf:
                stopping.set()
            return {}
        if command.command == "execute":
            return {name: command.arguments.get(name, name) for name in _OPENED}
        if command.command == "cancel_parent":
            return {"parent": command.arguments["number"]}
        raise UsageError(f"unknown command {command.command!r}")

    server = ControlServer(path, respond)
    await server.start()
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    await stopping.wait()
    await server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), is_deaf=sys.argv[2:] == ["deaf"]))
