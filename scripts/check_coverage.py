"""Hold each package to its own coverage threshold, from the data of the last test run.

A total would let a well-tested package hide an untested one. Exit 1 names each package that misses
its threshold, with the lines that no test ran.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).resolve().parent.parent
THRESHOLDS: Final[Mapping[str, float]] = {
    "genesis/data": 95.0,
    "genesis/domain": 95.0,
    "genesis/engine": 95.0,
    "genesis/exchange": 95.0,
    "genesis/ipc": 95.0,
    "genesis/storage": 95.0,
}
WORST_SHOWN: Final = 8
LINE_CHARS_MAX: Final = 160


class Summary(msgspec.Struct):
    """One file's statements, as coverage counts them."""

    num_statements: int
    covered_lines: int


class FileCoverage(msgspec.Struct):
    """One file in coverage's report."""

    summary: Summary
    missing_lines: list[int]


class Report(msgspec.Struct):
    """The part of coverage's JSON report that is read here."""

    files: dict[str, FileCoverage]


def main() -> int:
    """Print a row for each package; return 1 if one misses its threshold."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true", help="print one JSON object")
    options = arguments.parse_args()
    report = read_report()
    percentages = {package: percentage(report, package) for package in THRESHOLDS}
    missed = [package for package, percent in percentages.items() if percent < THRESHOLDS[package]]
    if options.json:
        print(json.dumps({"figures": percentages, "targets": dict(THRESHOLDS), "missed": missed}))
        return 1 if missed else 0
    for package, percent in percentages.items():
        print(f"{package:<20}{percent:>7.2f} % of {THRESHOLDS[package]:.0f} %")
    for package in missed:
        print(f"coverage: {package} misses its threshold; the most is missing in")
        for line in worst_files(report, package):
            print(f"  {line[:LINE_CHARS_MAX]}")
    return 1 if missed else 0


def read_report() -> Report:
    """Combine what the processes of the test run measured, and read it."""
    coverage = [sys.executable, "-m", "coverage"]
    # pytest has combined what it saw; children that ended after it may have left more, or nothing.
    subprocess.run(
        [*coverage, "combine", "--append", "--quiet"], cwd=ROOT, check=False, capture_output=True
    )
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        subprocess.run([*coverage, "json", "--quiet", "-o", file.name], cwd=ROOT, check=True)
        return msgspec.json.decode(Path(file.name).read_bytes(), type=Report)


def percentage(report: Report, package: str) -> float:
    """Return the share of a package's statements that some test ran.

    A package without a single statement is one that was not measured: it has none of them covered.
    """
    summaries = [file.summary for path, file in report.files.items() if is_in(path, package)]
    statements = sum(summary.num_statements for summary in summaries)
    covered = sum(summary.covered_lines for summary in summaries)
    return 100 * covered / statements if statements else 0.0


def worst_files(report: Report, package: str) -> list[str]:
    """Name the files that lack the most, and their lines."""
    files = [(path, file.missing_lines) for path, file in report.files.items()]
    worst = sorted(
        (entry for entry in files if is_in(entry[0], package) and entry[1]),
        key=lambda entry: -len(entry[1]),
    )
    return [f"{path}: lines {ranges(missing)}" for path, missing in worst[:WORST_SHOWN]]


def is_in(path: str, package: str) -> bool:
    """Tell whether a file belongs to a package."""
    return path.startswith(f"{package}/")


def ranges(lines: list[int]) -> str:
    """Write 3, 4, 5, 9 as `3-5, 9`."""
    spans: list[list[int]] = []
    for line in lines:
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


if __name__ == "__main__":
    sys.exit(main())
