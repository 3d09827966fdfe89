"""What a child is told at its start, and how it is handed over.

The whole of it is one JSON document on an inherited descriptor; `--boot-fd N` is a child's only
argument. Descriptors keep their numbers across the start (`pass_fds`), so the numbers in it are
good on both sides.
"""

import os
from typing import Final

import msgspec

from genesis.domain.instruments import Instrument
from genesis.engine.roles import Role
from genesis.errors import LinkError
from genesis.exchange.endpoints import Endpoints
from genesis.ipc.links import RingHandle
from genesis.limits import BOOT_SPEC_BYTES_MAX
from genesis.strategies.base import StrategySpec
from genesis.units import Nanos

BOOT_ARGUMENT: Final = "--boot-fd"

PARENT_BOARD_PAGE: Final = 0
"""The parent's own page of the status board; children have the pages after it."""


class TradingKey(msgspec.Struct, frozen=True):
    """Who may trade on the simulated venue: the API key, and the public half of its Ed25519 key.

    `public_key` is base64 of the 32 raw bytes.
    """

    api_key: str
    public_key: str


class BootSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a child needs to know of the run it joins.

    `epoch` is unique per child start over the life of the state directory. `settings` is the JSON
    text of the frozen settings; no secret is in it. `market_reader` and `report_reader` say which
    of a ring's readers this child is. A worker gets exactly its own signal ring and its shard;
    the executor all signal rings, in worker order, and the whole roster. `trading_key` is for the
    simulated venue; the executor reads the private half from its file itself. Unused descriptors
    are -1.
    """

    role: Role
    name: str
    epoch: int
    parent_pid: int
    clock_offset: Nanos
    control_fd: int
    log_fd: int
    board_fd: int
    board_page: int
    board_pages: int
    settings: str
    instruments: tuple[Instrument, ...] = ()
    market_ring: RingHandle | None = None
    market_reader: int | None = None
    report_ring: RingHandle | None = None
    report_reader: int | None = None
    signal_rings: tuple[RingHandle, ...] = ()
    quote_table_fd: int = -1
    depth_table_fd: int = -1
    volume_table_fd: int = -1
    strategies: tuple[StrategySpec, ...] = ()
    endpoints: Endpoints | None = None
    trading_key: TradingKey | None = None

    def descriptors(self) -> tuple[int, ...]:
        """Return every descriptor that must be passed on with this document."""
        singles = (
            self.control_fd,
            self.log_fd,
            self.board_fd,
            self.quote_table_fd,
            self.depth_table_fd,
            self.volume_table_fd,
        )
        rings = (self.market_ring, self.report_ring, *self.signal_rings)
        of_rings = (fd for ring in rings if ring is not None for fd in ring.fds())
        return tuple(sorted({fd for fd in (*singles, *of_rings) if fd >= 0}))


def write_boot_spec(spec: BootSpec) -> int:
    """Return a descriptor that yields the document from its start. The caller closes it.

    It is an unnamed file rather than a pipe: a roster of a thousand strategies is larger than a
    pipe holds, and the parent must never wait for a child.
    """
    document = msgspec.json.encode(spec)
    assert len(document) <= BOOT_SPEC_BYTES_MAX
    fd = os.memfd_create(f"genesis-boot-{spec.name}", os.MFD_CLOEXEC)
    try:
        os.fchmod(fd, 0o600)
        written = os.write(fd, document)
        assert written == len(document), "a memory file takes a write whole"
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd


def read_boot_spec(fd: int) -> BootSpec:
    """Read the document from an inherited descriptor, and close it.

    Raises:
        LinkError: The descriptor is not open, or holds no boot document of this version.
    """
    try:
        with os.fdopen(fd, "rb") as file:
            return msgspec.json.decode(file.read(BOOT_SPEC_BYTES_MAX + 1), type=BootSpec)
    except OSError as error:
        raise LinkError(f"descriptor {fd} cannot be read: {error}") from error
    except msgspec.MsgspecError as error:
        raise LinkError(f"descriptor {fd} holds no boot document: {error}") from error
