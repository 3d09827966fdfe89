"""`genesis.venue.tape` and `tape_files`: recorded frames, read and moved."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.domain.orders import Side
from genesis.errors import ConfigError
from genesis.units import NANOS_PER_MS, NANOS_PER_US, SCALE
from genesis.venue import tape_files
from genesis.venue.tape import (
    Move,
    TapeError,
    assign_snapshots,
    diff_of,
    make_tape,
    moved_payload,
    read_line,
    snapshot_of,
    top_of,
    trade_of,
)
from genesis.venue.tape_files import load_tape
from tests.support import tapes


def test_frames_are_read_whole() -> None:
    """Each kind with its ids, times and numbers."""
    ticker = read_line(tapes.ticker(10, 103, "100.00", "101.00"))
    trade = read_line(tapes.trade(30, 500, "100.00", "0.40", is_sale=True))
    depth = read_line(tapes.depth(100, (103, 105), '["100.00","0.6"]', '["103.00","7.0"]'))
    snapshot = read_line(tapes.snapshot(20, 104, '["100.00","1.0"]', ""))

    assert (ticker.kind, ticker.symbol, ticker.last_id) == ("bookTicker", "BTCUSDT", 103)
    assert top_of(ticker.payload) == (100 * SCALE, SCALE, 101 * SCALE, SCALE)
    assert (trade.kind, trade.first_id) == ("trade", 500)
    assert trade.event_at == tapes.event_ms(30) * NANOS_PER_MS
    assert trade_of(trade.payload).buyer_is_maker
    assert (depth.first_id, depth.last_id) == (103, 105)
    assert diff_of(depth.payload).changes == (
        (Side.BUY, 100 * SCALE, SCALE * 6 // 10),
        (Side.SELL, 103 * SCALE, 7 * SCALE),
    )
    assert (snapshot.kind, snapshot.symbol, snapshot.last_id) == ("snapshot", "", 104)
    assert snapshot_of(snapshot.payload).bids == [(100 * SCALE, SCALE)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "receive time"),
        (b"x {}", "receive time"),
        (b"1", "receive time"),
        (b"1 {", "cannot be read"),
        (b'1 {"lastUpdateId":1}', "cannot be read"),
        (b'1 {"stream":"a@kline_1m","data":{}}', "is not one of"),
        (b'1 {"stream":"a@trade"}', "is not one of"),
        (b'1 {"stream":"a@trade","data":{}}', "cannot be read"),
        (tapes.ticker(0, 1, "1e3", "2"), "not a plain decimal"),
        (tapes.ticker(0, 1, "-1", "2"), "negative"),
        (tapes.ticker(0, 1, "1", "2").replace(b"btcusdt@", b"ethusdt@"), "carries symbol"),
        (tapes.trade(0, 1, "0", "1", is_sale=True), "no price"),
        (tapes.depth(0, (2, 1), "", ""), "run backwards"),
        (tapes.depth(0, (1, 1), '["0","1"]', ""), "a level has no price"),
        (b"1 \xff", "cannot be read"),
    ],
)
def test_what_is_no_frame_is_refused(line: bytes, reason: str) -> None:
    """The error says why."""
    with pytest.raises(TapeError, match=reason):
        read_line(line)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    """Nothing but a TapeError comes of garbage."""
    for line in (noise, b"1 " + noise, tapes.ticker(0, 1, "1", "2")[:-20] + noise):
        try:
            read_line(line)
        except TapeError:
            continue


def test_times_and_ids_are_moved_and_nothing_else() -> None:
    """E and T by the clock, to the microsecond, ids by their shift; all other bytes stay."""
    move = Move(lambda at: at + 5 * NANOS_PER_MS + NANOS_PER_US, update_ids=10, trade_ids=20)
    trade = read_line(tapes.trade(30, 500, "100.00", "0.40", is_sale=True))
    depth = read_line(tapes.depth(0, (103, 105), '["100.00","0.6"]', ""))
    at_ms = tapes.event_ms(30)

    expected = trade.payload.replace(b'"t":500', b'"t":520')
    expected = expected.replace(b"%d" % at_ms, b"%d" % (at_ms * 1000 + 5_001))
    expected = expected.replace(b"%d" % (at_ms - 1), b"%d" % (at_ms * 1000 + 4_001))
    assert moved_payload(trade, move) == expected
    moved = moved_payload(depth, move)
    assert b'"U":113,"u":115' in moved
    assert moved.endswith(b'"b":[["100.00","0.6"]],"a":[]}}')


def test_times_on_the_tape_may_be_in_microseconds() -> None:
    """They are told by their sixteen digits, and none of those is lost."""
    at_ms = tapes.event_ms(0)
    line = tapes.depth(0, (1, 1), "", "").replace(b"%d" % at_ms, b"%d123" % at_ms)
    frame = read_line(line)
    moved = moved_payload(frame, Move(lambda at: at + NANOS_PER_MS, 0, 0))

    assert frame.event_at == at_ms * NANOS_PER_MS + 123_000
    assert b'"E":%d123,' % (at_ms + 1) in moved


def test_a_tape_is_in_order_and_knows_itself() -> None:
    """Listings, spans and how far the recorder's clock was behind the venue's."""
    frames = assign_snapshots([read_line(line) for line in reversed(tapes.short_tape())])
    tape = make_tape(frames)

    received = [frame.received_at for frame in tape.frames]
    assert received == sorted(received)
    assert list(tape.listings) == ["BTCUSDT"]
    assert tape.skew == -1_270 * NANOS_PER_MS
    assert tape.duration == 1_000 * NANOS_PER_MS
    assert tape.update_id_span == 8, "ids 101 to 107, and one left out"
    assert tape.trade_id_span == 1


def test_a_symbol_only_the_tape_knows_gets_rules_from_its_numbers() -> None:
    """Ticks and steps are the powers of ten that its quotes were seen in."""
    lines = [
        tapes.ticker(0, 1, "0.1230", "0.1250", "NEWUSDT"),
        tapes.ticker(1, 2, "0.1240", "0.1260", "NEWUSDT"),
    ]
    listing = make_tape([read_line(line) for line in lines]).listings["NEWUSDT"]

    assert (listing.tick_size, listing.step_size) == (SCALE // 1_000, SCALE)


@pytest.mark.parametrize("snapshots", [[50], [200]])
def test_a_snapshot_that_fits_no_symbol_is_refused(snapshots: list[int]) -> None:
    """Its id must lie among those of exactly one symbol of its file."""
    lines = [tapes.ticker(0, 101, "1", "2"), tapes.ticker(1, 110, "1", "2")]
    frames = [read_line(line) for line in lines]
    frames += [read_line(tapes.snapshot(2, update_id, "", "")) for update_id in snapshots]
    with pytest.raises(TapeError, match="fits 0 symbols"):
        assign_snapshots(frames)


# Files.


def test_a_directory_is_one_tape(tmp_path: Path) -> None:
    """Files, compressed or not, are merged by receive time; others are left alone."""
    tapes.write_tape(tmp_path / "a.ndjson.gz", tapes.short_tape())
    tapes.write_tape(tmp_path / "b.ndjson", [tapes.ticker(15, 9, "10", "11", "ETHUSDT")])
    (tmp_path / "notes.txt").write_text("no tape")
    tape = load_tape(tmp_path)

    assert list(tape.listings) == ["BTCUSDT", "ETHUSDT"]
    assert [frame.symbol for frame in tape.frames[:4]] == ["BTCUSDT"] * 2 + ["ETHUSDT", "BTCUSDT"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"garbage\n", r"tape\.ndjson:1: it does not begin with"),
        (tapes.ticker(0, 1, "1", "2") + b"1 {\n", r"tape\.ndjson:2: the frame cannot be read"),
        (tapes.snapshot(0, 1, "", ""), "fits 0 symbols"),
        (b"x" * 200, r"tape\.ndjson:1: .* longer than 100 bytes"),
    ],
)
def test_a_bad_file_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    """Empty, garbled or endless: one clear line."""
    if len(content) == 200:
        monkeypatch.setattr(tape_files, "TAPE_LINE_BYTES_MAX", 100)
    path = tapes.write_tape(tmp_path / "tape.ndjson", [content])
    with pytest.raises(ConfigError, match=message):
        load_tape(path)


def test_a_damaged_archive_is_named_with_its_line(tmp_path: Path) -> None:
    """A file that ends too early, or is no archive."""
    path = tapes.write_tape(tmp_path / "tape.ndjson.gz", tapes.short_tape())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ConfigError, match=r"tape\.ndjson\.gz:\d+: the file cannot be read further"):
        load_tape(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ConfigError, match=r"tape\.ndjson\.gz:1: the file cannot be read further"):
        load_tape(path)


def test_nothing_there_is_named(tmp_path: Path) -> None:
    """A missing path, and a directory without a tape."""
    with pytest.raises(ConfigError, match="no such file or directory"):
        load_tape(tmp_path / "none")
    with pytest.raises(ConfigError, match="no file in it ends in"):
        load_tape(tmp_path)


def test_too_long_a_tape_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held in memory, so its length is bounded."""
    monkeypatch.setattr(tape_files, "TAPE_FRAMES_MAX", 3)
    path = tapes.write_tape(tmp_path / "tape.ndjson", tapes.short_tape())
    with pytest.raises(ConfigError, match=r"tape\.ndjson:4: the tape has more than 3 frames"):
        load_tape(path)
