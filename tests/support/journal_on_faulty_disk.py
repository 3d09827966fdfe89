"""Lets every effect of a journal on its disk fail in turn, and looks each time at what is left.

It runs with the library of `faulty_disk` loaded. Arguments: the directory of its control file, one
for the journals, and a durability. It writes `Findings` as JSON.
"""

import os
import shutil
import sys
from itertools import accumulate
from pathlib import Path
from typing import Final

import msgspec

from genesis.engine.entries import MILESTONES
from genesis.errors import EXIT_OK, EXIT_STORAGE, StorageError
from genesis.storage.journal import Durability, Journal
from scripts.powercut.victim import entry_at
from tests.support.faulty_disk import Fault, FaultyDisk

FAULTS: Final = (Fault.BROKEN, Fault.FULL, Fault.CRASH_BEFORE, Fault.CRASH_AFTER)

_NAME: Final = "account.journal.db"
_LIVES: Final = ((1, 3, 2), (2, 1))  # groups committed in each life of the journal
_BOUNDARIES: Final = {0, *accumulate(size for life in _LIVES for size in life)}
_STATE: Final = 5_000 * b"s"
_KILLED: Final = -9


class Findings(msgspec.Struct):
    """What a run found: `violations` must be empty."""

    effects: int = 0
    failures: int = 0
    acknowledged: int = 0
    violations: list[str] = msgspec.field(default_factory=list)


class Trials:
    """The lives of one journal after the other, each with its own end."""

    def __init__(self, disk: FaultyDisk, directory: Path, durability: Durability) -> None:
        self.findings = Findings()
        self._disk = disk
        self._directory = directory
        self._path = directory / _NAME
        self._durability = durability

    def run(self) -> None:
        """Count the effects of an undisturbed life, then let each end in every way."""
        self.findings.effects = self._try(Fault.WELL, 0)
        for fault in FAULTS:
            for nth in range(1, self.findings.effects + 1):
                self._try(fault, nth)

    def _try(self, fault: Fault, nth: int) -> int:
        """Write a journal in a process of its own, which may die of it, and read what it left.

        Returns how many effects there were.
        """
        self._directory.mkdir()
        acknowledged, exit_code = self._live(fault, nth)
        effects = self._disk.effects
        self.findings.failures += self._disk.struck
        self.findings.acknowledged += acknowledged
        self._disk.order(Fault.WELL)
        complaint = self._look(acknowledged)
        if exit_code not in {EXIT_OK, EXIT_STORAGE, _KILLED}:
            complaint = f"the writer ended with {exit_code}"
        if complaint:
            self.findings.violations.append(f"{fault.name} at effect {nth}: {complaint}")
        shutil.rmtree(self._directory)
        return effects

    def _live(self, fault: Fault, nth: int) -> tuple[int, int]:
        """Return the last entry that was acknowledged, and how the writer ended."""
        hear, say = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._disk.order(fault, nth)
            try:
                self._write(say)
            except StorageError:
                os._exit(EXIT_STORAGE)
            os._exit(EXIT_OK)
        os.close(say)
        with os.fdopen(hear) as lines:
            acknowledged = max(map(int, lines), default=0)
        return acknowledged, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _write(self, say: int) -> None:
        for life in _LIVES:
            journal = Journal(self._path, self._durability)
            for _entry in journal.read():
                pass
            for size in life:
                first = journal.sequence + 1
                # Each group begins with an entry that is synced at any durability.
                journal.append(
                    [entry_at(first + place, is_milestone=place == 0) for place in range(size)]
                )
                os.write(say, b"%d\n" % journal.sequence)
            journal.save_snapshot(_STATE)
            journal.checkpoint()
            journal.close()

    def _look(self, acknowledged: int) -> str:
        """Say what is wrong with what was left, if anything is."""
        try:
            found = self._read_and_append()
            again = self._read_and_append()
        except (StorageError, AssertionError) as error:
            return str(error)
        if acknowledged <= found and found in _BOUNDARIES and again == found + 1:
            return ""
        return f"{acknowledged} were acknowledged, {found} are there, {again} after one more"

    def _read_and_append(self) -> int:
        """Open the journal as a start does, check all that it holds, and go on with it."""
        journal = Journal(self._path, "venue")
        try:
            for sequence, entry in enumerate(journal.read(), 1):
                expected = entry_at(sequence, is_milestone=isinstance(entry, MILESTONES))
                assert entry == expected, f"entry {sequence} is another"
            states = [snapshot.state for snapshot in journal.snapshots()]
            assert all(state == _STATE for state in states), "a snapshot is torn"
            found = journal.sequence
            journal.append([entry_at(found + 1, is_milestone=False)])
        finally:
            journal.close()
        return found


def main(home: str, directory: str, durability: str) -> None:
    """Run the trials, and write down what they found."""
    trials = Trials(
        FaultyDisk(Path(home)), Path(directory), "full" if durability == "full" else "venue"
    )
    trials.run()
    sys.stdout.buffer.write(msgspec.json.encode(trials.findings))


if __name__ == "__main__":
    main(*sys.argv[1:])
