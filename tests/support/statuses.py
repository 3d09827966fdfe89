"""Status documents for tests of what shows them."""

from genesis.status import LatencySummary, ProcessSummary, RateUse, StatusDocument

TRADING = StatusDocument(
    state="running",
    pid=4711,
    uptime_s=3725.4,
    mode="sim",
    market="model",
    tier="strategist",
    messages=250_000,
    messages_per_second=402.6,
    dropped={"crossed": 3, "stale": 0},
    gaps=2,
    strategies=119,
    strategies_quarantined=1,
    signals=532,
    refusals={"data_age": 7},
    refusals_by_strategy={"ema-1": 5, "ema-2": 2},
    orders=120,
    fills=98,
    open_orders=4,
    in_doubt=1,
    equity="100012.34567890",
    realized_pnl="20.5",
    unrealized_pnl="-8.15",
    fees="3.333",
    ledger_equal=True,
    rate_limits={"weight_1m": RateUse(120, 6_000), "orders_10s": RateUse(3, 100)},
    held=4,
    throttled=1,
    restarts=1,
    processes=(
        ProcessSummary(
            name="worker-0",
            pid=4712,
            state="running",
            epoch=5,
            restarts=1,
            heartbeat_age_ms=40,
            memory_mib=38.25,
            cpu_seconds=12.5,
        ),
    ),
    latency={
        "socket_to_published": LatencySummary(count=9, p50_us=31.2, p99_us=99.9, p999_us=400.1)
    },
)
