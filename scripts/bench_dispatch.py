"""One quote to a hundred strategies against NautilusTrader's BacktestEngine; what measuring costs.

Every strategy keeps two exponential averages of its own on every quote of one instrument, nothing
is shared. Ours is the whole path of a worker: ring drained, decoded, averages, callbacks, each
named on the board and timed. Each run is a process of its own.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from scripts.bench_form import BenchForm, peer_python

ROOT: Final = Path(__file__).parents[1]
PEER: Final = "nautilus_trader"
REQUIREMENTS: Final = ("nautilus_trader==1.221.0",)  # the newest for Python 3.11
RATIO_MAX: Final = 0.25  # aim: 1/6
HISTOGRAMS_MAX: Final = 1.02
AS_RECORDED: Final = 0.1  # share of quotes that move the price, see `dispatch_case.py`
RESTLESS: Final = 1.0


class DispatchBench:
    """Runs cases in processes of their own, and sees to it that both sides decided the same."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._peer = peer_python(PEER, REQUIREMENTS)
        self._crossings: dict[float, float] = {}

    def genesis(self, moving: float) -> float:
        """Return our microseconds per quote."""
        return self._compared(Path(sys.executable), "scripts.dispatch.ours", moving)

    def nautilus(self, moving: float) -> float:
        """Return NautilusTrader's microseconds per quote."""
        return self._compared(self._peer, "scripts.dispatch.nautilus", moving)

    def histograms(self) -> float:
        """Return our time with histograms per time without."""
        facts = self._run(Path(sys.executable), "scripts.dispatch.ours", "histograms", AS_RECORDED)
        return facts["ratio"]

    def _compared(self, python: Path, module: str, moving: float) -> float:
        facts = self._run(python, module, "dispatch", moving)
        crossings = facts["crossings"]
        known = self._crossings.setdefault(moving, crossings)
        if crossings != known or not crossings:
            raise SystemExit(f"{module}: the strategies are not the same: {crossings} not {known}")
        return facts["microseconds"]

    def _run(self, python: Path, module: str, case: str, moving: float) -> dict[str, float]:
        command = [str(python), "-m", module, case, str(self._seed), str(moving)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        facts: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return facts


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases and compare."""
    form = BenchForm(__doc__ or "")
    arguments = form.parse(argv)
    bench = DispatchBench(arguments.seed)
    restless = f"{PEER}, restless"
    times = form.run_rounds(
        {
            "genesis": partial(bench.genesis, AS_RECORDED),
            PEER: partial(bench.nautilus, AS_RECORDED),
            "genesis, restless": partial(bench.genesis, RESTLESS),
            restless: partial(bench.nautilus, RESTLESS),
        },
        "us/quote",
    )
    measured = form.run_rounds({"histograms on / off": bench.histograms}, "x")
    form.at_most(f"genesis / {PEER}", times["genesis"].per(times[PEER]), RATIO_MAX)
    form.add_figure("the same, restless", times["genesis, restless"].per(times[restless]))
    form.at_most("histograms", measured["histograms on / off"], HISTOGRAMS_MAX)
    return form.finish()


if __name__ == "__main__":
    sys.exit(main())
