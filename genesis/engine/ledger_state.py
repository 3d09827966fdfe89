"""What the executor's memory holds, in a form that is stored beside the journal and read back."""

from typing import Final

import msgspec

from genesis.domain.positions import Position
from genesis.engine.entries import ExitBegun
from genesis.engine.order import Order
from genesis.engine.risk_state import Pause, RiskStanding
from genesis.engine.slicing.parent import ParentOrder
from genesis.units import Amount, Nanos, Price

FOLD_VERSION: Final = 9
"""To be raised with every change of what entries add up to: stored states are then passed over."""


class CanaryRecord(msgspec.Struct, kw_only=True):
    """How far a program's canary is: the symbols tried, the time confirmed, what was before it."""

    program: str = ""
    tested: dict[str, None] = msgspec.field(default_factory=dict)
    served: Nanos = 0
    has_passed: bool = False
    orders_before: int = 0
    fills_before: int = 0


class ProtectionPlan(msgspec.Struct, kw_only=True):
    """Where one position is to end, by the entry that last added to it.

    Stop and target are 0 where that entry named none. The stop then becomes the first one that was
    placed, and it only rises until another entry adds to the position. `opened_at` is the first
    fill of that entry.
    """

    entry: str
    opened_at: Nanos
    stop_price: Price = 0
    target_price: Price = 0


class ProtectionState(msgspec.Struct, kw_only=True):
    """What is known of the protection of positions.

    `orders` are those of it that are not settled, by client order id; `plans` are by strategy and
    symbol, `exits` the exits that wait for lots to be let go, by their client order ids.
    `high_water` is, by strategy, the epoch and sequence of the last protective order.
    """

    orders: dict[str, Order] = msgspec.field(default_factory=dict)
    plans: dict[str, dict[str, ProtectionPlan]] = msgspec.field(default_factory=dict)
    exits: dict[str, ExitBegun] = msgspec.field(default_factory=dict)
    high_water: dict[int, tuple[int, int]] = msgspec.field(default_factory=dict)


class LedgerState(msgspec.Struct, kw_only=True):
    """Everything the fold holds, in a form that can be stored and read back whole.

    `high_water` is, by strategy, the epoch and sequence of the last signal that had its verdict,
    and the last attempt that was made for it (0: it was refused). `incomplete_since` is the time
    from which the journal may lack orders, None while it is known to be whole. All that others have
    traded on the account up to `accounted_until`, the venue's time, is a part of the balances;
    `external_trades` are those booked since, each with its time. `parents` are those that are
    worked, by number; of the ended ones the last are kept.
    `live_orders` are those that strategies wished for; the orders of protection are kept beside
    them. While `must_liquidate`, a halt stands that wants all lots of ours sold; `liquidated_at` is
    when they first were, 0 until then. `pauses` are of instruments.

    `fees` are by asset, `fees_paid` all of them in the quote asset, each at its worth when it was
    paid; `unvalued_fees`, by strategy, symbol and asset, have no price yet. `pairs` are base and
    quote asset of each symbol that has positions. `house_changes` is what has moved balances and
    belongs to no strategy: transfers, trades of others, fees in third assets.
    """

    fold_version: int = FOLD_VERSION
    written_at: Nanos = 0
    incomplete_since: Nanos | None = None
    epoch: int = 0
    boot_id: str = ""
    account_id: int = 0
    is_synced: bool = True
    stopped_cleanly: bool = True
    live_orders: dict[str, Order] = msgspec.field(default_factory=dict)
    settled_orders: dict[str, Order] = msgspec.field(default_factory=dict)
    protection: ProtectionState = msgspec.field(default_factory=ProtectionState)
    positions: dict[str, dict[str, Position]] = msgspec.field(default_factory=dict)
    opening_balances: dict[str, Amount] = msgspec.field(default_factory=dict)
    balance_changes: dict[str, Amount] = msgspec.field(default_factory=dict)
    fees: dict[str, Amount] = msgspec.field(default_factory=dict)
    fees_paid: Amount = 0
    pairs: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    house_changes: dict[str, Amount] = msgspec.field(default_factory=dict)
    unvalued_fees: dict[str, dict[str, dict[str, Amount]]] = msgspec.field(default_factory=dict)
    capital: Amount = 0
    accounted_until: Nanos = 0
    external_trades: dict[str, Nanos] = msgspec.field(default_factory=dict)
    external_fills: int = 0
    recent_transfers: dict[str, None] = msgspec.field(default_factory=dict)
    high_water: dict[int, tuple[int, int, int]] = msgspec.field(default_factory=dict)
    last_trade_ids: dict[str, int] = msgspec.field(default_factory=dict)
    halt_reason: str = ""
    halted_strategies: dict[str, str] = msgspec.field(default_factory=dict)
    must_liquidate: bool = False
    liquidated_at: Nanos = 0
    risk: RiskStanding = RiskStanding()
    risk_cause: str = ""
    pauses: dict[str, Pause] = msgspec.field(default_factory=dict)
    orders_prepared: int = 0
    fills_booked: int = 0
    transfers_booked: int = 0
    refusals: dict[str, int] = msgspec.field(default_factory=dict)
    refusals_by_strategy: dict[int, int] = msgspec.field(default_factory=dict)
    peak_equity: Amount = 0
    day: int = 0
    day_opening_equity: Amount = 0
    canary: CanaryRecord | None = None
    parents: dict[int, ParentOrder] = msgspec.field(default_factory=dict)
    ended_parents: dict[int, ParentOrder] = msgspec.field(default_factory=dict)
    parents_opened: int = 0


def encode_state(state: LedgerState) -> bytes:
    """Return a state as it is stored."""
    return msgspec.json.encode(state)


def decode_state(stored: bytes) -> LedgerState | None:
    """Return a stored state, or None if another version of the fold made it."""
    try:
        state = msgspec.json.decode(stored, type=LedgerState)
    except msgspec.MsgspecError:
        return None
    return state if state.fold_version == FOLD_VERSION else None
