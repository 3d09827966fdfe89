"""The whole engine against the simulated venue: rate kept, latency by stage, CPU and memory.

Each round is one real `genesis run` on a fresh state directory; the figures come from the report it
writes at its end, so they cover every process and every record of the run.

The specification's budgets, at p99: a message 5 ms, a signal 10 ms, an order 50 ms, the cycle
100 ms.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from genesis.engine.engine_report import EngineReport
from genesis.venue.listing import LISTINGS
from scripts.bench_form import BenchForm, Samples

_STOP_GRACE_SECONDS: Final = 60
# Quick to warm up, so that a short run trades; each makes a round trip in about half a minute.
_PACE: Final = {"cooldown_s": 15, "hold_max_s": 10}
_BRISK: Final[dict[str, dict[str, float]]] = {
    "ema_cross": {"sample_ms": 50, "fast_period": 2, "slow_period": 5, "margin_bps": 0},
    "momentum_breakout": {
        "sample_ms": 50,
        "entry_period": 5,
        "exit_period": 3,
        "atr_period": 5,
    },
    "mean_reversion": {"sample_ms": 50, "band_period": 5, "band_width": 1, "rsi_period": 5},
    "book_imbalance": {"smoothing": 3, "entry_imbalance": 0.2, "exit_imbalance": 0},
}
_TAPE_SYMBOLS: Final = ("BTCUSDT", "ETHUSDT")
_MODEL_INSTRUMENTS: Final = 20
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


def symbols_of(market: str) -> tuple[str, ...]:
    """Return the instruments that a market has."""
    return tuple(LISTINGS)[:_MODEL_INSTRUMENTS] if market == "model" else _TAPE_SYMBOLS


def brisk_roster(count: int, symbols: Sequence[str]) -> str:
    """Return, as TOML, a roster of the real kinds, dealt over the instruments, that trades soon."""
    kinds = list(_BRISK)
    tables = []
    for row in range(count):
        kind = kinds[row % len(kinds)]
        parameters = {**_PACE, **_BRISK[kind]}
        values = ", ".join(f"{name} = {value}" for name, value in parameters.items())
        tables.append(
            "[[strategies.roster]]\n"
            f'strategy_id = "{kind}-{row}"\n'
            f'kind = "{kind}"\n'
            f'symbol = "{symbols[row // len(kinds) % len(symbols)]}"\n'
            f"parameters = {{{values}}}\n"
        )
    return "".join(tables)


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
