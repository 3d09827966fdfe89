"""A disk that fails on command, under real processes that were started with its library."""

import enum
import mmap
import subprocess
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).with_suffix(".c")
_CONTROL: Final = "faulty_disk"
_FAULT, _NTH, _EFFECTS, _STRUCK = range(4)


class Fault(enum.IntEnum):
    """What goes wrong; the numbers are those of `faulty_disk.c`."""

    WELL = 0
    FULL = 1
    READ_ONLY = 2
    SYNC_FAILS = 3
    BROKEN = 4
    CRASH_BEFORE = 5
    CRASH_AFTER = 6
    SLOW = 7


class FaultyDisk:
    """Gives orders to the processes whose environment `faulty_environment` made."""

    def __init__(self, home: Path) -> None:
        with (home / _CONTROL).open("r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), mmap.PAGESIZE)).cast("I")

    def order(self, fault: Fault, nth: int = 0) -> None:
        """Let the n-th effect from now on end so; 0 is every one that this fault concerns."""
        self._words[_FAULT] = Fault.WELL
        self._words[_EFFECTS] = self._words[_STRUCK] = 0
        self._words[_NTH] = nth
        self._words[_FAULT] = fault

    @property
    def effects(self) -> int:
        """How many effects there were since the last order."""
        return self._words[_EFFECTS]

    @property
    def struck(self) -> int:
        """How many of them went wrong."""
        return self._words[_STRUCK]


def faulty_environment(home: Path, directory: Path, only: str = ".journal.db") -> dict[str, str]:
    """Build library and control file in `home`; return the variables that load the library.

    It concerns the files below `directory` whose names hold `only`.
    """
    library, control = home / "faulty_disk.so", home / _CONTROL
    command = ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library)]
    subprocess.run([*command, str(_SOURCE), "-ldl", "-lpthread"], check=True)
    control.write_bytes(bytes(mmap.PAGESIZE))
    return {
        "LD_PRELOAD": str(library),
        "DISK_DIR": str(directory),
        "DISK_ONLY": only,
        "DISK_CONTROL": str(control),
    }
