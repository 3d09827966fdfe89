"""A feed before a venue whose every frame a test decides."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from genesis.data.frames import StreamKind
from genesis.exchange.endpoints import Endpoints
from genesis.units import NANOS_PER_MS
from tests.support.exchange_builders import Json
from tests.support.feed_run import FeedRun
from tests.support.scripted_venue import ScriptedVenue, replies
from tests.support.stream_venue import StreamPeer, StreamVenue

STREAMS: Final = len(StreamKind)


def snapshot(last_update_id: int) -> Json:
    """Return a reply to a request for depth."""
    return {
        "lastUpdateId": last_update_id,
        "bids": [["99.00000000", "1.00000000"]],
        "asks": [["102.00000000", "1.00000000"]],
    }


class Market:
    """A feed, the two servers it talks to, and the connection it has open."""

    def __init__(self, feed: FeedRun, streams: StreamVenue, requests: ScriptedVenue) -> None:
        self.feed = feed
        self.streams = streams
        self.requests = requests

    async def connection(self, number: int = 0, symbols: int = 1) -> StreamPeer:
        """Wait until the feed has asked connection `number` for every stream."""
        return await self.streams.peer(number, STREAMS * symbols)


@asynccontextmanager
async def market(
    tmp_path: Path, *symbols: str, rotate_after_s: int | None = None
) -> AsyncIterator[Market]:
    """Start a feed of these instruments before two servers, and end all of it."""
    async with StreamVenue() as streams, ScriptedVenue() as requests:
        requests.on("depth", replies(snapshot(10)))
        endpoints = Endpoints(
            streams_url=streams.url, ws_api_url=requests.url, rest_url=requests.rest_url
        )
        run = FeedRun(
            tmp_path, endpoints, *(symbols or ("BTCUSDT",)), rotate_after_s=rotate_after_s
        )
        async with run as feed:
            yield Market(feed, streams, requests)


def now_ms() -> int:
    """Return the time that the venue's events bear."""
    return time.time_ns() // NANOS_PER_MS
