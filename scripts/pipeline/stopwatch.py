"""The venue's stopwatch: from the write of a marked quote to the coming in of its answer.

It stands around the venue's own functions, put there from outside: production code has no hooks.
Both ends are read in the venue's process, so it measures whoever is connected alike: their sockets,
their decisions, and what the venue itself keeps them waiting for.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import msgspec

from genesis.units import Nanos, fixed_from_text
from genesis.venue.api_conversation import ApiConversation
from genesis.venue.connection import VenueConnection
from genesis.venue.stream_hub import StreamHub
from genesis.venue.stream_payloads import StreamMessage
from scripts.pipeline.marks import SYMBOL, is_marked, quantity_for

P = ParamSpec("P")
R = TypeVar("R")

VARIABLE: Final = "PIPELINE_LAPS"
"""Names, in the environment, the file that a venue writes its laps to."""

_STREAM: Final = f"{SYMBOL.lower()}@bookTicker"
_PLACED: Final = b'"order.place"'
_PENDING_MAX: Final = 64


class Laps(msgspec.Struct):
    """What one venue measured: marked quotes sent, and how long each answer took, in order."""

    marks: int = 0
    answers: list[Nanos] = msgspec.field(default_factory=list)


class _Ticker(msgspec.Struct):
    update_id: int = msgspec.field(name="u")


class _Combined(msgspec.Struct):
    data: _Ticker


class _Order(msgspec.Struct):
    symbol: str
    quantity: str


class _Request(msgspec.Struct):
    params: _Order


_read_ticker: Final = msgspec.json.Decoder(_Combined).decode
_read_request: Final = msgspec.json.Decoder(_Request).decode


class Stopwatch:
    """Measures from its making on, in this process."""

    def __init__(self) -> None:
        self.laps = Laps()
        self._unwritten: list[tuple[bytes, int]] = []
        self._written_at: dict[int, Nanos] = {}
        _put_around(StreamHub, "publish", self._noting_marks)
        _put_around(VenueConnection, "write_frames", self._starting)
        _put_around(ApiConversation, "receive", self._stopping)

    def save(self, path: Path) -> None:
        """Write down what was measured."""
        path.write_bytes(msgspec.json.encode(self.laps))

    def _noting_marks(
        self, publish: Callable[[StreamHub, Iterable[StreamMessage]], None]
    ) -> Callable[[StreamHub, Iterable[StreamMessage]], None]:
        def note_and_publish(hub: StreamHub, messages: Iterable[StreamMessage]) -> None:
            batch = list(messages)
            for message in batch:
                if message.stream == _STREAM and _STREAM in hub.subscribers:
                    update_id = _read_ticker(message.payload).data.update_id
                    if is_marked(update_id):
                        self._unwritten.append((b'"u":%d,' % update_id, quantity_for(update_id)))
            publish(hub, batch)

        return note_and_publish

    def _starting(
        self, write_frames: Callable[[VenueConnection, bytes], None]
    ) -> Callable[[VenueConnection, bytes], None]:
        def start_and_write(connection: VenueConnection, frames: bytes) -> None:
            if self._unwritten and self._unwritten[0][0] in frames:
                self._start()
            write_frames(connection, frames)

        return start_and_write

    def _start(self) -> None:
        now = time.monotonic_ns()
        for _, quantity in self._unwritten:
            self._written_at[quantity] = now
            self.laps.marks += 1
        self._unwritten.clear()
        while len(self._written_at) > _PENDING_MAX:
            del self._written_at[next(iter(self._written_at))]

    def _stopping(
        self, receive: Callable[[ApiConversation, bytes], None]
    ) -> Callable[[ApiConversation, bytes], None]:
        def stop_and_receive(conversation: ApiConversation, message: bytes) -> None:
            if _PLACED in message:
                self._stop(message, time.monotonic_ns())
            receive(conversation, message)

        return stop_and_receive

    def _stop(self, message: bytes, now: Nanos) -> None:
        order = _read_request(message).params
        if order.symbol != SYMBOL:
            return
        written_at = self._written_at.pop(fixed_from_text(order.quantity), None)
        if written_at is not None:
            self.laps.answers.append(now - written_at)


def _put_around(owner: type, name: str, around: Callable[[Callable[P, R]], Callable[P, R]]) -> None:
    """Put a function around one that must be there."""
    assert name in vars(owner), f"{owner.__name__}.{name} is gone: look for its successor"
    setattr(owner, name, around(getattr(owner, name)))
