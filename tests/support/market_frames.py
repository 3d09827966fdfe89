"""Frames as the venue writes them: one good frame of each kind, with any field changed."""

import json
from typing import Final

from genesis.data.frames import SnapshotPayload, StreamKind, stream_name
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

NOW: Final[Nanos] = 1_800_000_000 * NANOS_PER_SECOND
NOW_MS: Final = NOW // NANOS_PER_MS


def combined(kind: StreamKind, payload: dict[str, object], symbol: str = "BTCUSDT") -> bytes:
    """Write a combined frame with the venue's spacing."""
    frame = {"stream": stream_name(symbol, kind), "data": payload}
    return json.dumps(frame, separators=(",", ":")).encode()


def ticker(update_id: int = 5, symbol: str = "BTCUSDT", **changed: object) -> bytes:
    """Write a bookTicker frame: 100 bid, 101 asked."""
    payload: dict[str, object] = {
        "u": update_id,
        "s": symbol,
        "b": "100.00000000",
        "B": "1.50000000",
        "a": "101.00000000",
        "A": "2.50000000",
    }
    return combined(StreamKind.BOOK_TICKER, payload | changed, symbol)


def trade(trade_id: int = 7, **changed: object) -> bytes:
    """Write a trade frame, one unit at 100."""
    payload: dict[str, object] = {
        "e": "trade",
        "E": NOW_MS,
        "s": "BTCUSDT",
        "t": trade_id,
        "p": "100.00000000",
        "q": "1.00000000",
        "T": NOW_MS,
        "m": True,
        "M": True,
    }
    return combined(StreamKind.TRADE, payload | changed)


def kline(
    open_ms: int = 60_000,
    kind: StreamKind = StreamKind.BAR_1M,
    event_ms: int = NOW_MS,
    **changed: object,
) -> bytes:
    """Write the last frame of a bar."""
    bar: dict[str, object] = {
        "t": open_ms,
        "o": "100.00000000",
        "h": "103.00000000",
        "l": "99.00000000",
        "c": "102.00000000",
        "v": "12.00000000",
        "n": 34,
        "x": True,
    }
    return combined(kind, {"e": "kline", "E": event_ms, "s": "BTCUSDT", "k": bar | changed})


def depth(first_id: int, last_id: int, **changed: object) -> bytes:
    """Write a depth frame that sets one level a side."""
    payload: dict[str, object] = {
        "e": "depthUpdate",
        "E": NOW_MS,
        "s": "BTCUSDT",
        "U": first_id,
        "u": last_id,
        "b": [["100.00000000", "3.00000000"]],
        "a": [["101.00000000", "4.00000000"]],
    }
    return combined(StreamKind.DEPTH, payload | changed)


def snapshot(last_id: int, bid: str = "99.00000000") -> SnapshotPayload:
    """Return a reply to a request for depth."""
    return SnapshotPayload(last_id, [(bid, "1.00000000")], [("102.00000000", "1.00000000")])
