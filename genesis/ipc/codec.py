"""Records on rings and in tables: one table of layouts; encode and decode are made from it. Pure.

Every payload starts with its kind and version, one byte each; its fields follow, little-endian,
each at a multiple of its size. A layout that changes gets a new version; a reader leaves out what
it does not know. Decoders take whole ring slots (`genesis.ipc.ring`), so that one `iter_unpack`
serves a batch and hands each record its ring sequence as the last field.

Events are `msgspec.Struct(gc=False)`, built straight from the unpacked tuple;
`scripts/bench_links.py` prints what the alternatives cost.
"""

import enum
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, starmap
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from genesis.domain.market import (
    Bar,
    Depth,
    DepthLevel,
    MarketEvent,
    MarketGap,
    Quote,
    TradedVolume,
    TradeTick,
)
from genesis.domain.orders import (
    OrderReport,
    OrderType,
    ReportKind,
    Side,
    Signal,
    SignalAction,
    TimeInForce,
)
from genesis.ipc.ring import CHECK_BYTES, SEQUENCE_BYTES, SLOT_OVERHEAD_BYTES
from genesis.limits import DEPTH_LEVELS

R = TypeVar("R", bound=msgspec.Struct)
R_co = TypeVar("R_co", bound=msgspec.Struct, covariant=True)

MARKET_SLOT_BYTES: Final = 128
SIGNAL_SLOT_BYTES: Final = 192
REPORT_SLOT_BYTES: Final = 128

_KIND_BITS: Final = 8  # a tag is the kind and, above it, the version, read as one 16-bit number


class RecordKind(enum.IntEnum):
    """What a record is."""

    QUOTE = 1
    TRADE_TICK = 2
    BAR = 3
    MARKET_GAP = 4
    SIGNAL = 5
    ORDER_REPORT = 6
    DEPTH = 7
    TRADED_VOLUME = 8


class Field(NamedTuple):
    """One field of a record: its name, its `struct` code and, if it is one, its enumeration."""

    name: str
    code: str
    enumeration: type[enum.IntEnum] | None = None


@dataclass(frozen=True, slots=True)
class Layout(Generic[R_co]):
    """How one version of one kind of record lies in a slot.

    `fields` are the record's own, in order, but for the last, `sequence`, of those records that
    take it from the ring.
    """

    kind: RecordKind
    version: int
    record: type[R_co]
    slot_bytes: int
    fields: tuple[Field, ...]

    @property
    def tag(self) -> int:
        """Return kind and version as the first two payload bytes spell them."""
        return self.kind | self.version << _KIND_BITS

    @property
    def takes_sequence(self) -> bool:
        """Tell whether the record's last field is its place in the ring."""
        return len(self.record.__struct_fields__) == len(self.fields) + 1


_EVENT_TIMES: Final = (
    Field("event_at", "q"),
    Field("received_at", "q"),
    Field("published_at", "q"),
)

QUOTE: Final = Layout(
    kind=RecordKind.QUOTE,
    version=1,
    record=Quote,
    slot_bytes=MARKET_SLOT_BYTES,
    fields=(
        Field("instrument_id", "i"),
        Field("bid_price", "q"),
        Field("bid_quantity", "q"),
        Field("ask_price", "q"),
        Field("ask_quantity", "q"),
        Field("update_id", "q"),
        *_EVENT_TIMES,
    ),
)
TRADE_TICK: Final = Layout(
    kind=RecordKind.TRADE_TICK,
    version=1,
    record=TradeTick,
    slot_bytes=MARKET_SLOT_BYTES,
    fields=(
        Field("instrument_id", "i"),
        Field("price", "q"),
        Field("quantity", "q"),
        Field("trade_id", "q"),
        Field("buyer_is_maker", "?"),
        *_EVENT_TIMES,
    ),
)
BAR: Final = Layout(
    kind=RecordKind.BAR,
    version=1,
    record=Bar,
    slot_bytes=MARKET_SLOT_BYTES,
    fields=(
        Field("instrument_id", "i"),
        Field("interval_ms", "q"),
        Field("open_price", "q"),
        Field("high_price", "q"),
        Field("low_price", "q"),
        Field("close_price", "q"),
        Field("volume", "q"),
        Field("trade_count", "q"),
        Field("open_at", "q"),
        *_EVENT_TIMES,
    ),
)
MARKET_GAP: Final = Layout(
    kind=RecordKind.MARKET_GAP,
    version=1,
    record=MarketGap,
    slot_bytes=MARKET_SLOT_BYTES,
    fields=(Field("instrument_id", "i"), Field("missed", "q"), *_EVENT_TIMES),
)
SIGNAL: Final = Layout(
    kind=RecordKind.SIGNAL,
    version=2,
    record=Signal,
    slot_bytes=SIGNAL_SLOT_BYTES,
    fields=(
        Field("strategy_number", "H"),
        Field("epoch", "I"),
        Field("sequence", "q"),
        Field("instrument_id", "i"),
        Field("side", "b", Side),
        Field("action", "B", SignalAction),
        Field("order_type", "B", OrderType),
        Field("time_in_force", "B", TimeInForce),
        Field("confidence", "d"),
        Field("limit_price", "q"),
        Field("stop_price", "q"),
        Field("target_price", "q"),
        Field("quantity", "q"),
        Field("position", "q"),
        Field("expires_at", "q"),
        Field("market_sequence", "q"),
        Field("event_at", "q"),
        Field("received_at", "q"),
        Field("read_at", "q"),
        Field("published_at", "q"),
    ),
)
ORDER_REPORT: Final = Layout(
    kind=RecordKind.ORDER_REPORT,
    version=1,
    record=OrderReport,
    slot_bytes=REPORT_SLOT_BYTES,
    fields=(
        Field("report_sequence", "q"),
        Field("strategy_number", "H"),
        Field("epoch", "I"),
        Field("signal_sequence", "q"),
        Field("instrument_id", "i"),
        Field("side", "b", Side),
        Field("kind", "B", ReportKind),
        Field("price", "q"),
        Field("quantity", "q"),
        Field("filled_quantity", "q"),
        Field("position", "q"),
        Field("reason_code", "H"),
        Field("at", "q"),
    ),
)


class SlotDecoder(Generic[R_co]):
    """Turns whole slots of one ring into records, by the layouts that ring carries.

    Never raises on content: records of an unknown kind or version, or with a value outside its
    enumeration, are left out.
    """

    __slots__ = ("_rows", "_slot_bytes")

    def __init__(self, *layouts: Layout[R_co]) -> None:
        """Know `layouts`, all of one slot size."""
        self._slot_bytes = layouts[0].slot_bytes
        assert all(layout.slot_bytes == self._slot_bytes for layout in layouts), (
            "one ring, one size"
        )
        self._rows: Mapping[int, tuple[struct.Struct, Callable[..., R_co]]] = {
            layout.tag: (slot_struct(layout), _compile_build(layout)) for layout in layouts
        }
        assert len(self._rows) == len(layouts), "a tag names one layout"

    def __call__(self, slots: bytes) -> list[R_co]:
        """Return the records in `slots`, in order."""
        tags = memoryview(slots).cast("H")[CHECK_BYTES // 2 :: self._slot_bytes // 2].tolist()
        if not tags:
            return []
        row = self._rows.get(tags[0])
        if row is None or tags.count(tags[0]) != len(tags):
            return list(self._mixed(slots, tags))
        layout, build = row
        try:
            return list(starmap(build, layout.iter_unpack(slots)))
        except KeyError:
            return list(self._mixed(slots, tags))

    def _mixed(self, slots: bytes, tags: list[int]) -> Iterator[R_co]:
        rows = self._rows
        for tag, at in zip(tags, range(0, len(slots), self._slot_bytes), strict=True):
            row = rows.get(tag)
            if row is None:
                continue
            layout, build = row
            try:
                yield build(*layout.unpack_from(slots, at))
            except KeyError:  # a value outside its enumeration
                continue


def payload_format(layout: Layout[msgspec.Struct]) -> str:
    """Return the `struct` format of a payload, kind and version first, each field aligned."""
    parts = ["<BB"]
    size = 2
    for field in layout.fields:
        width = struct.calcsize("<" + field.code)
        parts.append("x" * (-size % width) + field.code)
        size += -size % width + width
    room = layout.slot_bytes - SLOT_OVERHEAD_BYTES - size
    assert room >= 0, f"a {layout.kind.name} fits its slot"
    return "".join(parts) + f"{room}x"


def slot_struct(layout: Layout[msgspec.Struct]) -> struct.Struct:
    """Return what unpacks the fields of a whole slot, and its sequence if the record takes it."""
    payload = payload_format(layout).removeprefix("<BB")
    last = "Q" if layout.takes_sequence else f"{SEQUENCE_BYTES}x"
    compiled = struct.Struct(f"<{CHECK_BYTES}x2x{payload}{last}")
    assert compiled.size == layout.slot_bytes, "a layout spans its slot"
    return compiled


def _compile_encode(layout: Layout[R]) -> Callable[[R], bytes]:
    """Write the call that packs a record, as `namedtuple` writes its constructor.

    Reading the attributes by name in one expression costs half of unpacking `astuple`, and encoding
    is paid for every message.
    """
    values = ", ".join(f"record.{field.name}" for field in layout.fields)
    source = f"lambda record: pack({int(layout.kind)}, {layout.version}, {values})"
    scope = {"pack": struct.Struct(payload_format(layout)).pack}
    encode: Callable[[R], bytes] = eval(source, scope)  # noqa: S307 - made of the table above only
    return encode


def _compile_build(layout: Layout[R]) -> Callable[..., R]:
    """Return what makes a record of its unpacked fields; KeyError: no member of its enumeration.

    A record without enumerations is its own constructor.
    """
    names = tuple(field.name for field in layout.fields)
    declared = layout.record.__struct_fields__
    assert names == declared[: len(names)], f"{layout.kind.name} lists the record's fields in order"
    assert declared[len(names) :] in {(), ("sequence",)}, "only the sequence comes from the ring"
    if not any(field.enumeration for field in layout.fields):
        return layout.record
    scope: dict[str, object] = {"record": layout.record}
    for field in layout.fields:
        if field.enumeration is not None:
            scope[f"{field.name}_of"] = {int(member): member for member in field.enumeration}
    values = ", ".join(
        f"{field.name}={field.name}_of[{field.name}]"
        if field.enumeration
        else f"{field.name}={field.name}"
        for field in layout.fields
    )
    source = f"lambda {', '.join(names)}: record({values})"
    build: Callable[..., R] = eval(source, scope)  # noqa: S307 - made of the table above only
    return build


encode_quote: Final = _compile_encode(QUOTE)
"""Return the payload of a quote; its `sequence` is the ring's to give."""

encode_trade_tick: Final = _compile_encode(TRADE_TICK)
"""Return the payload of a trade tick; its `sequence` is the ring's to give."""

encode_bar: Final = _compile_encode(BAR)
"""Return the payload of a bar; its `sequence` is the ring's to give."""

encode_market_gap: Final = _compile_encode(MARKET_GAP)
"""Return the payload of a market gap; its `sequence` is the ring's to give."""

encode_report: Final = _compile_encode(ORDER_REPORT)
"""Return the payload of an order report."""

decode_market: Final[SlotDecoder[MarketEvent]] = SlotDecoder(QUOTE, TRADE_TICK, BAR, MARKET_GAP)
"""Return the events in whole slots of the market ring, each with its ring `sequence`."""

decode_signals: Final[SlotDecoder[Signal]] = SlotDecoder(SIGNAL)
"""Return the signals in whole slots of a signal ring."""

decode_reports: Final[SlotDecoder[OrderReport]] = SlotDecoder(ORDER_REPORT)
"""Return the order reports in whole slots of the report ring."""

_pack_signal: Final = _compile_encode(SIGNAL)


def encode_signal(signal: Signal) -> bytes:
    """Return the payload of a signal.

    Raises:
        ValueError: A field is no number or does not fit its place. Strategies make signals, so
            this is to be expected; the signal is theirs to answer for.
    """
    try:
        return _pack_signal(signal)
    except (struct.error, TypeError, OverflowError) as error:
        raise ValueError(f"a field of the signal does not fit its record: {error}") from error


DEPTH_VERSION: Final = 1
_DEPTH: Final = struct.Struct(f"<BBBBiqq{4 * DEPTH_LEVELS}q")
_NO_LEVELS: Final = [0] * (2 * DEPTH_LEVELS)
DEPTH_BYTES: Final = _DEPTH.size


def encode_depth(depth: Depth) -> bytes:
    """Return a row of the depth table: at most DEPTH_LEVELS a side, the best ones."""
    bids = depth.bids[:DEPTH_LEVELS]
    asks = depth.asks[:DEPTH_LEVELS]
    return _DEPTH.pack(
        RecordKind.DEPTH,
        DEPTH_VERSION,
        len(bids),
        len(asks),
        depth.instrument_id,
        depth.update_id,
        depth.event_at,
        *_flat(bids),
        *_NO_LEVELS[2 * len(bids) :],
        *_flat(asks),
        *_NO_LEVELS[2 * len(asks) :],
    )


def decode_depth(row: bytes) -> Depth | None:
    """Return the depth in a row of the depth table; None for another kind or version."""
    kind, version, bids, asks, instrument_id, update_id, event_at, *levels = _DEPTH.unpack(row)
    if kind != RecordKind.DEPTH or version != DEPTH_VERSION or max(bids, asks) > DEPTH_LEVELS:
        return None
    side = 2 * DEPTH_LEVELS
    return Depth(
        instrument_id,
        _levels(levels[: 2 * bids]),
        _levels(levels[side : side + 2 * asks]),
        update_id,
        event_at,
    )


VOLUME_VERSION: Final = 1
_VOLUME: Final = struct.Struct("<BB2xi2Qq")
VOLUME_BYTES: Final = _VOLUME.size


def encode_volume(volume: TradedVolume) -> bytes:
    """Return a row of the volume table. Cheap coins trade more in a year than 64 bits hold."""
    high, low = divmod(volume.quantity, 1 << 64)
    return _VOLUME.pack(
        RecordKind.TRADED_VOLUME, VOLUME_VERSION, volume.instrument_id, high, low, volume.trades
    )


def decode_volume(row: bytes) -> TradedVolume | None:
    """Return the volume in a row of the volume table; None for another kind or version."""
    kind, version, instrument_id, high, low, trades = _VOLUME.unpack(row)
    if kind != RecordKind.TRADED_VOLUME or version != VOLUME_VERSION:
        return None
    return TradedVolume(instrument_id, (high << 64) + low, trades)


def _flat(levels: list[DepthLevel]) -> Iterator[int]:
    return chain.from_iterable((level.price, level.quantity) for level in levels)


def _levels(values: list[int]) -> list[DepthLevel]:
    return [DepthLevel(*pair) for pair in zip(values[::2], values[1::2], strict=True)]
