"""Writes a journal and says after each commit how far it got: what the power is cut under.

Arguments: directory, durability, seed, commits. Started with the recorder loaded, so that what it
says (lines in the file `said`) stands in the record between the writes it speaks of.
"""

import os
import sys
from pathlib import Path
from random import Random
from typing import Final

from genesis.domain.orders import Refusal, RefusalRule
from genesis.engine.entries import Entry, EpochStarted, SignalId, SignalRefused
from genesis.storage.journal import Durability, Journal

JOURNAL_NAME: Final = "account.journal.db"
SAID_NAME: Final = "said"

_GROUP_MAX: Final = 6
_REOPEN_SHARE: Final = 0.01
_MILESTONE_SHARE: Final = 0.05
_SNAPSHOT_SHARE: Final = 0.02
_CHECKPOINT_SHARE: Final = 0.02
_SNAPSHOT_BYTES: Final = 20_000


def entry_at(sequence: int, *, is_milestone: bool) -> Entry:
    """Return the entry that stands at a place of the journal; it is told by its number alone."""
    if is_milestone:
        return EpochStarted(epoch=sequence, boot_id="", at=sequence)
    refusal = Refusal(rule=RefusalRule.EXPIRED, limit="x" * (sequence % 300), observed="")
    return SignalRefused(
        signal=SignalId(1, 1, sequence), symbol="BTCUSDT", refusal=refusal, at=sequence
    )


def main(directory: Path, durability: Durability, seed: int, commits: int) -> None:
    """Commit groups of entries, close and open anew now and then, and say what is durable."""
    chance = Random(seed)  # noqa: S311 - a repeatable run is the point
    said = os.open(directory / SAID_NAME, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    journal = Journal(directory / JOURNAL_NAME, durability)
    for _ in range(commits):
        first = journal.sequence + 1
        has_milestone = chance.random() < _MILESTONE_SHARE
        group = [
            entry_at(sequence, is_milestone=has_milestone and sequence == first)
            for sequence in range(first, first + chance.randint(1, _GROUP_MAX))
        ]
        journal.append(group)
        os.write(said, b"%d %d\n" % (journal.sequence, has_milestone))
        if chance.random() < _SNAPSHOT_SHARE:
            journal.save_snapshot(chance.randbytes(_SNAPSHOT_BYTES))
        if chance.random() < _CHECKPOINT_SHARE:
            journal.checkpoint()
        if chance.random() < _REOPEN_SHARE:
            journal.close()
            journal = Journal(directory / JOURNAL_NAME, durability)
            for _entry in journal.read():
                pass
    journal.close()


if __name__ == "__main__":
    _directory, _durability, _seed, _commits = sys.argv[1:]
    main(
        Path(_directory),
        "full" if _durability == "full" else "venue",
        int(_seed),
        int(_commits),
    )
