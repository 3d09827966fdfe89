"""What the machine itself takes to make something durable, without anybody's journal."""

import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

_BYTES: Final = 4_096  # a page, the least that a database writes
_SPACING_S: Final = 0.005
_TIMES: Final = 300


def idle_sync_us(directory: Path) -> float:
    """Append a page and sync it, again and again with a rest between; return the median, µs."""
    page = os.urandom(_BYTES)
    took = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(_TIMES):
            time.sleep(_SPACING_S)
            start = time.perf_counter()
            file.write(page)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - start)
    return 1e6 * median(took)
