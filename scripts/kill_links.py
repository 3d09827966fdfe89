"""Kill writers and readers of the links at random points, and check what was read.

A refusing ring loses nothing and reorders nothing; an overwriting ring counts every gap; a table
row is never torn. Each process that is killed gets a successor on the same memory.
"""

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from genesis.ipc.links import RingHandle, RingPublisher, close_ring, create_ring
from genesis.ipc.ring import RingSpec
from genesis.ipc.tables import QuoteTable
from scripts.bench_form import BenchForm, Progress, Samples
from scripts.links.victims import LOG_ENTRY, SLOT_BYTES, TABLE_ROWS, VictimSpec

RING_SLOTS: Final = 1 << 10
READERS: Final = 2
KILLS: Final = 200
CONTROL_KILLS: Final = 2
END_TIMEOUT_S: Final = 60

_PAUSE_MAX_S: Final = 0.05
_EARLY_KILLS: Final = 0.1  # of the victims die while they are coming up
_ROOT: Final = Path(__file__).parent.parent


@dataclass
class Verdict:
    """What a campaign found. Anything in `violations` must never be."""

    published: int = 0
    delivered: int = 0
    redelivered: int = 0
    missed: int = 0
    kills: int = 0
    violations: list[str] = field(default_factory=list)


class Victim:
    """A process that is killed and started again, on descriptors that stay.

    `faults` collects what it and its predecessors complained of.
    """

    def __init__(self, spec: VictimSpec, fds: Sequence[int]) -> None:
        self.faults: list[str] = []
        self._spec = spec
        self._fds = fds
        self._process = self._start()

    def wait_ready(self) -> None:
        """Wait until it is at its work; not at all if it was waited for or has died."""
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], END_TIMEOUT_S)
        assert readable, f"{self._spec.role} does not come up"

    def kill(self) -> None:
        """End it at whatever point it is, and start its successor, in the next epoch."""
        self._process.send_signal(signal.SIGKILL)
        self._reap()
        self._spec = msgspec.structs.replace(
            self._spec, epoch=self._spec.epoch + 1, seed=self._spec.seed + 1
        )
        self._process = self._start()

    def end(self) -> None:
        """Let it finish in order; a reader first reads what is left."""
        self.wait_ready()
        self._process.send_signal(signal.SIGTERM)
        self._reap()

    def _start(self) -> "subprocess.Popen[bytes]":
        argument = msgspec.json.encode(self._spec).decode()
        return subprocess.Popen(
            [sys.executable, "-m", "scripts.links.victims", argument],
            pass_fds=self._fds,
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _reap(self) -> None:
        _, complaint = self._process.communicate(timeout=END_TIMEOUT_S)
        if self._process.returncode not in {0, -signal.SIGKILL}:
            self.faults.append(f"{self._spec.role}: {complaint.decode().strip()[-400:]}")


def run_ring_campaign(
    spec: RingSpec, kills: int, chance: random.Random, *, writer: str = "publish"
) -> Verdict:
    """Kill the writer (its role: `writer`) and the readers of one ring, `kills` times in all."""
    verdict = Verdict()
    with _ring(spec) as handle, _logs(spec.readers) as logs:
        writer_end = handle.writer_end()
        victims = [
            Victim(
                VictimSpec(role=writer, seed=chance.randrange(1 << 30), epoch=1, ring=writer_end),
                writer_end.fds(),
            )
        ]
        for reader, log in enumerate(logs):
            end = handle.reader_end(reader)
            reading = VictimSpec(role="read", seed=0, ring=end, reader=reader, log_fd=log, epoch=1)
            victims.append(Victim(reading, (*end.fds(), log)))
        _kill_at_random(victims, kills, chance, verdict)
        for victim in victims:  # the writer first: the readers then read to the end
            victim.end()
            verdict.violations += victim.faults
        counter = RingPublisher(writer_end, epoch=(1 << 32) - 1)
        verdict.published = counter.cursor
        counter.close()
        for log in logs:
            _check_log(log, spec, verdict)
    return verdict


def run_table_campaign(kills: int, chance: random.Random) -> Verdict:
    """Kill the writer and the reader of a table, `kills` times in all."""
    verdict = Verdict()
    table = QuoteTable.create(TABLE_ROWS)
    victims = [
        Victim(VictimSpec(role=role, seed=0, epoch=1, table_fd=table.fd), (table.fd,))
        for role in ("write_table", "read_table")
    ]
    _kill_at_random(victims, kills, chance, verdict)
    for victim in victims:
        victim.end()
        verdict.violations += victim.faults
    verdict.published = sum(table.version(row) for row in range(TABLE_ROWS))
    if any(table.get(row) is None for row in range(TABLE_ROWS)):
        verdict.violations.append("a row was lost")
    table.close()
    return verdict


def _kill_at_random(
    victims: Sequence[Victim], kills: int, chance: random.Random, verdict: Verdict
) -> None:
    progress = Progress(kills)
    for _ in range(kills):
        progress.show("killing")
        victim = chance.choice(victims)
        if chance.random() > _EARLY_KILLS:
            victim.wait_ready()
            time.sleep(chance.random() * _PAUSE_MAX_S)
        victim.kill()
        verdict.kills += 1
        progress.advance()
    progress.clear()


def _check_log(log: int, spec: RingSpec, verdict: Verdict) -> None:
    """Follow one reader's way through the ring, over all its lives."""
    reached = 0
    entries = os.pread(log, os.fstat(log).st_size, 0)
    for first, last, missed in LOG_ENTRY.iter_unpack(entries):
        if first > reached + 1:
            verdict.violations.append(f"records {reached + 1} to {first - 1} are lost, uncounted")
        verdict.redelivered += max(0, min(last, reached) - first + 1)
        verdict.delivered += last - first + 1 - missed
        verdict.missed += missed
        reached = max(reached, last)
    if reached != verdict.published:
        verdict.violations.append(f"{verdict.published} were published, {reached} reached")
    if spec.policy == "refuse" and verdict.missed:
        verdict.violations.append(f"{verdict.missed} records of a refusing ring are missing")


@contextmanager
def _ring(spec: RingSpec) -> Iterator[RingHandle]:
    handle = create_ring(spec)
    yield handle
    close_ring(handle)


@contextmanager
def _logs(count: int) -> Iterator[list[int]]:
    """Yield descriptors that outlive any reader. All its lives share one offset: writes append."""
    logs = [os.memfd_create("reader-log") for _ in range(count)]
    yield logs
    for log in logs:
        os.close(log)


def ring_specs() -> dict[str, RingSpec]:
    """Return the rings of a campaign, by name."""
    return {
        "refusing ring": RingSpec("refusing", RING_SLOTS, SLOT_BYTES, "refuse", 1, checksum=True),
        "overwriting ring": RingSpec(
            "overwriting", RING_SLOTS, SLOT_BYTES, "overwrite", READERS, checksum=False
        ),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaigns, print what they found, and say by the exit code whether all held."""
    form = BenchForm("Kill writers and readers of the links at random points.")
    form.parser.add_argument("--kills", type=int, default=KILLS, help="per kind of link")
    arguments = form.parse(argv)
    verdicts = {
        name: run_ring_campaign(spec, arguments.kills, form.chance)
        for name, spec in ring_specs().items()
    }
    verdicts["table"] = run_table_campaign(arguments.kills, form.chance)
    # A campaign that cannot see a writer's fault would prove nothing.
    control = run_ring_campaign(
        ring_specs()["refusing ring"], CONTROL_KILLS, form.chance, writer="publish_early"
    )
    form.at_least(
        "control: faults of a wrong writer found", Samples((float(len(control.violations)),), ""), 1
    )
    for name, verdict in verdicts.items():
        form.add_figure(f"{name}: kills", Samples((float(verdict.kills),), ""))
        for figure in ("published", "delivered", "redelivered", "missed"):
            form.add_figure(
                f"{name}: {figure}", Samples((float(getattr(verdict, figure)),), "records")
            )
        for violation in verdict.violations:
            print(f"{name}: {violation}", file=sys.stderr)
        form.at_most(f"{name}: violations", Samples((float(len(verdict.violations)),), ""), 0)
    return form.finish()


if __name__ == "__main__":
    sys.exit(main())
