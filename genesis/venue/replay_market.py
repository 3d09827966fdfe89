"""Recorded frames as a market: real quotes, trades and depth, moved to the present.

The frames are played on a tape clock and never altered by what clients do. Clients match against
the book that the frames describe: what they take is gone for them until the tape next speaks of
that level, and their resting orders fill when the tape trades at or through their price.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from genesis.domain.orders import Side
from genesis.limits import VENUE_STALL_MAX
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos, Price
from genesis.venue import tape as tapes
from genesis.venue.depth_feed import DepthSnapshot, PublishedBook
from genesis.venue.klines import KlineDesk
from genesis.venue.listing import AVERAGE_PRICE_MINUTES, Listing
from genesis.venue.market import Audience
from genesis.venue.matching import Execution, InstrumentBook
from genesis.venue.stream_payloads import DepthDiff, StreamMessage, TopOfBook
from genesis.venue.tape import Move, Tape, TapeFrame

SEAM: Final[Nanos] = 100 * NANOS_PER_MS
"""Between the last frame of one pass and the first of the next."""

KLINE_TICK: Final[Nanos] = NANOS_PER_SECOND
_AT_ONCE: Final[Nanos] = 0
_NO_TOP: Final = TopOfBook(0, 0, 0, 0)


class ReplayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a tape is played.

    `speed` is tape seconds a second; 0 plays as fast as frames are taken, beginning with the first
    listener. `is_raw` leaves every byte as recorded, and sends no klines.
    """

    speed: float = 1.0
    loop: bool = True
    is_raw: bool = False


@dataclass(slots=True)
class _ReplayInstrument:
    """One symbol of the tape.

    `book` is what clients match against; `published` is what a client of the depth stream has. They
    differ, as quotes run ahead of depth events and clients' trades touch `book` only.
    """

    last_trade_id: int
    snapshot: TapeFrame | None
    book: InstrumentBook = field(default_factory=InstrumentBook)
    published: PublishedBook = field(default_factory=lambda: PublishedBook(0))
    top: TopOfBook = _NO_TOP
    top_id: int = 0

    def apply_top(self, top: TopOfBook, update_id: int) -> None:
        """Let a quote overrule the book at the top."""
        self.top, self.top_id = top, update_id
        for side, price, quantity in (
            (Side.BUY, top.bid_price, top.bid_quantity),
            (Side.SELL, top.ask_price, top.ask_quantity),
        ):
            if quantity:
                self.book.drop_public_beyond(side, price)
                self.book.set_public(side, price, quantity)

    def apply_diff(self, diff: DepthDiff) -> None:
        """Apply a depth event. At the top, an event older than the last quote tells nothing new."""
        is_older = diff.last_update_id < self.top_id
        for side, price, quantity in diff.changes:
            best = self.top.bid_price if side is Side.BUY else self.top.ask_price
            ladder = self.book.public_side(side).ladder
            if is_older and best and ladder.reaches(price, best):
                continue
            self.book.set_public(side, price, quantity)

    def replace(self, snapshot: DepthSnapshot) -> None:
        """Start both books anew from a snapshot."""
        self.published.replace(snapshot)
        for side, levels in ((Side.BUY, snapshot.bids), (Side.SELL, snapshot.asks)):
            kept = dict(levels)
            for price in list(self.book.public_side(side).ladder):
                if price not in kept:
                    self.book.set_public(side, price, 0)
            for price, quantity in levels:
                self.book.set_public(side, price, quantity)
        self.top, self.top_id = _NO_TOP, 0


class ReplayMarket:
    """A tape as a market: see `market.Market`.

    The first pass begins at `start`. With each further pass, update ids and trade ids go on rising;
    the gap that a client sees at the seam makes it fetch the book anew.
    """

    def __init__(
        self,
        tape: Tape,
        options: ReplayOptions,
        *,
        start: Nanos,
        audience: Audience,
        last_trade_ids: Mapping[str, int],
    ) -> None:
        self._tape = tape
        self._options = options
        self._audience = audience
        self.klines = KlineDesk()
        self._messages: list[StreamMessage] = []
        # Clients' trades are numbered apart from the tape's, rising from the present.
        first_trade_id = start // NANOS_PER_MS
        self._instruments = {
            symbol: _ReplayInstrument(
                max(first_trade_id, last_trade_ids.get(symbol, 0)),
                _first_snapshot(tape, symbol),
            )
            for symbol in tape.listings
        }
        self._halted: set[str] = set()
        self._pass_number = 0
        self._kline_at = start - start % KLINE_TICK + KLINE_TICK
        self._begin_pass(start)

    @property
    def listings(self) -> Mapping[str, Listing]:
        """The symbols of the tape, in the order of their first frames."""
        return self._tape.listings

    @property
    def next_at(self) -> Nanos | None:
        """When the next frame is due; None at the end of a tape that does not loop."""
        frame_at = self._frame_at()
        if frame_at is None or self._options.is_raw:
            return frame_at
        return min(frame_at, self._kline_at)

    def book(self, symbol: str) -> InstrumentBook:
        """Return the matching book of a listed symbol."""
        return self._instruments[symbol].book

    def step(self, now: Nanos) -> list[tuple[str, Execution]]:
        """Play the one frame that is due; return what clients' resting orders traded by it."""
        frame_at = self._frame_at()
        if self._kline_is_due(frame_at, now):
            self._tick_klines(now)
            return []
        if frame_at is None or frame_at > now:
            return []
        if frame_at != _AT_ONCE and now - frame_at > VENUE_STALL_MAX:
            # The tape stood still with the venue: it does not make up for the time.
            self._pass_at += now - frame_at
        if self._row == len(self._tape.frames):
            self._pass_number += 1
            self._begin_pass(now if frame_at == _AT_ONCE else frame_at)
            return self._settle(list(self._instruments))
        frame = self._tape.frames[self._row]
        self._row += 1
        return self._play(frame, now)

    def number_trades(self, symbol: str, executions: Sequence[Execution], now: Nanos) -> None:
        """Give a client's trades their ids. The tape's public does not see them."""
        del now
        instrument = self._instruments[symbol]
        for execution in executions:
            instrument.last_trade_id += 1
            execution.trade_id = instrument.last_trade_id

    def publish(self, symbol: str, now: Nanos) -> None:
        """Show nothing: the tape's public does not see clients' orders."""
        del now
        self._instruments[symbol].book.changes.clear()

    def halt(self, symbol: str, *, is_halted: bool) -> None:
        """Let nobody trade a symbol while its tape moves on unseen, or end that."""
        if is_halted:
            self._halted.add(symbol)
        else:
            self._halted.discard(symbol)

    def shift(self, step: Nanos) -> None:
        """Move the tape along with the venue's clock."""
        self._pass_at += step
        self._kline_at += step - step % KLINE_TICK

    def depth(self, symbol: str, limit: int) -> DepthSnapshot:
        """Return the book that the tape's depth events lead to.

        Before the recorded snapshot's place on the tape it is that snapshot, ahead of the stream.
        """
        return self._instruments[symbol].published.snapshot(limit)

    def reference_price(self, symbol: str, now: Nanos) -> Price:
        """Return the average price that filters compare with, 0 if nothing traded yet."""
        return self.klines.average_price(symbol, AVERAGE_PRICE_MINUTES, now // NANOS_PER_MS)

    def marks(self) -> list[tuple[str, Price]]:
        """Return none: a tape begins at its own prices."""
        return []

    def take_messages(self) -> list[StreamMessage]:
        """Return the stream messages since the last call, in order."""
        messages, self._messages = self._messages, []
        return messages

    def _frame_at(self) -> Nanos | None:
        """When the next frame, or the seam, is due."""
        frames = self._tape.frames
        if self._row == len(frames) and not self._options.loop:
            return None
        if self._options.speed == 0:
            return _AT_ONCE if self._audience else None
        if self._row == len(frames):
            return self._moved(frames[-1].received_at) + SEAM
        return self._moved(frames[self._row].received_at)

    def _moved(self, at: Nanos) -> Nanos:
        """Return when a moment of the tape comes, in this pass."""
        elapsed = at - self._tape.frames[0].received_at
        speed = self._options.speed
        return self._pass_at + (elapsed if speed == 1 else int(elapsed / speed))

    def _begin_pass(self, at: Nanos) -> None:
        self._row = 0
        self._pass_at = at
        for instrument in self._instruments.values():
            if instrument.snapshot is not None:
                instrument.replace(self._shifted_snapshot(instrument.snapshot))
            instrument.book.changes.clear()

    def _shift(self) -> tuple[int, int]:
        """Return what this pass adds to update ids and to trade ids."""
        passes = 0 if self._options.is_raw else self._pass_number
        return passes * self._tape.update_id_span, passes * self._tape.trade_id_span

    def _shifted_snapshot(self, frame: TapeFrame) -> DepthSnapshot:
        snapshot = tapes.snapshot_of(frame.payload)
        return snapshot._replace(last_update_id=snapshot.last_update_id + self._shift()[0])

    def _play(self, frame: TapeFrame, now: Nanos) -> list[tuple[str, Execution]]:
        """Let one frame move the books, and pass it on."""
        move = self._move(now)
        instrument = self._instruments[frame.symbol]
        executions: list[Execution] = []
        if frame.kind == tapes.TICKER:
            instrument.apply_top(tapes.top_of(frame.payload), frame.last_id + move.update_ids)
        elif frame.kind == tapes.DEPTH:
            self._apply_diff(instrument, frame, move)
        elif frame.kind == tapes.TRADE:
            if frame.symbol in self._halted:
                return []
            executions = self._apply_trade(instrument, frame, move)
        elif frame.last_id + move.update_ids > instrument.published.last_update_id:
            instrument.replace(self._shifted_snapshot(frame))
        if frame.stream in self._audience and frame.symbol not in self._halted:
            is_raw = self._options.is_raw
            payload = frame.payload if is_raw else tapes.moved_payload(frame, move)
            self._messages.append(StreamMessage(frame.stream, payload, is_raw))
        self.number_trades(frame.symbol, executions, now)
        fills = [(frame.symbol, execution) for execution in executions]
        return fills + self._settle([frame.symbol])

    def _settle(self, symbols: Sequence[str]) -> list[tuple[str, Execution]]:
        """Fill resting orders that the moved book has come to."""
        fills: list[tuple[str, Execution]] = []
        for symbol in symbols:
            if symbol in self._halted:
                continue
            instrument = self._instruments[symbol]
            executions = instrument.book.settle_crossed()
            self.number_trades(symbol, executions, self._pass_at)
            fills += [(symbol, execution) for execution in executions]
            instrument.book.changes.clear()
        return fills

    def _apply_diff(self, instrument: _ReplayInstrument, frame: TapeFrame, move: Move) -> None:
        diff = tapes.diff_of(frame.payload)
        diff = diff._replace(
            first_update_id=diff.first_update_id + move.update_ids,
            last_update_id=diff.last_update_id + move.update_ids,
        )
        if diff.last_update_id > instrument.published.last_update_id:
            instrument.published.apply(diff)
            instrument.apply_diff(diff)

    def _apply_trade(
        self, instrument: _ReplayInstrument, frame: TapeFrame, move: Move
    ) -> list[Execution]:
        trade = tapes.trade_of(frame.payload)
        moved_at = move.time(frame.event_at)
        self.klines.add(
            trade._replace(trade_id=trade.trade_id + move.trade_ids, traded_at=moved_at)
        )
        maker_side = Side.BUY if trade.buyer_is_maker else Side.SELL
        return instrument.book.print_public(maker_side, trade.price, trade.quantity)

    def _move(self, now: Nanos) -> Move:
        """Return how this pass moves times and ids.

        As fast as taken, the tape's spacing means nothing: every time is the present.
        """
        update_ids, trade_ids = self._shift()
        if self._options.speed == 0:
            return Move(lambda _: now, update_ids, trade_ids)
        skew = self._tape.skew
        return Move(lambda at: self._moved(at + skew), update_ids, trade_ids)

    def _kline_is_due(self, frame_at: Nanos | None, now: Nanos) -> bool:
        if self._options.is_raw or self._kline_at > now:
            return False
        return frame_at is None or frame_at == _AT_ONCE or self._kline_at <= frame_at

    def _tick_klines(self, now: Nanos) -> None:
        at = self._kline_at if now - self._kline_at < KLINE_TICK else now - now % KLINE_TICK
        self._kline_at = at + KLINE_TICK
        self._messages += self.klines.tick(at // NANOS_PER_MS, self._audience)


def _first_snapshot(tape: Tape, symbol: str) -> TapeFrame | None:
    return next(
        (frame for frame in tape.frames if frame.kind == tapes.SNAPSHOT and frame.symbol == symbol),
        None,
    )
