"""The document a child is started with."""

import os

import msgspec
import pytest

from genesis.engine.boot import BootSpec, read_boot_spec, write_boot_spec
from genesis.errors import LinkError
from genesis.ipc.links import RingHandle, signal_ring_spec
from genesis.strategies.base import StrategySpec

RING = RingHandle(
    spec=signal_ring_spec("signals-0", 64),
    ring_fd=20,
    reader_fds=(21,),
    event_fds=(22,),
    bell_fd=23,
)
SPEC = BootSpec(
    role="strategy",
    name="worker-0",
    epoch=7,
    parent_pid=1,
    clock_offset=123,
    control_fd=10,
    log_fd=11,
    board_fd=12,
    board_page=4,
    board_pages=6,
    settings="{}",
    signal_rings=(RING,),
    quote_table_fd=13,
    strategies=(StrategySpec("ema-1", 1, "ema_cross", "BTCUSDT", {"fast": 5, "slow": 2.5}),),
)


def test_a_document_is_read_as_it_was_written() -> None:
    """The child is told what the parent meant, whatever the size."""
    many = tuple(SPEC.strategies[0] for _ in range(2_000))
    spec = msgspec.structs.replace(SPEC, strategies=many)
    assert read_boot_spec(write_boot_spec(spec)) == spec


def test_the_document_is_private_and_its_descriptor_is_not_inherited_by_accident() -> None:
    """Only the child that it is for gets it."""
    fd = write_boot_spec(SPEC)
    assert os.fstat(fd).st_mode & 0o077 == 0
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_every_descriptor_named_is_passed_on() -> None:
    """A descriptor in the document that the child does not have would be somebody else's file."""
    assert SPEC.descriptors() == (10, 11, 12, 13, 20, 21, 22, 23)


@pytest.mark.parametrize("document", [b"", b"{}", b"not json"])
def test_a_document_of_another_program_is_refused(document: bytes) -> None:
    """A child never starts on half of what it needs."""
    fd = os.memfd_create("test")
    os.write(fd, document)
    os.lseek(fd, 0, os.SEEK_SET)
    with pytest.raises(LinkError, match="no boot document"):
        read_boot_spec(fd)


def test_a_descriptor_that_is_not_open_is_refused() -> None:
    """A child started by hand says so."""
    fd = os.dup(0)
    os.close(fd)
    with pytest.raises(LinkError, match="cannot be read"):
        read_boot_spec(fd)
