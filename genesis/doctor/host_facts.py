"""What is known of the machine, the key file and the state directory, before it is judged. Pure."""

from collections.abc import Mapping

import msgspec

from genesis.units import Nanos


class PythonFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The interpreter: its version, whether it checks assertions, the system it runs on."""

    version: tuple[int, int, int]
    has_assertions: bool
    system: str
    machine: str


class KeyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The trading key: where it comes from, its kind; or why it cannot be used."""

    source: str
    can_log_on: bool = False
    fault: str = ""


class DiskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The disk of the state directory: room, and how long synced writes of a page took.

    `fault` says why it could not be written to; then the rest is nothing.
    """

    path: str
    free_bytes: int = 0
    syncs: tuple[Nanos, ...] = ()
    fault: str = ""


class ClockSync(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel knows of its clock: whether it is kept in step, and how far off at most.

    `is_kept` is None where the kernel does not tell.
    """

    is_kept: bool | None
    error_max: Nanos = 0


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and what is ours on it.

    `kernel_faults` names each feature that the engine needs with why it is not there, "" where it
    is. `state_mode` is the mode that the state directory belongs to, "" for none yet. `lock_holder`
    names the process of an engine that holds the state directory, "" for none.
    """

    kernel_faults: Mapping[str, str]
    descriptors: int
    memory_available: int
    disk: DiskFacts
    clock: ClockSync
    key: KeyFacts
    state_dir: str
    state_mode: str
    lock_holder: str
