"""What a start reads back: the last snapshot and the entries behind it, or all entries."""

import msgspec

from genesis.engine.ledger import Ledger
from genesis.engine.ledger_state import decode_state
from genesis.storage.journal import Journal


class Recovered(msgspec.Struct, frozen=True):
    """The ledger as it was, from which snapshot (0: none) and how many entries behind it."""

    ledger: Ledger
    snapshot_sequence: int
    entries_read: int


def recover_ledger(journal: Journal) -> Recovered:
    """Fold a journal.

    A snapshot that is damaged or was written by another version is passed over: the entries say
    the same, only slower.

    Raises:
        StorageError: As `Journal.read`.
    """
    state, behind = None, None
    for snapshot in journal.snapshots():
        state = decode_state(snapshot.state)
        if state is not None:
            behind = snapshot
            break
    ledger = Ledger(state)
    start = 0 if behind is None else behind.sequence
    for entry in journal.read(after=behind):
        ledger.apply(entry)
    return Recovered(ledger, start, journal.sequence - start)
