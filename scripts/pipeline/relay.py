"""The least that three processes must do to answer a quote: a floor for the engine's own answer.

A feed, a worker and an executor that hand on and nothing else: no check, no book, no strategy but
the one that answers, no risk, no journal. They use the engine's sockets and rings, and answer the
same marked quotes as the bare client. What this takes beyond that client is what being three
processes costs on this machine; what the engine takes beyond this is its own work.

Arguments: port, and the streams to read. It runs until its input ends.
"""

import asyncio
import gc
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

import msgspec
import uvloop

from genesis.clock import EngineClock
from genesis.exchange.binance.requests import RequestBuilder
from genesis.exchange.binance.signing import HmacSigner
from genesis.exchange.request_connection import connect_requests
from genesis.exchange.stream_connection import connect_stream
from genesis.ipc.codec import MARKET_SLOT_BYTES
from genesis.ipc.links import RingHandle, RingPublisher, RingSubscriber, create_ring
from genesis.ipc.parking import ParkingLot
from genesis.ipc.ring import SLOT_OVERHEAD_BYTES, RingSpec
from genesis.units import NANOS_PER_MS, fixed_from_text
from scripts.pipeline.marks import (
    API_KEY,
    API_SECRET,
    SYMBOL,
    is_marked,
    price_for,
    quantity_for,
    text_of,
)

# Update id and bid price; as long as a market record.
_RECORD: Final = struct.Struct(f"<qq{MARKET_SLOT_BYTES - SLOT_OVERHEAD_BYTES - 16}x")
_SLOT: Final = struct.Struct(f"<8xqq{MARKET_SLOT_BYTES - 8 - 16}x")
_SLOTS: Final = 4_096
_EPOCH: Final = 1
_RECV_WINDOW_MS: Final = 5_000
_QUOTE_MARK: Final = b'"A":'  # no other payload has a quantity of that name


class _Quote(msgspec.Struct, gc=False):
    symbol: str = msgspec.field(name="s")
    update_id: int = msgspec.field(name="u")
    bid_price: str = msgspec.field(name="b")


class _Frame(msgspec.Struct, gc=False):
    data: _Quote


_read: Final = msgspec.json.Decoder(_Frame).decode


async def feed(market: RingHandle, port: str, streams: list[str]) -> None:
    """Publish every quote of the symbol as it is read."""
    ring = RingPublisher(market, _EPOCH)

    def receive(messages: list[bytes], _received_at: int) -> None:
        for message in messages:
            if _QUOTE_MARK not in message:
                continue
            quote = _read(message).data
            if quote.symbol == SYMBOL:
                ring.publish(_RECORD.pack(quote.update_id, fixed_from_text(quote.bid_price)))

    url = f"ws://127.0.0.1:{port}/stream?streams={'/'.join(streams)}"
    connection = await connect_stream(url, receive, EngineClock.start().now)
    await connection.until_closed()


async def work(market: RingHandle, signals: RingHandle) -> None:
    """Hand on the quotes that are to be answered."""
    ring = RingPublisher(signals, _EPOCH)

    def hand_on(update_id: int, bid: int) -> None:
        if is_marked(update_id):
            ring.publish(_RECORD.pack(update_id, bid))

    await _read_ring(market, hand_on)


async def execute(signals: RingHandle, port: str) -> None:
    """Place an order for each of them."""
    url = f"ws://127.0.0.1:{port}/ws-api/v3"
    connection = await connect_requests(url, EngineClock.start().now)
    connection.listen(lambda _reply: None)
    requests = RequestBuilder(HmacSigner(API_KEY, API_SECRET), _RECV_WINDOW_MS)

    def place(update_id: int, bid: int) -> None:
        order = {
            "symbol": SYMBOL,
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "IOC",
            "quantity": text_of(quantity_for(update_id)),
            "price": text_of(price_for(bid)),
        }
        now_ms = time.time_ns() // NANOS_PER_MS
        connection.write_text(requests.signed("order.place", order, now_ms).frame)

    await _read_ring(signals, place)


async def _read_ring(handle: RingHandle, take: Callable[[int, int], None]) -> None:
    """Give each record to `take` as it comes, parked in between as the engine's processes are."""
    ring = RingSubscriber(handle, 0, "latest", lambda slots: list(_SLOT.iter_unpack(slots)))
    parking = ParkingLot(asyncio.get_running_loop(), [ring])
    while True:
        records = ring.drain()
        for update_id, bid in records:
            take(update_id, bid)
        ring.commit()
        if not records:
            await parking.park()


def _fork(part: Callable[[], Coroutine[Any, Any, None]]) -> int:
    pid = os.fork()
    if pid:
        return pid
    gc.freeze()  # as a child of the engine does when it is ready
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(part())
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Run the three until the input ends."""
    market, signals = (
        create_ring(RingSpec(name, _SLOTS, MARKET_SLOT_BYTES, "overwrite", 1, checksum=False))
        for name in ("market", "signals")
    )
    port, streams = arguments[0], arguments[1:]
    pids = [
        _fork(partial(execute, signals, port)),
        _fork(partial(work, market, signals)),
        _fork(partial(feed, market, port, streams)),
    ]
    sys.stdin.read()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
