"""Cutting the power of a whole trading host, while the venue trades on.

The executor's journal is written under the recorder. When every process is dead, the journal's
files are put back as a disk that forgot some of what was not synced would have them, and the engine
starts as on a machine that has booted anew: it has to find out from the venue what it is missing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from scripts.campaign.attack import (
    START_S,
    Attack,
    EngineFailed,
    await_engine,
    calm,
    overrides_of,
)
from scripts.campaign.audit import Audit, audit_books
from scripts.campaign.engine_under_attack import EngineUnderAttack
from scripts.campaign.plan import AttackPlan
from scripts.powercut.disk import ForgetfulDisk, read_record

_LIFE_S: Final = (0.5, 3.5)
_RECOVER_S: Final = 40.0
_JOURNAL: Final = "*.journal.db*"


@dataclass
class Outage:
    """What became of an engine whose host lost power, again and again."""

    cuts: int = 0
    adopted: int = 0
    """Orders that the journal had lost, and the venue told of."""
    audit: Audit = field(default_factory=Audit)
    failures: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """Return everything that must never be."""
        return self.failures + self.audit.violations


def cut_power(
    plan: Attack, cuts: int, state_dir: Path, recorder: Path, progress: Callable[[], None]
) -> Outage:
    """Cut the power of one engine so many times, then let it come to rest, and audit its books."""
    outage = Outage()
    chance = Random(plan.seed)  # noqa: S311 - a repeatable run is the point
    try:
        for number in range(cuts):
            _live_and_die(plan, f"boot-{number}", state_dir, recorder, chance)
            _forget(state_dir, state_dir.parent / "trace", chance)
            outage.cuts += 1
            progress()
        calm(plan, state_dir, boot_id=f"boot-{cuts}")
    except EngineFailed as failure:
        outage.failures.append(str(failure))
    outage.audit = audit_books(state_dir, has_lost_power=True)
    outage.adopted = (state_dir / "genesis.jsonl").read_text().count('"event":"order_adopted"')
    if plan.durability == "full" and outage.adopted:
        outage.failures.append(f"{outage.adopted} orders were sent and not in the journal")
    return outage


def _live_and_die(
    plan: Attack, boot_id: str, state_dir: Path, recorder: Path, chance: Random
) -> None:
    """Let an engine recover and trade for a while, then kill all of it at once."""
    state_dir.mkdir(mode=0o700, exist_ok=True)
    environment = {
        "LD_PRELOAD": str(recorder),
        "POWERCUT_DIR": str(state_dir),
        "POWERCUT_TRACE": str(state_dir.parent / "trace"),
        "POWERCUT_ONLY": ".journal.db",
    }
    told = AttackPlan(seed=plan.seed, boot_id=boot_id)
    overrides = overrides_of(plan, with_faults=True)
    with EngineUnderAttack(state_dir, told, overrides, environment) as engine:
        await_engine(engine, lambda: engine.is_running, START_S, "it does not start")
        fills = engine.status.fills if engine.status is not None else 0

        def has_traded() -> bool:
            return engine.status is not None and engine.status.fills > fills

        await_engine(engine, has_traded, _RECOVER_S, "it does not trade again")
        ends_at = time.monotonic() + chance.uniform(*_LIFE_S)
        while time.monotonic() < ends_at:
            engine.watch(0.02)
            if engine.has_ended:
                raise EngineFailed("the engine gave up: exit code {}: {}".format(*engine.outcome()))


def _forget(state_dir: Path, trace: Path, chance: Random) -> None:
    """Put the journal's files back as a power cut may leave them."""
    backup = state_dir.parent / "before"
    settled = {path.name: path.read_bytes() for path in backup.glob("*")} if backup.exists() else {}
    disk = ForgetfulDisk(settled)
    for event in read_record(trace.read_bytes()):
        disk.apply(event)
    left = disk.cut(chance)
    backup.mkdir(exist_ok=True)
    for path in (*state_dir.glob(_JOURNAL), *backup.glob("*")):
        path.unlink()
    for name, content in left.items():
        for directory in (state_dir, backup):
            (directory / name).write_bytes(content)
    trace.unlink()
