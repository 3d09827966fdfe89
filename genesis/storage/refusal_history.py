"""What was refused on an account, from its journal: counted, and the latest one by one."""

from collections import Counter
from typing import Final

import msgspec

from genesis.engine.entries import SignalRefused
from genesis.storage.journal_reader import JournalReader

_SPAN: Final = 20_000  # entries of one look: a tenth of a second, in which no log begins anew
_KIND: Final = "refused"


class RefusalHistory(msgspec.Struct, frozen=True):
    """How often which rule refused which strategy (by number), and the latest, latest first."""

    counts: Counter[tuple[int, str]]
    latest: list[SignalRefused]


def read_refusals(
    reader: JournalReader, *, rule: str | None, strategy_number: int | None, last: int
) -> RefusalHistory:
    """Read a journal from its end to its beginning: all refusals, or those of a rule or strategy.

    Raises:
        StorageError: The journal cannot be read.
    """
    counts: Counter[tuple[int, str]] = Counter()
    latest: list[SignalRefused] = []
    before = reader.last_sequence() + 1
    while before > 1:
        for _sequence, entry in reader.read_back(_KIND, before, _SPAN):
            assert isinstance(entry, SignalRefused), "the tag names the kind"
            number, broken = entry.signal.strategy_number, entry.refusal.rule.value
            if rule not in {None, broken} or strategy_number not in {None, number}:
                continue
            counts[number, broken] += 1
            if len(latest) < last:
                latest.append(entry)
        before -= _SPAN
    return RefusalHistory(counts, latest)
