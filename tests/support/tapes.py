"""Frames as a recorder writes them, made up for tests."""

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from genesis.units import NANOS_PER_MS

RECORDED: Final = 1_700_000_000_000_000_000
"""The receive time of a tape's first frame."""


def line(after_ms: int, payload: str) -> bytes:
    """Return a line received some ms after the tape's begin."""
    return b"%d %b\n" % (RECORDED + after_ms * NANOS_PER_MS, payload.encode())


def event_ms(after_ms: int) -> int:
    """Return the venue's time of an event received then; the recorder's clock was 1.27 s behind."""
    return RECORDED // NANOS_PER_MS + after_ms + 1_270


def ticker(after_ms: int, update_id: int, bid: str, ask: str, symbol: str = "BTCUSDT") -> bytes:
    """Return a quote of one unit on either side."""
    return line(
        after_ms,
        f'{{"stream":"{symbol.lower()}@bookTicker","data":{{"u":{update_id},"s":"{symbol}",'
        f'"b":"{bid}","B":"1.00000000","a":"{ask}","A":"1.00000000"}}}}',
    )


def trade(after_ms: int, trade_id: int, price: str, quantity: str, *, is_sale: bool) -> bytes:
    """Return a public trade of BTCUSDT; in a sale the buyer was the maker."""
    at_ms = event_ms(after_ms)
    return line(
        after_ms,
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{at_ms},"s":"BTCUSDT","t":{trade_id},'
        f'"p":"{price}","q":"{quantity}","T":{at_ms - 1},"m":{str(is_sale).lower()},"M":true}}}}',
    )


def depth(after_ms: int, ids: tuple[int, int], bids: str, asks: str) -> bytes:
    """Return a depth event of BTCUSDT; levels are JSON text."""
    return line(
        after_ms,
        f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{event_ms(after_ms)},'
        f'"s":"BTCUSDT","U":{ids[0]},"u":{ids[1]},"b":[{bids}],"a":[{asks}]}}}}',
    )


def snapshot(after_ms: int, update_id: int, bids: str, asks: str) -> bytes:
    """Return a recorded depth snapshot."""
    return line(after_ms, f'{{"lastUpdateId":{update_id},"bids":[{bids}],"asks":[{asks}]}}')


def short_tape() -> list[bytes]:
    """Return a second of BTCUSDT: quotes, a trade, depth events and a snapshot."""
    return [
        depth(0, (101, 102), '["100.00","2.0"]', '["101.00","2.0"]'),
        ticker(10, 103, "100.00", "101.00"),
        snapshot(20, 103, '["100.00","1.0"],["99.00","5.0"]', '["101.00","1.0"],["102.00","5.0"]'),
        trade(30, 500, "100.00", "0.40", is_sale=True),
        depth(100, (103, 105), '["100.00","0.6"]', '["103.00","7.0"]'),
        ticker(500, 106, "100.00", "100.50"),
        depth(600, (106, 106), "", '["100.50","1.0"]'),
        ticker(1_000, 107, "98.00", "98.50"),
    ]


def write_tape(path: Path, lines: Iterable[bytes]) -> Path:
    """Write a tape, compressed if its name says so."""
    content = b"".join(lines)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def payloads(lines: Iterable[bytes]) -> list[bytes]:
    """Return the frames of a tape's streams, as they were recorded."""
    frames = [row.rstrip(b"\n").partition(b" ")[2] for row in lines]
    return [frame for frame in frames if frame.startswith(b'{"stream"')]
