"""What a process costs the host: own memory and processor time, as the kernel counts them (I/O)."""

from typing import NamedTuple

import psutil


class Usage(NamedTuple):
    """`memory_bytes` leaves out what is shared: the links, and the interpreter's own code."""

    memory_bytes: int
    cpu_seconds: float


class UsageMeter:
    """Asks the kernel about processes; it keeps a handle on each, while there is one."""

    def __init__(self) -> None:
        self._processes: dict[str, psutil.Process] = {}

    def read(self, name: str, pid: int | None) -> Usage:
        """Return what the process that now has this name costs; nothing for one that is gone."""
        if pid is None:
            self._processes.pop(name, None)
            return Usage(0, 0.0)
        try:
            process = self._processes.get(name)
            if process is None or process.pid != pid:
                process = self._processes[name] = psutil.Process(pid)
            memory = process.memory_info()
            times = process.cpu_times()
        except psutil.Error:
            self._processes.pop(name, None)
            return Usage(0, 0.0)
        return Usage(max(0, memory.rss - memory.shared), times.user + times.system)
