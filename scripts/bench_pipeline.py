"""The whole engine against the simulated venue: rate kept, latency by stage, CPU and memory.

Each round is one real `genesis run` on a fresh state directory; the figures come from the report it
writes at its end, so they cover every process and every record of the run.

The specification's budgets, at p99: a message 5 ms, a signal 10 ms, an order 50 ms, the cycle
100 ms.

With `--peer python-binance` the engine is timed from outside instead, tick to order as the venue
sees it, in rounds with a bare client and with the machine's own fdatasync.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from genesis.engine.engine_report import EngineReport
from genesis.venue.listing import LISTINGS
from scripts.bench_form import ROUNDS, BenchForm, Samples
from scripts.pipeline.comparison import PEER, Load, compare
from scripts.pipeline.engine_run import run_to_report
from scripts.pipeline.roster import brisk_roster

_TAPE_SYMBOLS: Final = ("BTCUSDT", "ETHUSDT")
_MODEL_INSTRUMENTS: Final = 20
_RATE: Final = 2_000
_RATE_COMPARED: Final = 500
_PERCENTILES: Final = ("p50_us", "p99_us", "p999_us")

# stages whose p99, added up, is held against a budget (µs)
_BUDGETS: Final[dict[str, tuple[tuple[str, ...], int]]] = {
    "message": (("socket_to_published",), 5_000),
    "signal": (("callback", "read_to_signal"), 10_000),
    "order": (("signal_to_executor", "executor_to_durable", "durable_to_sent"), 50_000),
    "cycle": (("cycle",), 100_000),
}


def main() -> int:
    """Run the rounds and hold the figures against the budgets."""
    form = BenchForm(__doc__ or "")
    form.parser.set_defaults(rounds=None)
    form.parser.add_argument("--strategies", type=int, default=120)
    form.parser.add_argument("--workers", type=int, default=2)
    form.parser.add_argument("--rate", type=int, help="messages a second (model)")
    form.parser.add_argument("--seconds", type=int, default=20, help="of each round")
    form.parser.add_argument("--market", default="model", help="model, or replay:PATH")
    form.parser.add_argument("--durability", default="full", choices=("full", "venue"))
    form.parser.add_argument("--peer", choices=(PEER,), help="compare with this client")
    form.parser.add_argument("--directory", type=Path, help="of the journals that are compared")
    arguments = form.parse()
    if arguments.rounds is None:
        arguments.rounds = ROUNDS if arguments.peer else 1
    if arguments.rate is None:
        arguments.rate = _RATE_COMPARED if arguments.peer else _RATE
    if arguments.peer is not None:
        _compare(form, arguments)
        return form.finish()
    reports = [
        run_engine_once(
            seconds=arguments.seconds,
            market=arguments.market,
            roster=brisk_roster(arguments.strategies, symbols_of(arguments.market)),
            overrides={
                "market.rate": arguments.rate,
                "market.seed": arguments.seed,
                "strategies.workers": arguments.workers,
                "orders.durability": arguments.durability,
            },
        )
        for _ in range(arguments.rounds)
    ]
    add_figures(form, reports)
    return form.finish()


def _compare(form: BenchForm, arguments: argparse.Namespace) -> None:
    if arguments.market != "model":
        form.parser.error("--peer: the marked quotes are the model's, so leave out --market")
    load = Load(
        symbols=symbols_of(arguments.market),
        strategies=arguments.strategies,
        workers=arguments.workers,
        seconds=arguments.seconds,
        market=(f"market.rate={arguments.rate}", f"market.seed={arguments.seed}"),
    )
    compare(form, load, arguments.directory)


def symbols_of(market: str) -> tuple[str, ...]:
    """Return the instruments that a market has."""
    return tuple(LISTINGS)[:_MODEL_INSTRUMENTS] if market == "model" else _TAPE_SYMBOLS


def run_engine_once(
    seconds: int, market: str, roster: str, overrides: dict[str, object]
) -> EngineReport:
    """Run the engine for a while on a state directory of its own, and return its report."""
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as directory:
        report, config = Path(directory) / "report.json", Path(directory) / "genesis.toml"
        config.write_text(roster)
        command = [
            *(sys.executable, "-m", "genesis", "run", "--config", str(config)),
            *("--state", f"{directory}/state", "--market", market),
            *("--for", f"{seconds}s", "--report", str(report)),
        ]
        for name, value in overrides.items():
            command += ["--set", f"{name}={value}"]
        return run_to_report(command, report, seconds)


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
    # The market is quiet and busy by turns, so what was sent is counted, not what was asked for.
    kept = [
        int(r.children["feed"]["frames"]) / int(r.children["venue"]["frames_sent"]) for r in reports
    ]
    form.at_least("frames received of those sent", _samples(kept, "x"), 0.99)
    form.at_most("records lost or torn", _samples([r.lost + r.torn for r in reports], ""), 0)
    form.at_least("ledger equal", _samples([r.ledger_equal is True for r in reports], ""), 1)
    for name, (stages, budget_us) in _BUDGETS.items():
        spent = [
            sum(r.latency[stage].p99_us for stage in stages if stage in r.latency) for r in reports
        ]
        form.at_most(f"{name}, p99 of its stages", _samples(spent, "us"), budget_us)


def _samples(values: list[float], unit: str) -> Samples:
    return Samples(tuple(float(value) for value in values), unit)


if __name__ == "__main__":
    sys.exit(main())
