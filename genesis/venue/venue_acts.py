"""What the venue does by itself to the harm of its clients: acts of a moment, or for a while. Pure.

An act tells the venue what to do by its `VenueControls`; one that lasts takes it back at its end.
"""

from typing import Annotated, Final, Literal, Protocol, TypeAlias

import msgspec

from genesis.limits import VENUE_FAULT_MS_MAX
from genesis.units import SCALE, Amount, Nanos, fixed_from_text
from genesis.venue.fault_terms import Fault, Milliseconds, Text, nanos
from genesis.venue.listing import PriceRange, SymbolStatus, TradingRules

SocketKind: TypeAlias = Literal["", "api", "streams"]
DecimalText: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,8})?$")]
SignedText: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,8})?$")]
Symbol: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]

_SHUTDOWN_LEAD_MS: Final = 10_000.0


class VenueControls(Protocol):
    """The venue, as acts move it. All times are spans in ns."""

    def step_clock(self, step: Nanos) -> None:
        """Set the venue's clock forward, or back with a negative step."""

    def set_status(self, symbol: str, status: SymbolStatus) -> None:
        """Let a symbol trade, or not."""

    def set_rules(self, symbol: str, rules: TradingRules) -> None:
        """Give a symbol other steps and another minimum."""

    def set_price_range(self, symbol: str, price_range: PriceRange | None) -> None:
        """Limit how far from the reference price takers trade."""

    def delist(self, symbol: str) -> None:
        """Take a symbol off the list; its open orders expire."""

    def hold_snapshot(self, symbol: str, times: int) -> None:
        """Answer the next requests for a book with the book of this moment."""

    def transfer(self, asset: str, amount: Amount) -> None:
        """Move an amount into every account, or out of it as far as it is free."""

    def revoke_key(self, api_key: str) -> None:
        """Make a key unknown; "" is every key."""

    def restore_key(self, api_key: str) -> None:
        """Make a revoked key known again."""

    def ban(self, address: str, span: Nanos) -> None:
        """Refuse an address everything for a while; "" is every address."""

    def lift_ban(self, address: str) -> None:
        """End a ban."""

    def shut_down(self, kind: SocketKind, lead: Nanos) -> None:
        """Announce an end to the open connections of a kind, and close them after `lead`."""

    def terminate_user_streams(self) -> None:
        """End every user data subscription."""


class Act(Fault, frozen=True, kw_only=True):
    """A fault that waits for nothing: it happens when it begins."""

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        raise NotImplementedError


class LastingAct(Act, frozen=True, kw_only=True):
    """An act that is taken back after `for_ms`, or when it is cleared."""

    for_ms: Milliseconds = 0.0

    def __post_init__(self) -> None:
        if self.every_ms and not self.for_ms:
            raise ValueError("what happens again must end in between: say for_ms beside every_ms")

    def end(self, venue: VenueControls) -> None:
        """Take it back."""
        raise NotImplementedError


class ClockStepped(Act, frozen=True, kw_only=True):
    """The venue's clock jumps: by that much requests are too old, or from its future (-1021)."""

    step_ms: Annotated[int, msgspec.Meta(ge=-VENUE_FAULT_MS_MAX, le=VENUE_FAULT_MS_MAX)]

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        venue.step_clock(nanos(self.step_ms))


class SymbolHalted(LastingAct, frozen=True, kw_only=True):
    """A symbol does not trade: no new orders, no trades; cancels with CANCEL_ONLY alone."""

    symbol: Symbol
    status: Literal["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY"] = "HALT"

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        venue.set_status(self.symbol, SymbolStatus(self.status))

    def end(self, venue: VenueControls) -> None:
        """Take it back."""
        venue.set_status(self.symbol, SymbolStatus.TRADING)


class SymbolDelisted(Act, frozen=True, kw_only=True):
    """A symbol is gone from the list, and its open orders expire."""

    symbol: Symbol

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        venue.delist(self.symbol)


class RulesChanged(Act, frozen=True, kw_only=True):
    """A symbol gets other rules: orders made by the old ones are refused -1013."""

    symbol: Symbol
    tick_size: DecimalText
    step_size: DecimalText
    min_notional: DecimalText

    def __post_init__(self) -> None:
        tick, step = fixed_from_text(self.tick_size), fixed_from_text(self.step_size)
        if tick * step == 0 or tick * step % SCALE:
            raise ValueError(
                f"tick_size {self.tick_size} times step_size {self.step_size} must be above 0 and "
                "have no more than 8 decimals: take a larger one"
            )

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        rules = TradingRules(
            fixed_from_text(self.tick_size),
            fixed_from_text(self.step_size),
            fixed_from_text(self.min_notional),
        )
        venue.set_rules(self.symbol, rules)


class PriceRangeSet(LastingAct, frozen=True, kw_only=True):
    """Takers of a symbol trade within these multiples of its average price; their rest expires."""

    symbol: Symbol
    up: DecimalText
    down: DecimalText

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        price_range = PriceRange(fixed_from_text(self.up), fixed_from_text(self.down))
        venue.set_price_range(self.symbol, price_range)

    def end(self, venue: VenueControls) -> None:
        """Take it back."""
        venue.set_price_range(self.symbol, None)


class SnapshotStale(Act, frozen=True, kw_only=True):
    """The next `times` requests for a symbol's book are answered with the book of this moment."""

    symbol: Symbol
    times: Annotated[int, msgspec.Meta(ge=1)] = 1

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        venue.hold_snapshot(self.symbol, self.times)


class FundsMoved(Act, frozen=True, kw_only=True):
    """An amount comes into every account, or goes out of it if it is negative: balanceUpdate."""

    asset: Symbol
    amount: SignedText

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        amount = fixed_from_text(self.amount.removeprefix("-"))
        venue.transfer(self.asset, -amount if self.amount.startswith("-") else amount)


class KeyRevoked(LastingAct, frozen=True, kw_only=True):
    """A key dies, or every key: sessions get the 401 frame and lose their logon (-2015)."""

    api_key: Text = ""

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        venue.revoke_key(self.api_key)

    def end(self, venue: VenueControls) -> None:
        """Take it back."""
        venue.restore_key(self.api_key)


class AddressBanned(LastingAct, frozen=True, kw_only=True):
    """An address, or every one, is banned: 418 to all requests and to new connections.

    Connections that are open stay so, with their streams.
    """

    address: Text = ""
    for_ms: Annotated[float, msgspec.Meta(gt=0, le=VENUE_FAULT_MS_MAX)]

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        venue.ban(self.address, nanos(self.for_ms))

    def end(self, venue: VenueControls) -> None:
        """Take it back."""
        venue.lift_ban(self.address)


class ServerShutdown(Act, frozen=True, kw_only=True):
    """Open connections are told serverShutdown, and closed after `lead_ms`."""

    kind: SocketKind = ""
    lead_ms: Milliseconds = _SHUTDOWN_LEAD_MS

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        venue.shut_down(self.kind, nanos(self.lead_ms))


class UserStreamsTerminated(Act, frozen=True, kw_only=True):
    """Every user data subscription ends, with an eventStreamTerminated; connections stay."""

    def strike(self, venue: VenueControls) -> None:
        """Happen."""
        venue.terminate_user_streams()
