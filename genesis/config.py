"""Every setting of the engine: frozen, validated once, handed down.

`Settings()` is the documented default: it trades on the simulated venue with no file at all, as a
Strategist with $100 000. `config_loading.load_settings` builds it from file, environment and
command line; children are handed its JSON and read none of these. Each field's description is its
documentation (`genesis config` prints them). Money and shares of money are Decimal; secrets are not
settings (`credentials.py`), so a dump never holds one.
"""

import enum
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from genesis import limits
from genesis.config_exchange import CanarySettings, CredentialSettings, ExchangeSettings
from genesis.config_fields import AbsolutePath, Money, RingSlots, Section, Symbol
from genesis.config_protection import ProtectionSettings
from genesis.config_records import RecordsSettings
from genesis.config_risk import RiskSettings
from genesis.config_signals import ConfidenceSettings, SizingSettings
from genesis.config_simulation import MarketSettings, VenueSettings
from genesis.config_slicing import SlicingSettings

DEFAULT_STATE_DIR: Final = Path("~/.local/state/genesis")
DEFAULT_ACCOUNT_LOCKS_DIR: Final = Path("~/.local/state/genesis-accounts")


Mode: TypeAlias = Literal["sim", "testnet", "demo", "live"]
"""Where orders go."""


class Tier(enum.StrEnum):
    """The account sizes Genesis knows. Limits and features follow the tier."""

    SNIPER = "sniper"
    HUNTER = "hunter"
    STRATEGIST = "strategist"


class RosterEntry(Section):
    """One strategy instance."""

    strategy_id: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Its name, unique in the roster."
    )
    kind: str = Field(min_length=1, max_length=64, description="Which strategy it is.")
    symbol: Symbol = Field(description="The instrument it trades.")
    parameters: dict[str, int | float | str] = Field(
        default_factory=dict, description="The kind's own parameters; those left out are default."
    )


class StrategySettings(Section):
    """Which strategies run, and in how many processes."""

    count: int = Field(
        120,
        ge=1,
        le=limits.STRATEGIES_MAX,
        description="Instances in the default roster, dealt over kinds and instruments.",
    )
    workers: int = Field(
        2, ge=1, le=limits.WORKERS_MAX, description="Worker processes the strategies are dealt to."
    )
    symbols: tuple[Symbol, ...] = Field(
        (),
        description="Trade only these instruments. Empty: those of the roster; in `sim`, all that "
        "the venue lists.",
    )
    roster: tuple[RosterEntry, ...] | None = Field(
        None,
        max_length=limits.STRATEGIES_MAX,
        description="The strategies, one by one, instead of the default roster.",
    )

    @field_validator("roster")
    @classmethod
    def _strategy_ids_are_unique(
        cls, value: tuple[RosterEntry, ...] | None
    ) -> tuple[RosterEntry, ...] | None:
        seen: set[str] = set()
        for entry in value or ():
            if entry.strategy_id in seen:
                raise ValueError(f"strategy_id {entry.strategy_id!r} stands twice: rename one")
            seen.add(entry.strategy_id)
        return value


class OrderSettings(Section):
    """How orders are made safe (`ARCHITECTURE.md`, Order safety)."""

    recv_window_ms: int = Field(
        2000, ge=100, le=60_000, description="How long the venue may accept an order, ms."
    )
    fence_margin_ms: int = Field(
        10_000,
        ge=0,
        le=600_000,
        description="How long past the window an order may still surface, ms.",
    )
    durability: Literal["full", "venue"] = Field(
        "full",
        description="`full`: synced to disk before sending; `venue`: after a power cut, the venue "
        "tells what was sent.",
    )
    send_age_max_ms: int = Field(
        200, ge=10, le=10_000, description="A journaled order not sent within this is dropped, ms."
    )
    reply_timeout_ms: int = Field(
        2000, ge=50, le=60_000, description="Without an answer for this long: outcome unknown, ms."
    )


class ConnectionSettings(Section):
    """The life of the sockets to the venue."""

    rotate_after_s: int = Field(
        82_800,
        ge=1,
        le=86_000,
        description="A connection is replaced, without a hole, at this age or up to a 24th less, "
        "s; the venue ends it at 24 h.",
    )
    stable_after_s: int = Field(
        10,
        ge=1,
        le=3_600,
        description="A connection that held for so long is no setback: the next one is tried "
        "without delay, s.",
    )
    retry_delay_max_ms: int = Field(
        30_000,
        ge=100,
        le=600_000,
        description="The longest wait before a connection is tried again, ms; the first is 100 ms, "
        "and each setback doubles it.",
    )
    silence_max_s: int = Field(
        65,
        ge=1,
        le=600,
        description="A connection on which nothing came for so long, not even a ping, is cut off, "
        "s; the venue pings every 20 s.",
    )


class RequestSettings(Section):
    """How much of the venue's rate limits is used, and when it is trusted with new orders."""

    reserve: Annotated[Decimal, Field(ge=0, le=Decimal("0.5"), decimal_places=4)] = Field(
        Decimal("0.2"),
        description="Share of each of the venue's rate limits that entries and reads leave to "
        "cancels, to orders that only shrink a position, and to what is not known of yet.",
    )
    breaker_failures: int = Field(
        5,
        ge=1,
        le=1000,
        description="So many requests on end that time out or fail at the venue (5xx) stop new "
        "orders, but for those that only shrink a position.",
    )
    breaker_cool_down_ms: int = Field(
        1000,
        ge=10,
        le=600_000,
        description="Until the venue is tried again, ms; doubles with each failure.",
    )
    breaker_cool_down_max_ms: int = Field(
        30_000, ge=10, le=3_600_000, description="The longest wait until it is tried again, ms."
    )

    @model_validator(mode="after")
    def _cool_downs_are_ordered(self) -> Self:
        if self.breaker_cool_down_max_ms < self.breaker_cool_down_ms:
            raise ValueError("breaker_cool_down_max_ms must be at least breaker_cool_down_ms")
        return self


class SupervisionSettings(Section):
    """When the parent kills a child, restarts it, and gives up."""

    heartbeat_stale_ms: int = Field(
        2000,
        ge=limits.HEARTBEAT_STALE_MS_MIN,
        le=60_000,
        description="A child silent for this long is killed and replaced, ms.",
    )
    boot_timeout_ms: int = Field(
        20_000, ge=1000, le=300_000, description="A child must be ready within this, ms."
    )
    restart_delay_ms: int = Field(
        200, ge=10, le=10_000, description="Before the first restart, ms; doubles with each."
    )
    restart_delay_max_ms: int = Field(
        30_000, ge=10, le=600_000, description="The longest wait before a restart, ms."
    )
    child_restarts: int = Field(
        5, ge=1, le=100, description="Restarts of one child in its window before giving up on it."
    )
    child_window_s: int = Field(60, ge=1, le=86_400, description="Window for one child, s.")
    total_restarts: int = Field(
        15, ge=1, le=1000, description="Restarts of all children in their window: exit 70."
    )
    total_window_s: int = Field(300, ge=1, le=86_400, description="Window for all children, s.")
    stop_timeout_s: int = Field(
        27, ge=5, le=600, description="An ordered stop is over within this, s; then SIGKILL."
    )

    @model_validator(mode="after")
    def _delays_are_ordered(self) -> Self:
        if self.restart_delay_max_ms < self.restart_delay_ms:
            raise ValueError("restart_delay_max_ms must be at least restart_delay_ms")
        return self


class LinkSettings(Section):
    """Sizes of the shared-memory rings, in slots."""

    market_slots: RingSlots = Field(2**18, description="Feed to workers.")
    signal_slots: RingSlots = Field(2**12, description="One worker to the executor.")
    report_slots: RingSlots = Field(2**14, description="Executor to workers.")


class LogSettings(Section):
    """The log: one JSON line a fact."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe lines that are written."
    )
    path: AbsolutePath | None = Field(None, description="Default: genesis.jsonl in `state_dir`.")
    max_bytes: int = Field(
        64 * 2**20, ge=2**16, le=2**34, description="A file this long is rotated, bytes."
    )
    kept_files: int = Field(4, ge=1, le=100, description="Rotated files that are kept.")


class Settings(Section):
    """The whole configuration of one engine."""

    mode: Mode = Field(
        "sim",
        description="`sim`: on the simulated venue; `testnet`, `demo`: on Binance's own; `live`: "
        "with real money.",
    )
    state_dir: AbsolutePath = Field(
        DEFAULT_STATE_DIR, description="Everything the engine keeps; one engine at a time."
    )
    account_locks_dir: AbsolutePath = Field(
        DEFAULT_ACCOUNT_LOCKS_DIR,
        description="Locks against two engines on one account, whatever their `state_dir`: one "
        "place for all engines. Not used in `sim`.",
    )
    capital_quote: Annotated[Money, Field(ge=limits.CAPITAL_QUOTE_MIN)] = Field(
        Decimal(100_000), description="Capital allotted to the engine, in `quote_asset`."
    )
    quote_asset: str = Field(
        "USDT", pattern=r"^[A-Z0-9]{2,10}$", description="The asset that money is counted in."
    )
    market: MarketSettings = MarketSettings()
    venue: VenueSettings = VenueSettings()
    strategies: StrategySettings = StrategySettings()
    risk: RiskSettings = RiskSettings()
    confidence: ConfidenceSettings = ConfidenceSettings()
    sizing: SizingSettings = SizingSettings()
    orders: OrderSettings = OrderSettings()
    connections: ConnectionSettings = ConnectionSettings()
    requests: RequestSettings = RequestSettings()
    supervision: SupervisionSettings = SupervisionSettings()
    links: LinkSettings = LinkSettings()
    logs: LogSettings = LogSettings()
    exchange: ExchangeSettings = ExchangeSettings()
    credentials: CredentialSettings = CredentialSettings()
    canary: CanarySettings = CanarySettings()
    records: RecordsSettings = RecordsSettings()
    protection: ProtectionSettings = ProtectionSettings()
    slicing: SlicingSettings = SlicingSettings()

    @model_validator(mode="after")
    def _shards_hold_something(self) -> Self:
        if self.strategies.workers > self.strategy_count:
            raise ValueError(
                f"strategies.workers is {self.strategies.workers} for {self.strategy_count} "
                "strategies: lower it, a worker without a strategy has nothing to do"
            )
        return self

    @model_validator(mode="after")
    def _live_begins_with_a_canary(self) -> Self:
        if self.mode == "live" and self.canary.enabled is False:
            raise ValueError(
                "canary.enabled is false: mode live begins with a canary; make it shorter "
                "(canary.duration_s) if need be"
            )
        return self

    @model_validator(mode="after")
    def _live_positions_are_protected(self) -> Self:
        if self.mode == "live" and not self.protection.enabled:
            raise ValueError(
                "protection.enabled is false: in mode live every position has a stop at the venue"
            )
        return self

    @model_validator(mode="after")
    def _faults_are_simulated(self) -> Self:
        if not self.is_simulated and (self.venue.admin or self.venue.schedule is not None):
            raise ValueError(
                f"venue.admin and venue.schedule are for mode sim, this is {self.mode}: drop them"
            )
        return self

    @property
    def is_simulated(self) -> bool:
        """Tell whether the venue is our own child."""
        return self.mode == "sim"

    @property
    def has_canary(self) -> bool:
        """Tell whether trading begins with a canary."""
        return self.mode == "live" if self.canary.enabled is None else self.canary.enabled

    @property
    def strategy_count(self) -> int:
        """How many strategies run: the roster's length, or the default roster's."""
        roster = self.strategies.roster
        return self.strategies.count if roster is None else len(roster)

    @property
    def named_symbols(self) -> tuple[str, ...]:
        """What to trade, as far as it is named; nothing means all that the venue lists.

        A simulated venue lists few symbols, and a roster then picks among them.
        """
        strategies = self.strategies
        if strategies.symbols or strategies.roster is None or self.is_simulated:
            return strategies.symbols
        return tuple(sorted({entry.symbol for entry in strategies.roster}))

    @property
    def tier(self) -> Tier:
        """The tier that the allotted capital starts in."""
        if self.capital_quote < limits.HUNTER_CAPITAL_MIN:
            return Tier.SNIPER
        if self.capital_quote < limits.STRATEGIST_CAPITAL_MIN:
            return Tier.HUNTER
        return Tier.STRATEGIST

    @property
    def daily_loss_limit(self) -> Decimal:
        """The daily loss allowed in the starting tier, in the quote asset."""
        by_tier = self.risk.daily_loss
        match self.tier:
            case Tier.SNIPER:
                return by_tier.sniper
            case Tier.HUNTER:
                return by_tier.hunter
            case Tier.STRATEGIST:
                return by_tier.strategist

    @property
    def venue_ledger_path(self) -> Path:
        """The simulated venue's own books."""
        return self.venue.ledger or self.state_dir / "venue.db"

    @property
    def records_path(self) -> Path:
        """The records, unless they are on a server."""
        return self.state_dir / "records.db"

    @property
    def backup_dir(self) -> Path:
        """Where backups of the state directory are kept."""
        return self.records.backup_dir or self.state_dir / "backups"

    @property
    def log_path(self) -> Path:
        """The log file that every process of this engine appends to."""
        return self.logs.path or self.state_dir / "genesis.jsonl"

    @property
    def control_socket_path(self) -> Path:
        """The socket on which the running engine takes commands."""
        return self.state_dir / "control.sock"
