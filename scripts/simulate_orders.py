"""Search crash schedules for one in which the order protocol breaks.

Every seed is a run of the real execution core, ledger and journal rows in a simulated world
(`scripts/simulation`): a venue that loses replies, lags and refuses, clocks that jump, a process
that is killed, stopped or loses its power at any effect. A run is wrong if an order is executed
twice, lost or explained away, if books and venue differ by one unit, or if anything stays stuck.

    simulate_orders.py --seeds 20000 --check        no seed may be wrong
    simulate_orders.py --control no-fence --check   the broken core must be caught
    simulate_orders.py --seed 4711 --trace          replay one seed, line by line
"""

import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Final

from scripts.bench_form import BenchForm, Progress, Samples
from scripts.simulation.controls import CONTROLS, WHOLE
from scripts.simulation.world import World

SEEDS: Final = 2_000
SEEDS_PER_CHUNK: Final = 50
CAUGHT_ENOUGH: Final = 10  # wrong seeds that prove a control caught
SHOWN_MAX: Final = 10

_FIGURES: Final = {
    "orders": "orders",
    "trades": "trades",
    "order_outcome_unknown": "orders in doubt",
    "killed": "kills",
    "power cut": "power cuts",
    "rows lost": "rows lost",
    "order_adopted": "orders adopted",
    "lists": "stops with targets",
    "struck": "stops and targets struck",
    "exit_dropped": "exits dropped",
    "liquidations": "runs in which everything was closed",
    "virtual seconds": "virtual s",
}


@dataclass
class Tally:
    """What a range of seeds came to."""

    seeds: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Take in another range."""
        self.seeds += other.seeds
        self.wrong |= other.wrong
        self.counts += other.counts


def run_seeds(first: int, past: int, control: str | None) -> Tally:
    """Run a range of seeds."""
    parts = WHOLE if control is None else CONTROLS[control]
    tally = Tally()
    for seed in range(first, past):
        world = World(seed, parts)
        violations = world.run()
        tally.seeds += 1
        tally.counts += world.counts
        if violations:
            tally.wrong[seed] = violations
    return tally


def search(first: int, seeds: int, control: str | None) -> Tally:
    """Run seeds on all cores; with a control, only until it is well caught."""
    tally = Tally()
    chunks = range(first, first + seeds, SEEDS_PER_CHUNK)
    progress = Progress(len(chunks))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        waiting = [
            pool.submit(run_seeds, start, min(start + SEEDS_PER_CHUNK, first + seeds), control)
            for start in chunks
        ]
        for done in as_completed(waiting):
            tally.add(done.result())
            progress.advance()
            progress.show(f"{len(tally.wrong)} wrong")
            if control is not None and len(tally.wrong) >= CAUGHT_ENOUGH:
                pool.shutdown(cancel_futures=True)
                break
    progress.clear()
    return tally


def replay(seed: int, control: str | None) -> int:
    """Run one seed with a trace; return the exit code."""
    violations = World(seed, WHOLE if control is None else CONTROLS[control], is_traced=True).run()
    for violation in violations:
        print(f"violation: {violation}")
    return bool(violations)


def main() -> int:
    """Run the search that the command line asks for."""
    form = BenchForm(__doc__.partition("\n")[0])
    form.parser.add_argument("--seeds", type=int, default=SEEDS, help="how many, from --seed on")
    form.parser.add_argument("--control", choices=CONTROLS, help="take out one safeguard")
    form.parser.add_argument("--trace", action="store_true", help="run one seed, line by line")
    arguments = form.parse()
    if arguments.trace:
        return replay(arguments.seed, arguments.control)
    began = time.perf_counter()
    tally = search(arguments.seed, arguments.seeds, arguments.control)
    elapsed = time.perf_counter() - began
    form.add_figure("speed", Samples((tally.seeds / elapsed,), "seeds/s"))
    for name, unit in _FIGURES.items():
        form.add_figure(unit.removesuffix(" s"), Samples((tally.counts[name],), unit))
    wrong = Samples((len(tally.wrong),), f"of {tally.seeds} seeds")
    if arguments.control is None:
        form.at_most("wrong seeds", wrong, 0)
    else:
        form.at_least(f"wrong seeds with {arguments.control}", wrong, 1)
    show_wrong(tally, arguments.control)
    return form.finish()


def show_wrong(tally: Tally, control: str | None) -> None:
    """Name wrong seeds, what was wrong first, and how to see it happen."""
    option = "" if control is None else f" --control {control}"
    for seed in sorted(tally.wrong)[:SHOWN_MAX]:
        print(f"seed {seed}: {tally.wrong[seed][0]}", file=sys.stderr)
        print(f"  replay: {sys.argv[0]}{option} --seed {seed} --trace", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
