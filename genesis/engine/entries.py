"""The facts the journal keeps: everything the executor must know again after a crash.

State is a fold over these entries, in order, and nothing else: the live path and recovery apply the
same entries through the same code (`engine/ledger.py`). An entry is durable before anything that
depends on it leaves the process. Entries are never changed; a field added later has a default.
They hold no cycles, so the collector need not look at the millions that a start may read.
"""

from typing import Final, TypeAlias

import msgspec

from genesis.domain.orders import Fill, OrderIntent, OrderState, Refusal, Side
from genesis.engine.risk_state import Pause, RiskStanding
from genesis.engine.slicing.schedule import SlicePlan
from genesis.units import Amount, Nanos, Price, Quantity


class SignalId(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The name of a signal for ever; ordered by epoch, then sequence, within one strategy."""

    strategy_number: int
    epoch: int
    sequence: int


class EpochStarted(msgspec.Struct, frozen=True, gc=False, tag="epoch"):
    """An executor began to write. `boot_id` tells whether the machine itself had restarted.

    `is_synced`: every entry of this epoch is on the disk before anything that depends on it leaves
    the process (durability `full`), so not even a power cut takes one away.
    """

    epoch: int
    boot_id: str
    at: Nanos
    is_synced: bool = True


class AccountBound(msgspec.Struct, frozen=True, gc=False, tag="account"):
    """These are the books of the account that the venue calls by this number, and of no other."""

    account_id: int
    at: Nanos


class EntriesMissed(msgspec.Struct, frozen=True, gc=False, tag="missed"):
    """The journal may lack orders of ours made since `since`; the venue has them."""

    since: Nanos
    at: Nanos


class EntriesCompleted(msgspec.Struct, frozen=True, gc=False, tag="completed"):
    """What the journal lacked has been taken in from the venue."""

    at: Nanos


class BalanceOpened(msgspec.Struct, frozen=True, gc=False, tag="opened"):
    """What the account held of an asset when Genesis first saw it.

    `balances_at` is the venue's time of the last change that is a part of it.
    """

    asset: str
    amount: Amount
    at: Nanos
    balances_at: Nanos = 0


class TransferBooked(msgspec.Struct, frozen=True, gc=False, tag="transfer"):
    """A deposit (positive) or withdrawal; moves the balance and is not PnL.

    `cleared_at` is the venue's time of it; 0 where a person accepted a difference of balances that
    the venue had not announced. Then `balances_at` is the venue's time of the last change that is a
    part of those balances.
    """

    asset: str
    amount: Amount
    at: Nanos
    cleared_at: Nanos = 0
    balances_at: Nanos = 0


class SignalRefused(msgspec.Struct, frozen=True, gc=False, tag="refused"):
    """Our own final no to a signal."""

    signal: SignalId
    symbol: str
    refusal: Refusal
    at: Nanos


class OrderPrepared(msgspec.Struct, frozen=True, gc=False, tag="prepared"):
    """An approved order, durable before its first byte is sent.

    `timestamp_ms` is the venue time signed into the request and `receive_window_ms` how long the
    venue may take it: after their sum, on the venue's clock, nothing new of it can enter the book.
    `attempt` counts orders made for one signal; each is a new intent with a new client order id.
    `signal_at` is when the market event behind the signal left the socket. The assets are written
    down because a later run may trade other instruments, and still has to fold this order's fills;
    so is the step in which lots may be sold (0: not known).

    `leg` is which part of a position's protection the order is (`domain/order_ids.py`), 0 for one
    that a strategy wished for; then `signal` is a name that the executor gave, in its own epoch.
    `order_list` is the list that the leg belongs to, empty for a stop alone.
    """

    signal: SignalId
    attempt: int
    intent: OrderIntent
    base_asset: str
    quote_asset: str
    timestamp_ms: int
    receive_window_ms: int
    signal_at: Nanos
    at: Nanos
    leg: int = 0
    order_list: str = ""
    step_size: Quantity = 0


class ExitBegun(msgspec.Struct, frozen=True, gc=False, tag="exit_begun"):
    """An exit was approved, and waits until the position's protection has let go of the lots.

    It ends with the order of its name, or with an `ExitDropped`. Nothing of it was sent before.
    """

    signal: SignalId
    attempt: int
    intent: OrderIntent
    signal_at: Nanos
    at: Nanos


class ExitDropped(msgspec.Struct, frozen=True, gc=False, tag="exit_dropped"):
    """An exit that waited will not be sent: the position stays, and is protected again."""

    client_order_id: str
    reason: str
    at: Nanos


class OrderMoved(msgspec.Struct, frozen=True, gc=False, tag="moved"):
    """An order changed its state. `filled_quantity` is the venue's cumulative figure."""

    client_order_id: str
    state: OrderState
    venue_order_id: int
    filled_quantity: Quantity
    reason: str
    at: Nanos


class FillBooked(msgspec.Struct, frozen=True, gc=False, tag="fill", omit_defaults=True):
    """One execution, booked once: `(symbol, trade_id)` is unique in the journal.

    `fee_value` is what a fee in a third asset was worth in the quote asset when it was booked, by
    the market's quote; None if there was none, and for a fee in the base or the quote asset.
    """

    fill: Fill
    at: Nanos
    fee_value: Amount | None = None


class FeesValued(msgspec.Struct, frozen=True, gc=False, tag="fees_valued"):
    """Fees in a third asset that had no price when they were paid, at the first one there was."""

    strategy_id: str
    symbol: str
    asset: str
    amount: Amount
    value: Amount
    at: Nanos


class CapitalAllotted(msgspec.Struct, frozen=True, gc=False, tag="capital"):
    """So much of the quote asset Genesis trades with from now on.

    More or less of it is no profit and no loss: the peak and the day's opening move with it.
    """

    capital: Amount
    at: Nanos


class ExternalFillBooked(msgspec.Struct, frozen=True, gc=False, tag="external"):
    """One execution of an order of the account that is not ours: it moves balances, nothing else.

    `fill.client_order_id` is whatever its owner chose, or empty.
    """

    fill: Fill
    base_asset: str
    quote_asset: str
    at: Nanos


class BooksAgreed(msgspec.Struct, frozen=True, gc=False, tag="agreed"):
    """Our balances equaled the venue's, with everything in them up to `balances_at`, its time."""

    balances_at: Nanos
    at: Nanos


class EquityMarked(msgspec.Struct, frozen=True, gc=False, tag="equity"):
    """Equity at a moment, with what the loss limits need to survive a restart.

    `day` counts days since 1970, UTC; `day_opening_equity` is the first mark of that day.
    """

    equity: Amount
    peak_equity: Amount
    day: int
    day_opening_equity: Amount
    at: Nanos


class TradingHalted(msgspec.Struct, frozen=True, gc=False, tag="halted"):
    """Entries are stopped until a person resumes; for one strategy, or for all when it is None.

    `must_liquidate`: what is held has to be sold, too.
    """

    reason: str
    strategy_id: str | None
    at: Nanos
    must_liquidate: bool = False


class LiquidationEnded(msgspec.Struct, frozen=True, gc=False, tag="liquidated"):
    """Nothing of ours works at the venue any more, and nothing is held that it would take.

    `dust` is what is left and too little for it: strategy, symbol, quantity. What surfaces later is
    sold as well, for as long as the halt stands.
    """

    dust: tuple[tuple[str, str, Quantity], ...]
    at: Nanos


class TradingResumed(msgspec.Struct, frozen=True, gc=False, tag="resumed"):
    """A person lifted every halt. A canary that has not passed begins anew."""

    at: Nanos


class RiskMoved(msgspec.Struct, frozen=True, gc=False, tag="risk"):
    """Losses, or that they were made good, have changed how much may be risked."""

    standing: RiskStanding
    cause: str
    at: Nanos


class EntriesPaused(msgspec.Struct, frozen=True, gc=False, tag="paused"):
    """An instrument is not bought for a while, because of what its market did."""

    symbol: str
    pause: Pause
    at: Nanos


class CanaryBegun(msgspec.Struct, frozen=True, gc=False, tag="canary_begun"):
    """A program (a version of Genesis) began its canary on this account, from nothing."""

    program: str
    at: Nanos


class OrderTested(msgspec.Struct, frozen=True, gc=False, tag="tested"):
    """The venue would take an order of this symbol: it was asked, and none was placed."""

    symbol: str
    at: Nanos


class CanaryServed(msgspec.Struct, frozen=True, gc=False, tag="canary_served"):
    """So much of the canary's time, in all, is confirmed by comparisons with the venue."""

    served: Nanos
    at: Nanos


class CanaryPassed(msgspec.Struct, frozen=True, gc=False, tag="canary_passed"):
    """The canary's time is over, and not once were the books unequal."""

    at: Nanos


class ParentOpened(msgspec.Struct, frozen=True, gc=False, tag="parent"):
    """A parent order was approved whole, and is worked by children from now on.

    `number` counts the account's parents from 1. Its children name it in their own names
    (`domain/child_names.py`), so that a child's `OrderPrepared` is the link. `signal` is the wish
    behind it, which has had its verdict by this; None where a person asked for it.
    """

    number: int
    strategy_number: int
    strategy_id: str
    symbol: str
    side: Side
    quantity: Quantity
    plan: SlicePlan
    arrival_price: Price
    price_cap: Price
    at: Nanos
    signal: SignalId | None = None
    stop_price: Price = 0
    target_price: Price = 0


class ParentEnded(msgspec.Struct, frozen=True, gc=False, tag="parent_end"):
    """A parent places no more children; what those that live still fill counts as its own."""

    number: int
    reason: str
    at: Nanos


class StoppedCleanly(msgspec.Struct, frozen=True, gc=False, tag="stopped"):
    """The executor ended in order, with everything it knew in the journal."""

    at: Nanos


Entry: TypeAlias = (
    EpochStarted
    | AccountBound
    | EntriesMissed
    | EntriesCompleted
    | BalanceOpened
    | TransferBooked
    | SignalRefused
    | OrderPrepared
    | ExitBegun
    | ExitDropped
    | OrderMoved
    | FillBooked
    | FeesValued
    | CapitalAllotted
    | ExternalFillBooked
    | BooksAgreed
    | EquityMarked
    | TradingHalted
    | TradingResumed
    | LiquidationEnded
    | RiskMoved
    | EntriesPaused
    | CanaryBegun
    | OrderTested
    | CanaryServed
    | CanaryPassed
    | StoppedCleanly
    | ParentOpened
    | ParentEnded
)


MILESTONES: Final = (
    EpochStarted,
    AccountBound,
    EntriesMissed,
    EntriesCompleted,
    BalanceOpened,
    TransferBooked,
    CapitalAllotted,
    TradingHalted,
    TradingResumed,
    LiquidationEnded,
    RiskMoved,
    CanaryBegun,
    CanaryPassed,
    StoppedCleanly,
    ParentOpened,
    ParentEnded,
)
"""Entries that the venue could not give back, or that people count on. All of them are rare.

They reach the disk before anything follows them, whatever durability the journal has.
"""


def unique_key(entry: Entry) -> str | None:
    """Return what the journal must hold at most once for entries of this kind, or None.

    A client order id is prepared once, a venue trade is booked once, ours or not, an asset is
    opened once, an epoch starts once, a transfer clears once, a parent is opened once: the database
    itself refuses the second.
    """
    key = None
    match entry:
        case OrderPrepared(intent=intent):
            key = f"order:{intent.client_order_id}"
        case FillBooked(fill=fill):
            key = f"fill:{fill.symbol}:{fill.trade_id}"
        case ExternalFillBooked(fill=fill):
            key = f"external:{external_name(fill)}"
        case BalanceOpened(asset=asset):
            key = f"asset:{asset}"
        case EpochStarted(epoch=epoch):
            key = f"epoch:{epoch}"
        case ParentOpened(number=number):
            key = f"parent:{number}"
        case TransferBooked(cleared_at=cleared_at) if cleared_at:
            key = f"transfer:{transfer_name(entry)}"
    return key


def transfer_name(transfer: TransferBooked) -> str:
    """Return what tells one transfer that the venue announced from all others."""
    return f"{transfer.asset}:{transfer.amount}:{transfer.cleared_at}"


def external_name(fill: Fill) -> str:
    """Return what tells one side of a trade from all others: who trades with himself has two."""
    return f"{fill.symbol}:{fill.trade_id}:{fill.venue_order_id}"
