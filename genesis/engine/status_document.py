"""The status document, built from board pages and account summaries: pure.

Counters and histograms go on over the restarts of a process, so every figure here is of the whole
run.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from genesis.engine.control import AccountSummary
from genesis.ipc.histogram import Histogram, Stage
from genesis.ipc.page import BoardPage, Counter, Gauge
from genesis.limits import RATE_WINDOW
from genesis.status import (
    BreakerState,
    EngineState,
    LatencySummary,
    ProcessSummary,
    RateUse,
    StatusDocument,
)
from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

_DROPPED: Final = {
    "malformed": Counter.FRAMES_MALFORMED,
    "unknown_stream": Counter.FRAMES_UNKNOWN,
    "crossed": Counter.FRAMES_CROSSED,
    "negative": Counter.FRAMES_NEGATIVE,
    "stale": Counter.FRAMES_STALE,
    "out_of_order": Counter.FRAMES_OUT_OF_ORDER,
    "price_band": Counter.FRAMES_OUT_OF_BAND,
    "not_json": Counter.FRAMES_NOT_JSON,
    "bad_number": Counter.FRAMES_BAD_NUMBER,
    "duplicate": Counter.FRAMES_DUPLICATE,
    "ahead": Counter.FRAMES_AHEAD,
    "oversize": Counter.FRAMES_OVERSIZE,
}
_RATE_LIMITS: Final = {
    "weight_1m": (Gauge.WEIGHT_USED, Gauge.WEIGHT_LIMIT),
    "requests_5m": (Gauge.RAW_REQUESTS_USED, Gauge.RAW_REQUESTS_LIMIT),
    "orders_10s": (Gauge.ORDERS_USED_10S, Gauge.ORDERS_LIMIT_10S),
    "orders_1d": (Gauge.ORDERS_USED_1D, Gauge.ORDERS_LIMIT_1D),
}
_BREAKER_STATES: Final[tuple[BreakerState, ...]] = ("closed", "half_open", "open")
_NANOS_PER_US: Final = 1_000
_MS_PER_SECOND: Final = 1_000
_BYTES_PER_MIB: Final = 1 << 20


class RunFacts(NamedTuple):
    """What of a run does not change: who runs it, since when, on what."""

    pid: int
    started_at: Nanos
    mode: str
    market: str
    tier: str


class ProcessFacts(NamedTuple):
    """What the parent knows of one process; the rest is on its page.

    `memory_bytes` is its own memory: what it shares is counted for nobody.
    """

    name: str
    pid: int | None  # None while it is down
    epoch: int
    restarts: int
    memory_bytes: int
    cpu_seconds: float


def total(pages: Iterable[BoardPage], counter: Counter) -> int:
    """Return a counter's sum over processes."""
    return sum(page.counters.get(counter, 0) for page in pages)


def merge_histograms(pages: Iterable[BoardPage]) -> dict[Stage, Histogram]:
    """Return each stage's durations over all processes; a stage nobody saw is left out."""
    merged: dict[Stage, Histogram] = {}
    for page in pages:
        for stage, histogram in page.histograms.items():
            known = merged.get(stage)
            merged[stage] = histogram if known is None else known.merged(histogram)
    return {stage: merged[stage] for stage in sorted(merged) if merged[stage].total}


def _highest(pages: Iterable[BoardPage], gauge: Gauge) -> int:
    """Return the highest value of a gauge that several processes may show."""
    return max((page.gauges.get(gauge, 0) for page in pages), default=0)


def _rate_limits(pages: Iterable[BoardPage]) -> dict[str, RateUse]:
    """Return what is used of each limit, by whoever has seen most of it."""
    uses = {
        name: RateUse(_highest(pages, used), _highest(pages, limit))
        for name, (used, limit) in _RATE_LIMITS.items()
    }
    return {name: use for name, use in uses.items() if use.limit}


def _gate_problems(pages: Mapping[str, BoardPage]) -> Iterator[str]:
    """Say what keeps requests from the venue: that it wants none, or does not answer."""
    for name, page in pages.items():
        if page.gauges.get(Gauge.BREAKER_STATE):
            yield f"{name}: the venue does not answer, no position is opened"
        if page.gauges.get(Gauge.REQUESTS_HELD_FOR_MS):
            yield f"{name}: the venue has asked to wait"


class StatusBuilder:
    """Makes one document after the other; it remembers a reading or two, for the message rate."""

    def __init__(self, run: RunFacts) -> None:
        self._run = run
        self._earlier = (run.started_at, 0)
        self._rate = 0.0

    def build(
        self,
        state: EngineState,
        pages: Mapping[str, BoardPage],
        processes: Iterable[ProcessFacts],
        account: AccountSummary | None,
        problems: Iterable[str],
        *,
        now: Nanos,
    ) -> StatusDocument:
        """Return the engine at this moment."""
        run = self._run
        every = pages.values()
        messages = total(every, Counter.FRAMES_RECEIVED)
        rows = tuple(_summarize(process, pages.get(process.name), now) for process in processes)
        document = StatusDocument(
            state=state,
            pid=run.pid,
            uptime_s=round((now - run.started_at) / NANOS_PER_SECOND, 3),
            mode=run.mode,
            market=run.market,
            tier=run.tier,
            messages=messages,
            messages_per_second=self._rate_of(messages, now),
            dropped={name: total(every, counter) for name, counter in _DROPPED.items()},
            gaps=total(every, Counter.GAPS_PUBLISHED) + total(every, Counter.RECORDS_MISSED),
            torn=total(every, Counter.RECORDS_TORN) + total(every, Counter.RECORDS_BAD_CHECKSUM),
            strategies=sum(page.gauges.get(Gauge.STRATEGIES_RUNNING, 0) for page in every),
            strategies_quarantined=total(every, Counter.STRATEGIES_QUARANTINED),
            signals=total(every, Counter.SIGNALS_PUBLISHED),
            orders=total(every, Counter.ORDERS_SENT),
            fills=total(every, Counter.FILLS_APPLIED),
            restarts=sum(row.restarts for row in rows),
            rate_limits=_rate_limits(every),
            held=total(every, Counter.REQUESTS_HELD),
            throttled=total(every, Counter.REQUESTS_THROTTLED),
            throttled_for_ms=_highest(every, Gauge.REQUESTS_HELD_FOR_MS),
            breaker=_BREAKER_STATES[_highest(every, Gauge.BREAKER_STATE)],
            problems=(*problems, *_gate_problems(pages)),
            processes=rows,
            latency={
                stage.name.lower(): _summarize_latency(histogram)
                for stage, histogram in merge_histograms(every).items()
            },
        )
        return document if account is None else _with_account(document, account)

    def _rate_of(self, messages: int, now: Nanos) -> float:
        """Return messages a second over the last window, held until the next one is full."""
        since, before = self._earlier
        if now - since >= RATE_WINDOW:
            self._rate = round((messages - before) * NANOS_PER_SECOND / (now - since), 1)
            self._earlier = (now, messages)
        return self._rate


def _with_account(document: StatusDocument, account: AccountSummary) -> StatusDocument:
    """Add what only the executor knows."""
    return msgspec.structs.replace(
        document,
        refusals=account.refusals,
        refusals_by_strategy=account.refusals_by_strategy,
        open_orders=account.open_orders,
        in_doubt=account.in_doubt,
        equity=account.equity,
        realized_pnl=account.realized_pnl,
        unrealized_pnl=account.unrealized_pnl,
        fees=account.fees,
        results=account.results,
        ledger_equal=account.ledger_equal,
        suspended=account.suspended,
        external=account.external,
        halt_reason=account.halt_reason,
        must_liquidate=account.must_liquidate,
        liquidation=account.liquidation,
        risk=account.risk,
        canary=account.canary,
        parents=account.parents,
        protection=account.protection,
        problems=(*document.problems, *_unprotected(account)),
    )


def _unprotected(account: AccountSummary) -> Iterator[str]:
    """Say that positions have been without a live stop for too long."""
    cover = account.protection
    if cover.overdue:
        yield (
            f"{cover.overdue} positions without a live stop, {cover.worst} for "
            f"{cover.longest_ms / _MS_PER_SECOND:.0f} s; no position is opened"
        )


def _summarize(process: ProcessFacts, page: BoardPage | None, now: Nanos) -> ProcessSummary:
    """Put one process in a row. A page of an earlier life says nothing of this one."""
    is_current = page is not None and page.epoch == process.epoch
    state, beat_at = (
        (page.state.name.lower(), page.heartbeat_at)
        if page is not None and is_current
        else ("starting", 0)
    )
    return ProcessSummary(
        name=process.name,
        pid=process.pid or 0,
        state=state if process.pid is not None else "down",
        epoch=process.epoch,
        restarts=process.restarts,
        heartbeat_age_ms=max(0, now - beat_at) // NANOS_PER_MS if beat_at else 0,
        memory_mib=round(process.memory_bytes / _BYTES_PER_MIB, 1),
        cpu_seconds=round(process.cpu_seconds, 2),
    )


def _summarize_latency(histogram: Histogram) -> LatencySummary:
    p50, p99, p999 = (
        round(histogram.percentile(percent) / _NANOS_PER_US, 1) for percent in (50, 99, 99.9)
    )
    return LatencySummary(count=histogram.total, p50_us=p50, p99_us=p99, p999_us=p999)
