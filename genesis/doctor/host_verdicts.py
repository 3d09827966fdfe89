"""Verdicts on the machine, the key file and the state directory. Pure: facts in, checks out."""

import statistics
from collections.abc import Iterator
from typing import Final

from genesis.config import Settings
from genesis.doctor.host_facts import ClockSync, DiskFacts, HostFacts, KeyFacts, PythonFacts
from genesis.doctor.report import Check, fail, ok, warn
from genesis.errors import EXIT_CONFIG, EXIT_LOCK_HELD, EXIT_RESOURCE, EXIT_STORAGE
from genesis.ipc.links import market_ring_spec, report_ring_spec, signal_ring_spec
from genesis.limits import (
    DESCRIPTORS_BASE,
    DESCRIPTORS_PER_WORKER,
    DISK_FREE_MIN,
    DISK_FREE_SCARCE,
    PROCESS_MEMORY,
    SYNC_SLOW,
)
from genesis.units import NANOS_PER_MS, Nanos

_PYTHON_MIN: Final = (3, 11)
_MIB: Final = 1 << 20
_NANOS_PER_US: Final = 1_000
_PROCESSES_BESIDE_WORKERS: Final = 3  # the parent, the executor, the feed


def judge_python(facts: PythonFacts) -> Check:
    """Judge the interpreter: the engine's invariants are assertions, its links are Linux's."""
    version = ".".join(map(str, facts.version))
    assertions = "on" if facts.has_assertions else "off"
    seen = f"{version}, assertions {assertions}, {facts.system} on {facts.machine}"
    if not facts.has_assertions:
        remedy = "start it without -O and without PYTHONOPTIMIZE: its invariants are assertions"
        return fail("python", seen, remedy, EXIT_CONFIG)
    if facts.version[:2] < _PYTHON_MIN or facts.system != "Linux":
        return fail("python", seen, "use Python 3.11 or later, on Linux", EXIT_CONFIG)
    if facts.machine != "x86_64":
        return warn("python", seen, "it was measured on x86-64 only: watch `torn` in the status")
    return ok("python", seen)


def judge_host(facts: HostFacts, settings: Settings) -> Iterator[Check]:
    """Judge everything on this side of the network, but for the interpreter."""
    yield _judge_key(facts.key, settings)
    yield _judge_kernel(facts)
    yield _judge_descriptors(facts.descriptors, settings)
    yield _judge_memory(facts.memory_available, settings)
    yield _judge_disk(facts.disk)
    yield _judge_syncs(facts.disk, settings)
    yield _judge_clock(facts.clock)
    yield _judge_state(facts, settings)
    yield _judge_lock(facts)


def memory_needed(settings: Settings) -> tuple[int, int]:
    """Return the bytes that the links of a run need, and roughly those of its processes."""
    sizes, workers = settings.links, settings.strategies.workers
    links = (
        market_ring_spec(sizes.market_slots, workers).memory_bytes
        + report_ring_spec(sizes.report_slots, workers).memory_bytes
        + workers * signal_ring_spec("signals", sizes.signal_slots).memory_bytes
    )
    return links, (workers + _PROCESSES_BESIDE_WORKERS) * PROCESS_MEMORY


def _judge_key(facts: KeyFacts, settings: Settings) -> Check:
    name = "key file"
    if settings.is_simulated:
        return ok(name, "none needed: the simulated venue makes a key of its own")
    if facts.fault:
        return fail(name, facts.fault, "put it right, then look again", EXIT_CONFIG)
    if not facts.can_log_on:
        return warn(
            name,
            f"{facts.source}, a shared secret",
            "make an Ed25519 key at the venue: its secret half never leaves this machine, and a "
            "session is signed once instead of each request",
        )
    return ok(name, f"{facts.source}, Ed25519")


def _judge_kernel(facts: HostFacts) -> Check:
    missing = [f"{name}: {fault}" for name, fault in facts.kernel_faults.items() if fault]
    if missing:
        remedy = "use Linux 5.3 or later, and no sandbox that withholds these"
        return fail("kernel", "; ".join(missing), remedy, EXIT_RESOURCE)
    return ok("kernel", f"has {', '.join(facts.kernel_faults)}; /dev/shm is not needed")


def _judge_descriptors(limit: int, settings: Settings) -> Check:
    needed = DESCRIPTORS_BASE + DESCRIPTORS_PER_WORKER * settings.strategies.workers
    seen = f"{limit} may be open, {needed} are needed at most"
    if limit < needed:
        remedy = f"raise the limit: ulimit -n {needed}, or minfds in supervisord.conf"
        return fail("descriptors", seen, remedy, EXIT_RESOURCE)
    return ok("descriptors", seen)


def _judge_memory(available: int, settings: Settings) -> Check:
    links, processes = memory_needed(settings)
    seen = (
        f"{available // _MIB} MiB available; links take {links // _MIB} MiB, processes some "
        f"{processes // _MIB} MiB"
    )
    if available < links:
        remedy = "free memory, or make links.market_slots smaller"
        return fail("memory", seen, remedy, EXIT_RESOURCE)
    if available < links + processes:
        return warn("memory", seen, "free memory: the kernel may kill a process of the engine")
    return ok("memory", seen)


def _judge_disk(facts: DiskFacts) -> Check:
    if facts.fault:
        remedy = "make it a directory that this user can write to"
        return fail("disk", f"{facts.path}: {facts.fault}", remedy, EXIT_STORAGE)
    seen = f"{facts.free_bytes // _MIB} MiB free at {facts.path}"
    remedy = "free disk space, or move state_dir: a journal that cannot grow stops trading"
    if facts.free_bytes < DISK_FREE_MIN:
        return fail("disk", seen, remedy, EXIT_STORAGE)
    if facts.free_bytes < DISK_FREE_SCARCE:
        return warn("disk", seen, remedy)
    return ok("disk", seen)


def _judge_syncs(facts: DiskFacts, settings: Settings) -> Check:
    """Judge how long an order waits for the disk: too late for its signature, it is not sent."""
    name = "disk sync"
    if not facts.syncs:
        return fail(name, "not measured", "see disk", EXIT_STORAGE)
    median, worst = int(statistics.median(facts.syncs)), max(facts.syncs)
    seen = f"a synced write takes {_ms(median)}, at worst {_ms(worst)} of {len(facts.syncs)}"
    if settings.orders.durability == "venue":
        return ok(name, f"{seen}; orders do not wait for it")
    limit = settings.orders.send_age_max_ms * NANOS_PER_MS
    remedy = "use a faster disk, or orders.durability = 'venue' (README, Configuration)"
    if median >= limit:
        seen = f"{seen}; orders older than {_ms(limit)} are not sent"
        return fail(name, seen, remedy, EXIT_STORAGE)
    if median >= SYNC_SLOW or worst >= limit:
        return warn(name, f"{seen}; each order waits for one", remedy)
    return ok(name, seen)


def _judge_clock(facts: ClockSync) -> Check:
    name = "clock sync"
    if facts.is_kept is None:
        return ok(name, "the kernel does not tell; see venue clock")
    if not facts.is_kept:
        remedy = "run chrony or systemd-timesyncd (timedatectl set-ntp true)"
        return warn(name, "nothing keeps this machine's clock in step", remedy)
    return ok(name, f"kept in step, off by {facts.error_max // _NANOS_PER_US} us at most")


def _judge_state(facts: HostFacts, settings: Settings) -> Check:
    name = "state"
    if facts.state_mode and facts.state_mode != settings.mode:
        seen = f"{facts.state_dir} belongs to mode {facts.state_mode}"
        return fail(name, seen, "use a state_dir of its own for each mode", EXIT_CONFIG)
    whose = f"belongs to mode {facts.state_mode}" if facts.state_mode else "is new"
    return ok(name, f"{facts.state_dir} {whose}")


def _judge_lock(facts: HostFacts) -> Check:
    if facts.lock_holder:
        seen = f"process {facts.lock_holder} runs an engine on {facts.state_dir}"
        return fail("engine lock", seen, "stop it, or use another state_dir", EXIT_LOCK_HELD)
    return ok("engine lock", "free")


def _ms(duration: Nanos) -> str:
    return f"{duration / NANOS_PER_MS:.1f} ms"
