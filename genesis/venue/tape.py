"""Recorded frames: what a line holds, and how its times and ids are moved (DESIGN section 11).

A line is the receive time in nanoseconds, a space, and the frame exactly as received: an event of a
combined stream, or a depth snapshot as the `depth` request returned it. Pure: reading files is
`tape_files.py`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from math import gcd
from typing import Final, NamedTuple, TypeAlias

import msgspec

from genesis.domain.orders import Side
from genesis.units import NANOS_PER_US, Nanos, Price, Quantity, fixed_from_text, nanos_from_stamp
from genesis.venue.depth_feed import DepthSnapshot
from genesis.venue.listing import LISTINGS, Listing, derived_listing
from genesis.venue.stream_payloads import DepthDiff, PublicTrade, TopOfBook

_STREAM_MARK: Final = b'{"stream":"'
_DATA_MARK: Final = b'","data":'
_BODY_MARKS: Final = {"depth@100ms": b',"b":['}

# Quotes around the name and none around the number: prices and quantities are text, ids and times
# are not.
_NUMBERS: Final = re.compile(rb'"(E|T|U|u|t)":([0-9]{1,19})')
_TIMES: Final = frozenset({b"E", b"T"})


class TapeError(ValueError):
    """A line is no recorded frame. The message says why."""


class TapeFrame(NamedTuple):
    """One recorded frame. `kind` is the stream's name after the symbol, or "snapshot".

    `first_id` and `last_id` are its update ids (a trade's: its trade id). `event_at` is the venue's
    time on the recorder's day, 0 where the frame carries none.
    """

    received_at: Nanos
    kind: str
    stream: str
    symbol: str
    payload: bytes
    first_id: int
    last_id: int
    event_at: Nanos


class _Ticker(msgspec.Struct):
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class _Trade(msgspec.Struct):
    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool


class _Depth(msgspec.Struct):
    E: int
    s: str
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _Snapshot(msgspec.Struct):
    lastUpdateId: int  # noqa: N815 - the venue's name
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class _TickerFrame(msgspec.Struct):
    data: _Ticker


class _TradeFrame(msgspec.Struct):
    data: _Trade


class _DepthFrame(msgspec.Struct):
    data: _Depth


_decode_ticker: Final = msgspec.json.Decoder(_TickerFrame).decode
_decode_trade: Final = msgspec.json.Decoder(_TradeFrame).decode
_decode_depth: Final = msgspec.json.Decoder(_DepthFrame).decode
_decode_snapshot: Final = msgspec.json.Decoder(_Snapshot).decode

SNAPSHOT: Final = "snapshot"
TICKER: Final = "bookTicker"
TRADE: Final = "trade"
DEPTH: Final = "depth@100ms"


def read_line(line: bytes) -> TapeFrame:
    """Check one line of a tape whole, and return its frame; a snapshot has no symbol yet.

    Raises:
        TapeError: The line is no recorded frame, or of a stream that is not replayed.
    """
    received, space, payload = line.rstrip(b"\r\n").partition(b" ")
    if not space or not received.isdigit():
        raise TapeError("it does not begin with a receive time in nanoseconds and a space")
    try:
        return _read_frame(int(received), payload)
    except (msgspec.MsgspecError, ValueError) as error:
        raise TapeError(f"the frame cannot be read: {error}") from error


def _read_frame(received_at: Nanos, payload: bytes) -> TapeFrame:
    if not payload.startswith(_STREAM_MARK):
        snapshot = snapshot_of(payload)
        last_id = snapshot.last_update_id
        return TapeFrame(received_at, SNAPSHOT, "", "", payload, last_id, last_id, 0)
    name, mark, _ = payload[len(_STREAM_MARK) :].partition(_DATA_MARK)
    stream = name.decode()
    kind = stream.partition("@")[2]
    if not mark or kind not in _READERS:
        raise TapeError(f"stream {stream[:60]!r} is not one of {', '.join(sorted(_READERS))}")
    symbol, first_id, last_id, event_stamp = _READERS[kind](payload)
    if stream != f"{symbol.lower()}@{kind}":
        raise TapeError(f"stream {stream[:60]!r} carries symbol {symbol[:20]!r}")
    return TapeFrame(
        received_at, kind, stream, symbol, payload, first_id, last_id, nanos_from_stamp(event_stamp)
    )


_Header: TypeAlias = tuple[str, int, int, int]


def _read_ticker(payload: bytes) -> _Header:
    data = _decode_ticker(payload).data
    _top(data)
    return data.s, data.u, data.u, 0


def _read_trade(payload: bytes) -> _Header:
    data = _decode_trade(payload).data
    _trade(data)
    return data.s, data.t, data.t, data.E


def _read_depth(payload: bytes) -> _Header:
    data = _decode_depth(payload).data
    _diff(data)
    return data.s, data.U, data.u, data.E


_READERS: Final[dict[str, Callable[[bytes], _Header]]] = {
    TICKER: _read_ticker,
    TRADE: _read_trade,
    DEPTH: _read_depth,
}


def top_of(payload: bytes) -> TopOfBook:
    """Return what a bookTicker frame says."""
    return _top(_decode_ticker(payload).data)


def trade_of(payload: bytes) -> PublicTrade:
    """Return what a trade frame says, with the tape's own times and ids."""
    return _trade(_decode_trade(payload).data)


def diff_of(payload: bytes) -> DepthDiff:
    """Return what a depth frame says, with the tape's own ids."""
    return _diff(_decode_depth(payload).data)


def snapshot_of(payload: bytes) -> DepthSnapshot:
    """Return what a recorded depth snapshot says, with the tape's own id."""
    data = _decode_snapshot(payload)
    bids, asks = [_level(level) for level in data.bids], [_level(level) for level in data.asks]
    return DepthSnapshot(data.lastUpdateId, bids, asks)


def _top(data: _Ticker) -> TopOfBook:
    top = TopOfBook(*map(fixed_from_text, (data.b, data.B, data.a, data.A)))
    if min(top) < 0:
        raise TapeError("a quote has a negative number")
    return top


def _trade(data: _Trade) -> PublicTrade:
    price, quantity = fixed_from_text(data.p), fixed_from_text(data.q)
    if price <= 0 or quantity <= 0:
        raise TapeError("a trade has no price or no quantity")
    return PublicTrade(data.s, data.t, price, quantity, nanos_from_stamp(data.T), data.m)


def _diff(data: _Depth) -> DepthDiff:
    if data.u < data.U:
        raise TapeError(f"update ids run backwards: U {data.U}, u {data.u}")
    changes = [(Side.BUY, *_level(level)) for level in data.b]
    changes += [(Side.SELL, *_level(level)) for level in data.a]
    return DepthDiff(data.U, data.u, tuple(changes))


def _level(level: tuple[str, str]) -> tuple[Price, Quantity]:
    price, quantity = fixed_from_text(level[0]), fixed_from_text(level[1])
    if price <= 0 or quantity < 0:
        raise TapeError("a level has no price, or a negative quantity")
    return price, quantity


class Move(NamedTuple):
    """How one pass of the tape is moved: its times by a mapping, its ids by what is added."""

    time: Callable[[Nanos], Nanos]
    update_ids: int
    trade_ids: int


def moved_payload(frame: TapeFrame, move: Move) -> bytes:
    """Return the frame with ids and times moved, these in microseconds; all other bytes stay."""

    def replace(match: re.Match[bytes]) -> bytes:
        name, digits = match.group(1), match.group(2)
        if name in _TIMES:
            value = move.time(nanos_from_stamp(int(digits))) // NANOS_PER_US
        else:
            value = int(digits) + (move.trade_ids if name == b"t" else move.update_ids)
        return b'"%b":%d' % (name, value)

    body = _BODY_MARKS.get(frame.kind)
    header_end = len(frame.payload) if body is None else frame.payload.find(body)
    return _NUMBERS.sub(replace, frame.payload[:header_end]) + frame.payload[header_end:]


class Tape(msgspec.Struct, frozen=True, kw_only=True):
    """A recording, in the order of receipt. It has at least one frame.

    `skew` is how far the recorder's clock was ahead of the venue's, at least: added to an event's
    time it gives a time of the recorder's clock at which the frame had not come in later.
    """

    frames: Sequence[TapeFrame]
    listings: dict[str, Listing]
    skew: Nanos
    update_id_span: int
    trade_id_span: int

    @property
    def duration(self) -> Nanos:
        """From the first frame to the last."""
        return self.frames[-1].received_at - self.frames[0].received_at


def make_tape(frames: Iterable[TapeFrame]) -> Tape:
    """Put frames, each of a symbol, in order, and find out what the tape is of."""
    ordered = sorted(frames, key=lambda frame: frame.received_at)
    assert ordered, "an empty tape is refused before"
    symbols = dict.fromkeys(frame.symbol for frame in ordered)
    assert "" not in symbols, "snapshots are assigned before"
    lags = [frame.received_at - frame.event_at for frame in ordered if frame.event_at]
    update_ids = [frame for frame in ordered if frame.kind != TRADE]
    trade_ids = [frame for frame in ordered if frame.kind == TRADE]
    return Tape(
        frames=ordered,
        listings={symbol: _listing(symbol, ordered) for symbol in symbols},
        skew=min(lags, default=0),
        # One id is left out at the seam, so that a client sees a gap and fetches the book anew.
        update_id_span=_span(update_ids) + 1,
        trade_id_span=_span(trade_ids),
    )


def _span(frames: Sequence[TapeFrame]) -> int:
    """Return how many ids frames cover, over all symbols: no pass of the tape repeats one."""
    widths: dict[str, tuple[int, int]] = {}
    for frame in frames:
        low, high = widths.get(frame.symbol, (frame.first_id, frame.last_id))
        widths[frame.symbol] = min(low, frame.first_id), max(high, frame.last_id)
    return max((high - low + 1 for low, high in widths.values()), default=0)


def _listing(symbol: str, frames: Sequence[TapeFrame]) -> Listing:
    known = LISTINGS.get(symbol)
    if known is not None:
        return known
    tick = step = 0
    for frame in frames:
        if frame.symbol == symbol and frame.kind == TICKER:
            top = top_of(frame.payload)
            tick = gcd(tick, top.bid_price, top.ask_price)
            step = gcd(step, top.bid_quantity, top.ask_quantity)
    return derived_listing(symbol, _power_of_ten(tick), _power_of_ten(step))


def _power_of_ten(number: int) -> int:
    """Return the largest power of ten that divides a number; 1 for 0."""
    power = 1
    while number and number % (power * 10) == 0:
        power *= 10
    return power


def assign_snapshots(frames: Sequence[TapeFrame]) -> list[TapeFrame]:
    """Give snapshots the symbol whose update ids surround theirs, within one file.

    Raises:
        TapeError: No symbol of the file fits a snapshot, or more than one does.
    """
    ranges: dict[str, tuple[int, int]] = {}
    for frame in frames:
        if frame.kind in (TICKER, DEPTH):
            low, high = ranges.get(frame.symbol, (frame.first_id, frame.last_id))
            ranges[frame.symbol] = min(low, frame.first_id), max(high, frame.last_id)
    assigned: list[TapeFrame] = []
    for frame in frames:
        if frame.kind != SNAPSHOT:
            assigned.append(frame)
            continue
        fitting = [
            symbol for symbol, (low, high) in ranges.items() if low - 1 <= frame.last_id <= high
        ]
        if len(fitting) != 1:
            raise TapeError(
                f"the depth snapshot {frame.last_id} fits {len(fitting)} symbols of its file"
            )
        assigned.append(frame._replace(symbol=fitting[0]))
    return assigned
