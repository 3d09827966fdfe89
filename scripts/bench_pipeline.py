"""The whole engine against the simulated venue: rate kept, latency by stage, CPU and memory.

Each round is one real `genesis run` on a fresh state directory; the figures come from the report it
writes at its end, so they cover every process and every record of the run.

The specification's budgets, at p99: a message 5 ms, a signal 10 ms, an order 50 ms, the cycle
100 ms.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from genesis.engine.engine_report import EngineReport
from scripts.bench_form import BenchForm, Samples

_STOP_GRACE_SECONDS: Final = 60
_PERCENTILES: Final = ("p50_us", "p99_us", "p999_us")

# stages whose p99, added up, is held against a budget (µs)
_BUDGETS: Final[dict[str, tuple[tuple[str, ...], int]]] = {
    "message": (("socket_to_published",), 5_000),
    "signal": (("published_to_read", "callback"), 10_000),
    "order": (("signal_to_executor", "executor_to_durable", "durable_to_sent"), 50_000),
    "cycle": (("cycle",), 100_000),
}


def main() -> int:
    """Run the rounds and hold the figures against the budgets."""
    form = BenchForm(__doc__ or "")
    form.parser.set_defaults(rounds=1)
    form.parser.add_argument("--strategies", type=int, default=120)
    form.parser.add_argument("--workers", type=int, default=2)
    form.parser.add_argument("--rate", type=int, default=2_000, help="messages a second (model)")
    form.parser.add_argument("--seconds", type=int, default=20, help="of each round")
    form.parser.add_argument("--market", default="model", help="model, or replay:PATH")
    form.parser.add_argument("--durability", default="full", choices=("full", "venue"))
    arguments = form.parse()
    reports = [
        run_engine_once(
            seconds=arguments.seconds,
            market=arguments.market,
            overrides={
                "market.rate": arguments.rate,
                "market.seed": arguments.seed,
                "strategies.count": arguments.strategies,
                "strategies.workers": arguments.workers,
                "orders.durability": arguments.durability,
            },
        )
        for _ in range(arguments.rounds)
    ]
    add_figures(form, reports)
    if arguments.market == "model":
        kept = Samples(tuple(r.messages_per_second / arguments.rate for r in reports), "x")
        form.at_least("rate kept", kept, 0.9)
    return form.finish()


def run_engine_once(seconds: int, market: str, overrides: dict[str, object]) -> EngineReport:
    """Run the engine for a while on a state directory of its own, and return its report."""
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as directory:
        report = Path(directory) / "report.json"
        command = [
            *(sys.executable, "-m", "genesis", "run"),
            *("--state", f"{directory}/state", "--market", market),
            *("--for", f"{seconds}s", "--report", str(report)),
        ]
        for name, value in overrides.items():
            command += ["--set", f"{name}={value}"]
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds + _STOP_GRACE_SECONDS,
        )
        if done.returncode != 0:
            sys.exit(f"the engine ended with {done.returncode}: {done.stdout}{done.stderr}")
        return msgspec.json.decode(report.read_bytes(), type=EngineReport)


def add_figures(form: BenchForm, reports: list[EngineReport]) -> None:
    """Put what the runs reported into the form, and demand the budgets."""
    form.add_figure("messages", _samples([r.messages_per_second for r in reports], "/s"))
    for stage in reports[0].latency:
        for percentile in _PERCENTILES:
            values = [getattr(r.latency[stage], percentile) for r in reports if stage in r.latency]
            form.add_figure(f"{stage} {percentile[:-3]}", _samples(values, "us"))
    for row, process in enumerate(reports[0].processes):
        cpu = [100 * r.processes[row].cpu_seconds / r.uptime_s for r in reports]
        form.add_figure(f"{process.name} cpu", _samples(cpu, "%"))
        memory = [r.processes[row].memory_mib for r in reports]
        form.add_figure(f"{process.name} memory", _samples(memory, "MiB"))
    form.at_least("orders", _samples([r.orders for r in reports], ""), 1)
    form.at_least("fills", _samples([r.fills for r in reports], ""), 1)
    form.at_most("records lost or torn", _samples([r.lost + r.torn for r in reports], ""), 0)
    form.at_least("ledger equal", _samples([r.ledger_equal is True for r in reports], ""), 1)
    for name, (stages, budget_us) in _BUDGETS.items():
        spent = [
            sum(r.latency[stage].p99_us for stage in stages if stage in r.latency) for r in reports
        ]
        form.at_most(f"{name} p99", _samples(spent, "us"), budget_us)


def _samples(values: list[float], unit: str) -> Samples:
    return Samples(tuple(float(value) for value in values), unit)


if __name__ == "__main__":
    sys.exit(main())
