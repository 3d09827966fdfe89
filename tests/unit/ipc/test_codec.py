"""Records: what goes in comes out, and what is not known is left out."""

import struct
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.market import Bar, Depth, DepthLevel, MarketGap, Quote, TradeTick
from genesis.domain.orders import (
    OrderReport,
    OrderType,
    ReportKind,
    Side,
    Signal,
    SignalAction,
    TimeInForce,
)
from genesis.ipc import codec
from genesis.ipc.codec import (
    BAR,
    MARKET_GAP,
    ORDER_REPORT,
    QUOTE,
    SIGNAL,
    TRADE_TICK,
    Layout,
    RecordKind,
    payload_format,
)
from genesis.ipc.ring import CHECK_BYTES
from genesis.limits import DEPTH_LEVELS

LAYOUTS: tuple[Layout[msgspec.Struct], ...] = (
    QUOTE,
    TRADE_TICK,
    BAR,
    MARKET_GAP,
    SIGNAL,
    ORDER_REPORT,
)

int32s = st.integers(-(1 << 31), (1 << 31) - 1)
int64s = st.integers(-(1 << 63), (1 << 63) - 1)
uint16s = st.integers(0, (1 << 16) - 1)
uint32s = st.integers(0, (1 << 32) - 1)
sequences = st.integers(0, (1 << 64) - 1)

quotes = st.builds(Quote, int32s, *[int64s] * 8, sequence=sequences)
ticks = st.builds(
    TradeTick, int32s, *[int64s] * 3, st.booleans(), *[int64s] * 3, sequence=sequences
)
bars = st.builds(Bar, int32s, *[int64s] * 11, sequence=sequences)
gaps = st.builds(MarketGap, int32s, *[int64s] * 4, sequence=sequences)
signals = st.builds(
    Signal,
    strategy_number=uint16s,
    epoch=uint32s,
    sequence=int64s,
    instrument_id=int32s,
    side=st.sampled_from(Side),
    action=st.sampled_from(SignalAction),
    order_type=st.sampled_from(OrderType),
    time_in_force=st.sampled_from(TimeInForce),
    confidence=st.floats(allow_nan=False),
    expires_at=int64s,
    **dict.fromkeys(
        (
            "limit_price",
            "stop_price",
            "target_price",
            "quantity",
            "market_sequence",
            "event_at",
            "received_at",
            "read_at",
            "published_at",
        ),
        int64s,
    ),
)
reports = st.builds(
    OrderReport,
    report_sequence=int64s,
    strategy_number=uint16s,
    epoch=uint32s,
    signal_sequence=int64s,
    instrument_id=int32s,
    side=st.sampled_from(Side),
    kind=st.sampled_from(ReportKind),
    price=int64s,
    quantity=int64s,
    filled_quantity=int64s,
    position=int64s,
    reason_code=uint16s,
    at=int64s,
)
levels = st.lists(st.builds(DepthLevel, int64s, int64s), max_size=DEPTH_LEVELS)
depths = st.builds(Depth, int32s, levels, levels, int64s, int64s)

encoders: dict[type, Callable[..., bytes]] = {
    Quote: codec.encode_quote,
    TradeTick: codec.encode_trade_tick,
    Bar: codec.encode_bar,
    MarketGap: codec.encode_market_gap,
}


def slot(payload: bytes, sequence: int = 0) -> bytes:
    """Return a slot as a ring would hold it."""
    return bytes(CHECK_BYTES) + payload + struct.pack("<Q", sequence)


def test_every_kind_has_one_layout() -> None:
    """The table is complete: a kind that is on a ring says how it lies there."""
    assert {layout.kind for layout in LAYOUTS} == set(RecordKind) - {
        RecordKind.DEPTH,
        RecordKind.TRADED_VOLUME,
    }
    assert len({layout.tag for layout in LAYOUTS}) == len(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind.name)
def test_fields_are_aligned(layout: Layout[msgspec.Struct]) -> None:
    """Every field lies at a multiple of its own size, so that none crosses a cache line."""
    natively_aligned = payload_format(layout).replace("<", "@")
    assert struct.calcsize(natively_aligned) == struct.calcsize(payload_format(layout))


@given(batch=st.lists(st.one_of(quotes, ticks, bars, gaps), max_size=12))
def test_market_events_survive_the_ring(batch: list[Quote | TradeTick | Bar | MarketGap]) -> None:
    """Any mix of events comes out as it went in, in order, with the ring's sequence."""
    slots = b"".join(slot(encoders[type(event)](event), event.sequence) for event in batch)
    assert codec.decode_market(slots) == batch


@given(batch=st.lists(quotes, min_size=1, max_size=12))
def test_a_batch_of_one_kind_survives_the_ring(batch: list[Quote]) -> None:
    """The path for one kind gives what the path for a mix gives."""
    slots = b"".join(slot(codec.encode_quote(quote), quote.sequence) for quote in batch)
    assert codec.decode_market(slots) == batch


@given(batch=st.lists(signals, max_size=5))
def test_signals_survive_the_ring(batch: list[Signal]) -> None:
    """A signal comes out as it went in, its enumerations as members."""
    decoded = codec.decode_signals(b"".join(slot(codec.encode_signal(one)) for one in batch))
    assert decoded == batch
    assert all(isinstance(one.side, Side) for one in decoded)


@given(batch=st.lists(reports, max_size=5))
def test_order_reports_survive_the_ring(batch: list[OrderReport]) -> None:
    """A report comes out as it went in."""
    assert codec.decode_reports(b"".join(slot(codec.encode_report(one)) for one in batch)) == batch


@given(depth=depths)
def test_depths_survive_their_row(depth: Depth) -> None:
    """A depth comes out as it went in."""
    assert codec.decode_depth(codec.encode_depth(depth)) == depth


def test_a_deep_book_is_cut_to_its_best_levels() -> None:
    """A row has room for DEPTH_LEVELS a side; what is worse is left out."""
    book = [DepthLevel(price, 1) for price in range(DEPTH_LEVELS + 5)]
    row = codec.encode_depth(Depth(1, book, book[:3], 2, 3))
    assert codec.decode_depth(row) == Depth(1, book[:DEPTH_LEVELS], book[:3], 2, 3)


def a_signal(**changes: object) -> Signal:
    """Return a valid signal with some fields changed, unchecked as a strategy's would be."""
    signal = Signal(
        strategy_number=1,
        epoch=1,
        sequence=1,
        instrument_id=0,
        side=Side.BUY,
        action=SignalAction.ENTER,
        order_type=OrderType.MARKET,
        confidence=1.0,
        expires_at=1,
    )
    for name, value in changes.items():
        setattr(signal, name, value)
    return signal


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 1 << 63},
        {"quantity": 1.5},
        {"limit_price": None},
        {"confidence": "high"},
        {"strategy_number": -1},
    ],
    ids=["too large", "no integer", "nothing", "text", "negative"],
)
def test_a_signal_that_fits_no_record_is_a_value_error(changes: dict[str, object]) -> None:
    """A strategy's nonsense is its own error, and never reaches the ring."""
    with pytest.raises(ValueError, match="does not fit its record"):
        codec.encode_signal(a_signal(**changes))


@pytest.mark.parametrize("damage", [0, 1], ids=["kind", "version"])
@pytest.mark.parametrize("neighbours", [0, 2])
def test_an_unknown_kind_or_version_is_left_out(damage: int, neighbours: int) -> None:
    """A record of another program version is not guessed at; its neighbours are read."""
    quote = Quote(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    good = slot(codec.encode_quote(quote), quote.sequence)
    foreign = bytearray(good)
    foreign[CHECK_BYTES + damage] = 99
    assert codec.decode_market(bytes(foreign) + good * neighbours) == [quote] * neighbours
    assert codec.decode_market(good * neighbours + bytes(foreign)) == [quote] * neighbours


@pytest.mark.parametrize("neighbours", [0, 2])
def test_a_value_outside_its_enumeration_is_left_out(neighbours: int) -> None:
    """A signal with a side that is none is never delivered, and never raises."""
    good = slot(codec.encode_signal(a_signal()))
    bad = slot(codec.encode_signal(a_signal(side=5)))
    assert codec.decode_signals(bad + good * neighbours) == [a_signal()] * neighbours


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_depth_row_of_another_kind_is_nothing(at: int) -> None:
    """Wrong kind, version or level counts give None, not a guess."""
    row = bytearray(codec.encode_depth(Depth(1, [], [], 2, 3)))
    row[at] = 99
    assert codec.decode_depth(bytes(row)) is None


@given(noise=st.binary(min_size=128 * 4, max_size=128 * 4))
def test_noise_never_raises(noise: bytes) -> None:
    """Any bytes whatever decode to records or to nothing."""
    for decode in (codec.decode_market, codec.decode_reports):
        assert len(decode(noise)) <= 4
    assert len(codec.decode_signals(noise[: 192 * 2])) <= 2
