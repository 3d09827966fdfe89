"""The recorded market: where it lies, and its frames in the order they came in."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.units import SCALE, Nanos

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT.parent / "shared" / "data"
SYMBOLS: Final = ("BTCUSDT", "ETHUSDT")
ABSENT: Final = f"the recorded frames are not in {FOLDER}"


class TapeFrame(NamedTuple):
    """One line of the tape; a snapshot's frame does not say of which symbol it is."""

    received_at: Nanos
    symbol: str
    frame: bytes

    @property
    def is_snapshot(self) -> bool:
        """Whether this is a reply to a request for depth, rather than a stream's frame."""
        return self.frame.startswith(b'{"lastUpdateId"')


def tape_files() -> list[Path]:
    """Return the tape's files, in the order of `SYMBOLS`; none where it is absent."""
    found = [next(FOLDER.glob(f"*{symbol.lower()}*.ndjson.gz"), None) for symbol in SYMBOLS]
    return [path for path in found if path is not None]


def read_tape(frames_max: int | None = None) -> list[TapeFrame]:
    """Return the first frames of each symbol's file, merged by receive time."""
    frames = [
        frame
        for symbol, path in zip(SYMBOLS, tape_files(), strict=False)
        for frame in _read(symbol, path, frames_max)
    ]
    return sorted(frames, key=lambda frame: frame.received_at)


def _read(symbol: str, path: Path, frames_max: int | None) -> Iterator[TapeFrame]:
    with gzip.open(path, "rb") as lines:
        for count, line in enumerate(lines):
            if frames_max is not None and count >= frames_max:
                return
            received_at, _, frame = line.rstrip(b"\n").partition(b" ")
            yield TapeFrame(int(received_at), symbol, frame)


def catalogue_of(*symbols: str) -> InstrumentCatalogue:
    """Return instruments with the rules that BTCUSDT had, near enough."""
    return InstrumentCatalogue(
        Instrument(
            instrument_id=row,
            symbol=symbol,
            base_asset=symbol.removesuffix("USDT"),
            quote_asset="USDT",
            tick_size=SCALE // 100,
            step_size=SCALE // 100_000,
            min_price=SCALE // 100,
            max_price=1_000_000 * SCALE,
            min_quantity=SCALE // 100_000,
            max_quantity=9_000 * SCALE,
            market_max_quantity=100 * SCALE,
            min_notional=5 * SCALE,
            max_notional=9_000_000 * SCALE,
        )
        for row, symbol in enumerate(symbols)
    )
