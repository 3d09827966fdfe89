"""The venue with a stopwatch: the engine's child, or for the peer a program of its own.

By itself it takes settings as `genesis run --set` does, prints its port, and ends with its input.
"""

import asyncio
import gc
import os
import sys
from pathlib import Path

import msgspec
import uvloop

from genesis.clock import EngineClock
from genesis.config_loading import load_settings
from genesis.engine.boot import BOOT_ARGUMENT, TradingKey
from genesis.venue.config import SIM_ACCOUNT_ID
from genesis.venue.server import VenueServer
from genesis.venue.signatures import RegisteredKey
from scripts.pipeline.marks import API_KEY, API_SECRET
from scripts.pipeline.stopwatch import VARIABLE, Stopwatch
from workers import venue
from workers.process import ChildContext, run_child


async def run(context: ChildContext) -> None:
    """Be the engine's venue, and write down what was measured."""
    stopwatch = Stopwatch()
    await venue.run(context)
    stopwatch.save(Path(os.environ[VARIABLE]))


async def serve_peer(overrides: list[str]) -> None:
    """Be a venue that knows the peer's key, until the input ends."""
    stopwatch = Stopwatch()
    settings = load_settings(None, overrides)
    config = venue.venue_config(settings, TradingKey(API_KEY, ""))
    key = RegisteredKey(
        api_key=API_KEY, account_id=SIM_ACCOUNT_ID, algorithm="hmac", secret=API_SECRET
    )
    server = VenueServer(msgspec.structs.replace(config, keys=(key,)), EngineClock.start().now)
    port = await server.start(settings.venue.host, settings.venue.port)
    gc.collect()
    gc.freeze()  # as a child does when it is ready
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.close()
    stopwatch.save(Path(os.environ[VARIABLE]))


if __name__ == "__main__":
    if BOOT_ARGUMENT in sys.argv:
        run_child(run)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_peer(sys.argv[1:]))
