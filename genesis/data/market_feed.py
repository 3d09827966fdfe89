"""Venue frames in, validated market events out. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Never, TypeAlias, cast

import msgspec

from genesis.data.counts import DropReason, FeedCounts
from genesis.data.depth_stream import DepthStream
from genesis.data.events import FeedEvent, MarketStream, ShutdownNotice, SubscriptionReply
from genesis.data.frames import (
    SHUTDOWN_EVENT,
    SHUTDOWN_STREAM,
    NegativeNumber,
    Payload,
    SnapshotPayload,
    StreamFrame,
    StreamKind,
    decode_control,
    decode_envelope,
    decoder_of,
    define_frame,
)
from genesis.data.snapshots import SnapshotSchedule
from genesis.data.streams import BarStream, QuoteStream, TradeStream
from genesis.data.validation import EventAge
from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.domain.market import Depth, MarketGap
from genesis.domain.order_book import OrderBook
from genesis.limits import OVERLAP_EXPECTED, STREAM_SILENCE_MAX
from genesis.units import Nanos

_Receive: TypeAlias = Callable[[Payload, Nanos, list[FeedEvent]], DropReason | None]


class MarketDataFeed:
    """The market as one venue's streams tell it: judged frame by frame, books included.

    The shell gives every frame to `receive_frames`, publishes the events it returns, and every few
    milliseconds puts `take_depths` into the depth table. It asks the venue for the snapshots that
    `next_snapshot_at` and `take_snapshot_wanted` name, and hands the replies to
    `receive_snapshot`. When a connection is lost, it says so by `interrupt`; when another one goes
    on in its place, by `succeed`.

    A frame that fails a check is counted in `counts` under its reason and never passed on; nothing
    that a venue sends raises.
    """

    def __init__(
        self,
        instruments: InstrumentCatalogue,
        *,
        event_age_max: Nanos,
        kinds: Sequence[StreamKind] = tuple(StreamKind),
    ) -> None:
        self.counts = FeedCounts()
        self._age = EventAge(event_age_max)
        self._schedule = SnapshotSchedule()
        self._depths: dict[int, DepthStream] = {}
        self._changed_depths: dict[DepthStream, None] = {}  # an ordered set
        self._streams: dict[str, MarketStream[Never]] = {}
        self._instrument_ids: dict[str, int] = {}
        self._receivers: dict[type[StreamFrame], _Receive] = {}
        for instrument in instruments:
            for kind, stream in self._make_streams(instrument, kinds):
                self._streams[stream.name] = stream
                self._instrument_ids[stream.name] = instrument.instrument_id
                # A stream's frames have its own kind's payload: that is what their class says.
                receive = cast("_Receive", stream.receive)
                self._receivers[define_frame(stream.name, kind)] = receive
        self._decode = decoder_of(self._receivers)
        self._silent: set[str] = set()

    @property
    def stream_names(self) -> tuple[str, ...]:
        """Every stream to subscribe, those of one instrument side by side."""
        return tuple(self._streams)

    @property
    def books_synced(self) -> int:
        """How many books are complete at present."""
        return sum(depth.is_synced for depth in self._depths.values())

    @property
    def instruments_silent(self) -> int:
        """How many instruments had a silent stream at the last `check_silence`."""
        return len({self._instrument_ids[name] for name in self._silent})

    def book(self, instrument_id: int) -> OrderBook:
        """Return an instrument's local book; it is empty while it is not complete."""
        return self._depths[instrument_id].book

    def receive_frame(self, frame: bytes, received_at: Nanos) -> list[FeedEvent]:
        """Judge one frame; see `receive_frames`."""
        return self.receive_frames((frame,), received_at)

    def receive_frames(self, frames: Sequence[bytes], received_at: Nanos) -> list[FeedEvent]:
        """Judge the frames of one socket read, in order; return what they say, in order."""
        events: list[FeedEvent] = []
        decode, receivers = self._decode, self._receivers
        for frame in frames:
            try:
                decoded = decode(frame)
                reason = receivers[type(decoded)](decoded.data, received_at, events)
            except (ValueError, RecursionError) as fault:
                reason = self._judge_uncommon(frame, fault, received_at, events)
            if reason is not None:
                self.counts.drops[reason] += 1
        self.counts.frames += len(frames)
        return events

    def receive_snapshot(self, instrument_id: int, snapshot: SnapshotPayload, now: Nanos) -> bool:
        """Judge a reply to a request for depth; tell whether the instrument has its book now.

        If it has not, another snapshot is wanted, later each time.
        """
        depth = self._depths[instrument_id]
        try:
            is_synced = depth.receive_snapshot(snapshot)
        except ValueError:
            is_synced = False
        if is_synced:
            self._schedule.settle(instrument_id)
        else:
            self.counts.snapshots_unfit += 1
            self.miss_snapshot(instrument_id, now)
        return is_synced

    def miss_snapshot(self, instrument_id: int, now: Nanos) -> None:
        """Note that the venue did not answer a request for depth; it is due again later."""
        if self._depths[instrument_id].wants_snapshot:
            self._schedule.want(instrument_id, now)

    def postpone_snapshots(self, until: Nanos) -> None:
        """Ask for no snapshot before `until`: the venue said so."""
        self._schedule.postpone(until)

    def next_snapshot_at(self) -> Nanos | None:
        """Return when the venue is to be asked for the next snapshot, or None if none is wanted."""
        return self._schedule.next_at()

    def take_snapshot_wanted(self, now: Nanos) -> int | None:
        """Return the instrument whose snapshot is asked for now, or None.

        What came of it must be told, by `receive_snapshot` or `miss_snapshot`.
        """
        return self._schedule.take(now)

    @property
    def has_changed_books(self) -> bool:
        """Whether `take_depths` has anything to return or to do."""
        return bool(self._changed_depths)

    def take_depths(self, now: Nanos) -> list[Depth]:
        """Return the top of each book that changed since the last call.

        A book that is lost becomes an empty depth, and its snapshot wanted from here on.
        """
        if not self._changed_depths:
            return []
        changed = list(self._changed_depths)
        self._changed_depths.clear()
        for stream in changed:
            if stream.wants_snapshot:
                self._schedule.want(stream.instrument_id, now)
        return [stream.depth() for stream in changed]

    def interrupt(self, stream_names: Iterable[str], now: Nanos) -> list[FeedEvent]:
        """Note the loss of a connection that carried these streams; return the gaps to publish.

        One gap per instrument says that quotes may be missing; how many trades and bars were missed
        is told by their numbers when they go on.
        """
        self.counts.interruptions += 1
        instrument_ids: dict[int, None] = {}
        for name in stream_names:
            self._streams[name].interrupt()
            instrument_ids[self._instrument_ids[name]] = None
        return [MarketGap(instrument_id, 0, 0, now) for instrument_id in instrument_ids]

    def succeed(self, stream_names: Iterable[str], now: Nanos, *, has_gap: bool) -> list[FeedEvent]:
        """Note that another connection goes on with these streams; return the gaps to publish.

        Numbers go on as well: what comes again is no fault, where they jump something was missed,
        and a book that they join on to is kept. `has_gap` says that the old connection ended before
        the new one was heard of, so that quotes, which have no such numbers, may be missing.
        """
        instrument_ids: dict[int, None] = {}
        for name in stream_names:
            self._streams[name].expect_overlap(now + OVERLAP_EXPECTED)
            instrument_ids[self._instrument_ids[name]] = None
        if not has_gap:
            return []
        self.counts.interruptions += 1
        return [MarketGap(instrument_id, 0, 0, now) for instrument_id in instrument_ids]

    def heard_at(self, stream_name: str) -> Nanos:
        """Return when the last good frame of a stream came, 0 before the first."""
        return self._streams[stream_name].received_at

    def receive_venue_time(self, offset: Nanos) -> None:
        """Take a measurement of our clock less the venue's; see `EventAge.receive_offset`."""
        self._age.receive_offset(offset)

    def note_oversize(self) -> None:
        """Count a message that the connection refused for its length."""
        self.counts.drops[DropReason.OVERSIZE] += 1

    def check_silence(self, now: Nanos) -> tuple[list[str], list[str]]:
        """Return the streams that fell silent since the last call, and those that are heard again.

        A stream that never spoke is silent too (the venue accepts names of streams it does not
        have), so the first call is due when each had `STREAM_SILENCE_MAX` to speak.
        """
        silent = {
            name
            for name, stream in self._streams.items()
            if now - stream.received_at > STREAM_SILENCE_MAX
        }
        fell = [name for name in self._streams if name in silent and name not in self._silent]
        heard = [name for name in self._streams if name in self._silent and name not in silent]
        self._silent = silent
        return fell, heard

    def _make_streams(
        self, instrument: Instrument, kinds: Sequence[StreamKind]
    ) -> list[tuple[StreamKind, MarketStream[Never]]]:
        age, counts = self._age, self.counts
        quotes = QuoteStream(instrument, counts)
        depth = DepthStream(instrument, age, counts, quotes, self._changed_depths)
        streams: dict[StreamKind, MarketStream[Never]] = {
            StreamKind.BOOK_TICKER: quotes,
            StreamKind.TRADE: TradeStream(instrument, age, counts),
            StreamKind.DEPTH: depth,
            StreamKind.BAR_1S: BarStream(instrument, StreamKind.BAR_1S, age, counts),
            StreamKind.BAR_1M: BarStream(instrument, StreamKind.BAR_1M, age, counts),
        }
        if StreamKind.DEPTH in kinds:
            self._depths[instrument.instrument_id] = depth
        return [(kind, streams[kind]) for kind in kinds]

    def _judge_uncommon(
        self,
        frame: bytes,
        fault: ValueError | RecursionError,
        received_at: Nanos,
        events: list[FeedEvent],
    ) -> DropReason | None:
        """Judge a frame that is no good event of a subscribed stream: name what it is instead."""
        if not isinstance(fault, msgspec.ValidationError):
            return _reason_of(fault)
        try:
            envelope = decode_envelope(frame)
        except msgspec.ValidationError:
            return _receive_control(frame, received_at, events)
        except (ValueError, RecursionError) as deeper_fault:
            return _reason_of(deeper_fault)
        if envelope.stream == SHUTDOWN_STREAM:
            events.append(ShutdownNotice(received_at))
            return None
        is_known = envelope.stream in self._streams
        return DropReason.MALFORMED if is_known else DropReason.UNKNOWN_STREAM


def _receive_control(
    frame: bytes, received_at: Nanos, events: list[FeedEvent]
) -> DropReason | None:
    """Judge a frame without a stream: a reply to a request, or an event of the connection's own."""
    try:
        reply = decode_control(frame)
    except (ValueError, RecursionError) as fault:
        return _reason_of(fault)
    if reply.event == SHUTDOWN_EVENT:
        events.append(ShutdownNotice(received_at))
        return None
    if reply.event is not None:
        return DropReason.UNKNOWN_STREAM
    if not isinstance(reply.id, int):
        return DropReason.MALFORMED
    refusal = ""
    if reply.error is not None:
        refusal = f"{reply.error.code}: {reply.error.msg}"
    elif reply.code is not None:
        refusal = f"{reply.code}: {reply.msg or ''}"
    events.append(SubscriptionReply(reply.id, refusal))
    return None


def _reason_of(fault: ValueError | RecursionError) -> DropReason:
    """Name what an exception from the decoders says of a frame."""
    if isinstance(fault, msgspec.ValidationError):
        return DropReason.MALFORMED
    if isinstance(fault, (msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
        return DropReason.NOT_JSON
    if isinstance(fault, NegativeNumber):
        return DropReason.NEGATIVE
    return DropReason.BAD_NUMBER
