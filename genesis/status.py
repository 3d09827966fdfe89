"""What the running engine says of itself, for `genesis status` and the line on the terminal.

The orchestrator fills it from the status board and the executor's account summaries. Amounts are
decimal text in the quote asset. The document is data, not a judgement: `problems` names what the
health monitor found wrong, and is empty when all is well.
"""

from typing import Literal, TypeAlias

import msgspec

BreakerState: TypeAlias = Literal["closed", "half_open", "open"]
EngineState: TypeAlias = Literal["starting", "running", "stopping", "stopped"]


class LatencySummary(msgspec.Struct, frozen=True, kw_only=True):
    """Percentiles of one stage since the start, in microseconds."""

    count: int
    p50_us: float
    p99_us: float
    p999_us: float


class ProcessSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One child, as its board page and the kernel show it."""

    name: str
    pid: int
    state: str
    epoch: int
    restarts: int
    heartbeat_age_ms: int
    memory_mib: float
    cpu_seconds: float


class CanarySummary(msgspec.Struct, frozen=True, kw_only=True):
    """How far a canary is: `testing`, `capped`, `failed` or `passed`; what it still asks for.

    Entries may be worth `max_notional` (of the quote asset), until `remaining_s` more are confirmed
    by comparisons with the venue. Of `untested` symbols no order was tried yet.
    """

    phase: str
    max_notional: str
    remaining_s: int
    untested: int


class ProtectionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How positions stand at the venue: each is counted once.

    `covered` have a live stop over all their lots, `uncovered` lack one, `exiting` are being sold,
    `dust` are too small for the venue to take a stop of. `longest_ms` is for how long the worst
    of those uncovered and exiting has had none, and `worst` names it. While any are `overdue`, no
    position is opened.
    """

    covered: int = 0
    uncovered: int = 0
    exiting: int = 0
    dust: int = 0
    overdue: int = 0
    longest_ms: int = 0
    worst: str = ""


class RiskSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What losses and markets leave of the permission to open positions.

    `state` is `active`, `reduced`, `reduce-only` or `halted`, `cause` the loss behind it. The fall
    from the highest equity and the day's loss are amounts of the quote asset. `pauses` says of
    symbols, strategies and of all (`*`) why they may not be bought, or buy, for a while.
    """

    state: str = "active"
    cause: str = ""
    drawdown: str = "0"
    day_loss: str = "0"
    pauses: dict[str, str] = {}


class LiquidationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is with closing everything of ours; it `is_over` when nothing is left but dust.

    `orders` are those that may still trade, `lots` and `dust` count positions. `left` names some
    of these lots, each with what it waits for, then some of the dust.
    """

    is_over: bool
    orders: int
    lots: int
    dust: int
    left: tuple[str, ...] = ()


class ExternalOrderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the account that is not ours, as last heard of; quantities are decimal text."""

    client_order_id: str
    symbol: str
    side: str
    state: str
    quantity: str
    filled_quantity: str


class ExternalSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What others do on the account: shown, and never ours.

    `orders`, by symbol in `symbols`, count what this life of the executor has seen, `open_orders`
    those that still work; `fills` are those in the books since the account was first seen. The last
    orders come latest first.
    """

    orders: int = 0
    open_orders: int = 0
    fills: int = 0
    symbols: dict[str, int] = {}
    last_orders: tuple[ExternalOrderSummary, ...] = ()


class RecordsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How far the records are: entries recorded, and how many the journal has beyond them.

    `advice` is what the operator should do about them, empty for nothing.
    """

    place: str
    recorded: int
    behind: int
    advice: str = ""


class ParentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One parent order: how far it is, and how it did against the price at its arrival.

    Quantities and prices are decimal text. `slippage_bps` is how much worse than arrival the
    average is, in 0.01 %. `schedule_error` is the largest distance from the schedule at a fill so
    far, as a share of the whole, `behind` the distance now (negative: ahead); both are 0 without a
    schedule. `held_by` is what holds it back now, `end` why it ended; empty if nothing, or not yet.
    """

    number: int
    strategy_id: str
    symbol: str
    side: str
    algorithm: str
    quantity: str
    filled_quantity: str
    arrival_price: str
    average_price: str
    slippage_bps: float
    schedule_error: float
    behind: float
    children: int
    opened_at: int
    ended_at: int
    held_by: str = ""
    end: str = ""


class StrategyResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy made: amounts as decimal text, and its closed round trips."""

    strategy_id: str
    realized: str
    unrealized: str
    trips: int
    wins: int
    losses_in_row: int


class ResultsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How well the allotted capital does, in decimal text.

    `drawdown` is how far equity is below its peak, as a share of that. `best` and `worst` are the
    strategies that made and lost most, open positions included, the most first; a strategy is in
    one of them. `house` is what belongs to no strategy that runs, of assets that were touched:
    what fees left or took, deposits, others' trades. `unvalued_fees` have no price yet, and are
    not in the PnL.
    """

    peak_equity: str = "0"
    drawdown: str = "0"
    day_profit: str = "0"
    best: tuple[StrategyResult, ...] = ()
    worst: tuple[StrategyResult, ...] = ()
    house: dict[str, str] = {}
    unvalued_fees: dict[str, str] = {}


class RateUse(msgspec.Struct, frozen=True):
    """How much of one of the venue's rate limits is used in its present window."""

    used: int
    limit: int


class StatusDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The engine at one moment.

    Counts are since the start of this run. `dropped` counts bad frames by reason, `refusals`
    refused signals by rule, `refusals_by_strategy` those of the strategies that are refused most,
    `gaps` the market events that readers or streams missed. `ledger_equal` is None until our
    balances have been compared with the venue's. `suspended` are symbols on which the venue takes
    no new orders, each with the venue's word for it. `halt_reason` says why no position may be
    opened, and is empty while one may. `records` is None until the recorder has told of them.
    `rate_limits` is what is used of the venue's limits (`weight_1m`, `requests_5m`, `orders_10s`,
    `orders_1d`), of which `held` requests were not sent to keep them, and `throttled` were refused
    by the venue, which wants no more of some kind for `throttled_for_ms`. While the `breaker` is
    not `closed`, the venue is not trusted with orders that open a position.
    `parents` are the large orders that are worked, and the last that ended. `must_liquidate`: what
    is held has to be sold, and `liquidation` says how far that is. `risk` is what losses have left.
    """

    state: EngineState
    pid: int
    uptime_s: float
    mode: str
    market: str
    tier: str
    messages: int = 0
    messages_per_second: float = 0.0
    dropped: dict[str, int] = {}
    gaps: int = 0
    torn: int = 0
    strategies: int = 0
    strategies_paused: int = 0
    strategies_quarantined: int = 0
    signals: int = 0
    refusals: dict[str, int] = {}
    refusals_by_strategy: dict[str, int] = {}
    orders: int = 0
    fills: int = 0
    open_orders: int = 0
    in_doubt: int = 0
    equity: str = "0"
    realized_pnl: str = "0"
    unrealized_pnl: str = "0"
    fees: str = "0"
    results: ResultsSummary = ResultsSummary()
    ledger_equal: bool | None = None
    suspended: dict[str, str] = {}
    external: ExternalSummary = ExternalSummary()
    halt_reason: str = ""
    must_liquidate: bool = False
    liquidation: LiquidationSummary | None = None
    risk: RiskSummary = RiskSummary()
    canary: CanarySummary | None = None
    records: RecordsSummary | None = None
    parents: tuple[ParentSummary, ...] = ()
    protection: ProtectionSummary = ProtectionSummary()
    rate_limits: dict[str, RateUse] = {}
    held: int = 0
    throttled: int = 0
    throttled_for_ms: int = 0
    breaker: BreakerState = "closed"
    restarts: int = 0
    problems: tuple[str, ...] = ()
    processes: tuple[ProcessSummary, ...] = ()
    latency: dict[str, LatencySummary] = {}
