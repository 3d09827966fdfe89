"""The stopwatch of `bench_pipeline.py --peer`, in the venue that the peer trades on."""

import asyncio
import hashlib
import hmac
import os
import sys
from pathlib import Path

import msgspec
from websockets.asyncio.client import connect

from genesis.units import fixed_from_text, text_from_fixed
from scripts.pipeline.marks import (
    API_KEY,
    API_SECRET,
    SPACING,
    SYMBOL,
    is_marked,
    price_for,
    quantity_for,
)
from scripts.pipeline.stopwatch import VARIABLE, Laps
from tests.support.venue import DEADLINE_SECONDS, ApiClient, api_client, now_ms

ANSWERED = 3


async def place(api: ApiClient, quantity: int, price: int) -> str:
    """Buy below the market, at once or not at all; return what became of it."""
    parameters: dict[str, object] = {
        "apiKey": API_KEY,
        "symbol": SYMBOL,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "IOC",
        "quantity": text_from_fixed(quantity),
        "price": text_from_fixed(price),
        "timestamp": now_ms(),
    }
    text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    signature = hmac.new(API_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return str((await api.result("order.place", **parameters, signature=signature))["status"])


async def answer_marks(address: str) -> list[str]:
    """Answer some marked quotes, and send an order that answers none."""
    stream_url = f"{address}/stream?streams={SYMBOL.lower()}@bookTicker"
    outcomes: list[str] = []
    async with (
        connect(stream_url, max_queue=None) as stream,
        api_client(address) as api,
    ):
        async for message in stream:
            quote = msgspec.json.decode(message)["data"]
            if not is_marked(quote["u"]):
                continue
            price = price_for(fixed_from_text(quote["b"]))
            if not outcomes:
                await place(api, quantity_for(quote["u"] + 100 * SPACING), price)
            outcomes.append(await place(api, quantity_for(quote["u"]), price))
            if len(outcomes) == ANSWERED:
                break
    return outcomes


async def test_every_answer_is_paired_with_its_quote(tmp_path: Path) -> None:
    """A lap is counted for each order that answers a marked quote, and for no other order."""
    venue = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.pipeline.venue"),
        *(f"state_dir={tmp_path}", "market.rate=2000", "market.instruments=1"),
        env={**os.environ, VARIABLE: str(tmp_path / "laps")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert venue.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            port = int(await venue.stdout.readline())
            assert await answer_marks(f"ws://127.0.0.1:{port}") == ANSWERED * ["EXPIRED"]
            await venue.communicate(b"")
    finally:
        if venue.returncode is None:
            venue.kill()
    laps = msgspec.json.decode((tmp_path / "laps").read_bytes(), type=Laps)
    assert len(laps.answers) == ANSWERED
    assert laps.marks >= ANSWERED
