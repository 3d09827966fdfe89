"""The form all scripts share: options, interleaved rounds, figures with ranges, targets, peers.

A script measures its cases in rounds, every case once per round in rotating order, so that a
shared machine's moods fall on all of them alike. Figures are medians with their range; a target
is a ratio within one round wherever a peer exists. Output is text, or with `--json` one object
`{command, machine, figures, targets}`. With `--check` the exit code is 1 if a target is missed,
and each missed one is named.
"""

import argparse
import fcntl
import json
import os
import platform
import random
import shlex
import statistics
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

ROUNDS: Final = 5
PEERS_HOME: Final = Path.home() / ".cache" / "genesis" / "peers"

_BAR_WIDTH: Final = 32
_EXIT_MISSED: Final = 1


@dataclass(frozen=True)
class Samples:
    """One figure, measured once per round."""

    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        """Return the median over the rounds."""
        return statistics.median(self.values)

    def per(self, other: "Samples") -> "Samples":
        """Return the ratio to another figure, round by round."""
        pairs = zip(self.values, other.values, strict=True)
        return Samples(tuple(ours / theirs for ours, theirs in pairs), "x")

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        return f"{_number(self.median)} {self.unit}  ({_number(low)} .. {_number(high)})"


@dataclass(frozen=True)
class Target:
    """A bound that a figure must keep."""

    name: str
    observed: float
    relation: Literal[">=", "<="]
    bound: float

    @property
    def is_met(self) -> bool:
        """Tell whether the figure keeps its bound."""
        if self.relation == ">=":
            return self.observed >= self.bound
        return self.observed <= self.bound

    def __str__(self) -> str:
        verdict = "met" if self.is_met else "MISSED"
        return f"{self.name}: {_number(self.observed)} {self.relation} {self.bound:g}  {verdict}"


class BenchForm:
    """One run of a script, from its command line to its exit code."""

    def __init__(self, description: str) -> None:
        self.parser = argparse.ArgumentParser(description=description)
        self.parser.add_argument("--seed", type=int, default=1, help="of every random choice")
        self.parser.add_argument("--json", action="store_true", help="print one JSON object")
        self.parser.add_argument("--check", action="store_true", help="exit 1 on a missed target")
        self.parser.add_argument("--rounds", type=int, default=ROUNDS, help="of every case")
        self._arguments = argparse.Namespace()
        self._figures: dict[str, Samples] = {}
        self._targets: list[Target] = []

    def parse(self, argv: Sequence[str] | None = None) -> argparse.Namespace:
        """Read the command line. Options of the script's own were added to `parser` before."""
        self._arguments = self.parser.parse_args(argv)
        return self._arguments

    @property
    def chance(self) -> random.Random:
        """Return a new generator of the run's seed."""
        return random.Random(self._arguments.seed)  # noqa: S311 - a repeatable run is the point

    def run_rounds(self, cases: Mapping[str, Callable[[], float]], unit: str) -> dict[str, Samples]:
        """Run every case once per round, in rotating order, and keep the results as figures."""
        names = list(cases)
        values: dict[str, list[float]] = {name: [] for name in names}
        rounds = int(self._arguments.rounds)
        progress = Progress(rounds * len(names))
        for turn in range(rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                progress.show(name)
                values[name].append(cases[name]())
                progress.advance()
        progress.clear()
        samples = {name: Samples(tuple(values[name]), unit) for name in names}
        for name, sample in samples.items():
            self.add_figure(name, sample)
        return samples

    def add_figure(self, name: str, samples: Samples) -> None:
        """Keep a figure for the output."""
        assert name not in self._figures, "a figure has a name of its own"
        self._figures[name] = samples

    def at_least(self, name: str, samples: Samples, bound: float) -> None:
        """Demand that the median of a figure is `bound` or more."""
        self.add_figure(name, samples)
        self._targets.append(Target(name, samples.median, ">=", bound))

    def at_most(self, name: str, samples: Samples, bound: float) -> None:
        """Demand that the median of a figure is `bound` or less."""
        self.add_figure(name, samples)
        self._targets.append(Target(name, samples.median, "<=", bound))

    def finish(self) -> int:
        """Print the outcome and return the exit code."""
        if self._arguments.json:
            print(json.dumps(self._document(), indent=2))
        else:
            self._print_text()
        missed = [target for target in self._targets if not target.is_met]
        if self._arguments.check and missed:
            for target in missed:
                print(f"missed: {target}", file=sys.stderr)
            return _EXIT_MISSED
        return 0

    def _document(self) -> dict[str, object]:
        return {
            "command": shlex.join(sys.argv),
            "machine": machine_facts(),
            "figures": {
                name: {
                    "median": samples.median,
                    "low": min(samples.values),
                    "high": max(samples.values),
                    "unit": samples.unit,
                    "rounds": list(samples.values),
                }
                for name, samples in self._figures.items()
            },
            "targets": {
                target.name: {
                    "observed": target.observed,
                    "relation": target.relation,
                    "bound": target.bound,
                    "met": target.is_met,
                }
                for target in self._targets
            },
        }

    def _print_text(self) -> None:
        print(shlex.join(sys.argv), f"(seed {self._arguments.seed})")
        print(", ".join(f"{name} {fact}" for name, fact in machine_facts().items()))
        width = max((len(name) for name in self._figures), default=0)
        for name, samples in self._figures.items():
            print(f"  {name:<{width}}  {samples}")
        for target in self._targets:
            print(f"  target  {target}")


class Progress:
    """A bar on a terminal; nothing anywhere else."""

    def __init__(self, total: int) -> None:
        self._total = max(total, 1)
        self._done = 0
        self._shows = sys.stderr.isatty()

    def show(self, doing: str) -> None:
        """Draw the bar with what is being done now."""
        if not self._shows:
            return
        full = _BAR_WIDTH * self._done // self._total
        bar = "#" * full + "-" * (_BAR_WIDTH - full)
        print(f"\r\x1b[K[{bar}] {self._done}/{self._total} {doing}", end="", file=sys.stderr)

    def advance(self) -> None:
        """Count one step as done."""
        self._done += 1

    def clear(self) -> None:
        """Take the bar away."""
        if self._shows:
            print("\r\x1b[K", end="", file=sys.stderr)


def machine_facts() -> dict[str, str]:
    """Return what a reader needs to judge figures by: processor, cores, kernel, Python, load."""
    return {
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def peer_python(name: str, requirements: Sequence[str]) -> Path:
    """Return the interpreter of a peer's own virtual environment, made on first use.

    It lies under ~/.cache/genesis/peers/NAME, never in `.venv`. It is made anew when
    `requirements` (pip's) differ from those it was made of.
    """
    home = PEERS_HOME / name
    python = home / "bin" / "python"
    stamp = home / "requirements.txt"
    wanted = "".join(f"{requirement}\n" for requirement in requirements)
    PEERS_HOME.mkdir(parents=True, exist_ok=True)
    with (PEERS_HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two scripts may want the same peer at once
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"making the environment of {name} in {home}", file=sys.stderr)
            venv.create(home, clear=True, with_pip=True)
            install = [str(python), "-m", "pip", "install", "--quiet", *requirements]
            subprocess.run(install, check=True, stdout=sys.stderr)
            stamp.write_text(wanted)
    return python


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"  # noqa: PLR2004 - for eyes
