"""The venue's market frames, by stream kind: their shapes, names and numbers.

Shapes are those of `binance-spot.md` sections 3 and 4. A decoder reads the fields that are used and
skips the rest, so that fields the venue adds do no harm and those it takes away are noticed.
"""

import enum
import functools
import operator
from collections.abc import Callable, Iterable
from typing import Annotated, Final, TypeAlias

import msgspec

from genesis.domain.instruments import Instrument
from genesis.limits import FIXED_MAX
from genesis.units import NANOS_PER_US, Price, Quantity, fixed_from_text

_TEXT_SHOWN_MAX: Final = 40

Sequence: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=FIXED_MAX)]
"""A number that the venue counts by; it fits a record."""

Stamp: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=FIXED_MAX // NANOS_PER_US)]
"""A point in time of the venue's, in ms or us (see `nanos_from_stamp`); as nanoseconds it fits a
record."""

# The decoder works with doubles. Below this, a double holds every whole number exactly and shows a
# ninth decimal as a fraction; wider numbers are read from their text.
_EXACT_MAX: Final = 1 << 49
_ExactPrice: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=_EXACT_MAX)]
_ExactQuantity: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_EXACT_MAX)]


class StreamKind(enum.StrEnum):
    """The streams Genesis subscribes; the value is the stream name's second half."""

    BOOK_TICKER = "bookTicker"
    TRADE = "trade"
    DEPTH = "depth@100ms"
    BAR_1S = "kline_1s"
    BAR_1M = "kline_1m"


BAR_INTERVAL_MS: Final = {StreamKind.BAR_1S: 1_000, StreamKind.BAR_1M: 60_000}


class BookTickerPayload(msgspec.Struct, gc=False):
    """`<symbol>@bookTicker`: it carries no event time."""

    update_id: Sequence = msgspec.field(name="u")
    bid_price: str = msgspec.field(name="b")
    bid_quantity: str = msgspec.field(name="B")
    ask_price: str = msgspec.field(name="a")
    ask_quantity: str = msgspec.field(name="A")


class TradePayload(msgspec.Struct, gc=False):
    """`<symbol>@trade`."""

    event_stamp: Stamp = msgspec.field(name="E")
    trade_id: Sequence = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    buyer_is_maker: bool = msgspec.field(name="m")


class DepthPayload(msgspec.Struct, gc=False):
    """`<symbol>@depth@100ms`: quantities are absolute, and 0 removes the level.

    Levels are scaled integers already; see `decode_depth`.
    """

    event_stamp: Stamp = msgspec.field(name="E")
    first_id: Sequence = msgspec.field(name="U")
    last_id: Sequence = msgspec.field(name="u")
    bids: list[tuple[_ExactPrice, _ExactQuantity]] = msgspec.field(name="b")
    asks: list[tuple[_ExactPrice, _ExactQuantity]] = msgspec.field(name="a")


class DepthTextPayload(msgspec.Struct, gc=False):
    """The same, as the venue writes it."""

    event_stamp: Stamp = msgspec.field(name="E")
    first_id: Sequence = msgspec.field(name="U")
    last_id: Sequence = msgspec.field(name="u")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")


class KlinePayload(msgspec.Struct, gc=False):
    """The `k` of `<symbol>@kline_<interval>`."""

    open_stamp: Stamp = msgspec.field(name="t")
    open_price: str = msgspec.field(name="o")
    high_price: str = msgspec.field(name="h")
    low_price: str = msgspec.field(name="l")
    close_price: str = msgspec.field(name="c")
    volume: str = msgspec.field(name="v")
    trade_count: Sequence = msgspec.field(name="n")
    is_closed: bool = msgspec.field(name="x")


class KlineEventPayload(msgspec.Struct, gc=False):
    """`<symbol>@kline_<interval>`."""

    event_stamp: Stamp = msgspec.field(name="E")
    kline: KlinePayload = msgspec.field(name="k")


class SnapshotPayload(msgspec.Struct, gc=False):
    """The reply to a request for depth."""

    last_update_id: Sequence = msgspec.field(name="lastUpdateId")
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


Payload: TypeAlias = BookTickerPayload | TradePayload | KlineEventPayload | msgspec.Raw
"""What a combined frame of a known stream carries; a depth event is left for `decode_depth`."""


class StreamFrame(msgspec.Struct, gc=False):
    """A combined frame. Each stream has a subclass, found by the stream's name as its tag."""

    data: Payload


class EnvelopePayload(msgspec.Struct, gc=False):
    """A combined frame of any stream, its payload unread."""

    stream: str
    data: msgspec.Raw


class ControlError(msgspec.Struct, gc=False):
    """The venue's word on a control message it refused."""

    code: int
    msg: str


class ControlPayload(msgspec.Struct, gc=False):
    """A reply to SUBSCRIBE and its kin, errors in both shapes (3.2), or an event without a stream.

    Every field may be missing; a frame in which all are is none of these.
    """

    id: int | str | None = None
    error: ControlError | None = None
    code: int | None = None
    msg: str | None = None
    event: str | None = msgspec.field(name="e", default=None)


class StreamRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A control message of a connection, as it is sent."""

    method: str
    id: int
    params: tuple[str, ...] = ()


decode_snapshot: Final = msgspec.json.Decoder(SnapshotPayload).decode
decode_envelope: Final = msgspec.json.Decoder(EnvelopePayload).decode
decode_control: Final = msgspec.json.Decoder(ControlPayload).decode

# Lax, it reads integers from text: "61837.63000000e8" is 6183763000000.
_decode_shifted_number: Final = msgspec.json.Decoder(_ExactQuantity, strict=False).decode
_decode_shifted_depth: Final = msgspec.json.Decoder(DepthPayload, strict=False).decode
_decode_depth_text: Final = msgspec.json.Decoder(DepthTextPayload).decode

_PAYLOADS: Final[dict[StreamKind, type[Payload]]] = {
    StreamKind.BOOK_TICKER: BookTickerPayload,
    StreamKind.TRADE: TradePayload,
    StreamKind.DEPTH: msgspec.Raw,
    StreamKind.BAR_1S: KlineEventPayload,
    StreamKind.BAR_1M: KlineEventPayload,
}
assert _PAYLOADS.keys() == set(StreamKind), "every kind of stream has a payload"

SHUTDOWN_STREAM: Final = "!serverShutdown"
SHUTDOWN_EVENT: Final = "serverShutdown"


class NegativeNumber(ValueError):
    """A number below zero, or a price or quantity of zero, stands where the venue never has one."""


def fixed_from_frame(text: str) -> int:
    """Convert a number of a frame to a scaled integer, exactly.

    With `e8` behind it the JSON decoder reads it as an integer, in a third of the time that text
    handling takes, and refuses what is not whole. What it refuses is read from its text.

    Raises:
        NegativeNumber: It is below zero.
        ValueError: It is no plain decimal number, has more than eight decimals, or is too wide for
            a record.
    """
    try:
        return _decode_shifted_number(f'"{text}e8"')
    except msgspec.DecodeError:
        pass  # its text tells what is wrong, or that nothing is
    value = fixed_from_text(text)
    if value < 0:
        raise NegativeNumber(f"{text[:_TEXT_SHOWN_MAX]!r} is negative")
    if value > FIXED_MAX:
        raise ValueError(f"{text[:_TEXT_SHOWN_MAX]!r} is wider than a field of a record")
    return value


def levels_from_text(texts: list[tuple[str, str]]) -> list[tuple[Price, Quantity]]:
    """Convert the levels of one side of a book.

    Raises:
        NegativeNumber: A price is not above zero, or a quantity is below.
        ValueError: As `fixed_from_frame`.
    """
    levels = []
    for price_text, quantity_text in texts:
        price = fixed_from_frame(price_text)
        if price == 0:
            raise NegativeNumber("a price is zero")
        levels.append((price, fixed_from_frame(quantity_text)))
    return levels


def spare_digits(instrument: Instrument) -> bytes:
    """Return the digits that all of an instrument's numbers end in: two zeros, or none in common.

    Texts have eight decimals, and most ticks and steps need six at most.
    """
    are_zeros = instrument.tick_size % 100 == 0 and instrument.step_size % 100 == 0
    return b"00" if are_zeros else b""


def decode_depth(raw: msgspec.Raw, spare: bytes) -> DepthPayload:
    """Decode a depth event, its levels as scaled integers, exactly.

    Half of the feed's work is these numbers, some 36 levels a frame, so all of them are read as
    `fixed_from_frame` reads one, with the `e8` put in place of the digits that they can `spare`:
    that leaves all other bytes where they are. Whatever does not end in those digits stays without
    `e8`, and is refused, not being whole. What has no point would lose digits, and what is spaced
    might keep them, so a payload with either is read from its text, as is all that is refused.

    Raises:
        ValueError: It is no depth event, or a number in it is none: see `levels_from_text`.
    """
    payload = bytes(raw)
    if not (b" " in payload or b"\n" in payload or b"\t" in payload or b"\r" in payload):
        shifted = payload.replace(spare + b'",', b'e8",').replace(spare + b'"]', b'e8"]')
        try:
            depth = _decode_shifted_depth(shifted)
        except msgspec.ValidationError:
            pass  # its text tells what is wrong, or that nothing is
        else:
            if payload.count(b".") == 2 * (len(depth.bids) + len(depth.asks)):
                return depth
    text = _decode_depth_text(payload)
    bids, asks = levels_from_text(text.bids), levels_from_text(text.asks)
    return DepthPayload(text.event_stamp, text.first_id, text.last_id, bids, asks)


def is_control(frame: bytes) -> bool:
    """Tell whether a frame is about its connection rather than about the market."""
    try:
        reply = decode_control(frame)
    except (ValueError, RecursionError):
        return False
    return (reply.id, reply.error, reply.code, reply.event) != (None, None, None, None)


def define_frame(name: str, kind: StreamKind) -> type[StreamFrame]:
    """Make the class of one stream's frames.

    With a class for each stream, one call of the decoder reads the frame, finds the stream and
    checks the payload, in two thirds of the time that a look at the name and a second call take.
    """
    frame = msgspec.defstruct(
        f"{kind.name.title()}Frame",
        [("data", _PAYLOADS[kind])],
        bases=(StreamFrame,),
        tag_field="stream",
        tag=name,
        gc=False,
    )
    assert issubclass(frame, StreamFrame)
    return frame


def decoder_of(frames: Iterable[type[StreamFrame]]) -> Callable[[bytes], StreamFrame]:
    """Return what decodes the frames of these classes, in any order and spacing of their keys.

    It raises ValidationError for a stream or payload it does not know, DecodeError for what is no
    JSON.
    """
    known: object = functools.reduce(operator.or_, frames)
    decoder: msgspec.json.Decoder[StreamFrame] = msgspec.json.Decoder(known)
    return decoder.decode


def stream_name(symbol: str, kind: StreamKind) -> str:
    """Return the venue's name of a stream; symbols in it are lower case."""
    return f"{symbol.lower()}@{kind}"
