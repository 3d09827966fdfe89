"""What a parent and a child say to each other, and how it is written: pure.

Messages are small, typed and rare. Nothing of the market or of an order travels here; a message
that is lost with its process is never missed, since the store and the status board hold the
truth.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from genesis.errors import LinkError, UsageError
from genesis.limits import (
    ACCOUNT_DIFFERENCES_MAX,
    ACCOUNT_POSITIONS_MAX,
    ACCOUNT_REFUSED_MAX,
    ACCOUNT_SUSPENDED_MAX,
    CONTROL_MESSAGE_BYTES_MAX,
    EXTERNAL_SHOWN_MAX,
    EXTERNAL_SYMBOLS_SHOWN_MAX,
    FAILURE_MESSAGE_CHARS_MAX,
    LIQUIDATION_SHOWN_MAX,
    PARENTS_SHOWN_MAX,
    PAUSES_SHOWN_MAX,
    RESULTS_ASSETS_MAX,
    RESULTS_STRATEGIES_MAX,
)
from genesis.status import (
    CanarySummary,
    ExternalSummary,
    LiquidationSummary,
    ParentSummary,
    ProtectionSummary,
    RecordsSummary,
    ResultsSummary,
    RiskSummary,
)

StopPolicy: TypeAlias = Literal["hold", "cancel", "flatten"]
"""What becomes of positions: protection stays; it is canceled, too; everything is sold."""


def stop_policy(words: Mapping[str, str]) -> StopPolicy:
    """Return what an operator wants of a stop.

    Raises:
        UsageError: There is no such policy.
    """
    match words.get("policy", "hold"):
        case "hold" | "cancel" | "flatten" as policy:
            return policy
        case other:
            raise UsageError(f"no policy of a stop: {other!r}; hold, cancel or flatten")


class Drain(msgspec.Struct, frozen=True, tag=True):
    """Take nothing new in, finish what is under way, then answer `Drained`."""

    policy: StopPolicy = "hold"


class Stop(msgspec.Struct, frozen=True, tag=True):
    """End in good order: answer `Stopped` and exit 0. No `Drain` need have come before."""


class Checkpoint(msgspec.Struct, frozen=True, tag=True):
    """Write down the state that a successor resumes from."""


class PauseStrategy(msgspec.Struct, frozen=True, tag=True):
    """Stop calling one strategy; its shard-mates run on."""

    strategy_id: str


class Instruct(msgspec.Struct, frozen=True, tag=True):
    """Carry out an operator's command, and answer `Instructed` under the same number."""

    number: int
    command: str
    words: dict[str, str] = {}


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The child works. `detail` is what others must know of it, such as the venue's port."""

    detail: dict[str, str | int] = {}


class Drained(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Drain`: nothing is under way any more."""


class Stopped(msgspec.Struct, frozen=True, tag=True):
    """The last word of a child that ends in good order; `summary` is its own count of its life."""

    summary: dict[str, str | int] = {}


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The last word of a child that cannot go on: one line for the operator, and its exit code."""

    exit_code: int
    message: str


class Trouble(msgspec.Struct, frozen=True, tag=True):
    """What a child that works cannot do now, as reach the venue, and why; "" when that is over.

    It stands until the next such message, or the child's end.
    """

    reason: str


class Instructed(msgspec.Struct, frozen=True, tag=True):
    """What became of an operator's command: its result, or in `error` why it was not obeyed."""

    number: int
    result: dict[str, str | int] = {}
    error: str = ""


class PositionSummary(msgspec.Struct, frozen=True, array_like=True):
    """What one strategy holds of one instrument. Amounts are decimal text in the quote asset."""

    strategy_id: str
    symbol: str
    quantity: str
    average_entry_price: str
    realized: str
    unrealized: str


class AccountSummary(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The executor's view of the account, sent every second and once more before it stops.

    Amounts are decimal text in the quote asset. `orders` and `fills` count over the life of the
    store's account; `refusals` counts by rule, `refusals_by_strategy` for those that are refused
    most. `ledger_equal` is None until the first comparison of our balances with the venue's, and
    `ledger_differences` names each asset that differed in the last one. Positions are the largest
    `ACCOUNT_POSITIONS_MAX` at most. `fees` are at what they were worth when they were paid, and
    `results` how well the capital does. `suspended` are symbols that take no new orders, each with
    its status. `external` is what others do on the account. `halt_reason` is why no
    position may be opened, empty if one may; `must_liquidate` that what is held has to be sold,
    `liquidation` how far that is. `parents` are those that are worked and the last that ended.
    `protection` is how positions stand at the venue.
    """

    equity: str
    realized_pnl: str
    unrealized_pnl: str
    fees: str
    results: ResultsSummary = ResultsSummary()
    open_orders: int
    in_doubt: int
    fills: int
    orders: int
    refusals: dict[str, int] = {}
    refusals_by_strategy: dict[str, int] = {}
    positions: tuple[PositionSummary, ...] = ()
    ledger_equal: bool | None = None
    ledger_differences: tuple[str, ...] = ()
    suspended: dict[str, str] = {}
    external: ExternalSummary = ExternalSummary()
    halt_reason: str = ""
    must_liquidate: bool = False
    liquidation: LiquidationSummary | None = None
    risk: RiskSummary = RiskSummary()
    canary: CanarySummary | None = None
    parents: tuple[ParentSummary, ...] = ()
    protection: ProtectionSummary = ProtectionSummary()

    def __post_init__(self) -> None:
        assert len(self.positions) <= ACCOUNT_POSITIONS_MAX, "a summary fits one message"
        assert len(self.ledger_differences) <= ACCOUNT_DIFFERENCES_MAX
        assert len(self.refusals_by_strategy) <= ACCOUNT_REFUSED_MAX
        assert len(self.suspended) <= ACCOUNT_SUSPENDED_MAX
        assert len(self.risk.pauses) <= PAUSES_SHOWN_MAX
        assert len(self.external.symbols) <= EXTERNAL_SYMBOLS_SHOWN_MAX
        assert len(self.external.last_orders) <= EXTERNAL_SHOWN_MAX
        left = () if self.liquidation is None else self.liquidation.left
        assert len(left) <= LIQUIDATION_SHOWN_MAX
        assert len(self.parents) <= PARENTS_SHOWN_MAX
        assert len(self.results.best) <= RESULTS_STRATEGIES_MAX
        assert len(self.results.worst) <= RESULTS_STRATEGIES_MAX
        assert len(self.results.house) <= RESULTS_ASSETS_MAX
        assert len(self.results.unvalued_fees) <= RESULTS_ASSETS_MAX


class RecordsTold(msgspec.Struct, frozen=True, tag=True):
    """How the records stand, from the recorder every second."""

    summary: RecordsSummary


ToChild: TypeAlias = Drain | Stop | Checkpoint | PauseStrategy | Instruct
ToParent: TypeAlias = (
    Ready | Drained | Stopped | Failed | Trouble | AccountSummary | RecordsTold | Instructed
)

_ENCODER: Final = msgspec.json.Encoder()
_TO_CHILD: Final[msgspec.json.Decoder[ToChild]] = msgspec.json.Decoder(ToChild)
_TO_PARENT: Final[msgspec.json.Decoder[ToParent]] = msgspec.json.Decoder(ToParent)


def encode(message: ToChild | ToParent) -> bytes:
    """Return one message as one datagram."""
    datagram = _ENCODER.encode(message)
    assert len(datagram) <= CONTROL_MESSAGE_BYTES_MAX, "a control message is small"
    return datagram


def decode_to_child(datagram: bytes) -> ToChild:
    """Read what the parent said.

    Raises:
        LinkError: The datagram is no message of this program's version.
    """
    try:
        return _TO_CHILD.decode(datagram)
    except msgspec.MsgspecError as error:
        raise LinkError(f"the parent sent an unreadable control message: {error}") from error


def decode_to_parent(datagram: bytes) -> ToParent:
    """Read what a child said.

    Raises:
        LinkError: The datagram is no message of this program's version.
    """
    try:
        return _TO_PARENT.decode(datagram)
    except msgspec.MsgspecError as error:
        raise LinkError(f"a child sent an unreadable control message: {error}") from error


def failed(exit_code: int, reason: str) -> Failed:
    """Make the last word of a failing child, cut to what fits a line."""
    return Failed(exit_code, reason[:FAILURE_MESSAGE_CHARS_MAX])
