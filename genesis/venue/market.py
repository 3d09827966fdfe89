"""The port between the exchange and the market that surrounds its clients."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from genesis.units import Nanos, Price
from genesis.venue.depth_feed import DepthSnapshot
from genesis.venue.klines import KlineDesk
from genesis.venue.listing import Listing
from genesis.venue.matching import Execution, InstrumentBook
from genesis.venue.stream_payloads import StreamMessage

Audience: TypeAlias = Collection[str]
"""The streams somebody listens to; others are not formatted."""


class Market(Protocol):
    """The public: it moves the books, prints trades and speaks on the streams."""

    @property
    def listings(self) -> Mapping[str, Listing]:
        """The listed symbols, in listing order."""

    @property
    def klines(self) -> KlineDesk:
        """What the public traded so far."""

    @property
    def next_at(self) -> Nanos | None:
        """When the public acts next; a time past means at once, None never again."""

    def book(self, symbol: str) -> InstrumentBook:
        """Return the matching book of a listed symbol."""

    def step(self, now: Nanos) -> list[tuple[str, Execution]]:
        """Carry out the one act that is due; return what clients' resting orders traded by it."""

    def number_trades(self, symbol: str, executions: Sequence[Execution], now: Nanos) -> None:
        """Give a client's trades their ids, and show them to the public where it can see them."""

    def publish(self, symbol: str, now: Nanos) -> None:
        """Show what a client's action changed in the book, where the public can see it."""

    def halt(self, symbol: str, *, is_halted: bool) -> None:
        """Let nobody trade a symbol and say nothing of it on the streams, or end that."""

    def shift(self, step: Nanos) -> None:
        """Move along with the venue's clock, which was set forward or back."""

    def depth(self, symbol: str, limit: int) -> DepthSnapshot:
        """Return a snapshot of the public book."""

    def reference_price(self, symbol: str, now: Nanos) -> Price:
        """Return the average price that filters compare with, 0 if nothing traded yet."""

    def marks(self) -> list[tuple[str, Price]]:
        """Return the last price of each symbol that has one."""

    def take_messages(self) -> list[StreamMessage]:
        """Return the stream messages since the last call, in order."""
