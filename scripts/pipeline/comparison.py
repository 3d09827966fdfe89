"""Tick to order as the venue sees it: the engine against a bare python-binance client.

Each run has a venue of its own with the same market, read by the engine or by the client, which
subscribe the same streams and answer the same marked quotes (`marks.py`) with the same orders. The
venue measures both alike (`stopwatch.py`). The client checks and stores nothing.

Reading one stream instead of all does not make the client faster: it was slower so, since what
seldom runs is seldom in the caches.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from genesis.data.frames import StreamKind, stream_name
from genesis.engine.engine_report import EngineReport
from scripts.bench_form import BenchForm, Samples, peer_python
from scripts.pipeline.disk import idle_sync_us
from scripts.pipeline.engine_run import run_to_report
from scripts.pipeline.roster import brisk_roster
from scripts.pipeline.stopwatch import VARIABLE, Laps

PEER: Final = "python-binance"
RELAY: Final = "three bare processes"
REQUIREMENTS: Final = ("python-binance==1.0.37", "orjson")
ROOT: Final = Path(__file__).parents[2]
WARM_UP: Final = 10  # answers that are not counted
ANSWERS_MIN: Final = 20
VENUE_RATIO_MAX: Final = 1.2
FULL_RATIO_MAX: Final = 1.5
REST_S: Final = 0.005
LONG_REST_S: Final = 0.05  # about as long as the engine's own commits are apart in these runs

_SHARES: Final = (("p90", 0.9), ("p99", 0.99))
_PATH: Final = (
    "venue_to_socket",
    "socket_to_published",
    "published_to_read",
    "read_to_signal",
    "signal_to_executor",
    "executor_to_durable",
    "durable_to_sent",
    "cycle",
)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the engine has to do, and for how long."""

    symbols: Sequence[str]
    strategies: int
    workers: int
    seconds: int
    market: Sequence[str]
    """Settings of the venue's market, the peer's as well."""


class Comparison:
    """Runs the cases; keeps what the runs told beside their medians."""

    def __init__(self, load: Load, directory: Path | None) -> None:
        self.answers: dict[str, list[tuple[float, ...]]] = {}
        self.reports: dict[str, list[EngineReport]] = {}
        self._load = load
        self._directory = directory
        self._peer = peer_python(PEER, REQUIREMENTS)

    def run_engine(self, durability: str) -> float:
        """Run the engine; return the median of its answers, µs."""
        load, name = self._load, f"genesis, {durability}"
        with tempfile.TemporaryDirectory(prefix="genesis-bench-", dir=self._directory) as directory:
            home = Path(directory)
            config, report, laps = home / "genesis.toml", home / "report.json", home / "laps"
            config.write_text(brisk_roster(load.strategies - 1, load.symbols))
            command = [
                *(sys.executable, "-m", "scripts.pipeline.engine_program"),
                *(str(load.seconds), str(report), str(config), f"state_dir={home}/state"),
                f"strategies.workers={load.workers}",
                f"orders.durability={durability}",
                "risk.orders_per_second=100",
                "risk.signals_per_second=100",
                *load.market,
            ]
            told = run_to_report(command, report, load.seconds, {VARIABLE: str(laps)})
            self.reports.setdefault(durability, []).append(told)
            return self._take(name, laps)

    def run_peer(self) -> float:
        """Run the bare client; return the median of its answers, µs."""
        return self._run_program(PEER, self._peer, "scripts.pipeline.client")

    def run_relay(self) -> float:
        """Run three processes that only hand on; return the median of their answers, µs."""
        return self._run_program(RELAY, Path(sys.executable), "scripts.pipeline.relay")

    def _run_program(self, name: str, python: Path, module: str) -> float:
        """Run a program against a venue of its own; return the median of its answers, µs."""
        streams = [
            stream_name(symbol, kind) for symbol in self._load.symbols for kind in StreamKind
        ]
        with tempfile.TemporaryDirectory(prefix="genesis-bench-", dir=self._directory) as directory:
            laps = Path(directory) / "laps"
            venue = subprocess.Popen(
                [
                    *(sys.executable, "-m", "scripts.pipeline.venue"),
                    *(f"state_dir={directory}", *self._load.market),
                ],
                cwd=ROOT,
                env={**os.environ, VARIABLE: str(laps)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert venue.stdout is not None
            port = venue.stdout.readline().strip()
            client = subprocess.Popen(
                [str(python), "-m", module, port, *streams], cwd=ROOT, stdin=subprocess.PIPE
            )
            time.sleep(self._load.seconds)
            has_ended = client.poll() is not None
            client.communicate()  # its input ends, and with it the client
            venue.communicate()  # its input ends, and with it the venue
            if has_ended or venue.returncode != 0:
                sys.exit(f"{name}: the client or its venue ended before its time")
            return self._take(name, laps)

    def sync_disk(self, rest_s: float) -> float:
        """Return what the machine itself takes to sync a page after a rest, µs."""
        with tempfile.TemporaryDirectory(prefix="genesis-bench-", dir=self._directory) as directory:
            return idle_sync_us(Path(directory), rest_s)

    def _take(self, name: str, laps: Path) -> float:
        answers = msgspec.json.decode(laps.read_bytes(), type=Laps).answers[WARM_UP:]
        if len(answers) < ANSWERS_MIN:
            sys.exit(f"{name}: {len(answers)} answers are too few; run for more --seconds")
        took = tuple(sorted(nanos / 1_000 for nanos in answers))
        self.answers.setdefault(name, []).append(took)
        return _at_share(took, 0.5)


def compare(form: BenchForm, load: Load, directory: Path | None) -> None:
    """Run all cases in rounds, and demand what the engine may add to a bare client and a disk."""
    comparison = Comparison(load, directory)
    p50 = form.run_rounds(
        {
            PEER: comparison.run_peer,
            RELAY: comparison.run_relay,
            "genesis, venue": partial(comparison.run_engine, "venue"),
            "genesis, full": partial(comparison.run_engine, "full"),
            "fdatasync": partial(comparison.sync_disk, REST_S),
            "fdatasync, rarely": partial(comparison.sync_disk, LONG_REST_S),
        },
        "us",
    )
    for name, rounds in comparison.answers.items():
        for title, share in _SHARES:
            values = tuple(_at_share(took, share) for took in rounds)
            form.add_figure(f"{name} {title}", Samples(values, "us"))
        counts = tuple(float(len(took)) for took in rounds)
        form.add_figure(f"{name} answers", Samples(counts, ""))
    for durability, reports in comparison.reports.items():
        for stage in _PATH:
            values = tuple(report.latency[stage].p50_us for report in reports)
            form.add_figure(f"{durability}: {stage} p50", Samples(values, "us"))
    form.add_figure(f"{RELAY} / {PEER}", p50[RELAY].per(p50[PEER]))
    form.add_figure(f"venue / {RELAY}", p50["genesis, venue"].per(p50[RELAY]))
    ratio = p50["genesis, venue"].per(p50[PEER])
    form.at_most(f"venue / {PEER}", ratio, VENUE_RATIO_MAX)
    added = Samples(
        tuple(
            full - venue
            for full, venue in zip(
                p50["genesis, full"].values, p50["genesis, venue"].values, strict=True
            )
        ),
        "us",
    )
    form.add_figure("full adds", added)
    form.at_most("full adds / fdatasync", added.per(p50["fdatasync"]), FULL_RATIO_MAX)
    form.add_figure("full adds / fdatasync, rarely", added.per(p50["fdatasync, rarely"]))


def _at_share(took: Sequence[float], share: float) -> float:
    """Return the time that this share of all, which are in order, does not exceed."""
    return took[max(0, round(share * len(took)) - 1)]
