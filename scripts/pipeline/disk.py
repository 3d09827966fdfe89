"""What the machine itself takes to make something durable, without anybody's journal."""

import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

_BYTES: Final = 4_096  # a page, the least that a database writes
_MEASURED_S: Final = 2.0


def idle_sync_us(directory: Path, rest_s: float) -> float:
    """Append a page and sync it, again and again with a rest between; return the median, µs.

    The longer the rest, the longer it takes: less of the way is in the caches.
    """
    page = os.urandom(_BYTES)
    took = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(int(_MEASURED_S / rest_s)):
            time.sleep(rest_s)
            start = time.perf_counter()
            file.write(page)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - start)
    return 1e6 * median(took)
