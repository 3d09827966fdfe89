"""The summary of a whole run, written once at its end."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from genesis.engine.control import AccountSummary, PositionSummary
from genesis.engine.status_document import total
from genesis.errors import StorageError
from genesis.ipc.page import BoardPage, Counter
from genesis.status import StatusDocument


class EngineReport(StatusDocument, frozen=True, kw_only=True):
    """The status at the end, and what only a whole run has.

    `lost` counts market and report records that a reader was lapped by, summed over readers; a
    worker catches up from the tables, so it is a measure of load, not of damage. `ended` says why
    the run ended. `children` are their own last words, by process.
    """

    version: str
    ended: str
    exit_code: int
    lost: int
    counts: dict[str, int]
    restarts_by_process: dict[str, int]
    positions: tuple[PositionSummary, ...]
    ledger_differences: tuple[str, ...]
    children: dict[str, dict[str, str | int]]


def build_report(
    status: StatusDocument,
    pages: Iterable[BoardPage],
    account: AccountSummary | None,
    children: Mapping[str, Mapping[str, str | int]],
    *,
    version: str,
    ended: str,
    exit_code: int,
) -> EngineReport:
    """Return the report of a run whose children have ended."""
    every = tuple(pages)
    counts = {counter.name.lower(): total(every, counter) for counter in Counter}
    return EngineReport(
        **msgspec.structs.asdict(status),
        version=version,
        ended=ended,
        exit_code=exit_code,
        lost=total(every, Counter.RECORDS_MISSED),
        counts={name: count for name, count in counts.items() if count},
        restarts_by_process={row.name: row.restarts for row in status.processes},
        positions=() if account is None else account.positions,
        ledger_differences=() if account is None else account.ledger_differences,
        children={name: dict(summary) for name, summary in children.items()},
    )


def write_report(path: Path, report: EngineReport) -> None:
    """Write the report as JSON, whole or not at all.

    Raises:
        StorageError: It cannot be written.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageError(f"--report {path} cannot be written: {error.strerror}") from error
