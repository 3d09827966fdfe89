"""The bare client: what python-binance's own documentation would have one write. The peer's side.

It reads streams by the socket manager and answers a marked quote by the WebSocket API, until its
input ends. Arguments: port, and the streams to read.
"""

import asyncio
import os
import sys
import threading

# mypy: disable-error-code="import-untyped, import-not-found"
from binance import AsyncClient, BinanceSocketManager

from scripts.pipeline.marks import (
    API_KEY,
    API_SECRET,
    DISCOUNT_BPS,
    SYMBOL,
    is_marked,
    quantity_for,
    text_of,
)


async def main(port: str, streams: list[str]) -> None:
    """Answer marked quotes for ever."""
    AsyncClient.WS_API_URL = f"ws://127.0.0.1:{port}/ws-api/v3"
    BinanceSocketManager.STREAM_URL = f"ws://127.0.0.1:{port}/"
    client = AsyncClient(API_KEY, API_SECRET)
    async with BinanceSocketManager(client).multiplex_socket(streams) as socket:
        while True:
            message = await socket.recv()
            quote = message["data"]
            if "A" not in quote or quote["s"] != SYMBOL or not is_marked(quote["u"]):
                continue
            price = float(quote["b"]) * (1 - DISCOUNT_BPS / 10_000)
            await client.ws_create_order(
                symbol=SYMBOL,
                side="BUY",
                type="LIMIT",
                timeInForce="IOC",
                quantity=text_of(quantity_for(quote["u"])),
                price=f"{price:.2f}",
            )


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
