"""`genesis.venue.stream_payloads`, `websocket_frames` and `stream_hub`: bytes to subscribers."""

from dataclasses import dataclass, field

import msgspec
import pytest

from genesis.domain.orders import Side
from genesis.units import NANOS_PER_MS, NANOS_PER_US, SCALE
from genesis.venue.stream_hub import StreamHub
from genesis.venue.stream_payloads import (
    DepthDiff,
    KlineName,
    KlineState,
    PublicTrade,
    StreamForm,
    StreamMessage,
    TopOfBook,
    depth_payload,
    kline_payload,
    stream_form,
    ticker_payload,
    trade_payload,
)
from genesis.venue.time_units import TimeUnit
from genesis.venue.websocket_frames import text_frame


def test_a_trade_event() -> None:
    """Keys and types as documented."""
    traded_at = 1_000 * NANOS_PER_US
    trade = PublicTrade("BTCUSDT", 9, 60_000 * SCALE, SCALE // 2, traded_at, buyer_is_maker=True)

    assert trade_payload("btcusdt@trade", trade, 1_001 * NANOS_PER_US) == (
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

    assert depth_payload("a@depth@100ms", "A", diff, 7 * NANOS_PER_US) == (
        b'{"stream":"a@depth@100ms","data":{"e":"depthUpdate","E":7,"s":"A","U":5,"u":6,'
        b'"b":[["1.00000000","1.00000000"]],"a":[["2.00000000","0.00000000"]]}}'
    )


@pytest.mark.parametrize(("event_ms", "is_closed"), [(59_999, False), (60_000, True)])
def test_a_kline_event(event_ms: int, is_closed: bool) -> None:  # noqa: FBT001 - a case
    """An interval is closed once its last microsecond is over, one before the next one's first."""
    kline = KlineState(0, 59_999, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    payload = kline_payload(KlineName("a@kline_1m", "A", "1m"), kline, event_ms * NANOS_PER_MS)
    data = msgspec.json.decode(payload)["data"]

    assert data["k"] == {
        "t": 0,
        "T": 59_999_999,
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
    time_unit: TimeUnit = TimeUnit.MILLISECOND
    sent: list[bytes] = field(default_factory=list)

    @property
    def form(self) -> StreamForm:
        """As the test wants it."""
        return stream_form(self.is_combined, self.time_unit)

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
    assert hub.frames_sent == 3
    assert len(woken) == 3


STAMP = 1_780_000_000_123_456


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        ("a@trade", b'{"e":"trade","E":%d,"s":"A","t":1780000000123456,"T":%d}'),
        ("a@depth@100ms", b'{"e":"depthUpdate","E":%d,"U":1780000000123456,"b":[["1","2"]]}'),
        ("a@kline_1m", b'{"e":"kline","E":%d,"k":{"t":%d,"T":%d,"f":1780000000123456}}'),
        ("a@bookTicker", b'{"u":1780000000123456,"s":"A"}'),
    ],
)
def test_each_gets_times_in_the_unit_it_asked_for(stream: str, data: bytes) -> None:
    """Of one message two forms may go out; what is no time keeps its digits."""
    hub = StreamHub(lambda: None)
    listeners = [Listener(is_combined=False, time_unit=unit) for unit in TimeUnit]
    for listener in listeners:
        hub.add(stream, listener)
    times = data.count(b"%d")
    combined = b'{"stream":"%b","data":%b}' % (stream.encode(), data % ((STAMP,) * times))
    hub.publish([StreamMessage(stream, combined)])

    by_unit = {listener.time_unit: listener.sent for listener in listeners}
    assert by_unit[TimeUnit.MILLISECOND] == [text_frame(data % ((STAMP // 1000,) * times))]
    assert by_unit[TimeUnit.MICROSECOND] == [text_frame(data % ((STAMP,) * times))]


def test_a_message_as_recorded_is_left_alone() -> None:
    """Not a byte of it changes, whatever the unit of its times and of whoever gets it."""
    hub = StreamHub(lambda: None)
    listener = Listener(is_combined=True)
    hub.add("a@trade", listener)
    payload = b'{"stream":"a@trade","data":{"E":%d}}' % STAMP
    hub.publish([StreamMessage("a@trade", payload, is_as_recorded=True)])

    assert listener.sent == [text_frame(payload)]


def test_a_stream_nobody_has_is_not_in_the_audience() -> None:
    """So that nobody formats it."""
    hub = StreamHub(lambda: None)
    listener = Listener(is_combined=True)
    hub.add("a@trade", listener)
    assert list(hub.subscribers) == ["a@trade"]

    hub.remove("a@trade", listener)
    assert not hub.subscribers
