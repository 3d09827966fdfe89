"""The venue's fact sheet, where it lies beside the project: what its lists name."""

import re
from pathlib import Path
from typing import Final

SHEET: Final = Path(__file__).parents[3] / "shared" / "reference" / "binance-spot.md"
_CODES: Final = re.compile(r"-([0-9]{4})(?: ?\.\. ?-([0-9]{4}))?")


def errors_of_the_sheet() -> set[int]:
    """Return every code of section 11; a range stands for all in it."""
    codes: set[int] = set()
    for row in _first_column("## 11. "):
        for first, last in _CODES.findall(row):
            codes |= {-number for number in range(int(first), int(last or first) + 1)}
    return codes


def traps_of_the_sheet() -> list[str]:
    """Return the traps of section 13 as they stand there."""
    return _first_column("## 13. ")


def faults_of_the_sheet() -> list[str]:
    """Return what a simulated venue must play: section 16, point 10."""
    (line,) = re.findall(r"^10\. Fault injection: (.*)\.$", _section("## 16. "), re.MULTILINE)
    return [fault.strip() for fault in str(line).split(";")]


def _section(heading: str) -> str:
    _, _, rest = SHEET.read_text().partition(f"\n{heading}")
    return rest.partition("\n## ")[0]


def _first_column(heading: str) -> list[str]:
    """Return the first cells of a section's first table, without its head."""
    rows = [line for line in _section(heading).splitlines() if line.startswith("| ")]
    return [row.split(" | ")[0].removeprefix("| ").strip() for row in rows[1:]]
