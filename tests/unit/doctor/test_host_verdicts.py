"""Verdicts on the machine: each bound from both sides, each with its remedy."""

import msgspec
import pytest

from genesis.config import Settings
from genesis.doctor.host_facts import ClockSync, DiskFacts, HostFacts, KeyFacts, PythonFacts
from genesis.doctor.host_verdicts import judge_host, judge_python, memory_needed
from genesis.doctor.report import Check
from genesis.limits import DESCRIPTORS_BASE, DESCRIPTORS_PER_WORKER
from genesis.units import NANOS_PER_MS

MS = NANOS_PER_MS
MIB = 1 << 20
LIVE = Settings.model_validate({"mode": "live"})
LINKS, PROCESSES = memory_needed(LIVE)
NEEDED = DESCRIPTORS_BASE + 2 * DESCRIPTORS_PER_WORKER

PYTHON = PythonFacts(version=(3, 11, 7), has_assertions=True, system="Linux", machine="x86_64")
HOST = HostFacts(
    kernel_faults={"memfd": "", "eventfd": "", "pidfd": ""},
    descriptors=NEEDED,
    memory_available=LINKS + PROCESSES,
    disk=DiskFacts(path="/state", free_bytes=2048 * MIB, syncs=(2 * MS, 3 * MS, 199 * MS)),
    clock=ClockSync(is_kept=True, error_max=1_000_000),
    key=KeyFacts(source="/key.toml", can_log_on=True),
    state_dir="/state",
    state_mode="live",
    lock_holder="",
)


def judge(**facts: object) -> dict[str, Check]:
    """Return every check, by name, with some facts changed."""
    return judge_on(LIVE, **facts)


def judge_on(settings: Settings, /, **facts: object) -> dict[str, Check]:
    """Judge by other settings."""
    host = msgspec.structs.replace(HOST, **facts)
    return {check.name: check for check in judge_host(host, settings)}


def disk(**facts: object) -> DiskFacts:
    return msgspec.structs.replace(HOST.disk, **facts)


def test_a_machine_at_its_bounds_is_fit() -> None:
    """Every check has looked, and says what it saw."""
    checks = judge()
    assert {check.result.value for check in checks.values()} == {"ok"}
    assert all(check.seen for check in checks.values())
    assert "off by 1000 us at most" in checks["clock sync"].seen


@pytest.mark.parametrize(
    ("facts", "result", "exit_code"),
    [
        ({}, "ok", 0),
        ({"has_assertions": False}, "fail", 78),
        ({"version": (3, 10, 9)}, "fail", 78),
        ({"system": "Darwin"}, "fail", 78),
        ({"machine": "aarch64"}, "warn", 0),
    ],
    ids=["as wanted", "optimized", "too old", "no Linux", "another machine"],
)
def test_the_interpreter_is_judged(facts: dict[str, object], result: str, exit_code: int) -> None:
    """Without its assertions the engine would not notice its own bugs."""
    check = judge_python(msgspec.structs.replace(PYTHON, **facts))
    assert (check.result, check.exit_code) == (result, exit_code)
    assert bool(check.remedy) == (result != "ok")


@pytest.mark.parametrize(
    ("name", "facts", "result", "exit_code", "seen"),
    [
        ("key file", {"key": KeyFacts(source="", fault="chmod 600 /k")}, "fail", 78, "chmod 600"),
        ("key file", {"key": KeyFacts(source="/k")}, "warn", 0, "shared secret"),
        ("kernel", {"kernel_faults": {"pidfd": "not permitted"}}, "fail", 71, "not permitted"),
        ("descriptors", {"descriptors": NEEDED - 1}, "fail", 71, f"{NEEDED} are needed"),
        ("memory", {"memory_available": LINKS + PROCESSES - 1}, "warn", 0, "MiB"),
        ("memory", {"memory_available": LINKS - 1}, "fail", 71, "MiB"),
        ("disk", {"disk": DiskFacts(path="/s", fault="read-only")}, "fail", 74, "/s: read-only"),
        ("disk", {"disk": disk(free_bytes=2048 * MIB - 1)}, "warn", 0, "2047 MiB free at /state"),
        ("disk", {"disk": disk(free_bytes=256 * MIB - 1)}, "fail", 74, "255 MiB free"),
        ("disk sync", {"disk": DiskFacts(path="/s", fault="x")}, "fail", 74, "not measured"),
        ("disk sync", {"disk": disk(syncs=(20 * MS,))}, "warn", 0, "takes 20.0 ms"),
        ("disk sync", {"disk": disk(syncs=(MS, MS, 200 * MS))}, "warn", 0, "at worst 200.0 ms"),
        ("disk sync", {"disk": disk(syncs=(200 * MS,))}, "fail", 74, "are not sent"),
        ("clock sync", {"clock": ClockSync(is_kept=False)}, "warn", 0, "nothing keeps"),
        ("clock sync", {"clock": ClockSync(is_kept=None)}, "ok", 0, "does not tell"),
        ("state", {"state_mode": "testnet"}, "fail", 78, "belongs to mode testnet"),
        ("state", {"state_mode": ""}, "ok", 0, "is new"),
        ("engine lock", {"lock_holder": "4711"}, "fail", 75, "process 4711"),
    ],
)
def test_each_fault_is_found_by_its_check_alone(
    name: str, facts: dict[str, object], result: str, exit_code: int, seen: str
) -> None:
    """It says what was seen and what to do; the exit code tells whether a new start may help."""
    checks = judge(**facts)
    check = checks.pop(name)
    assert (check.result, check.exit_code) == (result, exit_code)
    assert seen in check.seen
    assert bool(check.remedy) == (result != "ok")
    others = {other.name for other in checks.values() if other.result != "ok"}
    assert others <= {"disk", "disk sync"}, "these two share the disk"


def test_orders_that_do_not_wait_for_the_disk_do_not_fear_it() -> None:
    """With durability `venue` a slow disk costs nothing on the way to the venue."""
    settings = Settings.model_validate({"mode": "live", "orders": {"durability": "venue"}})
    check = judge_on(settings, disk=disk(syncs=(500 * MS,)))["disk sync"]
    assert check.result == "ok"


def test_a_simulation_needs_no_key() -> None:
    """Its venue makes one."""
    facts = KeyFacts(source="the environment", fault="none")
    assert judge_on(Settings(), key=facts, state_mode="sim")["key file"].result == "ok"
