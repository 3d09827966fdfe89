"""Cut the power under the real journal, and see whether it kept what it had promised.

A process writes a journal with the project's own `Journal`; a library loaded before libc records
every write, sync and removal, and each "that is durable now" between them. The record is then
played up to random points and what was not synced is lost, sector by sector, by chance. Each time
the journal must open, hold a prefix of what was written, and hold what was promised: at `full`
every commit, at `venue` those with milestones. What `venue` loses, a start takes from the exchange.

Controls: a journal written at `venue` must fail what `full` promises, and so must a journal at
`full` whose syncs are taken out of the record.

With `--engine-cuts` a whole engine trades under the recorder and is killed, its journal forgets
what was not synced, and it starts as on a machine that booted anew: at the end its books equal the
venue's to the last unit, and at `full` no order may have been missing.

It shows what SQLite and the journal ask of the disk. It cannot show that disk and file system do as
they are asked, nor what a kernel may write of its own while it dies.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from genesis.engine.entries import MILESTONES
from genesis.errors import StorageError
from genesis.storage.journal import Durability, Journal
from scripts.bench_form import BenchForm, Progress, Samples
from scripts.campaign.attack import Attack
from scripts.campaign.power import cut_power
from scripts.powercut.disk import Event, ForgetfulDisk, Kind, read_record
from scripts.powercut.victim import JOURNAL_NAME, SAID_NAME, entry_at

CUTS: Final = 150
COMMITS: Final = 500
CUTS_PER_RECORD: Final = 50
CONTROL_CUTS: Final = 20

_SOURCE: Final = Path(__file__).parent / "powercut" / "recorder.c"
_ROOT: Final = Path(__file__).parent.parent
_VICTIM_S: Final = 120


@dataclass
class Verdict:
    """What the cuts showed."""

    cuts: int = 0
    promised: int = 0
    entries_lost: int = 0
    violations: list[str] = field(default_factory=list)


@dataclass
class _Promise:
    """What had been said when the power went: the last entry, and the last milestone's group."""

    last: int = 0
    last_milestone: int = 0

    def hear(self, words: bytes) -> None:
        """Take one line of the victim's."""
        sequence, has_milestone = words.split()
        self.last = int(sequence)
        if has_milestone == b"1":
            self.last_milestone = self.last


def main(argv: Sequence[str] | None = None) -> int:
    """Record, cut, look; say by the exit code whether all that was promised was kept."""
    form = BenchForm(__doc__ or "")
    form.parser.add_argument("--cuts", type=int, default=CUTS)
    form.parser.add_argument(
        "--engine-cuts", type=int, default=0, help="under a whole engine, some 12 s each"
    )
    form.parser.add_argument("--durability", default="full", choices=("full", "venue"))
    arguments = form.parse(argv)
    if shutil.which("gcc") is None:
        form.parser.error("gcc is not installed, and the recorder is a library in C")
    durability: Durability = arguments.durability
    verdict = run_cuts(durability, durability, arguments.cuts, form.chance)
    for violation in verdict.violations:
        print(violation, file=sys.stderr)
    form.add_figure("cuts", _one(verdict.cuts))
    form.add_figure("entries promised, over all cuts", _one(verdict.promised))
    form.add_figure("entries lost beyond what was promised", _one(verdict.entries_lost))
    form.at_most("promises broken", _one(len(verdict.violations)), 0)
    unsynced = run_cuts("venue", "full", CONTROL_CUTS, form.chance)
    form.at_least("control: venue fails full", _one(len(unsynced.violations)), 1)
    deaf = run_cuts("full", "full", CONTROL_CUTS, form.chance, keep=_is_no_sync)
    form.at_least("control: syncs taken out", _one(len(deaf.violations)), 1)
    if arguments.engine_cuts:
        _cut_engine(form, arguments.engine_cuts, durability, arguments.seed)
    return form.finish()


def _cut_engine(form: BenchForm, cuts: int, durability: Durability, seed: int) -> None:
    progress = Progress(cuts)

    def advance() -> None:
        progress.advance()
        progress.show("engine cut off")

    with tempfile.TemporaryDirectory(prefix="genesis-powercut-") as name:
        home = Path(name)
        attack = Attack(kills=0, seed=seed, durability=durability)
        outage = cut_power(attack, cuts, home / "state", build_recorder(home), advance)
    progress.clear()
    for violation in outage.violations:
        print(violation, file=sys.stderr)
    form.add_figure("engine: orders", _one(outage.audit.orders))
    form.add_figure("engine: fills", _one(outage.audit.fills))
    form.add_figure("engine: orders that the venue told of", _one(outage.adopted))
    form.at_least("engine: cuts", _one(outage.cuts), cuts)
    form.at_most("engine: violations", _one(len(outage.violations)), 0)


def run_cuts(
    written: Durability,
    promised: Durability,
    cuts: int,
    chance: Random,
    *,
    keep: Callable[[Event], bool] = lambda _event: True,
) -> Verdict:
    """Cut the power under journals written at one durability, and demand what another promises.

    `keep` says which events of the record the disk gets to see.
    """
    verdict = Verdict()
    progress = Progress(cuts)
    with tempfile.TemporaryDirectory(prefix="genesis-powercut-") as name:
        home = Path(name)
        recorder = build_recorder(home)
        while verdict.cuts < cuts:
            record = record_journal(recorder, home, written, chance.randrange(1 << 30))
            share = min(CUTS_PER_RECORD, cuts - verdict.cuts)
            record = [event for event in record if keep(event)]
            for where, files, promise in cut_record(record, share, chance):
                progress.show("cutting")
                _look(files, promise, promised, verdict, where)
                progress.advance()
    progress.clear()
    return verdict


def build_recorder(home: Path) -> Path:
    """Compile the recorder."""
    library = home / "recorder.so"
    command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE)]
    subprocess.run([*command, "-ldl", "-lpthread"], check=True)
    return library


def record_journal(
    recorder: Path, home: Path, durability: Durability, seed: int, commits: int = COMMITS
) -> list[Event]:
    """Let a process of its own write a journal, and return what it asked of the disk."""
    directory = Path(tempfile.mkdtemp(dir=home))
    trace = home / f"{directory.name}.trace"
    environment = {
        **os.environ,
        "LD_PRELOAD": str(recorder),
        "POWERCUT_DIR": str(directory),
        "POWERCUT_TRACE": str(trace),
    }
    words = (str(directory), durability, str(seed), str(commits))
    subprocess.run(
        [sys.executable, "-m", "scripts.powercut.victim", *words],
        env=environment,
        cwd=_ROOT,
        check=True,
        timeout=_VICTIM_S,
    )
    return read_record(trace.read_bytes())


def cut_record(
    record: Sequence[Event], cuts: int, chance: Random
) -> Iterator[tuple[str, dict[str, bytes], _Promise]]:
    """Play one record; yield what is left at random points, and what had been promised by then."""
    points = set(chance.sample(range(len(record)), min(cuts, len(record))))
    disk = ForgetfulDisk()
    promise = _Promise()
    for place, event in enumerate(record):
        if place in points:
            yield f"cut {place} of {len(record)}", disk.cut(chance), promise
        if event.name != SAID_NAME:
            disk.apply(event)
        elif event.kind is Kind.WRITE:
            promise.hear(event.data)


def _look(
    files: Mapping[str, bytes],
    promise: _Promise,
    promised: Durability,
    verdict: Verdict,
    where: str,
) -> None:
    """Open what a cut has left, as a start would, and hold it against what was promised."""
    verdict.cuts += 1
    due = promise.last if promised == "full" else promise.last_milestone
    verdict.promised += due
    with tempfile.TemporaryDirectory(prefix="genesis-powercut-") as name:
        for file_name, content in files.items():
            (Path(name) / file_name).write_bytes(content)
        try:
            found = _read_and_append(Path(name) / JOURNAL_NAME, verdict, where)
            found_again = _read_and_append(Path(name) / JOURNAL_NAME, verdict, where)
        except StorageError as error:
            verdict.violations.append(f"{where}: {error}")
            return
    if found_again != found + 1:
        verdict.violations.append(f"{where}: what was appended after it is gone")
    if found < due:
        verdict.violations.append(f"{where}: {due} entries were promised, {found} are there")
    verdict.entries_lost += max(0, promise.last - max(found, due))


def _read_and_append(path: Path, verdict: Verdict, where: str) -> int:
    """Read a journal to its end, append one entry to it, and return how many there were."""
    journal = Journal(path, "full")
    try:
        for sequence, entry in enumerate(journal.read(), 1):
            if entry != entry_at(sequence, is_milestone=isinstance(entry, MILESTONES)):
                verdict.violations.append(f"{where}: entry {sequence} is not what was written")
        found = journal.sequence
        journal.append([entry_at(found + 1, is_milestone=False)])
    finally:
        journal.close()
    return found


def _is_no_sync(event: Event) -> bool:
    return event.kind not in {Kind.SYNC, Kind.SYNC_DIRECTORY}


def _one(value: float) -> Samples:
    return Samples((float(value),), "")


if __name__ == "__main__":
    sys.exit(main())
