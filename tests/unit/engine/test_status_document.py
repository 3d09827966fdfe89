"""The status document and the report, from pages and summaries."""

from pathlib import Path

import msgspec
import pytest

from genesis.engine.control import AccountSummary, PositionSummary
from genesis.engine.engine_report import EngineReport, build_report, write_report
from genesis.engine.status_document import (
    ProcessFacts,
    RunFacts,
    StatusBuilder,
    merge_histograms,
    total,
)
from genesis.errors import StorageError
from genesis.exchange.circuit_breaker import BreakerState
from genesis.ipc.histogram import Histogram, Stage
from genesis.ipc.page import NO_STRATEGY, BoardPage, Counter, Gauge, ProcessState
from genesis.status import ExternalSummary, RateUse
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND

START = 1_000 * NANOS_PER_SECOND
RUN = RunFacts(1, START, "sim", "model", "strategist")
ACCOUNT = AccountSummary(
    equity="100010",
    realized_pnl="10",
    unrealized_pnl="0.5",
    fees="1",
    open_orders=2,
    in_doubt=1,
    fills=7,
    orders=9,
    refusals={"data_age": 3},
    refusals_by_strategy={"ema-1": 3},
    positions=(PositionSummary("a", "BTCUSDT", "1", "60000", "0", "0.5"),),
    ledger_equal=False,
    ledger_differences=("BTC",),
    suspended={"ETHUSDT": "HALT"},
    external=ExternalSummary(orders=1),
)


def page(
    counters: dict[Counter, int] | None = None,
    gauges: dict[Gauge, int] | None = None,
    durations: dict[Stage, list[int]] | None = None,
    epoch: int = 5,
) -> BoardPage:
    """Make the page of a running process."""
    histograms = {stage: Histogram.of(nanos) for stage, nanos in (durations or {}).items()}
    return BoardPage(
        pid=10,
        epoch=epoch,
        state=ProcessState.RUNNING,
        heartbeat_at=START,
        loop_sequence=1,
        strategy_number=NO_STRATEGY,
        strategy_since=0,
        counters=counters or {},
        gauges=gauges or {},
        histograms=histograms,
    )


FEED = page(
    {
        Counter.FRAMES_RECEIVED: 1_000,
        Counter.FRAMES_CROSSED: 2,
        Counter.FRAMES_STALE: 1,
        Counter.GAPS_PUBLISHED: 3,
    },
    durations={Stage.SOCKET_TO_PUBLISHED: [10_000] * 90},
)
WORKER = page(
    {Counter.RECORDS_MISSED: 4, Counter.RECORDS_TORN: 1, Counter.SIGNALS_PUBLISHED: 6},
    {Gauge.STRATEGIES_RUNNING: 60},
    {Stage.CALLBACK: [1_000, 2_000]},
)
EXECUTOR = page(
    {Counter.RECORDS_BAD_CHECKSUM: 1, Counter.ORDERS_SENT: 5, Counter.FILLS_APPLIED: 4},
    durations={Stage.SOCKET_TO_PUBLISHED: [10_000_000] * 10},
)
PAGES = {"feed": FEED, "worker-0": WORKER, "worker-1": WORKER, "executor": EXECUTOR}


def process(name: str, pid: int | None = 10, epoch: int = 5, restarts: int = 0) -> ProcessFacts:
    """Say what the parent knows of a process."""
    return ProcessFacts(name, pid, epoch, restarts, 3 << 20, 1.234)


def test_counts_are_summed_over_processes_and_told_by_name() -> None:
    """What several processes count is one figure; what was dropped is told by reason."""
    now = START + 2 * NANOS_PER_SECOND
    status = StatusBuilder(RUN).build("running", PAGES, [], None, ["worker-1: late"], now=now)
    assert status.uptime_s == 2.0
    assert (status.messages, status.strategies, status.signals) == (1_000, 120, 12)
    assert (status.orders, status.fills) == (5, 4)
    assert {name: count for name, count in status.dropped.items() if count} == {
        "crossed": 2,
        "stale": 1,
    }
    assert status.gaps == 3 + 2 * 4
    assert status.torn == 2 * 1 + 1
    assert status.problems == ("worker-1: late",)
    assert status.ledger_equal is None


def test_latency_is_merged_over_processes_by_stage() -> None:
    """A percentile is of all durations of a stage, whoever measured them."""
    status = StatusBuilder(RUN).build("running", PAGES, [], None, [], now=START)
    published = status.latency["socket_to_published"]
    assert published.count == 100
    assert 10 <= published.p50_us <= 12
    assert 10_000 <= published.p99_us <= 11_500
    assert status.latency["callback"].count == 4
    assert set(merge_histograms(PAGES.values())) == {Stage.SOCKET_TO_PUBLISHED, Stage.CALLBACK}


def test_rate_limits_are_shown_by_whoever_has_seen_most() -> None:
    """The venue counts an address: one process may know better than another what is used."""
    weight = {Gauge.WEIGHT_LIMIT: 6_000}
    orders = {Gauge.ORDERS_USED_10S: 3, Gauge.ORDERS_LIMIT_10S: 100}
    pages = {
        "feed": page({Counter.REQUESTS_HELD: 2}, weight | {Gauge.WEIGHT_USED: 70}),
        "executor": page(
            {Counter.REQUESTS_HELD: 1, Counter.REQUESTS_THROTTLED: 4},
            weight | {Gauge.WEIGHT_USED: 95} | orders,
        ),
    }
    status = StatusBuilder(RUN).build("running", pages, [], None, [], now=START)
    assert status.rate_limits == {"weight_1m": RateUse(95, 6_000), "orders_10s": RateUse(3, 100)}
    assert (status.held, status.throttled, status.throttled_for_ms) == (3, 4, 0)
    assert (status.breaker, status.problems) == ("closed", ())


def test_a_venue_that_is_not_asked_is_a_problem() -> None:
    """The health line names it: an open breaker, and a venue that has asked to wait."""
    pages = {
        "feed": page(gauges={Gauge.REQUESTS_HELD_FOR_MS: 31_000}),
        "executor": page(gauges={Gauge.BREAKER_STATE: BreakerState.OPEN}),
    }
    status = StatusBuilder(RUN).build("running", pages, [], None, ["worker-0: late"], now=START)
    assert (status.breaker, status.throttled_for_ms) == ("open", 31_000)
    assert status.problems == (
        "worker-0: late",
        "feed: the venue has asked to wait",
        "executor: the venue does not answer, no position is opened",
    )


def test_the_account_is_the_executors_word() -> None:
    """Amounts and the ledger's verdict come from the summary, unchanged."""
    status = StatusBuilder(RUN).build("running", PAGES, [], ACCOUNT, [], now=START)
    assert (status.equity, status.realized_pnl, status.unrealized_pnl) == ("100010", "10", "0.5")
    assert (status.open_orders, status.in_doubt, status.fees) == (2, 1, "1")
    assert status.refusals == {"data_age": 3}
    assert status.refusals_by_strategy == {"ema-1": 3}
    assert status.ledger_equal is False
    assert status.suspended == {"ETHUSDT": "HALT"}
    assert status.external.orders == 1


def test_a_process_is_shown_by_its_own_page_only() -> None:
    """A page of an earlier life says nothing of the present one."""
    now = START + 250 * NANOS_PER_MS
    rows = [
        process("feed", restarts=2),
        process("worker-0", epoch=6, restarts=1),
        process("worker-1", pid=None),
        process("venue"),
    ]
    status = StatusBuilder(RUN).build("running", PAGES, rows, None, [], now=now)
    assert [row.state for row in status.processes] == ["running", "starting", "down", "starting"]
    assert [row.heartbeat_age_ms for row in status.processes] == [250, 0, 250, 0]
    assert status.processes[0].memory_mib == 3.0
    assert status.processes[0].cpu_seconds == 1.23
    assert status.restarts == 3


def test_the_rate_is_of_the_last_full_window() -> None:
    """Messages a second are of a few seconds, so that a line read by a person is calm."""
    builder = StatusBuilder(RUN)

    def rate(seconds: int, messages: int) -> float:
        pages = {"feed": page({Counter.FRAMES_RECEIVED: messages})}
        now = START + seconds * NANOS_PER_SECOND
        return builder.build("running", pages, [], None, [], now=now).messages_per_second

    assert rate(1, 100) == 0.0
    assert rate(5, 1_000) == 200.0
    assert rate(6, 9_000) == 200.0
    assert rate(10, 11_000) == 2_000.0


def test_a_report_adds_what_only_a_whole_run_has(tmp_path: Path) -> None:
    """Positions, every count, lost records, restarts by process, and why the run ended."""
    status = StatusBuilder(RUN).build(
        "stopped", PAGES, [process("feed", restarts=2)], ACCOUNT, [], now=START
    )
    report = build_report(
        status,
        PAGES.values(),
        ACCOUNT,
        {"feed": {"frames": 3}},
        version="1.0",
        ended="SIGTERM",
        exit_code=0,
    )
    assert report.lost == 8
    assert report.counts["signals_published"] == 12
    assert "orders_rejected" not in report.counts
    assert report.restarts_by_process == {"feed": 2}
    assert report.positions == ACCOUNT.positions
    assert report.ledger_differences == ("BTC",)
    assert report.equity == status.equity

    path = tmp_path / "r.json"
    write_report(path, report)
    assert msgspec.json.decode(path.read_bytes(), type=EngineReport) == report
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.json"]


def test_a_run_without_an_executor_still_has_a_report() -> None:
    """A start that failed is reported like any other run."""
    status = StatusBuilder(RUN).build("stopped", {}, [], None, [], now=START)
    report = build_report(status, [], None, {}, version="1", ended="no key", exit_code=78)
    assert report.positions == ()
    assert total([], Counter.FRAMES_RECEIVED) == 0


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A path that cannot be written is an error, and leaves nothing half done."""
    status = StatusBuilder(RUN).build("stopped", {}, [], None, [], now=START)
    report = build_report(status, [], None, {}, version="1", ended="", exit_code=0)
    (tmp_path / "r.json").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        write_report(tmp_path / "r.json", report)
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.json"]
