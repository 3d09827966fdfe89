"""`genesis.venue.stream_payloads`, `websocket_frames` and `stream_hub`: bytes to subscribers."""

from dataclasses import dataclass, field

import msgspec
import pytest

from genesis.domain.orders import Side
from genesis.units import SCALE
from genesis.venue.stream_hub import StreamHub
from genesis.venue.stream_payloads import (
    DepthDiff,
    KlineName,
    KlineState,
    PublicTrade,
    StreamMessage,
    TopOfBook,
    depth_payload,
    kline_payload,
    raw_payload,
    ticker_payload,
    trade_payload,
)
from genesis.venue.websocket_frames import text_frame


def test_a_trade_event() -> None:
    """Keys and types as documented."""
    trade = PublicTrade("BTCUSDT", 9, 60_000 * SCALE, SCALE // 2, 1_000, buyer_is_maker=True)

    assert trade_payload("btcusdt@trade", trade, 1_001) == (
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1001,"s":"BTCUSDT","t":9,'
        b'"p":"60000.00000000","q":"0.50000000","T":1000,"m":true,"M":true}}'
    )


def test_a_book_ticker_event() -> None:
    """It has no event type and no time."""
    top = TopOfBook(SCALE, 2 * SCALE, 3 * SCALE, 4 * SCALE)

    assert ticker_payload("a@bookTicker", "A", 5, top) == (
        b'{"stream":"a@bookTicker","data":{"u":5,"s":"A","b":"1.00000000","B":"2.00000000",'
        b'"a":"3.00000000","A":"4.00000000"}}'
    )


def test_a_depth_event() -> None:
    """Bids and asks apart, quantities absolute, zero for a level that is gone."""
    diff = DepthDiff(5, 6, ((Side.SELL, 2 * SCALE, 0), (Side.BUY, SCALE, SCALE)))

    assert depth_payload("a@depth@100ms", "A", diff, 7) == (
        b'{"stream":"a@depth@100ms","data":{"e":"depthUpdate","E":7,"s":"A","U":5,"u":6,'
        b'"b":[["1.00000000","1.00000000"]],"a":[["2.00000000","0.00000000"]]}}'
    )


@pytest.mark.parametrize(("event_ms", "is_closed"), [(59_999, False), (60_000, True)])
def test_a_kline_event(event_ms: int, is_closed: bool) -> None:  # noqa: FBT001 - a case
    """An interval is closed once its last millisecond is over."""
    kline = KlineState(0, 59_999, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    payload = kline_payload(KlineName("a@kline_1m", "A", "1m"), kline, event_ms)
    data = msgspec.json.decode(payload)["data"]

    assert data["k"] == {
        "t": 0,
        "T": 59_999,
        "s": "A",
        "i": "1m",
        "f": 1,
        "L": 2,
        "o": "0.00000003",
        "c": "0.00000004",
        "h": "0.00000005",
        "l": "0.00000006",
        "v": "0.00000007",
        "n": 11,
        "x": is_closed,
        "q": "0.00000008",
        "V": "0.00000009",
        "Q": "0.00000010",
        "B": "0",
    }


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_frame_headers(length: int, header: bytes) -> None:
    """One final text frame, the length in the shortest form."""
    assert text_frame(b"x" * length) == header + b"x" * length


@dataclass(eq=False)
class Listener:
    """A connection that keeps what it is sent."""

    is_combined: bool
    sent: list[bytes] = field(default_factory=list)

    def write_frames(self, frames: bytes) -> None:
        """Keep them."""
        self.sent.append(frames)


def test_a_batch_leaves_each_connection_in_one_write() -> None:
    """Each subscriber gets its streams in order, whole or raw as it wants them; others nothing."""
    woken: list[None] = []
    hub = StreamHub(lambda: woken.append(None))
    combined, raw = Listener(is_combined=True), Listener(is_combined=False)
    hub.add("a@trade", combined)
    hub.add("b@trade", combined)
    hub.add("a@trade", raw)
    first = StreamMessage("a@trade", b'{"stream":"a@trade","data":{"t":1}}')
    second = StreamMessage("b@trade", b'{"stream":"b@trade","data":{"t":2}}')
    hub.publish([first, second, StreamMessage("c@trade", b"")])

    assert combined.sent == [text_frame(first.payload) + text_frame(second.payload)]
    assert raw.sent == [text_frame(b'{"t":1}')]
    assert raw_payload(second) == b'{"t":2}'
    assert hub.frames_sent == 3
    assert len(woken) == 3


def test_a_stream_nobody_has_is_not_in_the_audience() -> None:
    """So that nobody formats it."""
    hub = StreamHub(lambda: None)
    listener = Listener(is_combined=True)
    hub.add("a@trade", listener)
    assert list(hub.subscribers) == ["a@trade"]

    hub.remove("a@trade", listener)
    assert not hub.subscribers
