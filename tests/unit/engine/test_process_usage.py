"""What processes cost, by the kernel's count."""

import os
import subprocess
import sys

from genesis.engine.process_usage import Usage, UsageMeter


def test_a_process_costs_its_own_memory_and_time() -> None:
    """Our own process has used some of both."""
    usage = UsageMeter().read("parent", os.getpid())
    assert usage.memory_bytes > 1 << 20
    assert usage.cpu_seconds > 0


def test_who_is_down_or_gone_costs_nothing() -> None:
    """A child that ended between two looks is not an error."""
    meter = UsageMeter()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert meter.read("feed", gone.pid) == Usage(0, 0.0)
    assert meter.read("feed", None) == Usage(0, 0.0)
