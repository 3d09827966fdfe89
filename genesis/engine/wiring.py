"""Every shared segment of a run, and which child gets which end of it (I/O).

The parent makes them once and keeps them: a restarted child finds the same ones. An end carries
only what its holder may do, so a worker cannot write the market it reads.
"""

import contextlib
from typing import Final

import msgspec

from genesis.config import Settings
from genesis.engine.boot import PARENT_BOARD_PAGE, BootSpec
from genesis.engine.roles import Role
from genesis.ipc.board import StatusBoard
from genesis.ipc.links import (
    RingHandle,
    close_ring,
    create_ring,
    market_ring_spec,
    report_ring_spec,
    signal_ring_spec,
)
from genesis.ipc.ring import RingSpec
from genesis.ipc.tables import DepthTable, QuoteTable, VolumeTable

_SINGLE_ROLES: Final[tuple[Role, ...]] = ("venue", "executor", "feed", "recorder")


# The one is the outside, the other reads files: nothing is shared with them but the board.
_APART: Final[frozenset[Role]] = frozenset({"venue", "recorder"})


class Seat(msgspec.Struct, frozen=True):
    """A child's place in the run, the same in each of its lives. `worker` is -1 for all others."""

    name: str
    role: Role
    board_page: int
    worker: int = -1


def seats_of(settings: Settings) -> tuple[Seat, ...]:
    """Return the seats of a run, in the order in which they are filled.

    A venue is ours to start only in mode `sim`.
    """
    page = PARENT_BOARD_PAGE + 1
    roles = [role for role in _SINGLE_ROLES if role != "venue" or settings.is_simulated]
    single = [Seat(role, role, page + row) for row, role in enumerate(roles)]
    page += len(single)
    workers = [
        Seat(f"worker-{worker}", "strategy", page + worker, worker)
        for worker in range(settings.strategies.workers)
    ]
    return (*single, *workers)


class Wiring:
    """The segments of one run. `close` gives them back to the system."""

    def __init__(self, settings: Settings, pages: int) -> None:
        """Make the board and the rings; the tables follow when the instruments are known.

        Raises:
            ResourceError: The system refused memory or descriptors.
        """
        workers = settings.strategies.workers
        sizes = settings.links
        with contextlib.ExitStack() as undo:
            self.board = StatusBoard.create(pages)
            undo.callback(self.board.close)
            self._market = self._ring(undo, market_ring_spec(sizes.market_slots, workers))
            self._report = self._ring(undo, report_ring_spec(sizes.report_slots, workers))
            self._signals = tuple(
                self._ring(undo, signal_ring_spec(f"signals-{worker}", sizes.signal_slots))
                for worker in range(workers)
            )
            self._owned = undo.pop_all()
        self._quotes: QuoteTable | None = None
        self._depths: DepthTable | None = None
        self._volumes: VolumeTable | None = None

    def make_tables(self, rows: int) -> None:
        """Make the tables, a row for each instrument. Call it once, before the first plug.

        Raises:
            ResourceError: The system refused memory or descriptors.
        """
        assert self._quotes is None, "tables are made once"
        self._quotes = QuoteTable.create(rows)
        self._owned.callback(self._quotes.close)
        self._depths = DepthTable.create(rows)
        self._owned.callback(self._depths.close)
        self._volumes = VolumeTable.create(rows)
        self._owned.callback(self._volumes.close)

    def plug(self, seat: Seat, spec: BootSpec) -> BootSpec:
        """Return the boot document with the ends of all links that this seat has a duty on."""
        if seat.role in _APART:
            return spec
        assert self._quotes is not None, "tables are made before anyone needs them"
        assert self._depths is not None
        assert self._volumes is not None
        spec = msgspec.structs.replace(
            spec,
            quote_table_fd=self._quotes.fd,
            depth_table_fd=self._depths.fd,
            volume_table_fd=self._volumes.fd,
        )
        if seat.role == "feed":
            return msgspec.structs.replace(spec, market_ring=self._market.writer_end())
        if seat.role == "executor":
            return msgspec.structs.replace(
                spec,
                report_ring=self._report.writer_end(),
                signal_rings=tuple(ring.reader_end(0) for ring in self._signals),
            )
        return msgspec.structs.replace(
            spec,
            market_ring=self._market.reader_end(seat.worker),
            market_reader=seat.worker,
            report_ring=self._report.reader_end(seat.worker),
            report_reader=seat.worker,
            signal_rings=(self._signals[seat.worker].writer_end(),),
        )

    def close(self) -> None:
        """Give every segment back. Children that still map one keep it until they end."""
        self._owned.close()

    def _ring(self, undo: contextlib.ExitStack, spec: RingSpec) -> RingHandle:
        handle = create_ring(spec)
        undo.callback(close_ring, handle)
        return handle
