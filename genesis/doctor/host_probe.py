"""Looking at the machine, the key file and the state directory (I/O); nothing is left behind.

What cannot be looked at is a fact like any other, with its reason.
"""

import ctypes
import fcntl
import os
import platform
import resource
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psutil

from genesis.config import Settings
from genesis.credentials import load_credentials
from genesis.doctor.host_facts import ClockSync, DiskFacts, HostFacts, KeyFacts, PythonFacts
from genesis.engine.locks import holder_of
from genesis.engine.state_directory import StateDirectory
from genesis.errors import ConfigError
from genesis.exchange.binance.signing import Signer, make_signer
from genesis.limits import SYNC_BYTES, SYNC_SAMPLES

_TIMEX: Final = struct.Struct("@IqqqqI")  # modes, offset, frequency, two errors, flags
_TIMEX_BYTES: Final = 256  # the structure is shorter, on every Linux
_NOT_IN_STEP: Final = 0x40  # STA_UNSYNC
_NANOS_PER_US: Final = 1_000


def look_at_python() -> PythonFacts:
    """Look at the interpreter that runs this."""
    major, minor, micro = sys.version_info[:3]
    return PythonFacts(
        version=(major, minor, micro),
        has_assertions=__debug__,
        system=platform.system(),
        machine=platform.machine(),
    )


def look_at_key(settings: Settings, environ: Mapping[str, str]) -> tuple[Signer | None, KeyFacts]:
    """Read the trading key as the executor would, and say where it comes from and what it is."""
    key_file = settings.credentials.key_file
    source = "the environment" if key_file is None else str(key_file)
    if settings.is_simulated:
        return None, KeyFacts(source=source)
    try:
        credentials = load_credentials(key_file, environ)
        if credentials is None:
            return None, KeyFacts(source=source, fault="credentials.key_file: no key is named")
        signer = make_signer(
            credentials.api_key.get_secret_value(), credentials.private_key.get_secret_value()
        )
    except ConfigError as error:
        return None, KeyFacts(source=source, fault=str(error))
    return signer, KeyFacts(source=source, can_log_on=signer.can_log_on)


def look_at_host(settings: Settings, key: KeyFacts) -> HostFacts:
    """Look at everything else on this side of the network.

    Raises:
        StorageError: The state directory is there and cannot be read.
        ResourceError: The engine's lock is there and cannot be opened.
    """
    state = StateDirectory(settings.state_dir)
    disk = _look_at_disk(settings.state_dir)
    return HostFacts(
        kernel_faults={
            "memfd": _fault_of(_make_sealed_memory),
            "eventfd": _fault_of(_make_eventfd),
            "pidfd": _fault_of(_open_pidfd),
        },
        descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        memory_available=psutil.virtual_memory().available,
        disk=disk,
        clock=_look_at_clock(),
        key=key,
        state_dir=str(settings.state_dir),
        state_mode="" if disk.fault else state.mode(),
        lock_holder="" if disk.fault else holder_of(state.lock_path),
    )


def _fault_of(attempt: Callable[[], None]) -> str:
    try:
        attempt()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _make_sealed_memory() -> None:
    fd = os.memfd_create("genesis-doctor", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    finally:
        os.close(fd)


def _make_eventfd() -> None:
    os.close(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))


def _open_pidfd() -> None:
    os.close(os.pidfd_open(os.getpid()))


def _look_at_disk(state_dir: Path) -> DiskFacts:
    """Write to the disk that the state directory is on, or will be; the file has no name."""
    place = next(path for path in (state_dir, *state_dir.parents) if path.exists())
    try:
        free = psutil.disk_usage(str(place)).free
        with tempfile.TemporaryFile(dir=place) as file:
            syncs = tuple(_time_sync(file.fileno()) for _ in range(SYNC_SAMPLES))
    except OSError as error:
        return DiskFacts(path=str(place), fault=error.strerror or str(error))
    return DiskFacts(path=str(place), free_bytes=free, syncs=syncs)


def _time_sync(fd: int) -> int:
    begun = time.monotonic_ns()
    os.write(fd, bytes(SYNC_BYTES))
    os.fdatasync(fd)
    return time.monotonic_ns() - begun


def _look_at_clock() -> ClockSync:
    """Ask the kernel, by an `adjtimex` that adjusts nothing, whether the clock is kept in step."""
    answer = ctypes.create_string_buffer(_TIMEX_BYTES)
    if ctypes.CDLL(None, use_errno=True).adjtimex(answer) < 0:
        return ClockSync(is_kept=None)
    _modes, _offset, _frequency, error_max_us, _likely, flags = _TIMEX.unpack_from(answer)
    return ClockSync(is_kept=not flags & _NOT_IN_STEP, error_max=error_max_us * _NANOS_PER_US)
